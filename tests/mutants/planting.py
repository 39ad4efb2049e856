"""Planted bugs of the compiled sources: what a table entry is, and how the sources are changed.

A table reads like a diff. Its texts must stand in the sources exactly once: a table that has gone
stale is an error, and not a bug that nothing catches.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import tidy_rules

ROOT = Path(__file__).resolve().parents[2]
RING = "src/ringbuffer/"
ENGINE = "src/engine/"


@dataclass(frozen=True)
class Planted:
    """Replace `old` by `new` in `file`; the tests `caught_by` (one node id or more) find out."""

    name: str
    why: str
    file: str
    old: str
    new: str
    caught_by: str

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
        return text.replace(self.old, self.new)


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
        path.relative_to(tree).as_posix(): path.read_text()
        for path in sorted(tree.glob("src/*/*.p[yx][xd]"))
    }
    functions = {
        name: body
        for source, content in sources.items()
        if source.endswith(".pxd")
        for name, _, body in tidy_rules.cython_functions(content)
        if body.count("\n")
    }
    line = text[: text.index(old) + 1].count("\n") + 1
    changed = {
        name
        for name, first, body in tidy_rules.cython_functions(text)
        if first <= line <= first + body.count("\n")
    }
    everything = [name for name in sources if name.endswith(".pyx")]
    if not changed:
        return everything
    while more := {n for n, body in functions.items() if _mentions(body, changed)} - changed:
        changed |= more
    return [name for name in everything if _mentions(sources[name], changed)]


def _mentions(text: str, names: set[str]) -> bool:
    return re.search(rf"\b(?:{'|'.join(sorted(names))})\b", text) is not None


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
