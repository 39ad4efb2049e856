"""Compiles stress_loops.pyx against a package, with a sanitizer or without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD_SECONDS_MAX = 300

SETUP = """
import sys
import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
include, flags = sys.argv[1], sys.argv[2:]
loops = Extension(
    "stress_loops",
    ["stress_loops.pyx"],
    include_dirs=[include, np.get_include()],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
    extra_compile_args=flags,
    extra_link_args=flags,
)
directives = {"boundscheck": False, "wraparound": False, "cdivision": True}
modules = cythonize([loops], include_path=[include], compiler_directives=directives,
                    language_level=3, quiet=True, force=True)
setup(ext_modules=modules, script_args=["-q", "build_ext", "--inplace", "--build-temp", "temp"])
"""


def build_loops(include: Path | str, folder: Path, flags: list[str]) -> None:
    """Build the module into `folder`, from the .pxd files in `include`: headrace.get_include()."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(HERE / "stress_loops.pyx", folder)
    subprocess.run(
        [sys.executable, "-c", SETUP, str(include), "-g", *flags],
        cwd=folder,
        # Named, since a sanitizer is asked of one compiler and its own linker.
        env={**os.environ, "CC": "gcc", "LDSHARED": "gcc -shared"},
        check=True,
        timeout=BUILD_SECONDS_MAX,
    )
