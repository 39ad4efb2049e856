"""Every interleaving of each configuration keeps the ring's promises.

Nothing lost, doubled, or seen before it is published; nothing overwritten before it is released;
order kept; nobody stuck; no data race. How many states a configuration has is written down, so
that a walk that stops early, or a thread that does nothing, shows.
"""

from __future__ import annotations

import math

import pytest

from headrace.reference.views import Detail

from . import configurations as c
from . import death_configurations as d
from .configurations import Builder
from .model import load_model

VALUES, ORDER, WEAK = Detail.VALUES, Detail.ORDER, Detail.WEAK

# name, configuration, detail -> states at least (all but a few of those there are)
EXPLORED: list[tuple[str, Builder, dict[Detail, int]]] = [
    ("two producers by two claims, two consumers, capacity 2",
     lambda m: c.multi(m, 2, ((1, 1), (1, 1))), {VALUES: 160_000}),
    ("two producers by two claims, two consumers, capacity 4",
     lambda m: c.multi(m, 4, ((1, 1), (1, 1))), {VALUES: 130_000}),
    ("two producers, claims of two and one, capacity 2",
     lambda m: c.multi(m, 2, ((2, 1), (1,)), 1), {ORDER: 1}),
    ("two producers, one consumer, capacity 2",
     lambda m: c.multi(m, 2, ((1, 1), (1,)), 1), {ORDER: 1_200, WEAK: 1}),
    ("capacity below the slots allocated",
     lambda m: c.multi(m, 2, ((1, 1), (1,)), 1, slots_allocated=4, checks_gate=True), {VALUES: 1}),
    ("a consumer behind another, two producers",
     lambda m: c.multi(m, 2, ((1,), (1,)), 2, after=(0, 1)), {ORDER: 1, WEAK: 1}),
    ("early release, two producers",
     lambda m: c.multi(m, 2, ((2,), (1,)), 1, piecewise=True), {ORDER: 1}),
    ("diamond, capacity 2", lambda m: c.diamond(m, 2, (1, 1, 1)), {VALUES: 1, ORDER: 1}),
    ("diamond, batches", lambda m: c.diamond(m, 2, (2, 1, 1)), {ORDER: 1, WEAK: 1}),
    ("diamond, batches cut by a limit", lambda m: c.diamond(m, 2, (2, 1), limit=1), {ORDER: 1}),
    ("diamond, ended and drained", lambda m: c.diamond(m, 2, (1,), ends=True), {VALUES: 1}),
    ("diamond, aborted claim", lambda m: c.diamond(m, 2, (1, 1, 1), aborts=(1,)), {ORDER: 1}),
    ("join while one publishes alone", lambda m: c.joining(m, 1, (1, 1, 1)), {ORDER: 1, WEAK: 1}),
    ("join while one publishes to another",
     lambda m: c.joining(m, 1, (1, 1), readers=1), {ORDER: 1, WEAK: 1}),
    ("join behind another", lambda m: c.joining(m, 2, (1, 1), readers=1, after=1), {WEAK: 1}),
    ("join while two publish",
     lambda m: c.joining(m, 2, (1, 1), second=(1,), is_multi=True), {ORDER: 1}),
    ("join while two publish to another",
     lambda m: c.joining(m, 1, (1,), second=(1,), is_multi=True, readers=1), {ORDER: 1}),
    ("join while two publish, weak memory",
     lambda m: c.joining(m, 1, (1,), second=(1,), is_multi=True), {WEAK: 1}),
    ("leave with a dependent", lambda m: c.leaving(m, 2, (1, 1, 1)), {ORDER: 1, WEAK: 1}),
    ("leave out of a chain", lambda m: c.leaving(m, 2, (1, 1), is_chain=True), {ORDER: 1}),
    ("leave, and another takes the entry",
     lambda m: c.leaving(m, 2, (1, 1), reuses=True), {ORDER: 1, WEAK: 1}),
    ("tombstones", lambda m: c.multi(m, 2, ((1, 1), (1,)), 1, aborts=((0,), ())), {ORDER: 1}),
    ("tombstones, consumer behind another",
     lambda m: c.multi(m, 2, ((1,), (1,)), 2, aborts=((0,), ()), after=(0, 1)), {ORDER: 1}),
    ("tombstones in weak memory",
     lambda m: c.multi(m, 1, ((1, 1), ()), 2, aborts=((0,), ()), after=(0, 1)), {WEAK: 1}),
    ("tombstones, nobody consumes",
     lambda m: c.multi(m, 1, ((1, 1), (1, 1)), 0, aborts=((0,), ())), {ORDER: 1, WEAK: 1}),
    ("ended and drained, two producers",
     lambda m: c.multi(m, 2, ((1, 1), (1,)), 1, ends=True), {ORDER: 1}),
    ("end while one publishes", lambda m: c.ending(m, (1,)), {WEAK: 1}),
    ("end while one publishes twice", lambda m: c.ending(m, (1, 1)), {ORDER: 1}),
    ("end while one of several publishes", lambda m: c.ending(m, (1,), is_multi=True), {WEAK: 1}),
    *[
        (f"a producer killed after {actions} actions",
         lambda m, actions=actions: d.dying(m, 2, (2,), (1, 1), actions), {ORDER: 1})
        for actions in range(4, 14)
    ],
    *[
        (f"a producer killed after {actions} actions, weak memory",
         lambda m, actions=actions: d.dying(m, 2, (1,), (1,), actions), {WEAK: 1})
        for actions in (8, 9, 10, 11)
    ],
    ("all sleep, capacity 1", lambda m: c.parking(m, 1, (1, 1, 1)), {VALUES: 1}),
    ("all sleep, weak memory", lambda m: c.parking(m, 1, (1, 1)), {WEAK: 1}),
    ("all sleep, chain", lambda m: c.parking(m, 2, (1, 1), 2, after=(0, 1)), {VALUES: 1}),
    ("all sleep, one joins behind", lambda m: c.parking(m, 2, (1, 1), 2, joins=True), {VALUES: 1}),
    ("all sleep, ended", lambda m: c.parking(m, 1, (1, 1), ends=True), {VALUES: 1}),
]  # fmt: skip

LONG = {  # `make torture` visits them
    "diamond, ended and drained",  # most of a minute
    *(f"a producer killed after {actions} actions" for actions in (10, 11, 12, 13)),
    *(f"a producer killed after {actions} actions, weak memory" for actions in (10, 11)),
    "end while one publishes",
    "end while one of several publishes",
    "join while two publish",
    "join while two publish to another",
    "join while two publish, weak memory",
    "all sleep, one joins behind",
}

CASES = [
    pytest.param(
        builder, detail, states, id=f"{name}: {detail.value}",
        marks=[pytest.mark.torture, pytest.mark.timeout(900)] if name in LONG else [],
    )
    for name, builder, details in EXPLORED
    for detail, states in details.items()
]  # fmt: skip


@pytest.mark.parametrize(("builder", "detail", "states_min"), CASES)
def test_all_interleavings_keep_the_promises(
    builder: Builder, detail: Detail, states_min: int
) -> None:
    explored = builder(load_model()).explore(detail)
    print(
        f"{explored.states:,} states, {explored.transitions:,} steps, "
        f"10**{math.log10(explored.interleavings):.1f} interleavings, {explored.ends} ends"
    )
    assert explored.states >= states_min
    assert explored.interleavings > explored.ends > 0
