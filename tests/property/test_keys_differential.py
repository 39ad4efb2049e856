"""Partitions of whole columns of keys against the definition, a key at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from headrace.engine.sharing import places_of_shard
from headrace.keys import partition_of
from headrace.reference import keys as reference

SCALARS = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    hnp.byte_string_dtypes(min_len=1, max_len=20),
    hnp.unicode_string_dtypes(endianness="?", min_len=1, max_len=5),
    hnp.datetime64_dtypes(endianness="?"),
    hnp.timedelta64_dtypes(endianness="?"),
)
STRUCTURED = st.recursive(
    SCALARS,
    lambda inner: st.lists(
        st.tuples(inner, st.sampled_from([(), (1,), (2,), (2, 3)])), min_size=1, max_size=3
    ).map(lambda fields: np.dtype([(f"f{at}", *field) for at, field in enumerate(fields)])),
    max_leaves=4,
)


def plain(value: Any) -> Any:
    """A key as the definition takes it."""
    if isinstance(value, np.ndarray):
        return [plain(one) for one in value]
    dtype = value.dtype
    if dtype.names:
        return tuple(plain(value[name]) for name in dtype.names)
    if dtype.kind in "mM":
        return int(value.astype("i8"))
    if dtype.kind == "V":
        return list(value.tobytes())
    return value.item()


@given(st.data(), STRUCTURED, st.integers(1, 1 << 16))
def test_columns_and_single_keys_agree(data: Any, dtype: Any, partitions: int) -> None:
    shape = data.draw(st.sampled_from([(0,), (1,), (5,), (3, 2), (2, 2, 2)]))
    keys = data.draw(hnp.arrays(dtype, shape))
    before = keys.tobytes()
    found = partition_of(keys, partitions)
    assert found.dtype == np.uint16
    assert found.tolist() == [reference.partition_of(plain(key), partitions) for key in keys]
    assert keys.tobytes() == before
    swapped = keys.astype(keys.dtype.newbyteorder("S"))
    assert partition_of(swapped, partitions).tolist() == found.tolist()
    strided = np.repeat(keys, 2, axis=0)[::2]
    assert partition_of(strided, partitions).tolist() == found.tolist()


QUICK = st.one_of(
    hnp.integer_dtypes(endianness="="),
    hnp.unsigned_integer_dtypes(endianness="="),
    hnp.byte_string_dtypes(min_len=1, max_len=20),
)


@given(st.data(), QUICK, st.integers(1, 60))
def test_places_of_a_shard(data: Any, dtype: Any, shards: int) -> None:
    """Beside other fields, as they lie in a ring."""
    keys = data.draw(hnp.arrays(dtype, st.integers(0, 40)))
    events = np.zeros(len(keys), [("before", "S3"), ("key", dtype), ("behind", "i2")])
    events["key"], events["before"], events["behind"] = keys, b"xyz", -1
    found = [places_of_shard(events["key"], shards, shard) for shard in range(shards)]
    wanted = [reference.partition_of(plain(key), shards) for key in keys]
    for shard, places in enumerate(found):
        assert places is not None
        assert places.dtype == np.int64
        assert places.tolist() == [at for at, one in enumerate(wanted) if one == shard]


OTHERS = [("f8", 3), ("i8", (2, 2)), (">i4", 2), ("U2", 2), ("M8[s]", 2), ("?", 1)]


@pytest.mark.parametrize(("dtype", "shape"), OTHERS)
def test_places_of_other_keys(dtype: str, shape: Any) -> None:
    assert places_of_shard(np.zeros(shape, dtype), 2, 0) is None


@given(st.lists(st.binary(min_size=3, max_size=3), max_size=5))
def test_bytes_of_no_kind(rows: list[bytes]) -> None:
    keys = np.frombuffer(b"".join(rows), "V3")
    expected = [reference.partition_of(list(row), 256) for row in rows]
    assert partition_of(keys).tolist() == expected
    nested = keys.view([("x", "V3")])
    expected = [reference.partition_of((list(row),), 256) for row in rows]
    assert partition_of(nested).tolist() == expected


WIDTHS = [
    ("u1", ["i2", "u2", "i4", "u4", "i8", "u8"], st.integers(0, 127)),
    ("i1", ["i2", "i4", "i8"], st.integers(-128, 127)),
    ("f2", ["f4", "f8", "g"], st.floats(width=16)),
    ("c8", ["c16", "G"], st.complex_numbers(width=64)),
    ("S3", ["S4", "S8", "S9", "S30"], st.binary(max_size=3)),
    ("U2", ["U3", "U9"], st.text(max_size=2)),
]


@pytest.mark.parametrize(("narrow", "wider", "values"), WIDTHS, ids=[one[0] for one in WIDTHS])
@given(st.data())
def test_width_does_not_matter(narrow: str, wider: list[str], values: Any, data: Any) -> None:
    keys = np.array(data.draw(st.lists(values, max_size=8)), narrow)
    for dtype in wider:
        with np.errstate(invalid="ignore"):  # a signalling NaN is made a quiet one
            same = keys.astype(dtype)
        assert partition_of(same).tolist() == partition_of(keys).tolist()
