"""Topologies drawn: as Mermaid and DOT, which can be read back, and as SVG without overlaps."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from drawing_tools import (
    NASTY,
    Graph,
    issue,
    machine,
    read_dot,
    read_mermaid,
    read_svg,
    span,
    topologies,
)

import headrace as hr
from headrace.compose.picture import edges_of, nodes_of, picture_of
from headrace.compose.picture_stages import picture_of_stages
from headrace.compose.picture_words import (
    cut,
    fields_in_full,
    fields_in_short,
    shown,
    state_in_short,
    steps_in_short,
    wide,
)
from headrace.errors import MachineError, UsageError

TOPOLOGIES = topologies()
DETAILS = ("topology", "stages")
EACH = pytest.mark.parametrize(
    ("name", "detail"), [(name, detail) for name in TOPOLOGIES for detail in DETAILS]
)

ISSUE_IN_MERMAID = """\
flowchart LR
  n0(["events"])
  n1["parse<br/>step: python<br/>state: dict"]
  subgraph g0["shard by symbol × 4"]
    n2["match<br/>step: python<br/>state: dict"]
  end
  n3{{"fan-out"}}
  n4["report<br/>step: python<br/>state: dict"]
  n5["risk<br/>step: python<br/>state: dict"]
  n6["alert<br/>step: python<br/>state: dict"]
  n7{{"pair"}}
  n8(["outputs"])
  n0 -->|"symbol, price, qty"| n1
  n1 -->|"symbol, price, qty"| n2
  n2 -->|"symbol, price, qty"| n3
  n3 --> n4
  n3 --> n5
  n4 --> n7
  n5 -->|"symbol, price, qty"| n6
  n6 --> n7
  n7 -->|"report_fee, alert, …"| n8
"""  # noqa: RUF001


def test_the_topology_of_the_issue() -> None:
    made = issue().draw("mermaid")
    assert made.partition("  classDef")[0] == ISSUE_IN_MERMAID
    assert made == hr.draw(issue(), "mermaid") == hr.draw(issue(), format="mermaid")
    kinds = dict(re.findall(r"class ([n\d,]+) (\w+)", made))
    assert kinds == {"n0,n8": "ends", "n1,n2,n4,n5,n6": "stage", "n3,n7": "joint"}


# -- the texts read back -------------------------------------------------------------------------


def check_graph(graph: Graph, shape: Any) -> None:
    """The text says what the picture has, no more and no less."""
    nodes = list(nodes_of(shape))
    assert list(graph.nodes.values()) == [[node.title, *node.lines] for node in nodes]
    ids = dict(zip(nodes, graph.nodes, strict=True))
    assert graph.edges == [
        (ids[edge.source], ids[edge.to], "" if edge.label is None else edge.label.text)
        for edge in edges_of(shape)
    ]


@EACH
def test_texts_can_be_read_back(name: str, detail: str) -> None:
    topology = TOPOLOGIES[name]
    shape = picture_of(topology) if detail == "topology" else picture_of_stages(topology)
    mermaid = read_mermaid(hr.draw(topology, "mermaid", detail))
    check_graph(mermaid, shape)
    dot = read_dot(hr.draw(topology, "dot", detail))
    check_graph(dot, shape)
    assert (mermaid.groups, mermaid.inside) == (dot.groups, dot.inside)


def test_shards_are_groups_within_each_other() -> None:
    graph = read_mermaid(hr.draw(TOPOLOGIES["nested"], "mermaid"))
    assert graph.groups == ["shard by symbol, price × 3", "shard by symbol × 2"]  # noqa: RUF001
    inside = {graph.nodes[name][0]: groups for name, groups in graph.inside.items()}
    assert inside["match"] == (0, 1)
    assert inside["book"] == (0,)
    assert inside["report"] == inside["log"] == inside["pair"] == ()
    arrows = {(graph.nodes[a][0], graph.nodes[b][0]) for a, b, _ in graph.edges}
    assert ("log", "pair") not in arrows
    assert {("fan-out", "match"), ("book", "pair"), ("report", "pair"), ("pair", "sum")} <= arrows


def test_names_are_text_and_nothing_else() -> None:
    for format, read in (("mermaid", read_mermaid), ("dot", read_dot)):
        titles = [lines[0] for lines in read(hr.draw(machine(NASTY), format)).nodes.values()]
        assert titles == ["events", NASTY, "outputs"]
    names = [each.texts[0][3] for each in read_svg(hr.draw(machine(NASTY)))[0]]
    assert names == ["events", NASTY[:23] + "…", "outputs"]


def test_stages_say_their_shares_and_rings() -> None:
    graph = read_mermaid(hr.draw(TOPOLOGIES["deep"], "mermaid", "stages"))
    texts = {lines[0]: lines[1:] for lines in graph.nodes.values()}
    assert texts["v.1.2"][:2] == ["symbol: 1 of 2", "price: 2 of 3"]
    assert texts["w.0"] == ["step: python", "state: dict"]
    assert texts["ring 0"] == ["input", "symbol, price, qty"]
    assert texts["ring 2"] == ["symbol, price, qty", "+ 3 positions"]
    unordered = hr.draw(hr.shard(machine("a"), n=2), "mermaid", "stages")
    assert '{{"merge"}}' in unordered
    assert '{{"merge in order"}}' in hr.draw(hr.shard(machine("a"), ordered=True), "mermaid",
                                             "stages")  # fmt: skip
    behind = hr.shard(machine("a"), n=2) >> hr.shard(machine("b"), n=2)
    assert hr.draw(behind, "mermaid", "stages").count('{{"merge in order"}}') == 1
    assert hr.draw(behind, "mermaid", "stages").count('{{"merge"}}') == 1


# -- the picture ---------------------------------------------------------------------------------


@EACH
def test_nothing_overlaps_and_every_text_is_in_its_box(name: str, detail: str) -> None:
    drawn, (width, height) = read_svg(hr.draw(TOPOLOGIES[name], "svg", detail))
    boxes = [each for each in drawn if each.kind != "frame"]
    for each in drawn:
        x, y, wide_, high = each.box
        assert x >= 0
        assert y >= 0
        assert x + wide_ <= width
        assert y + high <= height
        for text in each.texts:
            begin, end = span(text)
            assert x + 4 <= begin
            assert end <= x + wide_ - 4
            assert y + 8 < text[1] < y + high - 3
    for one, other in combinations(boxes, 2):
        assert apart(one.box, other.box), (one, other)
    for frame in drawn:
        if frame.kind == "frame":
            assert all(apart(frame.box, each.box) or within(each.box, frame.box) for each in boxes)


def apart(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    (x, y, wide_, high), (left, top, width, height) = one, other
    return x + wide_ <= left or left + width <= x or y + high <= top or top + height <= y


def within(inner: tuple[float, ...], outer: tuple[float, ...]) -> bool:
    (x, y, wide_, high), (left, top, width, height) = inner, outer
    return left < x and top < y and x + wide_ < left + width and y + high < top + height


@EACH
def test_arrows_run_between_boxes_and_through_none(name: str, detail: str) -> None:
    text = hr.draw(TOPOLOGIES[name], "svg", detail)
    boxes = [each.box for each in read_svg(text)[0] if each.kind != "frame"]
    paths = re.findall(r'<path class="line" d="([^"]*)"', text)
    graph = read_mermaid(hr.draw(TOPOLOGIES[name], "mermaid", detail))
    assert len(paths) == text.count('class="head"') == len(graph.edges)
    for path in paths:
        points = list(points_of(path))
        for x, y, wide_, high in boxes:
            for at, down in points[1:]:
                assert not (x + 1 < at < x + wide_ - 1 and y < down < y + high), path


def points_of(path: str) -> Any:
    """Points along a path of M, L, H and C, close to each other."""
    x = y = 0.0
    for command, numbers in re.findall(r"([MLHC])([-\d. ]+)", path):
        values = [float(number) for number in numbers.split()]
        if command == "C":
            ends = np.array([(x, y), values[:2], values[2:4], values[4:]])
            for part in np.linspace(0, 1, 40):
                weights = [(1 - part) ** 3, 3 * part * (1 - part) ** 2, 3 * part**2 * (1 - part),
                           part**3]  # fmt: skip
                yield tuple(weights @ ends)
            x, y = values[4:]
            continue
        to = (values[0], y) if command == "H" else (values[0], values[1])
        for part in np.linspace(0, 1, 40)[1:] if command != "M" else [1.0]:
            yield x + (to[0] - x) * part, y + (to[1] - y) * part
        x, y = to


def test_arrows_are_level_where_nothing_is_shared_out() -> None:
    curved = (("issue", "topology", 4), ("long", "stages", 0), ("issue", "stages", 12))
    for name, detail, curves in curved:
        paths = re.findall(r'class="line" d="([^"]*)"', hr.draw(TOPOLOGIES[name], "svg", detail))
        assert sum("C" in path for path in paths) == curves


def test_a_long_chain_goes_on_below() -> None:
    drawn, (width, _) = read_svg(hr.draw(TOPOLOGIES["long"]))
    assert width < 1400
    lines = sorted({each.box[1] + each.box[3] / 2 for each in drawn})
    assert len(lines) > 2
    names = [each.texts[0][3] for each in drawn]
    assert names == ["events", *(f"m{index}" for index in range(20)), "outputs"]


def test_long_names_are_cut_and_told_in_full() -> None:
    drawn, _ = read_svg(hr.draw(TOPOLOGIES["names"]))
    of = {each.title.splitlines()[0]: each for each in drawn}
    long = of["a_very_long_name_that_goes_on_and_on_and_on_to_the_end"]
    assert long.texts[0][3] == "a_very_long_name_that_g…"
    assert of["漢字の機械の名前はとても長いのです"].texts[0][3] == "漢字の機械の名前はとて…"
    assert "takes symbol S8, price float64, qty int32" in long.title
    assert of["x\\n\\u202ey"].texts[0][3] == "x\\n\\u202ey"
    assert [text[3] for text in of["many"].texts][1:] == [
        "step: python",
        "state: dict",
        "version 7",
    ]
    assert "field_number_8 int32" in hr.draw(TOPOLOGIES["names"])


def test_copies_are_drawn_behind() -> None:
    for n, behind in ((1, 0), (2, 1), (8, 2)):
        text = hr.draw(hr.shard(machine("m"), by="symbol", n=n))
        assert text.count('class="copy"') == behind
        assert f"shard by symbol × {n}" in text  # noqa: RUF001


@EACH
def test_the_same_picture_each_time(name: str, detail: str) -> None:
    again = topologies()[name]
    for format in ("svg", "mermaid", "dot"):
        assert hr.draw(again, format, detail) == hr.draw(TOPOLOGIES[name], format, detail)


def test_light_and_dark() -> None:
    text = hr.draw(issue())
    light, dark = text.split("@media (prefers-color-scheme: dark)")
    for kind in ("paper", "stage rect", "joint rect", "ends rect", "frame rect", "ring rect"):
        assert f".headrace-drawing .{kind} " in light
        assert f".headrace-drawing .{kind} " in dark
    assert not re.search(r"url\(|href|@import|<script", text)


def test_notebooks() -> None:
    topology = issue()
    assert topology._repr_svg_() == topology.draw()
    bundle = topology._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {"image/svg+xml": topology.draw(), "text/plain": repr(topology)}


# -- what is refused, and the words --------------------------------------------------------------


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(UsageError, match="format is 'png'; it must be one of svg, mermaid, dot"):
        issue().draw("png")
    with pytest.raises(UsageError, match="detail is 'all'; it must be one of topology, stages"):
        hr.draw(machine("m"), detail="all")
    with pytest.raises(UsageError, match="not of 3"):
        hr.draw(3)
    too_long = hr.shard(machine("n" * 63), n=2)
    assert "n" * 63 in hr.draw(too_long)
    with pytest.raises(MachineError, match="longer than 64"):
        too_long.draw(detail="stages")


def test_words() -> None:
    assert [wide("abc"), wide("漢字"), wide("e\u0301")] == [3, 4, 1]
    assert [cut("abcdef", 6), cut("abcdefg", 6)] == ["abcdef", "abcde…"]
    assert cut("漢字漢字", 6) == "漢字…"
    assert shown("a\tb\x00\ue000é") == "a\\tb\\x00\\ue000é"
    inner = np.dtype([("at", [("x", "<f4"), ("y", "<f4")]), ("bids", "<i2", (2, 3))])
    assert fields_in_full(inner) == "at (x float32, y float32), bids int16[2, 3]"
    assert fields_in_short(inner) == "at, bids"
    assert fields_in_short(np.dtype([("n" * 40, "i4"), ("m", "i4")])) == "n" * 23 + "…"
    assert fields_in_short(np.dtype("<i8")) == "int64"
    assert fields_in_short(np.dtype("datetime64[ns]")) == "datetime64[ns]"


def test_words_for_states_and_steps() -> None:
    def states(initial: Any) -> str:
        return state_in_short(machine("m", initial=initial))

    assert states(lambda: None) == "state: none"
    assert states(lambda: np.zeros((), "i8")) == "state: int64"
    assert states(lambda: np.zeros((2, 3), [("a", "i8"), ("b", "i8")])) == "state: (a, b)[2, 3]"
    assert states(lambda: 1 / 0) == "state: ?"
    both = machine("m", None, initial=lambda: np.zeros((), "i8"), step_batch=lambda s, e: (s, None))
    assert steps_in_short(both) == "step: python, batch"
