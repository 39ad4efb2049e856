"""Lines as text: a table for the terminal, and the one for the README."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from bench import results
from bench.measure import Result

SIGNS = {">=": "\N{GREATER-THAN OR EQUAL TO}", "<=": "\N{LESS-THAN OR EQUAL TO}"}

Line = dict[str, Any]


def number(value: float) -> str:
    """Three digits, or all those before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def suffix(line: Line) -> str:
    """What the results and the target of a line are counted in."""
    return "x" if line["kind"] == "ratio" else f" {line['unit']}"


def target(line: Line) -> str:
    """The target as text; nothing where there is none."""
    if line["target"] is None:
        return ""
    return f"{SIGNS[line['relation']]} {number(line['target'])}{suffix(line)}"


def bare(name: str) -> str:
    """A contestant's name without what tells it from its like in one figure."""
    return name.split(" (")[0]


def _spread(found: dict[str, float], unit: str) -> str:
    return f"{number(found['median'])}{unit} [{number(found['q1'])}..{number(found['q3'])}]"


def _verdict(line: Line) -> str:
    return {True: "[green]yes", False: "[red]no", None: ""}[line["reached"]]


def table(result: Result) -> Table:
    """The lines of one figure: medians, and the quartiles of the ratios."""
    made = Table(title=result.name, title_justify="left", title_style="bold")
    made.add_column("work", max_width=48)
    made.add_column("yardstick", max_width=24)
    for column in ("headrace", "yardstick's", "result [quartiles]", "to reach"):
        made.add_column(column, justify="right", no_wrap=True)
    made.add_column("reached")
    for line in result.lines:
        work = ", ".join(part for part in (line["work"], line["at"]) if part)
        if "why" in line:
            made.add_row(work, bare(line["yardstick"]), "", "", "not measured", target(line), "-")
            continue
        unit = line["unit"]
        ours, theirs = (f"{number(line[side]['median'])} {unit}" for side in ("ours", "theirs"))
        spread = _spread(line["result"], suffix(line))
        made.add_row(
            work, bare(line["yardstick"]), ours, theirs, spread, target(line), _verdict(line)
        )
    return made


def calibration(result: Result) -> str:
    """Both calibrations as a line."""
    before, after = result.before, result.after
    return (
        f"bare flags {number(before['flags_ns'])} ns before, {number(after['flags_ns'])} ns after; "
        f"memcpy {number(before['memcpy_gb_s'])} and {number(after['memcpy_gb_s'])} GB/s"
    )


def missing(found: Iterable[Result]) -> dict[str, str]:
    """Contestants that could not run, and why, each once."""
    return {
        bare(name): why for result in found for name, why in result.missing.items()
    }  # fmt: skip


def _joined(lines: list[Line], side: str) -> str:
    values = " / ".join(number(line[side]["median"]) for line in lines)
    return f"{values} {lines[0]['unit']}"


def _row(lines: list[Line]) -> list[str]:
    """The cells of lines that share their work and their yardstick."""
    first = lines[0]
    at = " / ".join(line["at"] for line in lines if line["at"])
    work = f"{first['work']}: {at}" if at else first["work"]
    targets = [target(line) or "-" for line in lines]
    wanted = " / ".join(targets if len(set(targets)) > 1 else targets[:1])
    reasons = [line["why"] for line in lines if "why" in line]
    if reasons:
        reason = reasons[0].split(": ", 1)[1]
        return [work, bare(first["yardstick"]), "", "", f"not measured ({reason})", wanted, "-"]
    found = " / ".join(
        ("**{}{}**" if line["reached"] is False else "{}{}").format(
            number(line["result"]["median"]), suffix(line)
        )
        for line in lines
    )
    held = [line["reached"] for line in lines if line["reached"] is not None]
    verdict = "-" if not held else "yes" if all(held) else "no" if not any(held) else (
        f"{sum(held)} of {len(held)}"
    )  # fmt: skip
    ours, theirs = _joined(lines, "ours"), _joined(lines, "theirs")
    return [work, bare(first["yardstick"]), ours, theirs, found, wanted, verdict]


def markdown(document: dict[str, Any]) -> str:
    """The table for the README: lines of the same work and yardstick in one row."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in results.lines_of(document):
        groups.setdefault((line["work"], bare(line["yardstick"])), []).append(line)
    header = [
        "Work", "Yardstick", "headrace", "yardstick's", "Result", "To reach", "Reached"
    ]  # fmt: skip
    rows = [header, ["---"] * len(header), *(_row(lines) for lines in groups.values())]
    text = "\n".join("| " + " | ".join(cell or " " for cell in row) + " |" for row in rows)
    return f"{text}\n\n{conditions(document)}\n"


def conditions(document: dict[str, Any]) -> str:
    """When, and on what, in a sentence or two."""
    about = document["machine"]
    rounds = sorted({figure["rounds"] for figure in document["figures"]})
    looks = [
        figure["calibration"][when]["flags_ns"]
        for figure in document["figures"]
        for when in ("before", "after")
    ]
    parts = [about.get(name, "") for name in ("cpu", "kernel", "python")]
    parts += [f"NumPy {about['numpy']}"] if "numpy" in about else []
    where = ", ".join(part for part in parts if part)
    between = f"{number(min(looks))} to {number(max(looks))} ns" if looks else "not measured"
    return (
        f"Medians of {' to '.join(map(str, dict.fromkeys((rounds[0], rounds[-1]))))} interleaved "
        f"rounds, {document['date']}, on {where}. "
        f"The round trip of two bare flags between the cores took {between} meanwhile."
    )
