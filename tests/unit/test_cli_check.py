"""`headrace check`: counts, verdicts, exit codes, and what is wrong with an option."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_tools import headrace, in_folder, refused, succeeds

import headrace as hr
from headrace.cli import check, interrupts
from headrace.cli.loading import load

SYSTEMS = """
import msgspec
import headrace as hr


class Add(msgspec.Struct, frozen=True):
    number: int


class Adder(hr.Node):
    def initial(self):
        return 0

    @hr.on.start()
    def start(self, state, peers):
        return state, [hr.send(peers, Add(1)), hr.timer("tick", 1)]

    @hr.on.message(Add)
    def add(self, state, message):
        return state + message.number, None

    @hr.on.timer("tick")
    def tick(self, state):
        return state, None


adder = Adder()
NODES = {"a": adder, "b": adder}
good = hr.System(NODES, always={"small": lambda view: sum(view.states.values()) <= 2})
bad = hr.System(NODES, always={"none": lambda view: sum(view.states.values()) < 1})


def made():
    return good
"""

BOUND = "note: timers may run out without end: --timers N bounds how often\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "systems.py").write_text(SYSTEMS)
    with in_folder(tmp_path) as folder:
        yield folder


@pytest.mark.parametrize("name", ["good", "made"])
def test_ok(name: str) -> None:
    said = succeeds("check", f"systems.py:{name}").stdout
    assert said.startswith("ok: 18 unique states of 35, depth 6, in ")
    assert " a second), " in said
    assert said.splitlines()[1:] == [
        "within: messages in any order",
        "  always small: holds",
    ]


def test_counterexample() -> None:
    result = headrace("check", "systems.py:bad", "--html", "bad.html")
    assert result.exit_code == 1
    assert result.stderr == "note: the counterexample is in bad.html\n"
    lines = result.stdout.splitlines()
    assert lines[0].startswith("bad: ")
    assert lines[-3:] == [
        "       (not up) -> 0",
        "3. b takes message Add(number=1) from a",
        "       0 -> 1",
    ]
    assert "<svg" in Path("bad.html").read_text()


def test_a_counterexample_as_journals() -> None:
    result = headrace("check", "systems.py:bad", "--crashes", "1", "--journals", "seen")
    assert result.exit_code == 1
    assert "see it: headrace debug seen/b systems.py:bad.simulated.b" in result.stdout
    for node, sum_of_all in (("a", 0), ("b", 1)):
        replayed = headrace("replay", f"seen/{node}", f"systems.py:bad.simulated.{node}")
        assert replayed.exit_code == 0, replayed.output
        history = hr.History(f"seen/{node}", load(f"systems.py:bad.simulated.{node}"))
        state: Any = history.at(history.end).state
        assert state.state == sum_of_all
    again = headrace("check", "systems.py:bad", "--journals", "seen")
    assert again.exit_code == 2
    assert "seen: is not empty" in again.stderr


def test_bounds_reach_the_explorer() -> None:
    more = succeeds("check", "systems.py:good", "--losses", "1").stdout
    assert "losses: 1" in more
    again = headrace("check", "systems.py:good", "--crashes", "1")  # starts, and sends, again
    assert (again.exit_code, "a crashes" in again.stdout) == (1, True)
    doubled = headrace("check", "systems.py:good", "--duplications", "any")
    assert doubled.exit_code == 1
    timers = succeeds("check", "systems.py:good", "--timers", "tick=1").stdout
    assert "timer 'tick': 1" in timers
    less = succeeds("check", "systems.py:good", "--symmetry", "a,b", "--ordered", "--dfs").stdout
    assert "ordered links" in less
    assert int(less.split()[1]) < 18


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--depth", 2), "not all was looked at: there are states more than 2 steps away"),
        (("--states", 5), "not all was looked at: there are more than 5 states"),
    ],
)
def test_not_complete(options: tuple[Any, ...], reason: str) -> None:
    result = headrace("check", "systems.py:good", *options)
    assert (result.exit_code, result.stderr) == (3, BOUND)
    assert result.stdout.startswith("unknown: ")
    assert reason in result.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("systems.py:goood",), "systems.py has no 'goood'; did you mean 'good'?"),
        (("systems.py",), "names no system: give module:system or file.py:system; in systems.py"),
        (("none.py:good",), "none.py: no such file, so there is no system in it"),
        (("machines.py:total",), "machines.py:total is a function, no system"),
        (("systems.py:NODES",), "systems.py:NODES is of type dict, no system"),
        (("systems.py:good", "--losses", "few"), "--losses few: a whole number, 0 or more, or any"),
        (("systems.py:good", "--timers", "tick=x"), "--timers x: a whole number"),
        (("systems.py:good", "--timers", "1", "--timers", "tick=2"), "either a number for all"),
        (("systems.py:good", "--symmetry", "a,z"), "symmetry: there is no 'z'"),
        (("systems.py:good", "--states", "0"), "--states"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], reason: str) -> None:
    assert reason in refused("check", *arguments)


@pytest.mark.parametrize(
    ("interrupt", "code"), [(KeyboardInterrupt(), 130), (interrupts.Terminated(), 143)]
)
def test_stopped(interrupt: BaseException, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments: Any, **more: Any) -> None:
        raise interrupt

    monkeypatch.setattr(check, "explore", stop)
    said = refused("check", "systems.py:good", code=code)
    assert said == "note: stopped; nothing is decided\n"
