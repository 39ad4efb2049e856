"""`headrace simulate --html`: which run becomes a page, and what is said when none does."""

from __future__ import annotations

from pathlib import Path

import page_tools as pages
import pytest
from typer.testing import CliRunner

from headrace.cli import app

COUNTER = Path(__file__).parents[2] / "examples" / "counter.py"


def simulate(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["simulate", *arguments])
    return result.exit_code, result.output


def test_the_run_that_failed(tmp_path: Path) -> None:
    file = tmp_path / "bug.html"
    code, said = simulate(f"{COUNTER}:hasty", "--html", str(file))
    assert code == 1
    assert "found with seed 8; made small: 1 command, 1 fault" in said
    text = file.read_text("utf-8")
    title = pages.Parsed(text).text_of("h1").strip()
    assert title == "always: no_answer_is_forgotten does not hold, at 3.158235 ms"
    assert f"<code>headrace simulate {COUNTER}:hasty --seed 8 --runs 1</code>" in text
    data = pages.data_of(text)
    lost = [thing for thing in data["happened"] if "more" in thing]
    assert [thing["more"] for thing in lost] == [["lost: total 7 := 7"]]


def test_one_run_and_no_failure(tmp_path: Path) -> None:
    file = tmp_path / "run.html"
    code, said = simulate(f"{COUNTER}:careful", "--html", str(file), "--seed", "3", "--runs", "1")
    assert code == 0
    assert "things that happened" in said
    assert pages.Parsed(file.read_text("utf-8")).text_of("h1").strip() == "seed 3: all was well"


def test_no_run_failed(tmp_path: Path) -> None:
    code, said = simulate(f"{COUNTER}:careful", "--html", str(tmp_path / "no.html"), "--runs", "2")
    assert code == 0
    assert "no run failed, so there is no page" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["missing/page.html", "."])
def test_nowhere_to_write(tmp_path: Path, where: str) -> None:
    """The failure is told all the same."""
    code, said = simulate(f"{COUNTER}:hasty", "--html", str(tmp_path / where))
    assert code == 2
    assert "always: no_answer_is_forgotten does not hold" in said
    assert str(tmp_path) in said
