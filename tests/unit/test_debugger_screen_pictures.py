"""How the debugger's screen looks, in small and large terminals, and that it follows the tail."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from debugger_tools import (
    account_total,
    book,
    check_picture,
    lines,
    press,
    screen_test,
    settled,
    text_of_picture,
    trades,
    write_journal,
)

pytest.importorskip("textual", reason="the debugger's screen is an extra")

import headrace as hr
from headrace.debugger import session as sessions
from headrace.debugger.screen.events import KEPT_MAX, EventList
from headrace.debugger.session import Session

SIZES = [(80, 24), (120, 40)]
SHOWN = {
    "place": ("g", "=500", "enter"),
    "first": (),
    "breakpoints": ("b", "=accounts[1].total > 900", "enter", "=nosuch > 1", "enter"),
    "stopped": ("b", "=large[2] == 7", "enter", "escape", "r"),
    "filter": ("f", "=amount >= 90 and key == 1", "enter", "down", "down"),
    "why": ("g", "=500", "enter", "c", "w"),
    "edit": ("g", "=500", "enter", "e", "tab", "=5"),
    "compared": ("g", "=500", "enter", "d"),
    "help": ("question_mark",),
}


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_journal(tmp_path_factory.mktemp("pictures") / "trades.journal", 1000)


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(SIZES[0], id="80x24"),
        pytest.param(SIZES[1], id="120x40", marks=pytest.mark.torture),
    ],
)
@pytest.mark.parametrize("name", SHOWN)
def test_picture(name: str, size: tuple[int, int], journal: Path) -> None:
    async def play(app: Any, pilot: Any) -> None:
        await press(app, pilot, *SHOWN[name])
        check_picture(f"debugger-{name}-{size[0]}x{size[1]}", app)
        assert max(map(len, lines(app))) <= size[0]

    screen_test(Session(str(journal), book), play, size)


def test_text_of_a_picture() -> None:
    one = '<text class="r1" x="{x}" y="{y}" textLength="9" clip-path="url(#t-line-{n})">{t}</text>'
    svg = one.format(x=24.4, y=40, n=1, t="b&gt;") + one.format(x=0, y=40, n=1, t="a&#160;")
    assert text_of_picture(svg + one.format(x=12.2, y=20, n=0, t="top")) == [" top", "a b>"]


def test_a_terminal_that_changes_its_size(journal: Path) -> None:
    async def play(app: Any, pilot: Any) -> None:
        await press(app, pilot, "g", "=500", "enter")
        for width, height in ((120, 40), (40, 12), (20, 8), (80, 24)):
            await pilot.resize_terminal(width, height)
            await settled(app, pilot)
        shown = "\n".join(lines(app))
        assert "State behind 500  4 changes" in shown
        assert "\n   499    1      99  124.75" in shown
        assert "q quit" in shown

    screen_test(Session(str(journal), book), play)


def test_follows_a_journal_that_is_being_written(tmp_path: Path) -> None:
    folder = str(tmp_path / "trades.journal")
    with hr.Engine(book, journal=hr.Journal(folder, level="os")) as engine:
        engine.publish(trades(10), durable=True)
        session = Session(folder, book)

        async def until(app: Any, pilot: Any, end: int) -> None:
            deadline = time.monotonic() + 20
            while session.end < end or (session.following and session.place < end):
                assert time.monotonic() < deadline
                await pilot.pause(0.1)
            await settled(app, pilot)

        async def play(app: Any, pilot: Any) -> None:
            engine.publish(trades(20, 10), durable=True)
            await until(app, pilot, 30)
            assert session.place == 0
            assert any("Inputs  30" in line for line in lines(app))
            await press(app, pilot, "F")
            engine.publish(trades(200, 30), durable=True)
            await until(app, pilot, 230)
            assert (session.place, session.following) == (230, True)
            assert session.moment.state.accounts[1].total == account_total(230, 1)
            assert any("State behind 230" in line for line in lines(app))
            await press(app, pilot, "left")
            engine.publish(trades(20, 230), durable=True)
            await until(app, pilot, 250)
            assert session.place == 229

        screen_test(session, play)


def test_only_inputs_in_view_are_read(tmp_path: Path) -> None:
    folder = write_journal(tmp_path / "trades.journal", 20_000)
    session = Session(str(folder), book)
    read = 0
    events = session.pages.events

    def counted(begin: int, end: int) -> Any:
        nonlocal read
        read += end - begin
        return events(begin, end)

    session.pages.events = counted  # type: ignore[method-assign]

    async def play(app: Any, pilot: Any) -> None:
        found = app.screen.query_one(EventList)
        await press(app, pilot, *["right_curly_bracket"] * 10)
        assert session.place == 20_000
        assert 0 < read < 20 * found.page
        assert len(found._kept) <= KEPT_MAX

    screen_test(session, play)


def test_a_far_place_is_gone_to_behind_a_note(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "NEAR", 100)
    session = Session(str(journal), book)
    went = []
    go = session.go

    def noted(place: int, watch: Any = None) -> Any:
        went.append((place, watch is not None))
        return go(place, watch)

    session.go = noted  # type: ignore[method-assign]

    async def play(app: Any, pilot: Any) -> None:
        await press(app, pilot, "right", "end", "left")
        assert went[:2] == [(1, False), (1000, True)]
        assert any("State behind 999" in line for line in lines(app))

    screen_test(session, play)


def test_damage_is_told_and_ends_nothing(tmp_path: Path) -> None:
    folder = write_journal(tmp_path / "trades.journal", 1000)
    session = Session(str(folder), book)
    (segment,) = folder.glob("*.segment")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2 if len(data) < 60_000 else 12_000] ^= 0xFF
    segment.write_bytes(data)

    async def play(app: Any, pilot: Any) -> None:
        await press(app, pilot, "end")
        shown = "\n".join(lines(app))
        assert session.place == 0
        assert str(folder)[:60] in shown.splitlines()[-2]  # which is cut at the screen's edge
        await press(app, pilot, "right")
        assert session.place == 1

    screen_test(session, play)
