"""The extensions under ThreadSanitizer, AddressSanitizer and UndefinedBehaviorSanitizer.

A planted bug shows first that the sanitizer would tell. Each build lies in a folder of its own.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

import pytest
import run_sanitized
from loops import build_loops
from mutants.order_mutants import ORDER_MUTANTS
from mutants.planting import Planted
from run_sanitized import REPORTED, ROOT

pytestmark = [
    pytest.mark.torture,
    pytest.mark.timeout(1800),
    pytest.mark.xdist_group("sanitizers"),  # two builds at once would share generated C
]

HERE = Path(__file__).parent
UNIT = ROOT / "tests" / "unit"
UNDER_SANITIZERS = "not torture and not packaging and not serial"  # times say nothing there
STRESS = str(HERE / "stress.py")

build = functools.cache(run_sanitized.build)


def sanitized(kind: str, *command: str) -> subprocess.CompletedProcess[str]:
    """What Python says with everything built for that sanitizer."""
    if run_sanitized.runtime(kind) is None:
        pytest.skip(run_sanitized.missing(kind))
    return run_sanitized.run(kind, build(kind), list(command))


@pytest.mark.parametrize(
    ("kind", "bug", "words"),
    [
        ("thread", "release", "WARNING: ThreadSanitizer: data race"),
        ("address", "overrun", "ERROR: AddressSanitizer: heap-buffer-overflow"),
        ("undefined", "shift", "runtime error: shift exponent 64 is too large"),
    ],
)
def test_planted_bug_is_reported(kind: str, bug: str, words: str) -> None:
    finished = sanitized(kind, STRESS, "--bug", bug)
    assert finished.returncode == REPORTED, finished.stdout
    assert words in finished.stdout


@pytest.mark.parametrize("kind", ["thread", "address", "undefined"])
def test_stress(kind: str) -> None:
    finished = sanitized(kind, STRESS)
    assert finished.returncode == 0, finished.stdout
    assert "good" in finished.stdout
    assert "BAD" not in finished.stdout


@pytest.mark.parametrize("kind", ["address", "undefined"])
def test_unit_tests(kind: str) -> None:
    # A report ends the process: only sys is captured, so that what the sanitizer says is seen.
    options = ["-q", "-x", "-p", "no:cacheprovider", "--capture=sys", "-m", UNDER_SANITIZERS]
    finished = sanitized(kind, "-m", "pytest", *options, str(UNIT))
    assert finished.returncode == 0, finished.stdout


@pytest.mark.parametrize("bug", ORDER_MUTANTS, ids=lambda bug: bug.name)
def test_order_bug_is_reported(bug: Planted, tmp_path: Path) -> None:
    """The loops alone are compiled anew: what is changed are functions inlined into them."""
    if run_sanitized.runtime("thread") is None:
        pytest.skip(run_sanitized.missing("thread"))
    _, library = build("thread")
    include = tmp_path / "include"
    shutil.copytree(library / "headrace" / "include", include)
    changed = include / bug.file.replace("src/", "headrace/")
    changed.write_text(bug.apply_to(changed.read_text()))
    build_loops(include, tmp_path / "loops", run_sanitized.flags("thread"))
    command = [STRESS, "--part", bug.caught_by, "--events", "500"]
    finished = run_sanitized.run("thread", [tmp_path / "loops", library], command)
    assert finished.returncode == REPORTED, finished.stdout
    assert "WARNING: ThreadSanitizer: data race" in finished.stdout
