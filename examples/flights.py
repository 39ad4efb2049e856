"""An airline's operations board, as a machine: it follows aircraft, counts delays, raises alerts.

Events come in the order of time, in whole minutes. Of one minute come first the arrivals, then the
cancellations, the departures, and last the flights that are held; each kind by flight number of the
table. What an event says of the time after it is plan only, never what came of it.

    ARRIVED    a flight from New York reached its destination, `delay` minutes after plan
    CANCELLED  at its planned departure a flight is taken off
    DEPARTED   a flight left its gate in New York, `delay` minutes after plan (less than 0: before)
    HELD       the minute of the planned departure is over, and the flight is still at the gate

Two kinds of alert come out:

    LATE_AIRCRAFT  A late arrival will make the aircraft's next departure late. On ARRIVED, if
        `delay` is more than 0, expect the aircraft for its next planned departure from New York
        after a turnaround there, the way back, and a turnaround here: at
        minute + TURNAROUND + block + TURNAROUND, where `block`, the planned duration of the way
        out, stands for the way back. If that is LATE minutes or more after that departure's plan,
        `amount` is by how many. No alert if that departure has left or was taken off already, or
        if the aircraft has since left New York on another flight.
    QUEUE  A departure queue builds up. On HELD, if with this flight QUEUE_LONG flights are past
        their planned departure at one airport and have not left; then not again there before the
        queue has gone down to QUEUE_SHORT. `amount` is how many they are.

`rolling` is the mean departure delay over the last ROLLING departures: of the carrier for
LATE_AIRCRAFT, of the airport for QUEUE; 0 before the first. Whether a LATE_AIRCRAFT alert comes
true (LATE minutes or more late) is seen when that flight departs, and counted.

To run it over a file of events: see README.md in this folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

import headrace as hr

AIRPORTS = ("EWR", "JFK", "LGA")
NONE = -1

ARRIVED, CANCELLED, DEPARTED, HELD = range(4)
EVENT = np.dtype(
    [
        ("minute", "<i4"),  # since 2013-01-01 00:00 UTC
        ("flight", "<i4"),  # its row in the table
        ("next_flight", "<i4"),  # the aircraft's next one from New York, by plan; NONE: no more
        ("next_due", "<i4"),  # the minute for which that is planned
        ("delay", "<i2"),
        ("block", "<i2"),  # planned minutes from gate to gate
        ("aircraft", "<i2"),  # NONE for some flights that never left
        ("kind", "i1"),
        ("airport", "i1"),  # of departure; index into AIRPORTS
        ("next_airport", "i1"),
        ("carrier", "i1"),
        ("destination", "i1"),
        ("hour", "i1"),  # of the planned departure, on New York's clocks
    ]
)

LATE_AIRCRAFT, QUEUE = range(2)
ALERT = np.dtype(
    [
        ("rolling", "<f8"),
        ("minute", "<i4"),
        ("flight", "<i4"),  # the departure in danger; for QUEUE the flight that made it too long
        ("cause", "<i4"),  # the flight that arrived late; NONE for QUEUE
        ("amount", "<i2"),
        ("aircraft", "<i2"),  # NONE for QUEUE
        ("kind", "i1"),
        ("airport", "i1"),  # where the departure is, or the queue
        ("carrier", "i1"),  # NONE for QUEUE
    ]
)

LATE = 15  # minutes; from here on the US Department of Transportation counts a flight as late
TURNAROUND = 30  # minutes on the ground between two flights, at the least
QUEUE_LONG, QUEUE_SHORT = 20, 10  # flights
ROLLING = 32  # departures
DAY_BEGINS = 8 * 60  # minutes after 00:00 UTC, when New York sleeps


@dataclass(slots=True)
class Rolling:
    """The sum of the last ROLLING delays, kept up to date."""

    recent: list[int] = field(default_factory=lambda: [0] * ROLLING)
    total: int = 0
    count: int = 0

    def add(self, delay: int) -> None:
        place = self.count % ROLLING
        self.total += delay - self.recent[place]
        self.recent[place] = delay
        self.count += 1

    def mean(self) -> float:
        return self.total / min(self.count, ROLLING) if self.count else 0.0


@dataclass(slots=True)
class Airport:
    """One of the three of New York."""

    rolling: Rolling = field(default_factory=Rolling)
    departed: int = 0
    cancelled: int = 0
    departure_delay: int = 0  # the sum, in minutes
    hour_departed: list[int] = field(default_factory=lambda: [0] * 24)
    hour_delay: list[int] = field(default_factory=lambda: [0] * 24)
    waiting: int = 0  # flights held now
    queue_alert: bool = False  # raised, and the queue is not short again yet
    queue_alerts: int = 0
    longest_queue: int = 0
    longest_queue_minute: int = NONE


@dataclass(slots=True)
class Carrier:
    """An airline, over all three airports."""

    rolling: Rolling = field(default_factory=Rolling)
    departed: int = 0
    cancelled: int = 0
    arrived: int = 0
    departure_delay: int = 0
    arrival_delay: int = 0
    late_aircraft_alerts: int = 0


@dataclass(slots=True)
class Aircraft:
    """Whole day after whole day of one aircraft, as far as New York sees it."""

    settled: int = NONE  # the latest planned departure of it that has left or was taken off
    flying: int = NONE  # the flight it is on
    place: int = NONE  # the destination where it was last on the ground
    day: int = NONE
    day_departures: int = 0
    day_late: int = 0  # minutes that its departures of this day were late, together


@dataclass(slots=True)
class Board:
    """All that the board knows."""

    airports: list[Airport] = field(default_factory=lambda: [Airport() for _ in AIRPORTS])
    carriers: dict[int, Carrier] = field(default_factory=dict)
    aircraft: dict[int, Aircraft] = field(default_factory=dict)
    expected_late: set[int] = field(default_factory=set)  # warned of, and not departed yet
    came_true: int = 0
    came_in_time: int = 0
    came_off: int = 0  # taken off after the alert
    unseen_arrivals: int = 0  # departures of an aircraft of whose arrival the board never heard
    overtaken_arrivals: int = 0  # arrivals after the aircraft's next departure
    busiest: tuple[int, int, int] = (0, NONE, NONE)  # departures of one aircraft on one day
    unluckiest: tuple[int, int, int] = (0, NONE, NONE)  # minutes late of one aircraft on one day


Seen = TypeVar("Seen", Carrier, Aircraft)
Alert = tuple[float, int, int, int, int, int, int, int, int]
Result = tuple[Board, Alert | None]


@hr.machine(event=EVENT, output=ALERT, initial=Board)
def board(
    board: Board,
    kind: int,
    minute: int,
    flight: int,
    airport: int,
    carrier: int,
    aircraft: int,
    delay: int,
    hour: int,
    block: int,
    destination: int,
    next_flight: int,
    next_due: int,
    next_airport: int,
) -> Result:
    """Update the board by one event."""
    if kind == DEPARTED:
        _departed(board, minute, flight, airport, carrier, aircraft, delay, hour)
    elif kind == ARRIVED:
        line = board.carriers[carrier]
        line.arrived += 1
        line.arrival_delay += delay
        plane = board.aircraft[aircraft]
        if plane.flying != flight:
            board.overtaken_arrivals += 1
            return board, None
        plane.flying = NONE
        plane.place = destination
        late = minute + TURNAROUND + block + TURNAROUND - next_due
        if late >= LATE and delay > 0 and next_flight != NONE and next_due > plane.settled:
            board.expected_late.add(next_flight)
            line.late_aircraft_alerts += 1
            mean, kind = line.rolling.mean(), LATE_AIRCRAFT
            return board, (
                mean, minute, next_flight, flight, late, aircraft, kind, next_airport, carrier
            )
    elif kind == HELD:
        port = board.airports[airport]
        if _queue_is_long(port, minute):
            mean, waiting, kind = port.rolling.mean(), port.waiting, QUEUE
            return board, (mean, minute, flight, NONE, waiting, NONE, kind, airport, NONE)
    else:
        _cancelled(board, minute, flight, airport, carrier, aircraft)
    return board, None


def _departed(
    board: Board,
    minute: int,
    flight: int,
    airport: int,
    carrier: int,
    aircraft: int,
    delay: int,
    hour: int,
) -> None:
    port = board.airports[airport]
    port.departed += 1
    port.departure_delay += delay
    port.hour_departed[hour] += 1
    port.hour_delay[hour] += delay
    port.rolling.add(delay)
    line = board.carriers.get(carrier) or _first_seen(board.carriers, carrier, Carrier())
    line.departed += 1
    line.departure_delay += delay
    line.rolling.add(delay)
    if delay > 0:  # it was held until now
        port.waiting -= 1
        if port.waiting <= QUEUE_SHORT:
            port.queue_alert = False
    if flight in board.expected_late:
        board.expected_late.remove(flight)
        if delay >= LATE:
            board.came_true += 1
        else:
            board.came_in_time += 1
    plane = board.aircraft.get(aircraft) or _first_seen(board.aircraft, aircraft, Aircraft())
    if plane.flying != NONE:
        board.unseen_arrivals += 1
    plane.flying = flight
    if minute - delay > plane.settled:
        plane.settled = minute - delay
    _count_day(board, plane, (minute - DAY_BEGINS) // 1440, aircraft, delay)


def _count_day(board: Board, plane: Aircraft, day: int, aircraft: int, delay: int) -> None:
    """The first to reach a record keeps it until it is broken."""
    if plane.day != day:
        plane.day = day
        plane.day_departures = plane.day_late = 0
    plane.day_departures += 1
    if plane.day_departures > board.busiest[0]:
        board.busiest = (plane.day_departures, aircraft, day)
    if delay > 0:
        plane.day_late += delay
        if plane.day_late > board.unluckiest[0]:
            board.unluckiest = (plane.day_late, aircraft, day)


def _queue_is_long(port: Airport, minute: int) -> bool:
    """One more flight waits; whether that is to be told."""
    port.waiting += 1
    if port.waiting > port.longest_queue:
        port.longest_queue = port.waiting
        port.longest_queue_minute = minute
    if port.waiting < QUEUE_LONG or port.queue_alert:
        return False
    port.queue_alert = True
    port.queue_alerts += 1
    return True


def _cancelled(
    board: Board, minute: int, flight: int, airport: int, carrier: int, aircraft: int
) -> None:
    line = board.carriers.get(carrier) or _first_seen(board.carriers, carrier, Carrier())
    line.cancelled += 1
    board.airports[airport].cancelled += 1
    if flight in board.expected_late:
        board.expected_late.remove(flight)
        board.came_off += 1
    if aircraft != NONE:
        plane = board.aircraft.get(aircraft) or _first_seen(board.aircraft, aircraft, Aircraft())
        plane.settled = max(plane.settled, minute)


def _first_seen(seen: dict[int, Seen], number: int, one: Seen) -> Seen:
    seen[number] = one
    return one
