"""What the tests of the command line share: machines, tables, and ways to run `headrace`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from headrace.cli import app

MACHINES = '''
import ctypes
import headrace as hr

TRADE = [("account", "<i8"), ("amount", "<f8")]
TOTAL = [("account", "<i8"), ("total", "<f8")]


@hr.machine(event=TRADE, output=TOTAL, initial=dict)
def total(state, account, amount):
    state[account] = state.get(account, 0.0) + amount
    return state, (account, state[account])


@hr.machine(event=TRADE, initial=int)
def count(state, account, amount):
    return state + 1, None


@hr.machine(event=TRADE, output=TOTAL, initial=int)
def inverse(state, account, amount):
    return state + 1, (account, one_over(amount))


def one_over(amount):
    return 1 / amount


@hr.machine(event=TOTAL, output="<f8", initial=int)
def large(state, account, total):
    if total < 0:
        raise ValueError("a negative total")
    return state + 1, [total] * (total > 3)


@hr.machine(event=TRADE, output=TRADE, initial=int)
def halves(state, account, amount):
    return state + 1, [(account, amount / 2)] * 2


@hr.machine(event="<i4", output="<i8", initial=int)
def plain(state, value):
    return state + value, (state + value,)


class Counter(hr.Machine):
    event, output = TRADE, TOTAL

    def initial(self):
        return 0

    def step(self, state, account, amount):
        return state + 1, (account, state)


# Three forms that do not mean the same, so that the state shows which one was used.

NATIVE = ctypes.CFUNCTYPE(
    ctypes.c_int64, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 2, ctypes.c_void_p
)


@NATIVE
def add_a_million(state, event, sequence, time_ns, outputs):
    ctypes.cast(state, ctypes.POINTER(ctypes.c_int64))[0] += 1_000_000
    return 0


def add_thousands(state, events):
    return state + 1000 * len(events), None


def add_one(state, account, amount):
    return state + 1, None


def forms(**more):
    return hr.machine(event=TRADE, initial=zero, name="forms", **more)(add_one)


def zero():
    import numpy
    return numpy.zeros((), numpy.int64)


all_forms = forms(step_batch=add_thousands, native=hr.Native(step=add_a_million, outputs_max=0))
no_native = forms(step_batch=add_thousands)
only_python = forms()

totals_then_large = total >> large
inverse_then_large = inverse >> large
'''
TRADE = np.dtype([("account", "<i8"), ("amount", "<f8")])
TRADES = np.array([(1, 2.5), (2, 1.0), (1, -0.5), (1, 4.0), (2, 2.0)], TRADE)
TOTALS = [(1, 2.5), (2, 1.0), (1, 2.0), (1, 6.0), (2, 3.0)]  # what `total` puts out
TRADES_CSV = "account,amount\n1,2.5\n2,1.0\n1,-0.5\n1,4\n2,2.0\n"
HEADER = ("input_sequence", "output_index", "input_time_ns", "origin")


@contextmanager
def in_folder(folder: Path) -> Iterator[Path]:
    """Work in a folder with the machines and the trades; undo what importing did afterwards."""
    (folder / "machines.py").write_text(MACHINES)
    (folder / "trades.csv").write_text(TRADES_CSV)
    before, path, modules = os.getcwd(), list(sys.path), set(sys.modules)
    os.chdir(folder)
    try:
        yield folder
    finally:
        os.chdir(before)
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]


def headrace(*arguments: object, stdin: str | bytes | None = None) -> Any:
    """The result of a command, run in this process; an unexpected exception is raised."""
    result = CliRunner().invoke(app, [str(one) for one in arguments], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def succeeds(*arguments: object, stdin: str | bytes | None = None) -> Any:
    """The result of a command that must succeed without a word on stderr."""
    result = headrace(*arguments, stdin=stdin)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result


def refused(*arguments: object, code: int = 2) -> str:
    """What a command says on stderr that must fail with this code, and print nothing else."""
    result = headrace(*arguments)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return str(result.stderr)


def summary(text: str) -> dict[str, str]:
    """The lines of a summary by label."""
    lines = [re.fullmatch(r"(\S.{14}) (\S.*)", line) for line in text.splitlines()]
    assert all(lines), text
    return {line[1].strip(): line[2] for line in lines if line is not None}


def rows(text: str) -> list[list[str]]:
    """The rows of a CSV table of outputs, without its header, input_time_ns and origin."""
    header, *lines = text.splitlines()
    assert header.split(",")[:4] == list(HEADER)
    return [[*cells[:2], *cells[4:]] for cells in (line.split(",") for line in lines)]


def start(*arguments: object, **options: Any) -> subprocess.Popen[Any]:
    """A process of its own that runs `headrace`; what is not said otherwise is piped."""
    pipe = subprocess.PIPE
    pipes = {"stdin": subprocess.DEVNULL, "stdout": pipe, "stderr": pipe, "text": True}
    command = [sys.executable, "-m", "headrace", *map(str, arguments)]
    return subprocess.Popen(command, **{**pipes, **options})


def finish(process: subprocess.Popen[Any], seconds: float = 20.0) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a process, which must end in time."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, out or "", err or ""
