"""What an engine's machines run on: a line for machines one behind the other, else a net."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.compose import Layout, Pipeline, Topology
from headrace.errors import StepError
from headrace.machine import Machine
from headrace.replay import fold_of
from headrace.runtime.answers import Answers
from headrace.runtime.calls import Calls
from headrace.runtime.deadline import Deadline
from headrace.runtime.line import Line
from headrace.runtime.net import Net
from headrace.runtime.opening import Opening
from headrace.runtime.placing import Placement
from headrace.runtime.progress import Progress
from headrace.runtime.setup import Setup
from headrace.runtime.stage import Records


def make_line(
    machine: Machine | Topology,
    layout: Layout,
    placement: Placement,
    setup: Setup,
    opening: Opening | None,
    *,
    on_failure: Callable[[StepError, Records], bool],
    on_crash: Callable[[BaseException], None],
    calls: Calls,
    answers: Answers,
    hold: Callable[[Deadline], Any],
) -> Line | Net:
    """Rings and stages, not started yet. Raises MachineError, CapacityError, UsageError."""
    fold = fold_of(machine, setup.step) if opening is None else opening.fold
    if isinstance(machine, Machine | Pipeline) and not placement.special:
        return Line(
            fold,
            capacity=setup.capacity,
            wait=setup.wait,
            name=setup.name,
            keep_outputs=setup.keep_outputs,
            on_failure=on_failure,
            on_crash=on_crash,
            progress=Progress(),
            calls=calls,
            answers=answers,
        )
    return Net(
        layout,
        placement,
        fold,
        setup,
        None if opening is None else opening.settings,
        on_failure=on_failure,
        on_crash=on_crash,
        progress=Progress(),
        calls=calls,
        answers=answers,
        hold=hold,
    )
