"""Waiting for an engine: until inputs are through, until they are safe, until there are outputs."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from headrace.engine.holding import Hold
from headrace.errors import EngineStopped, ForkedHandle, UsageError
from headrace.events import as_events
from headrace.runtime.backlog import Backlog
from headrace.runtime.deadline import NEVER, Deadline
from headrace.runtime.failures import Failures
from headrace.runtime.journaling import Journaling
from headrace.runtime.line import Line
from headrace.runtime.net import Net
from headrace.runtime.process import Process, this_process
from headrace.runtime.progress import LOOK_SECONDS
from headrace.runtime.stage import Records
from headrace.runtime.tail import Tail


def output_id(after: Any) -> tuple[int, int]:
    """The id of an output, as a user gives it. Raises UsageError."""
    try:
        sequence, index = map(operator.index, after)
    except (TypeError, ValueError):
        raise UsageError(
            f"after is the id of an output, (input sequence, output index), not {after!r}"
        ) from None
    return sequence, index


class Waits:
    """What `Engine` waits by; the attributes are the engine's."""

    _closed: bool
    _event: np.dtype[Any]  # of the first machine
    _failures: Failures
    _journaling: Journaling | None
    _line: Line | Net
    _process: Process
    _publishing: Any
    _recovered: list[Records]

    def _check_process(self) -> None:
        if this_process() is not self._process:
            raise ForkedHandle(
                "this engine was made before a fork, and its threads are the parent's; in the "
                "child, make another one"
            )

    def _as_events(self, events: Any) -> Records:
        self._check_process()
        if self._closed:
            raise EngineStopped("this engine is closed")
        return as_events(self._event, events)

    def _check_running(self) -> None:
        self._failures.check()
        if self._closed:
            raise EngineStopped("this engine is closed")

    def _explain_standstill(self) -> None:
        if self._line.backlog is not None:
            self._line.backlog.check_room()

    def _wait_through(self, end: int, deadline: Deadline) -> bool:
        while True:
            # Looked at first: by then it is through with all, or what has halted it is known.
            stopped = self._line.stopped
            if self._line.through(end):
                return True
            self._failures.check()
            if stopped:
                raise EngineStopped("the engine was closed meanwhile")
            self._explain_standstill()
            if deadline.over():
                return False
            self._line.wait_moved(
                min(deadline.left(), LOOK_SECONDS), lambda: self._line.through(end)
            )

    def _wait_durable(self, end: int, deadline: Deadline) -> bool:
        return self._journaling is None or self._journaling.wait_durable(end, deadline)

    def _hold(self, deadline: Deadline) -> Any:
        if deadline is NEVER:
            return self._publishing
        reason = "another thread is publishing to this engine, and blocks"
        return Hold(self._publishing, deadline.left(), reason)

    def _read_outputs(
        self, backlog: Backlog | Tail, follow: bool, end: int, after: tuple[int, int] | None
    ) -> Iterator[Records]:
        line = self._line
        if after is not None and self._journaling is not None:
            yield from self._journaling.outputs_before_recovery(after)
        while self._recovered:
            records = _behind(self._recovered.pop(0), after)
            if len(records):
                yield records
        while True:
            over = line.stopped or (not follow and line.through(end))
            records_now = backlog.take()
            if records_now is not None:
                records = _behind(records_now, after)
                if len(records):
                    yield records
            elif over:
                self._failures.check()
                return
            else:
                self._line.wait_for_outputs(LOOK_SECONDS)


def _behind(records: Records, after: tuple[int, int] | None) -> Records:
    """The records whose ids come after one."""
    if after is None:
        return records
    sequence, index = after
    inputs = records["input_sequence"]
    new = (inputs > sequence) | ((inputs == sequence) & (records["output_index"] > index))
    return records if new.all() else records[new]

