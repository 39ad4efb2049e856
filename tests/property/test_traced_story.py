"""A traced story is the story, and what it says of where things come from is in the effects."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from test_world_differential import CHAOS, MILLISECOND_NS, NETWORKS, Chatty, Question

from headrace.debugger.page_run import run_html
from headrace.engine.effects import Postpone, Reply, Request, Send, Timer
from headrace.simulation import Chaos, Network, Plan, faults
from headrace.simulation.noting import What
from headrace.simulation.story import Noted, Step, Story, tell
from headrace.simulation.tracing import Flight
from headrace.system import Client, System

MESSAGES = ("message", "request", "reply")


def is_effect(effect: Any, flight: Flight) -> bool:
    """Whether this effect can have sent it."""
    if isinstance(effect, Timer):
        return flight.kind == "timer" and effect.name == flight.payload
    if isinstance(effect, Send):
        to = effect.to if isinstance(effect.to, tuple) else (effect.to,)
        return flight.kind == "message" and flight.to in to and effect.message == flight.payload
    if isinstance(effect, Reply):
        whom = effect.caller.client, effect.reply
        return flight.kind == "reply" and whom == (flight.to, flight.payload)
    if isinstance(effect, Request):
        return flight.kind == "request" and (effect.to, effect.request) == (
            flight.to,
            flight.payload,
        )
    return False


def check(story: Story) -> None:
    assert story.flights is not None
    taken: Counter[int] = Counter()
    noted: Counter[int] = Counter()
    for flight in story.flights:
        taken.update(flight.taken)
        noted.update(flight.noted)
        if flight.cause is not None:
            cause = story.happened[flight.cause]
            assert isinstance(cause, Step)
            assert cause.node == flight.source
            assert cause.time_ns <= flight.sent_ns
            if flight.kind != "sync":
                assert any(is_effect(effect, flight) for effect in cause.effects)
        for place in flight.taken[:-1]:  # only what was postponed comes twice
            early = story.happened[place]
            assert isinstance(early, Step)
            assert any(isinstance(effect, Postpone) for effect in early.effects)
        for place in flight.taken:
            one = story.happened[place]
            assert isinstance(one, Step)
            assert one.time_ns >= flight.sent_ns
            assert (one.node, one.taken.kind, one.taken.source) == (
                flight.to,
                flight.kind,
                flight.source,
            )
            assert one.taken.payload == flight.payload
        for place in flight.noted:
            lost = story.happened[place]
            assert isinstance(lost, Noted)
            assert (lost.to, lost.source, lost.payload) == (
                flight.to,
                flight.source,
                flight.payload,
            )
    for place, one in enumerate(story.happened):
        if isinstance(one, Step):
            comes = one.taken.kind in (*MESSAGES, "timer")
            assert taken[place] == comes, one
        elif isinstance(one, Noted) and one.what in (What.LOST, What.CUT, What.DOWN):
            assert noted[place] == 1, one


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**64 - 1),
    count=st.integers(1, 4),
    network=NETWORKS,
    chaos=CHAOS,
    questions=st.lists(st.integers(0, 20), max_size=6),
    sync_ns=st.sampled_from([(0, 0), (10_000, 900_000)]),
)
def test_where_things_come_from(
    seed: int,
    count: int,
    network: Network,
    chaos: Chaos,
    questions: list[int],
    sync_ns: tuple[int, int],
) -> None:
    names = tuple("abcd"[:count])
    commands = tuple(Question(number) for number in questions)
    clients = {"x": Client(commands), "y": Client(commands)}
    system = System(dict.fromkeys(names, Chatty()), clients)
    plan = Plan(
        seed=seed,
        commands=dict.fromkeys(clients, commands),
        faults=(
            *chaos.schedule(seed, names, 80 * MILLISECOND_NS),
            faults.Lose(source="x", to=names[0], number=1),
        ),
        network=network,
        faulty_ns=80 * MILLISECOND_NS,
        inputs_max=400,
        sync_ns=sync_ns,
    )
    story = tell(system, plan, traced=True)
    plain = tell(system, plan)
    assert str(story) == str(plain)
    assert story.digests == plain.digests
    check(story)
    drawn = re.findall(r'class="flight (\w+) (\w+)"', run_html(story))
    assert story.flights is not None
    messages = [flight for flight in story.flights if flight.kind in MESSAGES]
    others = [flight for flight in messages if flight.source != flight.to]
    assert len([kind for kind, how in drawn if how != "own"]) == len(others)
