"""Pictures of histories: what is on them, where it lies, and that a browser shows them so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from browser_tools import CHROMIUM, CONTRAST, Browser
from hard_histories import hard, register, spoiled
from history_tools import read, registers, write

import headrace as hr
from headrace.checking import Linearizability
from headrace.checking.picture import fitted, plain
from headrace.checking.stretch import OPERATIONS_MAX, Stretch, stretch

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "<script>window.ran=1</script>\x00\u202e&\"'"
HISTORY = [
    write("ann", 0, 2, 5),
    read("bob", 1, 4, 5),
    write("cy", 3, None, 6, status="info"),
    read("bob", 5, 6, 5),
    write(EVIL, 4, 7, 9, status="fail"),
    write("eve", 6.5, 9, 11),
    read("bob", 7, 8, 0),
    read("cy", 9, 10, 11),
]


@pytest.fixture(scope="module")
def bad() -> Linearizability:
    return hr.linearizable(HISTORY, registers)


@pytest.fixture(scope="module")
def large() -> Linearizability:
    return hr.linearizable(spoiled(hard("unique", 20, 2000, 0.05)), register)


def texts(svg: str, kind: str) -> list[str]:
    """What is written in elements of a class, in a picture that is parsed as XML."""
    return [
        each.text or ""
        for each in ElementTree.fromstring(svg).iter(f"{SVG}text")
        if each.get("class") == kind
    ]


def groups(svg: str) -> dict[str, list[str]]:
    """The titles of the bars of each kind."""
    found: dict[str, list[str]] = {}
    for each in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        title = each.find(f"{SVG}title")
        assert title is not None
        found.setdefault(each.get("class", ""), []).append(title.text or "")
    return found


def test_bars_lanes_and_places(bad: Linearizability) -> None:
    svg = bad.to_svg()
    shown = groups(svg)
    assert {kind: len(titles) for kind, titles in shown.items()} == {
        "in": 5,
        "bad": 1,
        "fail": 1,
        "out": 1,
    }
    assert shown["bad"] == [str(HISTORY[6])]
    assert sorted(texts(svg, "place")) == ["1", "2", "3", "4", "5"]
    assert texts(svg, "head") == ["bad: 8 operations cannot be put in one order"]
    assert "bob" in texts(svg, "client")
    written = "".join(ElementTree.fromstring(svg).itertext())
    assert "{0: 11}: the answer is (11,)" in written
    assert "in each of the 3 states reached" in written


def test_other_verdicts() -> None:
    ok = hr.linearizable(HISTORY[:4], registers)
    assert set(groups(ok.to_svg())) == {"in", "out"}
    nothing = hr.linearizable([], registers)
    assert texts(nothing.to_svg(), "head") == [str(nothing)]
    assert "<h2>" not in nothing.to_html()
    unknown = hr.linearizable(HISTORY, registers, time_limit=0)
    assert set(groups(unknown.to_svg())) == {"out", "fail"}
    part = hr.linearizable(
        [*HISTORY, write("x", 0, 1, 1, key=3)], registers, lambda given: given[0]
    )
    assert part.part == 0
    assert len(part.history) == len(HISTORY)


def test_the_same_history_makes_the_same_bytes(bad: Linearizability) -> None:
    again = hr.linearizable(HISTORY, registers)
    assert (again.to_html(), again.to_svg()) == (bad.to_html(), bad.to_svg())


def test_texts_are_texts(bad: Linearizability) -> None:
    for text in (bad.to_html(), bad.to_svg()):
        assert "<script" not in text
        assert not set("\x00\u202e") & set(text)
        assert "&lt;script&gt;window.ran=1&lt;/script&gt;" in text
    assert plain("a\nb") == "a\\nb"
    assert (fitted("漢字漢字", 5), fitted("abc", 3), fitted("abcd", 3)) == ("漢字…", "abc", "ab…")


def check_moments(drawn: Stretch) -> None:
    """Each is within its bar, and in the order of places."""
    marked = sorted((bar for bar in drawn.bars if bar.place), key=lambda bar: bar.place)
    assert all(one.moment <= other.moment for one, other in pairwise(marked))
    for bar in marked:
        assert bar.begin <= bar.moment
        assert bar.open_ or bar.moment <= bar.end


def test_moments(bad: Linearizability, large: Linearizability) -> None:
    check_moments(stretch(bad))
    check_moments(stretch(large))
    crowded = [write(client, 0, 1, client) for client in range(30)]
    check_moments(stretch(hr.linearizable(crowded, registers)))


def test_a_long_history_is_cut_to_where_it_ends(large: Linearizability) -> None:
    drawn = stretch(large)
    assert len(drawn.bars) == OPERATIONS_MAX
    assert [bar.operation for bar in drawn.bars if bar.kind == "bad"] == [large.operation]
    last = len(large.prefix)
    places = {bar.place for bar in drawn.bars}
    assert set(range(last - 10, last + 1)) <= places
    assert f"{OPERATIONS_MAX} of 2,000 operations are shown: around" in large.to_svg()
    first = hr.linearizable(hard("unique", 5, 200), register)
    assert f"{OPERATIONS_MAX} of 200 operations are shown: the first" in first.to_html()
    assert len(large.to_html()) < 60_000


def test_times_of_any_size() -> None:
    moved = [
        replace(
            one,
            call=int(one.call * 1000) + 1_700_000_000_000_000_000,
            return_=None
            if one.return_ is None
            else int(one.return_ * 1000) + 1_700_000_000_000_000_000,
        )
        for one in HISTORY
    ]
    drawn = stretch(hr.linearizable(moved, registers))
    assert [text for _, text in drawn.ticks][:3] == ["1700000000000000000", "+1000", "+2000"]
    plainly = stretch(hr.linearizable(HISTORY, registers))
    assert [bar.begin for bar in drawn.bars] == [bar.begin for bar in plainly.bars]


# -- in a browser --------------------------------------------------------------------------------


OVERLAPS = """
(() => {
  const boxes = [...document.querySelectorAll("text.what, text.client, text.quiet, text.head")]
    .map((each) => [each.textContent, each.getBoundingClientRect()]);
  const found = [];
  boxes.forEach(([one, a], at) => boxes.slice(at + 1).forEach(([other, b]) => {
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 1 && high > 3) found.push([one, other, wide, high]);
  }));
  return found;
})()
"""
OUTSIDE = """
[...document.querySelectorAll("svg text, svg rect")].filter((each) => {
  const box = each.getBoundingClientRect(), all = each.ownerSVGElement.getBoundingClientRect();
  return box.left < all.left - 1 || box.right > all.right + 1 || box.top < all.top - 1
    || box.bottom > all.bottom + 1;
}).map((each) => each.textContent)
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium to open a page in")
    browser = Browser(tmp_path_factory.mktemp("browser") / "profile")
    yield browser
    browser.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["html", "svg"])
@pytest.mark.parametrize("which", ["bad", "large"])
def test_in_a_browser(
    browser: Browser, request: pytest.FixtureRequest, which: str, kind: str, tmp_path: Path
) -> None:
    result: Any = request.getfixturevalue(which)
    file = tmp_path / f"history.{kind}"
    file.write_text(result.to_html() if kind == "html" else result.to_svg())
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        browser.open(file.as_uri())
        assert browser.evaluate(OVERLAPS) == []
        assert browser.evaluate(OUTSIDE) == []
        if kind == "html":
            assert browser.evaluate(CONTRAST) == []
            paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        else:
            paper = browser.evaluate("getComputedStyle(document.querySelector('.paper')).fill")
        assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 30)")
        assert browser.evaluate("window.ran") is None
        assert browser.errors == []
        assert [each for each in browser.requests if each != file.as_uri()] == []
    assert len(browser.texts(".bad .what")) == 1
