"""Threads and processes at full speed against the package that is imported, without the GIL."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from loops import build_loops

import headrace as hr

pytestmark = pytest.mark.timeout(300)

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def loops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loops")
    build_loops(hr.get_include(), folder, ["-O2"])
    return folder


def stress(loops: Path, *arguments: str) -> None:
    """Run parts of stress.py; they must be good."""
    path = os.pathsep.join([str(loops), os.environ.get("PYTHONPATH", "")])
    finished = subprocess.run(
        [sys.executable, str(HERE / "stress.py"), *arguments],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    assert "good" in finished.stdout
    assert "BAD" not in finished.stdout


@pytest.mark.torture
def test_a_little_of_everything(loops: Path) -> None:
    stress(loops, "--events", "500")


@pytest.mark.torture
@pytest.mark.parametrize("part", ["native", "aborting", "guests", "deaths", "blocking"])
def test_threads(loops: Path, part: str) -> None:
    stress(loops, "--part", part, "--events", "20000")


@pytest.mark.torture
def test_woken_only_after_the_store(loops: Path) -> None:
    stress(loops, "--part", "turns", "--events", "40000")
