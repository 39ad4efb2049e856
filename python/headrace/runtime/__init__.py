"""The engine at run time: rings, stages in threads, calls, outputs."""

from headrace.runtime.engine import DeadLetter, Engine

__all__ = ["DeadLetter", "Engine"]
