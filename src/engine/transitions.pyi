from collections.abc import Callable
from typing import final

__test__: dict[str, str]  # Cython's

_Outcome = tuple[int, tuple[int, ...], int]

@final
class Transitions:
    endpoints: int
    def __init__(
        self, endpoints: int, outcomes_of: Callable[[int, int], list[_Outcome]]
    ) -> None: ...
    def add_local(self, status: int, timers: tuple[int, ...]) -> int: ...
    def add_input(self, to: int, source: int, order: int | None = None) -> int: ...
    def add_timer(self, budget: int) -> int: ...
    def timer_input(self, name: int, endpoint: int) -> int: ...
