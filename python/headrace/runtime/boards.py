"""The board of an engine that has a name: what `headrace top` sees of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from headrace.compose import Layout
from headrace.metrics import Board, describe
from headrace.ringbuffer import Ring, liveness
from headrace.runtime.elastic_stage import ElasticStage
from headrace.runtime.stage import Stage


def make_board(name: str, layout: Layout, rings: Sequence[Ring], stages: Sequence[Any]) -> Board:
    """A board named like the engine, with a gauge for each stage; `rings`: by their index.

    The stages of this process say themselves that they run. Raises RingExists for a name that is
    taken.
    """
    names = {index: ring.name for index, ring in enumerate(rings)}
    steps = [stage.step_kind for stage in stages]
    stage_names = [each.name for each in layout.stages]
    board = Board.create(name, describe(layout, names, steps), stage_names)
    for index, stage in enumerate(stages):
        stage.gauge = board.stage(index)
        if isinstance(stage, Stage | ElasticStage):
            stage.gauge_begins = partial(stage.gauge.begin, *liveness.myself())
    return board
