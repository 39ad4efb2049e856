from typing_extensions import disjoint_base

from headrace.engine.transitions import Transitions

__test__: dict[str, str]  # Cython's

START: int
DELIVER: int
DUPLICATE: int
LOSE: int
TIMER: int
CRASH: int
RESTART: int

@disjoint_base
class Expansion:
    def __init__(
        self,
        transitions: Transitions,
        *,
        node_count: int,
        head: int,
        losses: int,
        duplications: int,
        crashes: int,
        ordered: bool,
    ) -> None: ...
