from types import TracebackType
from typing import Any, final

__test__: dict[str, str]  # Cython's

@final
class Hold:
    def __init__(self, lock: Any, seconds: float, reason: str) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
