"""What `headrace journal check` and `stats` print."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headrace.journal.check import DAMAGE, DAMAGED, HARMLESS, NOTE, Check, Finding
from headrace.journal.scan import Scan, SegmentFound
from headrace.journal.stats import Stats

from .console import counted
from .sizes import bytes_text, time_text

ROWS_MAX = 24  # of segments that are shown one by one
BAR_CELLS = 24
_COLOURS = {DAMAGE: "bold red", NOTE: "cyan"}
_VERDICTS = {
    DAMAGED: "[bold red]damaged[/]",
    HARMLESS: "[yellow]harmless[/]: nothing that was safe is missing",
}


def print_check(console: Console, found: Check, *, of_outputs: bool = False) -> None:
    """Print what is there, what is wrong with it, and what can be done."""
    scan = found.scan
    _print_heading(console, scan, of_outputs=of_outputs)
    if scan.segments:
        console.print(_segment_table(scan, "outputs" if of_outputs else "inputs"))
    if not of_outputs:
        _print_snapshots(console, scan)
    for finding in found.findings:
        _print_finding(console, scan.folder, finding, "outputs" if of_outputs else "inputs")
    if found.outputs is not None:
        console.print()
        print_check(console, found.outputs, of_outputs=True)
    if not of_outputs:
        console.print()
        console.print(_VERDICTS.get(found.level, "[green]whole[/]"))


def _print_heading(console: Console, scan: Scan, *, of_outputs: bool) -> None:
    what = "journal of outputs" if of_outputs else "journal"
    console.print(f"[bold]{what}[/] {escape(scan.folder)}")
    if scan.opened is None:
        console.print("  no segment says what it is of")
        return
    identity = scan.opened.identity
    version = f", version {identity.version}" if identity.version else ""
    console.print(f"  machine {escape(identity.machine + version)}")
    size = counted(identity.event.itemsize, "byte")
    console.print(f"  {size} each: {escape(str(identity.event))}")
    last = f"next is {scan.end.sequence:,}"
    console.print(f"  {last}; {'closed' if scan.sealed else 'open, or not closed properly'}")


def _segment_table(scan: Scan, things: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("segment", justify="right")
    table.add_column(things, justify="right", no_wrap=True)
    table.add_column("frames", justify="right")
    table.add_column("used", justify="right", no_wrap=True)
    table.add_column("first and last time (UTC)", no_wrap=True)
    table.add_column("")
    wrong = {each.index for each in scan.breaks}
    shown_ones = set(range(len(scan.segments)))
    if len(shown_ones) > ROWS_MAX:
        half = ROWS_MAX // 2
        shown_ones = {*range(half), *range(len(scan.segments) - half, len(scan.segments))} | wrong
    left_out = 0
    for index, segment in enumerate(scan.segments):
        if index not in shown_ones:
            left_out += 1
            continue
        if left_out:
            table.add_row("...", f"{counted(left_out, 'segment')} more")
            left_out = 0
        torn = {each.index for each in scan.breaks if each.torn}
        bad = bool(segment.header) or index in wrong
        mark = "[yellow]torn[/]" if index in torn else "[red]damaged[/]" if bad else ""
        table.add_row(*_segment_row(segment), mark)
    total = sum(each.inputs for each in scan.segments)
    frames = sum(each.frames for each in scan.segments)
    size = sum(each.bytes for each in scan.segments)
    table.add_row("[bold]all[/]", f"{total:,}", f"{frames:,}", bytes_text(size), "")
    return table


def _segment_row(segment: SegmentFound) -> list[str]:
    first, last = segment.name[1], segment.end - 1
    span = f"{first:,} to {last:,}" if segment.inputs else "none"
    times = ""
    if segment.times is not None:
        begin, end = (time_text(each, 0) for each in segment.times)
        times = f"{begin} {end[11:] if end[:10] == begin[:10] else end}"
    return [
        str(segment.name[0]), span, f"{segment.frames:,}", bytes_text(segment.used), times
    ]


def _print_snapshots(console: Console, scan: Scan) -> None:
    good = [each for each in scan.snapshots if not each.bad]
    bad = len(scan.snapshots) - len(good)
    told = counted(len(good), "good snapshot")
    if good:
        size = bytes_text(sum(each.bytes for each in good))
        places = f"before input {good[0].sequence:,}"
        if len(good) > 1:
            places = f"before inputs {good[0].sequence:,} to {good[-1].sequence:,}"
        told += f", {places}, {size}"
    console.print(f"{told}{f'; [yellow]{bad} bad[/]' if bad else ''}")


def _print_finding(console: Console, folder: str, finding: Finding, things: str) -> None:
    colour = _COLOURS.get(finding.kind, "yellow")
    file = finding.file.removeprefix(folder + "/")
    console.print()
    console.print(f"[{colour}]{finding.kind}[/] {escape(file)}, byte {finding.offset:,}")
    console.print(f"  {escape(finding.reason)}")
    if finding.inputs is not None:
        begin, end = finding.inputs
        told = f"{things} {begin:,} to {end - 1:,} ({end - begin:,}) are affected"
        if end - begin == 1:
            told = f"{things[:-1]} {begin:,} is affected"
        console.print(f"  {told}")
    if finding.remedy:
        console.print(f"  {escape(finding.remedy)}")


def check_as_json(found: Check) -> dict[str, Any]:
    """All that a check has found."""
    scan = found.scan
    return {
        "folder": scan.folder,
        "level": found.level,
        "next_sequence": scan.end.sequence,
        "sealed": scan.sealed,
        "segments": [_segment_as_json(each) for each in scan.segments],
        "snapshots": [asdict(each) for each in scan.snapshots],
        "findings": [asdict(each) for each in found.findings],
        "outputs": None if found.outputs is None else check_as_json(found.outputs),
    }


def _segment_as_json(segment: SegmentFound) -> dict[str, Any]:
    return {
        "number": segment.name[0],
        "first_sequence": segment.name[1],
        "end_sequence": segment.end,
        "file": segment.file,
        "bytes": segment.bytes,
        "bytes_used": segment.used,
        "frames": segment.frames,
        "inputs": segment.inputs,
        "times_ns": segment.times,
        "header": segment.header or "good",
    }


def stats_as_json(found: Stats, spans: int) -> dict[str, Any]:
    """All figures."""
    frames, inputs = found.frame_bytes, found.frame_inputs
    return {
        "inputs": found.inputs,
        "frames": len(frames),
        "segments": len(found.scan.segments),
        "bytes_on_disk": sum(each.bytes for each in found.scan.segments),
        "bytes_of_frames": sum(frames),
        "bytes_of_events": found.payload_bytes,
        "times_ns": found.times,
        "frame_bytes": _quantiles(frames),
        "inputs_per_frame": _quantiles([each for each in inputs if each]),
        "rates": [
            {"time_ns": begin, "seconds": seconds, "inputs": count}
            for begin, seconds, count in found.rates.rows(spans)
        ],
        "snapshots": [each.sequence for each in found.scan.snapshots if not each.bad],
        "digests": len(found.digests),
        "calls": found.calls,
        "clients": dict(found.clients),
        "opened": dict(found.opened),
        "closed": found.sealed,
    }


def _quantiles(values: list[int]) -> dict[str, int] | None:
    if not values:
        return None
    p50, p99 = np.percentile(values, [50, 99], method="inverted_cdf")
    return {"p50": int(p50), "p99": int(p99), "max": max(values)}


def print_stats(console: Console, found: Stats, spans: int) -> None:
    """Print a line for each figure, and a bar for each span of time."""
    figures = stats_as_json(found, spans)
    lines = {
        "inputs": f"{found.inputs:,} in {counted(len(found.frame_bytes), 'frame')}",
        "segments": f"{figures['segments']:,}, {bytes_text(figures['bytes_on_disk'])} on the disk",
        "frames": bytes_text(figures["bytes_of_frames"]),
        "frame size": _sizes(figures["frame_bytes"], bytes_text),
        "inputs a frame": _sizes(figures["inputs_per_frame"], lambda count: f"{count:,}"),
    }
    if found.inputs:
        each = figures["bytes_of_frames"] / found.inputs
        own = found.payload_bytes / found.inputs
        lines["bytes an input"] = f"{each:,.1f}, of which the event {own:,.0f}"
    lines |= _times_and_notes(found, figures)
    for label, text in lines.items():
        console.print(f"[bold]{label:<16}[/]{escape(text)}")
    _print_rates(console, found, spans)


def _sizes(sizes: dict[str, int] | None, text: Any) -> str:
    if sizes is None:
        return "none"
    return f"p50 {text(sizes['p50'])}, p99 {text(sizes['p99'])}, largest {text(sizes['max'])}"


def _times_and_notes(found: Stats, figures: dict[str, Any]) -> dict[str, str]:
    lines = {}
    if found.times is not None:
        begin, end = found.times
        seconds = (end - begin) / 1e9
        rate = f", {found.inputs / seconds:,.0f} inputs/s" if seconds > 0 else ""
        lines["first input"] = time_text(begin)
        lines["last input"] = f"{time_text(end)}, {seconds:,.3f} s later{rate}"
    snapshots = figures["snapshots"]
    lines["snapshots"] = counted(len(snapshots), "good one")
    if snapshots:
        lines["snapshots"] += f", the newest before input {snapshots[-1]:,}"
    lines["digests"] = f"{len(found.digests):,}"
    if len(found.digests) > 1:
        gaps = np.diff(sorted(set(found.digests)))
        if len(gaps):
            lines["digests"] += f", at most {int(gaps.max()):,} inputs apart"
    named = [f"{name} ({count:,})" for name, count in found.clients.most_common(5)]
    more = len(found.clients) - len(named)
    lines["calls"] = f"{found.calls:,}, of {counted(len(found.clients), 'named client')}"
    if named:
        lines["clients"] = ", ".join(named) + (f" and {more:,} more" if more > 0 else "")
    opened = ", ".join(f"{name} ({count:,})" for name, count in found.opened.items())
    lines["opened by"] = f"{opened or 'nobody'}; closed {counted(found.sealed, 'time')}"
    return lines


def _print_rates(console: Console, found: Stats, spans: int) -> None:
    rows = found.rates.rows(spans)
    if len(rows) < 2:
        return
    most = max(count for _, _, count in rows)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("from (UTC)", no_wrap=True)
    table.add_column("inputs", justify="right")
    table.add_column("a second", justify="right")
    table.add_column("", no_wrap=True)
    digits = 0 if rows[0][1] >= 1 else 3
    for begin, seconds, count in rows:
        cells = -(-count * BAR_CELLS // most)
        table.add_row(
            time_text(begin, digits), f"{count:,}", f"{count / seconds:,.0f}", "█" * cells
        )
    console.print()
    console.print(table)

