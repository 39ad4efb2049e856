from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__test__: dict[str, str]  # Cython's

@final
class Outputs:
    def __new__(cls, dtype: np.dtype[Any], payload: np.dtype[Any]) -> Outputs: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def payload(self) -> np.dtype[Any]: ...
    @property
    def count(self) -> int: ...
    def reset(self) -> None: ...
    def append_array(self, sequence: int, time_ns: int, origin: int, records: Any) -> None: ...
    def append_made(
        self,
        made: Any,
        sequences: NDArray[np.int64],
        times: NDArray[np.int64],
        origins: NDArray[np.int64],
    ) -> None: ...
    def append_batch(
        self,
        records: Any,
        of: NDArray[np.int64],
        sequences: NDArray[np.int64],
        times: NDArray[np.int64],
        origins: NDArray[np.int64],
    ) -> None: ...
