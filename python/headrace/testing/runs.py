"""The ways of running a machine over the same events, and comparing what they come to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from headrace.engine import Stepper
from headrace.errors import HeadraceError, StepError, StepMismatch
from headrace.events import record_dtype
from headrace.machine import Machine
from headrace.reference import ReferenceEngine
from headrace.runtime import Engine
from headrace.state import difference

SECONDS_MAX = 60.0
_SPLITS = (1, 3, 64, 1 << 20)  # events a batch

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Run:
    """What one way of running came to: output records, failed sequences, state."""

    records: Array
    failed: list[int]
    state: Any
    digest: str = ""


class Runs:
    """A machine, and the events to run it over."""

    def __init__(self, machine: Machine, events: Array) -> None:
        self.machine = machine
        self.events = events
        self.times = np.arange(len(events), dtype=np.int64) * 7 + 1
        has = {"python": True, "batch": machine.step_batch is not None}
        has["native"] = machine.native is not None
        self.kinds = tuple(kind for kind, there in has.items() if there)

    # The ways of running.

    def reference(self, machine: Machine | None = None, times_ns: Array | None = None) -> Run:
        """By the reference model; raises StepMismatch for what no machine may do."""
        reference = ReferenceEngine(machine or self.machine, on_error="dead_letter")
        reference.publish(self.events, self.times if times_ns is None else times_ns)
        for failure in reference.failures:
            error = failure.error
            if isinstance(error, HeadraceError) or "events are read-only" in str(error):
                self.part("the step", f"event {failure.sequence}: {error}")
        try:
            digest = reference.digest
        except HeadraceError as error:
            self.part("the state", str(error))
        failed = [failure.sequence for failure in reference.failures]
        return Run(reference.outputs, failed, reference.state, digest)

    def stepper(self, kind: str, split: int, what: str, machine: Machine | None = None) -> Run:
        """By one kind of step, in batches of `split` events."""
        return self.run_on(Stepper(machine or self.machine, kind), 0, split, what)

    def run_on(
        self, stepper: Stepper, begin: int, split: int, what: str, end: int | None = None
    ) -> Run:
        """Run a stepper, which stands before event `begin`, over the events from there on."""
        parts, failed, start = [], [], begin
        stop = len(self.events) if end is None else end
        while start < stop:
            behind = min(start + split, stop)
            try:
                records = stepper.run(self.events[start:behind], self.times[start:behind], start)
                start = behind
            except StepError as error:
                records = error.partial
                failed.append(error.sequence)
                start = error.sequence + 1
            except HeadraceError as error:
                cause = error.__cause__ or error
                if not str(cause):  # a failure planted here, after which it went another way
                    cause = error
                self.part(what, f"event {start}: {type(cause).__name__}: {cause}")
            if records is not None:
                parts.append(records.copy())
        return Run(self.joined(parts), failed, stepper.state)

    def engine(self, kind: str) -> tuple[Run, Array]:
        """By an engine, and when that says that the events came."""
        length = len(self.events)
        capacity = 1 << max(4, length - 1).bit_length()  # room for all, to be looked at afterwards
        with Engine(
            self.machine, capacity, step=kind, on_error="dead_letter", keep_outputs=1 << 28
        ) as engine:
            parts = []
            times_ns = np.zeros(length, np.int64)
            with engine.input_ring.consumer("check_machine") as consumer:
                if length:
                    engine.publish(self.events, SECONDS_MAX)
                    engine.drain(SECONDS_MAX)
                    consumer.poll()
                    times_ns[:] = consumer.times
                    consumer.release()
            if self.machine.output is not None:
                parts = [records.copy() for records in engine.outputs()]
            failed = [letter.sequence for letter in engine.dead_letters]
            return Run(self.joined(parts), failed, engine.state), times_ns

    def joined(self, parts: list[Array]) -> Array:
        """Parts of the outputs as one array."""
        if self.machine.output is None:
            return np.zeros(0, "V1")
        return np.concatenate([np.zeros(0, record_dtype(self.machine.output)), *parts])

    # Comparing them.

    def agree(self, wanted: Run, found: Run, what: str, kind: str | None = None) -> None:
        """Raise StepMismatch unless two runs are one; `kind` of step: to find out from where on."""
        self.agree_on_failures(wanted.failed, found.failed, what)
        if self.machine.output is not None:
            self._agree_on_records(wanted.records, found.records, what)
        self.agree_on_states(wanted.state, found.state, what, kind)

    def agree_on_failures(self, wanted: list[int], found: list[int], what: str) -> None:
        """Raise StepMismatch unless the same events fail, by sequence, in order."""
        if found != wanted:
            apart = sorted(set(found) ^ set(wanted))
            who = "it" if apart and apart[0] in found else "the reference model"
            where = apart[0] if apart else "an event twice"
            self.part(what, f"event {where}: only {who} fails there")

    def agree_on_states(
        self, wanted: Any, found: Any, what: str, kind: str | None = None
    ) -> None:
        """Raise StepMismatch unless two states are one."""
        apart_at = difference(wanted, found)
        if apart_at is not None:
            first = "" if kind is None else self._first_difference(kind)
            self.part(what, f"{apart_at}{first} (the reference model's value first)")

    def _agree_on_records(self, wanted: Array, found: Array, what: str) -> None:
        names = [name for name in wanted.dtype.names or () if name != "input_time_ns"]
        if len(wanted) == len(found) and all(
            wanted[name].tobytes() == found[name].tobytes() for name in names
        ):
            return
        length = min(len(wanted), len(found))
        for index in range(length):
            for name in names:
                one, other = wanted[name][index], found[name][index]
                if np.asarray(one).tobytes() != np.asarray(other).tobytes():
                    self.part(
                        what,
                        f"output {wanted['output_index'][index]} of event "
                        f"{wanted['input_sequence'][index]}: {name} is {other!r}, not {one!r}",
                    )
        if len(wanted) != len(found):
            more = wanted if len(wanted) > len(found) else found
            self.part(
                what,
                f"{len(found)} outputs, not {len(wanted)}: the first one more is of event "
                f"{more['input_sequence'][length]}",
            )

    def _first_difference(self, kind: str) -> str:
        """After which event the states part, by a kind of step that is run event by event."""
        stepper = Stepper(self.machine, kind)
        reference = ReferenceEngine(self.machine, on_error="dead_letter")
        for index in range(len(self.events)):
            one = slice(index, index + 1)
            reference.publish(self.events[one], self.times[one])
            try:
                stepper.run(self.events[one], self.times[one], index)
            except StepError:
                continue
            if difference(reference.state, stepper.state) is not None:
                return f", from event {index} on ({self.events[index]})"
        return ", though not when run event by event"

    def part(self, what: str, where: str) -> NoReturn:
        """Raise StepMismatch."""
        raise StepMismatch(
            f"machine {self.machine.name!r} ({self.machine.source}): {what} parts from the "
            f"reference model: {where}"
        )


def splits_for(length: int) -> Iterator[int]:
    """Batch sizes that differ for so many events."""
    for split in _SPLITS:
        yield split
        if split >= length:
            return
