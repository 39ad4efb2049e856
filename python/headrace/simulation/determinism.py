"""Finding what would make two runs of one seed differ, and the line of the user's source.

Before a run the code of every handler is read, and of the functions of the user's that it calls: a
global name that stands for a clock, for chance, for threads or for the outside is an error. During
a run the interpreter tells when a file is opened, a socket or a process is made, or a thread is
started. What neither sees, the order of a set of texts for instance, shows when a run is compared
with one in a process that hashes differently (`headrace simulate --twice`).
"""

from __future__ import annotations

import contextlib
import datetime
import dis
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
import types
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from headrace.errors import NotDeterministic
from headrace.system.system import System

_CLOCK = "take now_ns, the node's own clock, as a parameter of the handler"
_CHANCE = "take chance, a float of at least 0 and below 1, as a parameter of the handler"
_STATE = "what a node remembers is its state, which the handler returns"
_OUTSIDE = "what comes from outside comes as an input, and what goes there is an effect"

# What no handler may use, by identity, and what to use instead.
_FORBIDDEN: list[tuple[Any, str, str]] = [
    *(
        (getattr(time, name), f"time.{name}", _CLOCK)
        for name in (
            "time",
            "time_ns",
            "monotonic",
            "monotonic_ns",
            "perf_counter",
            "perf_counter_ns",
            "process_time",
            "sleep",
            "localtime",
            "gmtime",
        )
    ),
    (datetime.datetime.now, "datetime.now", _CLOCK),
    (datetime.datetime.utcnow, "datetime.utcnow", _CLOCK),
    (datetime.date.today, "date.today", _CLOCK),
    *(
        (value, f"random.{name}", _CHANCE)
        for name, value in vars(random).items()
        if isinstance(getattr(value, "__self__", None), random.Random)
    ),
    (random.SystemRandom, "random.SystemRandom", _CHANCE),
    (os.urandom, "os.urandom", _CHANCE),
    (os.getpid, "os.getpid", _OUTSIDE),
    (os.environ, "os.environ", _OUTSIDE),
    (uuid.uuid1, "uuid.uuid1", _CHANCE),
    (uuid.uuid4, "uuid.uuid4", _CHANCE),
    *((getattr(secrets, name), f"secrets.{name}", _CHANCE) for name in secrets.__all__),
    (open, "open", _OUTSIDE),
    (input, "input", _OUTSIDE),
    (id, "id", "an address is another one in each process"),
    (threading.Thread, "threading.Thread", "a step is of one thread"),
    (socket.socket, "socket.socket", _OUTSIDE),
    (subprocess.run, "subprocess.run", _OUTSIDE),
    (subprocess.Popen, "subprocess.Popen", _OUTSIDE),
]
# What the interpreter tells of (sys.audit), by the beginning of its name.
_AUDITED = ("open", "socket.", "subprocess.", "os.", "_thread.start_new_thread")
_FUNCTIONS_MAX = 10_000  # that are read for one system


def check_system(system: System) -> None:
    """Read the code of every handler. Raises NotDeterministic, which names file and line."""
    seen: set[types.CodeType] = set()
    nodes = {**system.nodes, **system.clients}
    for name, node in nodes.items():
        for table in node.table.by_mode.values():
            for handler in table.values():
                for place, what, instead in _forbidden_in(handler.function, seen):
                    raise NotDeterministic(
                        f"{place}: {what} in the steps of node {name!r}; a step depends on nothing "
                        f"but its state and its input: {instead}"
                    )


def _forbidden_in(
    function: Callable[..., Any], seen: set[types.CodeType]
) -> Iterator[tuple[str, str, str]]:
    """Where a function, or one of the user's that it calls, uses what it must not."""
    waiting: list[Any] = [function]
    while waiting and len(seen) < _FUNCTIONS_MAX:
        method = waiting.pop()
        owner = getattr(method, "__self__", None)
        plain = getattr(method, "__func__", method)
        code = getattr(plain, "__code__", None)
        if code is None or code in seen or _is_library(code.co_filename):
            continue
        seen.add(code)
        if owner is not None:
            for line in _kept_on_self(code):
                yield f"{code.co_filename}:{line}", "an attribute of self is set", _STATE
        cells = _cells(plain)
        for line, value in _used_by(code, {**plain.__globals__, **cells}, owner):
            for forbidden, what, instead in _FORBIDDEN:
                if value is forbidden or (callable(value) and value == forbidden):
                    yield f"{code.co_filename}:{line}", what, instead
            if isinstance(value, types.FunctionType | types.MethodType):
                waiting.append(value)


def _cells(function: Any) -> dict[str, Any]:
    """What a function sees of the functions around it."""
    cells = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # not set yet
            cells[name] = cell.cell_contents
    return cells


def _used_by(
    code: types.CodeType, names: dict[str, Any], owner: Any
) -> Iterator[tuple[int, Any]]:
    """What a function's code refers to by a name from outside, or as an attribute of such a one."""
    value: Any = None
    imported: dict[str, Any] = {}  # by the name of the local variable
    line = code.co_firstlineno
    for instruction in dis.get_instructions(code):
        if instruction.starts_line:
            line = _line(instruction, line)
        operation, name = instruction.opname, instruction.argval
        if operation == "IMPORT_NAME":
            value = module = sys.modules.get(name)
        elif operation == "IMPORT_FROM":
            value = getattr(module, name, None)
        elif operation == "STORE_FAST" and value is not None:
            imported[name] = value
            value = None
        elif operation.startswith("LOAD_FAST") and _last(name) in imported:
            value = imported[_last(name)]
        elif operation in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"):
            value = names.get(name, _builtin(names, name))
        elif operation in ("LOAD_ATTR", "LOAD_METHOD") and value is not None:
            value = getattr(value, name, None) if isinstance(name, str) else None
        elif operation == "LOAD_FAST" and name == "self" and owner is not None:
            value = owner
            continue
        else:
            value = None
        if value is not None and value is not owner:
            yield line, value
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _used_by(constant, names, owner)


def _last(names: Any) -> Any:
    """The last local variable that an instruction loads; CPython 3.13 loads two at once."""
    return names[-1] if isinstance(names, tuple) else names


def _kept_on_self(code: types.CodeType) -> Iterator[int]:
    """The lines in which a method sets an attribute of its own object."""
    if not code.co_varnames or not code.co_argcount:
        return
    line, loaded = code.co_firstlineno, None
    for instruction in dis.get_instructions(code):
        if instruction.starts_line:
            line = _line(instruction, line)
        if instruction.opname in ("STORE_ATTR", "DELETE_ATTR") and loaded == code.co_varnames[0]:
            yield line
        is_load = instruction.opname.startswith("LOAD_FAST")
        loaded = _last(instruction.argval) if is_load else None


def _line(instruction: dis.Instruction, otherwise: int) -> int:
    """The line an instruction is of; CPython 3.13 says it in another attribute."""
    number = getattr(instruction, "line_number", None)
    if number is None and not isinstance(instruction.starts_line, bool):
        number = instruction.starts_line
    return otherwise if number is None else int(number)


def _builtin(names: dict[str, Any], name: str) -> Any:
    builtins = names.get("__builtins__", {})
    found = builtins if isinstance(builtins, dict) else vars(builtins)
    return found.get(name)


def _is_library(file: str) -> bool:
    """Whether a file is of Python itself, or of an installed package, and not the user's."""
    return (
        file.startswith(("<", _STANDARD))
        or f"{os.sep}site-packages{os.sep}" in file
        or file.startswith(_OURS)
    )


_STANDARD = os.path.dirname(os.__file__) + os.sep
_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep


class Guard:
    """While it is on, what reaches outside from this thread raises NotDeterministic."""

    _on: int | None = None  # the thread of the run; one at a time in a process is watched
    _is_hooked = False

    def __enter__(self) -> None:
        if not Guard._is_hooked:
            sys.addaudithook(_audit)
            Guard._is_hooked = True
        self._before, Guard._on = Guard._on, threading.get_ident()

    def __exit__(self, *_: object) -> None:
        Guard._on = self._before


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if Guard._on is None or not event.startswith(_AUDITED) or threading.get_ident() != Guard._on:
        return
    frame: types.FrameType | None = sys._getframe(1)
    place = None
    while frame is not None:
        file = frame.f_code.co_filename
        if "importlib" in file or file.startswith(os.path.join(_STANDARD, "linecache")):
            return  # code is loaded, or a traceback is written: that is no input of a step
        if place is None and not _is_library(file):
            place = f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    if place is not None:
        raise NotDeterministic(
            f"{place}: {event} {arguments[0] if arguments else ''} in a step; {_OUTSIDE}"
        )
