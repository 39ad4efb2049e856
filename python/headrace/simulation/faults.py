"""Faults of a simulated world, each a value: what, whom, and when.

All have `at_ns`, when it begins, and `until_ns`, when it ends (None: at the end of the run's faulty
time, or at once for what has no length). With `every_ns` it comes again and again, as long each
time, until the faulty time is over: on and off, or, for a crash, a crash loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol

from headrace.errors import UsageError
from headrace.simulation.network import Delay, Network


class Stage(Protocol):
    """What faults act on: a world, its network as it is without them, and the nodes' disks."""

    world: Any
    network: Network
    disks: tuple[Any, ...]  # NodeDisk, or FileDisk
    weather: list[Weather]

    def index(self, name: str) -> int:
        """The number of a node or client. Raises UsageError."""

    def keep_down(self, name: str, by: int) -> None:
        """One more reason (1) for a node to be down, or one less (-1); 0: see to it."""

    def keep_paused(self, name: str, by: int) -> None:
        """One more reason for a node to stand still, or one less."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong; see the module for the times."""

    at_ns: int
    until_ns: int | None = None
    every_ns: int | None = None

    def __post_init__(self) -> None:
        if type(self).begin is Fault.begin:
            raise UsageError(f"{self.kind} is no fault by itself; take one of those made of it")
        if self.at_ns < 0 or (self.until_ns is not None and self.until_ns < self.at_ns):
            raise UsageError(f"{self}: it must begin at 0 or later, and end after that")
        if self.every_ns is not None and self.every_ns < max(1, (self.until_ns or 0) - self.at_ns):
            raise UsageError(f"{self}: every_ns must be longer than it lasts")

    @property
    def kind(self) -> str:
        """What it is called."""
        return type(self).__name__

    @property
    def impairs(self) -> tuple[str, ...]:
        """The nodes that cannot be counted on while it lasts."""
        return ()

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        raise NotImplementedError

    def end(self, stage: Stage) -> None:
        """Heal it."""

    def times(self, over_ns: int) -> Iterator[tuple[int, int]]:
        """From when until when, each time, in a faulty time that is over then."""
        length_ns = None if self.until_ns is None else self.until_ns - self.at_ns
        begin_ns = self.at_ns
        while begin_ns <= over_ns:
            yield begin_ns, over_ns if length_ns is None else min(begin_ns + length_ns, over_ns)
            if self.every_ns is None:
                return
            begin_ns += self.every_ns

    def __str__(self) -> str:
        own = [
            f"{each.name}={getattr(self, each.name)!r}"
            for each in fields(self)
            if getattr(self, each.name) != each.default
        ]
        return f"{self.kind}({', '.join(own)})"


@dataclass(frozen=True, kw_only=True)
class OfNode(Fault):
    """A fault of one node."""

    node: str


@dataclass(frozen=True, kw_only=True)
class Crash(OfNode):
    """The node ends at once, and starts again in the end, from its disk."""

    @property
    def impairs(self) -> tuple[str, ...]:
        return (self.node,)

    def begin(self, stage: Stage) -> None:
        stage.keep_down(self.node, 1)

    def end(self, stage: Stage) -> None:
        stage.keep_down(self.node, -1)


@dataclass(frozen=True, kw_only=True)
class LoseDisk(Crash):
    """The node ends, and everything on its disk is gone."""

    def begin(self, stage: Stage) -> None:
        super().begin(stage)
        stage.disks[stage.index(self.node)].lose()


@dataclass(frozen=True, kw_only=True)
class Pause(OfNode):
    """The node stands still, as in a long garbage collection; its inputs wait."""

    @property
    def impairs(self) -> tuple[str, ...]:
        return (self.node,)

    def begin(self, stage: Stage) -> None:
        stage.keep_paused(self.node, 1)

    def end(self, stage: Stage) -> None:
        stage.keep_paused(self.node, -1)


@dataclass(frozen=True, kw_only=True)
class Links(Fault):
    """A fault of all links from these to those."""

    sources: tuple[str, ...]
    to: tuple[str, ...]

    def _links(self, stage: Stage) -> Iterator[tuple[int, int]]:
        for source in self.sources:
            for to in self.to:
                if source != to:
                    yield stage.index(source), stage.index(to)


@dataclass(frozen=True, kw_only=True)
class Cut(Links):
    """What these send to those is lost; not the other way round."""

    @property
    def impairs(self) -> tuple[str, ...]:
        return min(self.sources, self.to, key=len)

    def begin(self, stage: Stage) -> None:
        for source, to in self._links(stage):
            stage.world.block(source, to, 1)

    def end(self, stage: Stage) -> None:
        for source, to in self._links(stage):
            stage.world.block(source, to, -1)


@dataclass(frozen=True, kw_only=True)
class Clog(Links):
    """What these send to those waits until the end of it, and then comes all at once."""

    def begin(self, stage: Stage) -> None:
        for source, to in self._links(stage):
            stage.world.clog(source, to, 1)

    def end(self, stage: Stage) -> None:
        for source, to in self._links(stage):
            stage.world.clog(source, to, -1)


@dataclass(frozen=True, kw_only=True)
class Partition(Fault):
    """Nodes and clients of different groups cannot reach each other; others reach all."""

    groups: tuple[tuple[str, ...], ...]

    @property
    def impairs(self) -> tuple[str, ...]:
        largest = max(self.groups, key=len)
        return tuple(name for group in self.groups if group is not largest for name in group)

    def begin(self, stage: Stage) -> None:
        self._block(stage, 1)

    def end(self, stage: Stage) -> None:
        self._block(stage, -1)

    def _block(self, stage: Stage, by: int) -> None:
        for one in self.groups:
            for other in self.groups:
                if one is not other:
                    for source in one:
                        for to in other:
                            stage.world.block(stage.index(source), stage.index(to), by)


@dataclass(frozen=True, kw_only=True)
class Lose(Fault):
    """One message is lost: the one of that number, from 1, that goes from `source` to `to`.

    It is so from the beginning, whatever its times say.
    """

    source: str
    to: str
    number: int
    at_ns: int = 0

    def begin(self, stage: Stage) -> None:
        stage.world.lose(stage.index(self.source), stage.index(self.to), self.number)


@dataclass(frozen=True, kw_only=True)
class Weather(Fault):
    """The network is worse than it is otherwise; what is None stays as it is."""

    delay: Delay | None = field(default=None, repr=False)
    loss: float | None = None
    duplication: float | None = None
    corruption: float | None = None

    def begin(self, stage: Stage) -> None:
        stage.weather.append(self)
        self._set(stage)

    def end(self, stage: Stage) -> None:
        stage.weather.remove(self)
        self._set(stage)

    def _set(self, stage: Stage) -> None:
        network = stage.network
        for one in stage.weather:
            changes = {
                name: getattr(one, name)
                for name in ("delay", "loss", "duplication", "corruption")
                if getattr(one, name) is not None
            }
            network = replace(network, **changes)
        stage.world.set_network(network)


@dataclass(frozen=True, kw_only=True)
class FullDisk(OfNode):
    """There is no room on the disk: the node ends when it writes, and starts again in the end."""

    @property
    def impairs(self) -> tuple[str, ...]:
        return (self.node,)

    def begin(self, stage: Stage) -> None:
        stage.disks[stage.index(self.node)].is_full = True

    def end(self, stage: Stage) -> None:
        stage.disks[stage.index(self.node)].is_full = False
        stage.keep_down(self.node, 0)


@dataclass(frozen=True, kw_only=True)
class SlowDisk(OfNode):
    """Syncs take so many times as long."""

    factor: int = 100

    def begin(self, stage: Stage) -> None:
        stage.disks[stage.index(self.node)].slowness = self.factor

    def end(self, stage: Stage) -> None:
        stage.disks[stage.index(self.node)].slowness = 1


@dataclass(frozen=True, kw_only=True)
class UnreadableDisk(OfNode):
    """If the node starts while it lasts, some of what is on its disk cannot be read."""

    def begin(self, stage: Stage) -> None:
        stage.disks[stage.index(self.node)].unreadable = True

    def end(self, stage: Stage) -> None:
        stage.disks[stage.index(self.node)].unreadable = False


@dataclass(frozen=True, kw_only=True)
class MisdirectedWrites(OfNode):
    """The next writes go elsewhere: the old value stays, and another one is damaged."""

    count: int = 1

    def begin(self, stage: Stage) -> None:
        stage.disks[stage.index(self.node)].misdirected += self.count


@dataclass(frozen=True, kw_only=True)
class Drift(OfNode):
    """The node's clock runs faster by so many millionths; -1,000,000: it stands still."""

    ppm: int

    def begin(self, stage: Stage) -> None:
        stage.world.drift(stage.index(self.node), self.ppm)

    def end(self, stage: Stage) -> None:
        stage.world.drift(stage.index(self.node), 0)


@dataclass(frozen=True, kw_only=True)
class Jump(OfNode):
    """The node's clock tells another time from then on; in the end it tells the right one again."""

    by_ns: int

    def begin(self, stage: Stage) -> None:
        stage.world.jump(stage.index(self.node), self.by_ns)

    def end(self, stage: Stage) -> None:
        stage.world.jump(stage.index(self.node), -self.by_ns)
