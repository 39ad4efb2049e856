"""Nodes: which handler gets what, what it may name, and what it must not do."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

import headrace as hr
from headrace.errors import EffectError, MachineError, MessageError, UnhandledInput
from headrace.system.node import Input, take
from headrace.system.values import Codec


class Ping(msgspec.Struct, frozen=True):
    number: int
    names: tuple[str, ...] = ()


class Changeable(msgspec.Struct):
    number: int


class Listing(msgspec.Struct, frozen=True):
    numbers: list[int]


RECORD = np.dtype([("key", "i4"), ("value", "f8")])


class Everything(hr.Node):
    def initial(self) -> dict[str, Any]:
        return {"mode": "day"}

    def mode(self, state: Any) -> str:
        return str(state["mode"])

    @hr.on.message(Ping)
    def ping(self, state: Any, message: Ping, source: str, me: str, peers: Any) -> Any:
        return state, hr.send(source, (me, peers, message.number))

    @hr.on.message(Ping, when="night")
    def sleep(self, state: Any, message: Ping) -> Any:
        return state, hr.postpone()

    @hr.on.message(RECORD)
    def record(self, state: Any, message: Any, now_ns: int, chance: float, nodes: Any) -> Any:
        return state, [hr.send("a", (message["key"].item(), now_ns, chance, nodes))]

    @hr.on.request(int, str)
    def asked(self, state: Any, request: Any, caller: hr.Caller) -> Any:
        return state, hr.reply(caller, request)

    @hr.on.timer("tick")
    @hr.on.timer("tock")
    def woken(self, state: Any, timer: str) -> Any:
        return state, hr.cancel(timer)

    @hr.on.timer()
    def other(self, state: Any, timer: Any) -> Any:
        return state, hr.timer(timer, 5)


NODES = ("a", "b", "c")


def effects(taken: Input, state: Any = None) -> Any:
    node = Everything()
    _, made = take(node, "a", NODES, node.initial() if state is None else state, taken)
    return made


def test_what_handlers_name() -> None:
    assert effects(Input("message", Ping(7), "b")) == (hr.send("b", ("a", ("b", "c"), 7)),)
    record = np.array([(3, 2.5)], RECORD)[0]
    made = effects(Input("message", record, "b", now_ns=9, chance=0.5))
    assert made == (hr.send("a", (3, 9, 0.5, NODES)),)
    assert effects(Input("request", "x", "k", 4)) == (hr.reply(hr.Caller("k", 4), "x"),)
    assert effects(Input("timer", "tock")) == (hr.cancel("tock"),)
    assert effects(Input("timer", ("late", 1))) == (hr.timer(("late", 1), 5),)


def test_the_mode_decides_first() -> None:
    assert effects(Input("message", Ping(1), "b"), {"mode": "night"}) == (hr.postpone(),)
    assert effects(Input("request", 1, "k", 4), {"mode": "night"}) == (
        hr.reply(hr.Caller("k", 4), 1),
    )


def test_a_start_that_nothing_handles_does_nothing() -> None:
    assert effects(Input("start")) == effects(Input("restart")) == ()


def test_what_nothing_handles_is_told() -> None:
    with pytest.raises(UnhandledInput, match=r"in mode 'day' has no handler for request float"):
        effects(Input("request", 1.5, "k", 4))


def node_of(**handlers: Any) -> hr.Node:
    made: hr.Node = type("Made", (hr.Node,), handlers)()
    return made


@pytest.mark.parametrize(
    ("handlers", "told"),
    [
        ({}, "handles nothing"),
        (
            {"f": hr.on.message(Ping)(lambda self, state, mesage: None)},
            "a message has no 'mesage'.*did you mean 'message'",
        ),
        (
            {"f": hr.on.timer("x")(lambda self, state, message: None)},
            "a timer has no 'message'; behind the state it may take timer, me",
        ),
        ({"f": hr.on.message(Ping)(lambda self: None)}, "takes no state"),
        ({"f": hr.on.message(Ping)(lambda self, state, *more: None)}, "no plain parameter"),
        (
            {"f": hr.on.message(Changeable)(lambda self, state: None)},
            "Changeable can be changed after it was sent; declare it",
        ),
        (
            {"f": hr.on.request(Listing)(lambda self, state: None)},
            r"Listing\.numbers: list cannot be part of a message",
        ),
        ({"f": hr.on.message(dict)(lambda self, state: None)}, "dict cannot be part of a message"),
        (
            {
                "f": hr.on.message(Ping)(lambda self, state: None),
                "g": hr.on.message(Ping)(lambda self, state: None),
            },
            "message Ping has a handler already",
        ),
        (
            {"f": hr.on.message(Ping, when="up")(lambda self, state: None)},
            r"for mode 'up', but the node has no modes; define mode\(self, state\)",
        ),
    ],
)
def test_nodes_that_cannot_be(handlers: dict[str, Any], told: str) -> None:
    with pytest.raises(MachineError, match=told):
        node_of(**handlers)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (None, r"returns \(state, effects\), not None"),
        ((1, 2, 3), r"returns \(state, effects\)"),
        ((1, 5), "effects are None, one effect, or a list of them, not 5"),
        ((1, [hr.cancel("x"), "send"]), "'send' among the effects is none"),
        ((1, hr.postpone()), "the node has no modes"),
    ],
)
def test_results_that_are_no_step(result: Any, told: str) -> None:
    node = node_of(f=hr.on.message(Ping)(lambda self, state: result))
    with pytest.raises(EffectError, match=told):
        take(node, "a", NODES, None, Input("message", Ping(1), "b"))


def test_effects_are_values() -> None:
    assert hr.send(["a", "b"], 1) == hr.send(("a", "b"), 1) != hr.send(("b", "a"), 1)
    assert hash(hr.timer("t", 5)) == hash(hr.timer("t", 5))
    assert repr(hr.persist("k", 1)) == "persist('k', 1, True)"
    with pytest.raises(EffectError, match="whole number of nanoseconds"):
        hr.timer("t", -1)
    with pytest.raises(EffectError, match="a key is a text"):
        hr.persist(5, 1)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        hr.send("a", 1).to = "b"  # type: ignore[misc]


@pytest.mark.parametrize("value", [Ping(1, ("x", "y")), 5, "text", b"bytes", 2.5, True])
def test_values_come_back_as_they_were(value: Any) -> None:
    codec = Codec([Ping, int, str, bytes, float, bool])
    again = codec.decode(codec.encode(value))
    assert again == value
    assert type(again) is type(value)


def test_records_come_back_as_they_were() -> None:
    codec = Codec([RECORD])
    record = np.array([(3, 2.5)], RECORD)[0]
    assert codec.decode(codec.encode(record)) == record


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("text", "of no type that a handler is declared for: Ping"),
        (Ping("seven"), "does not fit its type"),  # type: ignore[arg-type]
        (Ping(1, ["a"]), "does not fit its type: it comes back as"),  # type: ignore[arg-type]
    ],
)
def test_values_that_do_not_fit(value: Any, told: str) -> None:
    with pytest.raises(MessageError, match=told):
        Codec([Ping]).encode(value)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x92\xa4Ping", b"\x92\xa4Pong\x80", b"\x91\x01"])
def test_bytes_that_are_no_message(data: bytes) -> None:
    with pytest.raises(MessageError):
        Codec([Ping]).decode(data)


def test_initial_takes_nothing() -> None:
    ping = hr.on.message(Ping)(lambda self, state: None)
    for initial in (lambda: 0, lambda self, more: 0):
        with pytest.raises(MachineError, match=r"initial takes nothing but self"):
            node_of(f=ping, initial=initial)


def test_systems_that_cannot_be() -> None:
    node = Everything()
    for arguments, told in (
        (({},), "at least one node"),
        (({"a": node}, {"a": node}), "the name of a node and of a client"),
        (({"a": node}, {"c": hr.Client([1], to="z")}), "asks 'z', which is no node"),
        (({"": node},), "a text, not ''"),
        (({"a": 5},), "must be a headrace.Node, not 5"),
    ):
        with pytest.raises(MachineError, match=told):
            hr.System(*arguments)  # type: ignore[arg-type]


class Greeted(hr.Client):
    """A client that can do more than others."""

    @hr.on.message(Ping)
    def greeted(self, state: Any, message: Ping) -> Any:
        return state, hr.send("a", len(self._listed))


def test_a_client_with_other_commands_is_the_same_otherwise() -> None:
    client = Greeted([1], retry_ns=7)
    other = client.with_commands([1, 2, 3])
    assert (type(other), other.retry_ns, other.commands) == (Greeted, 7, (1, 2, 3))
    for each, count in ((client, 1), (other, 3)):  # either's handlers are its own
        taken = take(each, "c", ("a", "c"), each.initial(), Input("message", Ping(1)))
        assert taken[1] == (hr.send("a", count),)
