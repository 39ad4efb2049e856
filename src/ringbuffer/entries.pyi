__test__: dict[str, str]  # Cython's
