"""Notes: what a journal keeps beside the events, in the frames, by sequence.

A list of small records in MessagePack, each with its kind; readers pass over kinds that they do not
know, so that later versions can add some.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Note(msgspec.Struct, frozen=True, tag_field="kind", array_like=False):
    """One note; `sequence` is that of the input it belongs to, or stands before."""

    sequence: int


class Called(Note, frozen=True, tag="called"):
    """The input came by `call`: its failure is its caller's, and does not halt the engine.

    `client` and `number`: who called, and the how-manieth call it was; "" and 0 if they did not
    say, and then the answer is not kept.
    """

    client: str = ""
    number: int = 0


class Digest(Note, frozen=True, tag="digest"):
    """The state before input `sequence`, and the outputs before it, in few bytes."""

    state: str  # as headrace.state.state_digest makes it; of a pipeline, of the tuple of states
    outputs: int  # how many records there were
    since: int  # an input: the rolling digest is that of the outputs of the inputs from there on
    rolling: int  # XXH3 of their bytes, one record after the other


class Opened(Note, frozen=True, tag="opened"):
    """An engine began to write here."""

    machine: str
    version: str
    headrace: str


class Sealed(Note, frozen=True, tag="sealed"):
    """The engine was closed, and nothing is missing before this."""


class Reinjected(Note, frozen=True, tag="reinjected"):
    """The input is the event of a dead letter, published again."""

    letters: str  # the id of the dead-letter journal, hexadecimal
    letter: int  # its number there


class Failed(Note, frozen=True, tag="failed"):
    """In a dead-letter journal: an event that a machine could not step over, and why not."""

    machine: str
    version: str
    dtype: str  # of the event, as a segment's header has it
    event: bytes
    origin: int  # the engine's own input that the event descends from
    time_ns: int  # when that was published; -1: not known
    error: str  # the type of the error
    message: str
    traceback: str
    retries: int  # how often it was tried again
    journal: str  # the id of the journal that has the input, hexadecimal; "" if none has
    stage: str = ""  # that the machine was; "": letters did not tell then


class Fated(Note, frozen=True, tag="fated"):
    """In a dead-letter journal: why a letter has this fate now, and whose sequence it names."""

    journal: str = ""
    why: str = ""


AnyNote = Called | Digest | Opened | Sealed | Reinjected | Failed | Fated

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[msgspec.Raw])
_one = msgspec.msgpack.Decoder(AnyNote)
_kind = msgspec.msgpack.Decoder(dict[str, Any])
_KNOWN = {"called", "digest", "opened", "sealed", "reinjected", "failed", "fated"}


def encode_notes(notes: list[AnyNote]) -> bytes:
    """The bytes of some notes; none at all for none."""
    return _encoder.encode(notes) if notes else b""


def decode_notes(data: bytes) -> list[AnyNote]:
    """The notes of known kinds. Raises ValueError for bytes that are no notes."""
    if not data:
        return []
    try:
        return _decoded(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"these bytes are no notes: {error}") from None


def _decoded(data: bytes) -> list[AnyNote]:
    found = []
    for raw in _decoder.decode(data):
        try:
            found.append(_one.decode(raw))
        except msgspec.ValidationError:
            if _kind.decode(raw).get("kind") in _KNOWN:
                raise
    return found
