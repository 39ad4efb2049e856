"""What README.md and docs/ say is so: their code runs, their links lead somewhere."""

from __future__ import annotations

import os
import pkgutil
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutants.model_mutants import MUTANTS
from mutants.tables import BUILT, PLAIN, SANITIZED

import headrace as hr
from headrace.cli.commands import loaded

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
# A block that begins with a file's name in a comment is that file.
NAMED = re.compile(r"(?:# |/\* )(\w+\.(?:py|pyx|c))\b")
RING_NAME = re.compile(r"\bname=\"([\w-]+)\"")
# What stands in a comment behind a print, or in lines of comment behind it, is what it prints.
PRINTED = re.compile(r"^ *print\(.*\)(?:  +# .*$|(?:\n *# .*$)+)", re.M)
COMMENT = re.compile(r"(?:^|  ) *# (.*)$", re.M)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
TARGET = re.compile(r"\bmake ([a-z-]+)\b")
SECONDS_MAX = 60
# Elsewhere checked: the targets below, and installing by tests/packaging.
NOT_RUN = re.compile(r"(?:make|pip install|source) ")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[tuple[str, str]]:
    """Kind and text of each code block, with names of rings that no other test has."""
    text = page.read_text()
    found: list[tuple[str, str]] = BLOCK.findall(text)
    for name in set(RING_NAME.findall("".join(code for _, code in found))):
        own = f"test-{os.getpid()}-{name}"
        found = [(kind, re.sub(rf'"{name}(\.\w+)?"', rf'"{own}\1"', code)) for kind, code in found]
    return found


WITH_CODE = [page for page in PAGES if any(kind for kind, _ in blocks_of(page))]
# A page that compiles something goes with the tests that do.
COMPILING = {page for page in WITH_CODE if {"c", "cython"} & {kind for kind, _ in blocks_of(page)}}
RUNS = [
    pytest.param(page, id=name_of(page), marks=[pytest.mark.packaging] * (page in COMPILING))
    for page in WITH_CODE
]


def run(*command: str) -> None:
    """Run a command of this environment; what it prints is ours."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "CFLAGS": "-O0"}
    finished = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    print(finished.stdout)
    assert finished.returncode == 0, f"{command}: {finished.stdout}{finished.stderr}"


def run_block(kind: str, code: str, named: str, namespace: dict[str, Any], of: str) -> None:
    """Run one block; `named`: the file that it is, if any."""
    if named:
        Path(named).write_text(code)
    elif kind == "python":
        exec(compile(code, of, "exec"), namespace)
    elif kind == "sh":
        lines = "".join(line for line in code.splitlines(True) if not NOT_RUN.match(line))
        run("bash", "-euo", "pipefail", "-c", lines)
    elif kind == "c":  # a few declarations
        Path("part.c").write_text(f"#include <headrace/step.h>\n{code}")
        run("cc", "-fsyntax-only", "-Wall", "-Werror", "-I", hr.get_include(), "part.c")
    else:
        raise AssertionError(f"a block of kind {kind!r} that nothing runs")


@pytest.mark.parametrize("page", RUNS)
def test_code_runs(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """All blocks of a page, one after the other, in one namespace and one folder.

    A block that is a script is run as one, unless a shell block of the page does something with it.
    """
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    namespace: dict[str, Any] = {"__name__": "example"}
    blocks = [(kind, code) for kind, code in blocks_of(page) if kind]
    shell = "".join(code for kind, code in blocks if kind == "sh")
    for kind, code in blocks:
        named = NAMED.match(code)
        run_block(kind, code, named[1] if named else "", namespace, name_of(page))
        if named and kind == "python" and (named[1] not in shell or "__main__" in code):
            run(sys.executable, named[1])
    shown = capfd.readouterr().out
    printed = PRINTED.finditer("\n".join(code for kind, code in blocks if kind == "python"))
    for wanted in [each for match in printed for each in COMMENT.findall(match[0])]:
        assert wanted in shown
        shown = shown[shown.index(wanted) + len(wanted) :]


def test_readme_shows_what_it_promises() -> None:
    """A first ring in 10 lines, a first machine in 15, each right below its heading."""
    text = (ROOT / "README.md").read_text()
    for title, most in (("A first ring", 10), ("A first machine", 15)):
        section = text[text.index(f"## {title}") :]
        code = BLOCK.findall(section)[0][1]
        assert len([line for line in code.splitlines() if line.strip()]) <= most


def test_what_survives_what_is_told_alike_everywhere() -> None:
    tables = [
        [line for line in section.splitlines() if line.startswith("|")]
        for page in PAGES
        for section in page.read_text().split("\n\n")
        if section.startswith("| | `fsync` (default) | `os` | `none` |")
    ]
    assert len(tables) == 2  # in README.md and docs/journal.md
    assert tables[0] == tables[1]
    assert len(tables[0]) == 9


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    gone = [
        target
        for target in LINK.findall(page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not gone


def spans_of(page: Path) -> list[str]:
    """The pieces of code within the text of a page."""
    return re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", BLOCK.sub("", page.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_exist(page: Path) -> None:
    folders = r"(?:src|python|tests|docs|bench|examples)/"
    named = [span for span in spans_of(page) if re.fullmatch(rf"{folders}[\w./-]*", span)]
    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_names_exist(page: Path) -> None:
    """What is called hr.this or headrace.that is there, or can be cimported from there."""
    for span in spans_of(page):
        if cimported := re.search(r"headrace\.([\w.]+)\s+cimport", span):
            module = Path(hr.get_include(), "headrace", *cimported[1].split("."))
            assert module.with_suffix(".pxd").exists()
            continue
        for dotted in re.findall(r"\b(?:hr|headrace)((?:\.[A-Za-z_]+)+)\b(?!/)", span):
            if not dotted.isupper():  # headrace.NAME is a file
                pkgutil.resolve_name(f"headrace{dotted}")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_exist(page: Path) -> None:
    for span in spans_of(page):
        called = re.match(r"headrace\s+([\w-]+)", span)
        if called:
            known = {name for each in loaded(called[1]).params for name in each.opts}
            assert set(re.findall(r"--[a-z-]+", span)) <= {*known, "--help"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    code = "".join(re.findall(r"`[^`]*`|```.*?```", page.read_text(), re.S))
    assert set(TARGET.findall(code)) <= targets


def test_as_many_bugs_are_planted_as_are_told_of() -> None:
    count = len([*MUTANTS, *BUILT, *PLAIN, *SANITIZED])
    for page in (ROOT / "README.md", ROOT / "docs/testing.md"):
        told = re.search(r"[Mm]ore than (\d+)", page.read_text())
        assert told
        assert int(told[1]) < count


def test_benchmark_table_is_what_was_measured() -> None:
    """Between the markers stands nothing, or what `python -m bench --markdown` prints."""
    text = (ROOT / "README.md").read_text()
    table = text[text.index("<!-- benchmarks:begin -->") : text.index("<!-- benchmarks:end -->")]
    shown = table.partition("-->")[2].strip()
    command = [sys.executable, "-m", "bench", "--markdown"]
    measured = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown in ("", measured.stdout.strip())


def test_layout_is_the_one_described(ring_name: Callable[[], str]) -> None:
    """Where the page says that a field stands, there it is."""
    rows = re.findall(
        r"^\| (\d+) \|[^|]*\| ([^|]+) \|", (ROOT / "docs/memory-layout.md").read_text(), re.M
    )
    page = os.sysconf("SC_PAGE_SIZE")
    with hr.Ring.create("i8", page // 16, ring_name(), "multi", timestamps=True) as ring:
        producer, consumer = ring.producer(), ring.consumer("a name")
        producer.publish(np.arange(3))
        consumer.poll()
        consumer.release()
        file = Path(f"/dev/shm/headrace.{ring.name}").read_bytes()
        dtype = file.index(b"'<i8'")
        expected = {
            "magic": b"HEADRACE",
            "layout version": struct.pack("<I", 2),
            "byte order mark": struct.pack("<I", 0x01020304),
            "segment bytes": struct.pack("<Q", len(file)),
            "capacity": struct.pack("<Q", page // 16),
            "slots allocated": struct.pack("<Q", page // 8),
            "offset of the ingest times": struct.pack("<Q", len(file) - 2 * page),
            "offset of the slots": struct.pack("<Q", len(file) - page),
            "bytes of an event": struct.pack("<I", 8),
            "bytes of a page": struct.pack("<I", page),
            "offset of the dtype text": struct.pack("<I", dtype),
            "bytes of the dtype text": struct.pack("<I", 5),
            "1: several producers": struct.pack("<I", 1),
            "owner's pid": struct.pack("<I", os.getpid()),
            "CRC-32": struct.pack("<I", zlib.crc32(file[8:104] + file[dtype : dtype + 5])),
            "bits of the consumers": struct.pack("<Q", 1),
            "claimed": struct.pack("<Q", 3),
            "producers": struct.pack("<qqi", 3, 3, os.getpid()),
            "consumers": struct.pack("<q", consumer.sequence),
            "dtype text": b"'<i8'",
        }
    for words, content in expected.items():
        (offset,) = [int(offset) for offset, field in rows if field.startswith(words)]
        assert file[offset : offset + len(content)] == content, words
