"""Compiles and runs user_module.pyx and user_step.c with whatever headrace can be imported.

Run by test_cimport.py in an empty folder that holds copies of both, as a user's build would be.
"""

from __future__ import annotations

import ctypes
import subprocess

import numpy as np
from Cython.Build import cythonize
from setuptools import Distribution, Extension

import headrace as hr


def build_module() -> None:
    extension = Extension(
        "user_module",
        ["user_module.pyx"],
        include_dirs=[hr.get_include(), np.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        extra_compile_args=["-O0"],
    )
    modules = cythonize([extension], include_path=[hr.get_include()], language_level=3, quiet=True)
    build = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
    build.inplace = True
    build.ensure_finalized()
    build.run()


def run_module() -> None:
    import user_module

    with hr.Ring.create(np.int64, 1024) as ring:
        consumer = ring.consumer("all")
        total, received = user_module.sum_through(ring.producer(), consumer, 10_000)
    assert (total, received) == (sum(range(10_000)), 10_000), (total, received)


def run_step() -> None:
    command = ["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-std=c11"]
    command += ["-I", hr.get_include(), "user_step.c", "-o", "user_step.so"]
    subprocess.run(command, check=True, timeout=60)
    signature = ctypes.CFUNCTYPE(
        ctypes.c_int64, *(ctypes.c_void_p,) * 2, *(ctypes.c_int64,) * 2, ctypes.c_void_p
    )
    library = ctypes.CDLL("./user_step.so")
    address = ctypes.c_void_p.in_dll(library, "add_step").value
    assert address is not None
    state, event, output = np.array([40]), np.array([2]), np.array([0])
    written = signature(address)(state.ctypes.data, event.ctypes.data, 0, 0, output.ctypes.data)
    assert (written, state[0], output[0]) == (1, 42, 42)


build_module()
run_module()
run_step()
print("built and ran against", hr.__file__)
