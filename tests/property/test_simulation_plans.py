"""Plans that Hypothesis makes: bugs are found and shrunk by it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from chatty import Chatty
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace.errors import SimulationFailed, UsageError
from headrace.testing import plans, run_plan
from headrace.testing.plans import KINDS

UNIT = Path(__file__).parents[1] / "unit"
sys.path.insert(0, str(UNIT))
from simulation_tools import Add, counting  # noqa: E402

ADDS = st.builds(Add, st.integers(1, 9))
SETTINGS = settings(
    max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@settings(max_examples=50, deadline=None)
@given(plans(counting(), ADDS, kinds=KINDS))
def test_correct_code_passes(plan: hr.Plan) -> None:
    run = run_plan(counting(), plan)
    assert run.ok
    assert set(plan.commands) == {"c", "d"}


def test_a_bug_is_found_and_shrunk() -> None:
    simulation = counting(sync=False)
    seen: list[hr.Plan] = []

    @SETTINGS
    @given(plans(simulation, ADDS, kinds=("crash", "pause")))
    def check(plan: hr.Plan) -> None:
        seen.append(plan)
        run_plan(simulation, plan)

    with pytest.raises(SimulationFailed, match="keeps_what_it_told"):
        check()
    smallest = min((plan for plan in seen if not simulation.run_plan(plan).ok), key=size)
    assert smallest.size <= (3, 1)


def size(plan: hr.Plan) -> tuple[int, int]:
    return plan.size


def test_plans_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="no kind of fault is called 'flood'"):
        plans(counting(), ADDS, kinds=("flood",))
    without = hr.Simulation(hr.System({"p": Chatty()}, {}))
    with pytest.raises(UsageError, match="no clients"):
        plans(without, ADDS)
