from typing import Any, final

from headrace.engine.fields import FieldTable

__test__: dict[str, str]  # Cython's

@final
class EventCursor:
    def __new__(cls, table: FieldTable) -> EventCursor: ...
    def __getattribute__(self, name: str, /) -> Any: ...
    def __setattr__(self, name: str, value: Any, /) -> None: ...
