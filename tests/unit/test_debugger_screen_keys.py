"""Every key of the debugger's screen, pressed, and what it did."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from debugger_tools import account_total, lines, play_at_500, press, write_journal
from lengths import cases

pytest.importorskip("textual", reason="the debugger's screen is an extra")

from headrace.debugger.screen.answers import Choose, Compared, Help
from headrace.debugger.screen.dialogs import Ask, Breakpoints, Edit
from headrace.debugger.screen.keys import KEYS, PARTS
from headrace.debugger.screen.main import Main
from headrace.debugger.screen.state_tree import StateTree
from headrace.debugger.session import Session

COUNT = 1000
Play = Callable[[Any, Any, Session], Awaitable[None]]
PLAYS: dict[str, Play] = {}


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_journal(tmp_path_factory.mktemp("screen") / "trades.journal", COUNT)


def of_key(*keys: str) -> Callable[[Play], Play]:
    """The test of some keys, beginning behind 500 inputs."""

    def note(play: Play) -> Play:
        PLAYS.update(dict.fromkeys(keys, play))
        return play

    return note




def status(app: Any) -> str:
    return str(app.screen.query_one("#status").render()).strip()


@of_key("right", "left")
async def step_and_back(app: Any, pilot: Any, session: Session) -> None:
    await press(app, pilot, "right", "right")
    assert session.place == 502
    await press(app, pilot, "left")
    assert session.place == 501
    assert any("State behind 501" in line for line in lines(app))
    assert any(line.startswith("─ Input 500 ") for line in lines(app))


@of_key("home", "end")
async def first_and_last(app: Any, pilot: Any, session: Session) -> None:
    await press(app, pilot, "home")
    assert session.place == 0
    assert any("nothing has come yet" in line for line in lines(app))
    await press(app, pilot, "left")
    assert status(app) == "this is the first place"
    await press(app, pilot, "end")
    assert session.place == COUNT
    await press(app, pilot, "right")
    assert status(app) == "this is the last place"


@of_key("g")
async def go_to(app: Any, pilot: Any, session: Session) -> None:
    await press(app, pilot, "g")
    assert isinstance(app.screen, Ask)
    await press(app, pilot, "=5000", "enter")
    assert any("5,000 is not from 0 to 1,000" in line for line in lines(app))
    await press(app, pilot, "=-100", "enter")
    assert session.place == 400
    await press(app, pilot, "g", "escape")
    assert (session.place, isinstance(app.screen, Main)) == (400, True)


@of_key(
    "right_square_bracket", "left_square_bracket", "right_curly_bracket", "left_curly_bracket"
)
async def scrub(app: Any, pilot: Any, session: Session) -> None:
    for key, place in (
        ("right_square_bracket", 510),
        ("left_square_bracket", 500),
        ("right_curly_bracket", 600),
        ("left_curly_bracket", 500),
    ):
        await press(app, pilot, key)
        assert session.place == place


@of_key("F")
async def follow(app: Any, pilot: Any, session: Session) -> None:
    await press(app, pilot, "F")
    assert (session.following, session.place) == (True, COUNT)
    assert lines(app)[0].endswith("● following")
    await press(app, pilot, "left")
    assert not session.following
    await press(app, pilot, "F", "F")
    assert not session.following
    assert "following" not in lines(app)[0]


@of_key("b", "r", "R")
async def breakpoints(app: Any, pilot: Any, session: Session) -> None:
    await press(app, pilot, "r")
    assert "there is no breakpoint to run to" in status(app)
    await press(app, pilot, "b", "=accounts[0].trades == 200", "enter")
    assert isinstance(app.screen, Breakpoints)
    await press(app, pilot, "=accounts[", "enter")
    assert any("is no expression" in line for line in lines(app))
    await press(app, pilot, "=accounts[0].trades == 300", "enter", "escape")
    assert [each.text for each in session.breakpoints] == [
        "accounts[0].trades == 200",
        "accounts[0].trades == 300",
    ]
    await press(app, pilot, "r")
    assert session.place == 598
    assert status(app) == "◆ accounts[0].trades == 200"
    assert "◆" in lines(app)[3]
    await press(app, pilot, "r")
    assert session.place == 898
    await press(app, pilot, "r")
    assert status(app) == "no breakpoint is reached after this place"
    await press(app, pilot, "R")
    assert session.place == 598
    # The first is switched off, the second removed.
    await press(app, pilot, "b", "down", "home", "enter", "end", "delete", "escape")
    assert [(each.text, each.on) for each in session.breakpoints] == [
        ("accounts[0].trades == 200", False)
    ]


@of_key("u")
async def first_where(app: Any, pilot: Any, session: Session) -> None:
    await press(app, pilot, "u", "=large[1] == 2", "enter")
    assert session.place == 95
    await press(app, pilot, "u", "=nosuch", "enter")
    assert "the state has no field 'nosuch'" in status(app)
    await press(app, pilot, "u", "=last == 'x'", "enter")
    assert status(app) == "it never holds: last == 'x'"
    assert session.place == 95


@of_key("slash", "n", "N")
async def search(app: Any, pilot: Any, session: Session) -> None:
    await press(app, pilot, "n")
    assert "/ asks what" in status(app)
    await press(app, pilot, "slash", "=amount == 7 and", "enter")
    assert any("is no expression" in line for line in lines(app))
    await press(app, pilot, "=amount == 7", "enter")
    assert session.place == 508
    await press(app, pilot, "n", "n")
    assert session.place == 708
    await press(app, pilot, "N")
    assert session.place == 608
    await press(app, pilot, "slash", "=amount == 777", "enter")
    assert status(app) == "no input after this one passes amount == 777"


@of_key("f")
async def filter_(app: Any, pilot: Any, session: Session) -> None:
    await press(app, pilot, "f", "=amount == 7", "enter")
    assert any("amount == 7  10 of 1,000" in line for line in lines(app))
    shown = [line.split()[0] for line in lines(app)[5:15]]
    assert shown == [str(n) for n in range(7, COUNT, 100)]
    await press(app, pilot, "down")
    assert session.place == 508
    await press(app, pilot, "up")
    assert session.place == 408
    await press(app, pilot, "f", "= ", "enter")
    assert session.filter is None


@of_key("w")
async def why(app: Any, pilot: Any, session: Session) -> None:
    tree = app.screen.query_one(StateTree)
    tree.focus()
    tree.go_to_path("state.last")
    await press(app, pilot, "w")
    assert isinstance(app.screen, Choose)
    shown = re.findall(r"(\d+) +'(?:buy|sell)' → '(buy|sell)'", "\n".join(lines(app)))
    assert shown[:2] == [("499", "sell"), ("498", "buy")]
    await press(app, pilot, "down", "enter")
    assert session.place == 499
    assert tree.path == "state.last"
    await press(app, pilot, "home", "w")
    assert "no input up to here changed state.last" in status(app)


@of_key("c")
async def next_change(app: Any, pilot: Any, session: Session) -> None:
    tree = app.screen.query_one(StateTree)
    seen = []
    for _ in range(5):
        await press(app, pilot, "c")
        seen.append(tree.path)
    assert seen[:4] == [change.path for change in session.changes]
    assert seen[4] == seen[0]
    assert app.focused is tree
    await press(app, pilot, "home", "c")
    assert status(app) == "the last input changed nothing"


@of_key("e")
async def what_if(app: Any, pilot: Any, session: Session) -> None:
    await press(app, pilot, "e")
    assert isinstance(app.screen, Edit)
    await press(app, pilot, "enter")
    assert any("nothing is changed" in line for line in lines(app))
    await press(app, pilot, "tab", "=x", "enter")
    assert any("amount: 'x' is no value of type int32" in line for line in lines(app))
    await press(app, pilot, "=5", "enter")
    assert isinstance(app.screen, Compared)
    total = account_total(COUNT, 1)
    shown = "\n".join(lines(app))
    assert "input 499 with amount 99 → 5" in shown
    assert f"{total:,} → {total - 94:,}" in shown
    await press(app, pilot, "escape")
    assert isinstance(app.screen, Main)
    assert session.place == 500
    await press(app, pilot, "e", *["tab"] * 3, "=[/x]", "enter")  # no style, and no error
    assert "with side b'sell' → b'[/x]'" in "\n".join(lines(app))
    await press(app, pilot, "escape")
    await press(app, pilot, "home", "e")
    assert "no input here to change" in status(app)


@of_key("d", "B")
async def drop(app: Any, pilot: Any, session: Session) -> None:
    await press(app, pilot, "B")
    assert "nothing was compared yet" in status(app)
    await press(app, pilot, "d")
    assert isinstance(app.screen, Compared)
    assert any("without input 499" in line for line in lines(app))
    await press(app, pilot, "escape", "e", "ctrl+d", "escape")
    assert len(session.branches) == 2
    assert "┬" in lines(app)[3]
    await press(app, pilot, "B")
    assert isinstance(app.screen, Choose)
    await press(app, pilot, "enter")
    assert isinstance(app.screen, Compared)


@of_key("tab", "shift+tab")
async def focus(app: Any, pilot: Any, session: Session) -> None:
    seen = []
    for key in ("tab", "tab", "tab", "shift+tab"):
        await press(app, pilot, key)
        seen.append(app.focused.id)
    assert seen == ["state", "outputs", "timeline", "outputs"]


@of_key("escape")
async def escape(app: Any, pilot: Any, session: Session) -> None:
    session.add_breakpoint("last == 'x'")
    run = session.run

    def slow(watch: Any) -> Any:
        end = time.monotonic() + 20  # whatever goes wrong, the test ends
        while time.monotonic() < end:
            watch.tell(1, 4)
            time.sleep(0.001)

    session.run = slow  # type: ignore[method-assign]
    await pilot.press("r")
    await pilot.pause(0.2)
    assert status(app).startswith("running to the next breakpoint  ━")
    assert "25%" in status(app)
    await pilot.press("right")  # would need the history, which is in use
    await pilot.pause()
    assert "still running to the next breakpoint" in status(app)
    await press(app, pilot, "escape")
    assert status(app) == "given up; nothing has moved"
    assert session.place == 500
    session.run = run  # type: ignore[method-assign]
    await press(app, pilot, "r")
    assert status(app) == "no breakpoint is reached after this place"
    await press(app, pilot, "escape")
    assert status(app) == ""


@of_key("question_mark")
async def help_(app: Any, pilot: Any, session: Session) -> None:
    for key in ("question_mark", "f1"):
        await press(app, pilot, key)
        assert isinstance(app.screen, Help)
        await press(app, pilot, "escape")
        assert isinstance(app.screen, Main)
    await press(app, pilot, "question_mark")
    await pilot.resize_terminal(100, 80)
    shown = "\n".join(lines(app))
    for each in KEYS:
        assert f"{each.shown}  {each.told}" in shown
    for _, told in PARTS:
        for keys, what in told:
            assert f"{keys}  {what}" in shown


@of_key("q")
async def leave(app: Any, pilot: Any, session: Session) -> None:
    await press(app, pilot, "q")
    assert app.return_code == 0


LONG = {"breakpoints", "drop", "help_", "search"}


@pytest.mark.parametrize(
    "play", cases(dict.fromkeys(PLAYS.values()), LONG, lambda play: play.__name__)
)
def test_keys(play: Play, journal: Path) -> None:
    play_at_500(journal, play)


def test_every_key_is_in_the_table_once() -> None:
    keys = [each for key in KEYS for each in key.keys.split(",")]
    assert len(keys) == len(set(keys))
    assert {key.keys.split(",")[0] for key in KEYS} == set(PLAYS)
