"""The pictures of `headrace top`: a table of the stages, and the topology as a tree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
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


def screen(view: BoardView, shown: Shown, width: int, height: int) -> RenderableType:
    """A full screen of so many columns and lines."""
    room = max(1, height - FRAME_LINES)
    if shown.topology:
        lines = topology_lines(view.topology)[shown.first : shown.first + room + 1]
        body: RenderableType = Group(*lines)
        used = len(lines)
    else:
        stages = view.stages[shown.first : shown.first + room]
        body = stage_table(stages, width)
        used = len(stages) + 1
    padding = [Text("")] * (room + 1 - used)
    return Group(*_header(view, shown, room, width), Text(""), body, *padding, _keys(shown))


def stage_table(stages: Sequence[StageView], width: int) -> Table:
    """A line for each stage; with more columns where the width allows it."""
    wide = width >= WIDE
    table = Table(box=None, padding=(0, 1, 0, 0), expand=False, header_style="bold", pad_edge=False)
    table.add_column("stage", no_wrap=True, width=WIDE_STAGE if wide else NARROW_STAGE)
    table.add_column("state", no_wrap=True, width=10)
    for name in ("rate/s", "depth", "batch"):
        table.add_column(name, justify="right", no_wrap=True, width=6)
    if wide:
        table.add_column("busy", justify="right", no_wrap=True, width=5)
        table.add_column("service", justify="right", no_wrap=True, width=7)
    for name in ("p50", "p99", "p99.9"):
        table.add_column(name, justify="right", no_wrap=True, width=7)
    if wide:
        for name in ("errors", "letters", "drops"):
            table.add_column(name, justify="right", no_wrap=True, width=7)
    table.add_column("rst", justify="right", no_wrap=True, width=3)
    for stage in stages:
        table.add_row(*_cells(stage, wide))
    return table


def _cells(stage: StageView, wide: bool) -> list[Text]:
    reading = stage.reading
    cells = [
        Text(stage.node.stage, overflow="ellipsis"),
        Text(stage.state, STATE_STYLES[stage.state]),
        Text(count_text(stage.rate)),
        _depth(stage),
        Text(count_text(stage.batch)),
    ]
    if wide:
        cells += [Text(f"{stage.busy:.0%}"), Text(duration_text(reading.service_ns or math.nan))]
    cells += [Text(duration_text(value)) for value in stage.latencies_ns]
    if wide:
        counts = (reading.errors, reading.dead_letters, reading.dropped)
        cells += [Text(count_text(count), "red" if count else "") for count in counts]
    restarts = reading.restarts
    cells.append(Text(str(restarts) if restarts < 1000 else ">1k", "yellow" if restarts else ""))
    return cells


def _depth(stage: StageView) -> Text:
    if stage.depth is None:
        return Text("-")
    full = stage.room > 0 and stage.depth >= 0.9 * stage.room
    return Text(count_text(stage.depth), "bold red" if full else "")


def _header(view: BoardView, shown: Shown, room: int, width: int) -> list[Text]:
    title = Text(f"headrace top  {view.name}", "bold", no_wrap=True, overflow="ellipsis")
    if view.topology.title:
        title.append(f"  {view.topology.title}", "not bold")
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
    text.append(node.stage, "bold default")
    if again:
        text.append("  as above")
        return text
    kind = " ".join(word for word in (node.step, node.machine) if word and word != node.stage)
    if kind:
        text.append(f"  {kind}", "default")
    if node.reads:
        text.append(f"  reads {', '.join(node.reads)}", "cyan")
    if node.writes:
        text.append(f"  writes {node.writes}", "cyan")
    return text


def board_line(info: BoardInfo) -> str:
    """A board in the list of those there are, with markup."""
    colour, word = ("green", "alive") if info.owner_alive else ("red", "dead")
    stages = f"{len(info.stages)} stage{'' if len(info.stages) == 1 else 's'}"
    return f"[bold]{escape(info.name)}[/]: {stages}, owner [{colour}]{info.owner_pid} {word}[/]"
