from collections.abc import Callable
from typing import final

from headrace.engine.histories import Problem

__test__: dict[str, str]  # Cython's

@final
class Sweep:
    def __init__(self, problem: Problem, states_max: int) -> None: ...
    @property
    def problem(self) -> Problem: ...
    @property
    def bad_at(self) -> int: ...
    @property
    def complete(self) -> bool: ...
    def run(self, stop: Callable[[], object]) -> None: ...
