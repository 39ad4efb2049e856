from collections.abc import Iterable
from typing import Any

__test__: dict[str, str]  # Cython's

def moved(
    objects: Iterable[Any], kind: type, names: tuple[str, ...], seen: list[Any]
) -> list[int] | None: ...
