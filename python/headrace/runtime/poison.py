"""Poison: an event at which whoever steps over it dies, again and again.

A worker that dies is started anew and goes on before the event at which it died. If it dies there
each time, it is the event that kills it, and not the machine it runs on; then the event has to be
put aside, or nothing behind it will ever be stepped over.
"""

from __future__ import annotations

from headrace.errors import UsageError


class PoisonWatch:
    """Says when an event is poison: `retries` deaths in a row at it, without getting past it.

    Each stage, by its name, is judged on its own. Told are `died(stage, sequence)`: a worker has
    died, or its step has failed, and all before `sequence` was stepped over; and
    `moved(stage, sequence)`: all before `sequence` is stepped over now. A worker that begins again
    before the event may report less than it had reached; that is no progress, and no other event.
    Where a worker steps over events in batches, it dies somewhere in one: hand it single events
    once it has died, or an innocent one is blamed.

    Pure: no clock, no thread, no file; for one thread at a time. Raises UsageError.
    """

    def __init__(self, retries: int = 3) -> None:
        if type(retries) is not int or retries < 1:
            raise UsageError(f"retries must be an integer of 1 or more, not {retries!r}")
        self.retries = retries
        self._deaths: dict[str, tuple[int, int]] = {}  # by stage: at which event, and how many

    def died(self, stage: str, sequence: int) -> bool:
        """A worker of the stage died at an event; whether that is poison now."""
        at, count = self._deaths.get(stage, (sequence, 0))
        count = count + 1 if at == sequence else 1
        self._deaths[stage] = (sequence, count)
        return count >= self.retries

    def moved(self, stage: str, sequence: int) -> None:
        """The stage is through with all before an event: with what it died at, if that is less."""
        at, _ = self._deaths.get(stage, (sequence, 0))
        if at < sequence:
            self._deaths.pop(stage, None)

    def deaths(self, stage: str) -> int:
        """How many in a row there were at the event that the stage has not got past."""
        return self._deaths.get(stage, (0, 0))[1]
