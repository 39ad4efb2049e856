"""The topology of a board, out of the layout of an engine's stages and rings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headrace.compose.layout import Layout, rings_of
from headrace.machine import Machine

TITLE_MAX = 120


def describe(
    layout: Layout, rings: Mapping[int, str | None], steps: Sequence[str]
) -> dict[str, Any]:
    """What `Board.create` takes as `topology`, for the stages of `layout` in their order.

    `rings`: the names of the rings by index; None where one has no name, and so cannot be looked
    at. `steps`: the kind of step of each stage. A stage consumes under its own name.
    """
    topology = layout.topology
    title = topology.name if isinstance(topology, Machine) else repr(topology)
    edges = [
        [stage.name, reader.name]
        for stage in layout.stages
        if stage.output is not None
        for reader in layout.readers(stage.output)
    ]
    nodes = [
        {
            "stage": stage.name,
            "machine": stage.machine.name,
            "step": step,
            "reads": [name for ring in rings_of(stage.source) if (name := rings.get(ring))],
            "consumer": stage.name,
            "writes": None if stage.output is None else rings.get(stage.output),
        }
        for stage, step in zip(layout.stages, steps, strict=True)
    ]
    return {"name": title[:TITLE_MAX], "nodes": nodes, "edges": edges}
