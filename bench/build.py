"""Compiles what the benchmarks need, on demand, into build/bench: C, Cython and Java.

C and Cython get the same compiler and the same flags: -O3, for the processor family and not for
this very processor (no -march=native), since that is how the library's wheels are compiled.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from bench.measure import Unavailable

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FLAGS = ["-O3"]
SECONDS_MAX = 180


def folder() -> Path:
    """Where things are built for this interpreter."""
    path = ROOT / "build" / "bench" / str(sys.implementation.cache_tag)
    path.mkdir(parents=True, exist_ok=True)
    return path


def is_fresh(target: Path, sources: Iterable[Path]) -> bool:
    """Whether `target` is newer than all it is made of."""
    if not target.exists():
        return False
    made = target.stat().st_mtime_ns
    return all(source.stat().st_mtime_ns <= made for source in sources)


def compiler() -> list[str]:
    """The C compiler that extensions of this interpreter are compiled with."""
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(command[0]) is None:
        command = ["cc"]
    if shutil.which(command[0]) is None:
        raise Unavailable("no C compiler: install gcc or clang")
    return command


def run(command: list[str], where: Path) -> None:
    """Run a compiler; what it says becomes the message."""
    done = subprocess.run(
        command, cwd=where, capture_output=True, text=True, check=False, timeout=SECONDS_MAX
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise RuntimeError(f"{' '.join(command)} failed:\n{said}")


def yardstick_library() -> Path:
    """The plain C yardsticks as one shared library."""
    sources = sorted((HERE / "yardstick").glob("*.c"))
    target = folder() / "yardstick.so"
    if not is_fresh(target, [*sources, *(HERE / "yardstick").glob("*.h"), Path(__file__)]):
        names = [str(source) for source in sources]
        with tempfile.TemporaryDirectory(dir=folder()) as place:
            made = Path(place) / target.name
            flags = [*FLAGS, "-std=c11", "-shared", "-fPIC", "-pthread"]
            run([*compiler(), *flags, "-o", str(made), *names], ROOT)
            made.replace(target)  # whoever looks sees all of it or none
    return target


def native_loops() -> ModuleType:
    """The Cython module that drives this library's ring without Python: bench/native."""
    import headrace as hr

    source = HERE / "native" / "ring_loops.pyx"
    include = Path(hr.get_include())
    used = [*(include / "headrace" / "ringbuffer").glob("*.pxd"), *HERE.glob("yardstick/*.h")]
    target = folder() / ("ring_loops" + str(sysconfig.get_config_var("EXT_SUFFIX")))
    if not is_fresh(target, [source, *used, Path(__file__)]):
        _build_loops(source, include, target)
    spec = importlib.util.spec_from_file_location("ring_loops", target)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _build_loops(source: Path, include: Path, target: Path) -> None:
    try:
        import numpy as np
        from Cython.Build import cythonize
        from setuptools import Distribution, Extension
    except ImportError as error:
        raise Unavailable(f"no {error.name}: pip install Cython setuptools") from None
    extension = Extension(
        "ring_loops",
        [str(source)],
        include_dirs=[str(include), np.get_include(), str(HERE / "yardstick")],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        extra_compile_args=[*FLAGS, "-pthread"],
    )
    modules = cythonize(
        [extension],
        include_path=[str(include)],
        build_dir=str(folder() / "c"),
        force=True,
        quiet=True,
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
        },
    )
    build = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
    assert build is not None
    with tempfile.TemporaryDirectory(dir=folder()) as place:
        build.build_lib, build.build_temp, build.force = place, str(folder() / "temp"), True
        build.ensure_finalized()
        build.run()
        (Path(place) / target.name).replace(target)


def java_classes(jar: Path) -> Path:
    """The folder with the compiled LMAX peers."""
    sources = sorted((HERE / "lmax").glob("*.java"))
    target = ROOT / "build" / "bench" / "java"
    target.mkdir(parents=True, exist_ok=True)
    stamp = target / "built"
    if not is_fresh(stamp, [*sources, jar]):
        names = [str(source) for source in sources]
        run(["javac", "-Xlint:all", "-cp", str(jar), "-d", str(target), *names], ROOT)
        stamp.touch()
    return target
