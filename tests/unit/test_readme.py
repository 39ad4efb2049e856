"""What README.md and docs/ say is so: their code runs, their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
WITH_CODE = [page for page in PAGES if "```python" in page.read_text()]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
TARGET = re.compile(r"\bmake ([a-z-]+)\b")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_code_runs(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All blocks of a page, one after the other, in one namespace."""
    namespace: dict[str, Any] = {"__name__": "example"}
    blocks = BLOCK.findall(page.read_text())
    for block in blocks:
        exec(compile(block, name_of(page), "exec"), namespace)
    assert len(blocks) >= 1
    assert capsys.readouterr().out or "print" not in "".join(blocks)


def test_readme_shows_what_it_promises() -> None:
    """A first ring in about 10 lines, a first machine in about 15."""
    ring, machine = BLOCK.findall((ROOT / "README.md").read_text())[:2]
    assert len([line for line in ring.splitlines() if line.strip()]) <= 12
    assert len([line for line in machine.splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    gone = [
        target
        for target in LINK.findall(page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not gone


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    code = "".join(re.findall(r"`[^`]*`|```.*?```", page.read_text(), re.S))
    assert set(TARGET.findall(code)) <= targets
