from typing import Any

import numpy as np
from numpy.typing import NDArray

__test__: dict[str, str]  # Cython's

def places_of_shard(
    keys: np.ndarray[Any, Any], shards: int, shard: int
) -> NDArray[np.int64] | None: ...
