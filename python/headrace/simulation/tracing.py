"""A plain world that also knows where things come from: messages, timers, and what a crash lost.

The identity of a message travels in its number, as an integer that remembers; nodes never see it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

from headrace.engine.effects import Cancel, Effect, Persist
from headrace.simulation.noting import What
from headrace.simulation.plain_endpoint import Endpoint
from headrace.simulation.plain_world import KINDS, PlainWorld


@dataclass
class Flight:
    """Something on its way from a step: a message, request, reply or timer, or a sync of the disk.

    Steps are places in the story. `cause`: the one that it is an effect of (None: of no step).
    `sent_ns`: when it left, which is later than its step if that waited for the disk. `taken`:
    those that took it; more than one if it was postponed. `noted`: where the story says that it
    was lost, cut, ... `end_ns`: of a sync.
    """

    kind: str
    source: str
    to: str
    payload: Any
    cause: int | None
    sent_ns: int
    taken: list[int] = field(default_factory=list)
    noted: list[int] = field(default_factory=list)
    end_ns: int | None = None


@dataclass(frozen=True)
class Unsynced:
    """What a node had written and not synced when it went down, and what its disk has of it now.

    `left` is None where nothing is left, or only something torn.
    """

    key: str
    written: Any
    left: Any
    torn: bool


class _Tagged(int):
    """The number of a message on its way."""

    flight: Flight
    departed: bool = False


class TracedWorld(PlainWorld):
    """The plain world; whoever keeps a story tells it the places of what is in it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.flights: list[Flight] = []
        self.crashed: list[tuple[int, str, list[Unsynced]]] = []  # time, node
        self._timers: dict[tuple[int, Any], Flight] = {}
        self._syncs: dict[int, Flight] = {}
        self._arriving: Flight | None = None
        self._telling: Flight | None = None
        self._cause: int | None = None
        # By node: how many effects it has had, and from which of them on they are of which step.
        self._effects = [0] * len(self.names)
        self._firsts: list[list[int]] = [[] for _ in self.names]
        self._steps: list[list[int]] = [[] for _ in self.names]

    # -- what the keeper of the story tells -------------------------------------------------------

    def stepped_at(self, index: int, place: int, effects: int) -> None:
        """The step that a node has just made is there in the story."""
        if self._arriving is not None:
            self._arriving.taken.append(place)
        self._firsts[index].append(self._effects[index])
        self._steps[index].append(place)
        self._effects[index] += effects

    def noted_at(self, place: int) -> None:
        """What has just been noted is there in the story."""
        if self._telling is not None:
            self._telling.noted.append(place)

    # -- messages ---------------------------------------------------------------------------------

    def _transmit(self, what: What, source: int, to: int, number: int, payload: Any) -> None:
        super()._transmit(what, source, to, self._tag(what, source, to, number, payload), payload)

    def _depart(
        self, link: int, drawn: int, what: What, to: int, source: int, number: int, payload: Any
    ) -> None:
        assert isinstance(number, _Tagged)
        if number.departed:  # a duplicate is on its own way
            number = self._tag(what, source, to, number, payload)
        number.departed = True
        super()._depart(link, drawn, what, to, source, number, payload)

    def _tag(self, what: What, source: int, to: int, number: int, payload: Any) -> _Tagged:
        tagged = _Tagged(number)
        names = self.names[source], self.names[to]
        tagged.flight = Flight(KINDS[what], *names, payload, self._cause, self.now_ns)
        self.flights.append(tagged.flight)
        return tagged

    def _take(self, endpoint: Endpoint, what: What, source: int, number: int, payload: Any) -> None:
        if what is What.TIMER:
            self._arriving = self._timers.pop((endpoint.index, payload), None)
        else:
            self._arriving = number.flight if isinstance(number, _Tagged) else None
        waiting = len(endpoint.postponed)
        super()._take(endpoint, what, source, int(number), payload)
        if len(endpoint.postponed) > waiting:
            endpoint.postponed[-1] = (what, source, number, payload)

    def _tell(self, what: What, to: int, source: int, number: int, payload: Any) -> None:
        self._telling = number.flight if isinstance(number, _Tagged) else None
        super()._tell(what, to, source, number, payload)
        self._telling = None

    # -- effects ----------------------------------------------------------------------------------

    def _carry_out(self, endpoint: Endpoint, effect: Effect) -> None:
        self._cause = self._cause_of(endpoint)
        if isinstance(effect, Cancel):
            self._timers.pop((endpoint.index, effect.name), None)
        super()._carry_out(endpoint, effect)

    def _set_timer(self, endpoint: Endpoint, name: Any, local_ns: int) -> None:
        super()._set_timer(endpoint, name, local_ns)
        timer = self._timers.get((endpoint.index, name))
        if self._cause is not None or timer is None:  # else a clock has begun to drift
            me = endpoint.name
            timer = Flight("timer", me, me, name, self._cause, self.now_ns)
            self._timers[endpoint.index, name] = timer
            self.flights.append(timer)

    def _persist(self, endpoint: Endpoint, effect: Persist) -> None:
        cause = self._cause_of(endpoint)
        super()._persist(endpoint, effect)
        if endpoint.syncing:
            me = endpoint.name
            sync = Flight("sync", me, me, effect.key, cause, self.now_ns)
            self._syncs[endpoint.index] = sync
            self.flights.append(sync)

    def _cause_of(self, endpoint: Endpoint) -> int | None:
        """The step of the effect that was just taken from those that are held."""
        number = self._effects[endpoint.index] - len(endpoint.held) - 1
        at = bisect_right(self._firsts[endpoint.index], number) - 1
        return self._steps[endpoint.index][at] if at >= 0 else None

    # -- what the outside does --------------------------------------------------------------------

    def drift(self, index: int, ppm: int) -> None:
        self._cause = None
        super().drift(index, ppm)

    def crash(self, index: int) -> None:
        endpoint = self._endpoints[index]
        if not endpoint.is_up:
            return
        written = dict(endpoint.disk.unsynced)
        self._end_sync(index)
        super().crash(index)
        kept = endpoint.disk.kept
        lost = [
            Unsynced(key, value, kept.get(key), key in kept.damaged)
            for key, value in written.items()
        ]
        self.crashed.append((self.now_ns, endpoint.name, lost))
        for key in [key for key in self._timers if key[0] == index]:
            del self._timers[key]

    def _arrive(
        self, endpoint: Endpoint, what: What, source: int, number: int, payload: Any
    ) -> None:
        if what is What.SYNCED and number == endpoint.life and endpoint.syncing:
            self._end_sync(endpoint.index)
        super()._arrive(endpoint, what, source, number, payload)

    def _end_sync(self, index: int) -> None:
        sync = self._syncs.pop(index, None)
        if sync is not None:
            sync.end_ns = self.now_ns
