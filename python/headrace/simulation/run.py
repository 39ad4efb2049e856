"""One run of a simulated system, and what it came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.checking import Operation, linearizable
from headrace.errors import HeadraceError, NodeFailed, SimulationFailed
from headrace.simulation.noting import What
from headrace.simulation.plan import Plan
from headrace.simulation.stage import Stage
from headrace.simulation.world import make_world
from headrace.system import Asked
from headrace.system.client import ClientState
from headrace.system.system import System, View

HISTORY_SECONDS_MAX = 20.0


@dataclass(frozen=True)
class Failure:
    """What went wrong: `kind` is always, eventually, raised, limit or history; `name` says which.

    `kind` and `name` together are what a smaller run must fail with to be the same failure.
    """

    kind: str
    name: str
    message: str
    time_ns: int

    def __str__(self) -> str:
        return f"{self.message} (at {self.time_ns:,} ns)"


@dataclass(frozen=True)
class Run:
    """What a run came to. `failure` is None if all was well; `str()` explains it.

    `digest`: equal for runs that went the same way. `delivered`: messages, requests and replies.
    `end_ns`: the world's time at its end. `counts`: how often each thing happened. `faults`: how
    often each kind of fault began. `reached`: the `sometimes` that were true. `history`: what each
    client was told. `states`: of the nodes that were up at the end. `undecided`: the check of the
    history took too long.
    """

    system: System = field(repr=False)
    plan: Plan = field(repr=False)
    failure: Failure | None
    digest: int
    delivered: int
    end_ns: int
    counts: Counter[str] = field(repr=False)
    faults: Counter[str] = field(repr=False)
    reached: frozenset[str] = frozenset()
    history: Mapping[str, list[Asked]] = field(default_factory=dict, repr=False)
    states: Mapping[str, Any] = field(default_factory=dict, repr=False)
    undecided: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return self.failure is None

    def check(self) -> Run:
        """Itself; raises SimulationFailed, with what is needed to run it again, if it failed."""
        if self.failure is not None:
            raise SimulationFailed(str(self))
        return self

    def __str__(self) -> str:
        if self.failure is None:
            return (
                f"ok: seed {self.plan.seed}, {self.delivered:,} messages delivered in "
                f"{self.end_ns / 1e9:.3f} s of the world's time"
            )
        return f"{self.failure}\n{self.plan}"


def operations(
    states: Mapping[str, Any], commands: Mapping[str, Sequence[Any]]
) -> list[Operation]:
    """What clients saw as a history: with what they were still waiting for, if they were."""
    history = []
    for name, state in states.items():
        if not isinstance(state, ClientState):
            continue
        for asked in state.history:
            history.append(
                Operation(
                    name, asked.call_ns, asked.return_ns, asked.request, asked.reply, asked.status
                )
            )
        if state.asking:
            command = commands[name][state.number - 1]
            history.append(Operation(name, state.call_ns, None, command, None, "info"))
    return history


class _Failed(Exception):
    """A property does not hold."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Runner:
    """Runs a plan once, and looks at it all the while."""

    def __init__(
        self, system: System, plan: Plan, world_of: Callable[..., Any] = make_world
    ) -> None:
        self.system = system
        self.plan = plan
        self.stage = Stage(system, plan, world_of)
        self.world = self.stage.world
        self.view = View({}, {})
        self._states: dict[str, Any] = self.view.states  # type: ignore[assignment]
        self._reached: set[str] = set()
        self._missing = dict(system.sometimes)
        self._faults: Counter[str] = Counter()
        self.stage.began = self._count_fault
        self.stage.changed = self._see_all
        if system.always or system.sometimes:
            self.world.check = self._see

    def run(self) -> Run:
        """The run; its failure is part of it. Raises UsageError for a plan that cannot be."""
        failure = None
        undecided = False
        try:
            self._play()
            undecided = self._check_history()
        except _Failed as failed:
            failure = failed.failure
        except NodeFailed as error:
            name = f"{error.node}: {type(error.__cause__).__name__}"
            failure = Failure("raised", name, str(error), self.world.now_ns)
        self._see_states()
        return Run(
            system=self.system,
            plan=self.plan,
            failure=failure,
            digest=self.world.digest,
            delivered=self.world.delivered,
            end_ns=self.world.now_ns,
            counts=Counter(
                {What(at).name: count for at, count in enumerate(self.world.counts) if count}
            ),
            faults=self._faults,
            reached=frozenset(self._reached),
            history=dict(self.view.history),
            states=dict(self._states),
            undecided=undecided,
        )

    def _play(self) -> None:
        try:
            going = self.stage.play()
            while going and self.world.now_ns < self.plan.end_ns:
                going = self.stage.slice()
                if self.stage.clients_done and self._holds_eventually():
                    return
        except HeadraceError as error:
            if isinstance(error, NodeFailed):
                raise
            raise _Failed(
                Failure("raised", type(error).__name__, str(error), self.world.now_ns)
            ) from error
        if not going:
            raise _Failed(
                Failure(
                    "limit",
                    "inputs",
                    f"the nodes took {self.world.taken:,} inputs, and the plan allows no more",
                    self.world.now_ns,
                )
            )
        self._fail_eventually()

    # -- properties ------------------------------------------------------------------------------

    def _see(self, index: int) -> None:
        """A node has taken an input: does everything hold?"""
        if index < len(self.system.nodes):
            if self.world.is_up(index):
                self._states[self.world.names[index]] = self.world.state(index)
            else:  # it wrote to a disk that was full
                self._states.pop(self.world.names[index], None)
        self._see_view()

    def _see_all(self) -> None:
        self._see_states()
        if self.system.always or self._missing:
            self._see_view()

    def _see_states(self) -> None:
        self._states.clear()
        for index, name in enumerate(self.system.nodes):
            if self.world.is_up(index):
                self._states[name] = self.world.state(index)
        first = len(self.system.nodes)
        self.view.history = {
            name: state.history
            for at, name in enumerate(self.system.clients)
            if isinstance(state := self.world.state(first + at), ClientState)
        }

    def _see_view(self) -> None:
        self.view.now_ns = self.world.now_ns
        for name, holds in self.system.always.items():
            if not holds(self.view):
                raise _Failed(
                    Failure("always", name, f"always: {name} does not hold", self.world.now_ns)
                )
        if self._missing:
            for name in [name for name, holds in self._missing.items() if holds(self.view)]:
                self._reached.add(name)
                del self._missing[name]

    def _holds_eventually(self) -> bool:
        self._see_states()
        self.view.now_ns = self.world.now_ns
        return all(holds(self.view) for holds in self.system.eventually.values())

    def _fail_eventually(self) -> None:
        self._see_states()
        for name, holds in self.system.eventually.items():
            if not holds(self.view):
                message = f"eventually: {name} does not hold, though all was healed"
                raise _Failed(Failure("eventually", name, message, self.world.now_ns))
        if not self.stage.clients_done:
            message = "eventually: the clients are not done, though all was healed"
            raise _Failed(Failure("eventually", "clients", message, self.world.now_ns))

    def _check_history(self) -> bool:
        """Check what the clients were told against the model; whether that is undecided."""
        if self.system.model is None:
            return False
        self._see_states()
        first = len(self.system.nodes)
        states = {
            name: self.world.state(first + at) for at, name in enumerate(self.system.clients)
        }
        found = linearizable(
            operations(states, self.plan.commands),
            self.system.model,
            self.system.partition,
            time_limit=HISTORY_SECONDS_MAX,
        )
        if found.verdict == "bad":
            message = f"the clients' history cannot be linearised\n{found}"
            raise _Failed(Failure("history", "linearizable", message, self.world.now_ns))
        return found.verdict == "unknown"

    def _count_fault(self, fault: Any, begins: bool) -> None:
        if begins:
            self._faults[fault.kind] += 1
