"""What a worker steps again that takes the place of a dead one of an elastic stage."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.elastic.succession import Duty, caught_up_at
from headrace.replay import PassedOver
from headrace.replay.spans import Array, Span

Records = np.ndarray[Any, Any]


class Again:
    """Which events, and which outputs of theirs, until event `end` of the stream.

    `stage`: as its state is called. `published`: the id of the newest output that is out.
    `passed_over`: events that killed their workers, and must not kill who only steps again what was
    another's.
    """

    def __init__(
        self,
        owed: tuple[Duty, ...],
        published: tuple[int, int],
        stage: str,
        passed_over: PassedOver,
    ) -> None:
        self._duties = {duty.partition: duty for duty in owed}
        self._published = published
        self._stage = stage
        self._passed_over = passed_over
        self.end = caught_up_at(owed, published[0])

    @property
    def partitions(self) -> tuple[int, ...]:
        """Those of which states are needed."""
        return tuple(self._duties)

    @property
    def owned(self) -> tuple[int, ...]:
        """Those that the worker owns."""
        return tuple(at for at, duty in self._duties.items() if duty.since is not None)

    @property
    def given_away(self) -> tuple[int, ...]:
        """Those that it forgets at the end."""
        return tuple(at for at, duty in self._duties.items() if duty.since is None)

    def places(self, at: int, span: Span, places: Array) -> Array:
        """The places of a partition's events that are to be stepped over."""
        duty = self._duties[at]
        if duty.since is None:
            places = span.within(places, span.first, duty.end)
        own = duty.own(span.first + places)
        if own.all():
            return places
        passed, start = [], 0
        while (start := self._next_passed(span, start)) < span.length:
            passed.append(start)
            start += 1
        return places[own | ~np.isin(places, passed)]

    def _next_passed(self, span: Span, start: int) -> int:
        events = span.events[start:]
        return start + self._passed_over.next_in(self._stage, events, span.first + start)

    def is_own(self, at: int, sequence: int) -> bool:
        """Whether what an event of a partition makes is the worker's own."""
        return bool(self._duties[at].own(np.array([sequence]))[0])

    def new(self, at: int, records: Records) -> Records:
        """Those of a partition's records that are the worker's own, and not out yet."""
        inputs = records["input_sequence"]
        sequence, index = self._published
        late = (inputs > sequence) | ((inputs == sequence) & (records["output_index"] > index))
        chosen = late & self._duties[at].own(inputs)
        return records if chosen.all() else records[np.flatnonzero(chosen)]
