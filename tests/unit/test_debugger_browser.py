"""The page in a real browser: what it shows, what the keys do, and that nothing leaves or runs."""

from __future__ import annotations

import html.parser
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import page_tools as tools
import pytest
from browser_tools import BOXES, CHROMIUM, CONTRAST, Browser

import headrace as hr
from headrace.debugger.page import page_text, sequence_svg, write_page

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to open a page in"),
    pytest.mark.timeout(180),
]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> hr.History:
    return tools.make_journal(tmp_path_factory.mktemp("nasty"))


@pytest.fixture(scope="module")
def address(history: hr.History, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of inputs 10 to 50, with a branch."""
    file = tmp_path_factory.mktemp("page") / "page.html"
    branch = history.branch(21, {"price": 1000.0}, end=50)
    write_page(file, history, 10, 50, branch=branch)
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


def place(browser: Browser) -> str:
    return browser.text("#place")


# -- what it shows -------------------------------------------------------------------------------


def test_an_event(browser: Browser, address: str, history: hr.History) -> None:
    browser.open(f"{address}#sequence=21")
    assert place(browser) == "input 21"
    assert browser.text("h1") == f"{tools.EVIL_NAME} >> route, inputs 10 to 49"
    assert browser.text("#event-title") == "Input 21"
    when = history.at(22).time_ns
    assert when is not None
    assert browser.text("#event-time").endswith(f".{when % 10**9:09d} UTC")
    assert browser.texts(".fields dt") == ["key", "text", "price", "wide"]
    assert browser.texts(".fields dd") == [
        "21", "b\"<img src=x onerror='window.ran=1'>\"", "5.25", "'\\u2028é漢<'",
    ]  # fmt: skip
    rows = browser.texts(".line[aria-selected=true] span")
    assert rows[0] == "21"
    assert rows[4:] == browser.texts(".fields dd")
    assert browser.text("#state-title") == "behind 22 inputs"


def test_changes_before_and_after(browser: Browser, address: str, history: hr.History) -> None:
    browser.open(f"{address}#sequence=21")
    shown = browser.evaluate(
        "[...document.querySelectorAll('#detail .changes tbody tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    places = {path: (before, after) for path, before, after in shown}
    before, after = history.state_at(21)[0], history.state_at(22)[0]
    assert places["state[0].inner.n"] == (str(before.inner.n), str(after.inner.n))
    assert places["state[0].big"] == (str(before.big), str(after.big))
    assert places["state[0].grid[1, 0]"] == (str(before.grid[1, 0]), str(after.grid[1, 0]))
    assert places["state[0].many[147]"] == ("0", "21")
    # A key that goes to the end is the same place as before, with another value.
    assert places["state[0].pairs[(1, 'x')]"] == (
        "Inner(n=17, tags=set())",
        "Inner(n=21, tags=set())",
    )
    # In the tree, the same: highlighted, and opened.
    changed = browser.texts("#tree .row.changed")
    assert f"n{before.inner.n}→{after.inner.n}" in changed
    assert f"big{before.big}→{after.big}" in changed
    leaves = [path for path in places if places[path][1] != "(absent)"]
    assert len(changed) == len(leaves)


def test_outputs_and_failures(browser: Browser, address: str) -> None:
    browser.open(f"{address}#sequence=23")
    assert browser.texts("#detail h3")[1:] == ["Outputs 2", f"From {tools.EVIL_NAME} to route 2"]
    cells = browser.texts(".outputs td")
    assert len(cells) == 12
    assert cells[1:3] == ["23", "b'</script><img src=y>'"]
    browser.open(f"{address}#sequence=27")
    assert browser.text(".failure") == (
        f"{tools.EVIL_NAME} failed, and changed nothing: ValueError: refused </script><b>"
    )
    assert "The state stayed as it was." in browser.text("#detail")
    assert "failed" in browser.evaluate(
        "document.querySelector('.line[aria-selected=true]').className"
    )


def test_every_state(browser: Browser, address: str, history: hr.History) -> None:
    """Forth, back, and across: the script rebuilds just the states that the history tells of."""
    browser.open(address)
    script = files("headrace.debugger").joinpath("page_data.js").read_text("utf-8")
    places = [*range(41), *range(40, -1, -1), 33, 5, 39, 6, 5, 40, 0]
    found = browser.evaluate(
        f"(() => {{ {script}\n"
        "const states = new States(data.tree, data.shapes, data.events.map((each) => each[2]));"
        f"return {json.dumps(places)}.map((place) => {{ states.go(place);"
        "return [plain(states.root.value), states.changes.map((each) => each.path)]; }); })()"
    )
    by_place: dict[int, Any] = {}
    for at, (state, changes) in zip(places, found, strict=True):
        if at not in by_place:
            assert tools.without_long(state) == tools.expected(history.state_at(10 + at)), at
            by_place[at] = state, changes
        assert [state, changes] == list(by_place[at]), at
    told = {change.path for change in history.diff(21, 22)}
    apart = re.compile("pairs|nothing|rows|frozenset")  # which the history tells otherwise
    parts = {path for path in by_place[12][1] if not apart.search(path)}
    assert parts <= told
    assert len(parts) > 6


class _Elements(html.parser.HTMLParser):
    """The elements of a drawing with attributes and texts, however it is written down."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[Any] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append([tag, {k: v for k, v in attrs if k != "xmlns"}, ""])

    def handle_data(self, data: str) -> None:
        self.found[-1][2] += data


def test_the_diagram_is_that_of_python(
    browser: Browser, address: str, history: hr.History
) -> None:
    browser.open(f"{address}#sequence=23")
    first, last = re.findall(r"\d+", browser.text("#window"))
    begin, end = int(first), int(last) + 1
    assert begin <= 23 < end
    assert end - begin >= 10
    drawn = browser.evaluate("document.querySelector('#picture > svg').outerHTML")
    plain = re.sub(r"<style>.*</style>", "", sequence_svg(history, begin, end), flags=re.S)
    mine = _Elements(plain)
    theirs = [each for each in _Elements(drawn).found if each[1].get("class") != "chosen"]
    chosen = 0
    for _, attributes, _ in theirs:
        name = attributes.get("class") or ""
        if name.endswith(" chosen"):
            chosen += 1
            attributes["class"] = name.removesuffix(" chosen")
    assert theirs == mine.found
    assert chosen == 5  # the input, two inside, two out


# -- walking about -------------------------------------------------------------------------------


def test_keys(browser: Browser, address: str) -> None:
    browser.open(address)
    assert place(browser) == "input 10"
    steps = [
        ("j", "input 11"), ("ArrowDown", "input 12"), ("k", "input 11"), ("ArrowUp", "input 10"),
        ("k", "before input 10"), ("k", "before input 10"), ("PageDown", "input 29"),
        ("End", "input 49"), ("j", "input 49"), ("PageUp", "input 29"), ("Home", "before input 10"),
    ]  # fmt: skip
    for key, expected in steps:
        browser.press(key)
        assert place(browser) == expected, key
    browser.press("?")
    assert browser.evaluate("document.getElementById('keys').open")
    browser.press("Escape")
    assert not browser.evaluate("document.getElementById('keys').open")
    browser.press("j")
    browser.evaluate("new Promise((done) => setTimeout(done, 300))")
    assert browser.evaluate("location.hash") == "#sequence=10"


def test_buttons_clicks_and_the_scrubber(browser: Browser, address: str) -> None:
    browser.open(f"{address}#sequence=20")
    browser.click("#forth")
    assert place(browser) == "input 21"
    browser.click("#back")
    browser.click("#back")
    assert place(browser) == "input 19"
    browser.click(".line[data-index='11']")
    assert place(browser) == "input 21"
    browser.click("#picture > svg .arrow[data-sequence='23'] path")
    assert place(browser) == "input 23"
    browser.click("#last")
    assert place(browser) == "input 49"
    assert browser.evaluate("document.getElementById('last').disabled")
    browser.evaluate("document.getElementById('scrubber').focus()")
    browser.press("ArrowLeft", "ArrowLeft")
    assert place(browser) == "input 47"
    browser.evaluate("location.hash = '#sequence=12'")
    browser.evaluate("new Promise((done) => setTimeout(done, 50))")
    assert place(browser) == "input 12"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("key=21", [21]),
        ("key>4611686018427387903", [20]),
        ("key>4611686018427387905", []),
        ("price<3 key!=10", [11]),
        ("sequence>=48", [48, 49]),
        ("failed", [16, 20, 27, 38, 49]),
        ("text=plain price>11", [46]),
        ("out:key=23", [23]),
        ("changed:many[147]", [21]),
        ("ONERROR price>=11", [45, 49]),
    ],
)
def test_filter(browser: Browser, address: str, asked: str, found: list[int]) -> None:
    browser.open(f"{address}#start")
    browser.press("/", *asked)
    assert browser.evaluate("document.getElementById('filter').value") == asked
    assert browser.text("#count") == f"{len(found)} of 40"
    shown = browser.texts(".body .line span:first-child")
    assert shown == [str(sequence) for sequence in found]
    browser.press("Enter")
    for sequence in found:
        browser.press("j")
        assert place(browser) == f"input {sequence}"
    browser.press("Escape")
    assert browser.text("#count") == "40"


def test_the_tree_by_keys(browser: Browser, address: str) -> None:
    browser.open(f"{address}#start")
    assert len(browser.texts("#tree .row")) == 3
    browser.evaluate("document.querySelector('#tree .row').focus()")
    browser.press("ArrowDown", "ArrowRight")
    rows = browser.texts("#tree .row")
    assert len(rows) == 16
    assert "evil" + repr(tools.EVIL) in rows
    assert place(browser) == "before input 10"
    browser.press("ArrowDown", "ArrowRight", "ArrowDown")
    assert browser.evaluate("document.activeElement.textContent").startswith("n")
    browser.press("ArrowLeft", "ArrowLeft", "ArrowLeft")
    browser.press("ArrowLeft")
    assert len(browser.texts("#tree .row")) == 3
    browser.click("#tree .row:nth-child(2)")
    assert len(browser.texts("#tree .row")) >= 16


# -- looks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_readable(browser: Browser, address: str, scheme: str) -> None:
    browser.prefer(scheme)
    browser.open(f"{address}#sequence=21")
    background = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) > 384) == (scheme == "light")
    assert browser.evaluate(CONTRAST) == []
    browser.click("#see-branch")
    assert browser.evaluate(CONTRAST) == []


@pytest.mark.parametrize("size", [(1280, 900), (800, 600)], ids=["large", "small"])
def test_nothing_jumps(browser: Browser, address: str, size: tuple[int, int]) -> None:
    """No part of the page moves from one event to the next, and none is out of the window."""
    browser.resize(*size)
    browser.open(f"{address}#start")
    first = browser.evaluate(BOXES)
    corners = json.loads(first)
    assert max(box[2] for box in corners) <= size[0]
    assert max(box[3] for box in corners) <= size[1]
    for _ in range(12):
        browser.press("j")
        assert browser.evaluate(BOXES) == first


def test_numbers_stand_below_each_other(browser: Browser, address: str) -> None:
    browser.open(address)
    ends = browser.evaluate(
        "[...document.querySelectorAll('.line')].map((line) => [0, 4, 6].map((place) => {"
        "const box = line.children[place].getBoundingClientRect(); return box.right; }))"
    )
    assert len({tuple(each) for each in ends}) == 1


# -- branches ------------------------------------------------------------------------------------


def test_branch(browser: Browser, address: str, history: hr.History) -> None:
    browser.open(f"{address}#view=branch")
    assert not browser.evaluate("document.getElementById('branch').hidden")
    branch = history.branch(21, {"price": 1000.0}, end=50)
    assert browser.text(".told") == str(branch)
    rows = browser.texts("#branch .changes td.path")
    assert len(rows) == len(branch.changes) > 0
    assert len(browser.texts("#branch [role=tree] .row.changed")) == len(rows)
    assert browser.texts(".beside th") == [
        f"as it was: {len(branch.was_outputs)}", f"as it would have been: {len(branch.outputs)}",
    ]  # fmt: skip
    browser.press("b")
    assert browser.evaluate("document.getElementById('branch').hidden")
    browser.press("b")
    browser.click("#see-stretch")
    assert not browser.evaluate("document.getElementById('stretch').hidden")


def test_outputs_beside_each_other(
    browser: Browser, history: hr.History, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    write_page(file, history, 20, 21, branch=history.branch(23, "drop", end=30))
    browser.open(file.as_uri() + "#view=branch")
    assert browser.texts(".beside del") == browser.texts(".beside tr:has(del) td:first-child")
    assert len(browser.texts(".beside del")) == 2
    assert browser.texts(".beside ins") == []


# -- nothing runs, nothing leaves ----------------------------------------------------------------


def test_nothing_in_the_data_runs(browser: Browser, address: str) -> None:
    browser.open(f"{address}#start")
    for _ in range(6):
        browser.press("j")
    browser.evaluate("document.querySelectorAll('#tree .row')[1].click()")
    assert browser.evaluate("typeof window.ran") == "undefined"
    assert browser.evaluate("document.images.length") == 0
    assert browser.evaluate("document.scripts.length") == 2
    assert browser.evaluate("document.querySelectorAll('h1 b, .diagram b, td img').length") == 0


def test_an_empty_stretch(browser: Browser, history: hr.History, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    write_page(file, history, 60, 60, title="<nothing>")
    browser.open(file.as_uri())
    assert place(browser) == "before input 60"
    assert browser.evaluate("document.title") == "<nothing>"
    browser.press("j", "End", "PageUp")
    assert place(browser) == "before input 60"
    assert len(browser.texts("#tree .row")) == 3


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("</header>", '</header><img src="http://else.test/x.png">', "Content Security Policy"),
        ("</header>", '</header><script src="http://else.test/x.js"></script>', "Content Security"),
        ("class States {", "class State {", "States is not defined"),
        ("fromHash();\n", "fetch('http://else.test/');\n", "Content Security Policy"),
    ],
    ids=["image", "script", "broken", "fetch"],
)
def test_a_broken_page_is_noticed(
    only_browser: Browser, history: hr.History, tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    """What the other tests rely on: the browser's complaints arrive, and the policy holds."""
    file = tmp_path / "page.html"
    text = page_text(history, 10, 20)
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
    only_browser.open(file.as_uri())
    only_browser.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert any(complaint in error for error in only_browser.errors)
