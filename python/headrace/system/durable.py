"""What a node finds on its disk when it starts, whatever kind of disk that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Durable(Mapping[str, Any]):
    """What a node finds on its disk when it starts: a mapping that cannot be changed.

    `damaged`: the keys whose values were there once and cannot be read; they are not in it.
    """

    def __init__(self, values: Mapping[str, Any], damaged: frozenset[str] = frozenset()) -> None:
        self._values = dict(values)
        self.damaged = damaged

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        damaged = f", damaged={sorted(self.damaged)}" if self.damaged else ""
        return f"Durable({self._values!r}{damaged})"
