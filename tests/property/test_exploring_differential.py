"""The compiled explorer finds what the plain one does: states, depth, verdicts, shortest paths."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, event, example, given, reject, settings
from hypothesis import strategies as st

from headrace.exploring import Exploration, Path, explore
from headrace.exploring.bounds import Bounds
from headrace.exploring.plain import PlainSteps, World
from headrace.exploring.plain_search import PlainResult, TooMany, plain_explore
from headrace.system import (
    Caller,
    Client,
    Node,
    Redirect,
    System,
    View,
    cancel,
    on,
    persist,
    postpone,
    reply,
    send,
    timer,
)

VALUES = 3
RULES = 11
UNIQUE_MAX_OF_TORTURE = 300
UNIQUE_MAX = 120  # the plain explorer copies the whole world for each of the steps from each


class Word(msgspec.Struct, frozen=True):
    """What nodes tell each other."""

    number: int
    about: str = ""


class Question(msgspec.Struct, frozen=True):
    """What clients ask."""

    number: int


class Ruled(Node):
    """A node that does what a table says: by the kind of an input, its number, and its own value.

    A rule is a new value and what else to do, as words.
    """

    def __init__(self, rules: tuple[tuple[int, tuple[str, ...]], ...]) -> None:
        self.rules = rules
        super().__init__()

    def initial(self) -> dict[str, Any]:
        return {"value": 0, "asked": [], "seen": set()}

    def mode(self, state: dict[str, Any]) -> str:
        return "night" if state["value"] == VALUES - 1 else "day"

    @on.start()
    def start(self, state: Any, peers: tuple[str, ...], durable: Any) -> Any:
        state["value"] = durable.get("value", 0)
        return self._follow(state, 0, 3 * len(durable.damaged), "", peers)

    @on.message(Word)
    def word(self, state: Any, message: Word, source: str, peers: Any, chance: float) -> Any:
        kind = 1 if chance < 0.5 else 2
        return self._follow(state, kind, message.number, source, peers)

    @on.request(Question)
    def question(self, state: Any, request: Question, caller: Caller, peers: Any) -> Any:
        state["asked"].append(caller)
        return self._follow(state, 3, request.number, caller.client, peers)

    @on.timer()
    def ring(self, state: Any, timer: Any, peers: Any) -> Any:
        return self._follow(state, 4, len(timer), "", peers)

    def _follow(self, state: Any, kind: int, number: int, source: str, peers: Any) -> Any:
        at = kind * 7 + number * 3 + state["value"] * 5
        value, words = self.rules[at % len(self.rules)]
        state["value"] = value
        effects: list[Any] = []
        for word in words:
            effects += self._effects(state, word, (number + 1) % VALUES, source, peers)
        return state, effects

    def _effects(self, state: Any, word: str, number: int, source: str, peers: Any) -> list[Any]:
        if word == "raise":
            raise ValueError("as the rule says")
        if word == "note" and source:
            state["seen"].add(source)
        if word == "answer":
            asked, state["asked"] = state["asked"], []
            return [reply(caller, number) for caller in asked]
        if word == "redirect":
            asked, state["asked"] = state["asked"], []
            return [reply(caller, Redirect(peers[0] if peers else None)) for caller in asked]
        if word == "back":
            return [send(source, Word(number))] if source in peers else []
        made = {
            "all": lambda: send(peers, Word(number, peers[-1] if peers else "")),
            "self": lambda: send(peers, Word(number)),
            "tick": lambda: timer("tick", 1),
            "tock": lambda: timer(("tock", number), 1),
            "cancel": lambda: cancel("tick"),
            "keep": lambda: persist("value", state["value"]),
            "keep late": lambda: persist("value", state["value"], sync=False),
            "keep list": lambda: persist("asked", state["asked"], sync=False),
            "drop": lambda: persist("value", None),
            "postpone": postpone,
        }
        return [made[word]()] if word in made else []


COMMON = ["all", "back", "tick", "tock", "keep", "keep late", "answer", "note", "postpone"]
RARE = ["cancel", "drop", "keep list", "redirect", "self", "raise"]
RULE = st.tuples(
    st.integers(0, VALUES - 1),
    st.lists(st.sampled_from(COMMON * 5 + RARE), max_size=3).map(tuple),
)
NODES = st.lists(RULE, min_size=RULES, max_size=RULES).map(tuple).map(Ruled)
COUNTS = st.sampled_from([0, 0, 1, 2, None])
BOUNDS = st.fixed_dictionaries(
    {
        "ordered": st.booleans(),
        "losses": COUNTS,
        "duplications": st.sampled_from([0, 0, 1]),
        "crashes": st.sampled_from([0, 0, 1, 1, None]),
        "timers": st.sampled_from([None, 0, 1, 2, {"tick": 1, "retry": 1}]),
        "chances": st.sampled_from([(0.0,), (0.0, 0.7)]),
        "max_depth": st.integers(3, 8),
    }
)


def values(view: View) -> list[int]:
    return [state["value"] for state in view.states.values()]


PROPERTIES = {
    "always": {"few": lambda view: sum(values(view)) < 2 * VALUES - 3 + len(view.states)},
    "sometimes": {
        "high": lambda view: max(values(view), default=0) == VALUES - 1,
        "all told": lambda view: any(len(told) == 2 for told in view.history.values()),
    },
    "eventually": {
        "changed": lambda view: any(values(view)),
        "answered": lambda view: any(view.history.values()),
        "seen": lambda view: any(state["seen"] for state in view.states.values()),
    },
}


def check_path(system: System, bounds: dict[str, Any], path: Path) -> None:
    """The plain explorer can go that way."""
    steps = PlainSteps(system, Bounds(**bounds))
    worlds: list[World] = [steps.first()]
    expected: dict[str, Any] = {}
    for step in path.steps:
        if step.error is not None:
            return
        if step.action != "lose":
            expected[step.node] = step.after
        following = {}
        for world in worlds:
            for _, after in steps.successors(world, pass_over_failures=True):
                states = dict(zip(system.names, after.places, strict=True))
                if all(states[name].state == state for name, state in expected.items()):
                    following[steps.key(after)] = after
        worlds = list(following.values())
        assert worlds, f"nobody can take step {step}"


def check_same(fast: Exploration, plain: PlainResult) -> None:
    if plain.wrong:
        failed = fast.failed
        assert failed is not None
        assert fast.counterexample is not None
        assert f"{failed.kind} {failed.name}" in plain.wrong
        assert len(fast.counterexample) == plain.wrong_depth
        event("wrong: " + failed.kind)
        return
    assert (fast.unique, fast.depth) == (plain.unique, plain.depth)
    assert fast.complete == plain.complete
    for each in fast.verdicts:
        assert each.kind != "raised"
        if each.kind == "always":
            assert each.verdict == ("ok" if plain.complete else "unknown")
        elif each.kind == "sometimes":
            never = "bad" if plain.complete else "unknown"
            assert each.verdict == ("ok" if each.name in plain.reached else never)
            if each.path is not None:
                assert len(each.path) == plain.reached[each.name]
        else:
            assert each.verdict == plain.eventually[each.name]
            if each.path is not None and not each.path.around:
                assert len(each.path) == plain.terminal_depth[each.name]
            around = each.path is not None and each.path.around > 0
            event(f"eventually {each.verdict}{' around' if around else ''}")


NOTHING = (0, ())
# What a node does may fail in one way, and not in another one of the same step.
FAILS_BY_CHANCE = {
    "nodes": [
        Ruled((*[NOTHING] * 10, (0, ("raise",)))),
        Ruled(((0, ("all",)), *[NOTHING] * 10)),
    ],
    "questions": [],
    "bounds": {
        "ordered": False,
        "losses": 0,
        "duplications": 0,
        "crashes": 0,
        "timers": None,
        "chances": (0.0, 0.7),
        "max_depth": 3,
    },
}
SYSTEMS = {
    "nodes": st.lists(NODES, min_size=1, max_size=3),
    "questions": st.lists(st.integers(0, 2), max_size=2),
    "bounds": BOUNDS,
}


@example(**FAILS_BY_CHANCE)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(**SYSTEMS)
def test_the_same_is_found(nodes: list[Node], questions: list[int], bounds: Any) -> None:
    check_explorers(nodes, questions, bounds, UNIQUE_MAX)


@pytest.mark.torture
@pytest.mark.timeout(3600)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(**SYSTEMS)
def test_the_same_is_found_for_longer(
    nodes: list[Node], questions: list[int], bounds: Any
) -> None:
    check_explorers(nodes, questions, bounds, UNIQUE_MAX_OF_TORTURE)


def check_explorers(
    nodes: list[Node], questions: list[int], bounds: Any, unique_max: int
) -> None:
    """All searches agree, or the system is too large to compare."""
    clients = {"x": Client([Question(each) for each in questions])} if questions else {}
    system = System(dict(zip("abc", nodes, strict=False)), clients, **PROPERTIES)
    fast = explore(system, max_states=unique_max, **bounds)
    assume("there are more than" not in fast.stopped)
    try:
        plain = plain_explore(system, unique_max=2 * unique_max, **bounds)
    except TooMany:
        reject()
    event(f"about {10 ** len(str(plain.unique)) // 10} states, complete: {plain.complete}")
    check_same(fast, plain)
    for each in fast.verdicts:
        if each.path is not None:
            check_path(system, bounds, each.path)
    deep = explore(system, search="depth", max_states=4 * unique_max, **bounds)
    assume("there are more than" not in deep.stopped)
    if not plain.wrong:
        assert (deep.unique, deep.complete) == (plain.unique, plain.complete)
        assert [each.verdict for each in deep.verdicts] == [each.verdict for each in fast.verdicts]
    else:
        assert deep.verdict == "bad"
