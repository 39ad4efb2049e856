"""A client: asks one thing after the other, tries again, and remembers what it saw."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from headrace.engine import effects
from headrace.errors import MachineError
from headrace.system import on
from headrace.system.node import Node

MILLISECOND_NS = 1_000_000


class Redirect(msgspec.Struct, frozen=True):
    """A reply: ask node `to` instead; None: another one, which the client chooses."""

    to: str | None = None


class Refused(msgspec.Struct, frozen=True):
    """A reply: the request took no effect, and never will; `reason` says why."""

    reason: str = ""


class Asked(msgspec.Struct, frozen=True):
    """What one request came to. Times are nanoseconds of the client's clock.

    `status`: ok, fail (refused, without effect) or info (nobody answered in time).
    """

    number: int
    call_ns: int
    return_ns: int | None
    request: Any
    reply: Any
    status: str


@dataclass
class ClientState:
    """Where a client is: `number` of the request it waits for, and all that it was told before."""

    number: int = 0
    to: str = ""
    call_ns: int = 0
    history: list[Asked] = field(default_factory=list)

    @property
    def asking(self) -> bool:
        """Whether it waits for a reply."""
        return self.number > len(self.history)


class Client(Node):
    """A client of a system, that makes its `commands` one after the other.

    `commands`: requests, or a function of a `random.Random` that makes them. `to`: whom it asks
    first (None: anyone, by chance). Without an answer in `retry_ns` it asks again with the same
    number, another node (`others=False`: the same one), and gives up after `timeout_ns` in all:
    nobody knows then whether it happened. `retry_ns=None`: it asks once only. `think_ns`: pause
    between two commands.
    """

    name = "client"

    def __init__(
        self,
        commands: Sequence[Any] | Callable[[random.Random], Iterable[Any]],
        *,
        to: str | None = None,
        retry_ns: int | None = 50 * MILLISECOND_NS,
        timeout_ns: int = 1000 * MILLISECOND_NS,
        think_ns: int = 0,
        others: bool = True,
    ) -> None:
        for name, value, least in (
            ("retry_ns", retry_ns, 1),
            ("timeout_ns", timeout_ns, 1),
            ("think_ns", think_ns, 0),
        ):
            if value is not None and (not isinstance(value, int) or value < least):
                raise MachineError(f"client: {name} must be nanoseconds, not {value!r}")
        self._listed: tuple[Any, ...] = () if callable(commands) else tuple(commands)
        self.commands = commands if callable(commands) else self._listed
        self.to = to
        self.retry_ns = retry_ns
        self.timeout_ns = timeout_ns
        self.think_ns = think_ns
        self.others = others
        super().__init__()

    def with_commands(self, commands: Sequence[Any]) -> Client:
        """The same client with other commands."""
        # Every simulated run begins with this; looking for the handlers anew took a quarter of it.
        other = copy.copy(self)
        other._listed = other.commands = tuple(commands)
        other.table = self.table.of(other)
        return other

    def is_done(self, state: ClientState) -> bool:
        """Whether every command has come to something."""
        return len(state.history) >= len(self._listed) and not state.asking

    def initial(self) -> ClientState:
        return ClientState()

    @on.start()
    @on.timer("think")
    def ask(
        self, state: ClientState, now_ns: int, nodes: tuple[str, ...], chance: float
    ) -> tuple[ClientState, Any]:
        """Make the next command, if there is one."""
        if state.number >= len(self._listed):
            return state, None
        state.number += 1
        state.call_ns = now_ns
        state.to = self.to if self.to is not None else _one_of(nodes, chance)
        return state, self._attempt(state, self.timeout_ns)

    @on.timer("retry")
    def retry(
        self, state: ClientState, now_ns: int, nodes: tuple[str, ...], chance: float
    ) -> tuple[ClientState, Any]:
        """Nobody has answered: ask again, or give up."""
        left_ns = state.call_ns + self.timeout_ns - now_ns
        if left_ns <= 0:
            return self._over(state, None, None, "info")
        if self.retry_ns is not None and self.others:
            others = [name for name in nodes if name != state.to] or list(nodes)
            state.to = _one_of(others, chance)
        return state, self._attempt(state, left_ns)

    @on.reply()
    def answered(
        self, state: ClientState, reply: Any, number: int, now_ns: int
    ) -> tuple[ClientState, Any]:
        """The reply, if it is one to what was asked last; others are late."""
        if number != state.number or not state.asking:
            return state, None
        if isinstance(reply, Redirect):
            if reply.to is None:
                return state, None  # the retry finds another one
            state.to = reply.to
            return state, self._request(state)
        status = "fail" if isinstance(reply, Refused) else "ok"
        return self._over(state, now_ns, reply, status)

    def _request(self, state: ClientState) -> Any:
        command = self._listed[state.number - 1]
        return effects.request(state.to, state.number, command)

    def _attempt(self, state: ClientState, left_ns: int) -> list[Any]:
        wait_ns = left_ns if self.retry_ns is None else min(self.retry_ns, left_ns)
        return [self._request(state), effects.timer("retry", wait_ns)]

    def _over(
        self, state: ClientState, now_ns: int | None, reply: Any, status: str
    ) -> tuple[ClientState, Any]:
        command = self._listed[state.number - 1]
        state.history.append(Asked(state.number, state.call_ns, now_ns, command, reply, status))
        return state, [effects.cancel("retry"), effects.timer("think", self.think_ns)]


def _one_of(names: Sequence[str], chance: float) -> str:
    return names[int(chance * len(names))]
