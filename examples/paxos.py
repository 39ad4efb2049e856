"""One decision that any majority keeps: single-decree Paxos.

Lamport, "The part-time parliament" (1998), and "Paxos made simple" (2001). Each node is all three
things: a proposer, which tries to have a value chosen; an acceptor, whose promises make that safe;
and a learner, which finds out.

    phase 1   a proposer takes a new ballot and asks all to promise it; an acceptor promises the
              highest ballot it has seen, and tells what it has accepted before, and in which
    phase 2   with promises of a majority, the proposer asks all to accept, in its ballot, the value
              accepted in the highest ballot that it was told of; its own only if there is none
    learning  a value accepted by a majority in one ballot is chosen, for ever

Two majorities have an acceptor in common, so a later ballot hears of what may have been chosen
before, and goes on with it. Two proposers can outbid each other for ever; chance ends that: each
waits for a while of its own before it tries again.

A ballot is a number and the name of its proposer, so no two proposers have the same. No proposer
has it twice: it writes down its own promise before it asks for those of others, and begins a new
one above all that its disk knows of. What an acceptor promised or accepted is on its disk before it
says so, and what a learner learned before it tells clients. Each record has a key of its own: a
crash can tear only one that nobody was told of.

Invariants: nodes that know the chosen value know the same one (agreement), somebody proposed it
(validity), and one ballot has one value. In the end every node knows. What clients see is a
register that can be written once (`WriteOnce`). It stands: losses, repetitions, reordering,
partitions, crashes of all at once, pauses, full and slow disks, clocks of any kind. It does not
stand a disk that loses what was safe.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

import headrace as hr

MILLISECOND_NS = 1_000_000
TRY_AGAIN_NS = 8 * MILLISECOND_NS  # at least; twice that at most
ASK_NS = 50 * MILLISECOND_NS


class Propose(msgspec.Struct, frozen=True):
    """A request: choose this, or tell what was chosen; answered with a `Chosen`."""

    value: int


class Chosen(msgspec.Struct, frozen=True):
    """The value that was chosen: a reply, and what those that know tell those that do not."""

    value: int


class Ballot(msgspec.Struct, frozen=True, order=True):
    """A try to have a value chosen; later ones are greater."""

    number: int = 0
    proposer: str = ""


NO_BALLOT = Ballot()


class Prepare(msgspec.Struct, frozen=True):
    """Phase 1: promise this ballot, and accept nothing any more in an earlier one."""

    ballot: Ballot


class Accept(msgspec.Struct, frozen=True):
    """Phase 2: accept this value in this ballot."""

    ballot: Ballot
    value: int


class Promise(msgspec.Struct, frozen=True):
    """Promised; `accepted` is what was accepted last."""

    ballot: Ballot
    accepted: Accept | None


class Accepted(msgspec.Struct, frozen=True):
    """For learners: this was accepted."""

    accept: Accept


class TooLow(msgspec.Struct, frozen=True):
    """A later ballot was promised already."""

    promised: Ballot


class WhatIsChosen(msgspec.Struct, frozen=True):
    """Asked now and then by a node that does not know."""


# -- a node ---------------------------------------------------------------------------------------


@dataclass
class State:
    """A node: as acceptor, as proposer, as learner."""

    promised: Ballot = NO_BALLOT
    accepted: Accept | None = None

    value: int | None = None  # that it proposes; None: it does not
    callers: list[hr.Caller] = field(default_factory=list)
    ballot: Ballot | None = None
    seen: int = 0  # the highest number of a ballot that it has heard of
    promises: dict[str, Accept | None] = field(default_factory=dict)  # by acceptor
    proposed: Accept | None = None  # in phase 2

    acceptors: dict[Accept, set[str]] = field(default_factory=dict)
    chosen: int | None = None


class Paxos(hr.Node):
    """Proposer, acceptor and learner."""

    def initial(self) -> State:
        return State()

    @hr.on.start()
    def start(self, state: State, durable: Any) -> Any:
        """Remember what was promised and accepted; a proposal is the client's to repeat."""
        for record in durable.values():
            if isinstance(record, Chosen):
                state.chosen = record.value
                continue
            state.promised = max(state.promised, record.ballot)
            if isinstance(record, Accept):
                state.accepted = later(state.accepted, record)
        state.seen = state.promised.number
        return state, hr.timer("ask", ASK_NS)

    # -- proposer

    @hr.on.request(Propose)
    def propose(
        self, state: State, request: Propose, caller: hr.Caller, me: str, nodes: Any
    ) -> Any:
        if state.chosen is not None:
            return state, hr.reply(caller, Chosen(state.chosen))
        if caller not in state.callers:
            state.callers.append(caller)
        if state.value is not None:
            return state, None
        state.value = request.value
        return state, self.begin(state, me, nodes)

    def begin(self, state: State, me: str, nodes: tuple[str, ...]) -> list[Any]:
        """Phase 1 of a new ballot, which it promises itself before it asks others to."""
        state.seen += 1
        state.ballot = state.promised = Ballot(state.seen, me)
        state.promises = {me: state.accepted}
        state.proposed = None
        prepare = Prepare(state.ballot)
        others = tuple(node for node in nodes if node != me)
        return [
            hr.persist(f"promised {state.ballot}", prepare),
            hr.send(others, prepare),
            hr.timer("again", TRY_AGAIN_NS),
        ]

    @hr.on.message(Promise)
    def promise(self, state: State, message: Promise, source: str, nodes: Any) -> Any:
        """Phase 2 begins with the promises of a majority."""
        if message.ballot != state.ballot or state.proposed is not None:
            return state, None
        state.promises[source] = message.accepted
        if len(state.promises) <= len(nodes) // 2:
            return state, None
        last: Accept | None = None
        for accepted in state.promises.values():
            last = later(last, accepted)
        value = state.value if last is None else last.value
        state.proposed = Accept(state.ballot, value)
        return state, hr.send(nodes, state.proposed)

    @hr.on.message(TooLow)
    def too_low(self, state: State, message: TooLow) -> Any:
        """Others are ahead: the next try is above theirs."""
        state.seen = max(state.seen, message.promised.number)
        return state, None

    @hr.on.timer("again")
    def again(self, state: State, me: str, nodes: Any, chance: float) -> Any:
        """Nothing was chosen in time: wait a little longer than others may, then try anew."""
        if state.chosen is not None:
            return state, None
        return state, hr.timer("now", int(chance * TRY_AGAIN_NS))

    @hr.on.timer("now")
    def try_now(self, state: State, me: str, nodes: Any) -> Any:
        return state, None if state.chosen is not None else self.begin(state, me, nodes)

    # -- acceptor

    @hr.on.message(Prepare)
    def prepare(self, state: State, message: Prepare, source: str) -> Any:
        if message.ballot < state.promised:
            return state, hr.send(source, TooLow(state.promised))
        state.promised = message.ballot
        state.seen = max(state.seen, message.ballot.number)
        promise = Promise(message.ballot, state.accepted)
        return state, [hr.persist(f"promised {message.ballot}", message), hr.send(source, promise)]

    @hr.on.message(Accept)
    def accept(self, state: State, message: Accept, source: str, nodes: Any) -> Any:
        if message.ballot < state.promised:
            return state, hr.send(source, TooLow(state.promised))
        state.promised = message.ballot
        state.accepted = message
        accepted = hr.send(nodes, Accepted(message))
        return state, [hr.persist(f"accepted {message.ballot}", message), accepted]

    # -- learner

    @hr.on.message(Accepted)
    def learn(self, state: State, message: Accepted, source: str, nodes: Any) -> Any:
        """A value is chosen when a majority has accepted it in one ballot."""
        acceptors = state.acceptors.setdefault(message.accept, set())
        acceptors.add(source)
        if state.chosen is not None or len(acceptors) <= len(nodes) // 2:
            return state, None
        return self.know(state, message.accept.value)

    @hr.on.message(Chosen)
    def told(self, state: State, message: Chosen) -> Any:
        return self.know(state, message.value)

    def know(self, state: State, value: int) -> tuple[State, list[Any]]:
        """Keep it, then tell those who wait. Whoever was told can rely on it that all will know."""
        chosen, callers = Chosen(value), state.callers
        state.chosen, state.callers = value, []
        replies = [hr.reply(caller, chosen) for caller in callers]
        return state, [hr.persist("chosen", chosen), *replies]

    @hr.on.timer("ask")
    def ask(self, state: State, peers: tuple[str, ...], chance: float) -> Any:
        if state.chosen is not None:
            return state, None
        asked = peers[int(chance * len(peers))]
        return state, [hr.send(asked, WhatIsChosen()), hr.timer("ask", ASK_NS)]

    @hr.on.message(WhatIsChosen)
    def asked(self, state: State, source: str) -> Any:
        return state, None if state.chosen is None else hr.send(source, Chosen(state.chosen))


def later(one: Accept | None, other: Accept | None) -> Accept | None:
    """What was accepted in the later ballot."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda accept: accept.ballot)


# -- what must hold -------------------------------------------------------------------------------


class WriteOnce(hr.Model):
    """A register: the first proposal is written, all are told what it was."""

    def step(self, state: Any, request: Propose) -> tuple[Any, Chosen]:
        value = request.value if state is None else state
        return value, Chosen(value)


def agreement(view: hr.View) -> bool:
    """Who knows the chosen value knows the same one."""
    return len({state.chosen for state in view.states.values()} - {None}) <= 1


def validity(view: hr.View) -> bool:
    """What is chosen was proposed by a client: their values are below 100."""
    return all(state.chosen is None or 0 <= state.chosen < 100 for state in view.states.values())


def accepted_values_are_safe(view: hr.View) -> bool:
    """In one ballot only one value is accepted."""
    values: dict[Ballot, int] = {}
    return all(
        values.setdefault(state.accepted.ballot, state.accepted.value) == state.accepted.value
        for state in view.states.values()
        if state.accepted is not None
    )


def some_outbid_each_other(view: hr.View) -> bool:
    """It took several ballots."""
    return any(state.seen > 3 for state in view.states.values())


def two_values_are_accepted(view: hr.View) -> bool:
    """Acceptors disagree, until a later ballot settles it."""
    return len({state.accepted.value for state in view.states.values() if state.accepted}) > 1


def all_know(view: hr.View) -> bool:
    """Every node knows what was chosen, if anything was proposed."""
    return not any(view.history.values()) or all(
        state.chosen is not None for state in view.states.values()
    )


# -- the simulation -------------------------------------------------------------------------------


def commands(chance: random.Random) -> list[Propose]:
    """What a client asks, several times: what it was told must stay."""
    return [Propose(chance.randrange(100)) for _ in range(3)]


system = hr.System(
    nodes=dict.fromkeys(("a", "b", "c"), Paxos()),
    clients={
        name: hr.Client(
            commands,
            retry_ns=15 * MILLISECOND_NS,
            timeout_ns=3_000 * MILLISECOND_NS,
            think_ns=20 * MILLISECOND_NS,
        )
        for name in ("ann", "bob", "eve")
    },
    always=[agreement, validity, accepted_values_are_safe],
    sometimes=[some_outbid_each_other, two_values_are_accepted],
    eventually=[all_know],
    model=WriteOnce(),
    name="paxos",
)

simulation = hr.Simulation(
    system,
    network=hr.Network(delay=hr.Delay.lognormal(MILLISECOND_NS, 1.6), loss=0.15, duplication=0.1),
    chaos=hr.Chaos(
        crashes=100,
        full_disks=5,
        slow_disks=5,
        pauses=10,
        partitions=10,
        cuts=20,
        clogs=10,
        swizzles=5,
        storms=5,
        jumps=5,
        lasts_ns=(MILLISECOND_NS, 20 * MILLISECOND_NS),
        budget=None,  # all may be down at once: they wait, and go on
    ),
    faulty_ns=200 * MILLISECOND_NS,
    sync_ns=(50_000, 2 * MILLISECOND_NS),
)

# Messages that are under way for longer than a node needs to start again: they meet acceptors that
# had to remember.
slow_network = hr.Simulation(
    system,
    network=hr.Network(delay=hr.Delay.exponential(6 * MILLISECOND_NS, 100_000), duplication=0.1),
    chaos=hr.Chaos(crashes=400, cuts=20, lasts_ns=(200_000, 2 * MILLISECOND_NS), budget=None),
    faulty_ns=200 * MILLISECOND_NS,
    sync_ns=(10_000, 200_000),
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
