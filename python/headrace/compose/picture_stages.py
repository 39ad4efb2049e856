"""The layout of a topology as a picture: each stage, each ring, and what is brought together."""

from __future__ import annotations

from headrace.compose.elastic import Elastic
from headrace.compose.layout import (
    INPUT,
    Layout,
    Merge,
    Pair,
    RingLayout,
    Source,
    StageLayout,
    lay_out,
    rings_of,
)
from headrace.compose.picture import (
    ENDS,
    JOINT,
    RING,
    Column,
    Frame,
    Node,
    Row,
    Shape,
    box_of,
    flat,
    pair_of,
)
from headrace.compose.picture_words import (
    elastic_in_short,
    fields_in_full,
    fields_in_short,
    key_in_short,
    shard_in_short,
)
from headrace.compose.topology import Chain, Fanout, Part, Shard
from headrace.events import Dtype
from headrace.machine import Machine

Rings = tuple[int, ...]


def picture_of_stages(topology: Part) -> Row:
    """The layout of the topology. Raises MachineError, as `lay_out` does."""
    layout = lay_out(topology)
    first = _ring(layout.rings[INPUT], topology.event, "input")
    body, _ = _Stages(layout).part(topology, 0)
    parts: tuple[Shape, ...] = (first, body)
    if topology.output is not None:
        end = Node(ENDS, "outputs", tip=fields_in_full(topology.output), leaves=False)
        parts = (*parts, end)
    return flat(parts, (None,) * (len(parts) - 1))


class _Stages:
    """Goes through a topology as `lay_out` does, and takes its stages as they come."""

    def __init__(self, layout: Layout) -> None:
        self._stages = iter(layout.stages)
        self._rings = layout.rings
        self._ordered: dict[tuple[Rings, int], bool] = {}  # of merges, by rings and level
        for source in (layout.outlet, *(stage.source for stage in layout.stages)):
            self._note(source)

    def _note(self, source: Source | None) -> None:
        if isinstance(source, Merge | Pair):
            for part in source.parts:
                self._note(part)
        if isinstance(source, Merge):
            self._ordered[rings_of(source), source.level] = source.ordered

    def part(self, part: Part, level: int) -> tuple[Shape, Rings]:
        """A part's picture, and the rings of its outputs; `level`: the splits around it."""
        if isinstance(part, Machine):
            return self._stage(next(self._stages))
        if isinstance(part, Chain):
            made = [self.part(inner, level) for inner in part.parts]
            shapes = tuple(shape for shape, _ in made)
            return flat(shapes, (None,) * (len(shapes) - 1)), made[-1][1]
        if isinstance(part, Fanout):
            pair = pair_of(part)
            made = [self.part(inner, level + (pair is not None)) for inner in part.parts]
            return Column(None, tuple(shape for shape, _ in made), pair), _all(made)
        if isinstance(part, Elastic):
            made = [self._stage(next(self._stages)) for _ in range(part.max)]
            column = Column(
                None, tuple(shape for shape, _ in made), self._merge(_all(made), level)
            )
            return Frame(elastic_in_short(part), column), _all(made)
        assert isinstance(part, Shard)
        made = [self.part(part.part, level + 1) for _ in range(part.n)]
        column = Column(None, tuple(shape for shape, _ in made), self._merge(_all(made), level))
        return Frame(shard_in_short(part), column), _all(made)

    def _stage(self, stage: StageLayout) -> tuple[Shape, Rings]:
        shares = tuple(
            f"{key_in_short(share.by)}: {share.index} of {share.n}" for share in stage.shares
        )
        box = box_of(stage.machine, stage.name, shares)
        if stage.output is None or stage.machine.output is None:
            return box, ()
        ring = _ring(self._rings[stage.output], stage.machine.output)
        return Row((box, ring), (None,)), (stage.output,)

    def _merge(self, rings: Rings, level: int) -> Node | None:
        if not rings:
            return None
        ordered = self._ordered[rings, level]
        how = "in the order of the inputs" if ordered else "as they come"
        tip = f"who comes behind reads {len(rings)} ring{'s' * (len(rings) > 1)}, {how}"
        return Node(JOINT, "merge in order" if ordered else "merge", tip=tip)


def _all(made: list[tuple[Shape, Rings]]) -> Rings:
    return tuple(ring for _, rings in made for ring in rings)


def _ring(ring: RingLayout, payload: Dtype, *more: str) -> Node:
    lines = (*more, fields_in_short(payload))
    if ring.depth:
        lines = (*lines, f"+ {ring.depth} position{'s' * (ring.depth > 1)}")
    title = f"ring {ring.index}"
    return Node(RING, title, lines, f"{title}: {fields_in_full(ring.dtype)}")
