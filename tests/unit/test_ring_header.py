"""Segments that are no ring, of another version, cut, or damaged; listing and removing rings."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable, Iterator

import pytest
from ring_tools import (
    AFTER,
    CONSUMER_BYTES,
    CONSUMERS,
    HEADER_BYTES,
    NAME,
    OWNER_PID,
    STATE,
    TICK,
    ids,
    make_checksum,
    path_of,
    read_field,
    ticks,
    write_bytes,
    write_field,
)

import headrace as hr
from headrace.ringbuffer import errors, list_rings, remove_ring

Names = Callable[[], str]


@pytest.fixture
def ring(ring_name: Names) -> Iterator[hr.Ring]:
    with hr.Ring.create(TICK, 8, ring_name(), "multi", timestamps=True) as ring:
        yield ring


def held(name: str) -> int:
    """How many of this process's descriptors are of that ring's segment."""
    links = []
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
    return links.count(path_of(name))


def refused(name: str) -> str:
    """What attaching says; it leaves nothing open behind."""
    before = held(name)
    with pytest.raises(errors.RingFormatError) as caught:
        hr.Ring.attach(name)
    assert held(name) == before
    text = str(caught.value)
    assert text.startswith(f"ring {name!r}: ")
    return text


def test_offsets_of_these_tests_are_right(ring: hr.Ring) -> None:
    assert read_field(ring.name, "magic") == int.from_bytes(b"HEADRACE", "little")
    assert read_field(ring.name, "capacity") == 8
    assert read_field(ring.name, "owner_pid") == os.getpid()
    assert read_field(ring.name, "segment_bytes") == os.path.getsize(path_of(ring.name))
    checksum = read_field(ring.name, "fixed_checksum")
    make_checksum(ring.name)
    assert read_field(ring.name, "fixed_checksum") == checksum
    ring.producer().publish(ticks(5))
    assert read_field(ring.name, "claimed") == 5


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("magic", 0x1122334455667788, "not a headrace ring"),
        ("layout_version", 1, "layout version 1, but this headrace reads version 2; use the same"),
        ("byte_order", 0x04030201, "another byte order"),
        ("segment_bytes", 4096, "offsets"),
        ("capacity", 1024, "offsets"),
        ("capacity", 7, "damaged"),
        ("capacity", 1 << 41, "damaged"),
        ("slots_allocated", 8, "offsets"),
        ("slots_offset", 1 << 40, "offsets"),
        ("item_bytes", 24, "offsets"),
        ("page_bytes", 16384, "pages of 16384 bytes, not"),
        ("dtype_bytes", 0, "a dtype of 0 bytes"),
        ("dtype_bytes", 1 << 31, "a dtype of 2147483648 bytes"),
    ],
)
@pytest.mark.parametrize("vouch", [False, True])
def test_fixed_part(ring: hr.Ring, field: str, value: int, words: str, vouch: bool) -> None:
    if not (vouch and field == "dtype_bytes"):
        write_field(ring.name, field, value, vouch=vouch)
    else:
        write_field(ring.name, field, value)
    text = refused(ring.name)
    assert words in text or (not vouch and "checksum does not match" in text)


@pytest.mark.parametrize(
    "description",
    [
        b"'|O'",
        b"[('a', '|O')]",
        b"[(",
        b"((((((((",
        b"__import__('os')",
        b"\xff\xfe",
        b"'<i8",
        b"[]",
        b"{'a': 1}",
        b"[('a', '<i8', (1 << 80,))]",
        b"[('a', '<i8', -1)]",
        b"None",
        b"5",
        b"'<i999999999999'",
        b"(" * 3000,
        b"[" * 90 + b"]" * 90,
        b"-" * 5000 + b"1",
    ],
)
def test_dtype_text(ring: hr.Ring, description: bytes) -> None:
    """Also with a checksum that vouches for it, as another program could write it."""
    write_bytes(ring.name, HEADER_BYTES, description)
    write_field(ring.name, "dtype_bytes", len(description), vouch=True)
    assert "dtype" in refused(ring.name)


@pytest.mark.parametrize("size", [1, 100, 107, 128, 4096, HEADER_BYTES, HEADER_BYTES + 10])
def test_truncated(ring: hr.Ring, size: int) -> None:
    name = ring.name
    ring.close()
    with open(path_of(name), "wb") as file:
        file.truncate(size)
    text = refused(name)
    assert "never finished" in text
    assert f"({size:,} bytes, no header)" in text


def test_cut_and_lengthened(ring_name: Names) -> None:
    """With a header that is right; nobody is attached, since that would be a bus error."""
    for change, word in ((-4096, "truncated"), (4096, "")):
        name = ring_name()
        ring = hr.Ring.create(TICK, 8, name)
        size = os.path.getsize(path_of(name))
        content = open(path_of(name), "rb").read()  # noqa: SIM115
        ring.close()
        with open(path_of(name), "wb") as file:
            file.write(content[: size + change])
            file.truncate(size + change)
        text = refused(name)
        assert f"{size + change:,} bytes" in text
        assert f"{size:,}" in text
        assert word in text
        assert change < 0 or "truncated" not in text


def test_other_files(ring_name: Names) -> None:
    name = ring_name()
    with open(path_of(name), "wb") as file:
        file.write(b"something else, with a good number of bytes" * 9)
    assert "not a headrace ring (it starts with b'somethin')" in refused(name)


@pytest.mark.timeout(20)
def test_never_finished(ring_name: Names) -> None:
    name = ring_name()
    with open(path_of(name), "wb") as file:
        file.truncate(8192)
    assert "never finished (8,192 bytes, no header); its creator may have died" in refused(name)


def entry(ring: hr.Ring, index: int, offset: int, code: str, value: object) -> None:
    where = CONSUMERS + index * CONSUMER_BYTES + offset
    write_bytes(ring.name, where, struct.pack("<" + code, value))


def test_moving_part(ring: hr.Ring) -> None:
    """What cannot be is said; each is put right again afterwards."""
    ring.producer().publish(ticks(3))
    held = [ring.consumer("a"), ring.consumer("b", after=["a"])]
    name = ring.name
    hr.Ring.attach(name)
    for claimed in (-1, 1 << 62, -(1 << 63)):
        write_field(name, "claimed", claimed)
        assert "its cursor is" in refused(name)
    write_field(name, "claimed", 3)
    write_field(name, "active_mask", 0b111)
    assert "a consumer without a name gates the producers" in refused(name)
    write_field(name, "active_mask", 0b11)
    entry(ring, 0, AFTER, "Q", 0b10)
    assert "wait for each other in a circle" in refused(name)
    entry(ring, 0, AFTER, "Q", 1 << 40)
    assert "comes after none that exists" in refused(name)
    entry(ring, 0, AFTER, "Q", 0)
    for sequence in (4, -6, 1 << 60):
        entry(ring, 0, 0, "q", sequence)
        assert f"'a' stands at {sequence}, outside [-5, 3]" in refused(name)
    entry(ring, 0, 0, "q", 3)
    entry(ring, 1, NAME, "64s", b"\xff" * 64)
    assert "consumer 1 has no readable name" in refused(name)
    entry(ring, 1, NAME, "64s", b"b")
    assert len(hr.Ring.attach(name).consumers) == len(held)


def test_consumer_killed_while_it_joined(ring: hr.Ring) -> None:
    """It has its name, gates nothing yet, and stands where a former owner of its entry stood."""
    with ring.producer() as producer:
        producer.publish(ticks(100))
    entry(ring, 0, NAME, "64s", b"half")
    entry(ring, 0, STATE, "I", 1)
    other = hr.Ring.attach(ring.name)
    successor = other.consumer("half")
    other.producer().publish(ticks(2))
    assert ids(successor.poll()) == [0, 1]


def test_sequences_that_cannot_be_are_noticed_later(ring_name: Names) -> None:
    """Scribbled over while in use: an error that names it, and no batch longer than the ring."""
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        consumer = ring.consumer("c")
        write_field(ring.name, "cursor", 1000)
        for _ in range(2):
            with pytest.raises(errors.RingFormatError) as caught:
                consumer.poll()
            assert "consumer 'c' at sequence 0: the sequences in shared memory" in str(caught.value)
        with pytest.raises(errors.RingFormatError, match="further ahead than the ring is long"):
            next(consumer)


def test_list_and_remove(ring_name: Names) -> None:
    """A living owner's ring is described and not removed."""
    name = ring_name()
    with hr.Ring.create(TICK, 8, name, "multi") as ring:
        ring.producer().publish(ticks(3))
        consumer = ring.consumer("c")
        (info,) = (info for info in list_rings() if info.name == name)
        assert (info.capacity, info.item_size, info.producers) == (8, 16, "multi")
        assert info.dtype_text == str(TICK)
        assert (info.cursor, info.ended, info.damaged) == (3, False, None)
        assert (info.owner_pid, info.owner_alive) == (os.getpid(), True)
        assert info.bytes == os.path.getsize(path_of(name))
        assert [found.name for found in info.consumers] == [consumer.name]
        with pytest.raises(errors.UsageError, match=f"'{name}' belongs to process {os.getpid()}"):
            remove_ring(name)
        assert hr.Ring.attach(name).cursor == 3
    assert name not in [info.name for info in list_rings()]
    with pytest.raises(errors.RingNotFound, match=name):
        remove_ring(name)


def test_leftovers_are_listed_and_removed(ring_name: Names) -> None:
    """Of an owner that is dead (another start time), and damaged ones."""
    for field, value, damaged in (
        ("owner_start", 1, False),
        ("owner_pid", 0x7FFFFFF0, False),
        ("magic", 5, True),
        ("slots_offset", 5, True),
    ):
        name = ring_name()
        ring = hr.Ring.create(TICK, 8, name)
        write_field(name, field, value, vouch=not damaged)
        (info,) = (info for info in list_rings() if info.name == name)
        assert not info.owner_alive
        assert (info.damaged is not None) == damaged
        assert info.bytes == os.path.getsize(path_of(name))
        remove_ring(name)
        assert not os.path.exists(path_of(name))
        ring.producer().publish(ticks(1))  # who is attached keeps it


def test_consumer_of_another_life(ring: hr.Ring) -> None:
    """The same pid with another start time is another process, so the name may be taken."""
    ring.producer().publish(ticks(5))
    first = ring.consumer("c")
    write_bytes(ring.name, CONSUMERS + OWNER_PID + 4, struct.pack("<q", 1))
    assert ring.consumers[0].alive is False
    ring.evict("c")
    assert ring.consumers == ()
    assert first.name == "c"
