"""Builds the extensions: finds them, tells Cython and the compiler how, and lays out includes.

Everything that is plain data stands in pyproject.toml. Here is what needs code: the sources of one
import package lie in three folders, and Cython finds cimports by folder, so a folder of links,
build/include/headrace, shows them to it under their import names.

HEADRACE_CRASH_POINTS=1 in the environment builds with the crash points of
src/ringbuffer/crashing.pxd, for tests; give such a build a folder of its own, too.

HEADRACE_SANITIZE=thread|address|undefined in the environment builds with that sanitizer; give such
a build a folder of its own (`setup.py build --build-base build/thread`). An optimisation level in
CFLAGS is respected; else it is -O3.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
INCLUDE = Path("build/include")
ROOMS = {"headrace.ringbuffer": Path("src/ringbuffer"), "headrace.engine": Path("src/engine")}
PACKAGE = Path("python/headrace")
JOBS = os.cpu_count() or 1

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "binding": False,  # plain C functions: a call costs less than one of a function object
    "embedsignature": True,
    "embedsignature.format": "clinic",  # what inspect.signature, and so stubtest, reads
}


def sanitizer_flags() -> list[str]:
    """Compiler and linker flags asked for through HEADRACE_SANITIZE."""
    kind = os.environ.get("HEADRACE_SANITIZE", "")
    if not kind:
        return []
    if kind not in ("thread", "address", "undefined"):
        raise SystemExit(f"HEADRACE_SANITIZE={kind!r}: give thread, address or undefined")
    return [f"-fsanitize={kind}", "-g", "-O1", "-fno-omit-frame-pointer"]


def crash_points() -> list[tuple[str, str]]:
    """The macro that makes the ring's numbered steps places to die at."""
    return [("HEADRACE_CRASH_POINTS", "1")] if os.environ.get("HEADRACE_CRASH_POINTS") else []


def extensions() -> list[Extension]:
    """One extension for each .pyx file."""
    flags = sanitizer_flags()
    level = [] if flags or "-O" in os.environ.get("CFLAGS", "") else ["-O3"]
    return [
        Extension(
            f"{package}.{source.stem}",
            [source.as_posix()],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"), *crash_points()],
            include_dirs=[(PACKAGE / "include").as_posix()],
            depends=[header.as_posix() for header in sorted(PACKAGE.glob("include/headrace/*.h"))],
            extra_compile_args=[*level, *flags],
            extra_link_args=flags,
        )
        for package, folder in ROOMS.items()
        for source in sorted(folder.glob("*.pyx"))
    ]


def packages() -> list[str]:
    """All that is installed: one package, and what is inside it."""
    below = [f"headrace.{name}" for name in find_packages(PACKAGE.as_posix())]
    return ["headrace", *below, *ROOMS]


def lay_out_includes() -> None:
    """Make build/include, in which sources have their import names, out of relative links."""
    folder = INCLUDE / "headrace"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.pxd").touch()
    targets = [*ROOMS.values(), *PACKAGE.glob("include/headrace/*.h")]
    for target in targets:
        link = folder / target.name
        text = os.path.relpath(target, folder)
        if link.is_symlink() and os.readlink(link) == text:
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(text)


class BuildExt(build_ext):
    """Cythonizes what changed, several files at a time, then compiles likewise."""

    def initialize_options(self) -> None:
        super().initialize_options()
        self.parallel = JOBS

    def finalize_options(self) -> None:
        super().finalize_options()
        if self.editable_mode:
            # An editable install builds in a temporary folder; keep its object files, so that the
            # next `setup.py build_ext --inplace` compiles only what changed.
            build = self.distribution.get_command_obj("build", create=True)
            assert build is not None
            tag = f"{build.plat_name}-{sys.implementation.cache_tag}"
            self.build_temp, self.build_lib = f"build/temp.{tag}", f"build/lib.{tag}"

    def run(self) -> None:
        # Here and not while setup() is being called: an sdist needs neither Cython nor .c files.
        import numpy
        from Cython.Build import cythonize

        lay_out_includes()
        translated = cythonize(
            self.extensions,
            include_path=[INCLUDE.as_posix()],
            # What Cython makes of `cimport numpy` fits the NumPy that it saw.
            build_dir=f"build/c-{sys.implementation.cache_tag}-numpy-{numpy.__version__}",
            compiler_directives=DIRECTIVES,
            nthreads=JOBS,
        )
        for extension, result in zip(self.extensions, translated, strict=True):
            extension.sources = result.sources
            extension.include_dirs = [*extension.include_dirs, numpy.get_include()]
        super().run()


class BuildPy(build_py):
    """Adds headrace/include to a wheel: what `headrace.get_include()` names once installed."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return  # get_include() finds build/include
        target = Path(self.build_lib) / "headrace" / "include" / "headrace"
        target.mkdir(parents=True, exist_ok=True)
        (target / "__init__.pxd").touch()
        for folder in ROOMS.values():
            (target / folder.name).mkdir(exist_ok=True)
            for source in folder.glob("*.pxd"):
                shutil.copyfile(source, target / folder.name / source.name)


os.chdir(ROOT)
setup(
    packages=packages(),
    package_dir={
        "headrace": PACKAGE.as_posix(),
        **{name: folder.as_posix() for name, folder in ROOMS.items()},
    },
    ext_modules=extensions(),
    cmdclass={"build_ext": BuildExt, "build_py": BuildPy},
)
