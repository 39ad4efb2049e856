"""The engine at run time: rings, stages in threads, calls, outputs."""

from headrace.runtime.engine import Engine
from headrace.runtime.failures import DeadLetter
from headrace.runtime.poison import PoisonWatch

__all__ = ["DeadLetter", "Engine", "PoisonWatch"]
