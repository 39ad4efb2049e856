"""Topologies on the command line: `headrace draw`, `headrace run` in threads and in processes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_tools import TRADES, finish, headrace, in_folder, refused, rows, start, succeeds, summary

import headrace as hr
from headrace.cli.loading import load, load_topology
from headrace.compose import Shard
from headrace.errors import UsageError
from headrace.reference.topology import ReferenceTopology
from headrace.state import state_digest

MORE = """

from headrace.compose import chain, fanout, shard


@hr.machine(event=TOTAL, initial=int)
def ends(state, account, total):
    return state + 1, None


@hr.machine(event=TRADE, initial=lambda: 1 / 0)
def broken(state, account, amount):
    return state, None


by_account = shard(total, by="account", n=3, ordered=True)
watched = by_account >> fanout(large, ends)
silent = by_account >> ends
failing = shard(inverse, by="account", n=2, ordered=True) >> large
halves_failing = halves >> failing
two = chain(total, ends)
unmade = fanout(total, broken)
"""
WATCHED = "machines.py:watched"
REPR = "shard(total, by='account', n=3, ordered=True) >> fanout(large, ends)"
PLACES = pytest.mark.parametrize(
    "place", [[], ["--place", "processes", "--start-method", "fork"]], ids=["threads", "processes"]
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with in_folder(tmp_path) as folder:
        with (folder / "machines.py").open("a") as file:
            file.write(MORE)
        yield folder


def expected(application: str, events: Any) -> ReferenceTopology:
    plain = ReferenceTopology(load_topology(application))
    plain.publish(events)
    return plain


# -- run -----------------------------------------------------------------------------------------


@PLACES
def test_run_comes_to_what_the_reference_comes_to(place: list[str], folder: Path) -> None:
    result = headrace("run", WATCHED, "-i", "trades.csv", "-o", "out.csv", "--batch", 2, *place)
    assert result.exit_code == 0, result.output
    plain = expected(WATCHED, TRADES)
    told = summary(result.stdout)
    assert told["topology"] == REPR
    assert told["machines"] == "total (python step), large (python step), ends (python step)"
    assert told.get("place") == ("5 worker processes" if place else None)
    assert told["events in"] == "5 from trades.csv"
    assert told["outputs"] == f"{len(plain.outputs)} to out.csv"
    assert told["state digest"] == state_digest(plain.state)
    assert rows((folder / "out.csv").read_text()) == [
        [str(row["input_sequence"]), str(row["output_index"]), str(row["value"])]
        for row in plain.outputs
    ]
    assert len(plain.outputs)


@PLACES
def test_outputs_that_come_from_several_rings(place: list[str], folder: Path) -> None:
    succeeds("run", "machines.py:by_account", "-i", "trades.csv", "-o", "out.csv", *place)
    assert rows((folder / "out.csv").read_text()) == [
        [str(row["input_sequence"]), "0", str(row["account"]), str(row["total"])]
        for row in expected("machines.py:by_account", TRADES).outputs
    ]


@PLACES
def test_run_without_outputs(place: list[str]) -> None:
    told = summary(succeeds("run", "machines.py:silent", "-i", "trades.csv", *place).stdout)
    assert told["outputs"] == "0, not written"
    assert told["state digest"] == state_digest(expected("machines.py:silent", TRADES).state)
    told = refused("run", "machines.py:silent", "-i", "trades.csv", "-o", "out.csv")
    assert "ordered=True) >> ends has no outputs; leave --output away" in told


def test_a_machine_in_a_process() -> None:
    place = ["--place", "processes", "--start-method", "fork"]
    told = summary(succeeds("run", "machines.py:total", "-i", "trades.csv", *place).stdout)
    assert told["machine"] == "total (python step)"
    assert told["place"] == "1 worker process"
    assert told["state digest"] == state_digest({1: 6.0, 2: 3.0})


def test_spawned_processes_find_the_machines_by_name() -> None:
    process = start("run", "machines.py:two", "-i", "trades.csv", "--place", "processes",
                    "--start-method", "spawn")  # fmt: skip
    code, out, err = finish(process, 60)
    assert (code, err) == (0, "")
    assert summary(out)["state digest"] == state_digest(({1: 6.0, 2: 3.0}, 5))


@PLACES
def test_a_step_that_raises_halts_all(place: list[str], folder: Path) -> None:
    """Although the ring before it is full by then, and the other shard waits for more."""
    trades = np.ones(3000, TRADES.dtype)
    trades["account"] = np.arange(3000) % 5
    trades["amount"][800] = 0
    np.save("zero.npy", trades)
    command = ["run", "machines.py:halves_failing", "-i", "zero.npy", "-o", "out.csv", *place]
    code, out, err = finish(start(*command, "--capacity", 256, "--batch", 256), 60)
    assert (code, out) == (1, "")
    assert "machine 'inverse' failed at event 1600 {'account': 0, 'amount': 0.0}" in err
    assert "ZeroDivisionError" in err
    assert re.search(r"note: halted after [\d,]+ events of zero.npy and 0 outputs", err)
    assert not (folder / "out.csv").exists()


@PLACES
def test_dead_letters_of_a_topology(place: list[str], folder: Path) -> None:
    (folder / "zero.csv").write_text("account,amount\n1,2\n2,0\n1,-1\n2,0.25\n")
    result = headrace("run", "machines.py:failing", "-i", "zero.csv", "-o", "out.csv", *place,
                      "--on-error", "dead_letter")  # fmt: skip
    told = summary(result.stdout)
    assert told["dead letters"] == "2 to out.dead.csv, out.dead.large.csv"
    first = (folder / "out.dead.csv").read_text().splitlines()
    assert first[0] == "sequence,account,amount,error"
    assert first[1].startswith("1,2,0.0,")
    later = (folder / "out.dead.large.csv").read_text().splitlines()
    assert later[0] == "sequence,account,total,error"
    assert later[1].split(",")[1:3] == ["1", "-1.0"]


def test_what_is_refused(folder: Path) -> None:
    told = refused("run", WATCHED, "-i", "trades.csv", "--start-method", "spawn")
    assert told == "error: --start-method goes with --place processes\n"
    assert "sideways" in refused("run", WATCHED, "-i", "trades.csv", "--place", "sideways")
    for place in ([], ["--place", "processes"]):
        told = refused("run", "machines.py:unmade", "-i", "trades.csv", *place)
        assert "its initial state cannot be made: ZeroDivisionError: division by zero" in told
        assert f"({folder}/machines.py:" in told


def test_where_only_machines_do_topologies_are_refused() -> None:
    assert isinstance(load_topology("machines.py:by_account"), Shard)
    told = "machines.py:by_account is a topology, shard(total, by='account', n=3, ordered=True);"
    with pytest.raises(UsageError, match=re.escape(told)):
        load("machines.py:by_account")
    with pytest.raises(UsageError, match=r"has no 'wached'; did you mean 'watched'\?"):
        load_topology("machines.py:wached")
    with pytest.raises(UsageError) as caught:
        load("machines.py:wached")
    assert "watched" not in str(caught.value)
    assert "headrace run, draw and replay take topologies" in refused("debug", "journal", WATCHED)


# -- draw ----------------------------------------------------------------------------------------


def test_draw_prints_an_svg() -> None:
    assert succeeds("draw", WATCHED).stdout == load_topology(WATCHED).draw()


@pytest.mark.parametrize("detail", ["topology", "stages"])
@pytest.mark.parametrize(
    ("file", "format"),
    [("a.svg", "svg"), ("a.mmd", "mermaid"), ("a.mermaid", "mermaid"), ("a.dot", "dot"),
     ("a.GV", "dot")],
)  # fmt: skip
def test_draw_by_the_ending_of_the_file(
    file: str, format: str, detail: str, folder: Path
) -> None:
    assert succeeds("draw", WATCHED, "-o", file, "--detail", detail).stdout == ""
    made = (folder / file).read_text(encoding="utf-8")
    assert made == load_topology(WATCHED).draw(format, detail)
    assert succeeds("draw", WATCHED, "-f", format, "--detail", detail).stdout == made
    succeeds("draw", WATCHED, "--format", format, "--output", "picture", "--detail", detail)
    assert (folder / "picture").read_text(encoding="utf-8") == made


def test_draw_a_machine_or_a_pipeline() -> None:
    for name, last in (("total", "total"), ("totals_then_large", "large")):
        made = succeeds("draw", f"machines.py:{name}", "-f", "mermaid").stdout
        assert f'"{last}<br/>' in made
    assert "state: ?" in succeeds("draw", "machines.py:unmade").stdout  # it need not run


def test_draw_what_cannot_be_drawn() -> None:
    told = refused("draw", WATCHED, "-o", "a.png")
    assert "a.png: its name does not tell the format; end it in .svg, .mmd, " in told
    assert "no such file, so there is no machine in it" in refused("draw", "gone.py:x")
    assert refused("draw", WATCHED, "-o", "gone/a.svg", code=1) == (
        "error: gone/a.svg: cannot be written: No such file or directory\n"
    )


# -- replay, and dead letters --------------------------------------------------------------------

OTHER = """
import headrace as hr
from headrace.compose import fanout, shard
from machines import TRADE, TOTAL, ends, large

@hr.machine(event=TRADE, output=TOTAL, initial=dict, name="total")
def other(state, account, amount):
    state[account] = state.get(account, 0.0) + amount + (amount == 4.0)
    return state, (account, state[account])

by_account = shard(other, by="account", n=3, ordered=True)
watched = by_account >> fanout(large, ends)
"""


def written(name: str) -> None:
    """A journal of the trades through a topology."""
    with hr.Engine(load_topology(f"machines.py:{name}"), journal="j") as engine:
        engine.publish(TRADES)
        engine.drain()


@pytest.mark.parametrize("name", ["watched", "by_account", "silent"])
def test_replay_comes_to_the_same(name: str) -> None:
    written(name)
    plain = expected(f"machines.py:{name}", TRADES)
    made = 0 if name == "silent" else len(plain.outputs)
    told = summary(succeeds("replay", "j", f"machines.py:{name}").stdout)
    assert (told["inputs"], told["outputs"]) == ("5", f"{made}")
    assert re.fullmatch(r"[1-9]\d*, all as they were", told["digests checked"])
    states = tuple(plain.state.values())
    assert told["state digest"] == state_digest(states)
    told = summary(succeeds("replay", "j", f"machines.py:{name}", "--to", 2, "--no-verify").stdout)
    assert (told["inputs"], told["digests checked"]) == ("2", "none")


def test_replay_with_another_topology(folder: Path) -> None:
    (folder / "other.py").write_text(OTHER)
    written("watched")
    same = succeeds("replay", "j", WATCHED, "--with", WATCHED).stdout
    assert "the same outputs and states, all the way" in same
    result = headrace("replay", "j", WATCHED, "--with", "other.py:watched")
    assert result.exit_code == 1
    assert re.search(r"parts at +input \d", result.stdout)
    assert re.search(r"state\['total\.\d'\]\[\d\]: ", result.stdout)
    parted = headrace("replay", "j", "other.py:watched")
    assert (parted.exit_code, "the replay goes another way" in parted.stdout) == (1, True)
    part = headrace("replay", "j", "machines.py:by_account")
    assert part.exit_code == 1
    assert part.stderr.startswith(f"note: the journal was written by {REPR} (version 1 >> 1 >> 1)")


KILLS = """

import os
import signal


@hr.machine(event=TRADE, output=TOTAL, initial=int)
def kills(state, account, amount):
    if amount < 0 and not os.path.exists("mended"):
        os.kill(os.getpid(), signal.SIGKILL)
    return state + 1, (account, amount)


deadly = shard(kills, by="account", n=2, ordered=True) >> ends
"""


def test_poison_of_a_topology_is_published_again(folder: Path) -> None:
    """In a process: it may kill again."""
    with (folder / "machines.py").open("a") as file:
        file.write(KILLS)
    deadly = load_topology("machines.py:deadly")
    trades = np.array([(1, 2.0), (3, -1.0), (2, 5.0)], TRADES.dtype)
    options: dict[str, Any] = {"journal": "j", "on_error": "dead_letter", "dead_letters": "dead"}
    with hr.Engine(deadly, place="processes", start_method="fork", **options) as engine:
        engine.publish(trades)
        engine.drain(60)
        engine.snapshot(20)
    reinject = ("dead-letters", "dead", "--reinject", "machines.py:deadly", "--journal", "j")
    result = headrace(*reinject, "--all")
    assert (result.exit_code, result.stderr) == (1, "")
    assert re.match(r"failed again letter 0, as input 3: letter 1, PoisonEvent: ", result.stdout)
    (folder / "mended").touch()
    assert succeeds(*reinject, 1).stdout == "done letter 1 is input 4\n"
    told = succeeds("dead-letters", "dead").stdout
    assert re.search(r"0 +1 +kills\.\d .* reinjected as input 3\n", told)
