from typing_extensions import disjoint_base

__pyx_capi__: dict[str, object]  # Cython's, for cimport
__test__: dict[str, str]  # Cython's

@disjoint_base
class Mapping:
    fd: int
    def __new__(cls, fd: int, head_bytes: int, times_bytes: int, slots_bytes: int) -> Mapping: ...
