"""The page of a stretch: what is in it, that nothing in it can run, and that states come back."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import page_tools as tools
import pytest
from journal_tools import EVENT, some_events, sums

import headrace as hr
from headrace.debugger import page
from headrace.debugger.page import page_text, sequence_svg, write_page
from headrace.errors import EnvironmentFailure, HistoryGone, UsageError


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> hr.History:
    return tools.make_journal(tmp_path_factory.mktemp("nasty"))


@pytest.fixture(scope="module")
def long_history(tmp_path_factory: pytest.TempPathFactory) -> hr.History:
    folder = tmp_path_factory.mktemp("long")
    with hr.Engine(sums, journal=folder) as engine:
        engine.publish(some_events(page.PAGE_EVENTS_MAX + 1000))
    return hr.History(folder, sums)


def rebuilt(data: dict[str, Any]) -> list[Any]:
    """The state at each place, from a page's data."""
    trees = [data["tree"]]
    for event in data["events"]:
        trees.append(tools.applied(trees[-1], data["shapes"], event[2]))
    return [tools.without_long(tools.told(tree, data["shapes"])) for tree in trees]


# -- what is in it -------------------------------------------------------------------------------


def test_structure(history: hr.History) -> None:
    text = page_text(history, 0, history.end)
    assert "{{" not in text
    seen = tools.Parsed(text)
    policy = [attrs for tag, attrs in seen.tags if tag == "meta" and "http-equiv" in attrs]
    assert (policy[0]["content"] or "").startswith(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    )
    # The policy stands before anything that it is to hold back.
    assert [tag for tag, _ in seen.tags[:4]] == ["html", "head", "meta", "meta"]
    outside = [
        (tag, name, value)
        for tag, attrs in seen.tags
        for name, value in attrs.items()
        if name in ("src", "srcset", "action", "data") or (name == "href" and value != "data:,")
    ]
    assert outside == []
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    assert seen.text_of("h1").strip() == f"{tools.EVIL_NAME} >> route, inputs 0 to 59"
    title = page_text(history, 0, 1, title="<i>\ud800\n&")
    assert tools.Parsed(title).text_of("title").strip() == "<i>\\ud800\\n&"


def test_events_and_outputs(history: hr.History) -> None:
    data = tools.data_of(page_text(history, 10, 40))
    assert data["begin"] == 10
    assert data["lanes"] == ["input", tools.EVIL_NAME, "route", "outputs"]
    assert data["fields"] == [["key", "text", "price", "wide"], ["key", "double"], ["key", "note"]]
    assert len(data["events"]) == 30
    made = tools.nasty_events()
    for index, (time_ns, texts, _, *more) in enumerate(data["events"]):
        event, when = history.event(10 + index)
        assert int(time_ns) == when
        assert texts == [
            str(made["key"][10 + index]),
            repr(bytes(made["text"][10 + index])),
            str(made["price"][10 + index]),
            "'\\u2028é漢<'",
        ]
        outputs = history.at(11 + index).outputs
        shown = [each[1:] for each in more[0] if each[0] == 1] if more else []
        assert shown == [
            [record["input_sequence"], record["output_index"], [str(record["key"]),
             repr(bytes(record["note"]))]]
            for record in outputs
        ]  # fmt: skip
        inner = [each for each in more[0] if each[0] == 0] if more else []
        failed = int(event["key"][0]) % 11 == 5 or int(event["key"][0]) > 2**60
        assert len(inner) == (0 if failed else int(event["key"][0]) % 3)
        assert (len(more) == 2) == failed
    assert data["events"][6][4] == [[0, "ValueError: refused </script><b>"]]
    assert data["events"][10][1][0] == str(2**62 + 1)
    assert data["events"][10][2] == []


@pytest.mark.parametrize(("begin", "end"), [(0, 60), (13, 41), (60, 60)], ids=str)
def test_states_come_back(history: hr.History, begin: int, end: int) -> None:
    states = rebuilt(tools.data_of(page_text(history, begin, end)))
    assert len(states) == end - begin + 1
    for place, state in enumerate(states):
        assert state == tools.expected(history.state_at(begin + place))


def test_changes_are_those_of_the_history(history: hr.History) -> None:
    """As many places of a state change, where no container comes or goes."""
    data = tools.data_of(page_text(history, 21, 22))
    (_, _, edits, *_), found = data["events"][0], history.diff(21, 22)
    assert len(found) > 8
    moved = [change for change in found if ".pairs" in change.path or ".nothing" in change.path]
    leaves = [edit for edit in edits if edit[0][1] not in (2, 8)]
    assert len(leaves) == len(found) - len(moved)


def test_the_history_stays_where_it_stands(history: hr.History) -> None:
    history.at(33)
    page_text(history, 5, 50)
    assert history.sequence == 33


def test_long_arrays_show_what_changes(history: hr.History) -> None:
    data = tools.data_of(page_text(history, 0, 20))
    (many,) = [
        dict(tree[1:])[".many"] for _, tree in tools.told(data["tree"], data["shapes"])[1:2]
    ]
    keys = [key for key in range(20) if key % 11 != 5]
    assert many == ["int32[5000]", *[[f"[{key * 7}]", "0"] for key in keys if key]]


# -- sizes and sameness --------------------------------------------------------------------------


def test_some_thousand_events_are_a_small_page(long_history: hr.History) -> None:
    begin, end = 7000, 10_000
    text = page_text(long_history, begin, end)
    assert len(text) < 400_000  # about 100 bytes an event, and the page itself
    states = rebuilt(tools.data_of(text)) if len(text) < 400_000 else []
    assert states[-1] == tools.expected(long_history.state_at(end))


def test_the_largest_page(long_history: hr.History) -> None:
    assert len(page_text(long_history, 5, page.PAGE_EVENTS_MAX + 5)) < 2_500_000


SAME = """
import sys; sys.path[:0] = {paths!r}
import page_tools, headrace as hr
from headrace.debugger.page import write_page
history = hr.History({folder!r}, page_tools.pipeline)
write_page({file!r}, history, 3, 50, branch=history.branch(4, "drop"))
"""


def test_the_same_bytes_each_time(history: hr.History, tmp_path: Path) -> None:
    folder = history._source.folder
    for seed in ("1", "2"):
        code = SAME.format(
            paths=[str(Path(__file__).parent)], folder=folder, file=str(tmp_path / seed)
        )
        environment = {"PYTHONHASHSEED": seed, "PATH": ""}
        subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    write_page(tmp_path / "here", history, 3, 50, branch=history.branch(4, "drop"))
    made = {(tmp_path / name).read_bytes() for name in ("1", "2", "here")}
    assert len(made) == 1


# -- what does not go ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "end", "error", "message"),
    [
        (0, 61, HistoryGone, "goes from 0 to 60"),
        (-1, 5, HistoryGone, "goes from 0 to 60"),
        (5, 4, UsageError, "ends before it begins"),
        (0, 1.5, UsageError, "end must be an integer, not 1.5"),
        (True, 5, UsageError, "begin must be an integer"),
    ],
    ids=["end", "begin", "order", "float", "bool"],
)
def test_bad_stretches(
    history: hr.History, tmp_path: Path, begin: Any, end: Any, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        write_page(tmp_path / "page.html", history, begin, end)
    assert list(tmp_path.iterdir()) == []


def test_too_many_events(long_history: hr.History, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"20,001 inputs .* choose at most 20,000"):
        write_page(tmp_path / "page.html", long_history, 0, page.PAGE_EVENTS_MAX + 1)


def test_unwritable_paths(history: hr.History, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist; make it first"):
        write_page(tmp_path / "nowhere" / "page.html", history, 0, 5)
    with pytest.raises(UsageError, match="is a folder"):
        write_page(tmp_path, history, 0, 5)
    with pytest.raises(UsageError, match="path must name the file"):
        write_page(5, history, 0, 5)  # type: ignore[arg-type]
    with pytest.raises(EnvironmentFailure, match="/dev/full: cannot be written: No space left"):
        write_page("/dev/full", history, 0, 5)


def test_a_page_replaces_another(history: hr.History, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("old")
    write_page(str(file), history, 0, 5)
    assert file.read_text("utf-8") == page_text(history, 0, 5)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("name", "message"),
    [("VALUES_MAX", "the changes of the state would need more than 100 values"),
     ("TEXT_CHARS_MAX", "the state would need .* or 100 characters")],
    ids=["values", "characters"],
)  # fmt: skip
def test_too_much_state(
    history: hr.History, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.setattr(f"headrace.debugger.page_states.{name}", 100)
    with pytest.raises(UsageError, match=message):
        page_text(history, 0, 50)


def test_too_many_outputs(history: hr.History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.debugger.page_stretch.MESSAGES_MAX", 10)
    with pytest.raises(UsageError, match=r"inputs 0 to \d+ alone lead to more than 10 outputs"):
        page_text(history, 0, 50)


# -- the diagram ---------------------------------------------------------------------------------


def test_diagram(history: hr.History) -> None:
    text = sequence_svg(history, 0, 12)
    svg = ET.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    groups = [(each.get("class"), each[0].text) for each in svg.iter(f"{space}g")]
    assert [name for kind, name in groups if kind == "lane"] == [
        "input", tools.EVIL_NAME, "route", "outputs",
    ]  # fmt: skip
    arrows = [(kind, name) for kind, name in groups if kind != "lane"]
    assert arrows[0] == (
        "arrow input",
        "0 key=0 text=b'</script>' price=0.0 wide='\\u2028é漢<'",
    )
    assert arrows[2:4] == [
        ("arrow inner", "1.0 key=1 double=0.5"),
        ("arrow output", "0.0 key=1 note=b'</script><img src=y>'"),
    ]
    assert ("arrow failed", "5 ValueError: refused </script><b>") in arrows
    assert sum(kind == "arrow input" for kind, _ in arrows) == 12
    drawn = [each.text or "" for each in svg.iter(f"{space}text")]
    assert max(map(len, drawn)) == 24
    assert sequence_svg(history, 0, 12) == text
    assert "no inputs" in sequence_svg(history, 3, 3)


def test_too_long_a_diagram(long_history: hr.History) -> None:
    with pytest.raises(UsageError, match="4,000 arrows, too many to be looked at"):
        sequence_svg(long_history, 0, 2000)


# -- branches ------------------------------------------------------------------------------------


def test_branch(history: hr.History) -> None:
    branch = history.branch(21, {"price": 1000.0}, end=50)
    data = tools.data_of(page_text(history, 10, 40, branch=branch))["branch"]
    assert (data["at"], data["end"], data["parted"]) == (21, 50, 21)
    assert data["told"] == str(branch)
    shapes = data["shapes"]
    now = tools.told(tools.applied(data["tree"], shapes, data["edits"]), shapes)
    assert tools.without_long(now) == tools.expected(branch.state)
    assert data["rows"] == [*data["rows"][:2], [data["counts"][0] - 2]]  # no output differs
    assert tools.data_of(page_text(history, 10, 40))["branch"] is None


def test_outputs_of_a_branch_side_by_side(long_history: hr.History) -> None:
    branch = long_history.branch(1000, "drop", end=1100)
    data = tools.data_of(page_text(long_history, 1000, 1010, branch=branch))["branch"]
    assert data["counts"] == [100, 99]
    assert data["rows"][0][:2] == [
        [[1000, 0], [str(branch.was_outputs["key"][0]), str(branch.was_outputs["total"][0])]],
        None,
    ]
    alone = [row for row in data["rows"] if len(row) == 3 and row[1] is None]
    assert len(alone) == 1
    differing = [row for row in data["rows"] if len(row) == 3 and row[2]]
    assert len(differing) == len(branch.outputs_only_there)
    same = sum(row[0] if len(row) == 1 else not row[2] for row in data["rows"])
    assert same == 100 - len(branch.outputs_only_there)


# -- other machines --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["scalar", "no outputs", "nothing"])
def test_other_machines(tmp_path: Path, kind: str) -> None:
    makers: dict[str, Callable[[], hr.Machine]] = {
        "scalar": lambda: hr.machine(event="<i8", output="<f4", initial=_zero)(_count),
        "no outputs": lambda: hr.machine(event=EVENT, initial=list)(_keep),
        "nothing": lambda: hr.machine(event="<i8", initial=lambda: None)(_count_nothing),
    }
    machine = makers[kind]()
    with hr.Engine(machine, journal=tmp_path) as engine:
        engine.publish(np.arange(5) if kind != "no outputs" else some_events(5))
    history = hr.History(tmp_path, machine)
    data = tools.data_of(page_text(history, 0, 5))
    if kind == "scalar":
        assert data["events"][3][1] == ["3"]
        assert data["events"][3][3] == [[0, 3, 0, ["1.5"]]]
        assert data["events"][3][2] == [[[0], "6"]]
    else:
        assert data["fields"][1] == []
        assert all(len(event) == 3 for event in data["events"])
    assert sequence_svg(history, 0, 5).count("arrow input") == 5


def _zero() -> Any:
    return np.zeros((), "<i8")


def _count(state: Any, value: int) -> Any:
    state += value
    return state, value / 2


def _keep(state: list[int], key: int) -> Any:
    state.append(key)
    return state, None


def _count_nothing(state: None, value: int) -> Any:
    return state, None
