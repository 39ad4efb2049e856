"""A stretch of a journal as data: its events, what they led to, and the states in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from headrace.compose import Pipeline, stages_of
from headrace.debugger.page_states import Edit, StateTracker, Tree
from headrace.debugger.page_text import failure_text, field_names, record_texts, shortened
from headrace.errors import StepError, UsageError
from headrace.events import payload
from headrace.machine import Machine
from headrace.replay import Fold, History
from headrace.replay.fold import name_of

Records = np.ndarray[Any, Any]

PAGE_EVENTS_MAX = 20_000
MESSAGES_MAX = 200_000  # output records of all machines, in one stretch


@dataclass(frozen=True)
class Message:
    """An output record of one machine: its id, and the texts of its fields."""

    depth: int  # of the machine that made it
    input_sequence: int
    output_index: int
    texts: list[str]


@dataclass(frozen=True)
class Failure:
    """A step that failed, and so changed nothing."""

    depth: int
    text: str


@dataclass
class Happened:
    """One input and all that came of it."""

    sequence: int
    time_ns: int
    texts: list[str]
    messages: list[Message] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)  # of the state


@dataclass
class Stretch:
    """Inputs [begin, end), with the state before the first and how each changed it."""

    begin: int
    end: int
    machine: str
    lanes: list[str]  # "input", the machines in order, "outputs"
    fields: list[list[str]]  # of the inputs, and of each machine's outputs
    happened: list[Happened]
    tree: Tree = None
    shapes: list[dict[str, Any]] = field(default_factory=list)


def read_stretch(history: History, begin: int, end: int, *, states: bool = True) -> Stretch:
    """Step over inputs [begin, end). `history` stays where it stands.

    `states`: whether states are looked at, too. Raises HistoryGone, UsageError.
    """
    for name, value in (("begin", begin), ("end", end)):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
            raise UsageError(f"{name} must be an integer, not {value!r}")
    begin, end = int(begin), int(end)
    if begin > end:
        raise UsageError(f"a stretch from input {begin:,} to {end:,} ends before it begins")
    next(history.states(begin, end))  # what is not kept, or not there yet, it says itself
    if end - begin > PAGE_EVENTS_MAX:
        raise UsageError(
            f"a page of the {end - begin:,} inputs from {begin:,} to {end:,} would be too large "
            f"for a browser; choose at most {PAGE_EVENTS_MAX:,} of them"
        )
    return _Walk(history, begin, end).run(states)


class _Walk:
    def __init__(self, history: History, begin: int, end: int) -> None:
        self._history = history
        machine = history.machine
        self._machines = stages_of(machine)
        self._describe = self._machines[0].describe
        self._messages = 0
        self._now = Happened(begin, 0, [])
        self._fold = Fold(machine, None, self._failed)
        start = history.fold_at(begin)
        self._fold.go_to(start.bookmark())
        self._fold.passed_over = start.passed_over
        for depth, stepper in enumerate(self._fold.steppers):
            self._fold.steppers[depth] = cast(Any, _Watched(stepper, depth, self._made))
        self.stretch = Stretch(
            begin,
            end,
            shortened(name_of(machine)),
            ["input", *[shortened(each.name) for each in self._machines], "outputs"],
            [
                ["input"] if self._describe else field_names(self._machines[0].event),
                *[[] if (form := each.output) is None else field_names(form)
                  for each in self._machines],
            ],
            [],
        )  # fmt: skip

    def run(self, states: bool) -> Stretch:
        stretch, fold = self.stretch, self._fold
        tracker = None
        if states:
            tracker = StateTracker(fold.live_state, stage_names(self._history.machine))
        for events, times in self._history.events(stretch.begin, stretch.end):
            for index in range(len(events)):
                self._now = Happened(fold.sequence, int(times[index]), self._input(events[index]))
                stretch.happened.append(self._now)
                fold.run(events[index : index + 1], times[index : index + 1])
                if tracker is not None:
                    self._now.edits = tracker.changes(fold.live_state)
        if tracker is not None:
            stretch.tree, stretch.shapes = tracker.tree, tracker.shapes.table
        return stretch

    def _input(self, event: Any) -> list[str]:
        return record_texts(event) if self._describe is None else [shortened(self._describe(event))]

    def _made(self, depth: int, records: Records) -> None:
        self._messages += len(records)
        if self._messages > MESSAGES_MAX:
            raise UsageError(
                f"inputs {self.stretch.begin:,} to {self._now.sequence:,} alone lead to more than "
                f"{MESSAGES_MAX:,} outputs, too many for a page; choose a shorter stretch"
            )
        self._now.messages += messages_of(records, self._machines[depth], depth)

    def _failed(self, error: StepError, event: Records) -> bool:
        depth = [machine.name for machine in self._machines].index(error.machine)
        self._now.failures.append(Failure(depth, failure_text(error)))
        return True


class _Watched:
    """A stepper that tells what its machine puts out, also before it fails."""

    def __init__(self, stepper: Any, depth: int, made: Any) -> None:
        self._stepper = stepper
        self._depth = depth
        self._made = made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stepper, name)

    def run(self, *arguments: Any) -> Any:
        try:
            records = self._stepper.run(*arguments)
        except StepError as error:
            self._tell(error.partial)
            raise
        self._tell(records)
        return records

    def _tell(self, records: Records | None) -> None:
        if records is not None and len(records):
            self._made(self._depth, records)


def messages_of(records: Records, machine: Machine, depth: int) -> list[Message]:
    """Output records of a machine as messages."""
    assert machine.output is not None
    return [
        Message(depth, int(record["input_sequence"]), int(record["output_index"]), texts)
        for record, texts in zip(
            records, map(record_texts, payload(records, machine.output)), strict=True
        )
    ]


def stage_names(machine: Machine | Pipeline) -> Sequence[str]:
    """What the parts of a state are called; none for a machine on its own."""
    return [each.name for each in machine.stages] if isinstance(machine, Pipeline) else []


def named(names: list[str], texts: list[str]) -> str:
    """Fields in one line."""
    return " ".join(f"{name}={text}" for name, text in zip(names, texts, strict=True))
