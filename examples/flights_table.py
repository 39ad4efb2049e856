"""The flights of examples/data/flights.npz, and the events that they make.

    python examples/flights_table.py build/flights.npy
    headrace run examples/flights.py:board --input build/flights.npy --output build/alerts.csv

The first line writes the events to a file, the second steps over them.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from flights import AIRPORTS, ARRIVED, CANCELLED, DEPARTED, EVENT, HELD, NONE

EXTRACT = Path(__file__).parent / "data" / "flights.npz"
MISSING = -32768  # a delay that the table leaves empty

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Table:
    """Flights, a row each, and the names that their codes stand for; see data/README.md."""

    due: Array
    offset: Array
    block: Array
    departure_delay: Array
    arrival_delay: Array
    origin: Array
    destination: Array
    carrier: Array
    aircraft: Array
    number: Array
    origins: list[str]
    destinations: list[str]
    carriers: list[str]
    carrier_names: list[str]
    tails: list[str]

    def __len__(self) -> int:
        return len(self.due)

    @property
    def departed(self) -> Array:
        """Which flights left; all others were cancelled."""
        return self.departure_delay != MISSING

    @property
    def arrived(self) -> Array:
        """Of which flights an arrival is reported; some that left were diverted or lost."""
        return self.arrival_delay != MISSING

    def first(self, count: int) -> Table:
        """The flights planned first, in the order of the table."""
        chosen = np.sort(np.argsort(self.due, kind="stable")[:count])
        columns = {k: v[chosen] for k, v in vars(self).items() if isinstance(v, np.ndarray)}
        return replace(self, **columns)

    def name(self, flight: int) -> str:
        """A flight as on a departure board: UA 1545."""
        return f"{self.carriers[self.carrier[flight]]} {self.number[flight]}"

    def clock(self, minute: int) -> str:
        """A minute on New York's clocks, which stand as they do for the flight planned nearest."""
        nearest = np.abs(self.due - int(minute)).argmin()
        local = datetime(2013, 1, 1) + timedelta(minutes=int(minute) + int(self.offset[nearest]))
        return f"{local.day} {local:%b %H:%M}"


def load(path: Path = EXTRACT) -> Table:
    """Read the extract."""
    with np.load(path, allow_pickle=False) as archive:
        columns = {name: archive[name] for name in archive.files}
    texts = {name: column.tolist() for name, column in columns.items() if column.dtype.kind == "U"}
    table = Table(**{**columns, **texts})
    if tuple(table.origins) != AIRPORTS:
        raise ValueError(f"{path}: flights from {table.origins}, not {AIRPORTS}; make it anew")
    return table


def next_flights(table: Table) -> Array:
    """For each flight the next one of its aircraft, by planned departure; NONE where unknown."""
    order = np.lexsort((np.arange(len(table)), table.due, table.aircraft))
    front, behind = order[:-1], order[1:]
    same = (table.aircraft[front] == table.aircraft[behind]) & (table.aircraft[front] != NONE)
    found = np.full(len(table), NONE, np.int32)
    found[front[same]] = behind[same]
    return found


def events(table: Table) -> Array:
    """All events of the table's flights, in the order that flights.py describes."""
    departed = table.due + table.departure_delay.astype(np.int32)
    arrived = table.due + table.block + table.arrival_delay.astype(np.int32)
    held = table.departed & (table.departure_delay > 0)
    flights = np.arange(len(table), dtype=np.int32)
    parts = [
        (ARRIVED, flights[table.arrived], arrived),
        (CANCELLED, flights[~table.departed], table.due),
        (DEPARTED, flights[table.departed], departed),
        (HELD, flights[held], table.due),
    ]
    every = _plan(table)
    together = np.concatenate([every[which] for _, which, _ in parts])
    together["kind"] = np.concatenate([np.full(len(which), kind) for kind, which, _ in parts])
    together["minute"] = np.concatenate([minutes[which] for _, which, minutes in parts])
    for kind, delays in ((ARRIVED, table.arrival_delay), (DEPARTED, table.departure_delay)):
        of_kind = together["kind"] == kind
        together["delay"][of_kind] = delays[together["flight"][of_kind]]
    order = np.lexsort((together["flight"], together["kind"], together["minute"]))
    return together[order]


def _plan(table: Table) -> Array:
    """What an event of each flight says, whatever its kind."""
    made = np.zeros(len(table), EVENT)
    made["flight"] = np.arange(len(table))
    made["airport"] = table.origin
    for name in ("block", "aircraft", "carrier", "destination"):
        made[name] = getattr(table, name)
    made["hour"] = (table.due + table.offset) // 60 % 24
    following = next_flights(table)
    known = following != NONE
    made["next_flight"] = following
    made["next_due"] = np.where(known, table.due[following], NONE)
    made["next_airport"] = np.where(known, table.origin[following], NONE)
    return made


def main() -> None:
    """Write the events to a .npy file."""
    parser = argparse.ArgumentParser(description="Write the events of the flights to a file.")
    parser.add_argument("file", type=Path, help="where to write them (.npy)")
    parser.add_argument("--flights", type=int, help="only so many, those planned first")
    options = parser.parse_args()
    if options.flights is not None and options.flights < 1:
        parser.error("--flights takes a number from 1 on")
    table = load()
    made = events(table if options.flights is None else table.first(options.flights))
    options.file.parent.mkdir(parents=True, exist_ok=True)
    np.save(options.file, made)
    print(f"{len(made):,} events of {made.dtype.itemsize} bytes: {options.file}")


if __name__ == "__main__":
    main()
