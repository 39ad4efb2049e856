"""The failure of an event that has killed whoever stepped over it, and is stepped over no more."""

from __future__ import annotations

from typing import Any, Protocol

from headrace.errors import PoisonEvent, StepError
from headrace.machine import Machine


class Events(Protocol):
    """A batch, or a span."""

    first: int

    def event(self, place: int, /) -> Any:
        """A copy of one event, an array of length 1."""

    def origin(self, place: int, /) -> int:
        """Which of the engine's own inputs it descends from."""

    def time_ns(self, place: int, /) -> int:
        """When that input was published."""


def refusal(machine: Machine, events: Events, place: int, deaths: int) -> StepError:
    """The error of the event at a place."""
    sequence = events.first + place
    values = events.event(place)[0].tolist()
    names = machine.event.names
    event = dict(zip(names, values, strict=True)) if names else {"value": values}
    error = StepError(
        f"machine {machine.name!r}: event {sequence} {event} has killed its worker "
        f"{deaths} times ({machine.source}); the state is that before it",
        sequence=sequence,
        event=event,
        machine=machine.name,
    )
    error.origin, error.time_ns = events.origin(place), events.time_ns(place)
    error.deaths = deaths
    error.__cause__ = PoisonEvent(f"the worker process died at this event {deaths} times")
    return error
