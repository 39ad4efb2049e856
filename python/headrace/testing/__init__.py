"""Holding a machine to its definition, in one line inside a test.

    from headrace.testing import check_machine

    def test_my_machine():
        check_machine(my_machine, some_events, journal=True)

Every way of running a machine must come to what the reference model comes to: the same outputs,
the same failures, the same state; also when it was killed, and opened again on its journal.

A machine can stand in for something real (`fake`), and be held to it (`contract`); Hypothesis makes
plans for a simulated system (`plans`, `run_plan`).
"""

from headrace.replay.stretch import Stretch, classes_of, run_stretch, text_state
from headrace.state import difference
from headrace.testing.check import Checked, check_machine
from headrace.testing.contracts import contract
from headrace.testing.fakes import Fake, FakeCall, FakeFaults, fake
from headrace.testing.plans import plans, run_plan

__all__ = [
    "Checked",
    "Fake",
    "FakeCall",
    "FakeFaults",
    "Stretch",
    "check_machine",
    "classes_of",
    "contract",
    "difference",
    "fake",
    "plans",
    "run_plan",
    "run_stretch",
    "text_state",
]
