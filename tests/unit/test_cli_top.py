"""`headrace top`: its pictures, its JSON, its keys, and what it says where there is nothing."""

from __future__ import annotations

import json
import math
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest
from cli_tools import headrace, refused, succeeds
from hypothesis import given, settings
from hypothesis import strategies as st
from ring_tools import kill
from top_tools import check_picture, drawn, exchange, many, start_topology

from headrace.cli.keys import keys_in
from headrace.cli.sizes import count_text, duration_text
from headrace.cli.top import pressed
from headrace.cli.top_screen import Shown
from headrace.metrics import Board, Watcher
from headrace.ringbuffer import files

NAME = f"test-top-{os.getpid()}"
SIZES = [(80, 24), (120, 40)]


@pytest.fixture(autouse=True)
def _own_boards_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's other boards are none of these tests' business."""
    list_all = files.list_names
    monkeypatch.setattr(
        files,
        "list_names",
        lambda kind=files.RING: [name for name in list_all(kind) if name.startswith(NAME)],
    )
    yield
    for kind in (files.RING, files.BOARD):
        for name in list_all(kind):
            if name.startswith(NAME):
                files.unlink_file(name, kind=kind)


# -- pictures --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("shows", ["stages", "topology"])
def test_picture(shows: str, size: tuple[int, int]) -> None:
    lines = drawn(exchange(), Shown(topology=shows == "topology"), size)
    assert len(lines) == size[1]
    assert max(map(len, lines)) <= size[0]
    check_picture(f"top-{shows}-{size[0]}x{size[1]}", lines)


@pytest.mark.parametrize("shows", ["stages", "topology"])
def test_picture_of_a_long_list(shows: str) -> None:
    lines = drawn(many(30), Shown(topology=shows == "topology", first=3), (80, 24))
    check_picture(f"top-{shows}-long-80x24", lines)


@pytest.mark.parametrize("owner", ["alive", "stopped", "gone"])
@pytest.mark.parametrize("size", [(200, 60), (40, 12), (20, 6), (3, 2), (1, 1)])
@pytest.mark.parametrize("topology", [True, False])
def test_any_size(size: tuple[int, int], owner: str, topology: bool) -> None:
    lines = drawn(exchange(owner), Shown(topology), size)
    assert max(map(len, lines)) <= size[0]
    assert len(lines) <= max(size[1], 6)


def test_a_dead_owner_is_told() -> None:
    assert (
        "owner 4242 is dead; headrace rings --clean"
        in drawn(exchange("gone"), Shown(), (80, 24))[1]
    )
    assert "owner 4242 is paused" in drawn(exchange("stopped"), Shown(), (80, 24))[1]


def test_names_do_not_move_the_cursor() -> None:
    name = "a\x1b[2J\n\ud800"
    topology = {"name": name, "nodes": [{"stage": name, "machine": name, "reads": [name]}]}
    with Board.create(NAME, topology, [name]):
        view = Watcher(NAME, time.time_ns).look()
        for shown in (Shown(), Shown(topology=True)):
            lines = drawn(view, shown, (80, 24))
            assert len(lines) == 24
            assert lines[3 if shown.topology else 4].startswith("a?[2J??")


@given(st.floats(0, 1e17) | st.just(math.nan))
@settings(max_examples=50)
def test_numbers_fit_their_columns(value: float) -> None:
    assert len(count_text(value)) <= 6 or value > 9.9e16
    assert len(duration_text(value)) <= 7


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (7.5, "7.50"), (9999, "9999"), (10_000, "10.0k"), (999_600, "1.00M"), (-5, "-5")],
)
def test_counts(value: float, text: str) -> None:
    assert count_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (85, "85.0 ns"),
        (999.6, "1.00 us"),
        (4.56e7, "45.6 ms"),
        (9.9e11, "990 s"),
        (4.4e12, "73 min"),
    ],
)
def test_durations(value: float, text: str) -> None:
    assert duration_text(value) == text


# -- JSON, lists -----------------------------------------------------------------------------


def test_one_object_of_the_only_board() -> None:
    with Board.create(NAME, {}, ["parse"]) as board:
        board.stage(0).stepped(7, 3, 0, 0, None)
        said = json.loads(succeeds("top", "--json").stdout)
        assert (said["name"], said["owner_pid"], said["owner"]) == (NAME, os.getpid(), "alive")
        assert (said["stages"][0]["events"], said["stages"][0]["outputs"]) == (7, 3)


def test_a_line_for_each_interval() -> None:
    with Board.create(NAME, {}, ["parse"]) as board:
        board.stage(0).stepped(7, 3, 0, 0, None)
        out = succeeds("top", NAME, "--json", "--interval", "0.01", "--count", "3").stdout
        lines = [json.loads(line) for line in out.splitlines()]
        assert [line["stages"][0]["rate"] for line in lines] == [0, 0, 0]  # nothing since
        assert all(line["span_ns"] > 0 for line in lines)


def test_a_table_where_there_is_no_terminal() -> None:
    with Board.create(NAME, {}, ["parse", "report"]):
        out = succeeds("top", NAME, "--interval", "0.01").stdout.splitlines()
        assert [line.split()[0] for line in out] == ["stage", "parse", "report"]
        assert {len(line.split()) for line in out} == {14}


def test_several_boards_are_listed() -> None:
    with Board.create(NAME, {}, ["parse"]), Board.create(f"{NAME}-2", {}, ["a", "b"]):
        result = headrace("top")
        assert result.stdout == (
            f"{NAME}: 1 stage, owner {os.getpid()} alive\n"
            f"{NAME}-2: 2 stages, owner {os.getpid()} alive\n"
        )
        assert result.stderr == "note: `headrace top NAME` shows one of them\n"
        assert f"{NAME}, {NAME}-2" in refused("top", "--json")


def test_no_board() -> None:
    assert "no board" in succeeds("top").stdout
    assert "no running topology" in refused("top", "--json")
    assert "no board is named" in refused("top", NAME)
    with open(f"/dev/shm/headrace-board.{NAME}", "wb") as file:
        file.write(b"x" * 4096)
    assert "not a headrace board" in headrace("top").stderr
    assert "not a headrace board" in refused("top", NAME, code=1)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--interval", "0"],
        ["--count", "0", "--json"],
        ["--count", "2"],
        ["--prometheus", "9464", "--json"],
        ["--prometheus", "host:port"],
        ["--prometheus", "70000"],
    ],
)
def test_wrong_use(wrong: list[str]) -> None:
    refused("top", NAME, *wrong)


def test_boards_of_the_dead_are_cleaned_up() -> None:
    process = start_topology(NAME)
    with Board.create(f"{NAME}-own", {}, ["parse"]):
        assert f"board {NAME}: 2 stages, owner {process.pid} alive" in succeeds("rings").stdout
        assert "nothing to remove" in succeeds("rings", "--clean").stdout
        kill(process)
        assert "removes 1 ring and 1 board of dead owners" in headrace("rings").stderr
        listed = headrace("top")  # the living one is taken
        assert listed.stdout.split()[-14:][0] == "parse"
        out = succeeds("top", NAME, "--json", "--interval", "0.01").stdout
        (line,) = map(json.loads, out.splitlines())  # they end with their owner
        assert (line["owner"], line["stages"][0]["state"]) == ("gone", "dead")
        removed = json.loads(succeeds("rings", "--clean", "--json").stdout)
        assert [(one["kind"], one["name"]) for one in removed] == [
            ("ring", f"{NAME}.in"),
            ("board", NAME),
        ]
        assert Board.attach(f"{NAME}-own").stages == ("parse",)
    assert "rings --clean" not in headrace("top").stderr


# -- the screen ------------------------------------------------------------------------------


def test_keys_move_within_the_list() -> None:
    shown = Shown()
    for key in ("k", "j", "down", "j", "j", "up", "x"):
        shown = pressed(shown, key, 3)
    assert shown == Shown(first=1)
    assert pressed(shown, "t", 3) == Shown(topology=True)
    assert pressed(Shown(topology=True), "t", 3) == Shown()


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"", []),
        (b"q", ["q"]),
        (b"jk", ["j", "k"]),
        (b"\x1b[A\x1b[Bt", ["up", "down", "t"]),
        (b"\x1bOA", ["up"]),
        (b"\x1b", []),
        (b"\x1b[200~", []),
        (b"\xff", ["\xff"]),
    ],
)
def test_keys_of_a_terminal(data: bytes, keys: list[str]) -> None:
    assert keys_in(data) == keys


class Terminal:
    """`headrace top` on a terminal of 80 by 24."""

    def __init__(self, *arguments: str) -> None:
        self.ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        self.before = termios.tcgetattr(theirs)
        self._theirs = theirs
        self.process = subprocess.Popen(
            [sys.executable, "-m", "headrace", "top", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
        )
        self.text = ""

    def wait_for(self, wanted: str) -> None:
        """Read until the terminal was sent this, since the last time."""
        deadline = time.monotonic() + 20
        while not re.search(wanted, self.text):
            assert time.monotonic() < deadline, self.text
            if select.select([self.ours], [], [], 0.1)[0]:
                sent = os.read(self.ours, 65_536).decode(errors="replace")
                self.text += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", sent)
        self.text = ""

    def press(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def end(self) -> int:
        """The exit code, and the terminal is as it was."""
        code = self.process.wait(20)
        assert termios.tcgetattr(self._theirs) == self.before
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        os.close(self.ours)
        os.close(self._theirs)


def test_the_screen_and_its_keys() -> None:
    with Board.create(NAME, {"nodes": [{"stage": "parse", "writes": "out"}]}, ["parse"]) as board:
        terminal = Terminal(NAME, "--interval", "0.05")
        try:
            terminal.wait_for("parse +starting")
            board.stage(0).running()
            terminal.wait_for("parse +running")
            terminal.press("t")
            terminal.wait_for("parse  writes out")
            terminal.press("\x1b[Bt")
            terminal.wait_for("parse +running")
            terminal.press("q")
            assert terminal.end() == 0
        finally:
            terminal.close()


def test_the_screen_is_stopped_from_outside() -> None:
    with Board.create(NAME, {}, ["parse"]):
        terminal = Terminal(NAME)
        try:
            terminal.wait_for("parse +starting")
            terminal.process.send_signal(signal.SIGTERM)
            assert terminal.end() == 143
        finally:
            terminal.close()
