"""What the tests of a run's page share: a system whose texts are meant to break it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

import headrace as hr
from headrace.simulation.story import Story, tell

EVIL = "</script><img src=x onerror=\"window.ran='text'\">\u2028'\"&lt;"
EVIL_NAME = "<b onclick=x>store"
M = 1_000_000  # nanoseconds in a millisecond


class Put(msgspec.Struct, frozen=True):
    text: str
    number: int


class Copy(msgspec.Struct, frozen=True):
    number: int


class Entry(msgspec.Struct, frozen=True):
    number: int
    text: str


@dataclass
class Held:
    entries: list[Entry] = field(default_factory=list)
    copies: int = 0


class Store(hr.Node):
    """Keeps what it is given, tells its peers, and breaks on the number 9."""

    def initial(self) -> Held:
        return Held()

    @hr.on.start()
    def start(self, state: Held, durable: Any) -> Any:
        state.copies = durable.get("copies", 0)
        return state, hr.timer("tick", 2 * M)

    @hr.on.timer("tick")
    def tick(self, state: Held) -> Any:
        return state, None

    @hr.on.request(Put)
    def put(self, state: Held, request: Put, caller: hr.Caller, peers: Any) -> Any:
        if request.number == 9:
            raise ValueError(EVIL)
        state.entries.append(Entry(request.number, request.text))
        effects = [hr.send(peers, Copy(request.number)), hr.persist("count", len(state.entries))]
        return state, [*effects, hr.reply(caller, request.number)]

    @hr.on.message(Copy)
    def copy(self, state: Held, message: Copy) -> Any:
        state.copies += message.number
        return state, hr.persist("copies", state.copies, sync=False)


def few_copies(view: hr.View) -> bool:
    return all(state.copies < 3 for state in view.states.values())


SYSTEM = hr.System(
    {EVIL_NAME: Store(), "other": Store(), "third": Store()},
    {"ann": hr.Client([]), "bob": hr.Client([])},
)
FAULTS = (
    hr.faults.Lose(source=EVIL_NAME, to="other", number=1),
    hr.faults.Partition(groups=((EVIL_NAME,), ("third",)), at_ns=1 * M, until_ns=4 * M),
    hr.faults.Weather(loss=0.1, at_ns=2 * M, until_ns=9 * M),
    hr.faults.Pause(node="other", at_ns=3 * M, until_ns=6 * M),
    hr.faults.SlowDisk(node="third", factor=3, at_ns=4 * M, until_ns=8 * M),
    hr.faults.Crash(node=EVIL_NAME, at_ns=7 * M, until_ns=11 * M),
)


def plan_of(*numbers: int, faults: Any = FAULTS, **more: Any) -> hr.Plan:
    commands = tuple(Put(EVIL, number) for number in numbers)
    return hr.Plan(
        seed=5,
        commands={"ann": commands, "bob": commands[:1]},
        faults=faults,
        faulty_ns=15 * M,
        **more,
    )


def make_story(*numbers: int, always: Any = (), **more: Any) -> Story:
    """A story of both clients, putting these numbers."""
    system = hr.System(SYSTEM.nodes, SYSTEM.clients, always=always)
    return tell(system, plan_of(*numbers, **more), traced=True)
