"""The pictures of `headrace top`: a table of the stages, and the topology as a tree."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.markup import escape
from rich.text import Text

from headrace.metrics import BoardInfo, BoardView, StageView
from headrace.metrics.topology import Node, Topology

from .sizes import count_text, duration_text

STATE_STYLES = {
    "running": "green",
    "waiting": "cyan",
    "starting": "yellow",
    "restarting": "yellow",
    "paused": "bold yellow",
    "ended": "bright_black",
    "dead": "bold red",
    "unknown": "bold red",
}
WIDE = 119  # columns from which on there is room for more
FRAME_LINES = 5  # header, its second line, an empty line, the table's heading, the keys
NARROW_STAGE, WIDE_STAGE = 19, 22


@dataclass(frozen=True)
class Shown:
    """What somebody at the keys has chosen. `first`: the stage at the top of a long list."""

    topology: bool = False
    first: int = 0


def screen(view: BoardView, shown: Shown, width: int, height: int) -> Group:
    """A full screen of so many columns and lines."""
    room = max(1, height - FRAME_LINES)
    if shown.topology:
        lines = topology_lines(view.topology)[shown.first : shown.first + room + 1]
    else:
        lines = stage_lines(view.stages[shown.first : shown.first + room], width)
    padding = [Text("")] * (room + 1 - len(lines))
    return Group(*_header(view, shown, room, width), Text(""), *lines, *padding, _keys(shown))


def stage_lines(stages: Sequence[StageView], width: int) -> list[Text]:
    """A heading, and a line for each stage; with more columns where the width allows it.

    Not a table of rich, which takes milliseconds to lay out what is known beforehand.
    """
    columns = [column for column in COLUMNS if width >= WIDE or not column.wide_only]
    heading = [(column.name, "bold") for column in columns]
    rows = [[column.cell(stage) for column in columns] for stage in stages]
    return [_line(columns, cells, width) for cells in (heading, *rows)]


Cell = tuple[str, str]  # a text and its style


@dataclass(frozen=True)
class Column:
    """One column. `cells`: how wide; to the right, but for those that begin the line."""

    name: str
    cells: int
    cell: Callable[[StageView], Cell]
    wide_only: bool = False
    left: bool = False


def _line(columns: Sequence[Column], cells: Sequence[Cell], width: int) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    for column, (text, style) in zip(columns, cells, strict=True):
        room = column.cells
        if column is COLUMNS[0] and width < WIDE:
            room = NARROW_STAGE
        if cell_len(text) > room:
            text = set_cell_size(text, room - 1) + "…"
        padding = " " * (room - cell_len(text))
        line.append(f"{text}{padding}" if column.left else f"{padding}{text}", style)
        line.append(" ")
    line.rstrip()
    line.truncate(width, overflow="ellipsis")
    return line


def _depth(stage: StageView) -> Cell:
    if stage.depth is None:
        return "-", ""
    full = stage.room > 0 and stage.depth >= 0.9 * stage.room
    return count_text(stage.depth), "bold red" if full else ""


def _restarts(stage: StageView) -> Cell:
    restarts = stage.reading.restarts
    return str(restarts) if restarts < 1000 else ">1k", "yellow" if restarts else ""


def _bad(count: int) -> Cell:
    """Of what should not happen."""
    return count_text(count), "red" if count else ""


COLUMNS = (
    Column("stage", WIDE_STAGE, lambda s: (printable(s.node.stage), ""), left=True),
    Column("state", 10, lambda s: (s.state, STATE_STYLES[s.state]), left=True),
    Column("rate/s", 6, lambda s: (count_text(s.rate), "")),
    Column("depth", 6, _depth),
    Column("batch", 6, lambda s: (count_text(s.batch), "")),
    Column("busy", 5, lambda s: (f"{s.busy:.0%}", ""), wide_only=True),
    Column(
        "service",
        7,
        lambda s: (duration_text(s.reading.service_ns or math.nan), ""),
        wide_only=True,
    ),
    Column("p50", 7, lambda s: (duration_text(s.latencies_ns[0]), "")),
    Column("p99", 7, lambda s: (duration_text(s.latencies_ns[1]), "")),
    Column("p99.9", 7, lambda s: (duration_text(s.latencies_ns[2]), "")),
    Column("errors", 7, lambda s: _bad(s.reading.errors), wide_only=True),
    Column("letters", 7, lambda s: _bad(s.reading.dead_letters), wide_only=True),
    Column("drops", 7, lambda s: _bad(s.reading.dropped), wide_only=True),
    Column("rst", 3, _restarts),
)


def _header(view: BoardView, shown: Shown, room: int, width: int) -> list[Text]:
    title = Text(f"headrace top  {view.name}", "bold", no_wrap=True, overflow="ellipsis")
    if view.topology.title:
        title.append(f"  {printable(view.topology.title)}", "not bold")
    title.truncate(width, overflow="ellipsis")
    count = len(view.stages)
    second = Text(f"{count} stage{'' if count == 1 else 's'}", no_wrap=True, overflow="ellipsis")
    if not shown.topology and count > room:
        second.append(f", {shown.first + 1} to {min(shown.first + room, count)} shown")
    if view.owner == "gone":
        second.append("; ").append(f"owner {view.owner_pid} is dead", "bold red")
        second.append("; headrace rings --clean")
    else:
        second.append(f"; owner {view.owner_pid} ")
        paused = view.owner == "stopped"
        second.append("is paused" if paused else "is alive", "bold yellow" if paused else "green")
        second.append(f", up {_up(view.time_ns - view.created_ns)}")
    second.truncate(width, overflow="ellipsis")
    return [title, second]


def _up(passed_ns: int) -> str:
    seconds = max(0, passed_ns // 1_000_000_000)
    days, seconds = divmod(seconds, 86_400)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{days} d {clock}" if days else clock


def _keys(shown: Shown) -> Text:
    other = "stages" if shown.topology else "topology"
    keys = (("q", "quit"), ("t", other), ("j", "down"), ("k", "up"))
    text = Text(no_wrap=True)
    for key, told in keys:
        text.append(f"{key} ", "bold").append(f"{told}   ", "bright_black")
    text.rstrip()
    return text


# -- the topology ----------------------------------------------------------------------------


def topology_lines(topology: Topology) -> list[Text]:
    """The stages, from the sources on: below each those that read what it writes.

    One alone stands below with an arrow, several as branches. A stage that several lead to is
    shown in full once, below the first of them.
    """
    lines: list[Text] = []
    nodes = {node.stage: node for node in topology.nodes}
    seen: set[str] = set()
    entered = {end for _, end in topology.edges}
    sources = [node.stage for node in topology.nodes if node.stage not in entered]
    # In a circle nobody is first: then whatever is left begins.
    for begin in (*sources, *nodes):
        left = [] if begin in seen else [("", "", begin)]
        while left:
            head, below, stage = left.pop()
            lines.append(_stage_line(head, nodes[stage], again=stage in seen))
            if stage not in seen:
                seen.add(stage)
                left += reversed(_branches(below, topology.behind(stage)))
    return lines


def _branches(below: str, stages: list[str]) -> list[tuple[str, str, str]]:
    """For each stage what stands in front of it, in front of what is below it, and itself."""
    if len(stages) == 1:
        return [(f"{below}→ ", below, stages[0])]
    last = len(stages) - 1
    return [
        (f"{below}└─ ", f"{below}   ", stage)
        if index == last
        else (f"{below}├─ ", f"{below}│  ", stage)
        for index, stage in enumerate(stages)
    ]


def _stage_line(head: str, node: Node, *, again: bool) -> Text:
    text = Text(head, "bright_black", no_wrap=True, overflow="ellipsis")
    text.append(printable(node.stage), "bold default")
    if again:
        text.append("  as above")
        return text
    kind = " ".join(word for word in (node.step, node.machine) if word and word != node.stage)
    if kind:
        text.append(f"  {printable(kind)}", "default")
    if node.reads:
        text.append(f"  reads {printable(', '.join(node.reads))}", "cyan")
    if node.writes:
        text.append(f"  writes {printable(node.writes)}", "cyan")
    return text


def printable(text: str) -> str:
    """A text of a board, which may hold anything, without what would move a terminal's cursor."""
    return "".join(char if char.isprintable() else "?" for char in text)


def board_line(info: BoardInfo) -> str:
    """A board in the list of those there are, with markup."""
    colour, word = ("green", "alive") if info.owner_alive else ("red", "dead")
    stages = f"{len(info.stages)} stage{'' if len(info.stages) == 1 else 's'}"
    return f"[bold]{escape(info.name)}[/]: {stages}, owner [{colour}]{info.owner_pid} {word}[/]"
