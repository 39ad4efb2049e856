"""Partitions of keys: fixed for ever, even, and refused where there are none."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from headrace.errors import DtypeError, UsageError
from headrace.keys import partition_of

VENUE = np.dtype([("id", "i2"), ("mic", "S4")])
# What stands in journals depends on these: they may never change.
FIXED: list[tuple[Any, list[int]]] = [
    (np.array([0, 1, 2, -1, 1 << 40], "i8"), [61754, 13320, 12891, 1811, 45564]),
    (np.array([False, True]), [61754, 13320]),
    (np.array([0.0, -0.0, 1.5, np.inf, np.nan], "f8"), [61754, 61754, 20843, 22107, 28670]),
    (np.array([b"", b"a", b"AAPL", b"a longer symbol"], "S16"), [26725, 4127, 23276, 13118]),
    (np.array(["", "a", "AAPL", "é\U0001f600"], "U4"), [26725, 4127, 48519, 15900]),
    (np.array(["1970-01-02", "NaT"], "M8[D]"), [13320, 7350]),
    (np.array([(1, b"XNYS"), (2, b"")], VENUE), [41590, 16210]),
    (np.array([[1, 2], [2, 1]], "i4"), [61221, 24127]),
    (np.array([1 + 2j, 0]), [13832, 10858]),
]
CHI_SQUARE_255_MAX = 349.9  # exceeded once in 10,000 by an even spread over 256


@pytest.mark.parametrize(("keys", "partitions"), FIXED, ids=[str(one[0].dtype) for one in FIXED])
def test_a_keys_partition_never_changes(keys: Any, partitions: list[int]) -> None:
    assert partition_of(keys, 65536).tolist() == partitions
    # Fewer partitions are neighbours put together.
    assert partition_of(keys).tolist() == [one >> 8 for one in partitions]


def test_the_same_in_every_process() -> None:
    code = "import numpy as np; from headrace.keys import partition_of as p; " + (
        "print(p(np.array(['a', 'b', 'c'])).tolist())"
    )
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.strip() == str(partition_of(np.array(["a", "b", "c"])).tolist())


@pytest.mark.parametrize(
    "keys",
    [
        np.arange(50_000),
        np.arange(50_000) << 8,
        np.arange(50_000) << 16,
        np.arange(50_000) << 40,
        np.arange(50_000) * -1000,
        np.arange(50_000).astype("f8"),
        np.arange(50_000) / 1024,
        np.arange(50_000).astype("S8"),
        np.arange(50_000).astype("U12"),
        np.arange(50_000).astype("M8[s]"),
        np.stack([np.arange(50_000) % 250, np.arange(50_000) // 250], axis=1),
    ],
    ids=str,
)
def test_keys_are_spread_evenly(keys: Any) -> None:
    counts = np.bincount(partition_of(keys), minlength=256)
    expected = len(keys) / 256
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    # Suspiciously even is no good either: the keys would not be independent of their partitions.
    assert 160 < chi_square < CHI_SQUARE_255_MAX


def test_the_place_of_a_part_matters() -> None:
    pair = [("a", "S2"), ("b", "S2")]
    keys = np.array([(b"", b"x"), (b"x", b""), (b"x", b"x"), (b"xx", b"")], pair)
    assert len(set(partition_of(keys, 65536).tolist())) == 4


def test_fields_of_events() -> None:
    events = np.zeros(3, [("symbol", "S8"), ("gap", "i1"), ("venue", VENUE), ("at", "f8", (2,))])
    events["symbol"] = [b"a", b"b", b"a"]
    events["at"][1] = 5
    events["gap"] = [1, 2, 3]
    for by in ("symbol", "at", ["symbol", "at"]):
        first, second, third = partition_of(events[by], 65536).tolist()
        assert first == third != second
    assert partition_of(events[:0]).shape == (0,)


@pytest.mark.parametrize("partitions", [0, -1, 65_537, 2.0, "256", None])
def test_partitions_that_cannot_be(partitions: Any) -> None:
    with pytest.raises(UsageError, match="1 to 65,536 partitions"):
        partition_of(np.arange(3), partitions)


@pytest.mark.parametrize("keys", [[1, 2], "a", np.array(5)])
def test_keys_that_are_no_column(keys: Any) -> None:
    with pytest.raises(UsageError, match="a key per row"):
        partition_of(keys)


def test_objects_have_no_partition() -> None:
    with pytest.raises(DtypeError, match="fixed size"):
        partition_of(np.array([object()]))
