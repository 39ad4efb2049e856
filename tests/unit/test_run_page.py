"""The page of a run: what is in it, where it stands, and that nothing in it can run."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from typing import Any

import page_tools as pages
import pytest
import run_page_tools as tools
from run_page_tools import M

import headrace as hr
from headrace.debugger import page_run, page_states
from headrace.debugger.page_run import run_html, write_run_page
from headrace.debugger.page_run_diagram import draw
from headrace.debugger.page_run_layout import layout
from headrace.errors import UsageError
from headrace.simulation.story import Fell, Noted, Step, Story, tell

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def story() -> Story:
    """All was well in the end."""
    return tools.make_story(1, 2, 3)


@pytest.fixture(scope="module")
def failing() -> Story:
    return tools.make_story(1, 2, always=[tools.few_copies], faults=())


def drawing(story: Story, most: int = 500) -> ET.Element:
    return ET.fromstring(draw(layout(story, most)))


def of_class(drawn: ET.Element, *names: str) -> list[ET.Element]:
    wanted = set(names)
    return [each for each in drawn.iter() if wanted <= set(each.get("class", "").split())]


def words(element: ET.Element) -> list[str]:
    return [each.text or "" for each in element.iter(f"{SVG}text")]


# -- what is in it -------------------------------------------------------------------------------


def test_structure(story: Story) -> None:
    text = run_html(story, again="headrace simulate <evil> --seed 5")
    assert "{{" not in text
    seen = pages.Parsed(text)
    policy = [attrs for tag, attrs in seen.tags if tag == "meta" and "http-equiv" in attrs]
    assert (policy[0]["content"] or "").startswith("default-src 'none'; ")
    assert [tag for tag, _ in seen.tags[:4]] == ["html", "head", "meta", "meta"]
    outside = [
        (tag, name, value)
        for tag, attrs in seen.tags
        for name, value in attrs.items()
        if name in ("src", "srcset", "action", "data") or (name == "href" and value != "data:,")
    ]
    assert outside == []
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    names = {tag for tag, _ in seen.tags}
    assert not names & {"img", "iframe", "object"}
    assert not [attrs for _, attrs in seen.tags if any(name.startswith("on") for name in attrs)]
    assert seen.text_of("h1").strip() == "seed 5: all was well"
    assert seen.text_of("p", **{"class": "again"}) == "Run it again: "
    assert "<code>headrace simulate &lt;evil&gt; --seed 5</code>" in text
    assert run_html(story, again="headrace simulate <evil> --seed 5") == text
    assert "Run it again" not in run_html(story)


def test_the_failure_and_the_script(failing: Story, story: Story) -> None:
    failure = failing.run.failure
    assert failure is not None
    text = run_html(failing)
    seen = pages.Parsed(text)
    at = f"{failure.time_ns / M:.6f}".rstrip("0")
    assert seen.text_of("h1").strip() == f"always: few_copies does not hold, at {at} ms"
    data = pages.data_of(text)
    assert data["failed"] == len(failing.happened) - 1
    assert data["failure"] == "always: few_copies does not hold"
    script = text[text.index('id="plan"') : text.index('id="event"')]
    assert "<h3>ann asks</h3>" in script
    assert "<h3>No faults</h3>" in script
    assert script.count("Put(text=") == 3
    assert "&lt;/script&gt;&lt;img" in script
    told = run_html(story)
    script = told[told.index('id="plan"') : told.index('id="event"')]
    assert "<b>1 ms</b> partition: &lt;b onclick=x&gt;store | third, until 4 ms" in script
    assert "<b>4 ms</b> slow disk: factor 3 of third, until 8 ms" in script


def test_steps(story: Story) -> None:
    data = pages.data_of(run_html(story))
    things = data["happened"]
    assert len(things) == len(story.happened)
    assert story.flights is not None
    causes = {}
    for flight in story.flights:
        for place in (*flight.taken, *flight.noted):
            causes[place] = flight.cause
    for place, (thing, one) in enumerate(zip(things, story.happened, strict=True)):
        if "as" in thing:
            assert isinstance(one, Fell)
            continue
        assert thing["time"] == f"{one.time_ns / M:,.6f}".rstrip("0").rstrip(".") + " ms"
        assert thing.get("cause") == causes.get(place)
        if isinstance(one, Step):
            assert thing["title"].startswith(f"{one.node}: ")
            assert len(thing["effects"]) == len(one.effects)
            became = [each for effect in thing["effects"] for each in effect[1:2]]
            reached = [each[1] for made in became for each in made if len(each) > 1]
            for other in reached:
                assert causes[other] == place
        else:
            assert "effects" not in thing


def test_states_come_back(story: Story) -> None:
    """Each step's state after it, rebuilt from the tree and the changes of its node."""
    data = pages.data_of(run_html(story))
    trees: list[Any] = []
    for told in data["states"]:
        states = [told["tree"]]
        for edits in told["edits"]:
            states.append(pages.applied(states[-1], told["shapes"], edits))
        trees.append([pages.told(state, told["shapes"]) for state in states])
    seen = 0
    for thing, one in zip(data["happened"], story.happened, strict=True):
        if isinstance(one, Step) and one.node in tools.SYSTEM.nodes:
            lane, at = thing["state"]
            before, after = trees[lane][at - 1], trees[lane][at]
            assert at > 0
            assert (before != after) == (one.before != one.after)
            kind, entries, copies = after
            assert kind == "Held"
            assert copies == [".copies", str(one.after.copies)]
            assert entries[1][1:] == [
                [f"[{place}]", ["Entry", [".number", str(each.number)], [".text", repr(each.text)]]]
                for place, each in enumerate(one.after.entries)
            ]
            seen += len(one.after.entries)
        if isinstance(one, Noted) and one.what.name == "CRASH":
            lane, at = thing["state"]
            assert trees[lane][at][1:] == [[".entries", ["list"]], [".copies", "0"]]
            assert trees[lane][at - 1] != trees[lane][at]
    assert seen > 5


# -- where it stands -----------------------------------------------------------------------------


def test_time_goes_down(story: Story) -> None:
    made = layout(story, 500)
    rows = zip(story.happened, made.ys, made.same_as, strict=True)
    own = [(one, y) for one, y, same_as in rows if same_as is None]
    assert len(own) == len(story.happened) - 4  # crash and pause, and their ends
    for (one, y), (after, below) in pairwise(own):
        assert below >= y
        assert below > y or after.time_ns == one.time_ns
    assert made.end > max(made.ys)


def test_nothing_stands_on_another(story: Story) -> None:
    """No two texts of things overlap, by the width of their characters."""
    made = layout(story, 500)
    boxes = []
    for each in of_class(drawing(story), "one"):
        for text in each.iter(f"{SVG}text"):
            x, y = float(text.get("x", "")), float(text.get("y", ""))
            wide = len(text.text or "") * 6.7
            left = x - wide if text.get("text-anchor") == "end" else x
            boxes.append((left, y - 9, left + wide, y + 3, text.text))
    assert len(boxes) > 30
    for at, one in enumerate(boxes):
        assert one[0] > 90  # not on the times
        assert one[2] <= made.width + 1
        for other in boxes[at + 1 :]:
            apart = one[2] <= other[0] or other[2] <= one[0]
            assert apart or one[3] <= other[1] or other[3] <= one[1], (one, other)


def test_messages_go_from_lane_to_lane(story: Story) -> None:
    made = layout(story, 500)
    drawn = drawing(story)
    arrows = of_class(drawn, "flight", "taken")
    arrows = [each for each in arrows if each.get("data-from") is not None]
    assert len(arrows) > 8
    for arrow in arrows:
        begin, end = int(arrow.get("data-from", "")), int(arrow.get("data-to", ""))
        line = arrow.find(f"{SVG}line")
        assert line is not None
        x1, y1, x2, y2 = (float(line.get(name, "")) for name in ("x1", "y1", "x2", "y2"))
        source, taker = story.happened[begin], story.happened[end]
        assert isinstance(source, Step)
        assert isinstance(taker, Step)
        assert abs(x1 - made.x(source.node)) < 8
        assert abs(x2 - made.x(taker.node)) < 16
        assert y1 >= made.ys[begin] - 1
        assert abs(y2 - made.ys[end]) < 14
        assert y2 > y1
    crosses = [
        each for each in of_class(drawn, "one", "lost") if each.find(f"{SVG}path") is not None
    ]
    lost = [one for one in story.happened if isinstance(one, Noted) and one.what.name in
            ("LOST", "CUT", "DOWN")]  # fmt: skip
    assert len(crosses) == len(lost) > 1
    assert len(of_class(drawn, "flight", "lost")) + len(of_class(drawn, "flight", "down")) == len(
        lost
    )


def test_bands(story: Story) -> None:
    made = layout(story, 500)
    kinds = sorted((bar.kind, bar.words) for bar in made.bars if bar.kind != "sync")
    assert kinds == [
        ("down", "down"),
        ("fault", "partition: <b onclick=x>store | third"),
        ("fault", "slow disk: factor 3"),
        ("fault", "storm: loss 0.1"),
        ("paused", "paused"),
    ]
    for bar in made.bars:
        assert bar.end >= bar.begin
    down = next(bar for bar in made.bars if bar.kind == "down")
    rows = {one.time_ns: y for one, y in zip(story.happened, made.ys, strict=True)}
    assert (down.begin, down.end) == (rows[7 * M], rows[11 * M])
    assert any(bar.kind == "sync" for bar in made.bars)
    wide = of_class(drawing(story), "wide")
    assert len(wide) == 2


def test_the_step_where_it_failed(failing: Story) -> None:
    failed = of_class(drawing(failing), "one", "failed")
    assert len(failed) == 1
    assert words(failed[0])[0].startswith("✗ ")
    assert failed[0].get("data-i") == str(len(failing.happened) - 1)
    assert "always: few_copies does not hold" in words(of_class(drawing(failing), "end")[0])[0]


def test_a_step_that_raised() -> None:
    story = tools.make_story(1, 9)
    last = story.happened[-1]
    assert isinstance(last, Noted)
    assert last.payload == tools.Put(tools.EVIL, 9)
    failed = of_class(drawing(story), "one", "failed")
    assert words(failed[0])[0].startswith("✗ Put(text=")
    text = run_html(story)
    assert "ValueError" in text
    assert pages.data_of(text)["failed"] == len(story.happened) - 1


def test_long_times_are_left_out() -> None:
    client = hr.Client([], think_ns=500 * M)
    system = hr.System({"s": tools.Store()}, {"ann": client})
    commands = {"ann": tuple(tools.Put("", number) for number in (1, 2, 3))}
    story = tell(system, hr.Plan(seed=1, commands=commands), traced=True)
    made = layout(story, 500)
    assert len(made.left_out) >= 2
    assert made.end < 700
    assert len(of_class(drawing(story), "passed")) == 2 * len(made.left_out)


# -- long stories --------------------------------------------------------------------------------


def test_only_the_last_of_a_long_story(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_run, "RUN_STEPS_MAX", 20)
    text = run_html(story)
    left = len(story.happened) - 20
    assert f"The first {left} things that happened are not shown." in text
    data = pages.data_of(text)
    assert len(data["happened"]) == 20
    assert data["happened"][-1]["title"].startswith(str(story.happened[-1].node))  # type: ignore[union-attr]
    drawn = drawing(story, 20)
    for each in of_class(drawn, "one"):
        assert 0 <= int(each.get("data-i", "")) < 20
    for each in of_class(drawn, "flight"):
        for name in ("data-from", "data-to"):
            assert 0 <= int(each.get(name, "0")) < 20
    assert len(text) < len(run_html(story)) + 100_000


def test_large_states(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a page all the same, of fewer steps; until even those of a few are too large."""
    monkeypatch.setattr(page_states, "VALUES_MAX", 12)
    with pytest.raises(UsageError, match="too many for a browser"):
        run_html(story)
    monkeypatch.setattr(page_states, "VALUES_MAX", 32)
    monkeypatch.setattr(page_run, "RUN_STEPS_MAX", 44)
    monkeypatch.setattr(page_run, "RUN_STEPS_MIN", 5)
    data = pages.data_of(run_html(story))
    assert len(data["happened"]) == 11
    assert any(data["states"])


def test_size() -> None:
    """So many bytes for each thing that happens, and not more."""
    story = tools.make_story(*range(10, 60), faults=())
    assert len(story.happened) > 250
    text = run_html(story)
    assert len(text) < 60_000 + 1_500 * len(story.happened)


def test_forgotten_beginning() -> None:
    system = hr.System(tools.SYSTEM.nodes, tools.SYSTEM.clients)
    plan = tools.plan_of(*range(10, 20))
    whole = tell(system, plan, traced=True)
    short = tell(system, plan, traced=True, happened_max=30)
    assert short.happened == whole.happened[-30:]
    assert short.first == len(whole.happened) - 30
    text = run_html(short)
    assert f"The first {short.first} things" in text
    assert len(pages.data_of(text)["happened"]) == 30


# -- wrong use -----------------------------------------------------------------------------------


def test_only_traced_stories(tmp_path: Path) -> None:
    system = hr.System(tools.SYSTEM.nodes, tools.SYSTEM.clients)
    plain = tell(system, tools.plan_of(1))
    for wrong in (plain, None, plain.run):
        with pytest.raises(UsageError, match="traced=True"):
            run_html(wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="does not exist"):
        write_run_page(tmp_path / "no" / "page.html", tools.make_story(1))
    with pytest.raises(UsageError, match="must name the file"):
        write_run_page("", tools.make_story(1))
    assert list(tmp_path.iterdir()) == []
