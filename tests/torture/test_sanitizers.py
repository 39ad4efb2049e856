"""The extensions under ThreadSanitizer, AddressSanitizer and UndefinedBehaviorSanitizer.

A planted bug shows first that the sanitizer would tell. Each build lies in a folder of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from run_sanitized import MISSING, REPORTED, ROOT

pytestmark = [
    pytest.mark.torture,
    pytest.mark.timeout(1800),
    pytest.mark.xdist_group("sanitizers"),  # two builds at once would share generated C
]

HERE = Path(__file__).parent
UNIT = ROOT / "tests" / "unit"


def sanitized(kind: str, *command: str) -> tuple[int, str]:
    """Exit code and output of run_sanitized.py."""
    finished = subprocess.run(
        [sys.executable, str(HERE / "run_sanitized.py"), kind, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1700,
        check=False,
    )
    if finished.returncode == MISSING:
        pytest.skip(finished.stdout.strip())
    return finished.returncode, finished.stdout


@pytest.mark.parametrize(("kind", "bug"), [("thread", "release"), ("address", "overrun")])
def test_planted_bug_is_reported(kind: str, bug: str) -> None:
    code, said = sanitized(kind, "--bug", bug, "--events", "2000")
    assert code == REPORTED, said
    assert "SUMMARY: " in said


@pytest.mark.parametrize("kind", ["thread", "address", "undefined"])
def test_stress(kind: str) -> None:
    code, said = sanitized(kind)
    assert code == 0, said
    assert "good" in said
    assert "BAD" not in said


def test_unit_tests_under_address_sanitizer() -> None:
    options = ["-q", "-x", "-p", "no:cacheprovider", "-m", "not torture and not packaging"]
    code, said = sanitized("address", "-m", "pytest", *options, str(UNIT))
    assert code == 0, said
