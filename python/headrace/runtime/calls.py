"""Calls in flight: who waits for the outputs of which input."""

from __future__ import annotations

from typing import Any

import numpy as np

Records = np.ndarray[Any, Any]


class Call:
    """One input whose caller waits; filled in by the stages' threads."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self._parts: list[Records] = []

    def collect(self, records: Records) -> None:
        self._parts.append(records)

    def outputs(self, dtype: np.dtype[Any] | None) -> Records:
        """All outputs of the call, in order; an empty array if there are none."""
        if not self._parts:
            return np.empty(0, dtype=[] if dtype is None else dtype)
        return np.concatenate(self._parts)


class Calls:
    """Calls by the sequence of their input. Safe to use from several threads under the GIL."""

    def __init__(self) -> None:
        self._open: dict[int, Call] = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def open(self, sequence: int) -> Call:
        call = self._open[sequence] = Call()
        return call

    def close(self, sequence: int) -> None:
        self._open.pop(sequence, None)

    def get(self, sequence: int) -> Call | None:
        return self._open.get(sequence)

    def collect(self, records: Records) -> None:
        """Give each open call its part of some output records."""
        origins = records["origin"]
        for sequence, call in list(self._open.items()):
            own = records[origins == sequence]
            if len(own):
                call.collect(own)
