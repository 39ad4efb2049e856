from typing import Any, final

__test__: dict[str, str]  # Cython's

@final
class PythonSteps:
    def __new__(cls, machine: Any) -> PythonSteps: ...
