"""The page of a run in a real browser: what is chosen, what lights up, and that nothing leaves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import run_page_tools as tools
from browser_tools import BOXES, CHROMIUM, CONTRAST, Browser

from headrace.debugger.page_run import run_html, write_run_page
from headrace.simulation.story import Step, Story

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to open a page in"),
    pytest.mark.timeout(180),
]


@pytest.fixture(scope="module")
def story() -> Story:
    return tools.make_story(1, 2, 3)


@pytest.fixture(scope="module")
def address(story: Story, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("page") / "page.html"
    write_run_page(file, story, again="headrace simulate <i>x")
    return file.as_uri()


@pytest.fixture(scope="module")
def only_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("browser") / "profile")
    yield browser
    browser.close()


@pytest.fixture
def browser(only_browser: Browser) -> Iterator[Browser]:
    """The browser; the page must not have complained, or asked for anything but itself."""
    only_browser.resize(1280, 900)
    only_browser.prefer("light")
    yield only_browser
    own = only_browser.evaluate("location.href").split("#")[0]
    asked = {each for each in only_browser.requests if each.split("#")[0] not in (own, "data:,")}
    assert only_browser.errors == []
    assert asked == set()


def place_of(story: Story, kind: str) -> int:
    """The first step of a kind."""
    return next(
        place
        for place, one in enumerate(story.happened)
        if isinstance(one, Step) and one.taken.kind == kind
    )


def places(browser: Browser, selector: str, name: str = "i") -> list[int]:
    found: list[Any] = browser.evaluate(
        f"[...document.querySelectorAll('#picture > svg {selector}')]"
        f".map((each) => Number(each.dataset.{name} ?? -1))"
    )
    return sorted(set(found))


def test_a_step(browser: Browser, address: str, story: Story) -> None:
    place = place_of(story, "request")
    one = story.happened[place]
    assert isinstance(one, Step)
    browser.open(f"{address}#step={place}")
    assert browser.text("h1") == "seed 5: all was well"
    title = browser.text("#event-title")
    assert title.startswith(f"{one.node}: request Put(text='</script>")
    assert browser.texts(".fields dd")[0] == "request"
    assert "'</script><img src=x" in browser.texts(".fields dd")[1]
    changes = browser.texts("#detail .changes .path")
    assert changes == ["state.entries[0]"]
    assert browser.texts("#detail .effects code")[-1].startswith("reply(Caller(client=")
    assert places(browser, ".one.chosen") == [place]
    assert browser.text("#tree").startswith("▾stateHeld 2")


def test_causes_and_what_they_cause(browser: Browser, address: str, story: Story) -> None:
    """By other means than the page's script: from the flights of the story."""
    assert story.flights is not None
    place = place_of(story, "request")
    by_end = {end: flight.cause for flight in story.flights for end in flight.taken + flight.noted}
    chain, at = {place}, by_end.get(place)
    while at is not None:
        chain.add(at)
        at = by_end.get(at)
    for end in sorted(by_end):
        if by_end[end] in chain and end > place:
            chain.add(end)
    browser.open(f"{address}#step={place}")
    assert places(browser, ".one.chain") == sorted(chain)
    assert len(chain) > 5
    inside = set(places(browser, ".flight.chain", "to")) - {-1}
    assert inside == {end for end in chain if by_end.get(end) in chain}
    cause = by_end[place]
    browser.click("#detail .jump")
    assert places(browser, ".one.chosen") == [cause]
    browser.open(f"{address}#step={place}")
    browser.press("c")
    assert places(browser, ".one.chosen") == [cause]


def test_keys_and_clicks(browser: Browser, address: str, story: Story) -> None:
    browser.open(f"{address}#step=0")
    browser.press("j", "j", "ArrowDown", "k")
    assert places(browser, ".one.chosen") == [2]
    browser.press("End")
    assert places(browser, ".one.chosen") == [len(story.happened) - 1]
    browser.press("j", "Home")
    assert places(browser, ".one.chosen") == [0]
    browser.press("k", "PageDown")
    assert places(browser, ".one.chosen") != [0]
    browser.press("Home")
    browser.click("#picture > svg .hit[data-i='1']")
    assert places(browser, ".one.chosen") == [1]
    assert browser.evaluate("location.hash") == "#step=1"
    browser.press("?")
    assert browser.evaluate("document.getElementById('keys').open")
    browser.press("Escape")
    assert not browser.evaluate("document.getElementById('keys').open")


def test_search(browser: Browser, address: str, story: Story) -> None:
    browser.open(f"{address}#step=0")
    browser.press("/", *"copy(NUMBER=2) message")
    found = [
        place
        for place, one in enumerate(story.happened)
        if isinstance(one, Step) and one.taken.payload == tools.Copy(2)
    ]
    assert found
    assert browser.text("#count").startswith(f"{len(found)} of ")
    assert places(browser, ".one:not(.dim)") == found
    browser.press("Enter", "j")
    assert places(browser, ".one.chosen") == [found[0]]
    browser.press("Escape")
    assert browser.text("#count").endswith(" things happened")
    assert places(browser, ".one.dim") == []


def test_lanes(browser: Browser, address: str, story: Story) -> None:
    browser.open(f"{address}#step=0")
    browser.click("#lanes button[data-lane='4']")
    shown = places(browser, ".one:not(.dim)")
    for place, one in enumerate(story.happened):
        if isinstance(one, Step):
            assert (place in shown) == ("bob" in (one.node, one.taken.source)), one
    assert len(places(browser, ".flight.dim", "to")) > 5
    pressed = "[...document.querySelectorAll('#lanes button')].map((b) => b.ariaPressed)"
    assert browser.evaluate(pressed) == ["false", "false", "false", "false", "true"]
    browser.click("#lanes button[data-lane='1']")
    assert len(places(browser, ".one:not(.dim)")) > len(shown)
    browser.click("#lanes button[data-lane='4']")
    browser.click("#lanes button[data-lane='1']")
    assert places(browser, ".one.dim") == []


def test_it_opens_where_it_failed(browser: Browser, tmp_path: Path) -> None:
    story = tools.make_story(1, 2, always=[tools.few_copies], faults=())
    write_run_page(tmp_path / "page.html", story)
    browser.open((tmp_path / "page.html").as_uri())
    last = len(story.happened) - 1
    assert places(browser, ".one.chosen") == [last]
    assert browser.text("#detail .failure") == "Here it failed: always: few_copies does not hold"
    browser.press("Home", "f")
    assert places(browser, ".one.chosen") == [last]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_readable(browser: Browser, address: str, story: Story, scheme: str) -> None:
    browser.prefer(scheme)
    browser.open(f"{address}#step={place_of(story, 'request')}")
    background = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) > 384) == (scheme == "light")
    assert browser.evaluate(CONTRAST) == []


@pytest.mark.parametrize("size", [(1280, 900), (1000, 640)], ids=["large", "small"])
def test_nothing_jumps(browser: Browser, address: str, size: tuple[int, int]) -> None:
    """No part of the page moves from one step to the next, and none is out of the window."""
    browser.resize(*size)
    browser.open(f"{address}#step=0")
    first = browser.evaluate(BOXES)
    corners = json.loads(first)
    assert max(box[2] for box in corners) <= size[0]
    assert max(box[3] for box in corners) <= size[1]
    for _ in range(12):
        browser.press("j")
        assert browser.evaluate(BOXES) == first


def test_the_chosen_one_is_in_sight(browser: Browser, address: str, story: Story) -> None:
    browser.resize(1000, 640)
    browser.open(f"{address}#step=0")
    around = json.loads(
        browser.evaluate(
            "JSON.stringify(document.getElementById('picture').getBoundingClientRect())"
        )
    )
    for _ in range(25):
        browser.press("j")
        box = json.loads(
            browser.evaluate(
                "JSON.stringify(document.querySelector('.hit.chosen').getBoundingClientRect())"
            )
        )
        assert around["top"] + 38 <= box["top"]
        assert box["bottom"] <= around["bottom"]


def test_nothing_in_the_data_runs(browser: Browser, address: str) -> None:
    browser.open(f"{address}#step=0")
    for _ in range(15):
        browser.press("j")
    browser.evaluate("document.querySelectorAll('#tree .row')[0].click()")
    assert browser.evaluate("typeof window.ran") == "undefined"
    assert browser.evaluate("document.images.length") == 0
    assert browser.evaluate("document.scripts.length") == 2
    assert (
        browser.evaluate("document.querySelectorAll('h1 i, code i, svg b, button b').length") == 0
    )


def test_a_broken_page_is_noticed(only_browser: Browser, story: Story, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    text = run_html(story)
    assert "fromHash();\n})();" in text
    file.write_text(text.replace("fromHash();\n})();", "nowhere();\n})();"), "utf-8")
    only_browser.open(file.as_uri())
    assert any("nowhere is not defined" in error for error in only_browser.errors)
