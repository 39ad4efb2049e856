"""Calls in flight: who waits for the outputs of which input.

The outputs of a called input are its caller's, and nobody else's: also where the caller has given
up waiting, they are not among those of published inputs.
"""

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

    def outputs(self, dtype: np.dtype[Any]) -> Records:
        """All outputs of the call, in order; an empty array if there are none."""
        if not self._parts:
            return np.empty(0, dtype)
        return self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)


class Calls:
    """Calls by the sequence of their input. Safe to use from several threads under the GIL."""

    def __init__(self) -> None:
        self._open: dict[int, Call] = {}
        self._left: set[int] = set()  # nobody waits any more, but outputs may still come

    def __bool__(self) -> bool:
        return bool(self._open or self._left)

    def open(self, sequence: int) -> Call:
        call = self._open[sequence] = Call()
        return call

    def cancel(self, sequence: int) -> None:
        """The input was not published."""
        self._open.pop(sequence, None)

    def leave(self, sequence: int) -> None:
        """The caller waits no more, and stages may not yet be through with its input."""
        self._left.add(sequence)  # before it is taken out: at no moment it is in neither
        self._open.pop(sequence, None)

    def close(self, sequence: int) -> None:
        """All stages are through with the input, and so with those before."""
        if len(self._open) == 1 and not self._left and self._open.pop(sequence, None) is not None:
            return
        for one in [*self._open, *self._left]:  # also what an interrupt has kept from being closed
            if one <= sequence:
                self._open.pop(one, None)
                self._left.discard(one)

    def get(self, sequence: int) -> Call | None:
        return self._open.get(sequence)

    def collect(self, records: Records) -> list[int]:
        """Give each open call its part of the last stage's records; which inputs were called."""
        origins = records["origin"]
        called = set()
        for sequence, call in list(self._open.items()):
            own = records[origins == sequence]
            if len(own):
                call.collect(own)
                called.add(sequence)
        for sequence in list(self._left):
            if sequence < origins[0]:
                self._left.discard(sequence)
            elif sequence in origins:
                called.add(sequence)
        return sorted(called)
