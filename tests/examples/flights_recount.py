"""The flights example once more, from the table's columns with plain NumPy, whole arrays at a time.

It shares names, constants and the shape of the state with the example, and none of what it does.
An event's place is its number in the order of all events; a flight without such an event has none.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

import flights as ex  # noqa: E402

Array = np.ndarray[Any, Any]

NOWHERE = -1
SPAN = 1 << 22  # more than there are places or minutes; keeps the keys of groups apart


class Recount:
    """Places, alerts and totals of the whole table."""

    def __init__(self) -> None:
        with np.load(EXAMPLES / "data" / "flights.npz") as archive:
            columns = {name: archive[name] for name in archive.files}
        integers = {k: v.astype(np.int64) for k, v in columns.items() if v.dtype.kind in "iu"}
        self.due, self.block = integers["due"], integers["block"]
        self.delay, self.late_in = integers["departure_delay"], integers["arrival_delay"]
        self.origin, self.carrier = integers["origin"], integers["carrier"]
        self.aircraft, self.destination = integers["aircraft"], integers["destination"]
        self.hour = (self.due + integers["offset"]) % 1440 // 60
        self.left = self.delay > -32768
        self.came = self.late_in > -32768
        self.flights = np.arange(len(self.due))
        self._find_places()
        self._find_next()

    def _find_places(self) -> None:
        kinds = (
            (self.came, self.due + self.block + self.late_in),
            (~self.left, self.due),
            (self.left, self.due + self.delay),
            (self.left & (self.delay > 0), self.due),
        )
        keys = np.concatenate(
            [(minute * 4 + k)[which] for k, (which, minute) in enumerate(kinds)]
        ) * SPAN + np.concatenate([self.flights[which] for which, _ in kinds])
        order = np.argsort(keys)
        self.events = len(keys)
        self.minute = (keys[order] // SPAN) >> 2
        self.kind = (keys[order] // SPAN) & 3
        self.flight = keys[order] % SPAN
        places = np.full((4, len(self.due)), NOWHERE)
        places[self.kind, self.flight] = np.arange(self.events)
        self.arrival, self.cancellation, self.departure, self.hold = places

    def _find_next(self) -> None:
        """`next`: by plan; `follower_leaves`: the place of the aircraft's departure after this."""
        known = self.flights[self.aircraft >= 0]
        key = (self.aircraft * SPAN + self.due)[known] * SPAN + known
        planned = known[np.argsort(key)]
        self.next = np.full(len(self.due), NOWHERE)
        same = self.aircraft[planned[1:]] == self.aircraft[planned[:-1]]
        self.next[planned[:-1][same]] = planned[1:][same]
        flown = self.flights[self.left]
        flown = flown[np.argsort((self.aircraft * SPAN + self.departure)[flown])]
        self.follower_leaves = np.full(len(self.due), SPAN)
        same = self.aircraft[flown[1:]] == self.aircraft[flown[:-1]]
        self.follower_leaves[flown[:-1][same]] = self.departure[flown[1:][same]]
        self.flown = flown  # by aircraft, then by place

    # -- alerts ----------------------------------------------------------------------------------

    def rolling(self, group: Array, number: int, places: Array) -> Array:
        """Means of the last departures of a group (origins or carriers) before some places."""
        of_group = np.sort(self.departure[self.left & (group == number)])
        sums = np.concatenate([[0], np.cumsum(self.delay[self.flight[of_group]])])
        end = np.searchsorted(of_group, places)
        begin = np.maximum(end - ex.ROLLING, 0)
        return (sums[end] - sums[begin]) / np.maximum(end - begin, 1)

    def queue(self, airport: int) -> tuple[Array, Array]:
        """The places at which a queue changes, and how long it is from there on."""
        here = (self.origin == airport) & (self.hold != NOWHERE)
        places = np.concatenate([self.hold[here], self.departure[here]])
        change = np.repeat([1, -1], here.sum())
        order = np.argsort(places)
        return places[order], np.cumsum(change[order])

    def queue_alerts(self, airport: int) -> Array:
        places, length = self.queue(airport)
        turn = np.where(length >= ex.QUEUE_LONG, 1, np.where(length <= ex.QUEUE_SHORT, -1, 0))
        last_turn = np.maximum.accumulate(np.where(turn != 0, np.arange(len(turn)), 0))
        standing = turn[last_turn] == 1
        raised = standing & ~np.concatenate([[False], standing[:-1]])
        alerts = np.zeros(raised.sum(), [("place", "<i8"), ("alert", ex.ALERT)])
        alerts["place"] = places[raised]
        inner = alerts["alert"]
        inner["minute"] = self.minute[places[raised]]
        inner["flight"] = self.flight[places[raised]]
        inner["amount"] = length[raised]
        inner["rolling"] = self.rolling(self.origin, airport, places[raised])
        inner["airport"], inner["kind"] = airport, ex.QUEUE
        inner["cause"] = inner["aircraft"] = inner["carrier"] = -1
        return alerts

    def settled(self, flights: Array) -> Array:
        """At their arrivals: the latest planned departure of the aircraft that was dealt with."""
        done = self.flights[self.aircraft >= 0]
        place = np.where(self.left, self.departure, self.cancellation)[done]
        key = self.aircraft[done] * SPAN + place
        order = np.argsort(key)
        latest = np.maximum.accumulate((self.aircraft * SPAN + self.due)[done][order])
        at = np.searchsorted(key[order], self.aircraft[flights] * SPAN + self.arrival[flights])
        return latest[at - 1] % SPAN

    def late_aircraft_alerts(self) -> Array:
        due = self.due[self.next]
        ready = self.due + self.block + self.late_in + self.block + 2 * ex.TURNAROUND
        late = self.came & (self.late_in > 0) & (self.next != NOWHERE) & (ready - due >= ex.LATE)
        flights = self.flights[late & (self.arrival < self.follower_leaves)]
        flights = flights[due[flights] > self.settled(flights)]
        alerts = np.zeros(len(flights), [("place", "<i8"), ("alert", ex.ALERT)])
        alerts["place"] = self.arrival[flights]
        inner = alerts["alert"]
        inner["minute"] = self.minute[self.arrival[flights]]
        inner["flight"], inner["cause"] = self.next[flights], flights
        inner["amount"] = (ready - due)[flights]
        inner["aircraft"], inner["carrier"] = self.aircraft[flights], self.carrier[flights]
        inner["airport"], inner["kind"] = self.origin[self.next[flights]], ex.LATE_AIRCRAFT
        for carrier in np.unique(inner["carrier"]):
            own = inner["carrier"] == carrier
            inner["rolling"][own] = self.rolling(self.carrier, carrier, alerts["place"][own])
        return alerts

    def alerts(self) -> Array:
        """All alerts with the places of their events, in order."""
        parts = [self.queue_alerts(airport) for airport in range(3)]
        together = np.concatenate([*parts, self.late_aircraft_alerts()])
        return together[np.argsort(together["place"])]

    # -- totals ----------------------------------------------------------------------------------

    def board(self) -> ex.Board:
        """The state at the end, put together from totals."""
        warned = self.late_aircraft_alerts()["alert"]
        in_danger = warned["flight"]
        landed = self.came & (self.arrival < self.follower_leaves)
        board = ex.Board(
            airports=[self._airport(number) for number in range(3)],
            carriers={n: self._carrier(n, warned) for n in np.unique(self.carrier).tolist()},
            aircraft=self._aircraft(landed),
            came_true=int((self.left & (self.delay >= ex.LATE))[in_danger].sum()),
            came_in_time=int((self.left & (self.delay < ex.LATE))[in_danger].sum()),
            came_off=int((~self.left)[in_danger].sum()),
            overtaken_arrivals=int((self.came & ~landed).sum()),
            # Departures that follow one which did not land before.
            unseen_arrivals=int(((self.follower_leaves < SPAN) & ~landed & self.left).sum()),
        )
        count, late = self._days()
        board.busiest, board.unluckiest = self._record(count), self._record(late)
        return board

    def _rolling_state(self, group: Array, number: int) -> ex.Rolling:
        of_group = np.sort(self.departure[self.left & (group == number)])
        last = np.arange(len(of_group))[-ex.ROLLING :]
        recent = np.zeros(ex.ROLLING, int)
        recent[last % ex.ROLLING] = self.delay[self.flight[of_group[last]]]
        return ex.Rolling(recent.tolist(), int(recent.sum()), len(of_group))

    def _airport(self, number: int) -> ex.Airport:
        left, off = self.left & (self.origin == number), ~self.left & (self.origin == number)
        places, length = self.queue(number)
        delays = np.bincount(self.hour[left], self.delay[left], 24)
        return ex.Airport(
            rolling=self._rolling_state(self.origin, number),
            departed=int(left.sum()),
            cancelled=int(off.sum()),
            departure_delay=int(self.delay[left].sum()),
            hour_departed=np.bincount(self.hour[left], minlength=24).tolist(),
            hour_delay=delays.astype(int).tolist(),
            waiting=int(length[-1]),
            queue_alerts=len(self.queue_alerts(number)),
            longest_queue=int(length.max()),
            longest_queue_minute=int(self.minute[places[length.argmax()]]),
        )

    def _carrier(self, number: int, warned: Array) -> ex.Carrier:
        own = self.carrier == number
        return ex.Carrier(
            rolling=self._rolling_state(self.carrier, number),
            departed=int((own & self.left).sum()),
            cancelled=int((own & ~self.left).sum()),
            arrived=int((own & self.came).sum()),
            departure_delay=int(self.delay[own & self.left].sum()),
            arrival_delay=int(self.late_in[own & self.came].sum()),
            late_aircraft_alerts=int((warned["carrier"] == number).sum()),
        )

    def _days(self) -> tuple[Array, Array]:
        """For each departure, by aircraft: how many and how late it makes the aircraft's day."""
        self.day = (self.due + self.delay - ex.DAY_BEGINS) // 1440
        key = self.aircraft[self.flown] * SPAN + self.day[self.flown]
        begins = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
        first = np.repeat(begins, np.diff(np.append(begins, len(key))))
        sums = np.concatenate([[0], np.cumsum(np.maximum(self.delay[self.flown], 0))])
        return np.arange(len(key)) - first + 1, sums[1:] - sums[first]

    def _record(self, reached: Array) -> tuple[int, int, int]:
        """The highest of the values reached, and the aircraft and day that were there first."""
        best = self.flown[reached == reached.max()]
        flight = best[self.departure[best].argmin()]
        return int(reached.max()), int(self.aircraft[flight]), int(self.day[flight])

    def _aircraft(self, landed: Array) -> dict[int, ex.Aircraft]:
        known = np.unique(self.aircraft[self.aircraft >= 0])
        settled = np.full(len(known), -1)
        np.maximum.at(settled, self.aircraft[self.aircraft >= 0], self.due[self.aircraft >= 0])
        place = np.full(len(known), -1)
        down = self.flights[landed][np.argsort(self.arrival[landed])]
        place[self.aircraft[down]] = self.destination[down]  # the last one stays
        count, late = self._days()
        last = np.full(len(known), NOWHERE)  # index into flown
        last[self.aircraft[self.flown]] = np.arange(len(self.flown))
        found = {}
        for number in known.tolist():
            one = found[number] = ex.Aircraft(int(settled[number]), place=int(place[number]))
            if last[number] != NOWHERE:
                flight = self.flown[last[number]]
                one.flying = -1 if landed[flight] else int(flight)
                one.day = int(self.day[flight])
                one.day_departures = int(count[last[number]])
                one.day_late = int(late[last[number]])
        return found
