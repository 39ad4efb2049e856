"""What a supervisor does, case by case, as Erlang/OTP documents it, in virtual time."""

from __future__ import annotations

import pytest
from supervision_case import Case
from supervision_cases import CASES
from supervision_tools import plain, play


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_table(case: Case) -> None:
    assert plain(play(case)) == plain(case.happens)


def test_names_of_cases_differ() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 40
