"""A node's machine does what the node does in the plain world: the same states, the same effects.

Systems run in the plain world with all its faults. What each node was given there, arrival by
arrival, goes through its machine as events; after each the machine has the state that the node had,
and its outputs are the node's effects, written down.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from chatty import MILLISECOND_NS, Chatty, Question, Word
from hypothesis import given, settings
from hypothesis import strategies as st
from test_world_differential import CHAOS, NETWORKS

from headrace.engine import effects as effect_types
from headrace.errors import NodeFailed, StepError
from headrace.journal.states import decode_state, encode_state, known_classes
from headrace.replay.fold import Fold
from headrace.simulation import Chaos, Network, Plan
from headrace.simulation.plain_world import PlainWorld
from headrace.simulation.stage import Stage
from headrace.state import difference
from headrace.system import Client, Input, System
from headrace.system.events import CANCEL, MESSAGE, REPLY, REQUEST, TIMER
from headrace.system.node_machine import NodeMachine

Arrival = dict[str, Any]


def arrivals(system: System, plan: Plan) -> tuple[list[Arrival], bool]:
    """All that came to all nodes, in order, with what it led to; whether one of them failed."""
    stage = Stage(system, plan, PlainWorld)
    world = stage.world
    seen: list[Arrival] = []
    arrive = world._arrive

    def recorded(endpoint: Any, *what: Any) -> None:
        here: Arrival = {"index": endpoint.index, "takes": [], "crashed": False}
        seen.append(here)
        arrive(endpoint, *what)
        here["state"] = copy.deepcopy(endpoint.state)
        here["up"] = endpoint.is_up

    def stepped(index: int, taken: Input, effects: Any) -> None:
        seen[-1]["takes"].append((taken, effects))

    world._arrive = recorded
    world.stepped = stepped
    try:
        stage.play()
        stage.slice()
    except NodeFailed as error:
        seen[-1]["failed_on"] = error.taken
        return seen, True
    return seen, False


def written(machine: NodeMachine, effects: Any, timers: dict[Any, int]) -> list[tuple[Any, ...]]:
    """Effects as outputs are told below; `timers` holds the numbers of those that are set."""
    told: list[tuple[Any, ...]] = []
    for effect in effects:
        if isinstance(effect, effect_types.Send):
            for to in effect.to if isinstance(effect.to, tuple) else (effect.to,):
                told.append((MESSAGE, to, effect.message))
        elif isinstance(effect, effect_types.Request):
            told.append((REQUEST, effect.to, effect.number, effect.request))
        elif isinstance(effect, effect_types.Reply):
            told.append((REPLY, effect.caller.client, effect.caller.number, effect.reply))
        elif isinstance(effect, effect_types.Timer | effect_types.Cancel):
            if timers.pop(effect.name, None) is not None:
                told.append((CANCEL,))
            if isinstance(effect, effect_types.Timer):
                timers[effect.name] = 1
                told.append((TIMER, effect.after_ns))
    return told


def read(machine: NodeMachine, records: Any) -> list[tuple[Any, ...]]:
    """Outputs of the machine, pieces put together again."""
    told: list[tuple[Any, ...]] = []
    pieces = b""
    for record in records:
        pieces += bytes(record["body"]).ljust(int(record["length"]), b"\0")
        if record["more"]:
            continue
        body, pieces = pieces, b""
        kind, to = int(record["kind"]), bytes(record["to"]).decode()
        number = int(record["number"])
        if kind == TIMER:
            told.append((TIMER, int(record["after_ns"])))
        elif kind == CANCEL:
            told.append((CANCEL,))
        elif kind == MESSAGE:
            told.append((MESSAGE, to, machine.codec.decode(body)))
        else:
            told.append((kind, to, number, machine.codec.decode(body)))
    return told


def follow(machine: NodeMachine, seen: list[Arrival]) -> int:
    """Step over what one node was given; how many inputs that were."""
    fold = Fold(machine)
    timers: dict[Any, int] = {}
    count = 0
    for arrival in seen:
        takes = arrival["takes"]
        if "failed_on" in arrival:
            with pytest.raises(StepError):
                run(fold, machine, [taken for taken, _ in takes] + [arrival["failed_on"]])
            return count
        if not takes:
            continue
        if takes[0][0].kind in ("start", "restart"):
            timers.clear()
        if takes[0][0].kind == "timer":
            timers.pop(takes[0][0].payload, None)
        records = run(fold, machine, [taken for taken, _ in takes])
        effects = [effect for _, effects in takes for effect in effects]
        told, expected = read(machine, records), written(machine, effects, timers)
        if not arrival["up"] and len(told) > len(expected):
            # Its disk was full: it died before what was postponed came again, of which a machine
            # knows nothing. What it is told from there on is not of the same past.
            assert told[: len(expected)] == expected
            return count
        assert told == expected
        state = fold.live_state
        if arrival["up"]:
            assert difference(state.state, arrival["state"]) is None
        assert state.timers.keys() == timers.keys()
        count += len(takes)
    classes = known_classes(machine)
    again = decode_state(encode_state(fold.live_state, classes), classes)
    assert difference(again, fold.live_state) is None
    return count


def run(fold: Fold, machine: NodeMachine, takes: list[Input]) -> Any:
    """One arrival: the first take is the input, the others were postponed and came again."""
    events = machine.events_of(takes[0], [taken.chance for taken in takes[1:]])
    return fold.run(events, np.zeros(len(events), np.int64))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**64 - 1),
    count=st.integers(1, 3),
    network=NETWORKS,
    chaos=CHAOS,
    questions=st.lists(st.integers(0, 20), max_size=6),
    sync_ns=st.sampled_from([(0, 0), (10_000, 900_000)]),
)
def test_the_same_states_and_effects(
    seed: int,
    count: int,
    network: Network,
    chaos: Chaos,
    questions: list[int],
    sync_ns: tuple[int, int],
) -> None:
    names = tuple("abc"[:count])
    commands = tuple(Question(number) for number in questions)
    system = System(dict.fromkeys(names, Chatty()), {"x": Client(commands)})
    plan = Plan(
        seed=seed,
        commands={"x": commands},
        faults=chaos.schedule(seed, names, 60 * MILLISECOND_NS),
        network=network,
        faulty_ns=60 * MILLISECOND_NS,
        inputs_max=2_000,
        sync_ns=sync_ns,
    )
    seen, _ = arrivals(system, plan)
    taken = 0
    for index, name in enumerate(system.names):
        machine = system.machine(name, clients_max=0)
        if name == "x":  # the client of the plan, which has the commands
            machine = system.with_clients({"x": Client(commands)}).machine("x", clients_max=0)
        taken += follow(machine, [each for each in seen if each["index"] == index])
    assert taken >= count


def test_words_are_long_enough_to_be_cut() -> None:
    """The comparison above is of short bodies; pieces are put together in the unit tests."""
    machine = System({"a": Chatty()}).machine("a")
    (event,) = machine.events_of(Input("message", Word(7), "a"))
    assert machine.describe(event) == "message from a: Word(number=7)"
