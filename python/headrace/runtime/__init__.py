"""The engine at run time: rings, stages in threads, calls, outputs."""

from headrace.runtime.engine import Engine
from headrace.runtime.failures import DeadLetter

__all__ = ["DeadLetter", "Engine"]
