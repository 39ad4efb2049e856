from typing import Any, Self, final

__test__: dict[str, str]  # Cython's

KINDS: tuple[str, ...]
PARAMETERS: tuple[tuple[str, ...], ...]

@final
class Handler:
    def __new__(cls, function: Any, parameters: tuple[str, ...], source: str) -> Self: ...

@final
class Endpoint:
    def __new__(
        cls,
        index: int,
        name: str,
        node: Any,
        disk: Any,
        nodes: tuple[str, ...],
        kit: Any,
        chance_seed: int,
    ) -> Self: ...
