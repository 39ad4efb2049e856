from typing import Any, Never

import numpy as np
from typing_extensions import disjoint_base

__pyx_capi__: dict[str, object]  # Cython's, for cimport
__test__: dict[str, str]  # Cython's

AFTER_ALL_ELSE: int

@disjoint_base
class Segment:
    def __init__(self, *args: Never, **kwargs: Never) -> None: ...
    @staticmethod
    def create(
        dtype: Any,
        capacity: int,
        name: str | None,
        multi: bool,
        times: bool,
        first_sequence: int = 0,
    ) -> Segment: ...
    @staticmethod
    def attach(name: str, patience_seconds: float) -> Segment: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def name(self) -> str | None: ...
    @property
    def owner_pid(self) -> int: ...
    @property
    def owner_start(self) -> int: ...
    @property
    def created_ns(self) -> int: ...
    @property
    def segment_bytes(self) -> int: ...
    def published(self) -> int: ...
    @property
    def title(self) -> str: ...
    def unlink(self) -> None: ...
