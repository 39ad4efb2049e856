"""Worlds in which everything that can go wrong does so on demand, and the same way each time."""

from headrace.simulation.disk import PowerCut, SimulatedDisk

__all__ = ["PowerCut", "SimulatedDisk"]
