"""Events that are passed over whenever a journal is stepped over, as if their steps had failed."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any

import numpy as np

Records = np.ndarray[Any, Any]


class PassedOver:
    """Events of machines by their sequences, with their bytes: others in their place are stepped.

    May be read by one thread while another one adds.
    """

    def __init__(self) -> None:
        self._sequences: dict[str, list[int]] = {}  # by machine, in order
        self._events: dict[tuple[str, int], bytes] = {}

    def add(self, machine: str, sequence: int, event: bytes) -> None:
        """Pass over an event from now on."""
        if (machine, sequence) not in self._events:
            self._events[machine, sequence] = event
            insort(self._sequences.setdefault(machine, []), sequence)

    def next_in(self, machine: str, events: Records, first: int) -> int:
        """The index of the first event that is passed over; how many there are, if none is.

        `first`: the sequence of `events[0]`.
        """
        sequences = self._sequences.get(machine)
        if sequences:
            for sequence in sequences[bisect_left(sequences, first) :]:
                index = sequence - first
                if index >= len(events):
                    break
                if events[index].tobytes() == self._events[machine, sequence]:
                    return index
        return len(events)
