"""What a machine can check about this repository's own text, it checks here.

The rules are in tidy_rules.py. Each is shown to complain about a bad example, and to let a good one
pass, before it is believed about the repository.
"""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import types
from pathlib import Path, PurePosixPath

import pytest
import tidy_rules as rules

ROOT = Path(__file__).resolve().parents[1]
LONG_FUNCTION = "f(x):\n" + "    x += 1\n" * 80


def tracked_files() -> list[PurePosixPath]:
    """All files of the repository, also those not added yet; of an sdist, all there are."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.split("\0")
    else:
        names = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*")]
        names = [n for n in names if not n.startswith((".", "build/", "dist/"))]
    return [PurePosixPath(name) for name in sorted(set(names)) if (ROOT / name).is_file()]


def texts() -> dict[PurePosixPath, str]:
    """The files that are text, by path from the root."""
    found = {}
    for path in tracked_files():
        content = (ROOT / path).read_bytes()
        if b"\0" not in content[:8192]:
            found[path] = content.decode(errors="replace")
    return found


TEXTS = texts()


@pytest.mark.parametrize("rule", [*rules.CODE_RULES, *rules.TEXT_RULES], ids=lambda r: r.__name__)
def test_repository(rule: rules.Rule) -> None:
    complaints = [
        f"{path}: {complaint}"
        for path, text in TEXTS.items()
        if rule in rules.TEXT_RULES or rules.is_code(path)
        for complaint in rule(path, text)
    ]
    assert not complaints, "\n" + "\n".join(complaints)


def test_files_are_seen() -> None:
    seen = {path.as_posix() for path in TEXTS}
    assert {"setup.py", "src/ringbuffer/atomics.pxd", "python/headrace/__init__.py"} <= seen


BAD = [
    (rules.file_length, "bench/a.py", "x = 1\n" * 401),
    (rules.function_length, "bench/a.py", "def " + LONG_FUNCTION),
    (rules.function_length, "bench/a.py", "class A:\n  async def " + LONG_FUNCTION),
    (rules.function_length, "src/engine/a.pyx", "cdef int " + LONG_FUNCTION),
    (
        rules.function_length,
        "src/engine/a.pyx",
        "cdef class A:\n  cdef inline int " + LONG_FUNCTION,
    ),
    (rules.import_direction, "src/ringbuffer/a.pyx", "from headrace.engine.b cimport c\n"),
    (rules.import_direction, "src/ringbuffer/a.pyx", "cimport headrace.engine.b as c\n"),
    (rules.import_direction, "src/ringbuffer/a.py", "from headrace.errors import X\n"),
    (rules.import_direction, "src/engine/a.pyx", "from headrace.machine import Machine\n"),
    (rules.import_direction, "src/engine/a.pyx", "def f():\n    import headrace.runtime\n"),
    (rules.import_direction, "python/headrace/events.py", "from headrace import runtime\n"),
    (rules.import_direction, "python/headrace/events.py", "from . import runtime\n"),
    (rules.import_direction, "python/headrace/events.py", "from .machine import Machine\n"),
    (rules.import_direction, "python/headrace/reference/ring.py", "from ..runtime import E\n"),
    (rules.import_direction, "python/headrace/runtime.py", "import headrace.cli.main\n"),
    (rules.import_direction, "python/headrace/cli/run.py", "import headrace as hr\n"),
    (rules.import_direction, "python/headrace/unheard_of.py", "x = 1\n"),
    (rules.purity, "python/headrace/machine.py", "def f():\n    import time\n"),
    (rules.purity, "python/headrace/compose/topology.py", "from os import path\n"),
    (rules.purity, "python/headrace/reference/ring.py", "import threading\n"),
    (rules.purity, "python/headrace/reference/ring.py", "from headrace.ringbuffer import Ring\n"),
    (rules.purity, "python/headrace/events.py", "x = np.random.default_rng()\n"),
    (rules.purity, "python/headrace/events.py", "from numpy import random\n"),
    (rules.memory_order, "src/ringbuffer/ring.pyx", "__atomic_load_n(p, __ATOMIC_RELAXED)\n"),
    (rules.memory_order, "python/headrace/include/headrace/step.h", "memory_order_relaxed\n"),
    (rules.swallowed_assert, "src/engine/a.pyx", "cdef int f(\n  int x\n) noexcept:\n  assert x\n"),
    (rules.unpickling, "python/headrace/events.py", "x = pickle.loads(data)\n"),
    (rules.unpickling, "examples/flights.py", "np.load(file, allow_pickle=True)\n"),
    (rules.unfinished, "docs/a.md", "x  # TO" + "DO: y\n"),
    (rules.machine_trace, "docs/a.md", "see /ho" + "me/somebody/x\n"),
    (rules.machine_trace, "Makefile", "pip install -i https://py" + "pi.org/simple x\n"),
    (rules.machine_trace, "bench/a.py", "connect('192.168." + "1.7:80')\n"),
    (rules.module_docstring, "bench/a.py", "import x\n"),
    (rules.module_docstring, "src/engine/a.pxd", "# a comment\ncimport x\n"),
    (rules.skip_reason, "tests/a.py", "@pytest.mark.skip\ndef test_a(): pass\n"),
    (rules.skip_reason, "tests/a.py", "@pytest.mark.skipif(x)\ndef test_a(): pass\n"),
    (rules.skip_reason, "tests/a.py", "pytest.skip()\n"),
]
GOOD = [
    (rules.file_length, "bench/a.py", "x = 1\n" * 400),
    (rules.function_length, "src/engine/a.pyx", "cdef int f(int x):\n    pass\n" * 60),
    (rules.function_length, "src/engine/a.pxd", "cdef class A:\n" + "    cdef int f(self)\n" * 90),
    (rules.function_length, "src/engine/a.pyx", "cdef class A(B):\n" + "    x = 1\n" * 90),
    (rules.import_direction, "src/engine/a.pyx", "from headrace.ringbuffer.b cimport c\n"),
    (rules.import_direction, "python/headrace/machine.py", "from .events import record_dtype\n"),
    (rules.import_direction, "python/headrace/cli/run.py", "from headrace.runtime import Engine\n"),
    (rules.import_direction, "examples/flights.py", "import headrace as hr\n"),
    (rules.purity, "python/headrace/runtime.py", "import threading, time\n"),
    (rules.purity, "python/headrace/reference/a.py", "from headrace.ringbuffer.errors import X\n"),
    (rules.memory_order, "src/ringbuffer/atomics.pxd", "__ATOMIC_RELAXED\n"),
    (rules.memory_order, "bench/ring.c", "__ATOMIC_RELAXED\n"),
    (rules.swallowed_assert, "src/engine/a.pyx", "cdef int f(int x) except -1:\n  assert x\n"),
    (rules.unpickling, "python/headrace/events.py", "np.load(file, allow_pickle=False)\n"),
    (rules.machine_trace, "docs/a.md", "see docs/work/x and src/home/y\n"),
    (rules.module_docstring, "src/engine/__init__.pxd", ""),
    (rules.skip_reason, "tests/a.py", "pytest.skip('no Java here')\n"),
]


def _name(value: object) -> str:
    return value.__name__ if callable(value) else ""


@pytest.mark.parametrize(("rule", "path", "text"), BAD, ids=_name)
def test_rule_complains(rule: rules.Rule, path: str, text: str) -> None:
    assert rule(PurePosixPath(path), text)


@pytest.mark.parametrize(("rule", "path", "text"), GOOD, ids=_name)
def test_rule_lets_pass(rule: rules.Rule, path: str, text: str) -> None:
    assert rule(PurePosixPath(path), text) == []


def test_every_rule_has_a_bad_example() -> None:
    assert {rule for rule, _, _ in BAD} == {*rules.CODE_RULES, *rules.TEXT_RULES}


# -- files that belong together ------------------------------------------------------------------


def without_stub(paths: list[PurePosixPath]) -> list[str]:
    sources = [path for path in paths if path.suffix == ".pyx"]
    return [f"{path}: no .pyi" for path in sources if path.with_suffix(".pyi") not in paths]


def same_test_names(paths: list[PurePosixPath]) -> list[str]:
    """Test files are imported by their base name, so it has to be the only one of that name."""
    tests = [p for p in paths if p.parts[0] == "tests" and p.suffix == ".py"]
    names = [p.name for p in tests if p.name != "conftest.py" and p.name != "__init__.py"]
    return [f"{name}: twice under tests/" for name in sorted(set(names)) if names.count(name) > 1]


def test_stubs() -> None:
    assert without_stub([PurePosixPath("src/a.pyx")])
    assert not without_stub(sorted(path for path in TEXTS if rules.is_installed(path)))


def test_test_names() -> None:
    assert same_test_names([PurePosixPath("tests/a/test_x.py"), PurePosixPath("tests/b/test_x.py")])
    assert not same_test_names(list(TEXTS))


# -- what is exported ----------------------------------------------------------------------------


def export_complaints(module: types.ModuleType) -> list[str]:
    """What is wrong with a module's `__all__`, and with what it names."""
    name = module.__name__
    listed = getattr(module, "__all__", None)
    if listed is None:
        return [f"{name}: no __all__"]
    complaints = [] if list(listed) == sorted(set(listed)) else [f"{name}.__all__: not sorted"]
    for public in listed:
        if not hasattr(module, public):
            complaints.append(f"{name}.{public}: does not exist")
        else:
            complaints += docstring_complaints(f"{name}.{public}", getattr(module, public))
    for public, value in vars(module).items():
        own = isinstance(value, types.ModuleType) and value.__name__ == f"{name}.{public}"
        future = public == "annotations"
        if not public.startswith("_") and public not in listed and not own and not future:
            complaints.append(f"{name}.{public}: public by accident; list it, or write _{public}")
    return complaints


def docstring_complaints(name: str, value: object) -> list[str]:
    """Public classes, functions, methods and properties without a docstring of their own."""
    if not (callable(value) or isinstance(value, types.ModuleType)):
        return []
    complaints = [] if inspect.getdoc(value) else [f"{name}: no docstring"]
    if isinstance(value, type):
        for attribute, member in vars(value).items():
            documented = callable(member) or inspect.isdatadescriptor(member)
            if attribute.startswith("_") or not documented or isinstance(member, type):
                continue
            # Attributes of extension types and slots can't have one: the class tells of them.
            told = re.search(rf"\b{attribute}\b", inspect.getdoc(value) or "")
            if isinstance(member, types.GetSetDescriptorType | types.MemberDescriptorType) and told:
                continue
            if not inspect.getdoc(getattr(value, attribute)):
                complaints.append(f"{name}.{attribute}: no docstring")
    return complaints


@pytest.mark.parametrize("name", ["headrace", "headrace.ringbuffer", "headrace.reference"])
def test_exports(name: str) -> None:
    complaints = export_complaints(importlib.import_module(name))
    assert not complaints, "\n" + "\n".join(complaints)


def test_export_complaints() -> None:
    module = types.ModuleType("made_up")
    assert export_complaints(module) == ["made_up: no __all__"]

    class Bare:
        """Documented, with its slot, but its method is not, nor the other one."""

        __slots__ = ("others", "slot")

        def method(self) -> None: ...

    def bare() -> None: ...

    vars(module).update(__all__=["gone", "bare", "Bare"], Bare=Bare, bare=bare, stray=1)
    assert export_complaints(module) == [
        "made_up.__all__: not sorted",
        "made_up.gone: does not exist",
        "made_up.bare: no docstring",
        "made_up.Bare.method: no docstring",
        "made_up.Bare.others: no docstring",
        "made_up.stray: public by accident; list it, or write _stray",
    ]
