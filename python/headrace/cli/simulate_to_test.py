"""A simulated run as a file for pytest: the plan, written out, and the run of it."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from headrace.errors import UsageError
from headrace.simulation import Run, Simulation
from headrace.simulation import faults as fault_kinds
from headrace.state import field_names

from .console import counted, stderr
from .literals import NotPlain, source

_PLAIN = ("seed", "faulty_ns", "end_ns", "inputs_max", "sync_ns", "disks")


def write_test(file: str, application: str, simulation: Simulation, run: Run) -> None:
    """Write a file that runs the plan of a run again. Raises UsageError."""
    text = _text(file, application, simulation, run)
    with open(file, "x", encoding="utf-8") as stream:
        stream.write(text)
    commands, faults = run.plan.size
    stderr().print(
        f"{file}: {counted(commands, 'command')}, {counted(faults, 'fault')}; run it with pytest"
    )


def _text(file: str, application: str, simulation: Simulation, run: Run) -> str:
    plan = run.plan
    where, _, name = application.rpartition(":")
    by_file = where.endswith(".py") or os.sep in where
    kinds = _kinds(list(plan.commands.values()))
    names = {kind.__name__: kind for kind in kinds}
    try:
        commands = source(dict(plan.commands), names, 4, 13)
    except NotPlain as error:
        raise UsageError(
            f"the commands cannot be written as Python source ({error}); write the test by hand, "
            "with Simulation.run(seed)"
        ) from None
    told = str(run.failure).split("\n")[0].replace("\\", "\\\\").replace('"""', "'''")
    lines = [f'"""A run of {name} that failed: {told}"""', ""]
    lines += ["from dataclasses import replace"]
    lines += ["from pathlib import Path"] if by_file else []
    lines += ["", "import headrace as hr", "from headrace.cli.loading import load_one", ""]
    if by_file:
        relative = os.path.relpath(Path(where).resolve(), Path(file).resolve().parent)
        lines += ["HERE = Path(__file__).parent"]
        place = f'f"{{HERE}}/{relative}:{name}"'
    else:
        place = f'"{application}"'
    lines += [f'SIMULATION = load_one({place}, hr.Simulation, "simulation")']
    if kinds:
        lines += ["CLASSES = SIMULATION.classes"]
        lines += [f'{each} = CLASSES["{each}"]' for each in sorted(names)]
    lines += ["", "PLAN = hr.Plan("]
    lines += [f"    {each}={getattr(plan, each)!r}," for each in _PLAIN]
    lines += [f"    network={_network(simulation, run)},"]
    lines += [f"    commands={commands},"]
    lines += ["    faults=(", *(f"        {_fault(one)}," for one in plan.faults), "    ),"]
    lines += [")", "", "", f"def test_{_identifier(name)}() -> None:"]
    lines += ["    SIMULATION.run_plan(PLAN).check()", ""]
    return "\n".join(lines)


def _kinds(value: Any) -> set[type]:
    """The classes of what stands in the commands."""
    if isinstance(value, list | tuple):
        return set().union(*map(_kinds, value)) if value else set()
    names = field_names(value)
    if names is None:
        return set()
    return {type(value)}.union(*(_kinds(getattr(value, name)) for name in names))


def _network(simulation: Simulation, run: Run) -> str:
    ours, theirs = simulation.network, run.plan.network
    changes = [
        f"{field.name}={getattr(theirs, field.name)!r}"
        for field in fields(ours)
        if getattr(ours, field.name) != getattr(theirs, field.name) and field.name != "delay"
    ]
    return f"replace({', '.join(['SIMULATION.network', *changes])})"


def _fault(fault: fault_kinds.Fault) -> str:
    return f"hr.faults.{fault}"


def _identifier(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_").lower() or "run"

