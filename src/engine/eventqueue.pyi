from typing import Any, Self, final

__test__: dict[str, str]  # Cython's

@final
class EventQueue:
    count: int
    def __new__(cls, count_max: int) -> Self: ...
    def __len__(self) -> int: ...
    def put(
        self,
        time_ns: int,
        tie: int,
        what: int,
        to: int,
        source: int,
        number: int,
        payload: Any,
    ) -> None: ...
    def take(self) -> tuple[int, int, int, int, int, Any]: ...
