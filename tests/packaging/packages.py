"""Building and installing this tree in folders of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from dataclasses import dataclass
from pathlib import Path

import test_tidy

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Installed:
    """What was built, and the environment that it was installed in."""

    sdist: Path
    wheel: Path
    python: Path
    site_packages: Path


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """The output of a command; fails with everything it said."""
    finished = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    said = f"{finished.stdout}\n{finished.stderr}"
    assert finished.returncode == 0, f"{command} exited with {finished.returncode}:\n{said}"
    return finished.stdout


def copy_tree(target: Path) -> None:
    """What a clone would hold: neither build products nor ignored files."""
    for path in test_tidy.tracked_files():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target / path)


def unpack(sdist: Path, folder: Path) -> Path:
    """The folder that an sdist's files are in, below `folder`."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return folder / sdist.name.removesuffix(".tar.gz")


BUILD = "import setuptools.build_meta as b; b.build_{}('..')"


def make_sdist(folder: Path) -> tuple[Path, Path]:
    """An sdist of this tree in `folder`, and where it is unpacked, beside it."""
    copy_tree(folder / "tree")
    run(sys.executable, "-c", BUILD.format("sdist"), cwd=folder / "tree")
    (sdist,) = folder.glob("*.tar.gz")
    return sdist, unpack(sdist, folder)


def make_wheel(unpacked: Path) -> Path:
    """A wheel of an unpacked sdist, beside it; compiled without optimisation, which is quicker."""
    run(sys.executable, "-c", BUILD.format("wheel"), cwd=unpacked, CFLAGS="-O0")
    (wheel,) = unpacked.parent.glob("*.whl")
    return wheel


COMPILED_ANEW = ("ringbuffer/ring.", "engine/native.", "engine/stepper.")


def lend_built(tree: Path) -> None:
    """Give a tree the C files that Cython made of this one, and what was compiled of most of them.

    What is older than its sources is made anew.
    """
    for made in (*ROOT.glob("build/c-*"), *ROOT.glob("build/lib.*")):
        shutil.copytree(made, tree / "build" / made.name, symlinks=True)
    for module in COMPILED_ANEW:
        for lent in tree.glob(f"build/lib.*/headrace/{module}*"):
            lent.unlink()


def make_environment(folder: Path) -> tuple[Path, Path]:
    """An empty virtual environment: its interpreter and its site-packages."""
    venv.create(folder, symlinks=True)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)}, scheme="venv")
    return folder / "bin" / "python", Path(paths["purelib"])


def lend_dependencies(site_packages: Path) -> None:
    """Let an environment import what is installed here. The editable install is not among it.

    Only site-packages itself goes on the path; the .pth files in it are not looked at.
    """
    (site_packages / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
