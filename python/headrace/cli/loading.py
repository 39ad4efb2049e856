"""Finding what APP names, mostly a machine: `module:machine` or `file.py:machine`.

Of a system it is `file.py:system.node`, the machine of that node.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from headrace.compose import Pipeline, Topology
from headrace.errors import HeadraceError, UsageError
from headrace.machine import Machine
from headrace.system import System

from .places import raised_at

T = TypeVar("T")


def load(application: str) -> Machine | Pipeline:
    """Import a module or a file and return the machine in it; runs the code in there.

    The working folder, or that of the file, is put in front of the places that modules are imported
    from. A Machine class is made into a machine without arguments. Raises UsageError for what is
    not there, is no machine, or fails while it is imported (with the place in the user's file).
    """
    found, where = _find(application, "machine", _machines_in)
    made = _machine(found, where)
    if not isinstance(made, Machine | Pipeline):
        raise UsageError(
            f"{where} is a topology, {made!r}; this takes a machine, or machines one after the "
            "other (headrace run, draw and replay take topologies)"
        )
    return made


def load_topology(application: str) -> Machine | Topology:
    """The same where any topology does: machines, pipelines, shards, fan-outs, and chains of them.

    Raises UsageError.
    """
    found, where = _find(application, "machine", _topologies_in)
    return _machine(found, where)


def load_system(application: str) -> System:
    """The same for a system, `module:system` or `file.py:system`. Raises UsageError."""
    return load_one(application, System, "system")


def load_one(application: str, kind: type[T], noun: str) -> T:
    """The same for another kind of value: one of that name, or what a function of it makes."""

    def all_in(module: ModuleType) -> list[str]:
        return [name for name, value in vars(module).items() if isinstance(value, kind)]

    found, where = _find(application, noun, all_in)
    if inspect.isfunction(found):
        try:
            found = found()
        except Exception as error:
            raise UsageError(f"{where} cannot be called: {explain(error)}") from error
    if not isinstance(found, kind):
        raise UsageError(
            f"{where} is {_kind_of(found)}, no {noun}; make one in the file: "
            f"{noun} = headrace.{kind.__name__}(...)"
        )
    return found


def _find(
    application: str, noun: str, all_in: Callable[[ModuleType], list[str]]
) -> tuple[Any, str]:
    """What APP names, whatever it is, and how it is called."""
    where, colon, name = application.rpartition(":")
    if not colon or not where or not name:
        raise UsageError(
            f"{application!r} names no {noun}: give module:{noun} or file.py:{noun}"
            + _suggestion(application, noun, all_in)
        )
    is_file = where.endswith(".py") or os.sep in where
    module = _import_file(where, noun) if is_file else _import_module(where)
    return _lookup(module, where, name, noun, all_in), f"{where}:{name}"


def _suggestion(application: str, noun: str, all_in: Callable[[ModuleType], list[str]]) -> str:
    """Where only the name in the file is missing, those that there are."""
    file = application.removesuffix(":").removesuffix(".py") + ".py"
    if not Path(file).is_file():
        return ""
    names = all_in(_import_file(file, noun))
    return f"; in {file} there is {', '.join(names)}" if names else ""


def _import_file(file: str, noun: str) -> ModuleType:
    path = Path(file).resolve()
    if not path.is_file():
        raise UsageError(f"{file}: no such file, so there is no {noun} in it")
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    # A file may be called like a module that is imported already, in the standard library say.
    name = path.stem if path.stem not in sys.modules else f"headrace_application_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file}: is no Python file; its name should end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UsageError(f"{file} cannot be imported: {explain(error)}") from error
    return module


def _import_module(name: str) -> ModuleType:
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise UsageError(f"{name} cannot be imported: {explain(error)}") from error
        raise UsageError(f"no module {missing!r} is installed or in this folder") from error
    except (Exception, SystemExit) as error:
        raise UsageError(f"{name} cannot be imported: {explain(error)}") from error


def explain(error: BaseException) -> str:
    """What went wrong in the user's own code, and where."""
    told = error.msg if isinstance(error, SyntaxError) else str(error)
    place = raised_at(error)
    return f"{type(error).__name__}: {told}{f' ({place})' if place else ''}"


def _lookup(
    module: ModuleType,
    where: str,
    name: str,
    noun: str,
    all_in: Callable[[ModuleType], list[str]],
) -> Any:
    found: Any = module
    parts = name.split(".")
    for place, part in enumerate(parts):
        if isinstance(found, System) or _is_simulation(found):  # a node's name may have dots
            return _node_of(found, parts[place:])
        if not hasattr(found, part):
            known = all_in(module)
            near = difflib.get_close_matches(name, known, 1)
            told = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
            hint = f"; {told}" if known else f"; there is no {noun} in it at all"
            raise UsageError(f"{where} has no {name!r}{hint}")
        found = getattr(found, part)
    return found


def _is_simulation(found: Any) -> bool:
    """Without importing the simulator: a file that has one has imported it."""
    simulator = sys.modules.get("headrace.simulation")
    return simulator is not None and isinstance(found, simulator.Simulation)


def _node_of(found: Any, parts: list[str]) -> Machine:
    """`system.a`, as it runs live; `system.simulated.a` or `simulation.a`, as it is simulated."""
    if isinstance(found, System) and parts[0] == "simulated" and "simulated" not in found.nodes:
        from headrace.simulation.journals import machine_of

        return machine_of(found, ".".join(parts[1:]))
    machine: Machine = found.machine(".".join(parts))
    return machine


def _machine(found: Any, application: str) -> Machine | Topology:
    if isinstance(found, type) and issubclass(found, Machine):
        try:
            found = found()
        except HeadraceError:
            raise
        except Exception as error:
            raise UsageError(
                f"{application} cannot be made a machine without arguments: {explain(error)}; "
                "make one yourself in the file, and name that"
            ) from error
    if isinstance(found, System):
        raise UsageError(
            f"{application} is a system, whose nodes have machines: {application}."
            f"{found.names[0]}"
        )
    if not isinstance(found, Machine | Topology):
        raise UsageError(
            f"{application} is {_kind_of(found)}, no machine; decorate a step function with "
            "@headrace.machine(event=..., initial=...)"
        )
    return found


def _kind_of(found: Any) -> str:
    if isinstance(found, ModuleType):
        return "a module"
    return "a function" if callable(found) else f"of type {type(found).__name__}"


def _machines_in(module: ModuleType) -> list[str]:
    return _names_in(module, (Machine, Pipeline))


def _topologies_in(module: ModuleType) -> list[str]:
    return _names_in(module, (Machine, Topology))


def _names_in(module: ModuleType, kinds: tuple[type, ...]) -> list[str]:
    def is_one(value: Any) -> bool:
        is_class = isinstance(value, type) and issubclass(value, Machine) and value is not Machine
        return is_class or isinstance(value, kinds)

    return [name for name, value in vars(module).items() if is_one(value)]
