"""Nodes as machines of events: requests answered once, restarts, timers, and long messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import headrace as hr
from headrace.errors import MachineError, MessageError, StepError, UsageError
from headrace.replay.fold import Fold
from headrace.system import Input
from headrace.system.events import (
    CANCEL,
    MESSAGE,
    REPLY,
    START,
    TIMER,
    Joined,
    cut,
    make_events,
)


class Add(msgspec.Struct, frozen=True):
    text: str


class Total(msgspec.Struct, frozen=True):
    times: int
    text: str


class Later(msgspec.Struct, frozen=True):
    pass


class Lost(msgspec.Struct, frozen=True):
    pass


class Adder(hr.Node):
    def initial(self) -> dict[str, Any]:
        return {"times": 0, "text": "", "waiting": [], "log": []}

    @hr.on.start()
    def start(self, state: Any, durable: Any) -> Any:
        state |= durable.get("all", {})
        return state, hr.timer("tick", 5)

    @hr.on.request(Add)
    def add(self, state: Any, request: Add, caller: hr.Caller) -> Any:
        state["times"] += 1
        state["text"] += request.text
        state["log"].append(request)
        kept = {"times": state["times"], "text": state["text"], "log": state["log"]}
        return state, [hr.persist("all", kept), hr.reply(caller, Total(state["times"], "ok"))]

    @hr.on.request(Later)
    def later(self, state: Any, caller: hr.Caller) -> Any:
        state["waiting"].append(caller)
        return state, hr.timer("answer", 10)

    @hr.on.request(Lost)
    def lost(self, state: Any, caller: hr.Caller) -> Any:
        return state, hr.reply(caller, hr.Redirect("b"))

    @hr.on.message(Add)
    def told(self, state: Any, message: Add, source: str) -> Any:
        return state, [hr.send(("a", "b"), message), hr.timer("tick", 7), hr.cancel("tick")]

    @hr.on.message(Later)
    def strange(self, state: Any) -> Any:
        return state, hr.send("nobody", Later())

    @hr.on.timer("answer", "tick")
    def answer(self, state: Any) -> Any:
        callers, state["waiting"] = state["waiting"], []
        return state, [hr.reply(caller, len(callers)) for caller in callers]


SYSTEM = hr.System({"a": Adder(), "b": Adder()})


class Driver:
    """A node's machine, and what comes out of it."""

    def __init__(self, clients_max: int = 3) -> None:
        self.machine = SYSTEM.machine("a", clients_max=clients_max)
        self.fold = Fold(self.machine)
        self.start()

    @property
    def state(self) -> Any:
        return self.fold.live_state

    def events(self, events: Any) -> list[tuple[Any, ...]]:
        records = self.fold.run(events, np.zeros(len(events), np.int64))
        joined, told = Joined(), []
        for record in records:
            body = joined.add(record["more"], record["length"], record["body"])
            if body is not None:
                value = self.machine.codec.decode(body) if body else None
                told.append((record["kind"], record["to"].decode(), int(record["number"]), value))
        return told

    def start(self) -> list[tuple[Any, ...]]:
        return self.events(make_events(START))

    def ask(self, number: int, request: Any, client: str = "x") -> list[tuple[Any, ...]]:
        return self.events(
            self.machine.events_of(Input("request", request, source=client, number=number))
        )


def test_a_request_that_comes_again_is_answered_and_not_run_again() -> None:
    driver = Driver()
    first = driver.ask(1, Add("x"))
    assert first == [(REPLY, "x", 1, Total(1, "ok"))]
    assert driver.ask(1, Add("x")) == first
    driver.start()  # the answers outlast it
    assert driver.ask(1, Add("x")) == first
    assert driver.state.state["text"] == "x"
    assert driver.ask(2, Add("y"))[0][3] == Total(2, "ok")
    assert driver.ask(1, Add("x")) == []  # the client is further on
    assert driver.state.state["text"] == "xy"
    assert driver.ask(1, Add("z"), "another")[0][3] == Total(3, "ok")


def test_the_answers_of_so_many_clients_are_kept() -> None:
    driver = Driver(clients_max=2)
    for client in ("x", "y", "x", "z"):
        driver.ask(7 if client != "x" else len(driver.state.answers) + 1, Add(client), client)
    assert list(driver.state.answers) == ["x", "z"]
    assert driver.ask(7, Add("y"), "y")[0][3].times == 5  # forgotten, so it is run again


def test_without_memory_every_request_is_run() -> None:
    driver = Driver(clients_max=0)
    assert [driver.ask(1, Add("x"))[0][3].times for _ in range(3)] == [1, 2, 3]


def test_redirects_are_no_answers() -> None:
    driver = Driver()
    assert driver.ask(4, Lost()) == [(REPLY, "x", 4, hr.Redirect("b"))]
    assert not driver.state.answers
    assert driver.ask(4, Add("x"))[0][3] == Total(1, "ok")


def test_what_is_not_answered_yet_is_for_the_node() -> None:
    driver = Driver()
    driver.ask(1, Later())
    driver.ask(1, Later())
    timer = driver.state.timers["answer"]
    assert driver.events(make_events(TIMER, number=timer)) == [(REPLY, "x", 1, 2)] * 2
    assert driver.events(make_events(TIMER, number=timer)) == []  # it has run out already
    assert driver.ask(1, Later()) == [(REPLY, "x", 1, 2)]


def test_a_restart_keeps_what_was_persisted_and_drops_the_rest() -> None:
    driver = Driver()
    driver.ask(1, Add("x"))
    driver.ask(2, Later())
    old = dict(driver.state.timers)
    told = driver.start()
    assert [each[0] for each in told] == [TIMER]
    assert driver.state.state["waiting"] == []
    assert driver.state.state["log"] == [Add("x")]
    assert driver.state.starts == 2
    assert not set(old.values()) & set(driver.state.timers.values())


def test_what_was_persisted_does_not_change_with_the_state() -> None:
    driver = Driver()
    driver.ask(1, Add("x"))
    driver.state.state["log"].append("not persisted")
    driver.start()
    driver.state.state["log"].append("nor this")
    driver.start()
    assert driver.state.state["log"] == [Add("x")]


@pytest.mark.parametrize("length", [0, 1, 200, 228, 229, 456, 5_000, 70_000])
def test_long_messages_go_in_pieces(length: int) -> None:
    driver = Driver()
    word = Add("\0" * length)
    told = driver.events(driver.machine.events_of(Input("message", word, source="b")))
    sent = [(MESSAGE, "a", 0, word), (MESSAGE, "b", 0, word)]
    assert told[:2] == sent
    assert [each[0] for each in told[2:]] == [CANCEL, TIMER, CANCEL]
    assert driver.state.timers == {}
    assert driver.state.pieces == []


def test_half_a_message_is_gone_with_the_next_start() -> None:
    driver = Driver()
    events = driver.machine.events_of(Input("message", Add("y" * 600), source="b"))
    assert len(events) == len(cut(b"y" * 615)) == 3
    driver.events(events[:2])
    driver.start()
    assert driver.ask(1, Add("x")) == [(REPLY, "x", 1, Total(1, "ok"))]


def test_nothing_is_taken_before_the_start() -> None:
    machine = SYSTEM.machine("a")
    fold = Fold(machine)
    events = machine.events_of(Input("request", Add("x"), source="x", number=1))
    assert not len(fold.run(events, np.zeros(1, np.int64)))
    assert fold.live_state == machine.initial()


def test_whom_it_sends_to_must_be_there() -> None:
    driver = Driver()
    with pytest.raises(StepError, match="'a' sends to 'nobody', which is not there; there are a"):
        driver.events(driver.machine.events_of(Input("message", Later(), source="b")))


def test_names_that_do_not_fit() -> None:
    with pytest.raises(MachineError, match="1 to 64 bytes"):
        hr.System({"a": Adder(), "n" * 65: Adder()}).machine("a")
    with pytest.raises(MessageError, match="1 to 64 bytes"):
        SYSTEM.machine("a").events_of(Input("message", Later(), source="n" * 65))
    with pytest.raises(UsageError, match="no node 'c'; there are a, b"):
        SYSTEM.machine("c")


def test_an_engine_keeps_it_in_a_journal(tmp_path: Path) -> None:
    machine = SYSTEM.machine("a")
    with hr.Engine(machine, journal=tmp_path) as engine:
        engine.publish(make_events(START))
        ask = machine.events_of(Input("request", Add("x" * 300), source="x", number=1))
        engine.publish(ask)
        engine.drain()
        before = engine.state
        engine.snapshot()
    with hr.Engine(SYSTEM.machine("a"), journal=tmp_path) as engine:
        assert engine.state == before
        assert engine.state.durable["all"]["log"] == [Add("x" * 300)]
    assert hr.replay(tmp_path, machine).run().state == before
    history = hr.History(tmp_path, machine)
    told = [machine.describe(history.event(at)[0][0]) for at in range(history.end)]
    assert told[0] == "start"
    assert told[1] == "a piece of a request from x"
    assert told[2].startswith("request from x (number 1): ")


def test_inputs_in_words() -> None:
    machine = SYSTEM.machine("a")
    for taken, words in [
        (Input("start"), "start"),
        (Input("timer", ("late", 3)), "timer ('late', 3)"),
        (Input("message", Later(), "b"), "message from b: Later()"),
        (Input("request", Add("x"), "c", 7), "request from c (number 7): Add(text='x')"),
        (Input("reply", 5, "c", 7), "reply from c (number 7): 5"),
    ]:
        assert machine.describe(machine.events_of(taken)[0]) == words
    assert machine.describe(make_events(TIMER, number=3)[0]) == "timer number 3"
    (drawn, _) = machine.events_of(Input("timer", "tick"), [0.5])
    assert machine.describe(drawn) == "chances of what was postponed: [0.5]"
