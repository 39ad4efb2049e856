"""The compiled world goes the way of the plain one: every note, every input, every effect."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from chatty import MILLISECOND_NS, Chatty, Question
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import NodeFailed
from headrace.simulation import Chaos, Delay, Network, Plan, faults
from headrace.simulation.plain_world import PlainWorld
from headrace.simulation.stage import Stage
from headrace.simulation.world import make_world
from headrace.system import Client, System


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
