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

from loops import build_loops

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REPORTED = 66
MISSING = 77
RUN_SECONDS_MAX = 1500
RUNTIMES = {"thread": "libtsan.so", "address": "libasan.so", "undefined": "libubsan.so"}


def runtime(kind: str) -> Path | None:
    """The sanitizer's shared library, which an interpreter built without it has to preload."""
    name = RUNTIMES[kind]
    try:
        found = subprocess.run(
            ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    path = Path(found.stdout.strip())
    return path if path.is_absolute() and path.exists() else None


def flags(kind: str) -> list[str]:
    """What the compiler and the linker are told."""
    return [f"-fsanitize={kind}", "-O1"]


def build(kind: str) -> list[Path]:
    """Build the package and the loops; the folders to import them from."""
    base = ROOT / "build" / kind
    environment = {**os.environ, "HEADRACE_SANITIZE": kind, "CC": "gcc", "LDSHARED": "gcc -shared"}
    setup = [sys.executable, "setup.py", "-q", "build", "--build-base", f"build/{kind}"]
    subprocess.run(setup, cwd=ROOT, env=environment, check=True, timeout=900)
    tag = f"{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
    library = base / f"lib.{tag}"
    build_loops(library / "headrace" / "include", base / "loops", flags(kind))
    return [base / "loops", library]


def run(kind: str, folders: list[Path], command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run Python with the sanitizer; what it said."""
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
        "LD_PRELOAD": str(runtime(kind)),
        "PYTHONMALLOC": "malloc",  # else Python's own allocator hides overruns
        "PYTHONPATH": os.pathsep.join(map(str, folders)),
    }
    # A sanitizer's fixed address ranges collide with a randomised layout on new kernels.
    fixed = ["setarch", "-R"] if shutil.which("setarch") else []
    return subprocess.run(
        [*fixed, sys.executable, *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=RUN_SECONDS_MAX,
    )


def missing(kind: str) -> str:
    return f"gcc has no {RUNTIMES[kind]} here; install it (Debian: apt-get install gcc)"


def main() -> int:
    kind, *command = sys.argv[1:] or [""]
    if kind not in RUNTIMES:
        print(__doc__)
        return 2
    if runtime(kind) is None:
        print(missing(kind))
        return MISSING
    if not command or (command[0].startswith("--")):
        command = [str(HERE / "stress.py"), *command]
    finished = run(kind, build(kind), command)
    print(finished.stdout)
    return finished.returncode


if __name__ == "__main__":
    sys.exit(main())
