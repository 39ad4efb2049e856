"""The journal of a node in the debugger: its inputs are told in words, on the screen and a page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("textual", reason="the debugger's screen is an extra")

from debugger_tools import lines, press, screen_test
from live_tools import COUNTER, Add

import headrace as hr
from headrace.debugger.page import write_page
from headrace.debugger.session import Session
from headrace.system import Input


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    machine = COUNTER.machine("a")
    with hr.Engine(machine, journal=tmp_path / "journal") as engine:
        engine.publish(machine.events_of(Input("start")))
        for number, note in enumerate(["", "n" * 500], 1):
            taken = Input("request", Add(number, note), "client", number)
            engine.publish(machine.events_of(taken))
        engine.drain()
    return tmp_path / "journal"


def test_on_the_screen(journal: Path) -> None:
    async def play(app: Any, pilot: Any) -> None:
        await press(app, pilot, "end")
        shown = "\n".join(lines(app))
        assert "request from client (number 1): Add(amount=1, note='')" in shown
        assert "a piece of a request from client" in shown
        assert "the last 66 bytes" in shown
        assert "State behind 5" in shown
        assert re.search(r"starts +1\b", shown)

    session = Session(str(journal), COUNTER.machine("a"))
    screen_test(session, play, size=(160, 40))


def test_on_a_page(journal: Path, tmp_path: Path) -> None:
    history = hr.History(journal, COUNTER.machine("a"))
    write_page(str(tmp_path / "page.html"), history, 0, history.end)
    text = (tmp_path / "page.html").read_text()
    assert "request from client (number 1): Add(amount=1, note='')" in text
