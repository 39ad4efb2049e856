"""Random trees, random exits: the core does what the plain model does, and keeps promises."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings
from supervision_case import nothing
from supervision_model import Model, Sup
from supervision_tools import said

from headrace.supervision import Child, Exit, Script, Supervisor, VirtualTree

STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one")
KINDS = ("normal", "shutdown", "error", "killed")
STOP_S = 0.125  # of a child that does not stop by itself
STEP_S = 16.0  # more than all stops of one step can take


def children(name: str, auto: str, simple: bool, depth: int) -> st.SearchStrategy[Child]:
    """Children of that name; some are trees."""

    def make(restart: str, shutdown: Any, significant: bool, below: Any) -> Child:
        allowed = significant and auto != "never" and restart != "permanent"
        shutdown = None if below is not None else shutdown
        return Child(name, below or nothing, restart, shutdown, allowed)

    below: Any = st.none()
    if depth and not simple:
        below = st.none() | supervisors(depth - 1)
    return st.builds(
        make,
        st.sampled_from(["permanent", "transient", "temporary"]),
        st.sampled_from([STOP_S, "brutal_kill", STOP_S]),
        st.booleans(),
        below,
    )


@st.composite
def supervisors(draw: Any, depth: int) -> Supervisor:
    strategy = draw(st.sampled_from(STRATEGIES))
    auto = draw(st.sampled_from(["never", "any_significant", "all_significant"]))
    simple = strategy == "simple_one_for_one"
    count = 1 if simple else draw(st.integers(1, 3))
    listed = [draw(children("abc"[index], auto, simple, depth)) for index in range(count)]
    intensity = draw(st.integers(0, 3))
    period = draw(st.sampled_from([STEP_S / 2, STEP_S * 1.5, STEP_S * 100]))
    return Supervisor(strategy, listed, intensity, period, auto)


def leaves(spec: Supervisor, path: str = "") -> list[str]:
    """The paths of all workers, templates included."""
    found = []
    for child in spec.children:
        below = f"{path}/{child.name}" if path else child.name
        inside = child.start
        found += leaves(inside, below) if isinstance(inside, Supervisor) else [below]
    return found


SCRIPTS = st.builds(
    Script,
    starts=st.lists(st.sampled_from(["ok", "ok", "ok", "fail", "ignore"]), max_size=4).map(
        lambda listed: ("ok", *listed)
    ),
    stop_s=st.sampled_from([0.0, 0.0, None]),
)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["exit"] * 6 + ["terminate", "restart", "delete", "add"]),
        st.integers(0, 30),
        st.sampled_from(KINDS),
    ),
    max_size=12,
)


def below_and_all(model: Model, sup: Sup) -> list[Sup]:
    inside = [kid.below for _, kid in model.all() if kid.below is not None]
    return [sup, *inside]


def take(model: Model, tree: VirtualTree, event: tuple[str, int, str]) -> tuple[Any, Any]:
    """One event in both; their answers."""
    what, index, kind = event
    assert model.top is not None
    if what == "exit":
        there = [(sup, kid) for sup, kid in model.all() if kid.path in model.running]
        if there:
            sup, kid = there[index % len(there)]
            model.exit(sup, kid, kind)
            tree.exit(kid.path, Exit(kind))
        return None, None
    if what == "add":
        sups = below_and_all(model, model.top)
        sup = sups[index % len(sups)]
        restart = ("permanent", "transient", "temporary")[index % 3]
        child = Child("abcd"[index % 4], nothing, restart, STOP_S, restart != "permanent")
        simple = sup.spec.strategy == "simple_one_for_one"
        answer = tree.start_child(() if simple else child, sup.path)
        return model.add(sup, child), answer
    paths = [kid.path for _, kid in model.all()] + ["z"]
    path = paths[index % len(paths)]
    return model.request(what, path), getattr(tree, f"{what}_child")(path)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_same_as_the_plain_model(data: st.DataObject) -> None:
    spec = data.draw(supervisors(2))
    scripts = {path: data.draw(SCRIPTS) for path in leaves(spec)}
    model = Model(spec, scripts)
    tree = VirtualTree(spec, scripts)
    tree.start()
    tree.advance(STEP_S)
    seen = 0
    for event in [None, *data.draw(EVENTS)]:
        answers: tuple[Any, Any] = (None, None)
        if event is not None:
            if model.top is None:
                break
            number = tree.requests
            answers = take(model, tree, event)
            model.now = tree.now_s
            tree.advance(STEP_S)
            if answers[0] is not None:
                answer = tree.answer(number + 1)
                assert answer is not None
                assert answer.outcome == answers[0], event
        model.now = tree.now_s
        told = [word for word in said(tree, seen, []).split() if word not in ("down", "failed")]
        assert told == model.trace, event
        seen = len(tree.trace)
        model.trace.clear()
        assert set(tree.running) == model.running
        assert (tree.down is None) == (model.top is not None)
        assert {path: state != "stopped" for path, state in tree.states().items()} == {
            kid.path: kid.alive != "no" for _, kid in model.all()
        }
