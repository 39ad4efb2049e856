"""Every named error is raised by some test, has its family, and says what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headrace import errors

TESTS = Path(__file__).resolve().parents[1]
FAMILIES = {
    "EnvironmentFailure",
    "HeadraceError",
    "InternalError",
    "JournalError",
    "UsageError",
}
NAMED = sorted(set(errors.__all__) - FAMILIES)


def expected_somewhere(name: str) -> bool:
    """Whether some test names this error for more than to import it."""
    imports = re.compile(r"^from [\w.]+ import (?:\([^)]*\)|.*$)", re.M)
    texts = (path.read_text() for path in TESTS.rglob("test_*.py") if path != Path(__file__))
    return any(re.search(rf"\b{name}\b", imports.sub("", text)) for text in texts)


@pytest.mark.parametrize("name", NAMED)
def test_is_raised_by_some_test(name: str) -> None:
    assert expected_somewhere(name)


def test_a_name_that_no_test_expects_would_be_seen() -> None:
    assert not expected_somewhere("Never" + "Raised")


@pytest.mark.parametrize("name", errors.__all__)
def test_families(name: str) -> None:
    error = getattr(errors, name)
    assert issubclass(error, errors.HeadraceError)
    assert error.__doc__


def test_step_error_carries_what_is_needed() -> None:
    error = errors.StepError("it failed", sequence=3, event={"a": 1}, machine="m")
    assert (error.sequence, error.origin, error.event, error.machine) == (3, 3, {"a": 1}, "m")
    assert str(error) == "it failed"
    error.origin = 1
    assert str(error) == "it failed (from input 1)"


def test_input_error_says_where() -> None:
    error = errors.InputError("a.csv", 3, "price", "not a number")
    assert str(error) == "a.csv, line 3, column price: not a number"
    assert str(errors.InputError("a.npy", None, None, "no file")) == "a.npy: no file"
