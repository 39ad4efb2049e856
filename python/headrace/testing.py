"""Holding a machine to its definition, in one line inside a test.

    from headrace.testing import check_machine

    def test_my_machine():
        check_machine(my_machine, some_events)

Every way of running a machine must come to what the reference model comes to: the same outputs,
the same failures, the same state.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from headrace.compose import Pipeline
from headrace.engine import Stepper
from headrace.errors import HeadraceError, StepError, StepMismatch, UsageError
from headrace.events import as_events, record_dtype
from headrace.machine import Machine
from headrace.reference import ReferenceEngine
from headrace.replay.stretch import Stretch, classes_of, run_stretch, text_state
from headrace.runtime import Engine
from headrace.state import difference

__all__ = [
    "Checked",
    "Stretch",
    "check_machine",
    "classes_of",
    "difference",
    "run_stretch",
    "text_state",
]

_SPLITS = (1, 3, 64, 1 << 20)  # events a batch
_FAILURES_PLANTED_MAX = 8
_SECONDS_MAX = 60.0

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Checked:
    """What `check_machine` saw, for those who want to know that it saw something."""

    events: int
    outputs: int
    failures: int  # events whose step raised
    kinds: tuple[str, ...]  # "python", "batch", "native"
    digest: str  # of the final state


def check_machine(machine: Machine, events: Any) -> Checked:
    """Run a machine in every way there is, over `events`, and compare with the reference model.

    `events`: an array of the machine's event dtype (or a list of tuples or dicts). Checked: the
    step per event, per batch and native agree, whatever the batches; `headrace.Engine` agrees with
    the reference model; a second run comes to the same; a step that raises, also one made to raise
    after it changed its state in place, leaves the state untouched; `initial()` gives a new state
    each time; the events are not written to; the state can be copied and digested.

    Raises StepMismatch, which says where two ways part; UsageError for anything but a machine.
    Blocks until done, 60 s for each run of the engine at most. Uses threads of its own.
    """
    if isinstance(machine, Pipeline) or not isinstance(machine, Machine):
        raise UsageError(
            f"check_machine takes one machine, not {machine!r}; check the stages of a pipeline one "
            "by one"
        )
    array = as_events(machine.event, events).copy()
    array.setflags(write=False)
    return _Check(machine, array).run()


class _Run:
    """What one way of running came to: records, failed sequences, state."""

    def __init__(self, records: Array, failed: list[int], state: Any) -> None:
        self.records = records
        self.failed = failed
        self.state = state


class _Check:
    def __init__(self, machine: Machine, events: Array) -> None:
        self._machine = machine
        self._events = events
        self._times = np.arange(len(events), dtype=np.int64) * 7 + 1
        self._digest = ""
        has = {"python": True, "batch": machine.step_batch is not None}
        has["native"] = machine.native is not None
        self._kinds = tuple(kind for kind, there in has.items() if there)

    def run(self) -> Checked:
        initial = copy.deepcopy(self._machine.initial())
        wanted = self._reference(self._machine)
        digest = self._digest
        self._check_initial(initial)
        self._agree(wanted, self._reference(self._machine), "a second run")
        for kind in self._kinds:
            for split in _splits_for(len(self._events)):
                what = f"the {kind} step by {split}"
                self._agree(wanted, self._stepper(kind, split, what), what)
        self._check_failing_steps(wanted)
        for kind in self._kinds:
            found, times_ns = self._engine(kind)
            expected = self._reference(self._machine, times_ns)
            self._agree(expected, found, f"the engine with the {kind} step")
        return Checked(
            len(self._events),
            len(wanted.records),
            len(wanted.failed),
            self._kinds,
            digest,
        )

    # The ways of running.

    def _reference(self, machine: Machine, times_ns: Array | None = None) -> _Run:
        reference = ReferenceEngine(machine, on_error="dead_letter")
        reference.publish(self._events, self._times if times_ns is None else times_ns)
        for failure in reference.failures:
            error = failure.error
            if isinstance(error, HeadraceError) or "events are read-only" in str(error):
                self._part("the step", f"event {failure.sequence}: {error}")
        try:
            self._digest = reference.digest
        except HeadraceError as error:
            self._part("the state", str(error))
        failed = [failure.sequence for failure in reference.failures]
        return _Run(reference.outputs, failed, reference.state)

    def _stepper(self, kind: str, split: int, what: str, machine: Machine | None = None) -> _Run:
        stepper = Stepper(machine or self._machine, kind)
        parts, failed, start = [], [], 0
        while start < len(self._events):
            end = min(start + split, len(self._events))
            try:
                records = stepper.run(self._events[start:end], self._times[start:end], start)
                start = end
            except StepError as error:
                records = error.partial
                failed.append(error.sequence)
                start = error.sequence + 1
            except HeadraceError as error:
                cause = error.__cause__ or error
                self._part(what, f"event {start}: {type(cause).__name__}: {cause}")
            if records is not None:
                parts.append(records.copy())
        return _Run(self._joined(parts), failed, stepper.state)

    def _engine(self, kind: str) -> tuple[_Run, Array]:
        """The engine's run, and when it says that the events came."""
        length = len(self._events)
        capacity = 1 << max(4, length - 1).bit_length()  # room for all, to be looked at afterwards
        with Engine(
            self._machine, capacity, step=kind, on_error="dead_letter", keep_outputs=1 << 28
        ) as engine:
            parts = []
            times_ns = np.zeros(length, np.int64)
            with engine.input_ring.consumer("check_machine") as consumer:
                if length:
                    engine.publish(self._events, _SECONDS_MAX)
                    engine.drain(_SECONDS_MAX)
                    consumer.poll()
                    times_ns[:] = consumer.times
                    consumer.release()
            if self._machine.output is not None:
                parts = [records.copy() for records in engine.outputs()]
            failed = [letter.sequence for letter in engine.dead_letters]
            return _Run(self._joined(parts), failed, engine.state), times_ns

    def _joined(self, parts: list[Array]) -> Array:
        if self._machine.output is None:
            return np.zeros(0, "V1")
        return np.concatenate([np.zeros(0, record_dtype(self._machine.output)), *parts])

    # Comparing them.

    def _agree(self, wanted: _Run, found: _Run, what: str) -> None:
        if found.failed != wanted.failed:
            apart = sorted(set(found.failed) ^ set(wanted.failed))
            who = "it" if apart and apart[0] in found.failed else "the reference model"
            where = apart[0] if apart else "an event twice"
            self._part(what, f"event {where}: only {who} fails there")
        if self._machine.output is not None:
            self._agree_on_records(wanted.records, found.records, what)
        apart_at = difference(wanted.state, found.state)
        if apart_at is not None:
            first = self._first_difference(what)
            self._part(what, f"{apart_at}{first} (the reference model's value first)")

    def _agree_on_records(self, wanted: Array, found: Array, what: str) -> None:
        names = [name for name in wanted.dtype.names or () if name != "input_time_ns"]
        length = min(len(wanted), len(found))
        for index in range(length):
            for name in names:
                one, other = wanted[name][index], found[name][index]
                if np.asarray(one).tobytes() != np.asarray(other).tobytes():
                    self._part(
                        what,
                        f"output {wanted['output_index'][index]} of event "
                        f"{wanted['input_sequence'][index]}: {name} is {other!r}, not {one!r}",
                    )
        if len(wanted) != len(found):
            more = wanted if len(wanted) > len(found) else found
            self._part(
                what,
                f"{len(found)} outputs, not {len(wanted)}: the first one more is of event "
                f"{more['input_sequence'][length]}",
            )

    def _first_difference(self, what: str) -> str:
        """After which event the states part, by a kind of step that is run event by event."""
        kind = next((kind for kind in self._kinds if f" {kind} step" in what), None)
        if kind is None:
            return ""
        stepper = Stepper(self._machine, kind)
        reference = ReferenceEngine(self._machine, on_error="dead_letter")
        for index in range(len(self._events)):
            one = slice(index, index + 1)
            reference.publish(self._events[one], self._times[one])
            try:
                stepper.run(self._events[one], self._times[one], index)
            except StepError:
                continue
            if difference(reference.state, stepper.state) is not None:
                return f", from event {index} on ({self._events[index]})"
        return ", though not when run event by event"

    def _part(self, what: str, where: str) -> NoReturn:
        raise StepMismatch(
            f"machine {self._machine.name!r} ({self._machine.source}): {what} parts from the "
            f"reference model: {where}"
        )

    def _check_initial(self, before: Any) -> None:
        apart = difference(before, self._machine.initial())
        if apart is not None:
            self._part("initial() after a run", f"{apart}: it must give a new state each time")

    def _check_failing_steps(self, wanted: _Run) -> None:
        """Steps made to raise when they are through: nothing of what they did may stay."""
        alive = [index for index in range(len(self._events)) if index not in set(wanted.failed)]
        if not alive:
            return
        stride = max(1, len(alive) // _FAILURES_PLANTED_MAX)
        planted = frozenset(alive[::stride])
        machine = _failing(self._machine, planted)
        expected = self._reference(machine)
        for split in _splits_for(len(self._events)):
            what = f"a step that raises after its work, by {split},"
            self._agree(expected, self._stepper("python", split, what, machine), what)


def _splits_for(length: int) -> Iterator[int]:
    """Batch sizes that differ for so many events."""
    for split in _SPLITS:
        yield split
        if split >= length:
            return


def _failing(machine: Machine, sequences: frozenset[int]) -> Machine:
    """The same machine, whose step raises at these sequences, after it has done its work."""
    failing = copy.copy(machine)
    step: Callable[..., Any] = machine.step

    def by_event(state: Any, event: Any) -> Any:
        result = step(state, event)
        if event.sequence in sequences:
            raise _Planted
        return result

    def by_fields(state: Any, *fields: Any) -> Any:
        result = step(state, *fields[:-1])
        if fields[-1] in sequences:
            raise _Planted
        return result

    if machine.parameters is None:
        failing.step = by_event
    else:
        failing.step = by_fields
        failing.parameters = (*machine.parameters, "sequence")
    failing.step_batch = failing.native = None
    return failing


class _Planted(Exception):
    """Raised on purpose."""
