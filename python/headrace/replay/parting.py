"""Where a replay goes another way than the journal says it had gone, and how.

A digest tells that something is different at its sequence, not what. What else the journal has
narrows it down: a journal of outputs names the first output that differs; a snapshot of the same
sequence has the state as it was; and the machine stepped over the same inputs twice shows whether
it does the same each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.compose import Topology
from headrace.errors import JournalError, JournalNotFound, ReplayParted
from headrace.journal.folder import OUTPUTS, join
from headrace.journal.index import Index
from headrace.journal.notes import Digest
from headrace.journal.reader import Reader
from headrace.machine import Machine
from headrace.replay.changes import Change, changes
from headrace.replay.fold import Bookmark, Fold
from headrace.replay.source import FailedSteps, Source

Records = np.ndarray[Any, Any]
SHOWN_MAX = 3


@dataclass(frozen=True)
class Parting:
    """The first input over which two folds come to different states or outputs."""

    sequence: int
    changes: list[Change]  # of the states behind it
    outputs: tuple[Records, Records] | None  # that it led to, if these differ

    def __str__(self) -> str:
        told = [str(change) for change in self.changes[:SHOWN_MAX]]
        if len(self.changes) > SHOWN_MAX:
            told.append(f"and {len(self.changes) - SHOWN_MAX} more")
        if self.outputs is not None:
            told.append(f"outputs {_shown(self.outputs[0])} and {_shown(self.outputs[1])}")
        return f"input {self.sequence:,}: {'; '.join(told)}"


def _shown(records: Records) -> str:
    return "none" if not len(records) else ", ".join(str(record) for record in records[:SHOWN_MAX])


def explain_parting(
    source: Source, step: str | None, good: Bookmark, digest: Digest
) -> ReplayParted:
    """Why the machine, which was right at `good`, is not what `digest` says at its sequence."""
    begin, end = good.sequence, digest.sequence
    one = _fold_from(source, step, good)
    other = _fold_from(source, step, good)
    again = first_parting(source, one, other, end)
    if again is not None:
        return ReplayParted(
            f"the machine is not deterministic: over the same inputs it goes two ways, at {again}",
            again.sequence,
            again.sequence,
        )
    told = [f"between input {begin:,} and input {end - 1:,}"]
    first, last = begin, end - 1
    output = _first_other_output(source, step, good, end)
    if output is not None:
        first = last = output[0]
        told = [f"at input {first:,}, whose outputs {output[1]}"]
    elif end - begin == 1:
        told = [f"at input {begin:,}"]
    if one.made[-1] != digest.outputs:
        told.append(f"the outputs were {digest.outputs:,}, and are {one.made[-1]:,}")
    elif one.rolling.intdigest() != digest.rolling:
        told.append("outputs differ")
    if one.digest != digest.state:
        told.append(f"the state differs{_state_changes(source, one)}")
    writer = source.other_writer
    why = (
        "The machine is another one than wrote the journal, or it depends on something else than "
        "its inputs"
        if writer is None
        else f"The journal was written by {writer}"
    )
    return ReplayParted(
        f"the replay goes another way {'; '.join(told)}. {why}",
        first,
        last,
    )


def _fold_from(source: Source, step: str | None, place: Bookmark) -> Fold:
    fold = source.fold(step)
    fold.go_to(place)
    return fold


def first_parting(source: Source, one: Fold, other: Fold, end: int) -> Parting | None:
    """Step two folds side by side to an end; where they part first. They stand at one place.

    Batch by batch, and only where they part input by input.
    """
    while one.sequence < end:
        here = one.bookmark(), other.bookmark()
        stop = min(end, one.sequence + 4096)
        made = [], []  # type: tuple[list[Records], list[Records]]
        for events, times in source.index.slices(one.sequence, stop):
            made[0].append(one.run(events, times))
            made[1].append(other.run(events, times))
        same = [part.tobytes() for part in made[0]] == [part.tobytes() for part in made[1]]
        if same and not changes(one.live_state, other.live_state):
            continue
        one.go_to(here[0])
        other.go_to(here[1])
        found = _input_by_input(source, one, other, stop)
        if found is not None:
            return found
    return None


def _input_by_input(source: Source, one: Fold, other: Fold, end: int) -> Parting | None:
    for events, times in source.index.slices(one.sequence, end):
        for index in range(len(events)):
            event, time = events[index : index + 1], times[index : index + 1]
            made = one.run(event, time), other.run(event, time)
            differ = made[0].tobytes() != made[1].tobytes()
            found = changes(one.live_state, other.live_state)
            if differ or found:
                copied = [
                    Change(each.path, Fold.copied(each.before), Fold.copied(each.after))
                    for each in found
                ]
                return Parting(one.sequence - 1, copied, made if differ else None)
    return None


def _first_other_output(
    source: Source, step: str | None, good: Bookmark, end: int
) -> tuple[int, str] | None:
    """The first input whose outputs are others than the journal of outputs has."""
    fold = _fold_from(source, step, good)
    try:
        kept = Index(Reader(source.disk, join(source.folder, OUTPUTS)))
        have = kept.end
        for events, times in source.index.slices(fold.sequence, end):
            first = fold.made[-1]
            records = fold.run(events, times)
            stop = min(fold.made[-1], have)
            was = [each for each, _ in kept.slices(first, stop)] if first < stop else []
            at = 0
            for part in was:
                now = records[at : at + len(part)]
                if part.tobytes() != now.tobytes():
                    index = next(
                        i for i in range(len(part)) if part[i].tobytes() != now[i].tobytes()
                    )
                    inputs = part[index]["input_sequence"], now[index]["input_sequence"]
                    return int(min(inputs)), f"were {part[index]}, and are {now[index]}"
                at += len(part)
    except (JournalNotFound, JournalError, IndexError, ValueError):
        return None
    return None


def _state_changes(source: Source, fold: Fold) -> str:
    """How a state differs from the snapshot of the same sequence, if there is one."""
    snapshot = source.snapshot(fold.sequence)
    if snapshot is None:
        return ""
    was = source.fold()
    try:
        was.restore(snapshot)
    except Exception as error:  # of another machine: then that is what differs
        return f" ({error})"
    found = changes(was.live_state, fold.live_state)
    told = [str(change) for change in found[:SHOWN_MAX]]
    if len(found) > SHOWN_MAX:
        told.append(f"and {len(found) - SHOWN_MAX} more")
    return f": {'; '.join(told)}" if told else ""


def rehearse(path: Any, machine: Machine | Topology, new: Machine | Topology) -> Rehearsal:
    """The same history through another version: where, and in how much, it goes another way."""
    source = Source(path, machine)
    end = source.index.end
    parting = first_parting(source, source.fold(), source.fold(None, new), end)
    failed = FailedSteps(), FailedSteps()
    one = source.fold(on_failure=failed[0].add)
    other = source.fold(None, new, failed[1].add)
    outputs_differ = 0
    first_output: tuple[Records, Records] | None = None
    for events, times in source.index.slices(0, end):
        made = one.run(events, times), other.run(events, times)
        if made[0].tobytes() != made[1].tobytes():
            gone, added = _differing(made[0], made[1])
            outputs_differ += max(len(gone), len(added))
            first_output = first_output or (gone, added)
    found = changes(one.state, other.state)
    return Rehearsal(end, parting, outputs_differ, first_output, found, *failed)


@dataclass(frozen=True)
class Rehearsal:
    """What another version of a machine makes of a journal."""

    inputs: int
    parting: Parting | None  # the first input with other outputs or another state
    outputs_differ: int
    first_outputs: tuple[Records, Records] | None  # that differ: before, and with the new version
    state_changes: list[Change]  # at the end
    failed: FailedSteps  # of the machine
    failed_anew: FailedSteps  # of the new version


def _differing(one: Records, other: Records) -> tuple[Records, Records]:
    """Records that only one of two arrays has."""
    ours = {record.tobytes() for record in one}
    theirs = {record.tobytes() for record in other}
    gone = [i for i, record in enumerate(one) if record.tobytes() not in theirs]
    added = [i for i, record in enumerate(other) if record.tobytes() not in ours]
    return one[gone], other[added]
