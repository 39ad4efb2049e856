"""Exploring: each kind of thing that can happen, the bounds, and what is told about it."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

import pytest
from exploring_tools import (
    Collector,
    Failing,
    Heard,
    Late,
    Ring,
    Safe,
    Sender,
    Sleepy,
    Ticking,
    Token,
    Voter,
    pair,
    states_of,
)

import headrace as hr
from headrace.errors import ExplorationFailed, UsageError
from headrace.system.node import take


def test_counts_of_a_system_small_enough_for_a_list() -> None:
    """Nothing, a started, b started (a token is on its way), the token taken."""
    found = hr.explore(pair())
    assert (found.unique, found.states, found.depth, found.complete) == (4, 4, 3, True)
    assert found.verdict == "ok"
    assert found.check() is found


def test_messages_come_in_any_order_or_in_that_of_their_link() -> None:
    orders = {"()", "(1,)", "(2,)", "(1, 2)", "(2, 1)"}
    assert states_of(pair(2), "b") == orders
    assert states_of(pair(2), "b", ordered=True) == {"()", "(1,)", "(1, 2)"}


@pytest.mark.parametrize("ordered", [False, True])
def test_what_was_sent_first_on_different_links_does_not_matter(ordered: bool) -> None:
    """Of each token: it is not sent yet, on its way, or there; and 3 states before all started."""
    found = hr.explore(hr.System(dict.fromkeys("abc", Late())), ordered=ordered)
    assert found.unique == 3 * 3 + 3


def test_messages_are_lost() -> None:
    assert "(2,)" not in states_of(pair(2), "b", ordered=True)
    assert "(2,)" in states_of(pair(2), "b", ordered=True, losses=1)
    lost = hr.explore(pair(2, eventually={"all": lambda view: len(view.states.get("b", ())) == 2}))
    assert lost.verdict == "ok"
    lost = hr.explore(
        pair(2, eventually={"all": lambda view: len(view.states.get("b", ())) == 2}), losses=1
    )
    assert lost.verdict == "bad"
    assert lost.counterexample is not None
    assert [step.action for step in lost.counterexample.steps].count("lose") == 1


def test_messages_are_doubled() -> None:
    assert states_of(pair(1), "b", duplications=1) == {"()", "(1,)", "(1, 1)"}
    assert states_of(pair(1), "b", duplications=2) == {"()", "(1,)", "(1, 1)", "(1, 1, 1)"}


def test_what_a_node_sends_to_itself_is_not_lost_or_doubled() -> None:
    system = hr.System({"a": Ring()})
    found = hr.explore(system, losses=None, duplications=None)
    assert found.unique == 3


def test_nodes_crash_and_restart_and_clients_do_not() -> None:
    assert states_of(pair(), "a") == {"0"}
    assert states_of(pair(), "a", crashes=1) == {"0", "-1"}
    quiet = hr.System({"a": Collector()}, {"x": Collector()})
    assert hr.explore(quiet).unique == 3
    assert hr.explore(quiet, crashes=1).unique == 5  # a is down, a is up again


def test_a_node_that_is_down_misses_what_comes() -> None:
    found = hr.explore(
        pair(1, sometimes={"missed": lambda view: False}, eventually={"got": got_one}), crashes=1
    )
    assert found["got"].verdict == "bad"
    assert found["missed"].verdict == "bad"
    assert "misses message Token(number=1, to='') from a" in str(found["got"].path)


def got_one(view: hr.View) -> bool:
    return bool(view.states.get("b"))


@pytest.mark.parametrize(
    ("sync", "left"), [(True, {"7", "'nothing'", "'damaged'"}), (False, {"7", "'nothing'"})]
)
def test_a_crash_while_a_disk_syncs(sync: bool, left: set[str]) -> None:
    """A write is kept, lost or torn; what stood behind it has not happened."""
    system = hr.System({"a": Safe(sync), "b": Collector()})
    assert left <= states_of(system, "a", crashes=1)

    def told_but_forgotten(view: hr.View) -> bool:
        return bool(view.states.get("b")) and view.states.get("a") == "nothing"

    told = hr.System(
        {"a": Safe(sync), "b": Collector()}, sometimes={"forgotten": told_but_forgotten}
    )
    found = hr.explore(told, crashes=1)["forgotten"]
    assert found.verdict == ("bad" if sync else "ok")


def test_timers_run_out_at_any_time_and_only_so_often() -> None:
    system = hr.System({"a": Ticking()}, eventually={"happy": happy})
    assert hr.explore(system).verdict == "ok"  # though it could tick for ever: that is not fair
    bounded = hr.explore(system, timers=1)
    assert (bounded.verdict, bounded.complete) == ("unknown", True)
    assert hr.explore(system, timers=0).depth == 2
    assert hr.explore(system, timers={"tick": 3}).unique == 9


def happy(view: hr.View) -> bool:
    return view.states.get("a") == "happy"


def test_what_is_postponed_comes_when_the_mode_changes() -> None:
    system = pair(2, Sleepy(), eventually={"both": both})
    found = hr.explore(system, ordered=True)
    assert found.verdict == "ok"
    woken = hr.explore(pair(2, Sleepy(), always={"none": lambda view: not both(view)}))
    assert woken.counterexample is not None
    last = woken.counterexample.steps[-1]
    assert "as it had been postponed" in str(woken) or last.action == "deliver"


def both(view: hr.View) -> bool:
    return "b" in view.states and sorted(view.states["b"]["got"]) == [1, 2]


def test_chances() -> None:
    class Lucky(Collector):
        @hr.on.message(Token)
        def token(self, state: Any, chance: float) -> Any:
            return (*state, chance), None

    assert states_of(pair(1, Lucky()), "b") == {"()", "(0.0,)"}
    assert states_of(pair(1, Lucky()), "b", chances=[0.1, 0.9]) == {"()", "(0.1,)", "(0.9,)"}


def test_a_handler_that_raises_is_a_counterexample() -> None:
    found = hr.explore(pair(2, Failing()))
    assert (found.verdict, found.complete) == ("bad", False)
    assert found.counterexample is not None
    assert [step.title for step in found.counterexample.steps] == [
        "a starts",
        "b starts",
        "b takes message Token(number=1, to='') from a",
        "b takes message Token(number=2, to='') from a",
    ]
    with pytest.raises(ExplorationFailed, match="raises ValueError: one is enough"):
        found.check()


def test_so_is_an_input_that_nothing_handles() -> None:
    found = hr.explore(hr.System({"a": Sender(), "b": Sender()}))
    assert found["b: UnhandledInput"].verdict == "bad"


def test_the_shortest_counterexample_is_told_and_can_be_taken_again() -> None:
    system = pair(3, always={"not 2 first": lambda view: view.states.get("b", ())[:1] != (2,)})
    found = hr.explore(system)
    path = found.counterexample
    assert path is not None
    assert len(path) == 3
    state: Any = Collector().initial()
    for taken in path.inputs("b"):
        state, _ = take(system.nodes["b"], "b", ("a", "b"), state, taken)
    assert state == (2,) == path.steps[-1].after
    deep = hr.explore(system, search="depth")
    assert deep.verdict == "bad"


# -- eventually ------------------------------------------------------------------------------------


def test_eventually_on_a_cycle() -> None:
    """The token goes round for ever, and nobody's state is ever another one."""
    system = hr.System(
        dict.fromkeys("abc", Ring()), eventually={"never": lambda view: len(view.states) > 3}
    )
    found = hr.explore(system)
    path = found.counterexample
    assert path is not None
    assert found.complete
    assert path.around == 3
    assert "round and round" in str(found)
    assert [step.node for step in path.steps[-3:]] in (
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
    )


def test_eventually_where_a_cycle_is_left_in_the_end() -> None:
    system = hr.System(
        dict.fromkeys("abc", Ring()), eventually={"all": lambda view: all(view.states.values())}
    )
    assert hr.explore(system).verdict == "ok"


def test_eventually_is_unknown_where_bounds_forbid_to_look() -> None:
    unhappy = hr.System({"a": Ticking()}, eventually={"glad": lambda view: False})
    assert hr.explore(unhappy, timers=1)["glad"].verdict == "unknown"
    found = hr.explore(unhappy)
    assert found.verdict == "bad"
    assert found.counterexample is not None
    assert found.counterexample.around


# -- bounds ----------------------------------------------------------------------------------------


def test_bounds_end_it_and_say_so() -> None:
    full = hr.explore(pair(3))
    assert full.complete
    some = hr.explore(pair(3), max_states=full.unique - 1)
    assert (some.complete, some.unique, some.verdict) == (False, full.unique - 1, "unknown")
    assert "more than" in some.stopped
    assert hr.explore(pair(3), max_states=full.unique).complete
    near = hr.explore(pair(3), max_depth=full.depth - 1)
    assert (near.complete, near.depth) == (False, full.depth - 1)
    assert hr.explore(pair(3), max_depth=full.depth).complete
    small = hr.explore(pair(7), max_bytes=100_000)
    assert not small.complete
    assert "bytes of memory" in small.stopped
    with pytest.raises(ExplorationFailed):
        small.check()


def test_depth_first_finds_the_same_states() -> None:
    for bounds in ({}, {"crashes": 1}, {"max_depth": 4, "losses": 1}):
        wide, deep = (hr.explore(pair(3), search=s, **bounds) for s in ("breadth", "depth"))
        assert (wide.unique, wide.complete) == (deep.unique, deep.complete)


def test_depth_first_a_state_behind_the_farthest_may_be_found_later() -> None:
    system = hr.System(dict.fromkeys("abc", Collector()))
    found = hr.explore(system, crashes=None, max_depth=6, search="depth")
    assert (found.unique, found.complete) == (3 + 2**3, True)


# -- symmetry --------------------------------------------------------------------------------------


def test_symmetry_finds_the_same_with_fewer_states() -> None:
    names = ("a", "b", "c")
    system = hr.System(
        dict.fromkeys(names, Voter()),
        always={"others": lambda view: all(n not in s["heard"] for n, s in view.states.items())},
        sometimes={"all": lambda view: all(len(s["heard"]) == 2 for s in view.states.values())},
        eventually={"heard": lambda view: sum(len(s["heard"]) for s in view.states.values()) == 6},
    )
    for bounds in ({}, {"losses": 1}, {"ordered": True, "duplications": 1}):
        full, less = (hr.explore(system, symmetry=s, **bounds) for s in ((), names))
        assert [each.verdict for each in full.verdicts] == [e.verdict for e in less.verdicts]
        assert less.unique < full.unique / 3
        assert less.depth == full.depth


def test_counts_of_symmetric_graphs() -> None:
    """Who has heard whom is a directed graph; of these there are 218 on four nodes that are not
    named (OEIS A000273), and 4 states come before all have started.
    """
    system = hr.System(dict.fromkeys("abcd", Heard()))
    assert hr.explore(system).unique == 2**12 + 4
    assert hr.explore(system, symmetry="abcd").unique == 218 + 4


def test_symmetry_tells_a_path_of_real_states() -> None:
    system = hr.System(
        dict.fromkeys("abc", Voter()),
        always={"few": lambda view: sum(len(s["heard"]) for s in view.states.values()) < 5},
    )
    full, less = (hr.explore(system, symmetry=s) for s in ((), [["a", "b", "c"]]))
    assert full.counterexample is not None
    assert less.counterexample is not None
    assert len(full.counterexample) == len(less.counterexample)
    for name in "abc":
        state = Voter().initial()
        for taken in less.counterexample.inputs(name):
            state, _ = take(system.nodes[name], name, ("a", "b", "c"), state, taken)
        last = [step.after for step in less.counterexample.steps if step.node == name][-1]
        assert state["heard"] == last["heard"]


def test_symmetry_says_nothing_about_going_round() -> None:
    node = Ticking()
    system = hr.System({"a": node, "b": node}, eventually={"glad": lambda view: False})
    assert hr.explore(system, symmetry=("a", "b"))["glad"].verdict == "unknown"


# -- wrong use -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"losses": -1}, "losses=-1: a whole number, 0 or more, or None"),
        ({"max_states": None}, "max_states=None: a whole number"),
        ({"timers": {"x": 1.5}}, r"timers\['x'\]=1.5"),
        ({"chances": ()}, "at least one number"),
        ({"chances": (1.0,)}, "1.0 is no number that is at least 0 and below 1"),
        ({"search": "wide"}, "'breadth' or 'depth'"),
        ({"symmetry": ("a", "z")}, "there is no 'z'"),
        ({"symmetry": ("a", "b")}, "'a' and 'b' are not the same object"),
        ({"symmetry": ("a", "a")}, "'a' stands twice"),
    ],
)
def test_wrong_use(given: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        hr.explore(pair(), **given)


def test_more_wrong_use() -> None:
    with pytest.raises(UsageError, match="not of 5"):
        hr.explore(5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="always: bad raised KeyError"):
        hr.explore(pair(always={"bad": lambda view: view.states["b"]}))
    by_chance = hr.System({"b": Collector()}, {"x": hr.Client(lambda chance: [Token()])})
    with pytest.raises(UsageError, match="makes its commands by chance"):
        hr.explore(by_chance)
    found = hr.explore(pair())
    with pytest.raises(UsageError, match="no truth value"):
        bool(found)
    with pytest.raises(UsageError, match="no property is called 'x'"):
        found["x"]
    with pytest.raises(UsageError, match="there is no counterexample"):
        found.to_html("x.html")
    many = {f"p{n}": got_one for n in range(40)}
    with pytest.raises(UsageError, match="40 properties"):
        hr.explore(pair(sometimes=many))
    seven = hr.System(dict.fromkeys("abcdefg", Voter()))
    with pytest.raises(UsageError, match="5,040 ways to rename"):
        hr.explore(seven, symmetry="abcdefg")


def test_page(tmp_path: FilePath) -> None:
    found = hr.explore(pair(2, Failing()), losses=1)
    found.to_html(tmp_path / "bad.html")
    text = (tmp_path / "bad.html").read_text()
    assert text.count('class="arrow') == 4
    assert "raises ValueError: one is enough" in text
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    with pytest.raises(UsageError, match="the folder"):
        found.to_html(tmp_path / "none" / "bad.html")


def test_progress() -> None:
    told: list[Any] = []
    found = hr.explore(pair(7), progress=told.append)
    assert told
    assert [each.unique for each in told] == sorted(each.unique for each in told)
    assert told[-1].unique <= found.unique
    assert told[-1].size_bytes > 0
