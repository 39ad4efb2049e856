"""A machine in an engine with a journal that is killed, loses its power, and is opened again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from headrace.errors import HeadraceError, StepMismatch
from headrace.journal import Journal
from headrace.journal.layout import BLOCK_BYTES, aligned
from headrace.journal.settings import SEGMENT_BYTES_MIN
from headrace.reference import ReferenceEngine
from headrace.replay.replay import Replay
from headrace.replay.source import Source
from headrace.runtime import Engine
from headrace.simulation import SimulatedDisk
from headrace.state import difference
from headrace.testing.runs import SECONDS_MAX, Array, Run, Runs
from headrace.testing.stored import begin_anew

_FOLDER = "/check_machine"
_DIGESTS = 16
_SEGMENTS = 4
_CAPACITY_MAX = 4096


def check_lives(runs: Runs) -> None:
    """Four engines, one after the other, on one journal; then replays. Raises StepMismatch.

    The first is killed, the second loses its power behind a snapshot, the third is closed, the
    fourth has nothing to do any more. No event is lost, stepped over twice, or answered otherwise.
    """
    if not len(runs.events):
        return
    lives = _Lives(runs)
    try:
        lives.live()
        lives.compare()
    except StepMismatch:
        raise
    except HeadraceError as error:
        runs.part(lives.what, f"{type(error).__name__}: {error}")


@dataclass(frozen=True)
class _Seen:
    """What an engine had come to after so many events; its failures since the snapshot."""

    what: str
    since: int
    sequence: int
    state: Any
    failed: list[int]


class _Lives:
    def __init__(self, runs: Runs) -> None:
        self.what = ""  # what is being done
        self._runs = runs
        count = len(runs.events)
        self._disk = SimulatedDisk(sector_bytes=BLOCK_BYTES)
        part = (runs.events.nbytes + 8 * count) // _SEGMENTS
        self._segment_bytes = max(SEGMENT_BYTES_MIN, aligned(part, BLOCK_BYTES))
        self._digest_every = max(1, count // _DIGESTS)
        self._capacity = min(_CAPACITY_MAX, 1 << max(4, count - 1).bit_length())
        self._number = 0
        self._since = 0
        self._seen: list[_Seen] = []
        self._parts: list[Array] = []  # outputs as a reader has them who is given each once
        self._last = (-1, -1)  # the id of the last one

    def live(self) -> None:
        count = len(self._runs.events)
        first, second, third = (count * quarter // 4 for quarter in (1, 2, 3))
        with self._engine("an engine with a journal", None, 0) as engine:
            self._publish(engine, 0, first)
            self._read(engine)
            self._disk = self._disk.after_kill()
        with self._engine("an engine recovered after a kill", None, first) as engine:
            self._publish(engine, first, second)
            engine.snapshot(SECONDS_MAX)
            self._publish(engine, second, third)  # the outputs are left to who comes next
            self._disk = self._disk.after_power_cut(lambda effect: False)
        with self._engine("an engine recovered after a power cut", second, third) as engine:
            self._publish(engine, third, count)
            self._read(engine)
            engine.snapshot(SECONDS_MAX)
        with self._engine("an engine opened on a snapshot", count, count) as engine:
            self._read(engine)

    @contextmanager
    def _engine(self, what: str, snapshot: int | None, sequence: int) -> Iterator[Engine]:
        """An engine that finds so many events, and a snapshot before one of them."""
        kind = self._runs.kinds[self._number % len(self._runs.kinds)]
        self._number += 1
        self.what = f"{what} (with the {kind} step)"
        with Engine(
            self._runs.machine,
            self._capacity,
            step=kind,
            on_error="dead_letter",
            dead_letters_max=len(self._runs.events),
            keep_outputs=1 << 28,
            journal=self._journal(),
        ) as engine:
            assert engine.recovery is not None
            found = engine.recovery.snapshot
            if (found and found.sequence, engine.sequence) != (snapshot, sequence):
                self._part(f"it has {engine.sequence} events, and not {sequence}")
            self._since = snapshot or 0
            self._see(engine)
            yield engine
        begin_anew(self._runs, kind)

    def _journal(self) -> Journal:
        return Journal(
            _FOLDER,
            segment_bytes=self._segment_bytes,
            snapshot_every=None,
            digest_every=self._digest_every,
            outputs=True,
            disk=self._disk,
        )

    def _publish(self, engine: Engine, begin: int, end: int) -> None:
        if begin < end:
            engine.publish(self._runs.events[begin:end], SECONDS_MAX, durable=True)
        engine.drain(SECONDS_MAX)
        self._see(engine)

    def _see(self, engine: Engine) -> None:
        failed = [letter.sequence for letter in engine.dead_letters]
        self._seen.append(_Seen(self.what, self._since, engine.sequence, engine.state, failed))

    def _read(self, engine: Engine) -> None:
        if self._runs.machine.output is None:
            return
        for records in engine.outputs(after=self._last):
            self._parts.append(records.copy())
            last = records[-1]
            self._last = int(last["input_sequence"]), int(last["output_index"])

    # Afterwards the journal says when the events came, which states may depend on.

    def compare(self) -> None:
        self.what = "the journal"
        wanted = self._compare_states(self._times())
        whole = Run(self._runs.joined(self._parts), wanted.failed, wanted.state)
        self._runs.agree(wanted, whole, "what was read of the engines with a journal")
        for kind in self._runs.kinds:
            self.what = f"a verified replay with the {kind} step"
            replay = Replay(self._journal(), self._runs.machine, step=kind)
            parts = [records.copy() for records in replay.outputs()]
            found = Run(self._runs.joined(parts), wanted.failed, replay.state)
            self._runs.agree(wanted, found, self.what)
            assert replay.checked

    def _times(self) -> Array:
        """When each event came; the events in the journal must be those that were published."""
        events = self._runs.events
        index = Source(self._journal(), self._runs.machine).index
        times = [np.zeros(0, np.int64)]
        at = 0
        for part, part_times in index.slices(0, index.end):
            behind = at + len(part)
            apart = difference(events[at:behind], part, f"events from {at} on, number ")
            if apart is not None:
                self._part(f"{apart} (what was published first)")
            times.append(part_times.copy())
            at = behind
        if at != len(events):
            self._part(f"it has {at} events, and not {len(events)}")
        return np.concatenate(times)

    def _compare_states(self, times: Array) -> Run:
        """Compare what was seen; the reference model's run."""
        runs = self._runs
        reference = ReferenceEngine(runs.machine, on_error="dead_letter")
        for seen in self._seen:  # each has seen as many events as the one before, or more
            new = slice(reference.sequence, seen.sequence)
            reference.publish(runs.events[new], times[new])
            runs.agree_on_states(reference.state, seen.state, seen.what)
            failed = [each.sequence for each in reference.failures]
            own = [each for each in failed if each >= seen.since]
            runs.agree_on_failures(own, sorted(seen.failed), seen.what)
        return Run(reference.outputs, failed, reference.state)

    def _part(self, where: str) -> NoReturn:
        self._runs.part(self.what, where)
