"""Bugs planted in the protocols of examples/: found by simulation, and how small they become.

Each example has a `simulation`. A planted bug is a changed source of it; correct code passes so
many seeds, and the bug is found within as many, and shrunk to a few commands and faults.
"""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass
from pathlib import Path

import headrace as hr

RUNS_MAX = 800  # of a shrinker
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@dataclass(frozen=True)
class ProtocolBug:
    """Replace `old` by `new` in `file` of examples/: `simulation` fails within `seeds` seeds.

    `more`: pairs of what else is replaced there.
    Shrunk, it has at most `commands` commands and `faults` faults. `kind` and `names` say which
    failures count: by kind (always, history, ...), and by name if some are given.
    """

    name: str
    why: str
    file: str
    old: str
    new: str
    seeds: int
    commands: int
    faults: int
    kinds: tuple[str, ...] = ("always", "history")
    simulation: str = "simulation"
    more: tuple[tuple[str, str], ...] = ()


def example(
    file: str, old: str = "", new: str = "", more: tuple[tuple[str, str], ...] = ()
) -> types.ModuleType:
    """An example as a module of its own, with texts in it replaced, each of which is there once.

    `file`: of examples/; one in a folder there belongs to a package, which is what is returned.
    """
    path = EXAMPLES / file
    text = path.read_text()
    for before, after in ((old, new), *more) if old else more:
        if text.count(before) != 1:
            raise ValueError(f"{file}: {before!r} is there {text.count(before)} times, not once")
        text = text.replace(before, after)
    if path.parent == EXAMPLES:
        return _executed(f"{path.stem}_{len(sys.modules)}", path, text)
    package = f"{path.parent.name}_{len(sys.modules)}"
    init = path.parent / "__init__.py"
    module = _new_module(package, init)
    module.__path__ = [str(path.parent)]  # where it finds the files that stay as they are
    if path == init:
        return _executed(package, init, text, module)
    _executed(f"{package}.{path.stem}", path, text)
    return _executed(package, init, init.read_text(), module)


def _new_module(name: str, path: Path) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # where dataclasses and structs look their annotations up
    return module


def _executed(
    name: str, path: Path, text: str, module: types.ModuleType | None = None
) -> types.ModuleType:
    module = module or _new_module(name, path)
    module.__package__ = name if hasattr(module, "__path__") else name.rpartition(".")[0]
    exec(compile(text, str(path), "exec"), vars(module))
    return module


def first_failure(simulation: hr.Simulation, seeds: range) -> hr.Run | None:
    """The run of the first seed that fails."""
    for seed in seeds:
        run = simulation.run(seed)
        if not run.ok:
            return run
    return None


def find(bug: ProtocolBug) -> hr.Run:
    """The first run that a planted bug makes fail, within its seeds and in one of its ways."""
    simulation = getattr(example(bug.file, bug.old, bug.new, bug.more), bug.simulation)
    run = first_failure(simulation, range(bug.seeds))
    assert run is not None, f"{bug.name}: not found in {bug.seeds} seeds"
    assert run.failure is not None
    assert run.failure.kind in bug.kinds, f"{bug.name}: found as {run}"
    return run


def check_found(bug: ProtocolBug) -> hr.Run:
    """Find a planted bug, shrink it, and check that it is as small as it is said to become."""
    run = find(bug)
    assert run.failure is not None
    small = hr.shrink(run, runs_max=RUNS_MAX)
    commands, faults = small.plan.size
    assert commands <= bug.commands, f"{bug.name}: {commands} commands are left:\n{small}"
    assert faults <= bug.faults, f"{bug.name}: {faults} faults are left:\n{small}"
    assert small.failure is not None
    assert (small.failure.kind, small.failure.name) == (run.failure.kind, run.failure.name)
    return small
