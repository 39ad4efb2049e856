"""Planted bugs of the library: what a table entry is, and how the sources are changed.

A table reads like a diff. Its texts must stand in the sources exactly once: a table that has gone
stale is an error, and not a bug that nothing catches.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest
import tidy_rules

ROOT = Path(__file__).resolve().parents[2]
RING = "src/ringbuffer/"
ENGINE = "src/engine/"
PYTHON = "python/headrace/"


@dataclass(frozen=True)
class Planted:
    """Replace `old` by `new` in `file`; the tests `caught_by` (one node id or more) find out."""

    name: str
    why: str
    file: str
    old: str
    new: str
    caught_by: str
    atomics: str = ""  # what the new text needs from atomics.pxd, beyond what the file has

    @property
    def tests(self) -> list[str]:
        """The node ids of the tests, from the root."""
        return [f"tests/{test}" for test in self.caught_by.split()]

    def apply_to(self, text: str) -> str:
        """The changed source; ValueError if the old text doesn't stand there once."""
        count = text.count(self.old)
        if count != 1:
            raise ValueError(
                f"{self.name!r}: its text stands {count} times, not once, in {self.file}; bring "
                "the table up to date"
            )
        text = text.replace(self.old, self.new)
        if self.atomics:
            first = "from headrace.ringbuffer.atomics cimport "
            text = text.replace(first, f"{first}{self.atomics}\n{first}", 1)
        return text


def by_name(bugs: list[Planted]) -> pytest.MarkDecorator:
    """A test for each bug."""
    return pytest.mark.parametrize("bug", bugs, ids=lambda bug: bug.name)


def plant(bug: Planted, tree: Path) -> list[str]:
    """Change a copy of the tree; the .pyx files in it that have to be built anew.

    A changed .pxd keeps its time of change, and only those that use what is changed get a new one:
    else everything that could see it would be built again.
    """
    path = tree / bug.file
    before = path.stat()
    text = path.read_text()
    path.write_text(bug.apply_to(text))
    if not bug.file.endswith(".pxd"):
        return [bug.file] if bug.file.endswith(".pyx") else []
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    affected = users(tree, bug.file, text, bug.old)
    for name in affected:
        (tree / name).touch()
    return affected


def users(tree: Path, file: str, text: str, old: str) -> list[str]:
    """The .pyx files that call a changed inline function, be it through others; else all."""
    sources = {
        PurePosixPath(path.relative_to(tree).as_posix()): path.read_text()
        for path in sorted(tree.glob("src/*/*.p[yx][xd]"))
    }
    line = text[: text.index(old) + 1].count("\n") + 1
    changed = {
        (tidy_rules.module_of(PurePosixPath(file)), name)
        for name, first, body in tidy_rules.cython_functions(text)
        if first <= line <= first + body.count("\n")
    }
    compiled = [path for path in sources if path.suffix == ".pyx"]
    if not changed:
        return [path.as_posix() for path in compiled]
    seen = {path: _seen_from(path, content) for path, content in sources.items()}
    functions = {
        (tidy_rules.module_of(path), name): (path, _code(body))
        for path, content in sources.items()
        for name, _, body in tidy_rules.cython_functions(content)
        if path.suffix == ".pxd"
    }
    more = changed
    while more:
        changed = changed | more
        more = {
            function for function, (path, body) in functions.items()
            if function not in changed and _uses(body, seen[path], changed)
        }  # fmt: skip
    code = {path: _code(sources[path]) for path in compiled}
    return [path.as_posix() for path in compiled if _uses(code[path], seen[path], changed)]


def _code(text: str) -> str:
    """Without comments and docstrings, which mention what they don't call."""
    return re.sub(r'"""[\s\S]*?"""|#.*', "", text)


def _seen_from(path: PurePosixPath, text: str) -> set[str]:
    """What a file cimports, by full name; all of its own module, and of those of its classes."""
    names = {name for _, name in tidy_rules.imports(path, text)}
    classes = {name.rpartition(".")[0] for name in names if re.search(r"\.[A-Z]\w*$", name)}
    return names | {f"{module}.*" for module in [*classes, tidy_rules.module_of(path)]}


def _uses(text: str, seen: set[str], functions: set[tuple[str | None, str]]) -> bool:
    return any(
        seen & {f"{module}.{name}", f"{module}.*"} and re.search(rf"\b{name}\b", text)
        for module, name in functions
    )


def missing_tests(bugs: list[Planted]) -> list[str]:
    """Tests that the tables name and that are not there (any more), as text goes."""
    missing = []
    for test in sorted({test for bug in bugs for test in bug.tests}):
        file, _, name = test.partition("::")
        path = ROOT / PurePosixPath(file)
        last = name.split("::")[0].split("[")[0]
        if not path.is_file() or not re.search(rf"\b(?:def {last}\(|{last} = )", path.read_text()):
            missing.append(test)
    return missing
