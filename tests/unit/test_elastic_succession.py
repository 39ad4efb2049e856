"""Workers of an elastic stage that die and are replaced: every order of what happens, in bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import succession_world
from succession_world import Bounds, explore

from headrace.elastic import handover as protocol
from headrace.elastic import succession
from headrace.elastic.handover import Hold, Keep, Partition, Send
from headrace.elastic.succession import Duty, Past, duties
from headrace.errors import InternalError

SMALL = [
    Bounds(workers=2, events=2, moves=1, deaths=1),
    Bounds(workers=2, events=1, moves=2, deaths=1),
    Bounds(workers=2, events=1, moves=1, deaths=2),
]
LARGE = [
    Bounds(workers=2, events=2, moves=1, deaths=2),
    Bounds(workers=2, events=3, moves=1, deaths=1),
    Bounds(workers=2, events=2, moves=2, deaths=1),
    Bounds(workers=3, events=1, moves=2, deaths=1),
]


@pytest.mark.parametrize("bounds", SMALL, ids=str)
def test_every_order(bounds: Bounds) -> None:
    assert explore(bounds) > 1000


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("bounds", LARGE, ids=str)
def test_every_order_of_more(bounds: Bounds) -> None:
    assert explore(bounds) > 10_000


def forgets_the_past(worker: int, partitions: Any, past: Any) -> Any:
    """What the dead one had given away is not stepped again."""
    return DUTIES(worker, partitions, ())


def puts_all_out(worker: int, partitions: Any, past: Any) -> Any:
    """As if what it owns had been its own all the time."""
    found = DUTIES(worker, partitions, past)
    return tuple(Duty(each.partition, each.tenures, each.since and 0) for each in found)


def too_early(owed: Any, newest: int) -> int:
    """A worker like the others before it is past what is out."""
    return max(duty.end for duty in owed)


def keeps_waiting(partition: Partition, worker: int) -> Any:
    """Nobody is told that a hand-over is given up."""
    given_up, _ = REPLACED(partition, worker)
    return given_up, ()


DUTIES, REPLACED = succession.duties, protocol.replaced
WRONG = [
    ("duties", forgets_the_past, "an event was lost"),
    ("duties", puts_all_out, "an output came twice"),
    ("caught_up_at", too_early, "an output came twice"),
    ("replaced", keeps_waiting, "for ever|was lost"),
]


@pytest.mark.parametrize(("name", "wrong", "seen"), WRONG)
def test_the_exploration_sees_what_is_wrong(
    name: str, wrong: Any, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol if name == "replaced" else succession, name, wrong)
    with pytest.raises((AssertionError, InternalError), match=seen):
        explore(SMALL[0])


def test_one_that_moves_what_is_not_caught_up_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(world: Any, at: int) -> bool:
        return not world.workers[at].down

    monkeypatch.setattr(succession_world, "ready", hasty)
    with pytest.raises((AssertionError, InternalError)):
        explore(SMALL[0])


def test_what_is_owed() -> None:
    partitions = [Partition(0, since=9), Partition(1, since=4), Partition(1), Partition(0)]
    past = [Past(1, 0, 0, 4), Past(0, 0, 2, 5), Past(0, 1, 5, 9), Past(1, 0, 1, 3)]
    owed = duties(0, partitions, past)
    assert owed == (Duty(0, ((2, 5),), 9), Duty(1, ((0, 4), (1, 3)), None), Duty(3, (), 0))
    assert [each.end for each in owed] == [9, 4, 0]
    assert owed[0].own(np.arange(12)).nonzero()[0].tolist() == [2, 3, 4, 9, 10, 11]
    assert succession.caught_up_at(owed, 3) == 9
    assert succession.caught_up_at(owed, 20) == 21
    assert succession.caught_up_at((), 20) == 0, "it owns nothing"


def test_a_hand_over_is_given_up() -> None:
    moving, _ = protocol.hand_over(Partition(0), 1)
    assert protocol.replaced(moving, 0)[1] == (Send(1, protocol.Cancel(1)),)
    assert protocol.replaced(moving, 1) == (Partition(0, epoch=1), ())
    draining, _ = protocol.answered(moving, protocol.Holding(1, 3))
    assert protocol.replaced(draining, 1)[1] == (Send(0, Keep(1)),)
    assert protocol.replaced(draining, 2) == (draining, ())
    again, sends = protocol.hand_over(protocol.replaced(draining, 1)[0], 1)
    assert sends == (Send(1, Hold(2, 0)),)
    assert protocol.answered(again, protocol.Taken(1, 3)) == (again, ())
