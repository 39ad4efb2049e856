"""Where everything stands in the picture of a run: lanes beside each other, time downward.

Each thing that happens has a row; what happens at one time on different lanes shares one. Between
rows there is room for the time that passes, more for more, but never much: where it is left out,
a mark says how long it was.
"""

from __future__ import annotations

import statistics
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TypeGuard

from headrace.debugger.page_run_words import (
    INPUTS,
    NODES,
    Happening,
    lines_of,
    node_of,
)
from headrace.simulation.faults import Crash, Fault, OfNode, Pause
from headrace.simulation.noting import What
from headrace.simulation.story import Fell, Noted, Step, Story
from headrace.simulation.tracing import Flight, Unsynced

# Sizes in pixels; a character of the picture's monospaced font is CHAR wide.
HEAD, ROW, LINE, CHAR = 44, 24, 14, 6.7
TIMES, COLUMN = 96, 14  # the column of times; one of faults that are of no single node
GAP, GAP_MAX = 12, 40  # for the time that mostly passes from one row to the next, and at most
LEFT_OUT = 6  # so many times as much, and a mark says how long it was
LANES = {1: 300, 2: 260, 3: 210, 4: 190, 5: 170}  # how wide, by how many; else
LANE_MIN = 150
WIDTH_MIN = 420


@dataclass
class Bar:
    """Something that lasts: from where to where, on which lane or in which column of faults."""

    kind: str
    begin: float
    end: float
    lane: int | None = None
    column: int = 0
    words: str = ""


@dataclass
class Layout:
    """The places of a story's things, from `begin` on: lists go by place minus `begin`."""

    story: Story
    begin: int
    names: tuple[str, ...]
    happened: tuple[Happening, ...]
    ys: list[float] = field(default_factory=list)
    lines: list[list[str]] = field(default_factory=list)
    on_left: list[bool] = field(default_factory=list)  # on which side of its mark lines stand
    same_as: list[int | None] = field(default_factory=list)  # drawn as this one
    times: list[tuple[float, str]] = field(default_factory=list)
    left_out: list[tuple[float, str]] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    end: float = 0.0
    failed_at: int | None = None

    @property
    def lane(self) -> int:
        """How wide a lane is."""
        return LANES.get(len(self.names), LANE_MIN)

    @cached_property
    def edge(self) -> float:
        """Where what is of no lane stands, behind the columns."""
        columns = max((bar.column + 1 for bar in self.bars if bar.lane is None), default=0)
        return TIMES + columns * COLUMN

    @cached_property
    def left(self) -> float:
        """Where the first lane is."""
        return self.edge + self._room(0, on_left=True)

    @cached_property
    def width(self) -> float:
        last = len(self.names) - 1
        return max(self.left + last * self.lane + self._room(last, on_left=False), WIDTH_MIN)

    def _room(self, lane: int, *, on_left: bool) -> float:
        """What the lines on the outer side of a lane need."""
        chars = [
            len(line)
            for at, (lines, left) in enumerate(zip(self.lines, self.on_left, strict=True))
            if left == on_left and self._lane_of(at) == lane
            for line in lines
        ]
        return min(max(60, max(chars, default=0) * CHAR + 34), self.lane)

    def x(self, name: str) -> float:
        """Of a node or client."""
        return self.left + self.names.index(name) * self.lane

    def y_at(self, time_ns: int) -> float:
        """Of a time that need not be that of a row."""
        known = self._known
        at = bisect_right(known[0], time_ns)
        if at == 0:
            return HEAD
        if at == len(known[0]):
            return known[2][-1] if time_ns == known[0][-1] else self.end
        before_ns, after_ns = known[0][at - 1 : at + 1]
        before, after = known[2][at - 1], known[1][at]
        return before + (after - before) * (time_ns - before_ns) / (after_ns - before_ns)

    def sent_y(self, flight: Flight) -> float:
        """Where something leaves: at its step, or later if that waited for the disk."""
        at = -1 if flight.cause is None else flight.cause - self.begin
        if at >= 0 and flight.sent_ns == self.happened[at].time_ns:
            return self.ys[at]
        return self.y_at(flight.sent_ns) if at >= 0 or flight.kind == "sync" else HEAD - 4.0

    def __post_init__(self) -> None:
        crashed = {(time_ns, node): lost for time_ns, node, lost in self.story.crashed or ()}
        self.lines = [lines_of(one, _unsynced(one, crashed)) for one in self.happened]
        self.on_left = _sides(self)
        self.failed_at = _failed_at(self)
        self._place_rows()
        firsts: dict[int, float] = {}
        lasts: dict[int, float] = {}
        for one, y in zip(self.happened, self.ys, strict=True):
            firsts.setdefault(one.time_ns, y)
            lasts[one.time_ns] = max(y, lasts.get(one.time_ns, y))
        self._known = list(firsts), list(firsts.values()), list(lasts.values())
        self._place_bars()

    def _place_rows(self) -> None:
        steps = [after.time_ns - one.time_ns for one, after in pairwise(self.happened)]
        usual_ns = statistics.median([each for each in steps if each] or [1])
        causes = cause_of(self.story)
        y, height, row, row_ns = HEAD + 8.0, 0, list[int](), -1
        for at, one in enumerate(self.happened):
            teller = self._told_by(at)
            if teller is not None:
                self.ys.append(self.ys[teller])
                self.same_as.append(teller)
                continue
            self.same_as.append(None)
            if not (row and one.time_ns == row_ns and self._fits(at, row, causes)):
                passed_ns = one.time_ns - row_ns if row else 0
                gap = min(GAP_MAX, GAP * passed_ns / usual_ns)
                if passed_ns > LEFT_OUT * usual_ns:
                    where = y + height + (gap + ROW - LINE) / 2 + 2
                    self.left_out.append((where, f"+{_about(passed_ns)}"))
                y += height + gap
                row, height = [], 0
                if one.time_ns != row_ns:
                    self.times.append((y + ROW / 2, _about(one.time_ns)))
            row.append(at)
            row_ns = one.time_ns
            height = max(height, ROW + LINE * (len(self.lines[at]) - 1))
            self.ys.append(y + ROW / 2)
        self.end = y + height + ROW

    def _told_by(self, at: int) -> int | None:
        """What the node did when a fault of it began or ended, if that tells it: a crash, ..."""
        one = self.happened[at]
        if not isinstance(one, Fell) or not isinstance(one.fault, Crash | Pause):
            return None
        if one.begins and type(one.fault) not in (Crash, Pause):
            return None  # more has happened than a crash
        for place in range(at - 1, max(-1, at - 100), -1):
            before = self.happened[place]
            if before.time_ns != one.time_ns:
                return None
            changed = isinstance(before, Noted) and before.what in NODES
            restarted = isinstance(before, Step) and before.taken.kind == "restart"
            if (changed or restarted) and node_of(before) == one.fault.node:
                return place
        return None

    def _fits(self, at: int, row: list[int], causes: dict[int, int]) -> bool:
        """Whether a step can stand in a row with others of its time."""
        one = self.happened[at]
        others = [self.happened[at] for at in row]
        if not all(isinstance(each, Step) for each in (one, *others)):
            return False
        if self.on_left[at] or any(self.on_left[each] for each in row):
            facing = [(self._lane_of(each), self.on_left[each]) for each in (at, *row)]
            if any((lane - 1, False) in facing for lane, on_left in facing if on_left):
                return False  # two texts would meet between their lanes
        return node_of(one) not in map(node_of, others) and (
            causes.get(self.begin + at, -1) - self.begin not in row
        )

    def _lane_of(self, at: int) -> int:
        """The lane of a thing; -1: it is on none."""
        name = node_of(self.happened[at])
        return -1 if name is None else self.names.index(name)

    def _place_bars(self) -> None:
        open_bars: dict[tuple[str, str | Fault], Bar] = {}
        ends: list[float] = []  # of the last bar in each column

        def begin(key: tuple[str, str | Fault], y: float, name: str | None, words: str) -> None:
            lane = None if name is None else self.names.index(name)
            bar = Bar(key[0], y, self.end, lane, words=words)
            if lane is None:
                free = [at for at, end in enumerate(ends) if end <= y]
                bar.column = free[0] if free else len(ends)
                ends[bar.column : bar.column + 1] = [self.end]
            open_bars[key] = bar
            self.bars.append(bar)

        def finish(key: tuple[str, str | Fault], y: float) -> None:
            bar = open_bars.pop(key, None)
            if bar is not None:
                bar.end = y
                if bar.lane is None:
                    ends[bar.column] = y

        for at, one in enumerate(self.story.happened, self.story.first - self.begin):
            y = self.ys[at] if at >= 0 else HEAD
            if isinstance(one, Noted) and one.what is What.CRASH:
                finish(("paused", one.to), y)
                begin(("down", one.to), y, one.to, "down")
            elif isinstance(one, Noted) and one.what is What.PAUSE:
                begin(("paused", one.to), y, one.to, "paused")
            elif isinstance(one, Noted) and one.what is What.RESUME:
                finish(("paused", one.to), y)
            elif isinstance(one, Step) and one.taken.kind == "restart":
                finish(("down", one.node), y)
            elif isinstance(one, Fell) and not isinstance(one.fault, Crash | Pause):
                key = ("fault", one.fault)
                name = one.fault.node if isinstance(one.fault, OfNode) else None
                if one.begins:
                    begin(key, y, name, lines_of(one, [])[0])
                else:
                    finish(key, y)
        self.bars = [bar for bar in self.bars if bar.end > HEAD]
        for flight in self.story.flights or ():
            if flight.kind == "sync":
                top = self.sent_y(flight)
                bottom = self.end if flight.end_ns is None else self.y_at(flight.end_ns)
                if bottom > HEAD:
                    lane = self.names.index(flight.to)
                    self.bars.append(Bar("sync", top, bottom, lane, words="the disk syncs"))


def layout(story: Story, count_max: int) -> Layout:
    """Of the last `count_max` things that happened."""
    shown = story.happened[-count_max:]
    begin = story.first + len(story.happened) - len(shown)
    return Layout(story, begin, story.run.system.names, shown)


def cause_of(story: Story) -> dict[int, int]:
    """By the place of a thing, counted in all the story: the step that it comes from."""
    causes: dict[int, int] = {}
    for flight in story.flights or ():
        for place in (*flight.noted, *flight.taken):
            if flight.cause is not None:
                causes[place] = flight.cause
    return causes


def ends_of(flight: Flight, story: Story) -> tuple[int | None, str]:
    """Where a message ended, and how: taken, down, lost (on its way), or going."""
    for place in flight.taken[:1]:
        return place, "taken"
    for place in reversed(flight.noted):
        one = story.happened[place - story.first] if place >= story.first else None
        if isinstance(one, Noted) and one.what is not What.DUPLICATED:
            return place, "down" if one.what is What.DOWN else "lost"
    return None, "going"


def _sides(made: Layout) -> list[bool]:
    """Where lines stand: left of the first lane, which is free, else where fewer arrows end."""
    arrows = [0] * len(made.happened)  # on the right, less those on the left
    for flight in made.story.flights or ():
        apart = made.names.index(flight.to) - made.names.index(flight.source)
        for place, side in ((flight.cause, apart), (ends_of(flight, made.story)[0], -apart)):
            if apart and place is not None and place >= made.begin:
                arrows[place - made.begin] += 1 if side > 0 else -1
    sides = []
    for one, more in zip(made.happened, arrows, strict=True):
        own = isinstance(one, Step) or node_of(one) is not None
        first = own and len(made.names) > 1 and node_of(one) == made.names[0]
        last = node_of(one) == made.names[-1]
        if is_under_way(one):  # not on the arrow that ends there
            sides.append(made.names.index(one.to) < made.names.index(one.source))
        else:
            sides.append(own and (first or (more > 0 and not last)))
    return sides


def _about(time_ns: int) -> str:
    """To the microsecond, which is enough to read; a chosen step shows its time exactly."""
    return f"{time_ns / 1e6:,.3f} ms"


def is_under_way(one: Happening) -> TypeGuard[Noted]:
    """Whether it is what became of a message between two lanes."""
    return isinstance(one, Noted) and one.source != one.to and one.what is not What.DOWN


def _unsynced(one: Happening, crashed: dict[tuple[int, str], list[Unsynced]]) -> list[Unsynced]:
    if isinstance(one, Noted) and one.what is What.CRASH:
        return crashed.get((one.time_ns, one.to), [])
    return []


def _failed_at(made: Layout) -> int | None:
    """The thing with which it failed, if it is one: the last step, or the input that raised."""
    failure = made.story.run.failure
    if failure is None or failure.kind not in ("always", "raised") or not made.happened:
        return None
    last = len(made.happened) - 1
    one = made.happened[last]
    if failure.kind == "raised":
        return last if isinstance(one, Noted) and one.what in INPUTS else None
    return last if one.time_ns == failure.time_ns else None
