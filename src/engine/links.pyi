from typing import Any, Self, final

__test__: dict[str, str]  # Cython's

QUANTILES: int

@final
class Links:
    def __new__(cls, endpoints: int, seed: int, network: Any) -> Self: ...
    def set_network(self, network: Any) -> None: ...
