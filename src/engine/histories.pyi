from collections.abc import Callable
from typing import final

__test__: dict[str, str]  # Cython's

@final
class Problem:
    def __init__(
        self,
        step: Callable[[int, int], tuple[int, int]],
        initial: int,
        count: int,
        slots: int,
        columns: dict[str, list[int]],
    ) -> None: ...
    @property
    def count(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def slots(self) -> int: ...
    @property
    def initial(self) -> int: ...
    @property
    def kinds(self) -> int: ...
    @property
    def inputs(self) -> int: ...
