"""The help texts of the command line: that they render, and that their examples work."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_tools import headrace, in_folder, refused, rows, succeeds

from headrace.cli import helptext


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with in_folder(tmp_path) as folder:
        yield folder


def words(text: str) -> str:
    """A text without line breaks, and frames around it."""
    return " ".join(re.sub(r"[^\x20-\x7e]", " ", text).split())


@pytest.mark.parametrize("width", ["60", "80", "200"])
@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--help"], ["run", "rings", "@hr.machine(event=TRADE, output=TOTAL, initial=dict)"]),
        (["--help"], ["replay", "journal"]),
        (["-h"], ["run", "rings", "headrace COMMAND --help explains a command."]),
        (["run", "--help"], ["--input", "--output", "--batch", "--step", "--on-error", "bids[1]"]),
        (["run", "--help"], ["--place", "--start-method", "Topologies of machines (>>, hr.shard"]),
        (["draw", "--help"], ["--format", "--detail", "--output", "| dot -Tpng"]),
        (["replay", "--help"], ["--to", "--verify", "--step", "--with", "NEW_APP"]),
        (["journal", "-h"], ["check", "show", "stats", "repair", "to-test"]),
        (["journal", "check", "-h"], ["--json", "torn tail", "2: damage"]),
        (["journal", "show", "-h"], ["--from", "--to", "--notes", "--limit", "--json"]),
        (["journal", "stats", "-h"], ["--spans", "--json"]),
        (["journal", "repair", "-h"], ["--yes", "--dry-run", "--cut", "kept/"]),
        (["journal", "to-test", "-h"], ["--from", "--to", "--output", "pytest"]),
        (["linearizable", "-h"], ["--model", "--partition", "--time-limit", '{"client": 1']),
        (["anomalies", "-h"], ["--no-process", "--no-realtime", '["read", "y", null]', "Adya"]),
        (["linearizable", "-h"], ["--consistency", "sequential", "--html", "--svg"]),
        (["dead-letters", "-h"], ["--show", "--reinject", "--journal", "--all", "--discard"]),
        (["rings", "-h"], ["--clean", "--dry-run", "--damaged", "--json"]),
        (["top", "-h"], ["--json", "--interval", "--count", "[HOST:]PORT", "SIGSTOP"]),
    ],
)
def test_help(
    arguments: list[str], wanted: list[str], width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("TERMINAL_WIDTH", width)
    result = succeeds(*arguments)
    for word in wanted:
        assert word in words(result.stdout)
    assert not re.search(r"\[/|\[(bold|cyan|green)\]", result.stdout)  # no markup is left over


@pytest.mark.parametrize("arguments", [[], ["run"], ["draw"], ["replay"], ["journal"]])
def test_without_arguments_there_is_help(arguments: list[str]) -> None:
    result = headrace(*arguments)
    assert "Usage: headrace" in result.output


def test_unknown_command() -> None:
    assert "No such command 'nope'" in refused("nope")


def test_version() -> None:
    assert re.fullmatch(r"headrace \d+\.\d+\.\d+\S*\n", succeeds("--version").stdout)


def test_example_in_the_help_works(folder: Path) -> None:
    code = [re.fullmatch(r"\[cyan\](.*)\[/\]", line) for line in helptext.HEADRACE.splitlines()]
    lines = [found[1].replace(r"\[", "[") for found in code if found is not None]
    (folder / "totals.py").write_text("\n".join(lines))
    command = re.search(r"\[green\]headrace (run totals.*)\[/\]", helptext.HEADRACE)
    assert command is not None
    assert command[1] in helptext.RUN
    succeeds(*command[1].split())
    assert [row[3] for row in rows((folder / "totals.csv").read_text())] == [
        "2.5",
        "1.0",
        "2.0",
        "6.0",
        "3.0",
    ]


def test_paragraphs() -> None:
    text = """
        One
        two.

        [green]a command[/]
        [green]  and another[/]

        Three.
        """
    joined = helptext.paragraphs(text)
    assert joined == "One two.\n\n[green]a command[/]\n[green]  and another[/]\n\nThree."
    assert helptext.paragraphs(textwrap.dedent(text)) == joined
