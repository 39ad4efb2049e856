"""What an elastic stage is decided by, without the workers themselves: all of it pure.

The stage as part of a topology is `elastic`, which is `headrace.elastic(...)` too.

Partitions and who owns them (`Assignment`, `rebalance`, `retire`), how one goes from worker to
worker (`handover`), how many workers there should be (`Controller`, `PID`, `Measurement`), and a
simulation of it all on virtual time (`run`, `Stage`, and the loads `constant`, `sine`, `step`,
`ramp`, `spike`).
"""

from headrace.compose.elastic import Elastic, elastic
from headrace.elastic.assignment import Assignment, Move, Tenure
from headrace.elastic.balance import rebalance, retire
from headrace.elastic.control import PID, Controller, Measurement
from headrace.elastic.load import Load, constant, ramp, sine, spike, step
from headrace.elastic.model import RECORD, Stage, run

__all__ = [
    "PID",
    "RECORD",
    "Assignment",
    "Controller",
    "Elastic",
    "Load",
    "Measurement",
    "Move",
    "Stage",
    "Tenure",
    "constant",
    "elastic",
    "ramp",
    "rebalance",
    "retire",
    "run",
    "sine",
    "spike",
    "step",
]
