"""The picture of a bug found is how it is found now, and the counter without the bug has none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_picture_of_the_docs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import run_picture

    made, stored = run_picture.picture(), run_picture.PICTURE.read_text()
    assert texts(made) == texts(stored)
    assert re.findall(r'class="[^"]*"', made) == re.findall(r'class="[^"]*"', stored)
    assert not re.search(r"url\(|href|@import", made)  # nothing is loaded from elsewhere
    told = texts(made)
    assert f"$ {run_picture.COMMAND}" in told
    assert "found with seed 8; made small: 1 command, 1 fault" in told
    assert "lost: total 7 := 7" in told


def test_careful_forgets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from counter import careful, hasty

    assert not hasty.run(8).ok
    runs = [careful.run(seed) for seed in range(60)]
    assert all(run.ok for run in runs)
    assert sum(run.counts["CRASH"] for run in runs) > 100
