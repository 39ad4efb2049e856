"""headrace.engine: stepping over events, one machine at a time."""

from headrace.engine.stepper import Stepper

__all__ = ["Stepper"]
