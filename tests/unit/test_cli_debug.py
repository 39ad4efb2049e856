"""`headrace debug`: what it refuses, and what it hands to the screen and to the page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from cli_tools import TRADES, headrace, in_folder, refused

import headrace as hr
import headrace.cli.debug as debug
from headrace.cli.loading import load

TOTAL = "machines.py:total"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with in_folder(tmp_path) as folder:
        with hr.Engine(load(TOTAL), journal=hr.Journal("trades.journal", level="os")) as engine:
            engine.publish(TRADES, durable=True)
        yield folder


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["gone", TOTAL], "gone: "),
        (["trades.journal", "machines.py:nope"], "machines.py has no 'nope'"),
        (["trades.journal", "machines.py:large"], "trades.journal is a journal of "),
        (["trades.journal", TOTAL], "needs a terminal; --html writes a page instead"),
        (["trades.journal", TOTAL, "--at", "6"], "there is no state behind 6 inputs"),
        (["trades.journal", TOTAL, "--from", "1"], "--from and --to go with --html"),
        (["trades.journal", TOTAL, "--html", "a.html", "--at", "1"], "--at goes without --html"),
        (
            ["trades.journal", TOTAL, "--html", "a.html", "--from", "2", "--to", "2"],
            "a page from input 2 to before input 2 would hold none; there are the inputs 0 to 4, "
            "so that --to goes up to 5",
        ),
        (
            ["trades.journal", TOTAL, "--html", "a.html", "--from", "4", "--to", "2"],
            "a page from input 4 to before input 2 would hold none",
        ),
    ],
    ids=[
        "gone",
        "no-machine",
        "another-machine",
        "no-terminal",
        "too-far",
        "from",
        "at",
        "empty",
        "backwards",
    ],
)
def test_refused(arguments: list[str], reason: str) -> None:
    assert reason in refused("debug", *arguments)


def test_no_page_of_a_journal_without_inputs() -> None:
    hr.Engine(load(TOTAL), journal="empty.journal").close()
    told = refused("debug", "empty.journal", TOTAL, "--html", "a.html")
    assert "there is no input in the journal yet, and so nothing for a page" in told
    assert not Path("a.html").exists()


def test_whose_journal_it_is() -> None:
    result = headrace("debug", "trades.journal", "machines.py:count", "--html", "page.html")
    assert result.exit_code == 0
    assert "note: the journal was written by total (version 1), not by count" in result.stderr


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("headrace.debugger.screen")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "textual", None)
    monkeypatch.setitem(sys.modules, "textual.app", None)
    told = refused("debug", "trades.journal", TOTAL)
    assert "needs the package textual: pip install 'headrace[debug]'" in told


@pytest.mark.parametrize(("options", "place"), [([], 0), (["--at", "3"], 3)])
def test_shows_the_screen(
    options: list[str], place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = pytest.importorskip(
        "headrace.debugger.screen.app", reason="the debugger's screen is an extra"
    )
    shown: list[Any] = []
    monkeypatch.setattr(debug, "is_terminal", lambda: True)
    monkeypatch.setattr(app, "run", lambda *given: shown.append(given))
    assert headrace("debug", "trades.journal", TOTAL, *options).exit_code == 0
    ((session, where),) = shown
    assert (session.place, session.end, where) == (place, len(TRADES), "trades.journal")
    assert session.name == "total"


@pytest.mark.parametrize(
    ("options", "stretch"),
    [([], (0, 5)), (["--from", "1", "--to", "4"], (1, 4))],
    ids=["all", "part"],
)
def test_writes_a_page(
    options: list[str], stretch: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []
    page = ModuleType("headrace.debugger.page")
    page.write_page = lambda *given: written.append(given)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "headrace.debugger.page", page)
    result = headrace("debug", "trades.journal", TOTAL, "--html", "page.html", *options)
    assert result.exit_code == 0
    assert result.stdout == f"inputs {stretch[0]} to {stretch[1] - 1} are in page.html\n"
    ((file, history, begin, end),) = written
    assert (file, begin, end) == ("page.html", *stretch)
    events = np.concatenate([part for part, _ in history.events(0, history.end)])
    assert events.tolist() == TRADES.tolist()
