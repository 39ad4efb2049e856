"""Which operations of a history a picture shows, and where they lie.

Times are stretched and squeezed: whatever happens next is at least so far to the right that it can
be told apart, and at most so far that the picture stays small. The order of times is what counts.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from headrace.checking.history import Operation
from headrace.checking.result import Linearizability

OPERATIONS_MAX = 50
GAP_MIN, GAP_MAX = 11.0, 26.0  # the least between two times, in pixels, for many and for few
WIDTH = 1000.0  # of what has many times, about
STEP = 22.0  # from one moment to the next, where there is room
_TIME_CHARS_MAX = 7
MARGIN = 34.0  # to the right of the last time


@dataclass
class Bar:
    """An operation: where it begins and ends, on which lane, and what it is.

    `kind`: "in" the order, "bad", "out" of it, or "fail". `open_`: nobody knows when it ended.
    `place`: its place in the order, from 1, and `moment`: where it took effect, if it is in it.
    """

    operation: Operation
    begin: float
    end: float
    lane: int
    kind: str
    open_: bool
    place: int = 0
    moment: float = 0.0


@dataclass(frozen=True)
class Stretch:
    """What is drawn: `width` in pixels, `ticks` as pixel and text; `of`: how many there were."""

    bars: list[Bar]
    clients: list[Hashable]
    ticks: list[tuple[float, str]]
    width: float
    of: int


def stretch(result: Linearizability) -> Stretch:
    """The operations around where a history ends to be right; else the first of it."""
    places = {id(one): place for place, one in enumerate(result.prefix, 1)}
    shown = _chosen(result, places)
    ends: set[Any] = {one.return_ for one in shown if not _is_open(one)}
    times = sorted(ends | {one.call for one in shown})
    at = _spread(times)
    edge = (at[times[-1]] if times else 0.0) + MARGIN
    clients = list(dict.fromkeys(one.client for one in sorted(shown, key=lambda one: one.call)))
    clients.sort(key=lambda client: (str(type(client)), _sortable(client)))
    lanes = {client: lane for lane, client in enumerate(clients)}
    bars = [
        Bar(
            one,
            at[one.call],
            edge if _is_open(one) else at[one.return_],
            lanes[one.client],
            _kind(one, result, places),
            _is_open(one),
            places.get(id(one), 0),
        )
        for one in sorted(shown, key=lambda one: one.call)
    ]
    _end_at_next(bars)
    _set_moments([bar for bar in bars if bar.place])
    ticks = [(x, _label(time, times[0])) for time, x in at.items()]
    return Stretch(bars, clients, ticks, edge, len(result.history))


def _label(time: Any, first: Any) -> str:
    """A time; a long one as what has gone by since the first."""
    if len(str(time)) <= _TIME_CHARS_MAX or time == first:
        return str(time)
    return f"+{time - first:.6g}"


def _is_open(operation: Operation) -> bool:
    return operation.status == "info" or operation.return_ is None


def _sortable(client: Hashable) -> Any:
    return client if isinstance(client, int | str) else str(client)


def _kind(one: Operation, result: Linearizability, places: dict[int, int]) -> str:
    if one is result.operation:
        return "bad"
    if one.status == "fail":
        return "fail"
    return "in" if id(one) in places else "out"


def _chosen(result: Linearizability, places: dict[int, int]) -> list[Operation]:
    """At most OPERATIONS_MAX, those nearest to what cannot follow, or the first."""
    history = list(result.history)
    if len(history) <= OPERATIONS_MAX:
        return history
    if result.operation is None:
        return sorted(history, key=lambda one: one.call)[:OPERATIONS_MAX]
    bad = result.operation
    assert bad.return_ is not None
    near = [one for one in history if one.call <= bad.return_ and one is not bad]
    # The end of the order, and what was under way at the end without being in it.
    last = len(result.prefix)

    def far(one: Operation) -> tuple[int, float]:
        place = places.get(id(one))
        if place is not None:
            return last - place, 0.0
        under_way = not _is_open(one) and (one.return_ or 0) >= bad.call
        return (0 if under_way else OPERATIONS_MAX), -one.call

    near.sort(key=far)
    return [bad, *near[: OPERATIONS_MAX - 1]]


def _spread(times: list[Any]) -> dict[Any, float]:
    """Where each time is, in pixels."""
    gaps = [after - before for before, after in pairwise(times)]
    typical = sorted(gaps)[len(gaps) // 2] if gaps else 1
    least = min(max(WIDTH / (1.5 * len(times) + 1), GAP_MIN), GAP_MAX)
    at, x = {}, 0.0
    for place, time in enumerate(times):
        if place:
            ratio = float(gaps[place - 1] / typical) if typical else 1.0
            x += min(max(ratio * 2, 1.0), 3.5) * least
        at[time] = x
    return at


def _end_at_next(bars: list[Bar]) -> None:
    """What has no end goes on until its client does something else."""
    following: dict[int, float] = {}
    for bar in reversed(bars):
        if bar.open_:
            bar.end = min(bar.end, following.get(bar.lane, bar.end))
        following[bar.lane] = bar.begin


def _set_moments(bars: list[Bar]) -> None:
    """Moments in the order of places, each within its bar, and apart where there is room."""
    bars.sort(key=lambda bar: bar.place)
    latest, late = [], float("inf")
    for bar in reversed(bars):
        late = min(late - 1, float("inf") if bar.open_ else bar.end)
        latest.append(late)
    latest.reverse()
    x = -STEP
    for bar, last in zip(bars, latest, strict=True):
        x = max(min(x + STEP, last), bar.begin, x)
        bar.moment = x
