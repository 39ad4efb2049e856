"""Worlds in which everything that can go wrong does so on demand, and the same way each time."""

from headrace.simulation import faults
from headrace.simulation.chaos import Chaos
from headrace.simulation.disk import PowerCut, SimulatedDisk
from headrace.simulation.network import Delay, Network
from headrace.simulation.plan import Plan
from headrace.simulation.profile import Profile
from headrace.simulation.run import Failure, Run
from headrace.simulation.shrinking import shrink
from headrace.simulation.simulation import Simulation

__all__ = [
    "Chaos",
    "Delay",
    "Failure",
    "Network",
    "Plan",
    "PowerCut",
    "Profile",
    "Run",
    "SimulatedDisk",
    "Simulation",
    "faults",
    "shrink",
]
