"""The ways in which one node can take one input: by chance, by crashing, and by what a disk keeps.

What taking an input means is defined in `headrace.exploring.plain`; here it is done for a node
alone, since what a node does depends on nothing else, and each way is followed by itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from headrace.engine.copying import copy_state
from headrace.engine.effects import (
    Cancel,
    Effect,
    Persist,
    Postpone,
    Reply,
    Request,
    Send,
    Timer,
)
from headrace.errors import EffectError
from headrace.system.durable import Durable
from headrace.system.node import Input, Node, take

NEW, UP, DOWN = range(3)  # as in headrace.engine.transitions
TAKES_MAX = 1000  # in one step, as in plain


class Given(NamedTuple):
    """An input of a node or client: `kind` as of `Input`, or "crash"."""

    kind: str
    to: int
    source: int
    number: int
    payload: Any


class Local(NamedTuple):
    """All that belongs to one node or client: what it is, and what it holds."""

    status: int
    state: Any = None
    timers: tuple[Any, ...] = ()
    postponed: tuple[Given, ...] = ()
    safe: tuple[tuple[str, Any], ...] = ()  # on its disk, by key, in order
    damaged: frozenset[str] = frozenset()
    written: tuple[tuple[str, Any], ...] = ()  # and not safe yet


@dataclass
class Way:
    """One way that it can go, so far."""

    local: Local
    sent: list[Given] = field(default_factory=list)
    taken: list[tuple[Input, tuple[Effect, ...]]] = field(default_factory=list)
    has_crashed: bool = False
    error: Exception | None = None
    mode: Any = None
    again: tuple[Given, ...] = ()  # postponed inputs that come again

    @property
    def is_over(self) -> bool:
        """Whether the node takes nothing more in this step."""
        return self.has_crashed or self.error is not None


class Endpoint:
    """A node or a client of a system."""

    def __init__(
        self,
        node: Node,
        name: str,
        names: tuple[str, ...],
        node_count: int,
        chances: tuple[float, ...],
        can_crash: bool,
    ) -> None:
        self.node = node
        self.name = name
        self.names = names
        self.node_names = names[:node_count]
        self.index = names.index(name)
        self.chances = chances
        self.can_crash = can_crash

    def ways(self, local: Local, given: Given) -> Iterator[Way]:
        """All ways in which this input can be taken in this local state."""
        if given.kind == "crash":
            for after in crashed(local):
                yield Way(after)
            return
        way = Way(local)
        if given.kind in ("start", "restart"):
            way.local = local._replace(status=UP, state=self.node.initial())
        elif given.kind == "timer":
            left = tuple(name for name in local.timers if name != given.payload)
            way.local = local._replace(timers=left)
        way.mode = self._mode(way.local)
        unfinished = [(each, 1) for each in self._take(way, given)]
        while unfinished:
            way, count = unfinished.pop()
            following = None if way.is_over else self._next(way)
            if following is None:
                yield way
            elif count > TAKES_MAX:
                way.error = EffectError(
                    f"node {self.name!r}: what it postpones, it postpones again each time, and its "
                    f"mode is another one each time: {count:,} inputs in one step"
                )
                yield way
            else:
                unfinished += [(each, count + 1) for each in self._take(way, following)]

    def _next(self, way: Way) -> Given | None:
        """The postponed input that comes next, if any: when the mode has changed, all come."""
        now = self._mode(way.local)
        if now != way.mode:
            way.mode = now
            way.again = way.local.postponed + way.again
            way.local = way.local._replace(postponed=())
        if not way.again:
            return None
        following, way.again = way.again[0], way.again[1:]
        return following

    def _mode(self, local: Local) -> Any:
        return self.node.mode(local.state) if self.node.mode is not None else None

    def _take(self, way: Way, given: Given) -> list[Way]:
        """The ways on from here, one for each chance, and for each crash on the way."""
        try:
            chances = self.chances if self._asks_chance(way.local, given) else (0.0,)
        except Exception as error:
            return [replace(way, error=error)]
        found = []
        for chance in chances:
            # The handler may change what it is given in place.
            other = replace(way, sent=list(way.sent), taken=list(way.taken))
            other.local = way.local._replace(state=copy_state(way.local.state))
            found += self._take_with(other, given, chance)
        return found

    def _take_with(self, way: Way, given: Given, chance: float) -> list[Way]:
        local = way.local
        safe = {key: copy_state(value) for key, value in local.safe}
        taken = Input(
            kind=given.kind,
            payload=given.payload,
            source=self.names[given.source],
            number=given.number,
            chance=chance,
            durable=Durable(safe, local.damaged) if "start" in given.kind else {},
        )
        found: list[Way] = []
        effects: tuple[Effect, ...] = ()
        try:
            state, effects = take(self.node, self.name, self.node_names, local.state, taken)
            way.taken.append((taken, effects))
            way.local = local._replace(state=state)
            if any(type(effect) is Postpone for effect in effects):
                way.local = way.local._replace(postponed=(*local.postponed, given))
            self._carry_out(way, effects, found)
        except Exception as error:
            way.error = error
            if not effects:
                way.taken.append((taken, ()))
        return [*found, way]

    def _asks_chance(self, local: Local, given: Given) -> bool:
        key = given.payload if given.kind == "timer" else type(given.payload)
        handler = self.node.table.find(self._mode(local), given.kind, key)
        return handler is not None and "chance" in handler.parameters

    # -- effects ---------------------------------------------------------------------------------

    def _carry_out(self, way: Way, effects: tuple[Effect, ...], found: list[Way]) -> None:
        """What the effects do; ways in which the node crashes on the way are put into `found`."""
        timers = dict.fromkeys(way.local.timers)
        at = 0
        while at < len(effects):
            effect = effects[at]
            at += 1
            if isinstance(effect, Persist):
                behind = list(
                    itertools.takewhile(lambda each: isinstance(each, Persist), effects[at:])
                )
                at += len(behind)
                self._persist(way, [effect, *behind], found)
            elif isinstance(effect, Timer):
                timers[effect.name] = None
            elif isinstance(effect, Cancel):
                timers.pop(effect.name, None)
            else:
                way.sent.extend(self._messages(effect))
        way.local = way.local._replace(timers=tuple(timers))

    def _persist(self, way: Way, writes: list[Any], found: list[Way]) -> None:
        written = [(each.key, copy_state(each.value)) for each in writes]
        way.local = way.local._replace(written=(*way.local.written, *written))
        if not any(each.sync for each in writes):
            return
        if self.can_crash:
            for after in crashed(way.local):
                found.append(
                    replace(
                        way,
                        local=after,
                        sent=list(way.sent),
                        taken=list(way.taken),
                        has_crashed=True,
                    )
                )
        way.local = synced(way.local)

    def _messages(self, effect: Effect) -> Iterator[Given]:
        if isinstance(effect, Send):
            for to in effect.to if type(effect.to) is tuple else (effect.to,):
                yield Given("message", self._find(to), self.index, 0, effect.message)
        elif isinstance(effect, Reply):
            caller = effect.caller
            to = self._find(caller.client)
            yield Given("reply", to, self.index, caller.number, effect.reply)
        elif isinstance(effect, Request):
            to = self._find(effect.to)
            yield Given("request", to, self.index, effect.number, effect.request)

    def _find(self, name: Any) -> int:
        if name not in self.names:
            raise EffectError(
                f"node {self.name!r} sends to {name!r}, which is not there; there are "
                f"{', '.join(self.names)}"
            )
        return self.names.index(name)


def synced(local: Local) -> Local:
    """All that was written is safe."""
    safe, damaged = dict(local.safe), set(local.damaged)
    for key, value in local.written:
        _land(safe, damaged, key, value)
    return local._replace(safe=_sorted(safe), damaged=frozenset(damaged), written=())


def crashed(local: Local) -> Iterator[Local]:
    """What a crash leaves: of each key, one of the values written last, or none that can be read.

    Of several writes of one key each may be kept or lost, so any of them may be the last.
    """
    fates: dict[str, list[Any]] = {}
    for key, value in local.written:
        fates.setdefault(key, [_LOST, _TORN]).append(value)
    for fate in itertools.product(*fates.values()):
        safe, damaged = dict(local.safe), set(local.damaged)
        for key, value in zip(fates, fate, strict=True):
            if value is _TORN:
                safe.pop(key, None)
                damaged.add(key)
            elif value is not _LOST:
                _land(safe, damaged, key, value)
        yield Local(DOWN, safe=_sorted(safe), damaged=frozenset(damaged))


_LOST, _TORN = object(), object()


def _land(safe: dict[str, Any], damaged: set[str], key: str, value: Any) -> None:
    damaged.discard(key)
    if value is None:
        safe.pop(key, None)
    else:
        safe[key] = value


def _sorted(safe: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(safe.items(), key=lambda pair: pair[0]))
