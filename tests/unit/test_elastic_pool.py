"""The pool of an elastic stage, by hand: what it says to places where nobody works, and when."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from elastic_tools import elastic, wait_until

from headrace.compose import lay_out
from headrace.elastic.handover import (
    COORDINATOR,
    Cancel,
    Drain,
    Hold,
    Holding,
    Keep,
    Message,
    Own,
)
from headrace.replay import PassedOver
from headrace.runtime import messages
from headrace.runtime.elastic_letters import posted
from headrace.runtime.elastic_links import Letter
from headrace.runtime.elastic_remote import RemoteElastic
from headrace.runtime.pool import Pool
from headrace.runtime.remote import WorkerRun
from headrace.runtime.task import Task
from headrace.runtime.worker import WorkerSpec


class Place:
    """Keeps what its worker is told."""

    measured, done = (0, 0, 0.0), 0

    def __init__(self) -> None:
        self.told: list[tuple[int, Message]] = []

    def put(self, letter: Letter) -> None:
        self.told.append((letter.partition, letter.message))


def pool_and_places() -> tuple[Pool, list[Place]]:
    """Two workers, of which the first has the even partitions; there may be a third one."""
    slot = lay_out(elastic(min=2, max=3)).stages[0].slot
    assert slot is not None
    places = [Place() for _ in range(3)]
    return Pool(slot, places, lambda place: 0), places


@pytest.mark.parametrize(
    ("dies", "other", "told"), [(0, 1, Cancel(1)), (1, 0, Keep(1))], ids=["owner", "receiver"]
)
def test_who_waits_for_one_that_dies_is_told(dies: int, other: int, told: Message) -> None:
    """Or the receiver would hold events back for ever, and the owner would not step them again."""
    pool, places = pool_and_places()
    assert pool.move([(0, 1)]) == 1
    pool.send(COORDINATOR, Letter(0, Holding(1, 5)))
    assert [place.told for place in places] == [[(0, Drain(1, 5, 1))], [(0, Hold(1, 0))], []]
    before = list(places[dies].told)
    pool.died(dies)
    assert places[other].told[1:] == [(0, told)]
    assert places[dies].told == before, "the dead is told nothing"
    assert (pool.moving, pool.moves, pool.owners[0]) == (0, 0, 0)


def test_nothing_moves_to_the_dead_or_from_it() -> None:
    """Until its successor is there and has caught up."""
    pool, places = pool_and_places()
    moves = [(0, 1), (1, 0)]
    pool.died(1)
    assert pool.move(moves) == 0
    pool.up(1)
    assert pool.move(moves) == 0
    assert (pool.moving, [place.told for place in places]) == (0, [[], [], []])
    pool.caught_up(1)
    assert pool.move(moves) == 2


def test_who_tells_a_process_something_never_waits_for_its_pipe() -> None:
    """It may be full, and its reader paused: only a thread of the place's own writes to it."""
    writers: list[tuple[str, bytes]] = []
    pipe: Any = SimpleNamespace(
        send_bytes=lambda data: writers.append((threading.current_thread().name, data)),
        close=lambda: None,
    )
    spec = WorkerSpec(None, 0, None, None, {}, {}, None, None, False, None, PassedOver())
    place = RemoteElastic(lay_out(elastic()).stages[0], spec, lambda: 0)
    place.pool = SimpleNamespace(task=lambda number: Task(False, ()))  # type: ignore[assignment]
    assert place.spec_now().task == Task(False, ())
    place.run = WorkerRun(place.name, SimpleNamespace(pid=os.getpid()), pipe)
    letter = Letter(0, Own(1))
    for tell in (lambda: place.put(letter), place.begin, place.retire, place.break_off):
        tell()
    said = [posted(0, letter), messages.Begin(), messages.Retire(), messages.Broken()]
    wait_until(lambda: len(writers) == len(said))
    assert writers == [("headrace-post-total.0", messages.encode(one)) for one in said]
    place.close()
