"""One worker of an elastic stage, by hand: the test is its stream, its readers, and the others.

What it does hangs on no other thread here, so each of its rules is seen by itself: what it steps
and when, what may leave, what it lets go of.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from elastic_tools import elastic, keys_of, rows, total

from headrace.compose import lay_out
from headrace.elastic.handover import (
    COORDINATOR,
    Drain,
    Free,
    Hold,
    Holding,
    Keep,
    Message,
    Own,
    State,
    Taken,
)
from headrace.engine import Stepper
from headrace.replay.partitioned import Partitioned
from headrace.runtime.elastic_links import Letter, Links
from headrace.runtime.elastic_worker import ElasticWorker
from headrace.runtime.sources import Batch

AT = 0  # the partition that moves
MOVED, OTHER = keys_of(AT)[0], keys_of(1)[0]
EPOCH = 1
BATCH = 64


class Stream:
    """Events as they come, and how many of them were let go of."""

    reads_ahead = True
    ended = False

    def __init__(self) -> None:
        self.sequence = 0
        self._come = rows()
        self._read = 0

    def add(self, events: Any) -> None:
        self._come = np.concatenate([self._come, events])

    def poll(self, size_max: int, timeout: float | None = None) -> Batch | None:
        first, events = self._read, self._come[self._read :][:size_max]
        self._read += len(events)
        return Batch(events, np.zeros(len(events), np.int64), None, first) if len(events) else None

    def release_to(self, end: int) -> None:
        assert self.sequence < end <= self._read
        self.sequence = end


class Alone:
    """A worker, number 1, and all that it has said and put out."""

    def __init__(self, *owned: int, ordered: bool = True) -> None:
        stage = lay_out(elastic(min=2, ordered=ordered)).stages[1]
        assert stage.slot is not None
        self.stream = Stream()
        self.was_read = True  # what other workers have put out
        self.sent: list[tuple[int, Message]] = []
        self.steppers: list[Stepper | None] = []  # that went with it
        self.out: list[list[int]] = []  # input_sequence, key, sum
        partitioned = Partitioned(stage.slot.node, None)
        links = Links(self._send, self._failed, self._emit, lambda *_: self.was_read, lambda: None)
        self.worker = ElasticWorker(stage, partitioned, 0, BATCH, owned, links)
        self.worker.begin(self.stream)  # type: ignore[arg-type]

    def tell(self, message: Message, state: int | None = None) -> None:
        """Have it hear of the partition that moves; `state`: comes along."""
        stepper = None
        if state is not None:
            stepper = Stepper(total, None)
            stepper.restore(state, message.at)  # type: ignore[union-attr]
        self.worker.letters.put(Letter(AT, message, stepper, 0))
        self.turn()

    def read(self, *pairs: tuple[int, int]) -> None:
        """Have it read events, all as one batch, and put out what it may."""
        self.stream.add(rows(*pairs))
        self.turn()
        assert self.worker.read == len(self.stream._come)

    def turn(self) -> None:
        self.worker._pace.size = BATCH  # however long its steps took
        for _ in range(2):  # it reads, and puts out what it made
            assert self.worker.turn()

    @property
    def inputs(self) -> list[int]:
        """Whose outputs have left."""
        return [sequence for sequence, _, _ in self.out]

    def _send(self, to: int, letter: Letter) -> None:
        self.sent.append((to, letter.message))
        self.steppers.append(letter.stepper)

    def _failed(self, error: Any, event: Any) -> bool:
        raise error

    def _emit(self, records: Any) -> int:
        self.out += records[["input_sequence", "key", "sum"]].tolist()
        return len(records)


def holding(since: int, ordered: bool = True) -> Alone:
    """One that has read so many events of its own, and holds a partition back from there on."""
    alone = Alone(1, ordered=ordered)
    alone.read(*[(OTHER, 1)] * since)
    alone.tell(Hold(EPOCH, 0))
    assert alone.sent == [(COORDINATOR, Holding(EPOCH, since))]
    return alone


# -- a partition comes ---------------------------------------------------------------------------


def test_outputs_wait_behind_what_is_held_back() -> None:
    """In order: none leaves from the oldest event on that is not stepped yet."""
    alone = holding(since=2)
    alone.read((OTHER, 1), (MOVED, 1), (OTHER, 1), (MOVED, 1), (OTHER, 1))
    assert alone.worker.stepped == 5, "its own events it has stepped"
    assert alone.inputs == [0, 1]
    alone.tell(State(EPOCH, 2, 0), state=40)
    assert alone.sent[1:] == [(COORDINATOR, Taken(EPOCH, 2))]
    assert alone.inputs == [0, 1], "it is not the owner yet"
    alone.tell(Own(EPOCH))
    assert alone.inputs == list(range(7))


def test_what_is_held_back_is_not_let_go_of() -> None:
    """Or a drain would not wait for it, and a successor could not read it again."""
    alone = holding(since=2)
    alone.read((OTHER, 1), (MOVED, 1), (OTHER, 1))
    assert alone.stream.sequence == 2
    alone.tell(State(EPOCH, 2, 0), state=0)
    assert alone.stream.sequence == 2
    alone.tell(Own(EPOCH))
    assert alone.stream.sequence == 5


def test_all_that_was_held_back_is_stepped_on_the_state_that_came() -> None:
    alone = holding(since=2)
    alone.read((MOVED, 1), (OTHER, 1), (MOVED, 2))
    alone.tell(State(EPOCH, 2, 0), state=40)
    alone.read((MOVED, 3))
    alone.tell(Own(EPOCH))
    alone.read((MOVED, 4))
    moved = [(sequence, total) for sequence, key, total in alone.out if key == MOVED]
    assert moved == [(2, 41), (4, 43), (5, 46), (6, 50)]


def test_who_reads_behind_the_old_owner_does_not_step_what_that_has_stepped() -> None:
    """The state is ahead: events before that come to it, and are passed over."""
    alone = holding(since=2)
    alone.tell(State(EPOCH, 4, 0), state=40)
    alone.tell(Own(EPOCH))
    alone.read((MOVED, 1), (OTHER, 1), (MOVED, 2), (MOVED, 3))
    assert [row for row in alone.out if row[1] == MOVED] == [(4, MOVED, 42), (5, MOVED, 45)]


def test_a_state_waits_until_the_old_owners_outputs_were_read() -> None:
    """Where outputs are not brought in order: else those of a key could overtake each other."""
    alone = holding(since=0, ordered=False)
    alone.was_read = False
    alone.tell(State(EPOCH, 0, 0), state=40)
    assert alone.sent[1:] == []
    alone.was_read = True
    alone.turn()
    assert alone.sent[1:] == [(COORDINATOR, Taken(EPOCH, 0))]


# -- a partition goes ----------------------------------------------------------------------------


def test_the_owner_stops_where_it_hands_over() -> None:
    """Behind that it holds back, in case it has to take the partition back."""
    alone = Alone(AT, 1)
    alone.read((MOVED, 1), (MOVED, 2))
    alone.tell(Drain(EPOCH, 4, 0))
    assert alone.sent == [], "the other has read further"
    alone.read((MOVED, 3), (MOVED, 4), (MOVED, 5), (OTHER, 1), (MOVED, 6))
    assert alone.sent == [(0, State(EPOCH, 4, 0))]
    (stepper,) = alone.steppers
    assert stepper is not None
    assert stepper.state == 10
    assert alone.inputs == [0, 1, 2, 3]
    assert alone.stream.sequence == 4


@pytest.mark.parametrize(("message", "inputs"), [(Free, [0, 2]), (Keep, [0, 1, 2])])
def test_it_is_free_of_the_partition_or_takes_it_back(message: Any, inputs: list[int]) -> None:
    alone = Alone(AT, 1)
    alone.read((MOVED, 1))
    alone.tell(Drain(EPOCH, 1, 0))
    assert alone.sent == [(0, State(EPOCH, 1, 0))]
    alone.read((MOVED, 2), (OTHER, 1))
    assert (alone.inputs, alone.stream.sequence) == ([0], 1)
    alone.tell(message(EPOCH))
    assert (alone.inputs, alone.stream.sequence) == (inputs, 3)
