"""All or none: two-phase commit over nodes that each own something.

Gray, "Notes on data base operating systems" (1978); Skeen, "Nonblocking commit protocols" (1981). A
client books a place at several nodes at once: car, flight, hotel, or some of them. A coordinator
sees to it that it gets all of them or none:

    phase 1   the coordinator asks the participants to prepare; each locks itself and votes yes if
              it has a place, or votes no
    phase 2   all have voted yes: commit; one has voted no, or does not vote in time: abort

A participant that has voted yes is in doubt until it knows the decision: it may neither commit nor
abort by itself, and stays locked. If it hears nothing it asks the coordinator and the other
participants (termination protocol): whoever knows the decision tells it, and one that has not voted
yet decides to abort, as it may. If nobody knows it asks again: two-phase commit blocks.

What has been said must be true after a crash as well. A vote is on the disk before it is sent, a
decision before anybody hears of it, and that a transaction has begun before anybody is asked; a
coordinator that finds one begun and not decided aborts it. Each record has a key of its own: a
crash can tear only one that nobody was told of.

Invariants: no two nodes decide differently (atomicity); what is committed all have voted for. In
the end nobody is in doubt. As participants are locked while they are in doubt, what clients see is
an agency that does one booking after the other, and gives each place once (`Bookings`). It stands:
losses, repetitions, reordering, partitions, crashes of all at once, pauses, full and slow disks,
clocks of any kind. It does not stand a disk that loses what was safe.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

import headrace as hr

MILLISECOND_NS = 1_000_000
VOTE_NS = 60 * MILLISECOND_NS  # how long the coordinator waits for votes
DOUBT_NS = 40 * MILLISECOND_NS  # from one question of a participant in doubt to the next
COORDINATOR = "agency"
PARTICIPANTS = ("car", "flight", "hotel")
PLACES = 8  # of each


class Book(msgspec.Struct, frozen=True):
    """A request: a place at each of these; answered with `Booked`, or refused."""

    participants: tuple[str, ...]


class Booked(msgspec.Struct, frozen=True):
    """The numbers of the places, in the order of the request."""

    places: tuple[int, ...]


class Prepare(msgspec.Struct, frozen=True):
    """Phase 1: will you?"""

    transaction: str
    participants: tuple[str, ...]


class Vote(msgspec.Struct, frozen=True):
    """I will, whatever happens, and it is this place; or (None) I will not."""

    transaction: str
    place: int | None


class Decision(msgspec.Struct, frozen=True):
    """Phase 2: it is committed, or aborted."""

    transaction: str
    commit: bool


class Doubt(msgspec.Struct, frozen=True):
    """What was decided? I have voted yes."""

    transaction: str


class Begun(msgspec.Struct, frozen=True):
    """The coordinator's record of a transaction: who wants it, and who takes part."""

    caller: hr.Caller
    participants: tuple[str, ...]


class Decided(msgspec.Struct, frozen=True):
    """The coordinator's record of a decision; `places` if it is to commit."""

    commit: bool
    places: tuple[int, ...] = ()


NO = Decided(False)

# -- the coordinator ------------------------------------------------------------------------------


@dataclass
class Coordinator:
    """All transactions, by name; of those that are going on, who has said what."""

    begun: dict[str, Begun] = field(default_factory=dict)
    decided: dict[str, Decided] = field(default_factory=dict)
    votes: dict[str, dict[str, int]] = field(default_factory=dict)  # places, by participant


class Agency(hr.Node):
    """The coordinator."""

    def initial(self) -> Coordinator:
        return Coordinator()

    @hr.on.start()
    def start(self, state: Coordinator, durable: Any) -> Any:
        """Abort what was begun and not decided."""
        for key, record in durable.items():
            transaction = key.split()[1]
            if isinstance(record, Begun):
                state.begun[transaction] = record
            else:
                state.decided[transaction] = record
        undecided = sorted(state.begun.keys() - state.decided.keys())
        return state, [each for name in undecided for each in self.decide(state, name, NO)]

    @hr.on.request(Book)
    def book(self, state: Coordinator, request: Book, caller: hr.Caller) -> Any:
        """Begin a transaction; one that was decided is answered again."""
        transaction = f"{caller.client}-{caller.number}"
        if transaction in state.decided:
            return state, answer(caller, state.decided[transaction])
        if transaction in state.begun:
            return state, None
        begun = state.begun[transaction] = Begun(caller, request.participants)
        state.votes[transaction] = {}
        return state, [
            hr.persist(f"begun {transaction}", begun),
            hr.send(request.participants, Prepare(transaction, request.participants)),
            hr.timer(("vote", transaction), VOTE_NS),
        ]

    @hr.on.message(Vote)
    def vote(self, state: Coordinator, message: Vote, source: str) -> Any:
        """One no decides, and so does the last yes."""
        transaction = message.transaction
        if transaction in state.decided:
            return state, None
        if message.place is None:
            return state, self.decide(state, transaction, NO)
        votes = state.votes[transaction]
        votes[source] = message.place
        participants = state.begun[transaction].participants
        if len(votes) < len(participants):
            return state, None
        places = tuple(votes[each] for each in participants)
        return state, self.decide(state, transaction, Decided(True, places))

    @hr.on.timer()
    def too_late(self, state: Coordinator, timer: tuple[str, str]) -> Any:
        """Not all have voted in time."""
        if timer[1] in state.decided:
            return state, None
        return state, self.decide(state, timer[1], NO)

    def decide(self, state: Coordinator, transaction: str, decided: Decided) -> list[Any]:
        """Write a decision down, then tell everybody."""
        begun = state.begun[transaction]
        state.decided[transaction] = decided
        state.votes.pop(transaction, None)
        return [
            hr.persist(f"decided {transaction}", decided),
            hr.send(begun.participants, Decision(transaction, decided.commit)),
            answer(begun.caller, decided),
            hr.cancel(("vote", transaction)),
        ]

    @hr.on.message(Doubt)
    def doubt(self, state: Coordinator, message: Doubt, source: str) -> Any:
        decided = state.decided.get(message.transaction)
        if decided is None:
            return state, None
        return state, hr.send(source, Decision(message.transaction, decided.commit))


def answer(caller: hr.Caller, decided: Decided) -> Any:
    """What a client is told of a decision."""
    return hr.reply(caller, Booked(decided.places) if decided.commit else hr.Refused("aborted"))


# -- a participant --------------------------------------------------------------------------------


@dataclass
class Participant:
    """How many places are taken, and what is known of transactions, by name."""

    taken: int = 0
    voted: dict[str, Prepare] = field(default_factory=dict)  # yes
    decided: dict[str, Decision] = field(default_factory=dict)
    doubt: str | None = None  # it is locked by this one


class Owner(hr.Node):
    """A participant, which owns places."""

    def initial(self) -> Participant:
        return Participant()

    def mode(self, state: Participant) -> str:
        return "free" if state.doubt is None else "locked"

    @hr.on.start()
    def start(self, state: Participant, durable: Any) -> Any:
        """Votes without a decision are in doubt, as they were before."""
        for record in durable.values():
            if isinstance(record, Prepare):
                state.voted[record.transaction] = record
            else:
                state.decided[record.transaction] = record
        state.taken = sum(each.commit for each in state.decided.values())
        state.doubt = next((each for each in state.voted if each not in state.decided), None)
        return state, hr.timer("doubt", DOUBT_NS)

    @hr.on.request(Book)
    def elsewhere(self, state: Participant, request: Book, caller: hr.Caller) -> Any:
        return state, hr.reply(caller, hr.Redirect(COORDINATOR))

    @hr.on.message(Prepare, when="locked")
    def wait(self, state: Participant) -> Any:
        """Wait. Two that wait for each other are parted by the coordinator's patience."""
        return state, hr.postpone()

    @hr.on.message(Prepare, when="free")
    def prepare(self, state: Participant, message: Prepare) -> Any:
        """Vote. A yes is for good, and is on the disk first; a no binds nobody."""
        transaction = message.transaction
        if transaction in state.decided or state.taken == PLACES:
            return state, hr.send(COORDINATOR, Vote(transaction, None))
        yes = hr.send(COORDINATOR, Vote(transaction, state.taken))
        state.voted[transaction] = message
        state.doubt = transaction
        return state, [hr.persist(f"voted {transaction}", message), yes]

    @hr.on.message(Decision)
    def decision(self, state: Participant, message: Decision) -> Any:
        """Do what was decided."""
        known = message.transaction in state.decided
        return state, None if known else self.decide(state, message)

    def decide(self, state: Participant, decision: Decision) -> list[Any]:
        """Take the place or not, and unlock."""
        state.decided[decision.transaction] = decision
        if decision.transaction == state.doubt:
            state.doubt = None
            state.taken += decision.commit
        return [hr.persist(f"decided {decision.transaction}", decision)]

    @hr.on.timer("doubt")
    def in_doubt(self, state: Participant, me: str) -> Any:
        """Ask all who may know."""
        again = hr.timer("doubt", DOUBT_NS)
        if state.doubt is None:
            return state, again
        others = (each for each in state.voted[state.doubt].participants if each != me)
        return state, [hr.send((COORDINATOR, *others), Doubt(state.doubt)), again]

    @hr.on.message(Doubt)
    def asked(self, state: Participant, message: Doubt, source: str) -> Any:
        """Tell what is known; who has not voted may abort, and will not vote any more."""
        transaction = message.transaction
        effects: list[Any] = []
        if transaction not in state.decided:
            if transaction in state.voted:
                return state, None
            effects = self.decide(state, Decision(transaction, False))
        return state, [*effects, hr.send(source, state.decided[transaction])]


# -- what must hold -------------------------------------------------------------------------------


class Bookings(hr.Model):
    """The agency as its clients should see it: one booking after the other.

    A booking that is refused takes no effect, and may be refused for any reason: a node was locked
    for too long, or could not be reached.
    """

    def initial(self) -> dict[str, int]:
        return dict.fromkeys(PARTICIPANTS, 0)

    def step(self, state: dict[str, int], request: Book) -> tuple[dict[str, int], Booked]:
        places = tuple(state[each] for each in request.participants)
        if max(places) >= PLACES:
            raise ValueError("no place is left")
        for each in request.participants:
            state[each] += 1
        return state, Booked(places)


def atomicity(view: hr.View) -> bool:
    """No node commits what another one aborts."""
    known: dict[str, bool] = {}
    return all(
        known.setdefault(transaction, decided.commit) == decided.commit
        for state in view.states.values()
        for transaction, decided in state.decided.items()
    )


def committed_is_voted_for(view: hr.View) -> bool:
    """What the coordinator commits all participants have voted for."""
    agency = view.states.get(COORDINATOR)
    return agency is None or all(
        transaction in view.states[each].voted
        for transaction, decided in agency.decided.items()
        if decided.commit
        for each in agency.begun[transaction].participants
        if each in view.states
    )


def a_peer_ended_a_doubt(view: hr.View) -> bool:
    """A participant knows what the coordinator has not decided yet: another one has told it."""
    agency = view.states.get(COORDINATOR)
    return agency is not None and any(
        transaction in agency.votes
        for each in PARTICIPANTS
        if each in view.states
        for transaction in view.states[each].decided.keys() & view.states[each].voted.keys()
    )


def nobody_is_in_doubt(view: hr.View) -> bool:
    """Every participant knows what became of what it voted for."""
    return not any(view.states[each].doubt for each in PARTICIPANTS)


# -- the simulation -------------------------------------------------------------------------------


def commands(chance: random.Random) -> list[Book]:
    """What a client asks."""
    wishes = [("car",), ("car", "hotel"), ("flight", "hotel"), PARTICIPANTS]
    return [Book(chance.choice(wishes)) for _ in range(6)]


system = hr.System(
    nodes={COORDINATOR: Agency(), **dict.fromkeys(PARTICIPANTS, Owner())},
    clients={name: hr.Client(commands, think_ns=25 * MILLISECOND_NS) for name in ("ann", "bob")},
    always=[atomicity, committed_is_voted_for],
    sometimes=[a_peer_ended_a_doubt],
    eventually=[nobody_is_in_doubt],
    model=Bookings(),
    name="two-phase commit",
)

simulation = hr.Simulation(
    system,
    network=hr.Network(delay=hr.Delay.lognormal(MILLISECOND_NS, 1.0), loss=0.02, duplication=0.1),
    chaos=hr.Chaos(
        crashes=20,
        full_disks=3,
        slow_disks=5,
        pauses=5,
        partitions=5,
        cuts=10,
        clogs=10,
        storms=3,
        lasts_ns=(2 * MILLISECOND_NS, 60 * MILLISECOND_NS),
        budget=None,
    ),
    faulty_ns=300 * MILLISECOND_NS,
    end_ns=5_000 * MILLISECOND_NS,
    sync_ns=(100_000, 3 * MILLISECOND_NS),
)


def main() -> None:
    """Run some seeds, and tell what happened."""
    faults, told = 0, Counter[str]()
    for seed in range(100):
        run = simulation.run(seed).check()
        faults += run.faults.total()
        told.update(asked.status for history in run.history.values() for asked in history)
    print(f"100 runs, {faults:,} faults, requests: {dict(told)}")


if __name__ == "__main__":
    main()
