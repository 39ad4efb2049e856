"""The recorder by itself, without its thread: who waits writes, and may be interrupted anywhere."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any

import pytest
from journal_tools import EVENT, new_writer, read_all, some_events

import headrace as hr
from headrace.errors import UsageError
from headrace.journal import folder, layout, notes, writer
from headrace.journal.notes import AnyNote, Called, Digest
from headrace.runtime import recorder
from headrace.runtime.deadline import Deadline
from headrace.runtime.recorder import Recorder
from headrace.simulation import SimulatedDisk, base, disk

FOLDER = "/j"
DISK = {module.__file__ for module in (base, disk)}
OURS = {module.__file__ for module in (folder, layout, notes, writer, recorder)}


class Recorded:
    """A ring, its recorder and its journal, and what was given to them."""

    def __init__(self, level: str = "fsync") -> None:
        self.disk = SimulatedDisk()
        ring = hr.Ring.create(EVENT, 8192, timestamps=True)
        self.producer = ring.producer()
        self.failures: list[BaseException] = []
        made = new_writer(FOLDER, self.disk, level=level)
        self.recorder = Recorder(ring, made, level, self.failures.append)
        self.noted: list[AnyNote] = []

    def publish(self, count: int) -> None:
        """Some inputs, the first and the last of which are calls, and a digest behind them."""
        first = self.producer.sequence
        for sequence in dict.fromkeys((first, first + count - 1)):
            self.noted.append(Called(sequence, "c", sequence + 1))
            self.recorder.note(self.noted[-1])
        self.producer.publish(some_events(count, first))
        self.noted.append(Digest(first + count, "of a state", 0, 0, 0))
        self.recorder.note_loosely(self.noted[-1])

    def wait(self) -> None:
        assert self.recorder.wait_durable(self.producer.sequence, Deadline(1)), "it is stuck"

    def check(self, disk: SimulatedDisk) -> list[AnyNote]:
        """All inputs are there, once; the notes that are, each of which stands where it has to."""
        there, reader = read_all(FOLDER, disk)
        assert there.tobytes() == some_events(self.producer.sequence).tobytes()
        assert reader.tear is None
        found: list[AnyNote] = []
        for frame in reader.frames():
            for note in frame.notes:
                if isinstance(note, Digest):
                    assert note.sequence <= frame.header.end
                elif isinstance(note, Called) and note not in found:  # or said once more
                    assert frame.first_sequence <= note.sequence < frame.header.end
                found.append(note)
        return found


class Interrupt:
    """Ctrl-C at the n-th moment at which it can come: a function of ours begins, or one has ended.

    Each operation of the disk counts as one action, done before the interrupt.
    """

    def __init__(self, at: int) -> None:
        self.at = at
        self.moments = 0
        self.place = ""

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        if frame.f_code.co_name.startswith("<"):
            return  # a generator, which is not only begun and ended, but also thrown away
        own = frame.f_code.co_filename in OURS
        called = frame.f_back is not None and frame.f_back.f_code.co_filename in OURS
        operation = called and frame.f_code.co_filename in DISK
        if (own and event in ("call", "c_return")) or (operation and event == "return"):
            self.moments += 1
            if self.moments == self.at:
                self.place = f"{frame.f_code.co_filename}, line {frame.f_lineno}, {event}, {arg}"
                sys.setprofile(None)
                raise KeyboardInterrupt


def interrupted(at: int, level: str, more: int) -> Interrupt:
    """A life with an interrupt, after which so many inputs come; what must be true behind it."""
    life, interrupt = Recorded(level), Interrupt(at)
    life.publish(1400)
    life.wait()
    for count in (10, 1500, 1500):  # one frame; two, the second in another segment; two
        life.publish(count)
        sys.setprofile(interrupt)
        try:
            life.wait()
        except KeyboardInterrupt:
            break
        finally:
            sys.setprofile(None)
    if interrupt.place:
        if more:
            life.publish(more)
        life.wait()
    fsync = level == "fsync"
    life.check(life.disk.after_power_cut(lambda effect: False) if fsync else life.disk.after_kill())
    life.publish(1500)
    life.wait()
    check_free(life.recorder)
    life.recorder.finish()
    assert set(life.noted) <= set(life.check(life.disk))
    assert life.failures == []
    return interrupt


def check_free(recorder: Recorder) -> None:
    """Another thread can write: nobody has kept the lock."""
    free: list[bool] = []
    thread = threading.Thread(target=lambda: free.append(recorder._work.acquire(timeout=1)))
    thread.start()
    thread.join()
    assert free == [True]
    recorder._work = threading.RLock()  # whose owner is gone


@pytest.mark.parametrize(
    ("level", "more"),
    [
        ("fsync", 0),
        pytest.param("fsync", 2, marks=pytest.mark.torture),
        pytest.param("os", 2, marks=pytest.mark.torture),
    ],
)
def test_an_interrupt_at_each_moment(level: str, more: int) -> None:
    moments = interrupted(0, level, more).moments
    assert moments > 80
    for at in range(1, moments + 1):
        interrupt = Interrupt(0)
        try:
            interrupt = interrupted(at, level, more)
        except BaseException as error:
            error.add_note(f"moment {at} of {moments}")
            raise
        assert interrupt.place


def test_a_note_stands_with_its_input_and_not_before() -> None:
    """It is given before its input is published, and others may be written in between."""
    life = Recorded()
    life.recorder.note(Called(3))
    life.producer.publish(some_events(3))
    life.wait()
    assert life.check(life.disk) == []
    life.producer.publish(some_events(2, 3))
    life.wait()
    assert life.check(life.disk) == [Called(3)]


def test_a_note_of_what_was_not_published() -> None:
    life = Recorded()
    for note in (Called(0, "a", 1), Called(0, "b", 1)):
        life.recorder.note(note)
        life.recorder.take_back(note)
    life.recorder.take_back(Called(0))  # of nothing
    life.producer.publish(some_events(1))
    life.wait()
    assert life.check(life.disk) == []


@pytest.mark.parametrize("count", [1, 5])
def test_durable_is_on_the_disk(count: int) -> None:
    life = Recorded()
    for _ in range(4):
        life.producer.publish(some_events(count, life.producer.sequence))
        life.wait()
        life.check(life.disk.after_power_cut(lambda effect: False))


def test_who_interrupts_itself_cannot_wait() -> None:
    """A signal's handler that waits for what it has interrupted would wait for ever."""
    life = Recorded()
    life.publish(1)
    told: list[UsageError] = []

    def handle(number: int, frame: object) -> None:
        with pytest.raises(UsageError, match="a signal's handler has interrupted") as caught:
            life.recorder.wait_durable(1, Deadline(5))
        told.append(caught.value)

    write = life.recorder.writer._write

    def interrupting(*parts: Any, **options: Any) -> None:
        signal.raise_signal(signal.SIGUSR1)
        write(*parts, **options)

    before = signal.signal(signal.SIGUSR1, handle)
    life.recorder.writer._write = interrupting  # type: ignore[method-assign]
    try:
        life.wait()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(told) == 1
    life.check(life.disk.after_power_cut(lambda effect: False))
