"""A replicated register: what is written is there as long as a majority is (ABD).

Attiya, Bar-Noy and Dolev, "Sharing memory robustly in message-passing systems" (1995), with several
writers as in Lynch and Shvartsman (1997). No node leads. Whichever a client asks carries it out, in
two phases, each of which is over when a majority has answered:

    write   1. ask for the highest stamp that there is       2. store the value with a higher one
    read    1. ask for the highest stamp and its value       2. store that, as if it were written

The second phase of a read is what makes it linearisable: a value that only some have stored, and
that one client has seen, must not be missed by the next. Any two majorities have a node in common,
so what a finished operation stored is seen by every later one.

A stamp is a number and the name of the operation that made it, so no two are equal: not those of
two nodes, nor those of two operations of one node.

What a node stores it has on its disk before it says so. A record has a key of its own and is never
overwritten: a crash can tear only one that was not safe yet, and that nobody was told of. The same
holds for the requests a node takes: it writes them down first, so a request that comes again is
not carried out again, even across a restart. For the same reason a client asks one node only, over
and over: a write that two nodes carry out could take effect twice, with another one in between.

Invariants: a stamp stands for one value, everywhere; operations come to an end when all is healed.
What the clients see is a register that does one thing after the other (`Register`). It stands:
losses, repetitions, reordering, partitions, crashes, pauses, full and slow disks, clocks of any
kind. While no majority can be reached it waits. It does not stand a disk that loses what was safe.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

import headrace as hr

MILLISECOND_NS = 1_000_000
RESEND_NS = 50 * MILLISECOND_NS


class Stamp(msgspec.Struct, frozen=True, order=True):
    """When a value was written, compared by number; `operation` makes it the only one."""

    number: int = 0
    operation: str = ""


class Version(msgspec.Struct, frozen=True):
    """A value and its stamp."""

    stamp: Stamp = Stamp()
    value: int = 0


# -- what clients ask, and what nodes tell each other ---------------------------------------------


class Write(msgspec.Struct, frozen=True):
    """A request: from now on the key has this value; answered with `Written`."""

    key: str
    value: int


class Read(msgspec.Struct, frozen=True):
    """A request: which value does the key have? Answered with a `Value`."""

    key: str


class Written(msgspec.Struct, frozen=True):
    """It was written."""


class Value(msgspec.Struct, frozen=True):
    """What was read; 0 if nobody has written before."""

    value: int


class Query(msgspec.Struct, frozen=True):
    """Phase 1: which version do you have?"""

    operation: str
    key: str


class Answer(msgspec.Struct, frozen=True):
    """This one."""

    operation: str
    version: Version


class Store(msgspec.Struct, frozen=True):
    """Phase 2: keep this version, unless you have a later one."""

    operation: str
    key: str
    version: Version


class Stored(msgspec.Struct, frozen=True):
    """I have it, or a later one, and would still have it after a crash."""

    operation: str


# -- a node ---------------------------------------------------------------------------------------


@dataclass
class Operation:
    """An operation that a node carries out for a client."""

    caller: hr.Caller
    request: Write | Read
    sent: Query | Store  # what all were sent in this phase
    answers: dict[str, Version] = field(default_factory=dict)  # phase 1, by node
    stored: set[str] = field(default_factory=set)  # phase 2


@dataclass
class Replica:
    """What a node has stored, by key; and what it is about to do."""

    versions: dict[str, Version] = field(default_factory=dict)
    taken: dict[str, Any] = field(default_factory=dict)  # all operations so far, and their replies
    operations: dict[str, Operation] = field(default_factory=dict)


class Server(hr.Node):
    """A replica of all keys, that also carries out what clients ask it for."""

    def initial(self) -> Replica:
        return Replica()

    @hr.on.start()
    def start(self, state: Replica, durable: Any) -> Any:
        """Read the disk. Operations that a crash has cut off are not gone on with."""
        for name, record in durable.items():
            if isinstance(record, Store):
                self.keep(state, record)
            else:
                state.taken[name] = None
        return state, None

    def keep(self, state: Replica, message: Store) -> bool:
        """Take a version if it is later than the one there is; whether it was."""
        known = state.versions.get(message.key, Version())
        if message.version.stamp <= known.stamp:
            return False
        state.versions[message.key] = message.version
        return True

    # -- for clients

    @hr.on.request(Write, Read)
    def take(self, state: Replica, request: Any, caller: hr.Caller, nodes: Any) -> Any:
        """Begin an operation, once."""
        name = f"{caller.client} {caller.number}"
        if name in state.taken:
            known = state.taken[name]
            return state, None if known is None else hr.reply(caller, known)
        state.taken[name] = None
        query = Query(name, request.key)
        state.operations[name] = Operation(caller, request, query)
        return state, [hr.persist(name, True), hr.send(nodes, query), hr.timer(name, RESEND_NS)]

    @hr.on.message(Answer)
    def answered(self, state: Replica, message: Answer, source: str, nodes: Any) -> Any:
        """Phase 2 begins as soon as a majority has answered."""
        operation = state.operations.get(message.operation)
        if operation is None or isinstance(operation.sent, Store):
            return state, None
        operation.answers[source] = message.version
        if len(operation.answers) <= len(nodes) // 2:
            return state, None
        version = max(operation.answers.values(), key=lambda version: version.stamp)
        if isinstance(operation.request, Write):
            stamp = Stamp(version.stamp.number + 1, message.operation)
            version = Version(stamp, operation.request.value)
        operation.sent = Store(message.operation, operation.request.key, version)
        return state, hr.send(nodes, operation.sent)

    @hr.on.message(Stored)
    def finished(self, state: Replica, message: Stored, source: str, nodes: Any) -> Any:
        """The client is answered as soon as a majority has stored it."""
        operation = state.operations.get(message.operation)
        if operation is None or isinstance(operation.sent, Query):
            return state, None
        operation.stored.add(source)
        if len(operation.stored) <= len(nodes) // 2:
            return state, None
        del state.operations[message.operation]
        is_write = isinstance(operation.request, Write)
        reply = Written() if is_write else Value(operation.sent.version.value)
        state.taken[message.operation] = reply
        return state, [hr.cancel(message.operation), hr.reply(operation.caller, reply)]

    @hr.on.timer()
    def resend(self, state: Replica, timer: str, nodes: tuple[str, ...]) -> Any:
        """Ask those again that have not answered in this phase."""
        operation = state.operations.get(timer)
        if operation is None:  # over, but the timer's end still waits for the disk
            return state, None
        heard = operation.answers if isinstance(operation.sent, Query) else operation.stored
        missing = tuple(node for node in nodes if node not in heard)
        return state, [hr.send(missing, operation.sent), hr.timer(timer, RESEND_NS)]

    # -- for other nodes, and for itself

    @hr.on.message(Query)
    def query(self, state: Replica, message: Query, source: str) -> Any:
        version = state.versions.get(message.key, Version())
        return state, hr.send(source, Answer(message.operation, version))

    @hr.on.message(Store)
    def store(self, state: Replica, message: Store, source: str) -> Any:
        done = hr.send(source, Stored(message.operation))
        if not self.keep(state, message):
            return state, done
        return state, [hr.persist(f"{message.key} {message.version.stamp}", message), done]


# -- what must hold -------------------------------------------------------------------------------


class Register(hr.Model):
    """Each key by itself: a register that does one thing after the other."""

    def initial(self) -> int:
        return 0

    def step(self, state: int, request: Any) -> tuple[int, Any]:
        if isinstance(request, Write):
            return request.value, Written()
        return state, Value(state)

    def partition(self, request: Any) -> str:
        return str(request.key)


def a_stamp_is_one_value(view: hr.View) -> bool:
    """Two versions of one stamp are the same."""
    values: dict[Any, int] = {}
    return all(
        values.setdefault((key, version.stamp), version.value) == version.value
        for replica in view.states.values()
        for key, version in replica.versions.items()
    )


def one_is_behind(view: hr.View) -> bool:
    """A node has missed writes that others have stored."""
    numbers = [stamp.number for stamp in stamps_of("x", view)]
    return bool(numbers) and max(numbers) - min(numbers) > 1


def two_write_at_once(view: hr.View) -> bool:
    """Two operations have made stamps of one number."""
    stamps = stamps_of("x", view)
    return len({stamp.number for stamp in stamps}) < len(set(stamps))


def stamps_of(key: str, view: hr.View) -> list[Stamp]:
    """The stamps that the nodes have of a key."""
    found = [replica.versions.get(key) for replica in view.states.values()]
    return [version.stamp for version in found if version is not None]


def nothing_is_left(view: hr.View) -> bool:
    """Every operation comes to an end."""
    return not any(replica.operations for replica in view.states.values())


# -- the simulation -------------------------------------------------------------------------------


def commands(chance: random.Random) -> list[Any]:
    """What a client asks: each value is written once, so that it tells who wrote it."""
    return [
        Write(chance.choice("xxxxxy"), chance.randrange(1, 1_000_000))
        if chance.random() < 0.3
        else Read(chance.choice("xxxxxy"))
        for _ in range(15)
    ]


system = hr.System(
    nodes=dict.fromkeys(("a", "b", "c"), Server()),
    clients={
        name: hr.Client(
            commands,
            retry_ns=10 * MILLISECOND_NS,
            timeout_ns=200 * MILLISECOND_NS,
            others=False,
        )
        for name in ("ann", "bob", "eve", "joe")
    },
    always=[a_stamp_is_one_value],
    sometimes=[one_is_behind, two_write_at_once],
    eventually=[nothing_is_left],
    model=Register(),
    name="abd",
)

simulation = hr.Simulation(
    system,
    network=hr.Network(delay=hr.Delay.lognormal(300_000, 1.0), loss=0.1, duplication=0.05),
    chaos=hr.Chaos(
        crashes=40,
        full_disks=3,
        slow_disks=10,
        pauses=10,
        partitions=10,
        cuts=20,
        clogs=10,
        swizzles=3,
        storms=3,
        jumps=5,
        lasts_ns=(2 * MILLISECOND_NS, 50 * MILLISECOND_NS),
        budget=None,  # all may be down at once: they wait, and go on
    ),
    faulty_ns=200 * MILLISECOND_NS,
    sync_ns=(50_000, 2 * MILLISECOND_NS),
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
