from typing import Any

import numpy as np
from numpy.typing import NDArray

class Stepper:
    machine: Any
    kind: str
    sequence: int
    checkpoint_ns: int
    stepping_ns: int
    checkpoints: int
    def __init__(self, machine: Any, kind: str | None = None) -> None: ...
    @property
    def state(self) -> Any: ...
    def run(
        self,
        events: np.ndarray[Any, Any],
        times: NDArray[np.int64] | None = None,
        first_sequence: int | None = None,
        origins: NDArray[np.int64] | None = None,
    ) -> Any: ...
