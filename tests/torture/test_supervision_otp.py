"""The table of supervision_cases.py is right about Erlang/OTP: each case is run on the real one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from supervision_case import STEP_S, Case, child
from supervision_cases import CASES
from supervision_tools import plain

from headrace.supervision import Child, Script, Supervisor

# There a child that has no time to stop has none to tell that it was asked, either.
NOT_TOLD = {"shutdown 0 asks and kills"}
PROGRAM = Path(__file__).parents[1] / "data" / "otp_supervisor.erl"


def text(value: str) -> str:
    return '"' + value + '"'


def supervisor_term(spec: Supervisor, path: str = "") -> str:
    children = ", ".join(child_term(each) for each in spec.children)
    period = max(1, round(spec.period))
    flags = f"{spec.strategy}, {spec.intensity}, {period}, {spec.auto_shutdown}"
    return f"{{sup, {text(path)}, {flags}, [{children}]}}"


def child_term(each: Child) -> str:
    shutdown = each.shutdown if isinstance(each.shutdown, str) else round(each.shutdown * 1000)
    what = supervisor_term(each.start) if isinstance(each.start, Supervisor) else "worker"
    significant = str(each.significant).lower()
    return f"{{child, {text(each.name)}, {each.restart}, {shutdown}, {significant}, {what}}}"


def script_term(path: str, script: Script) -> str:
    stop = "never" if script.stop_s is None else str(round(script.stop_s * 1000))
    return f"{{{text(path)}, {{[{', '.join(script.starts)}], {stop}}}}}"


def step_term(step: str) -> str:
    first, *rest = step.split()
    if first == "stop":
        return "stop"
    if first == "wait":
        return f"{{wait, {round(float(rest[0]) * 1000)}}}"
    if first == "start":
        under, _, name = rest[0].rpartition("/")
        return f"{{start, {text(under)}, {child_term(child(' '.join([name, *rest[1:]])))}}}"
    if first in ("terminate", "restart", "delete"):
        return f"{{{first}, {text(rest[0])}}}"
    return f"{{exit, {text(first)}, {rest[0]}}}"


def case_term(number: int, case: Case) -> str:
    scripts = ", ".join(script_term(path, each) for path, each in case.scripts.items())
    steps = ", ".join(step_term(each) for each in case.steps)
    return f"{{{number}, {{{supervisor_term(case.tree)}, [{scripts}], [{steps}]}}}}.\n"


@pytest.mark.torture
@pytest.mark.skipif(not shutil.which("erlc"), reason="Erlang/OTP (24 or later) is not installed")
def test_otp_says_the_same(tmp_path: Path) -> None:
    cases = tmp_path / "cases.term"
    cases.write_text("".join(case_term(number, case) for number, case in enumerate(CASES)))
    subprocess.run(["erlc", "-o", str(tmp_path), str(PROGRAM)], check=True, timeout=60)
    call = f'otp_supervisor:main(["{cases}", "{round(STEP_S * 1000)}"]).'
    command = ["erl", "-noshell", "-pa", str(tmp_path), "-eval", call]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=100)
    lines = dict(line.split("\t", 1) for line in told.stdout.splitlines())
    wrong = [
        f"{case.name}:\n   table {plain(case.happens)}\n   OTP   {plain(lines[str(number)])}"
        for number, case in enumerate(CASES)
        if plain(lines[str(number)]) != plain(case.happens) and case.name not in NOT_TOLD
    ]
    assert not wrong, "\n" + "\n".join(wrong)
