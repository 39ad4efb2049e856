"""What a board says of its topology, read with patience: what is missing or odd is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Node:
    """A stage as the topology describes it. `reads`: names of rings; `step`: python, batch, native.

    What the topology does not say is empty; `writes` is None also where there is no ring.
    """

    stage: str
    machine: str = ""
    step: str = ""
    reads: tuple[str, ...] = ()
    consumer: str = ""
    writes: str | None = None


@dataclass(frozen=True)
class Topology:
    """The nodes, one for each stage and in the order of the stages, and edges between them."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]

    def behind(self, stage: str) -> list[str]:
        """The stages that an edge leads to from here."""
        return [end for start, end in self.edges if start == stage]


def read_topology(topology: dict[str, Any], stages: Sequence[str]) -> Topology:
    """A board's topology.

    Edges that it does not name follow from the rings: from who writes one to who reads it.
    """
    described = {}
    for value in _list(topology.get("nodes")):
        if isinstance(value, dict) and isinstance(value.get("stage"), str):
            described[value["stage"]] = value
    nodes = tuple(_node(stage, described.get(stage, {})) for stage in stages)
    if "edges" in topology:
        edges = [
            (edge[0], edge[1])
            for edge in _list(topology["edges"])
            if isinstance(edge, list | tuple)
            and len(edge) == 2
            and all(isinstance(end, str) and end in stages for end in edge)
        ]
    else:
        edges = [
            (one.stage, other.stage)
            for one in nodes
            for other in nodes
            if one.writes is not None and one.writes in other.reads
        ]
    return Topology(_text(topology.get("name")), nodes, tuple(edges))


def _node(stage: str, value: dict[str, Any]) -> Node:
    return Node(
        stage=stage,
        machine=_text(value.get("machine")),
        step=_text(value.get("step")),
        reads=tuple(ring for ring in _list(value.get("reads")) if isinstance(ring, str)),
        consumer=_text(value.get("consumer")),
        writes=_text(value.get("writes")) or None,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
