"""`headrace journal to-test`: the file passes as it is, fails when it is changed, and is tidy."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from cli_journals import trades, words, write_journal
from cli_tools import headrace, in_folder, refused, succeeds

import headrace as hr
from headrace.cli.literals import NotPlain, source
from headrace.cli.loading import load
from headrace.errors import StateError, UsageError
from headrace.state import difference
from headrace.testing import run_stretch, text_state

MORE = '''
from dataclasses import dataclass, field
import numpy as np
import headrace as hr
from machines import TRADE, TOTAL

@dataclass
class Book:
    bids: dict[int, float] = field(default_factory=dict)
    seen: int = 0
    last: tuple[int, ...] = ()

@hr.machine(event=TRADE, output=TOTAL, initial=Book)
def book(state, account, amount):
    state.bids[account] = amount
    state.seen += 1
    state.last = (*state.last[-3:], account)
    if amount == 11:
        raise ArithmeticError("eleven")
    return state, [(account, amount)] * (account % 3)

@hr.machine(event=TRADE, output=TOTAL, initial=lambda: np.zeros(300))
def large_array(state, account, amount):
    state[account] += amount
    return state, (account, state[account])

@hr.machine(event=TRADE, output=TOTAL, initial=lambda: np.zeros((2, 3), "<i4"))
def small_array(state, account, amount):
    state[account % 2, account % 3] += 1
    return state, None

@hr.machine(event=[("at", "<M8[ns]"), ("name", "S4"), ("sub", [("x", "<f4", (2,))])],
            output="<i8", initial=list)
def strange(state, at, name, sub, sequence, time_ns):
    state.append((sequence, time_ns % 2, str(at), bytes(name), float(sub["x"][1])))
    return state[-5:], (sequence,)
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with in_folder(tmp_path) as folder:
        (folder / "more.py").write_text(MORE)
        yield folder


def run_pytest(path: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", path]
    quick = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, env=quick, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout


def run_here(path: str) -> tuple[int, str]:
    """The same without a process of its own: quicker, and enough for most."""
    namespace = runpy.run_path(str(Path(path).resolve()))
    tests = [value for name, value in namespace.items() if name.startswith("test_")]
    assert len(tests) == 1
    try:
        tests[0]()
    except AssertionError as error:
        return 1, traceback.format_exc() + str(error)
    return 0, ""


def is_tidy(path: str) -> None:
    rules = ["--isolated", "--no-cache"]
    for command in (["check", *rules, "--select", "E,F,I,UP,B"], ["format", *rules, "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, path], capture_output=True, text=True,
            timeout=60, check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def more_journal(machine: str) -> None:
    with hr.Engine(load(f"more.py:{machine}"), journal="j", on_error="dead_letter") as engine:
        for index in range(10):
            engine.publish(trades(100, index * 100))
            engine.drain()
            list(engine.outputs())


@pytest.mark.parametrize("machine", ["total", "count", "totals_then_large"])
def test_the_file_passes_and_fails(machine: str) -> None:
    write_journal("j", machine, batches=10)
    made = headrace(
        "journal", "to-test", "j", f"machines.py:{machine}", "--from", 940, "--to", 960,
        "-o", "test_it.py",
    )
    assert made.exit_code == 0, made.output
    assert "test_it.py: 20 inputs," in made.stderr
    is_tidy("test_it.py")
    run = run_pytest if machine == "total" else run_here
    code, said = run("test_it.py")
    assert code == 0, said
    text = Path("test_it.py").read_text()
    inputs = text[text.index("INPUTS") : text.index("OUTPUTS")]
    changed = inputs.replace("(0, 4.0))", "(0, 4.5))")
    assert changed != inputs
    if machine != "count":
        Path("test_other.py").write_text(text.replace(inputs, changed))
        code, said = run("test_other.py")
        assert code == 1
        assert "made.outputs == OUTPUTS" in said
    before, after = text.split("AFTER = ")
    state, rest = after.split("\n\n", 1)
    state = re.sub(r"\d(?=\D*$)", lambda digit: str((int(digit[0]) + 1) % 10), state)
    Path("test_third.py").write_text(f"{before}AFTER = {state}\n\n{rest}")
    assert run_here("test_third.py")[0] == 1


@pytest.mark.parametrize("machine", ["book", "large_array", "small_array"])
def test_states_of_all_kinds(machine: str) -> None:
    more_journal(machine)
    headrace(
        "journal", "to-test", "j", f"more.py:{machine}", "--from", 500, "--to", 512,
        "-o", "sub_test.py",
    )
    is_tidy("sub_test.py")
    code, said = run_here("sub_test.py")
    assert code == 0, said
    text = Path("sub_test.py").read_text()
    if machine == "book":
        assert "BEFORE = Book(\n    bids={" in text or "BEFORE = Book(bids={" in text
        assert 'FAILED = {503: "ArithmeticError"}' in text
    assert ("text_state(" in text) == (machine == "large_array")
    assert ("import numpy as np" in text) == (machine == "small_array")


def test_events_that_have_no_source() -> None:
    machine = load("more.py:strange")
    events = np.zeros(10, machine.event)
    events["at"] = np.arange(10)
    events["name"] = [b"a", b"bc\0d", b"", b"\0x", b"e", b"f", b"g", b"h", b"i", b"j"]
    events["sub"]["x"] = np.arange(20).reshape(10, 2)
    with hr.Engine(machine, journal="j") as engine:
        engine.publish(events)
        engine.drain()
    headrace("journal", "to-test", "j", "more.py:strange", "-o", "test_it.py")
    is_tidy("test_it.py")
    code, said = run_here("test_it.py")
    assert code == 0, said


def test_a_file_elsewhere_finds_the_machine(folder: Path) -> None:
    write_journal("j", batches=2)
    (folder / "sub").mkdir()
    arguments = ("j", "machines.py:total", "--to", 3, "--output", "sub/test_it.py")
    headrace("journal", "to-test", *arguments)
    assert run_here("sub/test_it.py")[0] == 0
    assert "exists already" in refused("journal", "to-test", *arguments)


def test_a_module_and_stdout() -> None:
    write_journal("j", batches=2)
    text = succeeds("journal", "to-test", "j", "machines:total", "--from", 5, "--to", 7).stdout
    assert 'MACHINE = load("machines:total")' in text
    Path("test_it.py").write_text(text)
    is_tidy("test_it.py")
    assert run_here("test_it.py")[0] == 0


def test_wrong_use() -> None:
    write_journal("j", batches=2)
    told = words(refused("journal", "to-test", "j", "--from", 1, "--to", 2))
    assert "j is of the machine 'total', version 1; say where it is written" in told
    for begin, end in ((5, 5), (7, 3), (200, 300)):
        refused("journal", "to-test", "j", "machines.py:total", "--from", begin, "--to", end)
    refused("journal", "to-test", "not", "machines.py:total")
    refused("journal", "to-test", "not")


class Colour(Enum):
    RED = 1


class Point(NamedTuple):
    x: int
    y: Any


@dataclass
class Node:
    value: Any
    more: list[Any]


NAMES = {"Colour": Colour, "Point": Point, "Node": Node}
SAME: list[Any] = []
VALUES = [
    None, True, -5, 10**30, 1.5, float("inf"), "text", "quo\"te's", 'say "no"', b"\x00\xff",
    "long " * 50, b"long " * 50, (), (1,), [], {}, set(), {3, 1, 2}, frozenset({1}), frozenset(),
    {"a": [1, 2, {"b": (3,)}]}, list(range(100)), {i: "x" * i for i in range(30)}, Colour.RED,
    Point(1, [2]), Node(1, [Node(2, [Point(3, Colour.RED)])]), np.int64(5), np.float32(0.1),
    np.arange(6).reshape(2, 3), np.array([(1, 2.5)], [("a", "<i4"), ("b", "<f8")]),
    np.zeros((), "<f4"), {2: 0, 1: 0}, [Node(i, [None] * i) for i in range(20)],
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_source_makes_the_value_again(folder: Path, value: Any) -> None:
    text = source(value, NAMES, 0, 4)
    again = eval(text, {"np": np, **NAMES})
    assert difference(value, again) is None
    assert max(len(line) for line in f"x = {text}".splitlines()) <= 88
    head = "import numpy as np\nfrom names import Colour, Node, Point\n\n"
    Path("made.py").write_text(f"{head}print(np, Colour, Node, Point)\nx = {text}\n")
    is_tidy("made.py")


@pytest.mark.parametrize(
    "value",
    [[SAME, SAME], object(), np.zeros(1000), Node, Point(1, object()), np.datetime64(5, "s")],
    ids=["twice", "object", "large", "class", "inside", "time"],
)
def test_what_has_no_source(value: Any) -> None:
    with pytest.raises(NotPlain):
        source(value, NAMES)
    with pytest.raises(NotPlain):
        source(Node(1, []), {})


def test_run_stretch_refuses_what_does_not_fit() -> None:
    machine = load("machines.py:total")
    state = {1: 2.0}
    made = run_stretch(machine, state, [(7, 5, (1, 1.0)), (8, 5, (1, 1.0))])
    assert (made.state, made.outputs) == ({1: 4.0}, {7: [(1, 3.0)], 8: [(1, 4.0)]})
    assert state == {1: 2.0}
    with pytest.raises(UsageError, match="input 8 should come, and 9 does"):
        run_stretch(machine, {}, [(7, 5, (1, 1.0)), (9, 5, (1, 1.0))])
    with pytest.raises(UsageError, match="no inputs"):
        run_stretch(machine, {}, [])
    with pytest.raises(UsageError, match="2 machines need as many states"):
        run_stretch(load("machines.py:totals_then_large"), ({},), [(0, 0, (1, 1.0))])
    with pytest.raises(StateError, match="these bytes are no state"):
        text_state(machine, "!!!!")
