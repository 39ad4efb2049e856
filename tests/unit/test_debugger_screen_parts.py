"""The keys that the parts of the debugger's screen have for themselves, and the mouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from debugger_tools import TRADE, lines, play_at_500, press, screen_test, write_journal

import headrace as hr

pytest.importorskip("textual", reason="the debugger's screen is an extra")

from headrace.debugger.screen.events import EventList
from headrace.debugger.screen.state_tree import StateTree
from headrace.debugger.screen.timeline import Timeline
from headrace.debugger.session import Session

COUNT = 1000


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_journal(tmp_path_factory.mktemp("parts") / "trades.journal", COUNT)


def test_keys_of_the_list(journal: Path) -> None:
    async def play(app: Any, pilot: Any, session: Session) -> None:
        page = app.screen.query_one(EventList).page
        await press(app, pilot, "down", "down", "up")
        assert session.place == 501
        await press(app, pilot, "pagedown")
        assert session.place == 501 + page
        await press(app, pilot, "pageup", "pageup")
        assert session.place == 501 - page
        await press(app, pilot, "home", "down")
        assert session.place == 1
        await press(app, pilot, "up")
        assert session.place == 0

    play_at_500(journal, play)


def test_keys_of_the_time_line(journal: Path) -> None:
    async def play(app: Any, pilot: Any, session: Session) -> None:
        line = app.screen.query_one(Timeline)
        line.focus()
        before = line.cell(session.place)
        await press(app, pilot, "right", "right", "left")
        assert line.cell(session.place) == before + 1
        session.go(999)
        await press(app, pilot, "right", "right")
        assert session.place == COUNT
        await press(app, pilot, "left")
        assert session.place < COUNT

    play_at_500(journal, play)


def test_keys_of_the_tree(journal: Path) -> None:
    async def play(app: Any, pilot: Any, session: Session) -> None:
        tree = app.screen.query_one(StateTree)
        tree.focus()
        assert tree.path == "state.accounts"
        await press(app, pilot, "down", "enter", "down")
        assert tree.path == "state.accounts[0].trades"
        await press(app, pilot, "right", "up")  # stays open from place to place
        assert session.place == 501
        assert tree.path == "state.accounts[0]"
        count = len(tree.rows)
        await press(app, pilot, "space")
        assert len(tree.rows) == count - 2
        await press(app, pilot, "pagedown")
        assert tree.path == tree.rows[-1].path
        await press(app, pilot, "pageup")
        assert tree.path == tree.rows[0].path

    play_at_500(journal, play)


def test_mouse(journal: Path) -> None:
    async def play(app: Any, pilot: Any, session: Session) -> None:
        line = app.screen.query_one(Timeline)
        await pilot.click(line, offset=(1, 1))
        assert session.place == 0
        await pilot.mouse_down(line, offset=(20, 1))
        await pilot.hover(line, offset=(40, 1))
        await pilot.pause()
        assert line.cell(session.place) == 39
        await pilot.mouse_up(line, offset=(78, 1))
        await pilot.hover(line, offset=(30, 1))
        assert session.place >= line.place(39)
        await pilot.click(line, offset=(78, 1))
        assert session.place == COUNT
        await press(app, pilot, "home")
        await pilot.click(EventList, offset=(5, 4))  # frame, heading, then input 0
        assert session.place == 3
        tree = app.screen.query_one(StateTree)
        await pilot.click(StateTree, offset=(5, 2))
        assert tree.cursor == 1
        foot = app.screen.query_one("#foot")
        await pilot.click(foot, offset=(2, 0))
        assert session.place == 4

    play_at_500(journal, play)


def test_a_step_that_failed_is_shown(tmp_path: Path) -> None:
    @hr.machine(event=TRADE, initial=int, name="book")
    def refuses(state: int, amount: int) -> Any:
        if amount == 7:
            raise ValueError("not [7]")
        return state + amount, None

    session = Session(str(write_journal(tmp_path / "refused.journal", 20)), refuses)
    session.go(8)

    async def play(app: Any, pilot: Any) -> None:
        shown = "\n".join(lines(app))
        assert "Outputs  0  a step failed" in shown
        assert "✗ book failed, and changed nothing:" in shown
        assert "ValueError: not [7]" in shown
        await press(app, pilot, "down")
        assert "failed" not in "\n".join(lines(app))

    screen_test(session, play, size=(150, 30))
