"""The same year with a journal, killed in the middle: what opening it again finds, and comes to.

A process of its own feeds the events to an engine with a journal, and is killed with SIGKILL once
so many of them are stepped over. What it had been told to be safe it has said before. Then the
journal is opened again here, and the rest goes in, from `engine.sequence` on.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flights import ALERT, Board, board
from rich.console import Console
from rich.table import Table as Grid

import headrace as hr
from headrace.events import payload
from headrace.journal.recovery import Recovery
from headrace.journal.stats import stats
from headrace.ports import LocalDisk
from headrace.state import state_digest

BATCH_MAX = 4096  # events published at a time
EARLIEST, LATEST = 0.3, 0.7  # when it is killed, as a part of the inputs
SNAPSHOTS = 8  # in a run that is not killed
LOOK_SECONDS = 0.0002
SECONDS_MAX = 120  # a process that is not dead by then is given up
ALL = (-1, -1)  # the id before the first output's

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Outcome:
    """What a run ended with, and how quick it was."""

    state: Board
    alerts: Array
    inputs: int
    seconds: float


@dataclass(frozen=True)
class Killed:
    """What is known of the process that was killed."""

    goal: int  # inputs stepped over, at which it was to be
    told: int  # inputs that it had been told to be safe


def open_engine(folder: Path, count: int, keep_outputs: int) -> hr.Engine:
    """An engine for so many events, whose ring holds a small part of them."""
    journal = hr.Journal(str(folder), snapshot_every=max(1, count // SNAPSHOTS), outputs=True)
    capacity = 1 << min(16, max(4, (count // 8).bit_length() - 1))
    return hr.Engine(board, capacity, keep_outputs=keep_outputs, journal=journal)


def batch_of(count: int) -> int:
    """How many of so many events are published at a time."""
    return min(BATCH_MAX, max(1, count // 64))


def feed(folder: Path, file: Path, goal: int) -> None:
    """In the other process: publish all events, and be killed when `goal` are stepped over."""
    made = np.load(file)
    size = batch_of(len(made))
    with open_engine(folder, len(made), keep_outputs=0) as engine:

        def kill() -> None:
            while engine.sequence < goal:
                time.sleep(LOOK_SECONDS)
            os.kill(os.getpid(), signal.SIGKILL)

        threading.Thread(target=kill, daemon=True).start()
        for at in range(0, len(made), size):
            part = made[at : at + size]
            engine.publish(part, durable=True)
            print(at + len(part), flush=True)
        engine.drain()


def feed_and_kill(folder: Path, file: Path, goal: int) -> Killed:
    """Have it done. Raises SystemExit if the process ended otherwise."""
    command = [sys.executable, __file__, str(folder), str(file), str(goal)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        said, _ = process.communicate(timeout=SECONDS_MAX)
    finally:
        process.kill()
    if process.returncode != -signal.SIGKILL:
        raise SystemExit(f"the process to be killed ended with {process.returncode}")
    whole = said[: said.rfind("\n") + 1].split()
    return Killed(goal, int(whole[-1]) if whole else 0)


def go_on(folder: Path, made: Array) -> tuple[Outcome, Recovery, int, float]:
    """Open the journal again, and put in what is missing.

    How it ended, what was found, where it went on, and how many seconds opening took.
    """
    size = batch_of(len(made))
    opening = time.perf_counter()
    with open_engine(folder, len(made), keep_outputs=len(made)) as engine:
        begin = time.perf_counter()
        recovery, start = engine.recovery, engine.sequence
        assert recovery is not None
        for at in range(start, len(made), size):
            engine.publish(made[at : at + size])
        engine.drain()
        seconds = time.perf_counter() - begin
        alerts = [payload(records, ALERT).copy() for records in engine.outputs(after=ALL)]
        found = np.concatenate([np.empty(0, ALERT), *alerts])
        outcome = Outcome(engine.state, found, len(made) - start, seconds)
    return outcome, recovery, start, begin - opening


def kill_and_go_on(console: Console, made: Array, whole: Outcome, folder: Path, seed: int) -> None:
    """Show it. `whole`: the run without a journal that nobody killed.

    `folder`: where the journal and, beside it, the events go. Raises SystemExit where the two runs
    differ.
    """
    goal = max(1, int(len(made) * random.Random(seed).uniform(EARLIEST, LATEST)))
    file = folder.with_name(f"{folder.name}.npy")
    np.save(file, made)
    try:
        with console.status("the same with a journal, killed in the middle"):
            killed = feed_and_kill(folder, file, goal)
            again, recovery, start, opening = go_on(folder, made)
    finally:
        file.unlink()
    _tell_recovery(console, killed, recovery, start, opening, len(made))
    if start < killed.told:
        raise SystemExit(f"inputs {start:,} to {killed.told - 1:,} were safe, and are lost")
    _compare(console, whole, again)
    _tell_size(console, folder)


def _tell_recovery(
    console: Console, killed: Killed, recovery: Recovery, start: int, opening: float, count: int
) -> None:
    snapshot = recovery.snapshot
    before = "none" if snapshot is None else f"before input {snapshot.sequence:,}"
    tear = "none" if recovery.tear is None else f"cut off: {recovery.tear.reason}"
    console.print("\n[bold]Killed in the middle, with a journal[/]")
    console.print(
        f"A process was killed with SIGKILL behind input {killed.goal:,} of {count:,}. It had\n"
        f"been told that {killed.told:,} were safe. Opened again, in {opening:.2f} s:\n"
        f"  snapshot           {before}\n"
        f"  stepped over anew  {recovery.inputs:,} inputs\n"
        f"  torn tail          {tear}\n"
        f"  goes on            from engine.sequence, {start:,}\n"
    )


def _compare(console: Console, whole: Outcome, again: Outcome) -> None:
    """Hold the two runs to each other."""
    grid = Grid(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    grid.add_column("", no_wrap=True)
    for heading in ("flights", "cancelled", "alerts", "events/s"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for name, run in (("without a journal", whole), ("with one, killed, gone on", again)):
        ports = run.state.airports
        cancelled = sum(port.cancelled for port in ports)
        grid.add_row(
            name,
            f"{sum(port.departed for port in ports) + cancelled:,}",
            f"{cancelled:,}",
            f"{len(run.alerts):,}",
            f"{run.inputs / run.seconds:,.0f}",
        )
    console.print(grid)
    digests = state_digest(whole.state), state_digest(again.state)
    if digests[0] != digests[1]:
        raise SystemExit(f"the state digests differ: {digests[0]} and {digests[1]}")
    if whole.alerts.tobytes() != again.alerts.tobytes():
        raise SystemExit("the alerts differ")
    console.print(
        "Every total, every alert and the whole state are the same, bit for bit; the\n"
        f"digest of both states is {digests[0]}."
    )


def _tell_size(console: Console, folder: Path) -> None:
    disk = LocalDisk()
    inputs, outputs = stats(disk, str(folder)), stats(disk, str(folder / "outputs"))
    snapshots = [file.stat().st_size for file in folder.glob("*.snapshot")]
    console.print(
        f"Journal: {sum(inputs.frame_bytes) / 1e6:.1f} MB for {inputs.inputs:,} inputs "
        f"({inputs.payload_bytes / 1e6:.1f} MB of events),\n"
        f"{sum(outputs.frame_bytes) / 1e6:.1f} MB for {outputs.inputs:,} alerts, "
        f"{len(snapshots)} snapshots of {max(snapshots, default=0) / 1e6:.1f} MB at the most."
    )


if __name__ == "__main__":
    feed(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
