"""What holds of any tree, whatever ends whenever, and however long starts and stops take."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings
from test_supervision_differential import STOP_S, leaves, supervisors

from headrace.supervision import Exit, Happened, Script, Supervisor, VirtualTree

KINDS = ("normal", "shutdown", "error", "killed")
LONG_S = 1000.0
TIMES = st.sampled_from([0.0, 0.05, STOP_S, 0.2, 1.0, 7.0])
SCRIPTS = st.builds(
    Script,
    starts=st.lists(st.sampled_from(["ok", "ok", "ok", "fail", "ignore"]), max_size=4).map(tuple),
    start_s=TIMES,
    stop_s=st.none() | TIMES,
    lives=st.lists(
        st.none() | st.tuples(TIMES, st.sampled_from([Exit(kind) for kind in KINDS])), max_size=3
    ).map(tuple),
)
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["exit", "exit", "exit", "terminate", "restart", "delete", "pass"]),
        st.integers(0, 30),
        st.sampled_from(KINDS),
        TIMES,
    ),
    max_size=15,
)


def play(
    spec: Supervisor, scripts: dict[str, Script], actions: Any, quiet: bool, end: str
) -> VirtualTree:
    """Run a tree through the actions, and end it; `quiet`: when nothing is under way any more."""
    tree = VirtualTree(spec, scripts)
    tree.start()
    for what, index, kind, seconds in actions:
        running, paths = tree.running, list(tree.states())
        if what == "exit" and running:
            tree.exit(running[index % len(running)], Exit(kind))
        elif what in ("terminate", "restart", "delete") and paths:
            getattr(tree, f"{what}_child")(paths[index % len(paths)])
        tree.advance(seconds)
    if quiet:
        tree.advance(LONG_S)
    tree.trace.append(Happened(tree.now_s, "the end", ""))
    getattr(tree, end)()
    tree.advance(LONG_S)
    return tree


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_promises(data: st.DataObject) -> None:
    spec = data.draw(supervisors(2))
    scripts = {path: data.draw(SCRIPTS) for path in leaves(spec)}
    actions = data.draw(ACTIONS)
    end = data.draw(st.sampled_from(["stop", "kill"]))
    quiet = data.draw(st.booleans())
    tree = play(spec, scripts, actions, quiet, end)

    # It ends, nothing is left of it, every request was answered, and nothing comes after the end.
    assert tree.down is not None
    assert tree.running == []
    assert tree.states() == {}
    assert all(tree.answer(number) for number in range(1, tree.requests + 1))
    assert [each.what for each in tree.trace if each.what != "the end"][-1] == "down"

    # The same once more is the same once more.
    assert play(spec, scripts, actions, quiet, end).trace == tree.trace

    check_lives(tree)
    check_first_start(spec, tree)
    if quiet and end == "stop":
        check_stop(spec, tree)
    if spec.strategy == "one_for_one":
        check_intensity(spec, tree)


def check_lives(tree: VirtualTree) -> None:
    """No child runs twice at the same time; only what runs is asked, killed, or ends."""
    running: set[str] = set()
    for each in tree.trace:
        if each.what == "start":
            assert each.path not in running
            running.add(each.path)
        elif each.what in ("ask", "kill", "exit"):
            assert each.path in running
            if each.what == "exit":
                running.remove(each.path)
    assert not running


def check_first_start(spec: Supervisor, tree: VirtualTree) -> None:
    """The first starts are in order, until all have started or one has failed."""
    starts = ("start", "start_failed", "ignored")
    first = [each.path for each in tree.trace if each.what in starts]
    seen = [path for path in dict.fromkeys(first) if path in leaves(spec)]
    assert seen == [path for path in leaves(spec) if path in seen]


def check_stop(spec: Supervisor, tree: VirtualTree) -> None:
    """Who is asked at the end, is asked in the reverse order of the starts."""
    since = [each.what for each in tree.trace].index("the end")
    places = {path: place for place, path in enumerate(leaves(spec))}
    asked = [
        places[each.path]
        for each in tree.trace[since:]
        if each.what in ("ask", "kill") and each.path in places
    ]
    assert asked == sorted(asked, reverse=True)


def check_intensity(spec: Supervisor, tree: VirtualTree) -> None:
    """No more restarts of the top's own workers than its intensity allows, or it has given up."""
    own = {child.name for child in spec.children if not isinstance(child.start, Supervisor)}
    starts: dict[str, int] = {}
    again: list[float] = []
    for each in tree.trace:
        if each.path in own and each.what in ("start", "start_failed", "ignored"):
            starts[each.path] = starts.get(each.path, 0) + 1
            if starts[each.path] > 1:
                again.append(each.at_s)
    requests = tree.requests
    for at in again:
        recent = [other for other in again if at - spec.period <= other <= at]
        assert len(recent) <= spec.intensity + requests
