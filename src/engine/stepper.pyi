from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__test__: dict[str, str]  # Cython's

@final
class Stepper:
    def __new__(cls, machine: Any, kind: str | None = None) -> Stepper: ...
    @property
    def machine(self) -> Any: ...
    @property
    def kind(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def checkpoint_ns(self) -> int: ...
    @property
    def stepping_ns(self) -> int: ...
    @property
    def checkpoints(self) -> int: ...
    @property
    def state(self) -> Any: ...
    def run(
        self,
        events: np.ndarray[Any, Any],
        times: NDArray[np.int64] | None = None,
        first_sequence: int | None = None,
        origins: NDArray[np.int64] | None = None,
    ) -> Any: ...
