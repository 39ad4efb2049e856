"""Defining machines: what is accepted, and what each mistake says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.errors import DtypeError, MachineError

TRADE = np.dtype([("symbol", "<i4"), ("price", "<f8")])
ALERT = np.dtype([("symbol", "<i4")])


def test_decorated_function_is_a_machine_and_still_a_function() -> None:
    @hr.machine(event=TRADE, output=ALERT, initial=dict)
    def watch(state, symbol, price):  # type: ignore[no-untyped-def]
        """Watches."""
        return state, (symbol,)

    assert (watch.name, watch.version) == ("watch", 1)
    assert watch.parameters == ("symbol", "price")
    assert watch.event == TRADE
    assert watch.output == ALERT
    assert watch.__doc__ == "Watches."
    assert watch({}, 3, 1.5) == ({}, (3,))
    assert watch.initial() == {}
    assert watch.initial() is not watch.initial()
    assert "test_machine.py" in watch.source
    assert "watch version 1" in repr(watch)


def test_class_is_the_same_as_a_function() -> None:
    class Watch(hr.Machine):
        event = TRADE
        version = 3

        def initial(self) -> list[int]:
            return [0]

        def step(self, state: Any, event: Any) -> Any:
            return state, None

    machine = Watch()
    assert (machine.name, machine.version, machine.output) == ("Watch", 3, None)
    assert machine.parameters is None
    assert machine.initial() == [0]


NAMES_THAT_CANNOT_BE = [
    ("a" * 65, "the name has 65 bytes, and 64 is the limit"),
    ("ü" * 33, "the name has 66 bytes"),
    (7, "a name is a text without NUL, not 7"),
    (0, "a name is a text without NUL, not 0"),
    (b"watch", "a name is a text without NUL, not b'watch'"),
    ("a\0b", "a name is a text without NUL"),
    ("\ud800", "no valid text"),
]


@pytest.mark.parametrize(
    ("name", "said"), NAMES_THAT_CANNOT_BE, ids=[ascii(name) for name, _ in NAMES_THAT_CANNOT_BE]
)
def test_names_that_cannot_be(name: Any, said: str) -> None:
    decorate = hr.machine(event=TRADE, initial=dict, name=name)
    with pytest.raises(MachineError, match=said):
        decorate(lambda state, event: (state, None))

    class Watch(hr.Machine):
        event = TRADE

        def step(self, state: Any, event: Any) -> Any:
            return state, None

    Watch.name = name
    with pytest.raises(MachineError, match=said):
        Watch()


@pytest.mark.parametrize("name", ["a" * 64, "ü" * 32, "headrace", "<lambda>"])
def test_a_name_that_a_machine_takes_an_engine_takes(name: str) -> None:
    machine = hr.machine(event=TRADE, initial=dict, name=name)(lambda state, event: (state, None))
    with hr.Engine(machine, 4) as engine:
        assert [consumer.name for consumer in engine.input_ring.consumers] == [name]


def test_dtypes_may_be_given_in_any_form() -> None:
    @hr.machine(event="f8", output=[("x", "i4")], initial=int)
    def scalar(state, value):  # type: ignore[no-untyped-def]
        return state, None

    assert scalar.event == np.dtype("f8")
    assert scalar.parameters == ("value",)
    assert scalar.output == np.dtype([("x", "i4")])


def step_ok(state, event):  # type: ignore[no-untyped-def]
    return state, None


def no_event(state):  # type: ignore[no-untyped-def]
    return state, None


def unknown_field(state, symbl):  # type: ignore[no-untyped-def]
    return state, None


def star(state, *fields):  # type: ignore[no-untyped-def]
    return state, None


def keyword_only(state, *, symbol):  # type: ignore[no-untyped-def]
    return state, None


@pytest.mark.parametrize(
    ("step", "options", "words"),
    [
        (no_event, {}, "takes 1 argument"),
        (unknown_field, {}, "'symbl' is no field of its event; .* did you mean 'symbol'"),
        (star, {}, r"\*args or \*\*kwargs"),
        (keyword_only, {}, "'symbol' is keyword-only"),
        (step_ok, {"initial": 5}, "initial is 5; give a function"),
        (step_ok, {"step_batch": 5}, "step_batch is 5, not a function"),
        (step_ok, {"native": 5}, r"native is 5; wrap the function: headrace.Native"),
        (step_ok, {"version": "1"}, "version is '1', not an integer"),
        (step_ok, {"version": True}, "version is True, not an integer"),
        (step_ok, {"event": None}, "has no event dtype"),
        (step_ok, {"event": [("sequence", "i8")]}, "field 'sequence'.*call the field something"),
        (step_ok, {"event": [("time_ns", "i8")]}, "field 'time_ns'"),
        (step_ok, {"output": [("origin", "i8")]}, "field 'origin'"),
    ],
)
def test_mistakes(step: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(MachineError, match=words):
        hr.machine(**{"event": TRADE, "initial": dict, **options})(step)


@pytest.mark.parametrize("event", [[("a", "O")], "S0", "no such type"])
def test_events_that_cannot_be(event: Any) -> None:
    with pytest.raises(DtypeError):
        hr.machine(event=event, initial=dict)(step_ok)


def test_class_without_parts() -> None:
    class Nothing(hr.Machine):
        event = TRADE

    with pytest.raises(MachineError, match="has no step; define step"):
        Nothing()

    class NoInitial(hr.Machine):
        event = TRADE

        def step(self, state: Any, event: Any) -> Any:
            return state, None

    with pytest.raises(MachineError, match=r"has no initial\(self\)"):
        NoInitial().initial()


def test_a_field_called_event_is_a_field() -> None:
    @hr.machine(event=[("event", "i8")], initial=int)
    def step(state, event):  # type: ignore[no-untyped-def]
        return state + event, None

    assert step.parameters == ("event",)


# -- pipelines -----------------------------------------------------------------------------------


def stage(name: str, event: Any, output: Any) -> hr.Machine:
    return hr.machine(event=event, output=output, initial=dict, name=name)(step_ok)


def test_pipelines_are_values() -> None:
    a, b, c = stage("a", TRADE, ALERT), stage("b", ALERT, ALERT), stage("c", ALERT, None)
    assert (a >> b >> c) == hr.Pipeline(a, b, c) == (a >> (b >> c))
    assert hash(a >> b) == hash(hr.Pipeline(a, b))
    assert repr(a >> b >> c) == "a >> b >> c"
    assert (a >> b) != (a >> c)
    with pytest.raises(TypeError):
        a >> 5


def test_pipelines_that_do_not_fit() -> None:
    a, b, c = stage("a", TRADE, ALERT), stage("b", TRADE, ALERT), stage("c", ALERT, None)
    with pytest.raises(MachineError, match=r"a puts out .* but b takes .* make the two dtypes"):
        a >> b
    with pytest.raises(MachineError, match="c has no outputs for a to take"):
        c >> a
    with pytest.raises(MachineError, match="two stages are called 'x'"):
        stage("x", ALERT, ALERT) >> stage("x", ALERT, None)
    with pytest.raises(MachineError, match="at least one machine"):
        hr.Pipeline()


# -- native steps --------------------------------------------------------------------------------


class HasAddress:
    address = 4096


@pytest.mark.parametrize("function", [4096, HasAddress()])
def test_addresses_of_native_steps(function: Any) -> None:
    native = hr.Native(step=function)
    assert (native.step, native.step_batch) == (4096, 0)
    assert "step, up to 1 outputs" in repr(native)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "Native needs step=..., step_batch=..., or both"),
        ({"step": 4096, "outputs_max": -1}, "outputs_max must be an integer from 0"),
        ({"step": 4096, "outputs_max": 1.5}, "outputs_max must be an integer"),
        ({"step": 4096, "outputs_max": True}, "an integer from 0 to 65536, not True"),
        ({"step": True}, "a native step is an address"),
        ({"step": step_ok}, "a Python function is a step as it is"),
        ({"step_batch": 0}, "has the address 0, which cannot be a function"),
    ],
)
def test_what_is_no_native_step(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(MachineError, match=words):
        hr.Native(**arguments)
