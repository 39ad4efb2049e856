"""`headrace replay`: the same again, where it parts, and what another version makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_journals import words, write_journal
from cli_tools import headrace, in_folder, refused, succeeds, summary

OTHERS = '''
import headrace as hr
from machines import TRADE, TOTAL

@hr.machine(event=TRADE, output=TOTAL, initial=dict, name="total")
def other(state, account, amount):
    state[account] = state.get(account, 0.0) + amount + (amount == 7)
    return state, (account, state[account])

@hr.machine(event=TRADE, output=TOTAL, initial=dict, name="total", version=2)
def same(state, account, amount):
    state[account] = state.get(account, 0.0) + amount
    return state, (account, state[account])

@hr.machine(event=[("price", "<f8")], initial=int)
def stranger(state, price):
    return state, None
'''

WIDE = '''
import headrace as hr
from machines import TRADE, TOTAL

@hr.machine(event=TRADE, output=TOTAL, initial=lambda: 5000 * "x", name="total")
def wide(state, account, amount):
    return state, (account, amount)
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with in_folder(tmp_path) as folder:
        (folder / "others.py").write_text(OTHERS)
        yield folder


def test_the_same_again() -> None:
    write_journal("j", snapshots=(10,))
    before = {path.name: path.read_bytes() for path in Path("j").iterdir()}
    said = summary(succeeds("replay", "j/", "machines.py:total").stdout)
    assert (said["inputs"], said["outputs"]) == ("3,000", "3,000")
    assert said["digests checked"].endswith(", all as they were")
    assert int(said["digests checked"].split(",")[0]) >= 6
    assert len(said["state digest"]) == 32
    assert {path.name: path.read_bytes() for path in Path("j").iterdir()} == before


def test_what_failed_and_whose_journal_it_is() -> None:
    write_journal("j")
    Path("refuses.py").write_text(
        "import headrace as hr\nfrom machines import TRADE\n\n"
        "@hr.machine(event=TRADE, initial=int)\n"
        "def refuses(state, account, amount):\n    return state + 1 // account, None\n"
    )
    result = headrace("replay", "j", "refuses.py:refuses", "--no-verify")
    assert result.exit_code == 0
    assert "note: the journal was written by total (version 1), not by refuses" in result.stderr
    assert summary(result.stdout)["steps failed"].endswith(", which changed nothing")


@pytest.mark.parametrize("step", ["python", "batch"])
def test_to_a_place(step: str) -> None:
    write_journal("j", "no_native")
    arguments = ("replay", "j", "machines.py:no_native", "--to", 1250, "--step", step)
    said = summary(succeeds(*arguments, "--no-verify").stdout)
    assert (said["inputs"], said["digests checked"]) == ("1,250", "none")
    assert "there are 3,000" in refused("replay", "j", "machines.py:no_native", "--to", 3001)


def test_it_parts() -> None:
    write_journal("j", outputs=True)
    result = headrace("replay", "j", "others.py:other")
    assert result.exit_code == 1
    told = words(result.stdout)
    assert "parted the replay goes another way at input 7, whose outputs were" in told
    assert "right before input 7" in told
    assert "parted behind input 7" in told
    result = headrace("replay", "j", "others.py:other", "--no-verify")
    assert result.exit_code == 0


def test_no_digest_on_the_way() -> None:
    write_journal("j", batches=1)
    result = headrace("replay", "j", "machines.py:total", "--to", 50)
    assert result.exit_code == 0
    assert "there is no digest on the way" in result.stderr


def test_with_another_version() -> None:
    write_journal("j")
    result = headrace("replay", "j", "machines.py:total", "--with", "others.py:other")
    assert (result.exit_code, result.stderr) == (1, "")
    told = words(result.stdout)
    assert "parts at input 7" in told
    assert "state[2]: 9.0 -> 10.0" in told
    assert "first outputs that differ was (7, 0," in told
    assert "state at the end: before -> with the new state[0]: 3300.0 -> 3350.0" in told


def test_with_a_version_that_does_the_same() -> None:
    write_journal("j")
    said = succeeds("replay", "j", "machines.py:total", "--with", "others.py:same").stdout
    assert "the same outputs and states, all the way" in said


def test_wrong_use() -> None:
    write_journal("j", batches=1)
    assert "there is no journal" in refused("replay", "not", "machines.py:total")
    assert "stranger' is for" in refused("replay", "j", "others.py:stranger")
    both = ("--with", "others.py:same", "--to", 3)
    assert "without --to and --step" in refused("replay", "j", "machines.py:total", *both)
    assert "Usage: headrace" in headrace("replay").output


def test_damage() -> None:
    path = write_journal("j")[0]
    data = bytearray(path.read_bytes())
    data[3 * 4096 + 100] ^= 1
    path.write_bytes(data)
    assert "byte 12,288" in refused("replay", "j", "machines.py:total", code=1)


def test_a_long_change_is_cut() -> None:
    Path("wide.py").write_text(WIDE)
    write_journal("j")
    said = headrace("replay", "j", "machines.py:total", "--with", "wide.py:wide").stdout
    assert max(map(len, said.splitlines())) < 600
    assert "'" + 20 * "x" in said
