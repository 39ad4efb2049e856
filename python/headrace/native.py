"""Native steps: C functions that an engine calls without the GIL."""

from __future__ import annotations

import ctypes
from typing import Any

from headrace.errors import MachineError

OUTPUTS_MAX_LIMIT = 1 << 16

_CFunction: Any = type(ctypes.pythonapi.Py_IncRef).__mro__[1]  # of functions of any library


class Native:
    """The addresses of a machine's native step functions.

    `step`: one event a call; `step_batch`: many; at least one of the two. Each may be an address,
    a ctypes function, a Numba `cfunc`, or a PyCapsule; the C signatures are in
    `<headrace/step.h>`. `outputs_max`: how many outputs one event has at most. The state of the
    machine must be a C-contiguous NumPy array without Python objects, whose memory the functions
    get. Whatever is given is kept alive. Raises MachineError.
    """

    def __init__(self, step: Any = None, step_batch: Any = None, outputs_max: int = 1) -> None:
        if step is None and step_batch is None:
            raise MachineError("Native needs step=..., step_batch=..., or both")
        is_integer = isinstance(outputs_max, int) and not isinstance(outputs_max, bool)
        if not is_integer or not 0 <= outputs_max <= OUTPUTS_MAX_LIMIT:
            raise MachineError(
                f"outputs_max must be an integer from 0 to {OUTPUTS_MAX_LIMIT}, not {outputs_max!r}"
            )
        self.step = _address(step, "step")
        self.step_batch = _address(step_batch, "step_batch")
        self.outputs_max = outputs_max
        self._alive = (step, step_batch)

    def __repr__(self) -> str:
        forms = [name for name in ("step", "step_batch") if getattr(self, name)]
        return f"<Native {' and '.join(forms)}, up to {self.outputs_max} outputs an event>"


def _address(function: Any, what: str) -> int:
    """The address of a native function in any of its wrappings; 0 for None."""
    if function is None:
        return 0
    if isinstance(function, int) and not isinstance(function, bool):
        address = function
    elif isinstance(function, _CFunction):
        address = ctypes.cast(function, ctypes.c_void_p).value or 0
    elif type(function).__name__ == "PyCapsule":
        address = _capsule_address(function)
    elif isinstance(getattr(function, "address", None), int):
        address = function.address
    else:
        raise MachineError(
            f"{what} is {function!r}; a native step is an address, a ctypes function, a Numba "
            "cfunc or a PyCapsule (a Python function is a step as it is)"
        )
    if not 0 < address < 1 << (8 * ctypes.sizeof(ctypes.c_void_p)):
        raise MachineError(f"{what} has the address {address}, which cannot be a function")
    return address


def _capsule_address(capsule: Any) -> int:
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(capsule, name(capsule)) or 0)
