from typing import final

__test__: dict[str, str]  # Cython's

@final
class StateTable:
    count: int
    def __len__(self) -> int: ...
    def put(self, string: tuple[int, ...]) -> int: ...
    def get(self, number: int) -> tuple[int, ...]: ...
