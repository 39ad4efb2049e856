from collections.abc import Callable, Sequence
from typing import final

from headrace.engine.transitions import Transitions

__test__: dict[str, str]  # Cython's

@final
class Symmetry:
    count: int
    def __init__(
        self,
        transitions: Transitions,
        head: int,
        renamings: list[Sequence[int]],
        image_of_local: Callable[[int, int], int],
        image_of_input: Callable[[int, int], int],
    ) -> None: ...
