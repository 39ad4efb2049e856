"""The layout of a topology: its stages, the rings between them, and what each stage reads.

Every stage is one machine with one state. It reads one ring or several, steps over its share of
what comes, and writes one ring of its own. A split (a shard, or a fan-out whose outputs are paired)
sends one stream to several stages; so that what they put out can be brought together again, each
record inside a split carries its position: the number, in the stream that was split, of the input
that it comes of. Splits lie inside of each other, so a record has as many positions as splits are
around it, the outermost first.

Nothing is moved between the stages by anybody: who needs several rings brought together reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from headrace.compose.elastic import Elastic
from headrace.compose.topology import Chain, Fanout, Part, Pipeline, Shard
from headrace.errors import MachineError
from headrace.events import Dtype, ring_dtype
from headrace.machine import NAME_BYTES_MAX, Machine

INPUT = 0  # the index of the ring that the topology's own inputs go through


@dataclass(frozen=True)
class Share:
    """Which events of a stream a stage takes: those of shard `index` of `n`; `by`: see Shard."""

    by: tuple[str, ...] | None
    index: int
    n: int


@dataclass(frozen=True)
class Read:
    """The stream of one ring."""

    ring: int


@dataclass(frozen=True)
class Merge:
    """Streams of disjoint shares, brought together by the positions of `level` (0: outermost)."""

    parts: tuple[Source, ...]
    level: int
    ordered: bool


@dataclass(frozen=True)
class Pair:
    """Streams of the same inputs, their records paired by input; `fanout` says how."""

    parts: tuple[Source, ...]
    level: int
    fanout: Fanout


Source = Read | Merge | Pair


@dataclass(frozen=True)
class Slot:
    """The place of one worker of an elastic stage; there may be none in it at a time."""

    group: str  # the name of the stage
    index: int  # among its workers
    node: Elastic
    ordered: bool  # its outputs are brought in order with those of the other workers


@dataclass(frozen=True)
class StageLayout:
    """One stage. `depth_in`, `depth`: positions of the records that it reads, and writes."""

    index: int
    name: str  # the machine's, and of shards and workers the number: match.0
    machine: Machine
    source: Source
    shares: tuple[Share, ...]  # all of them must hold
    depth_in: int
    depth: int
    output: int | None  # the ring that it writes
    slot: Slot | None = None  # of an elastic stage

    @property
    def state_name(self) -> str:
        """What its state is called: workers of one stage have parts of one state."""
        return self.name if self.slot is None else self.slot.group


@dataclass(frozen=True)
class RingLayout:
    """One ring: the input ring has bare events, the others records with their positions."""

    index: int
    writer: int | None  # the stage; None: the engine
    dtype: Dtype
    depth: int


@dataclass(frozen=True)
class Layout:
    """Stages and rings of a topology, in the order of flow. `outlet`: what it puts out."""

    topology: Part
    stages: tuple[StageLayout, ...]
    rings: tuple[RingLayout, ...]
    outlet: Source | None

    @property
    def is_pipeline(self) -> bool:
        """Whether it is no more than machines one behind the other."""
        return isinstance(self.topology, Pipeline)

    def before(self, stage: int) -> set[int]:
        """The indices of a stage and of all stages that what it reads comes of."""
        found = {stage}
        waiting = [stage]
        while waiting:
            for ring in rings_of(self.stages[waiting.pop()].source):
                writer = self.rings[ring].writer
                if writer is not None and writer not in found:
                    found.add(writer)
                    waiting.append(writer)
        return found

    def readers(self, ring: int) -> list[StageLayout]:
        """The stages that read a ring."""
        return [stage for stage in self.stages if ring in rings_of(stage.source)]


def rings_of(source: Source) -> tuple[int, ...]:
    """The rings of a source, in order."""
    if isinstance(source, Read):
        return (source.ring,)
    return tuple(ring for part in source.parts for ring in rings_of(part))


def lay_out(
    topology: Part, in_order: bool = False, workers: bool = True, elastic_in_order: bool = False
) -> Layout:
    """The layout of a machine or a topology; `in_order`: no shard may mix its outputs.

    Without `workers`, an elastic stage is laid out as one stage that has all partitions: for who
    steps over inputs in one thread. `elastic_in_order`: no elastic stage may mix its outputs.
    Raises MachineError.
    """
    builder = _Builder(topology, workers, elastic_in_order)
    outlet = builder.part(topology, Read(INPUT), _Place(0, 0, "", (), in_order))
    names = [stage.name for stage in builder.stages]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise MachineError(f"two stages would be called {twice!r}; give one machine another name")
    return Layout(topology, tuple(builder.stages), tuple(builder.rings), outlet)


@dataclass(frozen=True)
class _Place:
    """Where in the topology a part stands."""

    depth_in: int  # positions of what it reads
    depth: int  # positions of what it writes: more, where splits begin here
    suffix: str
    shares: tuple[Share, ...]
    in_order: bool  # what is put out here will be numbered, or brought in order


class _Builder:
    def __init__(self, topology: Part, workers: bool, elastic_in_order: bool) -> None:
        self.workers = workers
        self.elastic_in_order = elastic_in_order
        self.stages: list[StageLayout] = []
        self.rings = [RingLayout(INPUT, None, topology.event, 0)]

    def part(self, part: Part, source: Source, place: _Place) -> Source | None:
        """Lay out a part; the source of its outputs, None if it has none."""
        if isinstance(part, Machine):
            return self._machine(part, source, place)
        if isinstance(part, Elastic):
            return self._elastic(part, source, place)
        if isinstance(part, Shard):
            return self._shard(part, source, place)
        if isinstance(part, Fanout):
            return self._fanout(part, source, place)
        assert isinstance(part, Chain)
        made: Source | None = source
        # Inside a split several records of a stream may have one position of it, and must stay
        # together: else they would be numbered anew each time that others come between them.
        if place.depth:
            place = replace(place, in_order=True)
        for inner, behind in zip(part.parts, (*part.parts[1:], None), strict=True):
            assert made is not None  # a chain's parts have outputs, but for the last
            numbered = place.in_order or isinstance(behind, Shard | Fanout | Elastic)
            made = self.part(inner, made, replace(place, in_order=numbered))
            place = replace(place, depth_in=place.depth, shares=())
        return made

    def _machine(
        self, machine: Machine, source: Source, place: _Place, slot: Slot | None = None
    ) -> Source | None:
        name = machine.name + place.suffix
        if len(name.encode()) > NAME_BYTES_MAX:
            raise MachineError(
                f"the stage would be called {name!r}, which is longer than {NAME_BYTES_MAX} "
                "bytes; give the machine a shorter name"
            )
        index = len(self.stages)
        ring = None
        if machine.output is not None:
            ring = len(self.rings)
            dtype = ring_dtype(machine.output, place.depth)
            self.rings.append(RingLayout(ring, index, dtype, place.depth))
        self.stages.append(
            StageLayout(
                index, name, machine, source, place.shares, place.depth_in, place.depth, ring, slot
            )
        )
        return None if ring is None else Read(ring)

    def _shard(self, shard: Shard, source: Source, place: _Place) -> Source | None:
        ordered = shard.ordered or place.in_order
        made = [
            self.part(
                shard.part,
                source,
                _Place(
                    place.depth_in,
                    place.depth + 1,
                    f"{place.suffix}.{index}",
                    (*place.shares, Share(shard.by, index, shard.n)),
                    ordered,
                ),
            )
            for index in range(shard.n)
        ]
        parts = tuple(one for one in made if one is not None)
        return Merge(parts, place.depth, ordered) if parts else None

    def _elastic(self, node: Elastic, source: Source, place: _Place) -> Source | None:
        """As a shard of `max` machines; which of them takes an event is seen to as it runs."""
        ordered = node.ordered or place.in_order or self.elastic_in_order
        group = node.machine.name + place.suffix
        parts = []
        for index in range(node.max if self.workers else 1):
            suffix = f"{place.suffix}.{index}" if self.workers else place.suffix
            inside = _Place(place.depth_in, place.depth + 1, suffix, place.shares, ordered)
            slot = Slot(group, index, node, ordered)
            parts.append(self._machine(node.machine, source, inside, slot))
        made = tuple(one for one in parts if one is not None)
        return Merge(made, place.depth, ordered) if made else None

    def _fanout(self, fanout: Fanout, source: Source, place: _Place) -> Source | None:
        paired = len(fanout.paired) > 1
        inside = replace(place, depth=place.depth + paired, in_order=place.in_order or paired)
        made = [self.part(branch, source, inside) for branch in fanout.parts]
        parts = tuple(one for one in made if one is not None)
        if paired:
            return Pair(parts, place.depth, fanout)
        return parts[0] if parts else None


def described(topology: Part) -> dict[str, Any]:
    """A topology's stages as plain values, for those who only look: names, steps, rings, edges."""
    layout = lay_out(topology)
    return {
        "stages": [
            {
                "name": stage.name,
                "machine": stage.machine.name,
                "reads": list(rings_of(stage.source)),
                "writes": stage.output,
            }
            for stage in layout.stages
        ],
        "topology": topology.name if isinstance(topology, Machine) else repr(topology),
    }

