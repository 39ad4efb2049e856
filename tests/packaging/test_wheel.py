"""What is in the sdist and the wheel, and that an installed package works from anywhere."""

from __future__ import annotations

import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest
import test_tidy
from packages import (
    ROOT,
    Installed,
    lend_dependencies,
    make_environment,
    make_sdist,
    make_wheel,
    run,
)

pytestmark = [
    pytest.mark.packaging,
    pytest.mark.xdist_group("packaging"),  # one worker builds the wheel, once
    pytest.mark.timeout(300),
]

USE = """
import numpy as np, headrace as hr
with hr.Ring.create(np.int64, 8) as ring:
    consumer = ring.consumer("all")
    ring.producer().publish(np.arange(5))
    print(consumer.poll().sum(), hr.__file__, hr.get_include())
"""


def in_source(suffix: str) -> set[str]:
    """Files of src/ with that suffix, as the wheel should name them."""
    return {f"headrace/{p.parent.name}/{p.name}" for p in ROOT.glob(f"src/*/*{suffix}")}


def test_sdist_contents(installed: Installed) -> None:
    with tarfile.open(installed.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = {path.as_posix() for path in test_tidy.tracked_files()}
    assert {"LICENSE", "Makefile", ".ci/interpreters", "examples/data/flights.npz"} <= tracked
    assert sorted(tracked - names) == []
    made = {name for name in names - tracked if "egg-info" not in name}
    folders = {parent.as_posix() for name in tracked for parent in PurePosixPath(name).parents}
    assert made - folders == {"PKG-INFO", "setup.cfg", ""}


def test_wheel_contents(installed: Installed) -> None:
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"headrace", "headrace-0.1.0.dist-info"}
    assert in_source(".pxd") | in_source(".pyi") | in_source(".py") <= names
    assert {"headrace/py.typed", "headrace/include/headrace/step.h"} <= names
    compiled = {name.split(".")[0] for name in names if name.endswith(".so")}
    assert compiled == {name.removesuffix(".pyx") for name in in_source(".pyx")}
    python = {p.relative_to(ROOT / "python").as_posix() for p in ROOT.glob("python/**/*.py")}
    assert python <= names
    unwanted = (".c", ".pyx", ".o", ".pyc")
    assert not [name for name in names if name.endswith(unwanted) or "/test_" in name]
    assert not [name for name in names if "/tests/" in name]


@pytest.mark.torture
def test_all_is_compiled_from_an_sdist(installed: Installed, tmp_path: Path) -> None:
    """With nothing that was built before; it has what the wheel has that most of was lent to."""
    _, unpacked = make_sdist(tmp_path)
    made = set(zipfile.ZipFile(make_wheel(unpacked)).namelist())
    assert made == set(zipfile.ZipFile(installed.wheel).namelist())


def test_only_headrace_lands_at_top_level(installed: Installed) -> None:
    landed = {path.name for path in installed.site_packages.iterdir()} - {"lent.pth"}
    assert landed == {"headrace", "headrace-0.1.0.dist-info"}


def test_installed_wheel_works(installed: Installed, tmp_path: Path) -> None:
    lend_dependencies(installed.site_packages)
    total, file, include = run(installed.python, "-I", "-c", USE, cwd=tmp_path).split()
    assert total == "10"
    assert Path(file) == installed.site_packages / "headrace" / "__init__.py"
    assert Path(include) == installed.site_packages / "headrace" / "include"
    script = installed.python.with_name("headrace")
    assert "run" in run(script, "--help", cwd=tmp_path)


def test_editable_install_works(tmp_path: Path) -> None:
    """The environment that runs the tests is one."""
    if not list(Path(sysconfig.get_paths()["purelib"]).glob("__editable__.headrace-*")):
        pytest.skip("headrace is not installed editable here, so this shows nothing")
    total, file, include = run(sys.executable, "-I", "-c", USE, cwd=tmp_path).split()
    assert total == "10"
    assert Path(file) == ROOT / "python" / "headrace" / "__init__.py"
    assert Path(include) == ROOT / "build" / "include"


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_sdist_installs_in_isolation(installed: Installed, tmp_path: Path) -> None:
    """With all build requirements and dependencies fetched, nothing lent, and optimised."""
    python, site_packages = make_environment(tmp_path / "venv")
    pip = [sys.executable, "-m", "pip", "-q", "--python", python]
    run(*pip, "install", installed.sdist, cwd=tmp_path)
    total, file, _ = run(python, "-I", "-c", USE, cwd=tmp_path).split()
    assert total == "10"
    assert Path(file).is_relative_to(site_packages)
