"""A user's own Cython module and C step, compiled against the package by `get_include()`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from packages import Installed, lend_dependencies, run

from headrace._include import get_include
from headrace.errors import EnvironmentFailure

pytestmark = [
    pytest.mark.packaging,
    pytest.mark.xdist_group("packaging"),
    pytest.mark.timeout(300),
]

HERE = Path(__file__).parent
USERS_FILES = ("user_module.pyx", "user_step.c", "build_user_module.py")


def build_as_user(python: Path | str, folder: Path) -> str:
    """Compile and run a user's files in `folder`; where the headrace that they used lies."""
    for name in USERS_FILES:
        shutil.copy(HERE / name, folder / name)
    said = run(python, "build_user_module.py", cwd=folder)
    return said.strip().splitlines()[-1].removeprefix("built and ran against ")


def test_against_this_environment(tmp_path: Path) -> None:
    import headrace

    assert build_as_user(sys.executable, tmp_path) == headrace.__file__


def test_against_an_installed_wheel(installed: Installed, tmp_path: Path) -> None:
    lend_dependencies(installed.site_packages)
    used = build_as_user(installed.python, tmp_path)
    assert Path(used) == installed.site_packages / "headrace" / "__init__.py"


def test_include_folder_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("headrace._include._INSTALLED", tmp_path / "a")
    monkeypatch.setattr("headrace._include._BUILT", tmp_path / "b")
    with pytest.raises(EnvironmentFailure, match="install the package anew"):
        get_include()
