"""`headrace journal check`, `show`, `stats` and `repair`: what they print, and their exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_journals import trades, words, write_journal
from cli_tools import finish, headrace, in_folder, refused, start, succeeds
from journal_tools import flip

import headrace as hr
from headrace.cli.loading import load


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with in_folder(tmp_path) as folder:
        yield folder


def lines_of(*arguments: object) -> list[dict[str, Any]]:
    return [json.loads(line) for line in succeeds(*arguments).stdout.splitlines()]


def test_check_of_a_whole_journal() -> None:
    write_journal("j", snapshots=(10, 20), outputs=True)
    said = succeeds("journal", "check", "j/").stdout
    told = words(said)
    for wanted in (
        "journal j machine total, version 1",
        "next is 3,000; closed",
        "0 0 to 1,399 15 64 KiB",
        "all 3,000",
        "2 good snapshots, before inputs 1,000 to 2,000",
        "journal of outputs j/outputs",
    ):
        assert wanted in told
    assert said.splitlines()[-1] == "whole"


def test_check_as_json() -> None:
    write_journal("j", snapshots=(10,), outputs=True)
    found = json.loads(succeeds("journal", "check", "j", "--json").stdout)
    assert (found["level"], found["next_sequence"], found["sealed"]) == (0, 3000, True)
    assert sum(each["inputs"] for each in found["segments"]) == 3000
    assert [each["sequence"] for each in found["snapshots"]] == [1000]
    assert found["outputs"]["next_sequence"] == 3000


def test_check_of_a_damaged_journal() -> None:
    path = write_journal("j")[0]
    flip(path, 3 * 4096 + 100)
    result = headrace("journal", "check", "j")
    assert (result.exit_code, result.stderr) == (2, "")
    told = words(result.stdout)
    assert f"damage {path.name}, byte 12,288 the checksum of a frame does not match" in told
    assert "inputs 100 to 199 (100) are affected" in told
    assert "all 2,900" in told
    assert told.endswith("damaged")


def test_one_input_is_damaged() -> None:
    with hr.Engine(load("machines.py:total"), journal="one") as engine:
        for _ in range(3):
            engine.publish([(1, 2.0)], durable=True)
    (path,) = Path("one").glob("*.segment")
    flip(path, 3 * 4096 + 64)
    assert "input 1 is affected" in headrace("journal", "check", "one").stdout
    result = headrace("replay", "one", "machines.py:total")
    assert result.exit_code == 1
    assert "the checksum of a frame does not match" in result.stderr
    assert "note: headrace journal check one tells more" in result.stderr


def test_check_of_a_torn_tail_and_a_bad_snapshot() -> None:
    write_journal("j", snapshots=(10, 20))
    flip(Path(f"j/{2000:020d}.snapshot"), 90)
    result = headrace("journal", "check", "j")
    assert result.exit_code == 1
    told = words(result.stdout)
    assert "1 good snapshot, before input 1,000" in told
    assert "1 bad" in told
    assert told.endswith("harmless: nothing that was safe is missing")


def test_many_segments_are_not_all_shown() -> None:
    write_journal("j", batches=400)
    said = succeeds("journal", "check", "j").stdout
    assert "segments more" in said
    assert "all 40,000" in words(said)
    assert len(said.splitlines()) < 40


@pytest.mark.parametrize("command", ["check", "show", "stats", "repair"])
def test_no_journal_there(folder: Path, command: str) -> None:
    (folder / "empty").mkdir()
    for name, why in (
        ("empty", "the folder holds no segment of one"),
        ("not", "there is no such folder"),
        ("trades.csv", "it is a file, and a journal is a folder"),
    ):
        assert f"{name}: there is no journal: {why}" in refused("journal", command, name)
    assert list((folder / "empty").iterdir()) == []


def test_show() -> None:
    write_journal("j")
    said = succeeds("journal", "show", "j", "--from", 1398, "--to", 1402).stdout.splitlines()
    assert said[0].split() == ["input", "time", "(UTC)", "account", "amount"]
    rows = [line.replace(",", "").split() for line in said[1:]]
    wanted = [[str(1398 + i), str(t["account"]), str(t["amount"])] for i, t in
              enumerate(trades(4, 1398))]
    assert [[row[0], *row[3:]] for row in rows] == wanted


def test_show_as_json_is_everything() -> None:
    write_journal("j")
    rows = lines_of("journal", "show", "j", "--json")
    assert [row["sequence"] for row in rows] == list(range(3000))
    assert [row["event"] for row in rows] == [
        {"account": int(one["account"]), "amount": float(one["amount"])} for one in trades(3000)
    ]
    times = [row["time_ns"] for row in rows]
    assert times == sorted(times)


def test_show_has_a_limit() -> None:
    write_journal("j")
    result = headrace("journal", "show", "j")
    assert len(result.stdout.splitlines()) == 101
    assert "more than 100 lines; --limit 0 shows all" in result.stderr
    assert len(succeeds("journal", "show", "j", "--limit", 0).stdout.splitlines()) == 3001
    assert len(lines_of("journal", "show", "j", "--json", "--to", 7)) == 7


def test_show_notes() -> None:
    with hr.Engine(load("machines.py:total"), journal="j") as engine:
        engine.publish(trades(3))
        engine.call((1, 2.0), client="web", number=1)
    rows = lines_of("journal", "show", "j", "--json", "--only-notes")
    told = [(row["sequence"], row["note"]) for row in rows if row["note"] != "digest"]
    assert told == [(0, "opened"), (3, "called"), (4, "sealed")]
    assert next(row for row in rows if row["note"] == "called")["client"] == "web"
    said = succeeds("journal", "show", "j", "--notes", "--from", 3).stdout
    assert "3  called client=web number=1" in said


def test_show_passes_over_damage() -> None:
    path = write_journal("j")[0]
    flip(path, 3 * 4096 + 100)
    result = headrace("journal", "show", "j", "--json", "--from", 98, "--to", 202)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["sequence"] for row in rows] == [98, 99, 100, 200, 201]
    assert rows[2] == {"sequence": 100, "note": "missing", "end": 200}
    result = headrace("journal", "show", "j", "--limit", 0)
    assert "1 place could not be read; headrace journal check tells more" in result.stderr


def test_show_of_a_stretch_that_is_none() -> None:
    write_journal("j", batches=1)
    assert "--to 3 is before --from 5" in refused("journal", "show", "j", "--from", 5, "--to", 3)
    result = headrace("journal", "show", "j", "--from", 1000)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "note: there is no input 1,000: the next one to come is 100\n"


def test_stats() -> None:
    write_journal("j", snapshots=(10,))
    with hr.Engine(load("machines.py:total"), journal="j") as engine:
        for number in (1, 2):
            engine.call((1, 2.0), client="web", number=number)
        engine.call((1, 2.0), client="app", number=1)
        engine.call((1, 2.0))
    said = succeeds("journal", "stats", "j").stdout
    found = json.loads(succeeds("journal", "stats", "j", "--json").stdout)
    assert found["inputs"] == 3004
    assert found["inputs_per_frame"] == {"p50": 100, "p99": 100, "max": 100}
    assert found["frame_bytes"]["max"] == 4096
    assert found["bytes_of_events"] == 3004 * 16
    assert (found["calls"], found["clients"]) == (4, {"web": 2, "app": 1})
    assert found["opened"] == {"total version 1": 2}
    assert found["closed"] == 2
    assert found["snapshots"] == [1000]
    assert sum(each["inputs"] for each in found["rates"]) == 3004
    told = words(said)
    assert "inputs 3,004 in" in told
    assert "clients web (2), app (1)" in told
    assert "opened by total version 1 (2); closed 2 times" in told


def test_stats_spans_add_up() -> None:
    write_journal("j")
    for spans in (1, 3, 100):
        found = json.loads(succeeds("journal", "stats", "j", "--json", "--spans", spans).stdout)
        assert len(found["rates"]) <= spans
        assert sum(each["inputs"] for each in found["rates"]) == 3000


def test_repair_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_journal("j")[0]
    flip(path, 3 * 4096 + 100)
    before = path.read_bytes()
    for answer in ("", "n\n", "nonsense\n"):
        result = headrace("journal", "repair", "j", stdin=answer)
        assert result.exit_code == 1
        assert "lost inputs 100 to 2,999: 100 cannot be read" in words(result.stdout)
        assert path.read_bytes() == before
    assert headrace("journal", "repair", "j", "--dry-run").exit_code == 0
    assert path.read_bytes() == before
    result = headrace("journal", "repair", "j", stdin="y\n")
    assert result.exit_code == 0
    assert f"done {path.name}: cut what is behind the damage" in result.stdout
    assert headrace("journal", "check", "j").exit_code == 0
    with hr.Engine(load("machines.py:total"), journal="j") as engine:
        assert engine.sequence == 100


def test_repair_does_not_ask_where_nothing_is_lost() -> None:
    path = write_journal("j", snapshots=(10,))[0]
    before = path.read_bytes()
    flip(path, 20)
    flip(Path(f"j/{1000:020d}.snapshot"), 90)
    result = headrace("journal", "repair", "j")
    assert (result.exit_code, result.stderr) == (0, "")
    assert path.read_bytes() == before
    assert "nothing to repair" in succeeds("journal", "repair", "j").stdout


def test_what_cannot_be_repaired() -> None:
    for path in write_journal("j")[:1]:
        path.unlink()
    result = headrace("journal", "repair", "j", "--yes")
    assert result.exit_code == 2
    assert "not repaired no part of it begins at the first input" in words(result.stdout)
    assert "nothing was changed" in result.stdout


def test_repair_while_an_engine_writes() -> None:
    with hr.Engine(load("machines.py:total"), journal="j") as engine:
        engine.publish(trades(10), durable=True)
        assert "another writer has it open: process" in refused("journal", "repair", "j")
        assert headrace("journal", "check", "j").exit_code == 0


def test_a_reader_that_has_read_enough() -> None:
    write_journal("j")
    process = start("journal", "show", "j", "--json")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    code, _, err = finish(process)
    assert (code, err) == (0, "")
