"""Every interleaving of those who die, are declared dead, succeed and clear up.

What is not in `make test`, for its length, is visited by `make torture`.
"""

from __future__ import annotations

from typing import Any

import pytest

from headrace.reference.memory import ModelViolation
from headrace.reference.views import Detail

from . import death_configurations as d
from .configurations import Builder
from .model import load_model

VALUES, ORDER, WEAK = Detail.VALUES, Detail.ORDER, Detail.WEAK
LONG = (pytest.mark.torture, pytest.mark.timeout(900))

Case = tuple[str, Builder, Detail, int, Any]  # name, configuration, detail, states at least, marks

EXPLORED: list[Case] = [
    *[(f"a consumer killed after {actions} actions, and succeeded",
       lambda m, actions=actions: d.succeeding(m, 1, (1, 1), actions), ORDER, 30, ())
      for actions in range(1, 18)],
    *[(f"a consumer of several producers killed after {actions} actions, and succeeded",
       lambda m, actions=actions: d.succeeding(m, 2, (1, 1), actions, is_multi=True), ORDER, 30, ())
      for actions in range(1, 18)],
    ("a consumer declared dead", lambda m: d.fencing(m, 1, (1, 1)), ORDER, 5_000, ()),
    ("a consumer declared dead, that reads on",
     lambda m: d.fencing(m, 1, (1, 1, 1), reads=True), VALUES, 14_000, ()),
    ("a consumer declared dead, weak memory", lambda m: d.fencing(m, 1, (1,)), WEAK, 1_000, ()),
    ("a consumer declared dead, weak memory, two events",
     lambda m: d.fencing(m, 1, (1, 1)), WEAK, 20_000, LONG),
    ("a consumer declared dead, another behind it",
     lambda m: d.fencing(m, 2, (1, 1), behind=True), VALUES, 20_000, ()),
    *[(f"who declares a consumer dead is killed after {actions} actions",
       lambda m, actions=actions: d.fencing(m, 1, (1, 1), killed_after=actions), VALUES, 5_000,
       () if actions % 8 == 2 else LONG)
      for actions in range(1, 30)],
    *[(f"killed after {actions} actions while it joins",
       lambda m, actions=actions: d.joining_killed(m, (1, 1), actions), VALUES, 300,
       () if actions % 3 else LONG)
      for actions in range(1, 17)],
    *[(f"killed after {actions} actions while it leaves",
       lambda m, actions=actions: d.leaving_killed(m, (1, 1, 1), actions), VALUES, 200,
       () if actions in (8, 11) else LONG)
      for actions in (1, 2, 5, 8, *range(9, 20), 23, 26)],
    ("a producer declared dead", lambda m: d.judging(m, 2, (1, 1), ()), VALUES, 1_000, ()),
    ("a producer declared dead beside another",
     lambda m: d.judging(m, 2, (1, 1), (1,)), VALUES, 250_000, LONG),
    ("a producer declared dead, weak memory",
     lambda m: d.judging(m, 2, (1,), ()), WEAK, 80_000, LONG),
    *[(f"who buries is killed after {actions} actions",
       lambda m, actions=actions: d.burying_twice(m, actions), VALUES, 1_000, LONG)
      for actions in range(1, 13, 4)],
]  # fmt: skip


@pytest.mark.parametrize(
    ("builder", "detail", "states_min"),
    [
        pytest.param(*case[1:4], id=f"{case[0]}: {case[2].value}", marks=case[4])
        for case in EXPLORED
    ],
)
def test_all_interleavings_keep_the_promises(
    builder: Builder, detail: Detail, states_min: int
) -> None:
    explored = builder(load_model()).explore(detail)
    print(f"{explored.states:,} states, {explored.transitions:,} steps, {explored.ends} ends")
    assert explored.states >= states_min
    assert explored.interleavings >= explored.ends > 0


def test_who_is_succeeded_without_its_place_is_noticed() -> None:
    """These promises can be broken: a successor that starts a step too far, or sees too little."""
    configuration = d.succeeding(load_model(), 1, (1, 1), 9)
    heir = configuration.threads[-1]
    knowledge = [thread.knowledge() for thread in configuration.threads]
    heir.start, heir.seen = 1, ((1, 0),)  # type: ignore[attr-defined]
    knowledge[-1] = heir.knowledge()
    with pytest.raises(ModelViolation, match="begins at 1, but consumer 0 saw"):
        configuration.check_end(knowledge)
