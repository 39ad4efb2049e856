"""The compiled world goes the way of the plain one: every note, every input, every effect."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import NodeFailed
from headrace.simulation import Chaos, Delay, Network, Plan, faults
from headrace.simulation.plain_world import PlainWorld
from headrace.simulation.stage import Stage
from headrace.simulation.world import make_world
from headrace.system import (
    Caller,
    Client,
    Node,
    Redirect,
    System,
    cancel,
    on,
    persist,
    postpone,
    reply,
    send,
    timer,
)

MILLISECOND_NS = 1_000_000


class Word(msgspec.Struct, frozen=True):
    """What nodes tell each other: a number that decides what they do about it."""

    number: int


class Question(msgspec.Struct, frozen=True):
    """What clients ask."""

    number: int


class Chatty(Node):
    """Does everything that a node can do, by the numbers that it is given."""

    def initial(self) -> dict[str, Any]:
        return {"sum": 0, "mode": "day", "asked": []}

    def mode(self, state: dict[str, Any]) -> str:
        return str(state["mode"])

    @on.start()
    def start(self, state: Any, peers: tuple[str, ...], durable: Any) -> Any:
        state["sum"] = durable.get("sum", 0) + len(durable.damaged)
        return state, [send(peers, Word(len(durable))), timer("tick", 3 * MILLISECOND_NS)]

    @on.message(Word)
    def word(self, state: Any, message: Word, source: str, chance: float, peers: Any) -> Any:
        number = message.number
        state["sum"] = (state["sum"] * 31 + number + int(chance * 1000)) % 10_007
        if number > 12:
            return state, None
        turn = state["sum"] % 7
        following = Word(number + 1)
        if turn == 0:
            return state, [persist("sum", state["sum"]), send(source, following)]
        if turn == 1:
            return state, [persist("word", number, sync=False), send(peers, following)]
        if turn == 2:
            return state, [timer(("late", number), number * 100_000), cancel("tick")]
        if turn == 3:
            return state, (persist("a", 1, sync=False), persist("b", 2), persist("a", None))
        return state, send(source, following)

    @on.message(Word, when="night")
    def dream(self, state: Any, message: Word) -> Any:
        return state, [postpone()] if message.number % 2 else None

    @on.request(Question)
    def question(self, state: Any, request: Question, caller: Caller, now_ns: int) -> Any:
        state["sum"] = (state["sum"] + request.number + now_ns) % 10_007
        if request.number % 3 == 0:
            state["asked"].append(caller)
            return state, None
        if request.number % 5 == 0:
            return state, reply(caller, Redirect())
        return state, [persist("asked", request.number), reply(caller, state["sum"])]

    @on.timer("tick")
    def tick(self, state: Any, me: str, nodes: tuple[str, ...]) -> Any:
        state["mode"] = "night" if state["mode"] == "day" else "day"
        asked, state["asked"] = state["asked"], []
        answers = [reply(caller, state["sum"]) for caller in asked]
        to = nodes[(nodes.index(me) + 1) % len(nodes)]
        return state, [timer("tick", 7 * MILLISECOND_NS), send(to, Word(1)), *answers]

    @on.timer()
    def late(self, state: Any, timer: Any) -> Any:
        if timer[1] == 11 and state["sum"] % 3 == 0:
            raise ValueError("a handler that fails")
        return state, None


def observed(system: System, plan: Plan, world_of: Any) -> list[Any]:
    """All that can be seen of a run."""
    stage = Stage(system, plan, world_of)
    seen: list[Any] = []
    world = stage.world
    world.note = lambda *noted: seen.append((world.now_ns, *map(repr, noted)))
    world.stepped = lambda *stepped: seen.append((world.now_ns, *map(repr, stepped)))
    world.check = lambda index: seen.append((index, repr(world.state(index))))
    try:
        seen.append(stage.play())
        for _ in range(5):
            seen.append(stage.slice())
    except NodeFailed as error:
        seen.append(str(error))
    seen.append([world.is_up(index) for index in range(len(stage.names))])
    handled: Counter[str] = Counter()
    world.handled(handled)
    seen.append(sorted((+handled).items()))
    seen.append([world.digest, world.delivered, world.taken, world.now_ns, list(world.counts)])
    return [tuple(each) if isinstance(each, tuple) else each for each in seen]


def plain_numbers(seen: list[Any]) -> list[Any]:
    """`What` as the number that the compiled world notes."""
    return [
        (each[0], each[1].split(": ")[-1].rstrip(">"), *each[2:])
        if isinstance(each, tuple)
        else each
        for each in seen
    ]


PROBABILITIES = st.sampled_from([0.0, 0.0, 0.05, 0.3])
RATES = st.sampled_from([0.0, 0.0, 20.0, 60.0])
NETWORKS = st.builds(
    Network,
    delay=st.sampled_from([Delay.uniform(100_000, 900_000), Delay.constant(400_000)]),
    ordered=st.booleans(),
    loss=PROBABILITIES,
    duplication=PROBABILITIES,
    corruption=PROBABILITIES,
)
KINDS = [field.name for field in dataclasses.fields(Chaos) if field.type == "float"]
CHAOS = st.builds(
    Chaos,
    **dict.fromkeys(KINDS, RATES),
    lasts_ns=st.just((MILLISECOND_NS, 20 * MILLISECOND_NS)),
    budget=st.sampled_from([None, "minority"]),
)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**64 - 1),
    count=st.integers(1, 4),
    network=NETWORKS,
    chaos=CHAOS,
    questions=st.lists(st.integers(0, 20), max_size=6),
    sync_ns=st.sampled_from([(0, 0), (10_000, 900_000)]),
)
def test_the_same_runs(
    seed: int,
    count: int,
    network: Network,
    chaos: Chaos,
    questions: list[int],
    sync_ns: tuple[int, int],
) -> None:
    node = Chatty()
    names = tuple("abcd"[:count])
    commands = tuple(Question(number) for number in questions)
    system = System(dict.fromkeys(names, node), {"x": Client(commands), "y": Client(commands)})
    plan = Plan(
        seed=seed,
        commands={"x": commands, "y": commands},
        faults=(
            *chaos.schedule(seed, names, 80 * MILLISECOND_NS),
            faults.Lose(source="x", to=names[0], number=1),
        ),
        network=network,
        faulty_ns=80 * MILLISECOND_NS,
        inputs_max=3_000,
        sync_ns=sync_ns,
    )
    plain = plain_numbers(observed(system, plan, PlainWorld))
    assert plain_numbers(observed(system, plan, make_world)) == plain
