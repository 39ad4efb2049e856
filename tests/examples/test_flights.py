"""The flights example over the whole year, against NumPy and against what is known of the table."""

from __future__ import annotations

import ast
import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import flights_recount
import numpy as np
import pytest
from flights_recount import EXAMPLES, Recount
from rich.console import Console

import headrace as hr
from headrace.engine import Stepper
from headrace.events import payload
from headrace.state import difference, state_digest

# Found by way of the recount, which puts their folder on the path.
import flights  # isort: skip
import flights_table  # isort: skip
import demo_journal  # isort: skip

Array = np.ndarray[Any, Any]

# As they are printed wherever the table is described: in the R package of the same name, in books.
FLIGHTS = {"EWR": 120_835, "JFK": 111_279, "LGA": 104_662}
CARRIER_FLIGHTS = {"UA": 58_665, "B6": 54_635, "EV": 54_173, "DL": 48_110, "OO": 32}


@pytest.fixture(scope="module")
def table() -> flights_table.Table:
    return flights_table.load()


@pytest.fixture(scope="module")
def events(table: flights_table.Table) -> Array:
    return flights_table.events(table)


@pytest.fixture(scope="module")
def run(events: Array) -> tuple[flights.Board, Array]:
    """The board at the end of the year, and all output records."""
    with hr.Engine(flights.board) as engine:
        for at in range(0, len(events), 5000):
            engine.publish(events[at : at + 5000])
        records = np.concatenate([batch.copy() for batch in engine.outputs()])
        return engine.state, records


@pytest.fixture(scope="module")
def recount() -> Recount:
    return Recount()


def test_table_is_the_published_one(table: flights_table.Table) -> None:
    assert len(table) == 336_776
    assert dict(zip(table.origins, np.bincount(table.origin).tolist(), strict=True)) == FLIGHTS
    carriers = dict(zip(table.carriers, np.bincount(table.carrier).tolist(), strict=True))
    assert CARRIER_FLIGHTS.items() <= carriers.items()
    assert len(carriers) == 16
    assert len(table.tails) == 4_043
    assert len(table.destinations) == 105
    assert int((~table.departed).sum()) == 8_255
    assert int((~table.arrived).sum()) == 9_430
    assert int((table.aircraft < 0).sum()) == 2_512
    assert table.departure_delay[table.departed].mean() == pytest.approx(12.639070, abs=1e-6)
    assert table.arrival_delay[table.arrived].mean() == pytest.approx(6.895377, abs=1e-6)


def test_instants_are_plausible(table: flights_table.Table) -> None:
    planned = table.block.astype(int)
    assert planned.min() >= 50
    assert planned.max() <= 700
    took = (planned + table.arrival_delay - table.departure_delay)[table.arrived]
    assert took.min() > 20
    assert np.abs(took - planned[table.arrived]).max() < 240
    first, last = table.due.min(), table.due.max()
    assert first == 10 * 60 + 15  # 5:15 in New York on 1 January
    assert last == 365 * 1440 + 4 * 60 + 59  # 23:59 there on 31 December
    # Early in the morning hardly anything is planned, on winter's clocks and on summer's.
    hours = (table.due + table.offset) // 60 % 24
    assert (hours < 5).sum() == 1
    assert set(table.offset.tolist()) == {-300, -240}


def test_events_are_in_order(events: Array, recount: Recount) -> None:
    """The order that flights.py promises, without ties, and the same as counted another way."""
    minute, kind, flight = (events[name].astype(np.int64) for name in ("minute", "kind", "flight"))
    assert len(events) == recount.events == 792_554
    assert (np.diff((minute * 4 + kind) * (1 << 20) + flight) > 0).all()
    assert np.array_equal(minute, recount.minute)
    assert np.array_equal(kind, recount.kind)
    assert np.array_equal(flight, recount.flight)
    # Nobody departs before being held, or lands before departing.
    held, came = recount.hold >= 0, recount.arrival >= 0
    assert (recount.departure > recount.hold)[held].all()
    assert (recount.arrival > recount.departure)[came].all()


def test_events_tell_plans_only(events: Array, table: flights_table.Table) -> None:
    """Their fields but for minute and delay stay the same, whatever comes of the flights."""
    calm = flights_table.replace(
        table, **{name: getattr(table, name) * 0 for name in ("departure_delay", "arrival_delay")}
    )
    told = flights_table.events(calm)
    told = told[told["kind"] == flights.DEPARTED]
    by_flight = np.empty(len(table), events.dtype)
    by_flight[told["flight"]] = told
    for name in set(events.dtype.names or ()) - {"minute", "delay", "kind"}:
        assert np.array_equal(by_flight[name][events["flight"]], events[name]), name


def test_every_alert(run: tuple[flights.Board, Array], recount: Recount) -> None:
    _, records = run
    expected = recount.alerts()
    assert len(records) > 5_000
    assert np.array_equal(records["input_sequence"], expected["place"])
    assert not records["output_index"].any()
    alerts = payload(records, flights.ALERT)
    for name in flights.ALERT.names or ():
        assert np.array_equal(alerts[name], expected["alert"][name]), name
    assert set(alerts["kind"].tolist()) == {flights.LATE_AIRCRAFT, flights.QUEUE}


def test_every_total(run: tuple[flights.Board, Array], recount: Recount) -> None:
    state, _ = run
    expected = recount.board()
    assert difference(state, expected) is None
    assert state_digest(state) == state_digest(expected)
    assert {
        name: port.departed + port.cancelled
        for name, port in zip(flights.AIRPORTS, state.airports, strict=True)
    } == FLIGHTS
    assert sum(port.cancelled for port in state.airports) == 8_255


def test_warnings_are_worth_something(run: tuple[flights.Board, Array]) -> None:
    """Three of four come true, where one of four or five flights is late."""
    state, _ = run
    assert state.came_true > 3 * state.came_in_time
    assert not state.expected_late


@pytest.mark.torture
def test_same_again(events: Array, run: tuple[flights.Board, Array]) -> None:
    """Another way of running it, in other batches, comes to the same."""
    state, records = run
    stepper = Stepper(flights.board)
    parts = [stepper.run(part).copy() for part in np.array_split(events, 97)]
    again = np.concatenate(parts)
    assert state_digest(stepper.state) == state_digest(state)
    for name in ("input_sequence", "output_index", *(flights.ALERT.names or ())):
        assert np.array_equal(again[name], records[name]), name


def test_recount_stands_on_its_own() -> None:
    """It takes names, constants and the shape of the state from the example, and no rule of it."""
    tree = ast.parse(Path(flights_recount.__file__).read_text())
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ex"
    }
    shapes = {"Board", "Airport", "Carrier", "Aircraft", "Rolling"}
    assert {name for name in used if not name.isupper()} == shapes


def test_from_the_command_line(tmp_path: Path) -> None:
    """`headrace run` over the events that flights_table writes: the same alerts."""
    file, output = tmp_path / "events.npy", tmp_path / "alerts.csv"
    table = flights_table.load().first(3000)
    made = flights_table.events(table)
    for command in (
        [EXAMPLES / "flights_table.py", file, "--flights", "3000"],
        ["-m", "headrace", "run", f"{EXAMPLES}/flights.py:board", "-i", file, "-o", output],
    ):
        done = subprocess.run(
            [sys.executable, *map(str, command)], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert np.array_equal(np.load(file), made)
    stepper = Stepper(flights.board)
    records = stepper.run(made)
    with output.open(newline="") as text:
        rows = list(csv.DictReader(text))
    assert [int(row["input_sequence"]) for row in rows] == records["input_sequence"].tolist()
    assert [int(row["flight"]) for row in rows] == records["flight"].tolist()
    assert [float(row["rolling"]) for row in rows] == records["rolling"].tolist()
    assert len(rows) > 10
    assert state_digest(stepper.state) in done.stdout.replace("\n", "")


def demo(*arguments: str, path: Path | None = None) -> str:
    """What the demo prints."""
    environment = dict(os.environ, COLUMNS="80")
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(path), *filter(None, [os.environ.get("PYTHONPATH")])]
        )
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "demo.py"), *arguments],
        capture_output=True, text=True, timeout=100, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_demo(tmp_path: Path) -> None:
    picture = tmp_path / "folder" / "flights.png"
    kept = tmp_path / "kept"
    told = demo(
        "--flights", "20000", "--compare", "3000", "--picture", str(picture), "--keep", str(kept)
    )
    table = flights_table.load().first(20_000)
    made = flights_table.events(table)
    stepper = Stepper(flights.board)
    alerts = len(stepper.run(made))
    assert f"20,000 flights from New York City in 2013 are {len(made):,} events" in told
    assert f"{alerts:,} alerts, state digest {state_digest(stepper.state)}" in told
    words = [line.split() for line in told.splitlines()]
    for number, name in enumerate(flights.AIRPORTS):
        here = table.origin == number
        delays = table.departure_delay[here & table.departed]
        expected = [name, f"{here.sum():,}", f"{(here & ~table.departed).sum():,}"]
        assert [*expected, f"{delays.mean():.2f}"] in [line[:4] for line in words]
    for line in ("the board, one event a message", "transport alone, 1,024 events a message"):
        assert line in told
    assert "ended with the same" in told
    wide = [line for line in told.splitlines() if len(line) > 80]
    assert all(str(tmp_path) in line for line in wide)
    assert "█" in told
    assert picture.read_bytes().startswith(b"\x89PNG")


    # The journal that it kept: all inputs once, and what the board makes of them.
    assert "SIGKILL" in told
    assert f"digest of both states is {state_digest(stepper.state)}" in told
    replayed = hr.replay(str(kept), flights.board, verify=True)
    assert replayed.sequence == len(made)
    assert replayed.digest == state_digest(stepper.state)
    assert replayed.checked > 1
    inputs = [events for events, _ in hr.History(str(kept), flights.board).events(0, len(made))]
    assert np.concatenate(inputs).tobytes() == made.tobytes()


@pytest.mark.parametrize("seed", range(3))
def test_killed_and_gone_on(seed: int, tmp_path: Path) -> None:
    """Wherever it is killed: nothing that it was told to be safe is missing, nothing is twice."""
    made = flights_table.events(flights_table.load().first(1_500))
    goal = len(made) * (seed + 1) // 4
    file = tmp_path / "events.npy"
    np.save(file, made)
    killed = demo_journal.feed_and_kill(tmp_path / "journal", file, goal)
    again, recovery, start, _ = demo_journal.go_on(tmp_path / "journal", made)
    assert killed.told <= start < len(made)
    assert start >= goal
    snapshot = recovery.snapshot
    assert recovery.inputs == start - (snapshot.sequence if snapshot else 0)
    stepper = Stepper(flights.board)
    alerts = payload(stepper.run(made), flights.ALERT)
    assert difference(stepper.state, again.state) is None
    assert again.alerts.tobytes() == alerts.tobytes()


def test_runs_that_differ_are_told(tmp_path: Path) -> None:
    made = flights_table.events(flights_table.load().first(300))
    other = demo_journal.Outcome(flights.Board(), np.empty(0, flights.ALERT), len(made), 1.0)
    with pytest.raises(SystemExit, match="state digests differ"):
        demo_journal.kill_and_go_on(Console(quiet=True), made, other, tmp_path / "journal", 1)


def test_demo_keeps_no_journal_over_another(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "demo.py"), "--keep", str(tmp_path)],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 2
    assert "is not there yet" in done.stderr


def test_demo_in_processes_without_matplotlib(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError('matplotlib')\n")
    picture = tmp_path / "flights.png"
    told = demo(
        "--flights", "2000", "--compare", "0", "--picture", str(picture),
        "--place", "processes", path=tmp_path,
    )  # fmt: skip
    stepper = Stepper(flights.board)
    alerts = len(stepper.run(flights_table.events(flights_table.load().first(2000))))
    assert "in a process of its own" in told
    assert f"{alerts:,} alerts, state digest {state_digest(stepper.state)}" in told
    assert "pip install 'headrace[plot]'" in told
    assert "multiprocessing" not in told
    assert not picture.exists()
