"""Handing a partition over: every order of reads, messages and deaths, within bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from handover_world import Bounds, explore

from headrace.elastic import handover as protocol
from headrace.elastic.handover import (
    COORDINATOR,
    Drain,
    Free,
    Hold,
    Holding,
    Keep,
    Own,
    Partition,
    Phase,
    Recover,
    Seat,
    Send,
    State,
    Taken,
)
from headrace.errors import InternalError, UsageError

SMALL = [
    Bounds(workers=2, events=2, moves=1, deaths=1),
    Bounds(workers=2, events=2, moves=1, deaths=1, look_back=False),
    Bounds(workers=2, events=2, moves=1, deaths=2),
    Bounds(workers=3, events=1, moves=1, deaths=1),
    Bounds(workers=2, events=2, moves=1, deaths=1, aborts=1),
    Bounds(workers=2, events=1, moves=2, deaths=0, aborts=1),
]
LARGE = [
    Bounds(workers=2, events=3, moves=1, deaths=1, look_back=False),
    Bounds(workers=2, events=5, moves=1, deaths=2),
    Bounds(workers=2, events=2, moves=2, deaths=1, aborts=1),
    Bounds(workers=3, events=2, moves=1, deaths=1, aborts=1),
    Bounds(workers=3, events=1, moves=2, deaths=1),
]


@pytest.mark.parametrize("bounds", SMALL, ids=str)
def test_every_order(bounds: Bounds) -> None:
    assert explore(bounds) > 300


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("bounds", LARGE, ids=str)
def test_every_order_of_more(bounds: Bounds) -> None:
    assert explore(bounds) > 5_000


def hasty_receiver(seat: Seat, message: Any, oldest: int | None = None) -> protocol.Outcome:
    """Steps as soon as it has the state, and does not wait to be the owner."""
    seat, steps, sends = RECEIVE(seat, message, oldest)
    if seat.phase is Phase.READY and isinstance(message, State):
        owning, steps, _ = protocol._stepped(replace(seat, phase=Phase.OWNING), seat.read)
        return owning, steps, sends
    if isinstance(message, Own):
        return seat, protocol.NOTHING, ()
    return seat, steps, sends


def no_epoch(seat: Seat, message: Any, oldest: int | None = None) -> protocol.Outcome:
    """Takes any state, of whatever attempt."""
    if isinstance(message, State):
        message = message._replace(epoch=seat.epoch)
    return RECEIVE(seat, message, oldest)


def careless_of_the_ring(seat: Seat, message: Any, oldest: int | None = None) -> protocol.Outcome:
    """Takes a state although the events behind it can no longer be read."""
    return RECEIVE(seat, message, 0 if isinstance(message, State) else oldest)


def forgetful_of_outputs(seat: Seat, message: Any, oldest: int | None = None) -> protocol.Outcome:
    """Hands on the state of a recovered partition, but not which outputs were out."""
    if isinstance(message, State):
        message = message._replace(out=0)
    return RECEIVE(seat, message, oldest)


def early_stop(seat: Seat, message: Any, oldest: int | None = None) -> protocol.Outcome:
    """Hands over where it is, whatever the other can still read."""
    if isinstance(message, Drain):
        message = message._replace(since=0)
    return RECEIVE(seat, message, oldest)


def wrong_name(value: Any) -> str:
    return value.__name__ if callable(value) else ""


RECEIVE = protocol.receive
WRONG = [
    (hasty_receiver, "own it at the same time|steps and is not|came twice|twice", SMALL[0]),
    (no_epoch, "stepped out of order|own it|got|gone from|twice", SMALL[5]),
    (careless_of_the_ring, "gone from the ring", SMALL[0]),
    pytest.param(
        forgetful_of_outputs,
        "came twice",
        Bounds(workers=3, events=2, moves=1, deaths=1, look_back=False),
        marks=pytest.mark.torture,
    ),
    (early_stop, "on its way for ever", SMALL[1]),
]


@pytest.mark.parametrize(("wrong", "seen", "bounds"), WRONG, ids=wrong_name)
def test_the_exploration_sees_what_is_wrong(
    wrong: Any, seen: str, bounds: Bounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "receive", wrong)
    with pytest.raises((AssertionError, InternalError), match=seen):
        explore(bounds)


def test_one_that_releases_too_early_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Seat, "releasable", property(lambda seat: seat.read))
    with pytest.raises(AssertionError, match="gone from the ring"):
        explore(SMALL[0])


def test_a_hand_over_from_end_to_end() -> None:
    owner, other = Seat(Phase.OWNING, read=10, at=10), Seat(read=14)
    partition, sends = protocol.hand_over(Partition(0), 1)
    assert sends == (Send(1, Hold(1, 0)),)
    other, steps, sends = protocol.receive(other, sends[0].message)
    assert (other.phase, sends) == (Phase.HOLDING, (Send(COORDINATOR, Holding(1, 14)),))
    partition, sends = protocol.answered(partition, sends[0].message)
    owner, steps, _ = protocol.receive(owner, Drain(1, 14, 1))
    assert (owner.phase, steps.first == steps.end) == (Phase.DRAINING, True)
    owner, steps, sends = protocol.advance(owner, 12)
    assert (steps, sends) == ((10, 12), ())
    owner, steps, sends = protocol.advance(owner, 20)
    assert (steps, sends, owner.phase) == (
        (12, 14), (Send(1, State(1, 14, 0)),), Phase.STANDING_BY
    )  # fmt: skip
    assert owner.releasable == 14
    other, steps, _ = protocol.advance(other, 17)
    assert (steps.first == steps.end, other.releasable) == (True, 14)
    other, _, sends = protocol.receive(other, sends[0].message)
    assert sends == (Send(COORDINATOR, Taken(1, 14)),)
    partition, sends = protocol.answered(partition, sends[0].message)
    assert (partition.owner, partition.since, partition.target) == (1, 14, None)
    assert sends == (Send(1, Own(1)), Send(0, Free(1)))
    other, steps, _ = protocol.receive(other, sends[0].message)
    assert (steps, other.phase, other.releasable) == ((14, 17), Phase.OWNING, 17)
    owner, steps, _ = protocol.receive(owner, sends[1].message)
    assert (owner.phase, owner.releasable) == (Phase.PASSING, 20)


def test_a_receiver_that_can_look_back_takes_over_at_once() -> None:
    owner, other = Seat(Phase.OWNING, read=10, at=10), Seat(read=1000)
    other, _, sends = protocol.receive(other, Hold(1, 0), 8)
    assert sends[0].message == Holding(1, 8)
    _, _, sends = protocol.receive(owner, Drain(1, 8, 1))
    assert sends == (Send(1, State(1, 10, 0)),)
    kept, _, sends = protocol.receive(other, sends[0].message, 11)
    assert (kept, sends) == (other, ())  # events 10 and on are gone: their keeper is dead
    other, _, _ = protocol.receive(other, State(1, 10, 0), 10)
    _, steps, _ = protocol.receive(other, Own(1))
    assert steps == (10, 1000)


def test_no_heir() -> None:
    left, sends = protocol.died(Partition(0, since=30), 0, None, 20, 50)
    assert (left.owner, sends) == (None, ())
    with pytest.raises(UsageError, match="cannot be handed over"):
        protocol.hand_over(left, 1)
    adopted, sends = protocol.adopt(left, 3, 20, 50)
    assert (adopted.owner, adopted.since) == (3, 30)
    assert sends == (Send(3, Recover(1, 20, 50)),)
    seat, steps, _ = protocol.receive(Seat(read=60), sends[0].message)
    assert (steps, seat.out) == ((20, 60), 50)
    with pytest.raises(UsageError, match="belongs to worker 3"):
        protocol.adopt(adopted, 4, 20, 50)


def test_what_cannot_be() -> None:
    moving, _ = protocol.hand_over(Partition(0), 1)
    for partition, target in ((moving, 2), (Partition(0), 0)):
        with pytest.raises(UsageError, match="cannot be handed over"):
            protocol.hand_over(partition, target)
    assert protocol.abort(Partition(0)) == (Partition(0), ())
    assert protocol.died(Partition(0), 5, None, 0, 0) == (Partition(0), ())
    with pytest.raises(InternalError, match="passes over its events got Keep"):
        protocol.receive(Seat(), Keep(1))
    with pytest.raises(InternalError, match="cannot read on to 4"):
        protocol.advance(Seat(read=5), 4)
    with pytest.raises(InternalError, match="a coordinator got Keep"):
        protocol.answered(moving, Keep(1))
