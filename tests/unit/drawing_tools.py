"""Topologies to be drawn, and small readers of what is drawn: Mermaid's language, DOT, and SVG."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import headrace as hr
from headrace.compose.picture_words import wide

ORDER = [("symbol", "S8"), ("price", "<f8"), ("qty", "<i4")]
NASTY = 'a "b" <c> & [d] {e} (f) |g| `h` #1; \\n % end'
WIDE_FIELDS = [(f"field_number_{index}", "<i4") for index in range(9)]


def machine(name: str, output: Any = ORDER, event: Any = ORDER, **more: Any) -> hr.Machine:
    return hr.machine(event=event, output=output, name=name, **{"initial": dict, **more})(_step)


def _step(state: Any, event: Any) -> Any:
    return state, None


def issue() -> hr.Topology:
    """The one that the issue names."""
    report = machine("report", [("fee", "<f8")])
    tail = hr.fanout(report, hr.chain(machine("risk"), machine("alert", "<i8")))
    made: hr.Topology = machine("parse") >> hr.shard(machine("match"), by="symbol", n=4) >> tail
    return made


def topologies() -> dict[str, Any]:
    """Of every kind, the odd ones included."""
    nested = hr.fanout(
        hr.shard(
            hr.shard(machine("match"), by="symbol", n=2) >> machine("book"),
            by=("symbol", "price"),
            n=3,
        ),
        machine("report", "<i8"),
        machine("log", None),
    )
    long = machine("m0")
    for index in range(1, 20):
        long = long >> machine(f"m{index}")
    eights = hr.shard(machine("one"), by="symbol", n=8) >> hr.shard(machine("two"), by="qty", n=8)
    return {
        "issue": issue(),
        "single": machine("match"),
        "without outputs": machine("sink", None),
        "nested": nested >> machine("sum", None, nested.output),
        "long": long,
        "eights": eights >> hr.fanout(machine("three"), hr.shard(machine("four"), n=8)),
        "silent": machine("in") >> hr.fanout(hr.shard(machine("a", None), n=3), machine("b", None)),
        "one of many": hr.fanout(
            machine("a", None), hr.fanout(machine("b"), machine("c", None)), machine("d", None)
        )
        >> machine("after"),
        "names": machine(NASTY)
        >> machine("a_very_long_name_that_goes_on_and_on_and_on_to_the_end")
        >> hr.shard(machine("漢字の機械の名前はとても長いのです"), n=3, ordered=True)
        >> hr.fanout(machine("x\n\u202ey", None), machine("many", WIDE_FIELDS, version=7)),
        "deep": hr.shard(
            hr.fanout(machine("u"), hr.shard(machine("v"), by="price", n=3) >> machine("w")),
            by="symbol",
            n=2,
            ordered=True,
        ),
        "ones": hr.shard(hr.shard(machine("a"), by="qty", n=1, ordered=True), by="qty", n=1),
    }


@dataclass
class Graph:
    """What a text in Mermaid or DOT says: texts of nodes and groups, and who is in which."""

    nodes: dict[str, list[str]] = field(default_factory=dict)
    edges: list[tuple[str, str, str]] = field(default_factory=list)  # from, to, label
    groups: list[str] = field(default_factory=list)
    inside: dict[str, tuple[int, ...]] = field(default_factory=dict)


def read_mermaid(text: str) -> Graph:
    """Raises ValueError for a line that is none of those that are drawn."""
    graph, around = Graph(), []
    head, *lines = text.splitlines()
    if head != "flowchart LR":
        raise ValueError(head)
    quoted = r'"([^"]*)"'
    for line in lines:
        line = line.strip()
        if found := re.fullmatch(rf"subgraph g(\d+)\[{quoted}\]", line):
            around.append(int(found[1]))
            graph.groups += _mermaid_lines(found[2])
        elif line == "end":
            around.pop()
        elif found := re.fullmatch(rf"(n\d+)([\[({{]+){quoted}([\])}}]+)", line):
            if found[2] + found[4] not in ("([])", "[()]", "[]", "{{}}"):
                raise ValueError(line)
            graph.nodes[found[1]] = _mermaid_lines(found[3])
            graph.inside[found[1]] = tuple(around)
        elif found := re.fullmatch(rf"(n\d+) -->(?:\|{quoted}\|)? (n\d+)", line):
            graph.edges.append((found[1], found[3], "".join(_mermaid_lines(found[2] or ""))))
        elif not re.fullmatch(r"classDef \w+ [\w:#,]+|class n\d+(,n\d+)* \w+", line):
            raise ValueError(line)
    if around:
        raise ValueError("a subgraph has no end")
    return graph


def _mermaid_lines(text: str) -> list[str]:
    def character(found: re.Match[str]) -> str:
        return chr(int(found[1]))

    lines = text.split("<br/>")
    if any(re.search(r"[<>&`\\]|#(?!\d+;)", line) for line in lines):
        raise ValueError(f"what Mermaid takes for markup: {text}")
    return [re.sub(r"#(\d+);", character, line) for line in lines]


def read_dot(text: str) -> Graph:
    """The same for DOT: nodes, edges and clusters, a statement on each line."""
    graph, around = Graph(), []
    quoted = r'"((?:[^"\\]|\\.)*)"'
    value = rf"(?:{quoted}|\w+)"
    attributes = rf"\[(\w+={value}(?:, \w+={value})*)\]"
    head, *lines, last = text.splitlines()
    if (head, last) != ("digraph topology {", "}"):
        raise ValueError(text)
    for line in lines:
        line = line.strip()
        if found := re.fullmatch(r"subgraph cluster(\d+) \{", line):
            around.append(int(found[1]))
        elif line == "}":
            around.pop()
        elif found := re.fullmatch(rf'label={quoted}; style="[\w,]+"; color="#\w+"', line):
            graph.groups += _dot_lines(found[1])
        elif re.fullmatch(rf"(graph|node|edge) {attributes}", line):
            pass
        elif found := re.fullmatch(rf"(n\d+) {attributes}", line):
            graph.nodes[found[1]] = _dot_lines(_label(found[2]))
            graph.inside[found[1]] = tuple(around)
        elif found := re.fullmatch(rf"(n\d+) -> (n\d+)(?: {attributes})?", line):
            graph.edges.append((found[1], found[2], "".join(_dot_lines(_label(found[3] or "")))))
        else:
            raise ValueError(line)
    if around:
        raise ValueError("a cluster has no end")
    return graph


def _label(attributes: str) -> str:
    found = re.match(r'label="((?:[^"\\]|\\.)*)"', attributes)
    return found[1] if found else ""


def _dot_lines(text: str) -> list[str]:
    lines = re.sub(r"\\n", "\n", re.sub(r"\\\\", "\0", text)).split("\n")
    return [line.replace('\\"', '"').replace("\0", "\\") for line in lines]


@dataclass
class Drawn:
    """A group of an SVG: what it is, its rectangle, its title and its texts."""

    kind: str
    title: str
    box: tuple[float, float, float, float]  # x, y, width, height
    texts: list[tuple[float, float, str, str]]  # x, y, class, text


def read_svg(text: str) -> tuple[list[Drawn], tuple[float, float]]:
    """All boxes and frames of an SVG, and how large it is."""
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    drawn = []
    for group in root.iter(f"{space}g"):
        kind = group.get("class", "")
        boxes = [
            tuple(float(one.get(name, "")) for name in ("x", "y", "width", "height"))
            for one in group.iter(f"{space}rect")
            if one.get("class") != "copy"
        ]
        if not kind:
            continue
        (box,) = boxes
        title = group.findtext(f"{space}title") or ""
        texts = [
            (float(one.get("x", "")), float(one.get("y", "")), one.get("class", ""), one.text or "")
            for one in group.iter(f"{space}text")
        ]
        drawn.append(Drawn(kind, title, box, texts))  # type: ignore[arg-type]
    return drawn, (float(root.get("width", "")), float(root.get("height", "")))


def span(text: tuple[float, float, str, str]) -> tuple[float, float]:
    """Where a text begins and ends, its characters as wide as in the widest of usual fonts."""
    x, _, style, words = text
    size = 13 if "name" in style else 11
    width = wide(html.unescape(words)) * 0.605 * size
    return (x - width / 2, x + width / 2) if "middle" in style else (x, x + width)
