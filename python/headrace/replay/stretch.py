"""A machine stepped over a stretch of inputs from a given state on: what tests of incidents do."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.compose import Pipeline, stages_of
from headrace.engine.copying import copy_state
from headrace.errors import StepError, UsageError
from headrace.events import as_events, payload
from headrace.journal.states import decode_state, encode_state, known_classes
from headrace.machine import Machine
from headrace.replay.fold import Fold
from headrace.replay.passing import PassedOver

Input = tuple[int, int, Any]  # sequence, ingest time in ns, the event


@dataclass(frozen=True)
class Stretch:
    """What came of some inputs."""

    state: Any  # behind them; of a pipeline, the tuple of its machines' states
    outputs: dict[int, list[Any]]  # by the input that they descend from, without ids and times
    failed: dict[int, str]  # inputs whose step raised: what


def run_stretch(
    machine: Machine | Pipeline,
    state: Any,
    inputs: Sequence[Input],
    *,
    sequences: Sequence[int] = (),
    step: str | None = None,
    passed_over: PassedOver | None = None,
) -> Stretch:
    """Step a machine over inputs that follow on each other, one by one.

    `state`: before the first of them; it is not changed. `inputs`: sequence, ingest time, and the
    event (a tuple, a record, or its bytes). `sequences`: of a pipeline, of the next event of each
    of its machines. `passed_over`: what is not to be stepped over. An input whose step raises
    changes nothing. Raises UsageError, MachineError.
    """
    stages = stages_of(machine)
    states = state if isinstance(machine, Pipeline) else (state,)
    if not inputs:
        raise UsageError("there are no inputs to step over")
    first = inputs[0][0]
    own = list(sequences) or [first]
    if not len(states) == len(own) == len(stages):
        raise UsageError(
            f"{len(stages)} machines need as many states and sequences, not {len(states)} and "
            f"{len(own)}"
        )
    failed: dict[int, str] = {}

    def pass_over(error: StepError, event: Any) -> bool:
        failed[error.origin] = _reason(error)
        return True

    fold = Fold(machine, step, pass_over)
    fold.passed_over = passed_over or fold.passed_over
    fold.set_out(first, [copy_state(each) for each in states], own)
    outputs: dict[int, list[Any]] = {}
    for sequence, time_ns, event in inputs:
        if sequence != fold.sequence:
            raise UsageError(f"input {fold.sequence:,} should come, and {sequence:,} does")
        records = fold.run(_event(stages[0].event, event), np.array([time_ns], np.int64))
        _collect(outputs, records, stages[-1].output)
    return Stretch(fold.state, outputs, failed)


def _reason(error: StepError) -> str:
    cause = error.__cause__
    return type(cause).__name__ if cause is not None else type(error).__name__


def _event(dtype: np.dtype[Any], event: Any) -> Any:
    if isinstance(event, bytes) and dtype.kind != "S":
        return np.frombuffer(event, dtype)
    return as_events(dtype, event)


def _collect(outputs: dict[int, list[Any]], records: Any, output: Any) -> None:
    if not len(records):
        return
    for origin, own in zip(records["origin"], payload(records, output), strict=True):
        outputs.setdefault(int(origin), []).append(own.item())


def state_text(machine: Machine | Pipeline, state: Any) -> str:
    """A state as a text in Base64, which `text_state` reads. Raises StateError."""
    stages = stages_of(machine)
    states = state if isinstance(machine, Pipeline) else (state,)
    parts = [
        base64.b64encode(encode_state(one, known_classes(each))).decode()
        for each, one in zip(stages, states, strict=True)
    ]
    return ".".join(parts)


def text_state(machine: Machine | Pipeline, text: str) -> Any:
    """The state that a text stands for. Raises StateError."""
    stages = stages_of(machine)
    states = tuple(
        decode_state(base64.b64decode(part), known_classes(each))
        for each, part in zip(stages, text.split("."), strict=True)
    )
    return states if isinstance(machine, Pipeline) else states[0]


def classes_of(machine: Machine | Pipeline) -> dict[str, type]:
    """The classes that the states of a machine may hold, by name."""
    found: dict[str, type] = {}
    for each in stages_of(machine):
        found |= known_classes(each)
    return found
