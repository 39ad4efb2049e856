"""Events that are not stepped over when a journal is: their steps have failed, or killed."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any

import numpy as np

from headrace.errors import PoisonEvent, StepError
from headrace.machine import Machine

Records = np.ndarray[Any, Any]


class PassedOver:
    """Events of stages by their sequences, with their bytes: others in their place are stepped.

    What has killed workers is a failed step each time, what has not is passed over silently. May be
    read by one thread while another one adds.
    """

    def __init__(self) -> None:
        self._sequences: dict[str, list[int]] = {}  # by stage, in order
        self._events: dict[tuple[str, int], tuple[bytes, int]] = {}

    def add(self, stage: str, sequence: int, event: bytes, deaths: int = 0) -> None:
        """Pass over an event from now on; `deaths`: how many workers it has killed."""
        known = (stage, sequence) in self._events
        self._events[stage, sequence] = event, deaths
        if not known:
            insort(self._sequences.setdefault(stage, []), sequence)

    def next_in(self, stage: str, events: Records, first: int) -> int:
        """The index of the first event that is passed over; how many there are, if none is.

        `first`: the sequence of `events[0]`.
        """
        sequences = self._sequences.get(stage)
        if sequences:
            for sequence in sequences[bisect_left(sequences, first) :]:
                index = sequence - first
                if index >= len(events):
                    break
                if events[index].tobytes() == self._events[stage, sequence][0]:
                    return index
        return len(events)

    def deaths(self, stage: str, sequence: int) -> int:
        """How many workers an event that is passed over has killed."""
        return self._events[stage, sequence][1]


def poison_error(
    machine: Machine, stage: str, sequence: int, event: Records, deaths: int
) -> StepError:
    """The failure of an event (an array of length 1) that has killed whoever stepped over it."""
    values = event[0].tolist()
    names = machine.event.names
    fields = dict(zip(names, values, strict=True)) if names else {"value": values}
    error = StepError(
        f"machine {machine.name!r}: event {sequence} {fields} has killed its worker "
        f"{deaths} times ({machine.source}); the state is that before it",
        sequence=sequence,
        event=fields,
        machine=machine.name,
    )
    error.stage, error.deaths = stage, deaths
    error.__cause__ = PoisonEvent(f"the worker process died at this event {deaths} times")
    return error
