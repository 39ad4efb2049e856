"""`check_machine`: a machine run in every way there is, and compared with the reference model."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headrace.compose import Pipeline
from headrace.errors import UsageError
from headrace.events import as_events
from headrace.machine import Machine
from headrace.state import difference
from headrace.testing.journaled import check_lives
from headrace.testing.runs import Run, Runs, splits_for
from headrace.testing.stored import Unstored, check_continued, stored_states

_FAILURES_PLANTED_MAX = 8


@dataclass(frozen=True)
class Checked:
    """What `check_machine` saw, for those who want to know that it saw something."""

    events: int
    outputs: int
    failures: int  # events whose step raised
    kinds: tuple[str, ...]  # "python", "batch", "native"
    digest: str  # of the final state
    journal: bool = False  # whether it was run with a journal, too
    unstored: str | None = None  # why a journal cannot store its states, where and what


def check_machine(machine: Machine, events: Any, *, journal: bool | None = None) -> Checked:
    """Run a machine in every way there is, over `events`, and compare with the reference model.

    `events`: an array of the machine's event dtype (or a list of tuples or dicts). Checked: the
    step per event, per batch and native agree, whatever the batches; `headrace.Engine` agrees with
    the reference model; a second run comes to the same; a step that raises, also one made to raise
    after it changed its state in place, leaves the state untouched; `initial()` gives a new state
    each time; the events are not written to; the state can be copied and digested.

    With a journal, on a disk in memory: states that are written down come back as they were; the
    machine goes on from them as if nothing had been; an engine that is killed, and loses its power,
    recovers to the same states, and its outputs come once each; a verified replay agrees.
    `journal`: True demands that; False leaves it out; None, the default, leaves it out where
    the states cannot be stored, which is no fault without a journal, and `Checked.unstored` says
    why.

    Raises StepMismatch, which says where two ways part; UsageError for anything but a machine.
    Blocks until done, 60 s for each wait for an engine at most. Uses threads of its own.
    """
    if isinstance(machine, Pipeline) or not isinstance(machine, Machine):
        raise UsageError(
            f"check_machine takes one machine, not {machine!r}; check the stages of a pipeline one "
            "by one"
        )
    if journal not in (True, False, None):
        raise UsageError(f"journal must be True, False or None, not {journal!r}")
    array = as_events(machine.event, events).copy()
    array.setflags(write=False)
    runs = Runs(machine, array)
    wanted = _check_without(runs)
    unstored = None
    if journal is not False:
        unstored = _check_with_journal(runs, wanted, demanded=bool(journal))
    return Checked(
        len(array),
        len(wanted.records),
        len(wanted.failed),
        runs.kinds,
        wanted.digest,
        journal is not False and unstored is None,
        unstored,
    )


def _check_without(runs: Runs) -> Run:
    """All that needs no journal; the reference model's run."""
    initial = copy.deepcopy(runs.machine.initial())
    wanted = runs.reference()
    apart = difference(initial, runs.machine.initial())
    if apart is not None:
        runs.part("initial() after a run", f"{apart}: it must give a new state each time")
    runs.agree(wanted, runs.reference(), "a second run")
    for kind in runs.kinds:
        for split in splits_for(len(runs.events)):
            what = f"the {kind} step by {split}"
            runs.agree(wanted, runs.stepper(kind, split, what), what, kind)
    _check_failing_steps(runs, wanted)
    for kind in runs.kinds:
        found, times_ns = runs.engine(kind)
        what = f"the engine with the {kind} step"
        runs.agree(runs.reference(times_ns=times_ns), found, what, kind)
    return wanted


def _check_failing_steps(runs: Runs, wanted: Run) -> None:
    """Steps made to raise when they are through: nothing of what they did may stay."""
    failed = set(wanted.failed)
    alive = [index for index in range(len(runs.events)) if index not in failed]
    if not alive:
        return
    stride = max(1, len(alive) // _FAILURES_PLANTED_MAX)
    machine = _failing(runs.machine, frozenset(alive[::stride]))
    expected = runs.reference(machine)
    for split in splits_for(len(runs.events)):
        what = f"a step that raises after its work, by {split},"
        runs.agree(expected, runs.stepper("python", split, what, machine), what)


def _check_with_journal(runs: Runs, wanted: Run, *, demanded: bool) -> str | None:
    """All that a journal asks for; why the states cannot be stored, if that is no fault."""
    try:
        states = stored_states(runs)
    except Unstored as reason:
        if demanded:
            runs.part("a state that is written down", str(reason))
        return str(reason)
    check_continued(runs, wanted, states)
    check_lives(runs)
    return None


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
