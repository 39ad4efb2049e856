"""Faults by chance: a schedule that follows from a seed, within a budget."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, fields

from headrace.errors import UsageError
from headrace.simulation import faults
from headrace.simulation.chance import PLAN, draw
from headrace.simulation.faults import Fault

SECOND_NS = 1_000_000_000
_AT_ONCE_MAX = 10_000  # faults in one schedule


@dataclass(frozen=True, kw_only=True)
class Chaos:
    """How often each kind of fault comes, per second of the world's time, and how long it stays.

    `lasts_ns`: from and to. `budget`: at how many nodes at a time may be down, paused or cut off:
    a number, "minority" (the default) or None, no limit; what would exceed it is left out, so a run
    states what it assumes. `power_cuts` are of several nodes at one moment. `jump_ns`,
    `drift_ppm`: how wrong clocks may be at most.
    """

    crashes: float = 0.0
    power_cuts: float = 0.0
    lost_disks: float = 0.0
    full_disks: float = 0.0
    slow_disks: float = 0.0
    unreadable_disks: float = 0.0
    misdirected_writes: float = 0.0
    pauses: float = 0.0
    partitions: float = 0.0
    cuts: float = 0.0
    clogs: float = 0.0
    swizzles: float = 0.0
    storms: float = 0.0
    jumps: float = 0.0
    drifts: float = 0.0
    stopped_clocks: float = 0.0
    lasts_ns: tuple[int, int] = (SECOND_NS // 100, SECOND_NS // 2)
    budget: int | str | None = "minority"
    jump_ns: int = 10 * SECOND_NS
    drift_ppm: int = 100_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "float" and not 0 <= value < float("inf"):
                raise UsageError(f"Chaos({field.name}={value!r}): so many per second, 0 or more")
        least, most = self.lasts_ns
        if not 0 < least <= most:
            raise UsageError(f"Chaos(lasts_ns={self.lasts_ns!r}): from and to, in nanoseconds")
        if self.budget not in ("minority", None) and not isinstance(self.budget, int):
            raise UsageError(f"Chaos(budget={self.budget!r}): a number, 'minority' or None")

    def impaired_max(self, count: int) -> int:
        """How many of so many nodes may be impaired at a time."""
        if self.budget is None:
            return count
        return (count - 1) // 2 if self.budget == "minority" else int(self.budget)

    def schedule(self, seed: int, nodes: tuple[str, ...], over_ns: int) -> tuple[Fault, ...]:
        """The faults of a run: the same for the same seed, nodes and length of the faulty time."""
        drawn: list[Fault] = []
        for place, (rate, make) in enumerate(self._kinds()):
            # Each kind has its own numbers, so that another rate of one leaves the others alone.
            chance = random.Random(draw(seed, PLAN, place))
            at_ns = 0.0
            while rate and len(drawn) < _AT_ONCE_MAX:
                at_ns += chance.expovariate(rate) * SECOND_NS
                if at_ns >= over_ns:
                    break
                until_ns = min(int(at_ns) + chance.randint(*self.lasts_ns), over_ns)
                drawn.extend(make(chance, nodes, int(at_ns), until_ns))
        drawn.sort(key=lambda fault: (fault.at_ns, fault.kind))
        return self.within_budget(drawn, len(nodes), over_ns)

    def within_budget(self, drawn: list[Fault], count: int, over_ns: int) -> tuple[Fault, ...]:
        """Faults in their order, without those that would impair too many of so many nodes."""
        kept: list[Fault] = []
        most = self.impaired_max(count)
        ends: list[tuple[int, tuple[str, ...]]] = []
        for fault in drawn:
            ends = [end for end in ends if end[0] > fault.at_ns]
            impaired = {name for _, names in ends for name in names}
            if fault.impairs and len(impaired | set(fault.impairs)) > most:
                continue
            if fault.impairs:
                ends.append((over_ns if fault.until_ns is None else fault.until_ns, fault.impairs))
            kept.append(fault)
        return tuple(kept)

    def _kinds(self) -> tuple[tuple[float, Maker], ...]:
        return (
            (self.crashes, _of_node(faults.Crash)),
            (self.lost_disks, _of_node(faults.LoseDisk)),
            (self.full_disks, _of_node(faults.FullDisk)),
            (self.slow_disks, _of_node(faults.SlowDisk)),
            (self.unreadable_disks, _of_node(faults.UnreadableDisk)),
            (self.misdirected_writes, _of_node(faults.MisdirectedWrites)),
            (self.pauses, _of_node(faults.Pause)),
            (self.partitions, _partition),
            (self.cuts, _cut),
            (self.clogs, _clog),
            (self.swizzles, _swizzle),
            (self.storms, _storm),
            (self.jumps, self._jump),
            (self.drifts, self._drift),
            (self.stopped_clocks, _stopped_clock),
            (self.power_cuts, _power_cut),
        )

    def _jump(
        self, chance: random.Random, nodes: tuple[str, ...], at_ns: int, until_ns: int
    ) -> list[Fault]:
        by_ns = chance.randint(-self.jump_ns, self.jump_ns)
        node = chance.choice(nodes)
        return [faults.Jump(node=node, by_ns=by_ns, at_ns=at_ns, until_ns=until_ns)]

    def _drift(
        self, chance: random.Random, nodes: tuple[str, ...], at_ns: int, until_ns: int
    ) -> list[Fault]:
        ppm = chance.randint(-self.drift_ppm, self.drift_ppm)
        return [faults.Drift(node=chance.choice(nodes), ppm=ppm, at_ns=at_ns, until_ns=until_ns)]


Maker = Callable[[random.Random, tuple[str, ...], int, int], list[Fault]]


def _of_node(kind: type[faults.OfNode]) -> Maker:
    def make(
        chance: random.Random, nodes: tuple[str, ...], at_ns: int, until_ns: int
    ) -> list[Fault]:
        return [kind(node=chance.choice(nodes), at_ns=at_ns, until_ns=until_ns)]

    return make


def _power_cut(
    chance: random.Random, nodes: tuple[str, ...], at_ns: int, until_ns: int
) -> list[Fault]:
    """Several nodes, or all of them, end at one moment, and come back one after the other."""
    count = chance.randint(min(2, len(nodes)), len(nodes))
    return [
        faults.Crash(node=node, at_ns=at_ns, until_ns=chance.randint(at_ns + 1, until_ns + 1))
        for node in chance.sample(nodes, count)
    ]


def _some(chance: random.Random, nodes: tuple[str, ...]) -> tuple[str, ...]:
    """Some nodes, but not all, mostly the fewer of two groups."""
    count = chance.randint(1, max(1, len(nodes) - 1))
    chosen = set(chance.sample(nodes, count))
    return tuple(name for name in nodes if name in chosen)


def _rest(nodes: tuple[str, ...], some: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in nodes if name not in some)


def _partition(
    chance: random.Random, nodes: tuple[str, ...], at_ns: int, until_ns: int
) -> list[Fault]:
    if len(nodes) < 2:
        return []
    some = _some(chance, nodes)
    groups = (some, _rest(nodes, some))
    return [faults.Partition(groups=groups, at_ns=at_ns, until_ns=until_ns)]


def _cut(chance: random.Random, nodes: tuple[str, ...], at_ns: int, until_ns: int) -> list[Fault]:
    if len(nodes) < 2:
        return []
    some = _some(chance, nodes)
    return [faults.Cut(sources=some, to=_rest(nodes, some), at_ns=at_ns, until_ns=until_ns)]


def _clog(chance: random.Random, nodes: tuple[str, ...], at_ns: int, until_ns: int) -> list[Fault]:
    if len(nodes) < 2:
        return []
    source, to = chance.sample(nodes, 2)
    return [faults.Clog(sources=(source,), to=(to,), at_ns=at_ns, until_ns=until_ns)]


def _swizzle(
    chance: random.Random, nodes: tuple[str, ...], at_ns: int, until_ns: int
) -> list[Fault]:
    """One node after the other is clogged, and then let go in another order (FoundationDB)."""
    clogged: list[Fault] = []
    for node in _some(chance, nodes):
        begin_ns = chance.randint(at_ns, (at_ns + until_ns) // 2)
        end_ns = chance.randint((at_ns + until_ns) // 2, until_ns)
        others = _rest(nodes, (node,))
        for sources, to in (((node,), others), (others, (node,))):
            clogged.append(faults.Clog(sources=sources, to=to, at_ns=begin_ns, until_ns=end_ns))
    return clogged


def _storm(chance: random.Random, nodes: tuple[str, ...], at_ns: int, until_ns: int) -> list[Fault]:
    return [
        faults.Weather(
            loss=chance.choice((0.05, 0.2, 0.5)),
            duplication=chance.choice((0.0, 0.1)),
            corruption=chance.choice((0.0, 0.05)),
            at_ns=at_ns,
            until_ns=until_ns,
        )
    ]


def _stopped_clock(
    chance: random.Random, nodes: tuple[str, ...], at_ns: int, until_ns: int
) -> list[Fault]:
    return [faults.Drift(node=chance.choice(nodes), ppm=-1_000_000, at_ns=at_ns, until_ns=until_ns)]
