"""`headrace top`: what the stages of a running topology do, as a screen, as JSON or as metrics."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer
from rich.live import Live

from headrace.errors import UsageError
from headrace.metrics import BoardInfo, Watcher, as_json, list_boards

from .console import remark, reported, stdout
from .interrupts import exit_code, terminable
from .keys import pressed_keys
from .sizes import print_json
from .top_screen import Shown, board_line, screen, stage_lines, topology_lines

NAME = typer.Argument(metavar="[NAME]", help="The board; may be left out where there is one.")
INTERVAL_SECONDS = 1.0
INTERVAL_SECONDS_MIN = 0.01


def top(
    name: Annotated[str | None, NAME] = None,
    as_lines: Annotated[
        bool, typer.Option("--json", help="Print JSON: one object, or with --interval one a line.")
    ] = False,
    interval: Annotated[
        float | None,
        typer.Option("--interval", metavar="S", help="Seconds between two looks.  [default: 1]"),
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", metavar="N", min=1, help="Stop behind so many lines.")
    ] = None,
    prometheus: Annotated[
        str | None,
        typer.Option(
            "--prometheus",
            metavar="[HOST:]PORT",
            help="Serve /metrics for Prometheus instead of showing anything.",
        ),
    ] = None,
) -> None:
    """The command; its help text is in helptext.py."""
    if interval is not None and not INTERVAL_SECONDS_MIN <= interval <= 86_400:
        raise typer.BadParameter(f"--interval is {INTERVAL_SECONDS_MIN} s to a day")
    if prometheus is not None and (as_lines or count is not None or interval is not None):
        raise typer.BadParameter("--prometheus goes without --json, --interval and --count")
    if count is not None and not as_lines:
        raise typer.BadParameter("--count goes with --json")
    with reported():
        try:
            with terminable():
                chosen = name if name is not None else _choose(as_lines)
                if chosen is not None:
                    _run(chosen, as_lines, interval, count, prometheus)
        except KeyboardInterrupt as interrupt:
            raise typer.Exit(exit_code(interrupt)) from None


def _run(
    name: str, as_lines: bool, interval: float | None, count: int | None, prometheus: str | None
) -> None:
    if prometheus is not None:
        _serve(name, prometheus)
        return
    watcher = Watcher(name, time.time_ns)
    if as_lines:
        _print_lines(watcher, interval, count)
    elif sys.stdin.isatty() and sys.stdout.isatty():
        _show(watcher, INTERVAL_SECONDS if interval is None else interval)
    else:
        _print_table(watcher, interval)


def _choose(as_lines: bool) -> str | None:
    """The only board whose owner lives; None where there are others, which are then listed."""
    boards = list_boards()
    alive = [board.name for board in boards if board.owner_alive]
    if len(alive) == 1:
        return alive[0]
    if as_lines:
        raise UsageError(
            "several boards are on this machine; say which: " + ", ".join(alive)
            if alive
            else "no running topology has a board on this machine"
        )
    _list(boards)
    return None


def _list(boards: list[BoardInfo]) -> None:
    console = stdout()
    for board in boards:
        if board.damaged is not None:
            remark(f"{board.damaged}")
        else:
            console.print(board_line(board))
    if not boards:
        console.print("no board in shared memory on this machine: no topology with a name runs")
    elif any(board.owner_alive for board in boards):
        remark("`headrace top NAME` shows one of them")
    else:
        remark("`headrace rings --clean` removes what the dead left")


def _print_lines(watcher: Watcher, interval: float | None, count: int | None) -> None:
    """One object at once; or a line for each interval, as many as asked for.

    Without a count they end when the owner is gone.
    """
    if interval is None and count is None:
        print_json(as_json(watcher.look()))
        return
    watcher.look()
    printed = 0
    due = time.monotonic()
    while count is None or printed < count:
        due = max(due + (interval or INTERVAL_SECONDS), time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        view = watcher.look()
        print_json(as_json(view), indent=None)
        sys.stdout.flush()
        printed += 1
        if count is None and view.owner == "gone":
            return


def _print_table(watcher: Watcher, interval: float | None) -> None:
    """Where there is no terminal: a table of one interval."""
    watcher.look()
    time.sleep(INTERVAL_SECONDS if interval is None else interval)
    view = watcher.look()
    console = stdout()
    for line in stage_lines(view.stages, console.width):
        console.print(line)
    if view.owner == "gone":
        remark(f"owner {view.owner_pid} is dead; headrace rings --clean removes what it left")


def _show(watcher: Watcher, interval: float) -> None:
    """The screen, until q is pressed."""
    console = stdout()
    shown = Shown()
    with pressed_keys() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        view = watcher.look()
        due = time.monotonic() + min(interval, 0.25)  # the first look tells of the whole past
        while True:
            live.update(screen(view, shown, console.width, console.height), refresh=True)
            for key in keys.wait(due - time.monotonic()):
                if key in ("q", "Q"):
                    return
                lines = len(topology_lines(view.topology))
                shown = pressed(shown, key, lines if shown.topology else len(view.stages))
            if time.monotonic() >= due:
                view = watcher.look()
                due = time.monotonic() + interval


def pressed(shown: Shown, key: str, lines: int) -> Shown:
    """What is shown after a key; `lines`: how many there are to move in."""
    if key in ("t", "T"):
        return Shown(topology=not shown.topology)
    step = {"j": 1, "down": 1, "k": -1, "up": -1}.get(key, 0)
    return Shown(shown.topology, max(0, min(shown.first + step, lines - 1)))


def _serve(name: str, address: str) -> None:
    try:
        from headrace.metrics.prometheus import serve
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "prometheus_client":
            raise
        raise UsageError(
            "--prometheus needs the package prometheus_client: pip install 'headrace[prometheus]'"
        ) from None
    host, port = _host_and_port(address)
    with serve(name, host, port) as at:
        stdout().print(f"metrics of {name} at {at}", markup=False)
        sys.stdout.flush()
        while True:
            time.sleep(3600)


def _host_and_port(address: str) -> tuple[str, int]:
    """Of [HOST:]PORT; without a host only this machine is served."""
    host, _, port = address.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise UsageError(f"--prometheus wants [HOST:]PORT, and not {address!r}")
    return host.strip("[]") or "127.0.0.1", int(port)
