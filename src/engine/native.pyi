from typing import Any, final

__test__: dict[str, str]  # Cython's

@final
class NativeSteps:
    def __new__(cls, machine: Any) -> NativeSteps: ...
