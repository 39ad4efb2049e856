"""Event formats: odd sizes, padding, nesting; what is taken as events and what is refused."""

from __future__ import annotations

import array
import ast
import collections
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ring_tools import TICK, ids, ticks

import headrace as hr
from headrace.ringbuffer import errors
from headrace.ringbuffer.formats import text_to_dtype

WIDE = np.dtype(
    [
        ("flag", "?"),
        ("id", "<i8"),
        ("price", "<f4"),
        ("name", "S5"),
        ("text", "U7"),
        ("at", "<M8[ns]"),
        ("took", "<m8[us]"),
        ("vector", "<f8", (3, 2)),
        ("inner", [("x", "<i2"), ("y", "<c16"), ("tag", "V3")]),
        ("big", ">u4"),
    ],
    align=True,
)
DTYPES = [
    "u1",
    "S3",
    "<f8",
    ">i4",
    "U2",
    "<M8[s]",
    "V24",
    "S25",
    [("a", "u1"), ("b", "<i8"), ("c", "S91")],
    np.dtype([("a", "u1"), ("b", "<i8")], align=True),
    np.dtype({"names": ["a", "b"], "formats": ["<i4", "<i4"], "offsets": [4, 12], "itemsize": 24}),
    np.dtype([(("a title", "a"), "<i4"), ("b", "<i4")]),
    np.dtype([(f"field{number}", "<i4") for number in range(500)]),
    WIDE,
]


def random_events(dtype: np.dtype[Any], count: int) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(3)
    events = np.zeros(count, dtype)
    raw = rng.integers(1, 100, (count, dtype.itemsize), np.uint8)
    if dtype.names is None or "flag" not in dtype.names:
        return raw.view(dtype)[:, 0] if dtype.kind != "U" else events
    events["id"] = rng.integers(0, 1 << 60, count)
    events["name"], events["text"] = b"abc", "übel"
    events["vector"] = rng.random((count, 3, 2))
    events["inner"]["y"] = 1 + 2j
    events["big"] = 7
    events["at"] = np.datetime64("2013-01-01T00:00:00", "ns")
    return events


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: f"{np.dtype(dtype).itemsize}-bytes")
@pytest.mark.parametrize("named", [False, True])
def test_formats_go_through(dtype: Any, named: bool, ring_name: Callable[[], str]) -> None:
    dtype = np.dtype(dtype)
    with hr.Ring.create(dtype, 16, ring_name() if named else None) as ring:
        other = hr.Ring.attach(ring.name) if ring.name else ring
        assert other.dtype == dtype
        assert other.dtype.itemsize == dtype.itemsize
        producer, consumer = ring.producer(), other.consumer("c")
        events = random_events(dtype, 11)
        for _ in range(5):
            producer.publish(events)
            batch = consumer.poll()
            assert batch.dtype == dtype
            assert batch.tobytes() == events.tobytes()
            assert (batch == events).all()
            consumer.release()


def test_alignment_flag_is_true() -> None:
    """NumPy picks faster loops by it, and wrong ones where it lies."""
    for align in (False, True):
        dtype = np.dtype([("a", "u1"), ("b", "<i8")], align=align)
        producer = hr.Ring.create(dtype, 8).producer()
        for _ in range(20):
            with producer.claim(3) as slots:
                assert slots.flags.aligned
                assert slots["b"].flags.aligned == align
                slots["b"] = 5
                assert slots["b"].sum() == 15


@pytest.mark.parametrize(
    "dtype", [[("id", "<i8"), ("price", "<f4")], [("id", "<i8"), ("cost", "<f8")], "<i8", "V16"]
)
def test_other_dtypes_are_refused(dtype: Any) -> None:
    ring = hr.Ring.create(TICK, 8)
    producer = ring.producer()
    for publish in (producer.publish, producer.try_publish):
        with pytest.raises(errors.DtypeError) as caught:
            publish(np.zeros(3, dtype))
        assert f"events have dtype {np.dtype(dtype)}, the ring has {TICK}" in str(caught.value)
        assert "astype" in str(caught.value)
        assert isinstance(caught.value, TypeError)
    assert ring.cursor == 0
    producer.publish(ticks(1))  # and after it was right once, still
    with pytest.raises(errors.DtypeError):
        producer.publish(np.zeros(3, dtype))


@pytest.mark.parametrize("events", [None, "text", {"a": 1}, [(1,)], [(1, 2, 3)], [("x", 1)], 1j])
def test_what_does_not_become_events(events: Any) -> None:
    ring = hr.Ring.create(TICK, 8)
    with pytest.raises(errors.DtypeError, match="cannot become events of"):
        ring.producer().publish(events)
    assert ring.cursor == 0


@pytest.mark.parametrize(
    ("dtype", "events", "said"),
    [
        (TICK, [(1, 2.0), (1.5, 2)], "event 1 cannot be (1.5, 2): field 'id': 'float' object"),
        (TICK, (1.5, 2), "field 'id': 'float' object"),
        ("<i8", [1, 2.5], "event 1 cannot be 2.5: 'float' object"),
        ("<i8", (True, "5"), "event 1 cannot be '5': 'str' object"),
        ("<i8", 2.5, "'float' object"),
        ("<i8", array.array("d", [1.0]), "event 0 cannot be 1.0: 'float' object"),
        ("<i8", [[1, 2], [3, 4]], "event 0 cannot be [1, 2]: "),
        ("<i1", [1, 300], "300"),
        ("<i1", [np.int64(1), 300], "event 1 cannot be 300: out of range"),
        ("<f4", [0.5, 1e300], "event 1 cannot be 1e+300: "),
        ("S2", ["ab"], "event 0 cannot be 'ab': a str, not bytes"),
        ("S2", [b"abc"], "event 0 cannot be b'abc': too long: 2 bytes, and it has 3"),
        ("?", [True, 2], "event 1 cannot be 2: neither true nor false"),
    ],
)
def test_what_would_be_cut_is_refused(dtype: Any, events: Any, said: str) -> None:
    ring = hr.Ring.create(dtype, 8)
    with pytest.raises(errors.DtypeError) as caught:
        ring.producer().publish(events)
    assert f"{type(events).__name__} cannot become events of" in str(caught.value)
    assert said in str(caught.value)
    assert ring.cursor == 0


class Table:
    """Has an array of its own, as tables and tensors do."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        return np.full(2, 1.5)


@pytest.mark.parametrize("events", [memoryview(np.ones(2)), Table()], ids=["memoryview", "table"])
def test_arrays_of_others_are_not_converted(events: Any) -> None:
    ring = hr.Ring.create("<i8", 8)
    with pytest.raises(errors.DtypeError, match="events have dtype float64, the ring has int64"):
        ring.producer().publish(events)
    assert ring.cursor == 0


@pytest.mark.parametrize(
    ("dtype", "events", "seen"),
    [
        ("<i8", [1, True, np.int8(3)], [1, 1, 3]),
        ("<i8", range(3), [0, 1, 2]),
        ("<i8", (1, 2), [1, 2]),
        ("<i8", 7, [7]),
        ("<i8", [], []),
        ("<u8", [(1 << 64) - 1], [(1 << 64) - 1]),
        ("<i8", collections.deque([1, 2]), [1, 2]),
        ("<i8", memoryview(np.arange(3)), [0, 1, 2]),
        ("<i8", array.array("i", [1, 2]), [1, 2]),
        ("u1", bytearray(b"ab"), [97, 98]),
        ("<f8", [1, 0.1], [1.0, 0.1]),
        ("<f8", [0.1, 0.2], [0.1, 0.2]),
        ("S2", b"ab", [b"ab"]),
        ("S2", [b"ab", b""], [b"ab", b""]),
        (TICK, (1, 2), [(1, 2.0)]),
        (TICK, [(1, 2.5), ticks(5)[4]], [(1, 2.5), (4, 2.0)]),
        (TICK, [], []),
    ],
)
def test_what_becomes_events(dtype: Any, events: Any, seen: list[Any]) -> None:
    ring = hr.Ring.create(dtype, 8)
    consumer = ring.consumer("c")
    ring.producer().publish(events)
    assert consumer.poll().tolist() == seen


def test_shapes() -> None:
    ring = hr.Ring.create(TICK, 8)
    producer, consumer = ring.producer(), ring.consumer("c")
    with pytest.raises(errors.DtypeError, match=r"events have shape \(2, 2\); one dimension"):
        producer.publish(ticks(4).reshape(2, 2))
    with pytest.raises(errors.DtypeError, match=r"event 0 cannot be .* a tuple of id, price"):
        producer.publish([[(1, 1.0)], [(2, 2.0)]])
    producer.publish(ticks(1, 7).reshape(()))
    producer.publish(ticks(9)[8])  # a record
    assert ids(consumer.poll()) == [7, 8]


def test_strides_and_lists() -> None:
    ring = hr.Ring.create(TICK, 64)
    producer, consumer = ring.producer(), ring.consumer("c")
    table = np.zeros((6, 3), TICK)
    table[:, 1] = ticks(6, 100)
    producer.publish(ticks(10)[::3])
    producer.publish(ticks(5)[::-1])
    producer.publish(table[:, 1])
    producer.publish(np.broadcast_to(ticks(1, 50), 3))
    producer.publish([(60, 30.0), (61, 30.5)])
    producer.publish((62, 31.0))
    producer.publish(ticks(3, 70).view(np.recarray))
    frozen = ticks(2, 80)
    frozen.flags.writeable = False
    producer.publish(frozen)
    wanted = [0, 3, 6, 9, 4, 3, 2, 1, 0, *range(100, 106), 50, 50, 50, 60, 61, 62, 70, 71, 72]
    assert ids(consumer.poll()) == [*wanted, 80, 81]


def test_empty_input() -> None:
    ring = hr.Ring.create(TICK, 8)
    producer = ring.producer()
    producer.publish(ticks(3))
    assert producer.publish(ticks(0)) == 3
    assert producer.publish([]) == 3
    assert producer.try_publish([]) == 0
    assert ring.cursor == 3


def test_plain_numbers() -> None:
    ring = hr.Ring.create("<f8", 8)
    producer, consumer = ring.producer(), ring.consumer("c")
    producer.publish([1, 2.5])
    producer.publish(4)
    producer.publish(range(2))
    assert consumer.poll().tolist() == [1.0, 2.5, 4.0, 0.0, 1.0]


@pytest.mark.parametrize("size", [1, 3, 24, 25, 100, 1 << 20])
def test_memory_is_whole_pages(size: int) -> None:
    """Slots are a power of two that fills pages: the ring is never shorter than asked for."""
    ring = hr.Ring.create(f"S{size}", 2)
    producer, consumer = ring.producer(), ring.consumer("c")
    for turn in range(6):
        producer.publish([b"a" * (size if turn % 2 else 1), b"b"])
        assert consumer.poll().tolist() == [b"a" * (size if turn % 2 else 1), b"b"]
        with pytest.raises(errors.WaitTimeout):
            producer.publish([b"c"], timeout=0)
        consumer.release()


def test_large_pieces_are_copied_right() -> None:
    """Above 256 KiB the copy runs without the GIL."""
    ring = hr.Ring.create("<u8", 1 << 16)
    producer, consumer = ring.producer(), ring.consumer("c")
    for _ in range(3):
        events = np.random.default_rng(1).integers(0, 1 << 62, 50_000, np.uint64)
        producer.publish(events)
        assert (consumer.poll() == events).all()
        consumer.release()


def test_a_text_is_parsed_again_after_an_error_of_the_interpreter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CPython 3.11 may raise SystemError where two threads parse at the same time."""
    parse, calls = ast.literal_eval, []

    def literal_eval(text: str) -> Any:
        calls.append(text)
        if len(calls) < 3:
            raise SystemError("AST constructor recursion depth mismatch (before=231, after=38)")
        return parse(text)

    monkeypatch.setattr(ast, "literal_eval", literal_eval)
    text = b"[('parsed_again', '<i4')]"
    for _ in range(2):
        assert text_to_dtype(text) == np.dtype([("parsed_again", "<i4")])
    assert calls == [text.decode()] * 3
