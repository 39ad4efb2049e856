"""What clients' last calls were answered, so that a call that is made again is not run again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np

from headrace.errors import StaleCall, UsageError
from headrace.journal.snapshots import Answer

Records = np.ndarray[Any, Any]
CLIENT_BYTES_MAX = 256


class Entry:
    """One client's last call."""

    __slots__ = ("client", "error", "number", "parts", "sequence")

    def __init__(self, client: str, number: int, sequence: int) -> None:
        self.client = client
        self.number = number
        self.sequence = sequence
        self.parts: list[bytes] = []
        self.error: str | None = None


def check_client(client: Any, number: Any) -> None:
    """Raise UsageError unless both are given, and can be written down."""
    if not isinstance(client, str) or not 0 < len(client.encode()) <= CLIENT_BYTES_MAX:
        raise UsageError(
            f"client must be a text of 1 to {CLIENT_BYTES_MAX} bytes, not {client!r}"
        )
    if type(number) is not int or not 0 < number < 1 << 63:
        raise UsageError(
            f"number must be an integer from 1, counted by the client, not {number!r}"
        )


class Answers:
    """By client; the clients that called longest ago are forgotten. Safe from several threads."""

    def __init__(self, clients_max: int) -> None:
        self._clients_max = clients_max
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._waiting: dict[int, Entry] = {}  # by sequence; not answered yet
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def find(self, client: str, number: int) -> Entry | None:
        """The call, if it was made before. Raises StaleCall for one before the client's last."""
        entry = self._entries.get(client)
        if entry is None or number > entry.number:
            return None
        if number < entry.number:
            raise StaleCall(
                f"client {client!r} has made call {entry.number} already: the answer to {number} "
                "is not kept any more"
            )
        return entry

    def begin(self, client: str, number: int, sequence: int) -> Entry | None:
        """A call is going to be published; what the client's last one was."""
        with self._lock:
            before = self._entries.pop(client, None)
            entry = Entry(client, number, sequence)
            self._entries[client] = self._waiting[sequence] = entry
            return before

    def take_back(self, client: str, before: Entry | None) -> None:
        """The call was not published after all."""
        with self._lock:
            entry = self._entries.pop(client)
            self._waiting.pop(entry.sequence, None)
            if before is not None:
                self._entries[client] = before

    def collect(self, records: Records) -> None:
        """Give each waiting call its part of some output records."""
        origins = records["origin"]
        for sequence, entry in list(self._waiting.items()):
            own = records[origins == sequence]
            if len(own):
                entry.parts.append(own.tobytes())

    def fail(self, origin: int, error: BaseException) -> None:
        """The step of a call has failed: that is its answer."""
        entry = self._waiting.get(origin)
        if entry is not None:
            entry.error = str(error)

    def settle(self, end: int) -> None:
        """All inputs before `end` are stepped over: their answers are whole."""
        if not self._waiting and len(self._entries) <= self._clients_max:
            return
        with self._lock:
            for sequence in [each for each in self._waiting if each < end]:
                del self._waiting[sequence]
            while len(self._entries) > self._clients_max:
                oldest = next(iter(self._entries))
                if self._entries[oldest].sequence in self._waiting:
                    break
                del self._entries[oldest]

    def before(self, end: int) -> list[Answer]:
        """The answers to calls among the inputs before `end`, for a snapshot."""
        with self._lock:
            return [
                Answer(each.client, each.number, each.sequence, b"".join(each.parts), each.error)
                for each in self._entries.values()
                if each.sequence < end
            ]

    def restore(self, answers: list[Answer]) -> None:
        """Take over the answers of a snapshot."""
        for each in answers:
            entry = Entry(each.client, each.number, each.sequence)
            entry.parts = [each.records]
            entry.error = each.error
            self._entries[each.client] = entry
