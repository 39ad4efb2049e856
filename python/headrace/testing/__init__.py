"""Holding a machine to its definition, in one line inside a test.

    from headrace.testing import check_machine

    def test_my_machine():
        check_machine(my_machine, some_events, journal=True)

Every way of running a machine must come to what the reference model comes to: the same outputs,
the same failures, the same state; also when it was killed, and opened again on its journal.
"""

from headrace.replay.stretch import Stretch, classes_of, run_stretch, text_state
from headrace.state import difference
from headrace.testing.check import Checked, check_machine

__all__ = [
    "Checked",
    "Stretch",
    "check_machine",
    "classes_of",
    "difference",
    "run_stretch",
    "text_state",
]
