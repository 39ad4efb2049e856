from typing import Any

from numpy import int64, uint32
from numpy.typing import NDArray

__test__: dict[str, str]  # Cython's

NOWHERE: int

def reach(
    ends: NDArray[int64],
    targets: NDArray[uint32],
    roots: NDArray[uint32],
    parents: NDArray[uint32],
    order: NDArray[uint32],
) -> int: ...
def components(
    ends: NDArray[int64], targets: NDArray[uint32], nodes: NDArray[uint32], of: NDArray[uint32]
) -> Any: ...
