"""What the demo tells of the board: totals that can be checked, alerts in words."""

from __future__ import annotations

from typing import Any

import numpy as np
from flights import AIRPORTS, DAY_BEGINS, LATE, QUEUE, ROLLING, Board
from flights_table import Table
from rich.console import Console
from rich.table import Table as Grid

Array = np.ndarray[Any, Any]


def tell_totals(console: Console, board: Board, table: Table) -> None:
    """The totals by airport and by carrier."""
    grid = _grid("airport", "flights", "cancelled", "mean delay", "longest queue", "", "alerts")
    for name, port in zip(AIRPORTS, board.airports, strict=True):
        grid.add_row(
            name,
            f"{port.departed + port.cancelled:,}",
            f"{port.cancelled:,}",
            _mean(port.departure_delay, port.departed),
            f"{port.longest_queue} flights",
            table.clock(port.longest_queue_minute) if port.longest_queue else "",
            f"{port.queue_alerts:,}",
        )
    departed = sum(port.departed for port in board.airports)
    cancelled = sum(port.cancelled for port in board.airports)
    delay = sum(port.departure_delay for port in board.airports)
    grid.add_section()
    grid.add_row(
        "all",
        f"{departed + cancelled:,}",
        f"{cancelled:,}",
        _mean(delay, departed),
        "",
        "",
        f"{sum(port.queue_alerts for port in board.airports):,}",
    )
    console.print(grid)
    console.print()
    grid = _grid("carrier", "", "flights", "cancelled", "mean delay", "on arrival", "alerts")
    carriers = sorted(board.carriers.items(), key=lambda item: -item[1].departed)
    for code, line in carriers:
        grid.add_row(
            table.carriers[code],
            _short(table.carrier_names[code]),
            f"{line.departed + line.cancelled:,}",
            f"{line.cancelled:,}",
            _mean(line.departure_delay, line.departed),
            _mean(line.arrival_delay, line.arrived),
            f"{line.late_aircraft_alerts:,}",
        )
    arrived = sum(line.arrived for _, line in carriers)
    arrival_delay = sum(line.arrival_delay for _, line in carriers)
    warned = sum(line.late_aircraft_alerts for _, line in carriers)
    grid.add_section()
    grid.add_row("all", "", "", "", "", _mean(arrival_delay, arrived), f"{warned:,}")
    console.print(grid)
    console.print(
        "mean delay: of departures, in minutes. Alerts: at the airports of queues, for\n"
        "carriers of late aircraft.",
        style="dim",
    )


def tell_alerts(console: Console, board: Board, alerts: Array, table: Table) -> None:
    """What became of the warnings, records of aircraft, and an alert of each kind."""
    warned = sum(line.late_aircraft_alerts for line in board.carriers.values())
    settled = max(1, board.came_true + board.came_in_time)
    late = int(((table.departure_delay >= LATE) & table.departed).sum())
    console.print(
        f"\n{warned:,} departures were warned of because the aircraft was late; {board.came_off:,} "
        f"were then\ntaken off. Of the rest {board.came_true / settled:.0%} left {LATE} minutes "
        f"late or more, as {late / max(1, int(table.departed.sum())):.0%} of all did.\n"
    )
    count, aircraft, day = board.busiest
    console.print(
        f"Busiest aircraft: {table.tails[aircraft]} left New York {count} times on "
        f"{table.clock(day * 1440 + DAY_BEGINS)[:-6]}. "
        f"{board.unseen_arrivals:,}\ndepartures were of an aircraft whose arrival nobody had "
        "reported. Last alerts:"
    )
    for kind in range(2):
        of_kind = np.flatnonzero(alerts["kind"] == kind)
        if len(of_kind):
            console.print("  " + alert_text(alerts[of_kind[-1]], table), style="yellow")


def alert_text(alert: Any, table: Table) -> str:
    """An alert in words."""
    flight, airport = int(alert["flight"]), AIRPORTS[alert["airport"]]
    when = table.clock(alert["minute"])
    if alert["kind"] == QUEUE:
        return (
            f"{when}  {airport}: {alert['amount']} flights wait, and the last {ROLLING} left "
            f"{alert['rolling']:.0f} minutes late"
        )
    return (
        f"{when}  {table.tails[alert['aircraft']]} late in as {table.name(alert['cause'])}: "
        f"{table.name(flight)} from {airport} expected {alert['amount']} min late"
    )


def _grid(*headings: str) -> Grid:
    """A table of numbers, with text in the first column and in those without a heading."""
    grid = Grid(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        text = place == 0 or not heading
        grid.add_column(heading, justify="left" if text else "right", no_wrap=True)
    return grid


def _short(name: str) -> str:
    for ending in (".", " Inc", " Co", " Corporation"):
        name = name.removesuffix(ending)
    return name


def _mean(total: int, count: int) -> str:
    return f"{total / count:.2f}" if count else "-"
