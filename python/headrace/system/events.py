"""The inputs and effects of a node as records of fixed size, so that rings and journals take them.

What does not fit into the body of one record goes into several, one behind the other; all but the
last say that there is `more`. A body is bytes of `values.Codec`, or what the kind says:

    start    empty, or what the disk holds, as a state; it is a restart if it is not the first
    timer    empty where `number` says which timer; or its name, as a state
    chances  numbers of 8 bytes: `chance` for inputs that were postponed and come again with the
             event behind
"""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.errors import MessageError

Records = np.ndarray[Any, Any]

START, MESSAGE, REQUEST, REPLY, TIMER, CHANCES, CANCEL = range(1, 8)
KINDS = {START: "start", MESSAGE: "message", REQUEST: "request", REPLY: "reply", TIMER: "timer"}
CODES = {kind: code for code, kind in KINDS.items()} | {"restart": START}

NAME_BYTES_MAX = 64  # of nodes and clients, as UTF-8
BODY_BYTES = 228  # in one record: five lines of a cache in all

# `number`: a client's, of its request; a timer's. `chance`: at least 0, below 1.
EVENT = np.dtype(
    [
        ("number", "<i8"),
        ("now_ns", "<i8"),
        ("chance", "<f8"),
        ("source", f"S{NAME_BYTES_MAX}"),
        ("kind", "u1"),
        ("more", "u1"),
        ("length", "<u2"),
        ("body", f"S{BODY_BYTES}"),
    ]
)
# Send, request and reply (kinds message, request, reply), timer and cancel.
EFFECT = np.dtype(
    [
        ("number", "<i8"),
        ("after_ns", "<i8"),
        ("to", f"S{NAME_BYTES_MAX}"),
        ("kind", "u1"),
        ("more", "u1"),
        ("length", "<u2"),
        ("body", f"S{BODY_BYTES}"),
    ]
)


def encode_name(name: Any) -> bytes:
    """The name of a node or client as bytes. Raises MessageError."""
    data = name.encode("utf-8", "replace") if isinstance(name, str) else b""
    if not 0 < len(data) <= NAME_BYTES_MAX or b"\0" in data:
        raise MessageError(
            f"the name of a node or client is a text of 1 to {NAME_BYTES_MAX} bytes without NUL, "
            f"not {name!r}"
        )
    return data


def cut(body: bytes) -> list[tuple[int, int, bytes]]:
    """A body as pieces: (more, length, bytes) of each record. There is at least one."""
    if len(body) <= BODY_BYTES:
        return [(0, len(body), body)]
    parts = [body[at : at + BODY_BYTES] for at in range(0, len(body), BODY_BYTES)]
    last = len(parts) - 1
    return [(int(place < last), len(part), part) for place, part in enumerate(parts)]


def make_events(
    kind: int,
    body: bytes = b"",
    *,
    source: bytes = b"",
    number: int = 0,
    now_ns: int = 0,
    chance: float = 0.0,
) -> Records:
    """The events of one input."""
    return np.array([(number, now_ns, chance, source, kind, *piece) for piece in cut(body)], EVENT)


class Joined:
    """Puts the bodies of records together again, which come one behind the other."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def add(self, more: int, length: int, body: bytes) -> bytes | None:
        """The whole body with its last piece; None while there is more to come."""
        piece = body.ljust(length, b"\0")  # NumPy takes zeros at the end for padding
        if more or self._parts:
            self._parts.append(piece)
            if more:
                return None
            piece = b"".join(self._parts)
            self._parts.clear()
        return piece
