"""Where everything stands in a drawn topology: boxes, frames and arrows, in pixels, left to right.

Each shape is placed by itself first, and then moved to where it stands in the shape around it. A
shape has all of its rectangle to itself, so that no arrow ever runs through a box of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headrace.compose.picture import JOINT, Column, Frame, Label, Node, Row, Shape
from headrace.compose.picture_words import cut, wide

TITLE_PX, TEXT_PX = 13.0, 11.0  # sizes of the two fonts
ADVANCE = 0.61  # width of a character by its font's size, in the widest of the usual fonts
NAME_COLUMNS, LINE_COLUMNS, FRAME_COLUMNS = 24, 28, 40  # that a text may have
LINE_PX = 15.0
BOX_PAD_X, BOX_PAD_Y, BOX_WIDTH_MIN = 12.0, 9.0, 84.0
FRAME_PAD, FRAME_HEAD, COPY_PX = 14.0, 26.0, 5.0
ARROW_PX, SPREAD_PX, BRANCH_GAP, LABEL_PAD = 44.0, 52.0, 18.0, 20.0
ROW_WIDTH_MAX, ROW_GAP, TURN_PX = 1240.0, 44.0, 14.0  # a longer row goes on below
WIDEST_PART = 1.3  # how much wider than its widest part a row may be in any case


@dataclass(frozen=True)
class Box:
    """A node and its rectangle."""

    node: Node
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Border:
    """A frame and its rectangle, without those of the copies behind it."""

    frame: Frame
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Arrow:
    """From its first point along right angles to the last of `points`, and to (x, y).

    `bend`: where between the last of `points` and x it changes its height, in a curve.
    """

    points: tuple[tuple[float, float], ...]
    bend: tuple[float, float]
    x: float
    y: float


@dataclass(frozen=True)
class Text:
    """What is written above an arrow, its middle at x."""

    label: Label
    x: float
    y: float


Item = Box | Border | Arrow | Text


@dataclass(frozen=True)
class Placed:
    """A shape with its left upper corner at 0, 0.

    `entries`: the points where arrows come in; `entry_y`: the height at which they are looked for;
    `leave`: the point where arrows go out, if any do.
    """

    width: float
    height: float
    items: list[Item]
    entries: list[tuple[float, float]]
    entry_y: float
    leave: tuple[float, float] | None

    def moved(self, x: float, y: float) -> Placed:
        """The same with its corner at x, y; width and height are then where it ends."""
        return Placed(
            self.width + x,
            self.height + y,
            [_moved(item, x, y) for item in self.items],
            [(at + x, high + y) for at, high in self.entries],
            self.entry_y + y,
            None if self.leave is None else (self.leave[0] + x, self.leave[1] + y),
        )


def _moved(item: Item, x: float, y: float) -> Item:
    if isinstance(item, Arrow):
        points = tuple((at + x, high + y) for at, high in item.points)
        bend = (item.bend[0] + x, item.bend[1] + x)
        return Arrow(points, bend, item.x + x, item.y + y)
    return replace(item, x=item.x + x, y=item.y + y)


def text_width(text: str, size: float) -> float:
    """Pixels that a text takes at most."""
    return wide(text) * size * ADVANCE


def place(shape: Shape) -> Placed:
    """Where everything in a shape stands; a row that is the whole picture goes on in lines."""
    if isinstance(shape, Row):
        return _Rows(shape, ROW_WIDTH_MAX).placed()
    return _place(shape)


def _place(shape: Shape) -> Placed:
    if isinstance(shape, Node):
        return _node(shape)
    if isinstance(shape, Frame):
        return _frame(shape)
    if isinstance(shape, Row):
        return _Rows(shape, float("inf")).placed()
    return _column(shape)


def _node(node: Node) -> Placed:
    plain = node.kind == JOINT
    widths = [text_width(cut(node.title, NAME_COLUMNS), TEXT_PX if plain else TITLE_PX)]
    widths += [text_width(cut(line, LINE_COLUMNS), TEXT_PX) for line in node.lines]
    width = max(*widths, 0.0) + 2 * BOX_PAD_X
    if node.lines:
        width = max(width, BOX_WIDTH_MIN)
    height = 2 * BOX_PAD_Y + (LINE_PX - 3 if plain else LINE_PX) + LINE_PX * len(node.lines)
    middle = height / 2
    leave = (width, middle) if node.leaves else None
    box = Box(node, 0.0, 0.0, width, height)
    return Placed(width, height, [box], [(0.0, middle)], middle, leave)


def _frame(frame: Frame) -> Placed:
    inner = _place(frame.part).moved(FRAME_PAD, FRAME_HEAD)
    title = text_width(cut(frame.title, FRAME_COLUMNS), TEXT_PX)
    width = max(inner.width + FRAME_PAD, title + 2 * FRAME_PAD)
    height = inner.height + FRAME_PAD
    behind = COPY_PX * min(frame.copies - 1, 2)
    items: list[Item] = [Border(frame, 0.0, 0.0, width, height), *inner.items]
    return replace(inner, width=width + behind, height=height + behind, items=items)


def _column(column: Column) -> Placed:
    left = 0.0
    fork = None if column.fork is None else _node(column.fork)
    if fork is not None:
        left = fork.width + SPREAD_PX
    parts, below = [], 0.0
    for part in column.parts:
        parts.append(_place(part).moved(left, below))
        below = parts[-1].height + BRANCH_GAP
    width, height = max(part.width for part in parts), parts[-1].height
    items = [item for part in parts for item in part.items]
    entries = [entry for part in parts for entry in part.entries]
    entry_y = _middle([part.entry_y for part in parts])
    exits = [part.leave for part in parts if part.leave is not None]
    leave = exits[0] if exits else None
    if fork is not None:
        fork = fork.moved(0.0, entry_y - fork.entry_y)
        assert fork.leave is not None
        bend = (fork.leave[0], left)
        items = [*fork.items, *items, *(Arrow((fork.leave,), bend, *to) for to in entries)]
        entries = fork.entries
    if column.join is not None:
        join = _node(column.join)
        join = join.moved(width + SPREAD_PX, _middle([y for _, y in exits]) - join.entry_y)
        bend = (width, width + SPREAD_PX)
        items += [*join.items, *(Arrow((one,), bend, *join.entries[0]) for one in exits)]
        width, leave = join.width, join.leave
    return Placed(width, height, items, entries, entry_y, leave)


def _middle(heights: Sequence[float]) -> float:
    return (min(heights) + max(heights)) / 2


@dataclass(frozen=True)
class _Rows:
    """Places the parts of a row, each at the height at which the one before is left.

    Once a line is as wide as may be, the next part begins another one below it.
    """

    row: Row
    width_max: float

    def placed(self) -> Placed:
        """All lines, one below the other, and the arrows from each to the next one."""
        parts = [_place(part) for part in self.row.parts]
        lines: list[tuple[Label | None, Placed]] = []
        begin = 0
        for count in self._lines(parts):
            labels = self.row.labels[begin : begin + count - 1]
            line = _line(parts[begin : begin + count], labels)
            before = self.row.labels[begin - 1] if begin else None
            lines.append((before, line.moved(_gap(before, line), 0.0) if begin else line))
            begin += count
        right = max(line.width for _, line in lines)
        done = [lines[0][1]]
        for label, line in lines[1:]:
            done.append(_continued(done[-1], line, label, right + TURN_PX))
        return Placed(
            right + (TURN_PX if len(done) > 1 else 0.0),
            done[-1].height,
            [item for line in done for item in line.items],
            done[0].entries,
            done[0].entry_y,
            done[-1].leave,
        )

    def _lines(self, parts: list[Placed]) -> list[int]:
        """How many parts each line has: as few lines as can be, and these about equally wide."""
        widths = [part.width for part in parts]
        for at, (label, part) in enumerate(zip(self.row.labels, parts[1:], strict=True), 1):
            widths[at] += _gap(label, part)
        limit = max(self.width_max, WIDEST_PART * max(widths))
        fewest = _broken(widths, limit)
        if len(fewest) == 1:
            return fewest
        narrower = limit
        while narrower > max(widths) and len(_broken(widths, narrower)) == len(fewest):
            fewest = _broken(widths, narrower)
            narrower -= 20.0
        return fewest


def _broken(widths: list[float], width_max: float) -> list[int]:
    counts, width = [0], 0.0
    for each in widths:
        if counts[-1] and width + each > width_max:
            counts.append(0)
            width = 0.0
        counts[-1] += 1
        width += each
    return counts


def _continued(above: Placed, line: Placed, label: Label | None, turn: float) -> Placed:
    """A line below another, and the arrow from there, which goes round by x = `turn`."""
    left = _gap(label, line)
    line = line.moved(0.0, above.height + ROW_GAP)
    assert above.leave is not None
    back = above.height + ROW_GAP / 2
    points = (
        above.leave, (turn, above.leave[1]), (turn, back), (0.0, back), (0.0, line.entry_y)
    )  # fmt: skip
    return replace(line, items=[*_arrows(points, line, left, left, label), *line.items])


def _line(parts: list[Placed], labels: tuple[Label | None, ...]) -> Placed:
    """Parts behind each other, with arrows between them."""
    done, top = [parts[0]], 0.0
    items: list[Item] = []
    for label, part in zip(labels, parts[1:], strict=True):
        before = done[-1]
        assert before.leave is not None
        left, high = before.width + _gap(label, part), before.leave[1] - part.entry_y
        top = min(top, high)
        done.append(part.moved(left, high))
        items += _arrows((before.leave,), done[-1], left, _gap(label, part), label)
    whole = Placed(
        done[-1].width,
        max(part.height for part in done),
        [*items, *(item for part in done for item in part.items)],
        done[0].entries,
        done[0].entry_y,
        done[-1].leave,
    )
    return whole.moved(0.0, -top)


def _gap(label: Label | None, part: Placed) -> float:
    """Room for the arrows to a part, and for what is written above them."""
    written = 0.0 if label is None else text_width(label.text, TEXT_PX) + LABEL_PAD
    heights = [y for _, y in part.entries]
    spread = 0.0
    if len(heights) > 1:
        spread = SPREAD_PX + min((max(heights) - min(heights)) / 12, 80.0)
    return max(ARROW_PX, written + spread)


def _arrows(
    points: tuple[tuple[float, float], ...],
    part: Placed,
    left: float,
    gap: float,
    label: Label | None,
) -> list[Item]:
    """From the last of `points` to all entries of a part that begins at `left`."""
    written = 0.0 if label is None else text_width(label.text, TEXT_PX) + LABEL_PAD
    start = left - gap + (written if len(part.entries) > 1 else 0.0)
    first, *others = part.entries
    items: list[Item] = [Arrow(points, (start, left), *first)]
    again = ((start, points[-1][1]),)  # where the others leave the first one's line
    items += [Arrow(again, (start, left), *entry) for entry in others]
    if label is not None:
        middle = left - gap + (written if len(part.entries) > 1 else gap - 8.0) / 2
        items.append(Text(label, middle, points[-1][1] - 7.0))
    return items
