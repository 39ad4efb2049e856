from collections.abc import Callable
from typing import Any, final

from headrace.engine.expanding import Expansion
from headrace.engine.symmetry import Symmetry
from headrace.engine.transitions import Transitions

__test__: dict[str, str]  # Cython's

WRONG: str
RAISED: str
STATES: str
BYTES: str

_Words = tuple[int, ...]

@final
class Explorer(Expansion):
    generated: int
    expanded: int
    depth: int
    cut_by_depth: int
    stopped: str | None
    wrong: Any
    reached: list[tuple[int, int]]
    def __init__(
        self,
        transitions: Transitions,
        *,
        judge: Callable[[_Words], int],
        first: _Words,
        depth_first: bool,
        depth_max: int,
        states_max: int,
        bytes_max: int,
        always: int,
        sometimes: int,
        symmetry: Symmetry | None = None,
        **bounds: Any,
    ) -> None: ...
    @property
    def unique(self) -> int: ...
    @property
    def size_bytes(self) -> int: ...
    def state(self, number: int) -> _Words: ...
    def path(self, number: int) -> list[int]: ...
    def run(self, count_max: int) -> bool: ...
    def successors(
        self, words: _Words
    ) -> list[tuple[int, int, int, _Words | None, int]]: ...
    def graph(self, bit: int, edges_max: int) -> tuple[bytes, bytes, bytes, bytes] | None: ...
