"""Frames under everything that can come over a connection: the same frames, or an error."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import WireError
from headrace.live.handshake import Door, Visitor
from headrace.live.wire import HEADER, KINDS, Frame, FrameReader, encode_frame

PAYLOAD_MAX = 200
FRAMES = st.lists(
    st.builds(Frame, st.sampled_from(sorted(KINDS)), st.binary(max_size=PAYLOAD_MAX)), max_size=6
)


def read(data: bytes, cuts: list[int]) -> tuple[list[Frame], bool]:
    """The frames that come out, and whether there was an error; what is held stays bounded."""
    reader = FrameReader(PAYLOAD_MAX)
    frames: list[Frame] = []
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    try:
        for begin, end in itertools.pairwise(places):
            frames += reader.feed(data[begin:end])
            assert reader.held <= HEADER.size + PAYLOAD_MAX or reader._failed is not None
        reader.end()
    except WireError:
        with pytest.raises(WireError):
            reader.end()
        return frames, True
    return frames, False


def joined(frames: list[Frame]) -> bytes:
    return b"".join(encode_frame(*frame) for frame in frames)


@settings(max_examples=200, deadline=None)
@given(FRAMES, st.lists(st.integers(0, 2_000), max_size=8))
def test_frames_come_whole_however_they_are_split(frames: list[Frame], cuts: list[int]) -> None:
    assert read(joined(frames), cuts) == (frames, False)


@settings(max_examples=50, deadline=None)
@given(FRAMES)
def test_frames_come_whole_byte_by_byte(frames: list[Frame]) -> None:
    data = joined(frames)
    assert read(data, list(range(len(data)))) == (frames, False)


@settings(max_examples=300, deadline=None)
@given(FRAMES.filter(bool), st.data())
def test_a_flipped_bit_is_found(frames: list[Frame], data: st.DataObject) -> None:
    whole = bytearray(joined(frames))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    came, failed = read(bytes(whole), data.draw(st.lists(st.integers(0, 2_000), max_size=4)))
    assert failed
    assert came == frames[: len(came)]
    begins = [0]
    for frame in frames:
        begins.append(begins[-1] + HEADER.size + len(frame.payload))
    hit = next(place for place, end in enumerate(begins[1:]) if bit // 8 < end)
    assert len(came) == hit  # all before it, and nothing of it


@settings(max_examples=200, deadline=None)
@given(FRAMES.filter(bool), st.integers(1, 400))
def test_half_a_frame_is_an_error_at_the_end(frames: list[Frame], missing: int) -> None:
    last = encode_frame(*frames[-1])
    data = joined(frames)[: -min(missing, len(last) - 1)]
    assert read(data, []) == (frames[:-1], True)


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=1, max_size=600), FRAMES, st.lists(st.integers(0, 900), max_size=5))
def test_garbage_is_an_error(garbage: bytes, frames: list[Frame], cuts: list[int]) -> None:
    came, failed = read(joined(frames) + b"!" + garbage, cuts)
    assert (came, failed) == (frames, True)


def test_what_is_too_long_is_refused_by_its_header() -> None:
    reader = FrameReader(100)
    whole = encode_frame(5, b"x" * 101)
    with pytest.raises(WireError, match="a frame of 101 bytes; no more than 100 are taken"):
        reader.feed(whole[: HEADER.size])
    assert FrameReader(101).feed(whole) == [Frame(5, b"x" * 101)]


def test_another_version_is_told_at_once() -> None:
    whole = bytearray(encode_frame(1, b""))
    whole[4] = 2
    with pytest.raises(WireError, match="speaks version 2 of this protocol, and this one 1"):
        FrameReader(100).feed(bytes(whole[:5]))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(FRAMES.map(joined), st.binary(max_size=80)), max_size=5), st.booleans())
def test_a_handshake_takes_anything(parts: list[bytes], as_visitor: bool) -> None:
    """Nobody gets in who does not know the secret, whatever he says."""
    side = (
        Visitor("client", "c", b"s" * 16)
        if as_visitor
        else Door("a", b"s" * 16, "system", lambda hello: None)
    )
    reader = FrameReader(PAYLOAD_MAX)
    try:
        for part in parts:
            for frame in reader.feed(part):
                side.take(frame)
    except WireError:
        pass
    assert not side.done
