from collections.abc import Callable
from typing import Any, Self

from typing_extensions import disjoint_base

__test__: dict[str, str]  # Cython's

@disjoint_base
class Wire:
    names: tuple[str, ...]
    now_ns: int
    digest: int
    note: Callable[[int, int, int, int, Any], None] | None
    corrupt: Callable[[Any, int], Any] | None
    def __new__(
        cls,
        seed: int,
        names: tuple[str, ...],
        nodes: Any,
        node_count: int,
        disks: Any,
        network: Any,
        kit: Any,
    ) -> Self: ...
    def set_network(self, network: Any) -> None: ...
    def lose(self, source: int, to: int, count: int) -> None: ...
    def block(self, source: int, to: int, by: int) -> None: ...
    def clog(self, source: int, to: int, by: int) -> None: ...
    def sent(self, source: int, to: int) -> int: ...
    @property
    def counts(self) -> list[int]: ...
