"""The rules of test_tidy.py: each takes a file's path and text and returns what it complains about.

Rules look at text and syntax trees only; what needs the imported package is in test_tidy.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

Rule = Callable[[PurePosixPath, str], list[str]]

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
CODE = {".py", ".pyx", ".pxd"}

# Who may know whom: a room may import the rooms before it in this list. Everything is in a room.
ROOMS = (
    "ringbuffer",
    "engine",
    "errors",
    "ports",
    "_include",
    "wait",
    "events",
    "keys",
    "state",
    "native",
    "machine",
    "compose",
    "elastic",
    "protocol",
    "reference",
    "journal",
    "replay",
    "supervision",
    "metrics",
    "runtime",
    "tabular",
    "checking",
    "system",
    "simulation",
    "live",
    "exploring",
    "cluster",
    "debugger",
    "testing",
    "cli",
)
# Rooms that know of no clock, chance, operating system, thread or network.
PURE_ROOMS = {
    "events",
    "keys",
    "state",
    "native",
    "machine",
    "compose",
    "elastic",
    "protocol",
    "reference",
}
IMPURE_MODULES = {
    "time",
    "datetime",
    "random",
    "secrets",
    "uuid",
    "os",
    "io",
    "shutil",
    "tempfile",
    "pathlib",
    "signal",
    "mmap",
    "fcntl",
    "threading",
    "_thread",
    "multiprocessing",
    "concurrent",
    "asyncio",
    "subprocess",
    "sched",
    "socket",
    "ssl",
    "select",
    "selectors",
    "http",
    "urllib",
    "numpy.random",
}
# The reference model stands on its own: of the compiled rooms it knows the errors only.
REFERENCE_MAY_NOT = ("headrace.engine", "headrace.ringbuffer")


def is_code(path: PurePosixPath) -> bool:
    return path.suffix in CODE


def is_installed(path: PurePosixPath) -> bool:
    """Whether it is part of the package, and not of what surrounds it."""
    return path.parts[0] in ("src", "python")


def module_of(path: PurePosixPath) -> str | None:
    """The import name of a file of the package; None for other files."""
    parts = list(path.with_suffix("").parts)
    if parts[:2] == ["python", "headrace"] and "include" not in parts:
        parts = parts[1:]
    elif parts[0] == "src":
        parts[0] = "headrace"
    else:
        return None
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str | None:
    """The room of `headrace.room.more`; None for `headrace` itself and for others' modules."""
    parts = module.split(".")
    return parts[1] if parts[0] == "headrace" and len(parts) > 1 else None


# -- sizes ---------------------------------------------------------------------------------------


def file_length(path: PurePosixPath, text: str) -> list[str]:
    lines = text.count("\n")
    return [f"{lines} lines; at most {FILE_LINES_MAX}"] if lines > FILE_LINES_MAX else []


def function_length(path: PurePosixPath, text: str) -> list[str]:
    functions = python_functions(text) if path.suffix == ".py" else cython_functions(text)
    return [
        f"line {first}: {name} has {length} lines; at most {FUNCTION_LINES_MAX}"
        for name, first, body in functions
        if (length := body.count("\n") + 1) > FUNCTION_LINES_MAX
    ]


def python_functions(text: str) -> Iterator[tuple[str, int, str]]:
    """Name, first line and source of each function."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.lineno, "\n".join(lines[node.lineno - 1 : node.end_lineno])


CYTHON_FUNCTION = re.compile(
    r"^(\s*)(?:async def|def|cpdef|cdef)\b"
    r"(?! +(?:class|extern|struct|union|enum)\b)[^=#]*?(\w+)\s*\("
)


def cython_functions(text: str) -> Iterator[tuple[str, int, str]]:
    """The same for Cython, by indentation. A declaration without a body is one line long."""
    lines = text.splitlines()
    for index, line in enumerate(lines):
        start = CYTHON_FUNCTION.match(line)
        if not start:
            continue
        end = index
        for later in range(index + 1, len(lines)):
            stripped = lines[later].strip()
            indent = len(lines[later]) - len(lines[later].lstrip())
            closes_head = stripped.startswith(")")
            if stripped and indent <= len(start[1]) and not closes_head:
                break
            end = later if stripped else end
        yield start[2], index + 1, "\n".join(lines[index : end + 1])


# -- who may know whom ---------------------------------------------------------------------------


def imports(path: PurePosixPath, text: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything a file imports or cimports; `a.b` for `from a import b`."""
    if path.suffix == ".py":
        yield from python_imports(path, text)
        return
    flat = re.sub(r"\(([^()]*)\)", lambda m: m[0].replace("\n", " "), text)
    for found in re.finditer(r"^[ \t]*from[ \t]+([\w.]+)[ \t]+c?import[ \t]+(.+)$", flat, re.M):
        line = flat.count("\n", 0, found.start()) + 1
        for name in re.split(r"[\s,()]+", found[2].split("#")[0]):
            if name:
                yield line, f"{found[1]}.{name}"
    for found in re.finditer(r"^[ \t]*c?import[ \t]+([\w., ]+)", flat, re.M):
        line = flat.count("\n", 0, found.start()) + 1
        for name in found[1].split(","):
            yield line, name.split(" as ")[0].strip()


def python_imports(path: PurePosixPath, text: str) -> Iterator[tuple[int, str]]:
    package = (module_of(path) or "").split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = [node.module] if node.module else []
            if node.level:
                base = [*package[: len(package) - node.level + 1], *base]
            for alias in node.names:
                yield node.lineno, ".".join([*base, alias.name])


def import_direction(path: PurePosixPath, text: str) -> list[str]:
    module = module_of(path)
    if module in (None, "headrace", "headrace.__main__"):
        return []  # `headrace` re-exports from every room
    room = room_of(module)
    if room not in ROOMS:
        return [f"room {room!r} has no place yet in ROOMS of tests/tidy_rules.py"]
    before = ROOMS[: ROOMS.index(room) + 1]
    complaints = []
    for line, name in imports(path, text):
        parts = name.split(".")
        if parts[0] != "headrace":
            continue
        if len(parts) == 1 or parts[1] not in ROOMS:
            complaints.append(f"line {line}: imports {name}: name the room it comes from")
        elif parts[1] not in before:
            complaints.append(f"line {line}: {room} may not know {parts[1]} ({name})")
    return complaints


def purity(path: PurePosixPath, text: str) -> list[str]:
    room = room_of(module_of(path) or "")
    if room not in PURE_ROOMS:
        return []
    complaints = []
    for line, name in imports(path, text):
        roots = {name.split(".")[0], ".".join(name.split(".")[:2])}
        if roots & IMPURE_MODULES:
            complaints.append(f"line {line}: {room} may not know {name}")
        if (
            room == "reference"
            and name.startswith(REFERENCE_MAY_NOT)
            and not name.startswith("headrace.ringbuffer.errors")
        ):
            complaints.append(f"line {line}: the reference model may not know {name}")
    if re.search(r"\b(?:np|numpy)\.random\b", text):
        complaints.append(f"{room} may not know numpy.random")
    return complaints


# -- what may stand where ------------------------------------------------------------------------


def memory_order(path: PurePosixPath, text: str) -> list[str]:
    if not is_installed(path) or path == PurePosixPath("src/ringbuffer/atomics.pxd"):
        return []
    return [
        f"line {number}: a memory order outside src/ringbuffer/atomics.pxd"
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(r"__ATOMIC_|__atomic_|__sync_|memory_order_|std::atomic", line)
    ]


def swallowed_assert(path: PurePosixPath, text: str) -> list[str]:
    """An `assert` in a `noexcept` function does nothing but print."""
    if path.suffix == ".py":
        return []
    complaints = []
    for name, first, body in cython_functions(text):
        head, *rest = body.split("\n")
        while rest and not head.rstrip().endswith(":"):
            head += rest.pop(0)
        if "noexcept" in head and any(re.match(r"\s*assert\b", line) for line in rest):
            complaints.append(f"line {first}: {name} is noexcept and asserts")
    return complaints


def unpickling(path: PurePosixPath, text: str) -> list[str]:
    if path.parts[0] == "tests":
        return []
    pattern = (
        r"\b(?:c?loud)?pickle\.(?:loads?|Unpickler)\b|\bmarshal\.loads?\b|\bimport shelve\b"
        r"|\bfrom (?:cloud)?pickle import\b|\bdill\b|allow_pickle\s*=\s*True"
    )
    return [
        f"line {number}: nothing is ever unpickled"
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]


# In pieces, so that this file does not complain about itself.
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
MACHINE = re.compile(
    "|".join(
        [
            r"(?<![\w.~-])/(?:ro" + r"ot|ho" + r"me|wo" + r"rk|Us" + r"ers)/",
            "py" + r"pi\.org|python" + r"hosted\.org|registry\.npm" + r"js|deb\.deb" + r"ian\.org",
            r"\b(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2,3}:\d+",
        ]
    )
)


def unfinished(path: PurePosixPath, text: str) -> list[str]:
    return _each_line(UNFINISHED, text, "an issue says it better")


def machine_trace(path: PurePosixPath, text: str) -> list[str]:
    return _each_line(MACHINE, text, "names a place of one machine or network")


def _each_line(pattern: re.Pattern[str], text: str, why: str) -> list[str]:
    return [
        f"line {number}: {found[0]!r}: {why}"
        for number, line in enumerate(text.splitlines(), 1)
        if (found := pattern.search(line))
    ]


def module_docstring(path: PurePosixPath, text: str) -> list[str]:
    if not text.strip() or path.name == "conftest.py":
        return []
    return [] if re.match(r'\s*(?:#.*\n|\s)*r?"""\S', text) else ["no docstring says its concern"]


def skip_reason(path: PurePosixPath, text: str) -> list[str]:
    """A test that is skipped or expected to fail says why."""
    if path.parts[0] != "tests" or path.suffix != ".py":
        return []
    complaints: list[str] = []
    if "skip" not in text and "xfail" not in text:
        return complaints
    tree = ast.parse(text)
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Attribute) and node.attr in ("skip", "skipif", "xfail")):
            continue
        owner = ast.unparse(node.value)
        call = calls.get(id(node))
        reasons = {keyword.arg for keyword in call.keywords} if call else set()
        positional = bool(call and call.args and node.attr != "skipif")
        if owner in ("pytest", "pytest.mark") and "reason" not in reasons and not positional:
            complaints.append(f"line {node.lineno}: {owner}.{node.attr} without a reason")
    return complaints


CODE_RULES: tuple[Rule, ...] = (
    file_length,
    function_length,
    import_direction,
    purity,
    swallowed_assert,
    unpickling,
    module_docstring,
    skip_reason,
)
TEXT_RULES: tuple[Rule, ...] = (memory_order, unfinished, machine_trace)
