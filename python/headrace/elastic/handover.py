"""How one partition goes from one worker to another: a protocol of two pure state machines.

Every worker reads every event of one ring, in order, and steps those of the partitions that it
owns. A partition that moves from worker A to worker B is handed over at a sequence S: A steps all
its events before S, B all from S on.

    coordinator        A (owner)              B
        |------------------ Hold ------------>|  from here on B holds back the partition's events,
        |<---------------- Holding r ---------|  and can still see all from r on
        |------ Drain r ------>|              |  S = the later of r and what A has read up to;
        |                      |-- State S -->|  A steps on to S, sends its state, and stands by
        |<---------------- Taken S -----------|  whatever B lacks from S on it now keeps itself
    B is the owner: the hand-over is done at this point and not before
        |------------------- Own ------------>|  B steps what it held back, from S on
        |------- Free -------->|              |  A forgets the state

B pauses the partition from S until Own; A goes on until S. So nobody steps an event twice, and
none is left out, as long as the events from S on can still be read: A, standing by, releases
nothing from S on (`Seat.releasable`), and B releases nothing that it holds back. If B has read past
S already, it reads events again that it had passed over: it may say `r` as low as the oldest event
that it still can read, which makes relief quick where A is far behind; if it cannot read again, r
is where it is.

Who dies, and what happens:

- B, before Taken has arrived: A is told to `Keep` the partition, and steps what it held back, from
  S on if it had come so far. The coordinator may then try another B.
- The owner, whoever that is, in whatever step: its state is gone. An heir is told to `Recover`: it
  takes the newest snapshot, steps the journal from there, silently as far as outputs are known to
  be out (their ids say so), and is the owner. What the dead one had sent has an old epoch and is
  passed over.
- Any other: nothing.
- Where somebody takes the dead one's own place in the ring, and goes on from what it had let go of,
  no partition needs an heir: hand-overs to it and from it are given up (`replaced`), and it remains
  the owner of what it owned. What its successor has to do: `headrace.elastic.succession`.

Each attempt has a number, its epoch: messages of another epoch than the receiver's are late, and
are passed over. Messages from the coordinator to one worker arrive in order; all others may arrive
in any order. A worker that was declared dead must not go on stepping (it is fenced off by its epoch
in the ring's header): that is not this protocol's. A coordinator that dies takes the stage with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from headrace.errors import InternalError, UsageError

# -- messages ------------------------------------------------------------------------------------


class Hold(NamedTuple):
    """To B: hold back the partition's events. It belongs to `source`."""

    epoch: int
    source: int


class Holding(NamedTuple):
    """From B: every event from `since` on will be there for me."""

    epoch: int
    since: int


class Drain(NamedTuple):
    """To A: step to `since` or to where you are, whichever is later, and send the state to B."""

    epoch: int
    since: int
    target: int


class State(NamedTuple):
    """From A to B: the state in which all events before `at` are stepped, and none from `at` on.

    Outputs of events before `out` are out already: they may be later ones, after a recovery.
    """

    epoch: int
    at: int
    out: int


class Taken(NamedTuple):
    """From B: I have the state, and all events from `at` on, whatever becomes of A."""

    epoch: int
    at: int


class Own(NamedTuple):
    """To B: you are the owner."""

    epoch: int


class Free(NamedTuple):
    """To A: the other is the owner; forget the state."""

    epoch: int


class Keep(NamedTuple):
    """To A: the other will not have it; go on where you were."""

    epoch: int


class Cancel(NamedTuple):
    """To B: you will not have it; forget what you hold."""

    epoch: int


class Recover(NamedTuple):
    """To an heir: the owner died; make its state from the snapshot at `at` and the journal.

    Outputs of events before `out` are out already.
    """

    epoch: int
    at: int
    out: int


Message = Hold | Holding | Drain | State | Taken | Own | Free | Keep | Cancel | Recover
COORDINATOR = -1  # as a receiver; workers are numbered from 0


class Send(NamedTuple):
    """A message, and for whom: a worker's number, or COORDINATOR."""

    to: int
    message: Message


# -- a worker's part -----------------------------------------------------------------------------


class Phase(Enum):
    """What a worker has to do with the partition."""

    PASSING = "passes over its events"
    OWNING = "steps its events"
    DRAINING = "steps its events up to where it hands over"
    STANDING_BY = "has sent its state, and holds back events in case it has to take it back"
    HOLDING = "holds back events until the state comes"
    READY = "has the state, and holds back events until it is the owner"


class Steps(NamedTuple):
    """Step the partition's events of the sequences [first, end): none where they are equal."""

    first: int
    end: int


NOTHING = Steps(0, 0)


@dataclass(frozen=True, slots=True)
class Seat:
    """One worker's part in one partition; a value.

    `read` is the sequence up to which the worker has read the ring. `at`: in its state all events
    before are stepped, and none from it on (where it has a state). `stop`: where it hands over.
    `held`: the sequence from which on the worker's own place in the ring keeps events for it.
    `out`: events before this sequence are stepped silently, their outputs being out already.
    """

    phase: Phase = Phase.PASSING
    epoch: int = 0
    read: int = 0
    at: int = 0
    stop: int = 0
    held: int = 0
    out: int = 0
    other: int = COORDINATOR

    @property
    def releasable(self) -> int:
        """The worker may release events before this sequence, as far as this partition goes."""
        if self.phase is Phase.STANDING_BY:
            return min(self.at, self.read)
        if self.phase in (Phase.HOLDING, Phase.READY):
            return self.held
        return self.read


Outcome = tuple[Seat, Steps, tuple[Send, ...]]


def advance(seat: Seat, end: int) -> Outcome:
    """The worker reads on to sequence `end`: what of [seat.read, end) it steps, and then sends.

    A State that is to be sent holds the state after these steps.
    """
    if end < seat.read:
        raise InternalError(f"a worker at sequence {seat.read} cannot read on to {end}")
    moved = replace(seat, read=end)
    if seat.phase is Phase.OWNING:
        return _stepped(moved, end)
    if seat.phase is Phase.DRAINING:
        return _drained(moved)
    return moved, NOTHING, ()


def receive(seat: Seat, message: Message, oldest: int | None = None) -> Outcome:
    """The worker gets a message: what it steps at once, and then sends.

    `oldest`, with Hold and with State: the oldest sequence that this worker can still read again,
    if it can at all. With State it copies what it lacks first and asks then: the sender may die.
    A late State changes nothing. InternalError: a message that this worker should never get.
    """
    match message, seat.phase:
        case Hold(epoch), Phase.PASSING:
            since = seat.read if oldest is None else min(oldest, seat.read)
            held = replace(
                seat, phase=Phase.HOLDING, epoch=epoch, held=seat.read, other=message.source
            )
            return held, NOTHING, (Send(COORDINATOR, Holding(epoch, since)),)
        case Drain(epoch, since, target), Phase.OWNING:
            stop = max(since, seat.read, seat.at)
            return _drained(
                replace(seat, phase=Phase.DRAINING, epoch=epoch, stop=stop, other=target)
            )
        case State(epoch, at, out), Phase.HOLDING if epoch == seat.epoch:
            if at < seat.held and (oldest is None or at < oldest):
                return seat, NOTHING, ()  # whoever kept the events is dead: Recover or Cancel comes
            taken = Send(COORDINATOR, Taken(epoch, at))
            return replace(seat, phase=Phase.READY, at=at, out=out), NOTHING, (taken,)
        case Own(epoch), Phase.READY if epoch == seat.epoch:
            return _stepped(replace(seat, phase=Phase.OWNING), seat.read)
        case Keep(epoch), Phase.DRAINING | Phase.STANDING_BY if epoch == seat.epoch:
            return _stepped(replace(seat, phase=Phase.OWNING), seat.read)
        case Free(epoch), Phase.STANDING_BY if epoch == seat.epoch:
            return replace(seat, phase=Phase.PASSING), NOTHING, ()
        case Cancel(epoch), Phase.HOLDING | Phase.READY if epoch == seat.epoch:
            return replace(seat, phase=Phase.PASSING), NOTHING, ()
        case Recover(epoch, at), Phase.PASSING | Phase.HOLDING | Phase.READY:
            owning = replace(seat, phase=Phase.OWNING, epoch=epoch, at=at, out=message.out)
            return _stepped(owning, seat.read)
        case State(), _:
            return seat, NOTHING, ()  # of an attempt that was given up
    raise InternalError(f"a worker that {seat.phase.value} got {message}")


def _stepped(seat: Seat, end: int) -> Outcome:
    """Step up to `end`, unless the state is further on already."""
    first, last = seat.at, max(seat.at, end)
    return replace(seat, at=last), Steps(first, last), ()


def _drained(seat: Seat) -> Outcome:
    """Step up to where it hands over; send the state if it has come so far."""
    moved, steps, _ = _stepped(seat, min(seat.read, seat.stop))
    if moved.at < seat.stop:
        return moved, steps, ()
    by = replace(moved, phase=Phase.STANDING_BY)
    return by, steps, (Send(seat.other, State(seat.epoch, moved.at, seat.out)),)


# -- the coordinator's part ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Partition:
    """What the coordinator knows of one partition; a value.

    `owner` is None only while no worker is left. `since`: the sequence from which on its tenure
    stands in an `Assignment`. `target`: whom it is being handed over to.
    """

    owner: int | None
    epoch: int = 0
    since: int = 0
    target: int | None = None
    draining: bool = False


Decision = tuple[Partition, tuple[Send, ...]]


def hand_over(partition: Partition, target: int) -> Decision:
    """Begin to hand it over. UsageError: it is being handed over, has no owner, or is there."""
    if partition.owner is None or partition.target is not None or partition.owner == target:
        raise UsageError(
            f"a partition of worker {partition.owner} that is on its way to {partition.target} "
            f"cannot be handed over to worker {target}"
        )
    begun = replace(partition, epoch=partition.epoch + 1, target=target, draining=False)
    return begun, (Send(target, Hold(begun.epoch, partition.owner)),)


def answered(partition: Partition, message: Message) -> Decision:
    """The coordinator gets a worker's message; late ones change nothing."""
    if partition.target is None or message.epoch != partition.epoch:
        return partition, ()
    assert partition.owner is not None
    if isinstance(message, Holding):
        drain = Drain(message.epoch, message.since, partition.target)
        return replace(partition, draining=True), (Send(partition.owner, drain),)
    if isinstance(message, Taken):
        done = replace(partition, owner=partition.target, since=message.at, target=None)
        free, own = Free(message.epoch), Own(message.epoch)
        return done, (Send(partition.target, own), Send(partition.owner, free))
    raise InternalError(f"a coordinator got {message}")


def abort(partition: Partition) -> Decision:
    """Let the owner keep it, the receiver being too slow; nothing if no hand-over is under way."""
    if partition.target is None:
        return partition, ()
    assert partition.owner is not None
    sends = [Send(partition.target, Cancel(partition.epoch))]
    if partition.draining:
        sends.append(Send(partition.owner, Keep(partition.epoch)))
    return replace(partition, target=None, draining=False), tuple(sends)


def died(partition: Partition, worker: int, heir: int | None, snapshot: int, out: int) -> Decision:
    """A worker is dead. If it was the owner, `heir` recovers the state from a snapshot.

    `snapshot` is the sequence of the newest one; all outputs of the events before `out` are out,
    and no others. Without an heir the partition waits for `adopt`. Messages to the dead are not
    sent; the caller need not pass any on either.
    """
    if worker == partition.owner:
        left = replace(partition, owner=None, target=None, draining=False)
        if heir is None:
            return left, ()
        sends: tuple[Send, ...] = ()
        if partition.target not in (None, heir, worker):
            assert partition.target is not None
            sends = (Send(partition.target, Cancel(partition.epoch)),)
        adopted, recover = adopt(left, heir, snapshot, out)
        return adopted, (*sends, *recover)
    if worker == partition.target:
        kept, sends = abort(partition)
        return kept, tuple(send for send in sends if send.to != worker)
    return partition, ()


def replaced(partition: Partition, worker: int) -> Decision:
    """A worker is dead, and another one will take its place: it owns what it owned.

    A hand-over to it or from it is given up; messages to the dead are not sent.
    """
    if worker not in (partition.owner, partition.target):
        return partition, ()
    kept, sends = abort(partition)
    return kept, tuple(send for send in sends if send.to != worker)


def adopt(partition: Partition, heir: int, snapshot: int, out: int) -> Decision:
    """Give a partition without an owner to a worker, which recovers its state."""
    if partition.owner is not None:
        raise UsageError(f"the partition belongs to worker {partition.owner}")
    epoch = partition.epoch + 1
    since = max(partition.since, snapshot)  # before that it was another's, and was handed over
    adopted = replace(partition, owner=heir, epoch=epoch, since=since)
    return adopted, (Send(heir, Recover(epoch, snapshot, out)),)
