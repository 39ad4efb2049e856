"""The picture of a topology's stages is its layout: who reads which rings, and who writes them."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from topologies import topologies

import headrace as hr
from headrace.compose.layout import lay_out, rings_of
from headrace.compose.picture import JOINT, RING, Edge, Node, edges_of, nodes_of
from headrace.compose.picture_stages import picture_of_stages


def rings_behind(node: Node, edges: list[Edge]) -> list[str]:
    """The rings that arrows lead from, through joints only."""
    found = []
    for edge in edges:
        if edge.to is node:
            joint = edge.source.kind == JOINT
            found += rings_behind(edge.source, edges) if joint else [edge.source.title]
    return found


@settings(max_examples=60, deadline=None)
@given(topologies())
def test_rings_are_those_of_the_layout(topology: Any) -> None:
    layout, shape = lay_out(topology), picture_of_stages(topology)
    edges = edges_of(shape)
    nodes = {node.title: node for node in nodes_of(shape) if node.kind != JOINT}
    stages = {stage.name for stage in layout.stages}
    rings = {f"ring {ring.index}" for ring in layout.rings}
    assert set(nodes) == stages | rings | {"outputs"}
    assert {title for title, node in nodes.items() if node.kind == RING} == rings
    for stage in layout.stages:
        read = [f"ring {ring}" for ring in rings_of(stage.source)]
        assert sorted(rings_behind(nodes[stage.name], edges)) == sorted(read)
        written = [edge.to.title for edge in edges if edge.source is nodes[stage.name]]
        assert written == ([] if stage.output is None else [f"ring {stage.output}"])
    assert layout.outlet is not None
    out = sorted(f"ring {ring}" for ring in rings_of(layout.outlet))
    assert sorted(rings_behind(nodes["outputs"], edges)) == out
    for format in ("svg", "mermaid", "dot"):
        assert hr.draw(topology, format, "stages")
