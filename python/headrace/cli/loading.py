"""Finding the machine or the system that APP names: `module:machine` or `file.py:machine`."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from headrace.compose import Pipeline
from headrace.errors import HeadraceError, UsageError
from headrace.machine import Machine
from headrace.system import System

from .places import raised_at


def load(application: str) -> Machine | Pipeline:
    """Import a module or a file and return the machine in it; runs the code in there.

    The working folder, or that of the file, is put in front of the places that modules are imported
    from. A Machine class is made into a machine without arguments. Raises UsageError for what is
    not there, is no machine, or fails while it is imported (with the place in the user's file).
    """
    return _machine(_find(application, "machine"), application)


def load_system(application: str) -> System:
    """The system that a module or a file holds, or that a function in it makes, as `load` does."""
    found = _find(application, "system")
    if inspect.isfunction(found):
        try:
            found = found()
        except Exception as error:
            raise UsageError(f"{application} cannot be called: {explain(error)}") from error
    if not isinstance(found, System):
        raise UsageError(
            f"{application} is of type {type(found).__name__}, no system; make one with "
            "headrace.System(nodes={...})"
        )
    return found


def _find(application: str, thing: str) -> Any:
    where, colon, name = application.rpartition(":")
    if not colon or not where or not name:
        raise UsageError(
            f"{application!r} names no {thing}: give module:{thing} or file.py:{thing}"
            + _suggestion(application, thing)
        )
    is_file = where.endswith(".py") or os.sep in where
    module = _import_file(where, thing) if is_file else _import_module(where)
    return _lookup(module, where, name, thing)


def _suggestion(application: str, thing: str) -> str:
    """Where only the machine's name is missing, those that there are."""
    file = application.removesuffix(":").removesuffix(".py") + ".py"
    if not Path(file).is_file():
        return ""
    names = _things_in(_import_file(file, thing), thing)
    return f"; in {file} there is {', '.join(names)}" if names else ""


def _import_file(file: str, thing: str = "machine") -> ModuleType:
    path = Path(file).resolve()
    if not path.is_file():
        raise UsageError(f"{file}: no such file, so there is no {thing} in it")
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


def _lookup(module: ModuleType, where: str, name: str, thing: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            things = _things_in(module, thing)
            near = difflib.get_close_matches(name, things, 1)
            told = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(things)}"
            hint = f"; {told}" if things else f"; there is no {thing} in it at all"
            raise UsageError(f"{where} has no {name!r}{hint}")
        found = getattr(found, part)
    return found


def _machine(found: Any, application: str) -> Machine | Pipeline:
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
    if not isinstance(found, Machine | Pipeline):
        what = "a function" if callable(found) else f"of type {type(found).__name__}"
        raise UsageError(
            f"{application} is {what}, no machine; decorate a step function with "
            "@headrace.machine(event=..., initial=...)"
        )
    return found


def _things_in(module: ModuleType, thing: str) -> list[str]:
    if thing == "system":
        return [name for name, value in vars(module).items() if isinstance(value, System)]

    def is_machine(value: Any) -> bool:
        is_class = isinstance(value, type) and issubclass(value, Machine) and value is not Machine
        return is_class or isinstance(value, Machine | Pipeline)

    return [name for name, value in vars(module).items() if is_machine(value)]
