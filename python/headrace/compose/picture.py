"""Topologies as pictures, before it is said how they are drawn: nodes in rows, columns and frames.

Whatever a topology is, its picture is built of parts that stand behind each other (a row), or above
each other (a column). Every part has at most one node that its arrows leave from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headrace.compose.elastic import Elastic
from headrace.compose.picture_words import (
    elastic_in_short,
    fields_in_full,
    fields_in_short,
    shard_in_short,
    shown,
    state_in_short,
    steps_in_short,
)
from headrace.compose.topology import Chain, Fanout, Part, Shard
from headrace.events import Dtype
from headrace.machine import Machine

# Kinds of nodes. What is done about a stream, and not by a machine, is a joint.
ENDS, STAGE, RING, JOINT = "ends", "stage", "ring", "joint"


@dataclass(frozen=True, eq=False)
class Node:
    """A box. `tip`: all that there is to say, where there is room for it; `leaves`: whether
    arrows leave it.
    """

    kind: str
    title: str
    lines: tuple[str, ...] = ()
    tip: str = ""
    leaves: bool = True


@dataclass(frozen=True)
class Label:
    """What is written beside an arrow, and all that there is to say."""

    text: str
    tip: str


@dataclass(frozen=True, eq=False)
class Row:
    """Parts behind each other; `labels[i]` stands between part i and the next one."""

    parts: tuple[Shape, ...]
    labels: tuple[Label | None, ...]


@dataclass(frozen=True, eq=False)
class Column:
    """Parts above each other, with a node before them all, or behind them all, or neither."""

    fork: Node | None
    parts: tuple[Shape, ...]
    join: Node | None


@dataclass(frozen=True, eq=False)
class Frame:
    """A part with a line around it; `copies`: how many of it there are."""

    title: str
    part: Shape
    copies: int = 1


Shape = Node | Row | Column | Frame


@dataclass(frozen=True)
class Edge:
    """An arrow."""

    source: Node
    to: Node
    label: Label | None


def edges_of(shape: Shape) -> list[Edge]:
    """All arrows, in the order of flow."""
    edges: list[Edge] = []
    _connect(shape, edges)
    place = {node: at for at, node in enumerate(nodes_of(shape))}
    return sorted(edges, key=lambda edge: (place[edge.source], place[edge.to]))


def nodes_of(shape: Shape) -> Iterator[Node]:
    """All nodes, in the order of flow."""
    if isinstance(shape, Node):
        yield shape
    elif isinstance(shape, Frame):
        yield from nodes_of(shape.part)
    elif isinstance(shape, Row):
        for part in shape.parts:
            yield from nodes_of(part)
    else:
        for each in (shape.fork, *shape.parts, shape.join):
            if each is not None:
                yield from nodes_of(each)


def _connect(shape: Shape, edges: list[Edge]) -> tuple[list[Node], Node | None]:
    """Append the arrows within a shape; where arrows enter it, and where they leave."""
    if isinstance(shape, Node):
        return [shape], shape if shape.leaves else None
    if isinstance(shape, Frame):
        return _connect(shape.part, edges)
    if isinstance(shape, Row):
        entries, leaving = _connect(shape.parts[0], edges)
        for label, part in zip(shape.labels, shape.parts[1:], strict=True):
            inner, behind = _connect(part, edges)
            assert leaving is not None  # what something stands behind puts something out
            edges += [Edge(leaving, each, label) for each in inner]
            leaving = behind
        return entries, leaving
    entries, exits = [], []
    for part in shape.parts:
        inner, behind = _connect(part, edges)
        if shape.fork is not None:
            edges += [Edge(shape.fork, each, None) for each in inner]
        entries += inner
        exits += [] if behind is None else [behind]
    if shape.join is not None:
        edges += [Edge(each, shape.join, None) for each in exits]
        exits = [shape.join]
    return [shape.fork] if shape.fork is not None else entries, exits[0] if exits else None


# -- the topology as it is written ---------------------------------------------------------------


def picture_of(topology: Part) -> Shape:
    """The topology as it is written: each machine once, and what it takes on the arrows."""
    body, label = _written(topology), label_of(topology.event)
    parts: tuple[Shape, ...] = (Node(ENDS, "events", tip=label.tip), body)
    labels: tuple[Label | None, ...] = (label,)
    if topology.output is not None:
        label = label_of(topology.output)
        end = Node(ENDS, "outputs", tip=label.tip, leaves=False)
        parts, labels = (*parts, end), (*labels, label)
    return flat(parts, labels)


def flat(parts: tuple[Shape, ...], labels: tuple[Label | None, ...]) -> Row:
    """A row of parts; those of rows within it stand in it themselves."""
    all_parts: list[Shape] = []
    between: list[Label | None] = []
    for part, label in zip(parts, (*labels, None), strict=True):
        if isinstance(part, Row):
            all_parts += part.parts
            between += part.labels
        else:
            all_parts += (part,)
        between += (label,)
    return Row(tuple(all_parts), tuple(between[:-1]))


def label_of(dtype: Dtype) -> Label:
    """What is written beside an arrow along which such records go."""
    return Label(fields_in_short(dtype), fields_in_full(dtype))


def _written(part: Part) -> Shape:
    if isinstance(part, Machine):
        return box_of(part, part.name, ())
    if isinstance(part, Shard):
        return Frame(shard_in_short(part), _written(part.part), part.n)
    if isinstance(part, Elastic):
        return Frame(elastic_in_short(part), _written(part.machine), part.max)
    if isinstance(part, Fanout):
        fork = Node(JOINT, "fan-out", tip="each takes every event")
        return Column(fork, tuple(map(_written, part.parts)), pair_of(part))
    assert isinstance(part, Chain)
    labels = tuple(label_of(inner.event) for inner in part.parts[1:])
    return flat(tuple(map(_written, part.parts)), labels)


def pair_of(fanout: Fanout) -> Node | None:
    """Where the outputs of branches are put side by side, if there are several."""
    if len(fanout.paired) < 2 or fanout.output is None:
        return None
    return Node(JOINT, "pair", tip=f"paired by input: {fields_in_full(fanout.output)}")


def box_of(machine: Machine, name: str, more: tuple[str, ...]) -> Node:
    """A machine, called by a name; `more`: what else there is to say of it."""
    lines = (*more, steps_in_short(machine), state_in_short(machine))
    if machine.version != 1:
        lines = (*lines, f"version {machine.version}")
    takes = f"takes {fields_in_full(machine.event)}"
    puts = "" if machine.output is None else f"puts out {fields_in_full(machine.output)}"
    title = shown(name)
    tip = "\n".join(filter(None, (title, *lines, takes, puts)))
    return Node(STAGE, title, lines, tip, leaves=machine.output is not None)
