from typing import final

__test__: dict[str, str]  # Cython's

@final
class ViewPool: ...
