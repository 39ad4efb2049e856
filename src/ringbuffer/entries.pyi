CRASH_POINTS: bool
__pyx_capi__: dict[str, object]  # Cython's, for cimport
__test__: dict[str, str]  # Cython's
