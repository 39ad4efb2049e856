from typing import Any

__pyx_capi__: dict[str, object]  # Cython's, for cimport
__test__: dict[str, str]  # Cython's

def is_immutable(value: Any) -> bool: ...
def copy_state(value: Any) -> Any: ...
