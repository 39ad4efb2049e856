"""States written down as a snapshot does it: whether they come back, and whether they are all."""

from __future__ import annotations

from headrace.engine import Stepper
from headrace.errors import StateError
from headrace.journal.states import decode_state, encode_state, known_classes
from headrace.state import difference
from headrace.testing.runs import Run, Runs

_PLACES = 8  # at which states are written down
_SPLIT = 64

Stored = tuple[int, bytes]  # a state before an event, as it is written down


class Unstored(Exception):
    """A state cannot be written down, or comes back as another; says where and what."""


def stored_states(runs: Runs) -> list[Stored]:
    """States before some of the events, and the last one, as bytes. Raises Unstored."""
    count = len(runs.events)
    classes = known_classes(runs.machine)
    stepper = Stepper(runs.machine, "python")
    at = 0
    stored = []
    for place in sorted({count * part // _PLACES for part in range(_PLACES + 1)}):
        runs.run_on(stepper, at, _SPLIT, "the python step", place)
        at, state = place, stepper.state
        where = f"before event {place}" if place < count else "at the end"
        try:
            data = encode_state(state, classes)
        except StateError as error:
            raise Unstored(f"{where}, {error}") from None
        try:
            again = decode_state(data, classes)
        except StateError as error:
            raise Unstored(f"{where}, it is written down, and cannot be read: {error}") from None
        apart = difference(state, again)
        if apart is not None:
            raise Unstored(f"{where}, {apart}: it comes back as the second")
        stored.append((place, data))
    return stored


def check_continued(runs: Runs, wanted: Run, states: list[Stored]) -> None:
    """Go on from states that were written down: as if nothing had been. Raises StepMismatch."""
    classes = known_classes(runs.machine)
    for kind in runs.kinds:
        for place, data in states:
            begin_anew(runs, kind)
            stepper = Stepper(runs.machine, kind)
            stepper.restore(decode_state(data, classes), place)
            what = f"the {kind} step, going on from the state written down before event {place},"
            found = runs.run_on(stepper, place, _SPLIT, what)
            records = wanted.records
            if runs.machine.output is not None:
                records = records[records["input_sequence"] >= place]
            failed = [each for each in wanted.failed if each >= place]
            runs.agree(Run(records, failed, wanted.state), found, what)


def begin_anew(runs: Runs, kind: str) -> None:
    """Step over the first event only, with a new state: as near to a new process as this one gets.

    What a machine keeps outside its state is another one then, as it would be after a crash.
    """
    runs.run_on(Stepper(runs.machine, kind), 0, 1, f"the {kind} step", min(1, len(runs.events)))
