"""Supervisors and children as values, the window of restarts, and trees in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

import headrace as hr
from headrace.errors import (
    UsageError,
)
from headrace.supervision import (
    KILLED,
    Exit,
    Script,
    VirtualTree,
)
from headrace.supervision.intensity import Intensity


def nothing() -> None:
    """A start that is never called."""


BAD_CHILDREN: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name is ''"),
    ({"name": "a/b"}, "without '/'"),
    ({"name": 3}, "name is 3"),
    ({"start": 3}, "start is 3; give a function"),
    ({"restart": "always"}, "restart is 'always'; give one of 'permanent', 'transient'"),
    ({"shutdown": -1}, "shutdown is -1; give 0 seconds or more"),
    ({"shutdown": float("nan")}, "shutdown is nan"),
    ({"shutdown": float("inf")}, "or 'infinity'"),
    ({"shutdown": "kill"}, "'brutal_kill'"),
    ({"shutdown": True}, "shutdown is True"),
    ({"significant": 1, "restart": "transient"}, "significant is 1"),
    ({"significant": True}, "significant and permanent"),
]


@pytest.mark.parametrize(("given", "message"), BAD_CHILDREN)
def test_bad_child(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        hr.Child(**{"name": "a", "start": nothing, **given})


BAD_SUPERVISORS: list[tuple[dict[str, Any], str]] = [
    ({"strategy": "all"}, "strategy is 'all'; give one of 'one_for_one', 'one_for_all'"),
    ({"intensity": -1}, "intensity is -1"),
    ({"intensity": 1.5}, "intensity is 1.5"),
    ({"period": 0}, "period is 0; give more than 0 seconds"),
    ({"auto_shutdown": "any"}, "auto_shutdown is 'any'"),
    ({"name": "a/b"}, "without '/'"),
    ({"children": [nothing]}, "is no child; give a headrace.Child"),
    ({"children": [hr.Child("a", nothing)] * 2}, "2 children named 'a'"),
    (
        {"children": [hr.Child("a", nothing, "transient", significant=True)]},
        "is significant, but supervisor 'supervisor' never shuts down by itself",
    ),
    ({"strategy": "simple_one_for_one"}, "has 0 children; give one, which is the template"),
]


@pytest.mark.parametrize(("given", "message"), BAD_SUPERVISORS)
def test_bad_supervisor(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        hr.Supervisor(**{"strategy": "one_for_one", "children": (), **given})


def test_defaults_are_otp_s() -> None:
    inner = hr.Supervisor("one_for_one", [hr.Child("a", nothing)], name="inner")
    outer = hr.Supervisor("rest_for_one", [inner, hr.Child("b", inner, shutdown=3)])
    assert (outer.intensity, outer.period, outer.auto_shutdown) == (1, 5.0, "never")
    assert inner.children[0].shutdown == 5.0
    assert inner.children[0].restart == "permanent"
    assert outer.children[0] == hr.Child("inner", inner, "permanent", "infinity")
    assert outer.children[1].shutdown == 3


def test_window_of_restarts() -> None:
    """A restart counts until it is more than the period ago, to the nanosecond."""
    intensity = Intensity(2, 10)
    assert [intensity.add(at) for at in (0, 10, 11, 21, 21)] == [True, True, True, True, False]
    assert not Intensity(0, 10).add(5)


def test_a_restart_counts_until_it_is_older_than_the_period() -> None:
    for seconds, up in ((5.0, False), (5.000000001, True)):
        tree = VirtualTree(hr.Supervisor("one_for_one", [hr.Child("a", nothing)]))
        tree.start()
        tree.exit("a", KILLED)
        tree.advance(seconds)
        tree.exit("a", KILLED)
        assert (tree.down is None) is up


def test_why_a_tree_gave_up_is_told_from_the_bottom_up() -> None:
    inner = hr.Supervisor("one_for_one", [hr.Child("a", nothing)], 0, name="inner")
    tree = VirtualTree(hr.Supervisor("one_for_one", [inner], 0, name="outer"))
    tree.start()
    tree.exit("inner/a", Exit("error", "no such symbol"))
    assert tree.down is not None
    assert tree.down.why == "gave_up"
    for words in ("'outer' gave up", "'inner' gave up", "'inner/a'", "no such symbol"):
        assert words in str(tree.down.reason)


def test_a_request_waits_until_the_supervisor_has_done_what_it_does() -> None:
    spec = hr.Supervisor("one_for_all", [hr.Child("a", nothing), hr.Child("b", nothing)])
    tree = VirtualTree(spec, {"b": Script(stop_s=2.0)})
    tree.start()
    tree.exit("a", KILLED)
    assert tree.terminate_child("a") is None
    assert tree.states() == {"a": "stopped", "b": "stopping"}
    tree.advance(2.0)
    answer = tree.answer(1)
    assert answer is not None
    assert answer.outcome == "ok"
    assert tree.states() == {"a": "stopped", "b": "running"}


def test_a_killed_tree_asks_nobody() -> None:
    inner = hr.Supervisor("one_for_one", [hr.Child("b", nothing)], name="s")
    spec = hr.Supervisor("one_for_one", [hr.Child("a", nothing), inner])
    tree = VirtualTree(spec, {"s/b": Script(start_s=1.0, stop_s=None)})
    tree.start()
    assert tree.states()["s"] == "starting"
    tree.kill()
    tree.advance(2.0)
    assert [each.path for each in tree.trace if each.what == "kill"] == ["a", "s/b"]
    assert [each.path for each in tree.trace if each.what == "ask"] == []
    assert tree.down is not None
    assert tree.down.reason == KILLED


def test_a_killed_tree_answers_what_it_was_asked() -> None:
    spec = hr.Supervisor("one_for_one", [hr.Child("a", nothing, shutdown="infinity")])
    tree = VirtualTree(spec, {"a": Script(stop_s=None)})
    tree.start()
    assert tree.terminate_child("a") is None  # which is under way
    assert tree.delete_child("a") is None  # which waits
    tree.kill()
    answers = [tree.answer(1), tree.answer(2)]
    assert [each.outcome for each in answers if each is not None] == ["ended", "ended"]
