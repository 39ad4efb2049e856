"""Builds the extensions and stress_loops.pyx with a sanitizer, and runs something with them.

    run_sanitized.py thread|address|undefined [WHAT PYTHON GETS...]

Without a file or -m: stress.py. The build is incremental, in a folder of its own: build/thread, ...
Exits with 66 where the sanitizer reports, with 77 where its runtime is missing, else as the run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REPORTED = 66
MISSING = 77
RUNTIMES = {"thread": "libtsan.so", "address": "libasan.so", "undefined": "libubsan.so"}

BUILD_LOOPS = """
import os
from pathlib import Path
import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
library = Path(os.environ["HEADRACE_LIBRARY"])
flags = [f"-fsanitize={os.environ['HEADRACE_SANITIZE']}", "-g", "-O1"]
include = str(library / "headrace" / "include")
loops = Extension(
    "stress_loops",
    ["stress_loops.pyx"],
    include_dirs=[include, np.get_include()],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
    extra_compile_args=flags,
    extra_link_args=flags,
)
setup(ext_modules=cythonize([loops], include_path=[include], language_level=3, quiet=True),
      script_args=["-q", "build_ext", "--build-lib", str(library), "--build-temp", "temp"])
"""


def runtime(kind: str) -> Path | None:
    """The sanitizer's shared library, which an interpreter built without it has to preload."""
    name = RUNTIMES[kind]
    found = subprocess.run(
        ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=False
    )
    path = Path(found.stdout.strip())
    return path if path.is_absolute() and path.exists() else None


def build(kind: str) -> Path:
    """Build the package and the loops; the folder to import them from."""
    base = ROOT / "build" / kind
    environment = {**os.environ, "HEADRACE_SANITIZE": kind, "CC": "gcc", "LDSHARED": "gcc -shared"}
    setup = [sys.executable, "setup.py", "-q", "build", "--build-base", f"build/{kind}"]
    subprocess.run(setup, cwd=ROOT, env=environment, check=True, timeout=900)
    tag = f"{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
    library = base / f"lib.{tag}"
    work = base / "loops"
    work.mkdir(exist_ok=True)
    shutil.copy2(HERE / "stress_loops.pyx", work)
    environment["HEADRACE_LIBRARY"] = str(library)
    subprocess.run(
        [sys.executable, "-c", BUILD_LOOPS], cwd=work, env=environment, check=True, timeout=300
    )
    return library


def run(kind: str, library: Path, preload: Path, command: list[str]) -> int:
    """Run Python with the sanitizer; its exit code."""
    common = f"exitcode={REPORTED}"
    options = {
        "TSAN_OPTIONS": f"{common}:suppressions={HERE / 'tsan.supp'}:history_size=4",
        # Python keeps what it allocates for ever; a leak check would name nothing else.
        "ASAN_OPTIONS": f"{common}:detect_leaks=0",
        "UBSAN_OPTIONS": f"{common}:halt_on_error=1:print_stacktrace=1",
    }
    environment = {
        **os.environ,
        **options,
        "LD_PRELOAD": str(preload),
        "PYTHONMALLOC": "malloc",  # else Python's own allocator hides overruns
        "PYTHONPATH": str(library),
    }
    # A sanitizer's fixed address ranges collide with a randomised layout on new kernels.
    fixed = ["setarch", "-R"] if shutil.which("setarch") else []
    finished = subprocess.run(
        [*fixed, sys.executable, *command], env=environment, check=False, timeout=1500
    )
    return finished.returncode


def main() -> int:
    kind, *command = sys.argv[1:]
    if kind not in RUNTIMES:
        print(__doc__)
        return 2
    preload = runtime(kind)
    if preload is None:
        print(f"gcc has no {RUNTIMES[kind]} here; install it (Debian: apt-get install gcc)")
        return MISSING
    if not command or command[0].startswith("--"):
        command = [str(HERE / "stress.py"), *command]
    return run(kind, build(kind), preload, command)


if __name__ == "__main__":
    sys.exit(main())
