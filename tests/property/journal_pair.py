"""An engine with a journal on a simulated disk, and its reference: both are told the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np

import headrace as hr
from headrace.compose import stages_of
from headrace.errors import HeadraceError, ReplayParted, StepError
from headrace.events import record_dtype
from headrace.journal.folder import OUTPUTS, holds_a_journal, join
from headrace.journal.notes import Called
from headrace.journal.reader import Reader
from headrace.journal.snapshots import newest_snapshot
from headrace.reference import (
    JournaledInput,
    ReferenceFiles,
    ReferenceJournaledEngine,
    fold_from_the_beginning,
)
from headrace.simulation import PowerCut, SimulatedDisk
from headrace.state import difference, state_digest

FOLDER = "/journal"
CAPACITY = 512  # more than is published at once: so a halted engine has taken all of it
SECONDS = 20


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returned, or its error."""
    try:
        return call()
    except (HeadraceError, PowerCut) as error:
        return error


def frames(disk: SimulatedDisk, folder: str) -> tuple[int, int, list[Any]]:
    """From where and to where a journal goes, and its frames."""
    reader = Reader(disk, folder)
    found = list(reader.frames())
    assert reader.end is not None
    return reader.first_sequence, reader.end.sequence, found


def clients(snapshot: Any) -> list[tuple[str, int]]:
    """Whose last call a snapshot of the reference knows, and its number."""
    return [(client, answer.number) for client, answer in snapshot.answers.items()]


class Pair:
    """`engine` and `reference` are None while nothing is open."""

    def __init__(self, machine: Any) -> None:
        self.machine = machine
        self.disk = SimulatedDisk(sector_bytes=4096)
        self.files = ReferenceFiles()
        self.engine: hr.Engine | None = None
        self.reference: Any = None
        self.halted = False
        self.ids: list[tuple[int, int]] = [(-1, 0)]  # of outputs that were seen
        self._left: list[hr.Engine] = []

    # -- opening, and what comes before it --------------------------------------------------------

    def open(self, settings: dict[str, Any], step: str | None, on_error: str) -> bool:
        """Open both; whether they could be."""
        wanted = outcome(lambda: self.opened_reference(settings, on_error))
        self.journal = hr.Journal(FOLDER, disk=self.disk, snapshot_every=None, **settings)
        found = outcome(
            lambda: hr.Engine(
                self.machine, CAPACITY, step=step, on_error=on_error, journal=self.journal
            )
        )
        self.same_kind(wanted, found)
        if isinstance(wanted, Exception):
            self.look_at_the_outputs(self.files)
            return False
        self.engine, self.reference, self.halted = found, wanted, False
        self.watch = found.input_ring.consumer("watch")
        recovery = found.recovery
        snapshot = recovery.snapshot and recovery.snapshot.sequence
        assert (snapshot, recovery.inputs) == (wanted.recovery.snapshot, wanted.recovery.inputs)
        self.check()
        return True

    def open_and_crash(self, settings: dict[str, Any], operations: int, chance: int) -> None:
        """Begin to open the journal, and lose the power after so many operations."""
        self.disk.crash_at = len(self.disk.operations) + operations
        journal = hr.Journal(FOLDER, disk=self.disk, snapshot_every=None, **settings)
        found = outcome(lambda: hr.Engine(self.machine, CAPACITY, journal=journal))
        if isinstance(found, hr.Engine):
            self._left.append(found)
        before = vars(self.files).copy()
        outcome(lambda: self.opened_reference(settings, "halt"))
        self.promise_no_more_than(before)
        if before["outputs"] and len(before["outputs"]) > len(self.files.outputs or []):
            self.files.outputs = before["outputs"]  # not cut off yet
        self.take_disk(chance)

    def promise_no_more_than(self, before: dict[str, Any]) -> None:
        for name in ("written", "synced", "outputs_written", "outputs_synced"):
            setattr(self.files, name, min(before[name], getattr(self.files, name)))

    def opened_reference(self, settings: dict[str, Any], on_error: str) -> Any:
        own = {name: settings[name] for name in ("level", "outputs", "clients_max")}
        return ReferenceJournaledEngine(self.machine, self.files, on_error=on_error, **own)

    def same_kind(self, wanted: Any, found: Any) -> None:
        """Both errors, of one kind, or neither."""
        if isinstance(wanted, ReplayParted) and isinstance(found, StepError):
            return  # an input behind it, which the engine steps over in the same batch, halts it
        error = isinstance(wanted, BaseException), isinstance(found, BaseException)
        if error[0] != error[1] or (error[0] and type(wanted) is not type(found)):
            raise AssertionError(f"{found!r}, and not {wanted!r}") from (
                found if error[1] else wanted if error[0] else None
            )
        if isinstance(found, StepError) and not isinstance(self.machine, hr.Pipeline):
            assert found.sequence == wanted.sequence

    def take_disk(self, chance: int | None) -> None:
        """Go on with the disk as a kill leaves it, or as a power cut does by some chance."""
        if chance is None:
            self.disk = self.disk.after_kill()
        else:
            cuts = list(islice(self.disk.power_cuts(4, seed=chance, tears=chance % 2 == 0), 4))
            self.disk = cuts[chance % len(cuts)]
        if self.engine is not None:
            self._left.append(self.engine)
            self.engine = self.reference = None
        inputs = self.look_at_the_inputs()
        outputs = self.outputs_end()
        snapshot, _ = newest_snapshot(self.disk, FOLDER, None)
        newest = -1 if snapshot is None else snapshot.sequence
        after = self.files.after_kill if chance is None else self.files.after_power_cut
        self.files = after(inputs, outputs)
        self.look_at_the_outputs(self.files)
        while self.files.snapshots and self.files.snapshots[-1].sequence > newest:
            taken = self.files.snapshots.pop()
            assert taken.sequence == self.tentative, "a snapshot is gone"
        if self.replaced is not None and self.replaced.sequence == newest:
            there = [(each.client, each.number) for each in snapshot.answers]
            if there != clients(self.files.snapshots[-1]):
                assert there == clients(self.replaced)
                self.files.snapshots[-1] = self.replaced
        self.tentative = self.replaced = None

    tentative: int | None = None  # a snapshot that was not acknowledged
    replaced: Any = None  # the one whose place it was to take

    def look_at_the_inputs(self) -> int:
        """How many are there; each must be as it was given, with its time and its caller."""
        if not holds_a_journal(self.disk, FOLDER):
            return 0
        _, end, found = frames(self.disk, FOLDER)
        called = {n.sequence: n for f in found for n in f.notes if isinstance(n, Called)}
        for frame in found:
            for index in range(frame.count):
                note = called.get(frame.first_sequence + index)
                one = JournaledInput(
                    frame.events[index : index + 1],
                    int(frame.times[index]),
                    note is not None,
                    note.client if note else "",
                    note.number if note else 0,
                )
                wanted = vars(self.files.inputs[frame.first_sequence + index])
                assert vars(one) | {"event": 0} == wanted | {"event": 0}
                assert one.event.tobytes() == wanted["event"].tobytes()
        return end

    def outputs_end(self) -> int | None:
        folder = join(FOLDER, OUTPUTS)
        return frames(self.disk, folder)[1] if holds_a_journal(self.disk, folder) else None

    def look_at_the_outputs(self, files: ReferenceFiles) -> None:
        """Each in their journal must be as it was made; the reference may have more."""
        end = self.outputs_end()
        if end is None:
            files.outputs = None
            return
        first, end, found = frames(self.disk, join(FOLDER, OUTPUTS))
        assert files.outputs is not None
        assert first == files.outputs_first
        kept = b"".join(frame.events.tobytes() for frame in found)
        files.outputs = files.outputs[: end - first]
        assert kept == b"".join(each.tobytes() for each in files.outputs)

    # -- commands ---------------------------------------------------------------------------------

    def times(self) -> Any:
        """When the engine took what was published since."""
        batch = self.watch.poll()
        times = self.watch.times.copy() if len(batch) else np.zeros(0, np.int64)
        del batch
        self.watch.release()
        return times

    def publish(self, events: Any, durable: bool) -> None:
        assert self.engine is not None
        found = outcome(lambda: self.engine.publish(events, SECONDS, durable=durable))
        times = self.times()
        if isinstance(found, PowerCut):  # while waiting for it, or before anything was taken
            if len(times):
                assert len(times) == len(events)
                self.reference.publish(events, times)
            return
        if not self.halted:
            assert len(times) == len(events)
        wanted = outcome(lambda: self.reference.publish(events, times, durable=durable))
        self.same_kind(wanted, found)
        assert isinstance(found, StepError) or found == wanted
        assert not durable or isinstance(found, StepError) or self.is_durable(found + len(events))

    def is_durable(self, end: int) -> bool:
        assert self.engine is not None
        return self.engine.durable >= end or self.journal.level == "none"

    def drain(self) -> None:
        assert self.engine is not None
        found = outcome(lambda: self.engine.drain(SECONDS))
        wanted = outcome(self.reference.drain)
        self.same_kind(wanted, found)
        self.halted = self.reference.halted
        self.check()

    def call(self, event: Any, client: str | None, number: int | None) -> None:
        assert self.engine is not None
        found = outcome(lambda: self.engine.call(event, SECONDS, client=client, number=number))
        times = self.times()
        runs = not self.halted and outcome(lambda: self.reference.would_run(client, number))
        if isinstance(found, PowerCut) and runs is True and not len(times):
            return  # it came before the call was taken
        assert len(times) == (runs is True)
        time_ns = int(times[0]) if len(times) else 0
        if isinstance(found, PowerCut):
            before = vars(self.files).copy()
            outcome(lambda: self.reference.call(event, time_ns, client, number))
            self.promise_no_more_than(before)
            return
        wanted = outcome(lambda: self.reference.call(event, time_ns, client, number))
        self.same_kind(wanted, found)
        if not isinstance(wanted, Exception):
            assert found.tobytes() == wanted.tobytes()
            assert found.dtype == wanted.dtype
        self.check()

    def snapshot(self) -> None:
        assert self.engine is not None
        self.tentative = self.reference.sequence
        found = outcome(lambda: self.engine.snapshot(SECONDS))
        before = vars(self.files).copy()
        wanted = outcome(self.reference.snapshot)
        if isinstance(found, PowerCut):
            self.promise_no_more_than(before)
            same = [each for each in before["snapshots"] if each.sequence == self.tentative]
            self.replaced = same[0] if same else None
            return
        self.tentative = None
        self.same_kind(wanted, found)
        assert isinstance(found, StepError) or found == wanted

    def read(self, after: tuple[int, int] | None) -> None:
        assert self.engine is not None
        parts: list[Any] = []

        def collect() -> None:
            parts.extend(part.copy() for part in self.engine.outputs(after=after))

        found = outcome(collect)
        wanted = outcome(lambda: self.reference.outputs(after))
        if isinstance(wanted, Exception):
            self.same_kind(wanted, found)
            return
        assert isinstance(found, StepError) if self.halted else found is None, repr(found)
        dtype = record_dtype(stages_of(self.machine)[-1].output)
        joined = np.concatenate([np.zeros(0, dtype), *parts])
        assert joined.tolist() == wanted.tolist()
        assert joined.tobytes() == wanted.tobytes()
        self.ids += [(int(r["input_sequence"]), int(r["output_index"])) for r in wanted[-3:]]
        del self.ids[:-12]

    def close(self) -> None:
        """Close both; what is in the journal then comes to the same by itself."""
        assert self.engine is not None
        found = outcome(lambda: self.engine.close(SECONDS))
        assert isinstance(found, StepError) if self.halted else found is None, repr(found)
        state = None if self.halted else self.engine.state
        self.files = self.reference.close()
        assert self.look_at_the_inputs() == len(self.files.inputs)
        if self.reference.kept_outputs:
            assert self.outputs_end() == self.reference.made
        self.look_at_the_outputs(self.files)
        self.engine = self.reference = None
        if self.files.inputs:
            self.replay(state)

    def replay(self, state: Any) -> None:
        wanted = fold_from_the_beginning(self.machine, self.files)
        replayed = hr.replay(self.journal, self.machine)
        assert (replayed.sequence, replayed.made) == (wanted.sequence, wanted.made)
        assert replayed.digest == wanted.digest
        assert difference(wanted.state, replayed.state) is None
        assert state is None or difference(wanted.state, state) is None

    # -- comparing --------------------------------------------------------------------------------

    def check(self) -> None:
        assert self.engine is not None
        letters = [(letter.machine, letter.sequence) for letter in self.engine.dead_letters]
        failures = [(each.machine, each.sequence) for each in self.reference.failures]
        if self.halted:
            failures.pop()
            if isinstance(self.machine, hr.Pipeline):
                return  # a stage in front may have gone on
        assert sorted(letters) == sorted(failures)
        assert self.engine.sequence == self.reference.sequence
        state = self.engine.state
        assert difference(self.reference.state, state) is None
        assert state_digest(state) == self.reference.digest

    def end(self) -> None:
        """Let go of everything that was opened."""
        for engine in [*self._left, *([self.engine] if self.engine else [])]:
            with contextlib.suppress(HeadraceError, PowerCut):
                engine.close(SECONDS)
