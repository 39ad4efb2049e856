"""States with msgspec structs in them: copied, compared, digested, shown, written as source."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headrace.cli.literals import source
from headrace.debugger.tree import children, text_of
from headrace.engine.copying import copy_state, is_immutable
from headrace.errors import StateError
from headrace.journal.states import decode_state, encode_state
from headrace.replay.changes import changes
from headrace.state import difference, state_digest, steady_repr


class Put(msgspec.Struct, frozen=True):
    key: str
    value: Any = None


class Box(msgspec.Struct):
    inside: list[int]


CLASSES: dict[str, type] = {"Put": Put, "Box": Box}


def test_frozen_structs_are_shared_and_others_are_copied() -> None:
    put, box, holds = Put("a", (1, "b")), Box([1]), Put("a", [1])
    assert is_immutable(put)
    assert not is_immutable(box)
    assert not is_immutable(holds)
    copied = copy_state({"put": put, "box": box, "holds": [holds]})
    assert copied["put"] is put
    assert copied["box"] == box
    box.inside.append(2)
    holds.value.append(2)
    assert copied["box"] == Box([1])
    assert copied["holds"] == [Put("a", [1])]


def test_they_differ_where_a_field_does() -> None:
    assert state_digest([Put("a", 1)]) == state_digest([Put("a", 1)])
    assert state_digest([Put("a", 1)]) != state_digest([Put("a", 1.0)])
    assert difference(Put("a", [1, 2]), Put("a", [1, 3])) == "state.value[1]: 2 and 3"
    assert difference(Put("a", {1}), Put("a", {1})) is None
    (change,) = changes([Put("a", 1)], [Put("a", 2)])
    assert str(change) == "state[0].value: 1 -> 2"


def test_they_are_shown_field_by_field() -> None:
    assert steady_repr(Put("a", {"c", "b"})) == "Put(key='a', value={'b', 'c'})"
    assert text_of(Put("a")) == "Put"
    assert [path for _, path, _ in children(Put("a"), "state")] == ["state.key", "state.value"]
    assert source([Put("a", 1)], {"Put": Put}) == '[Put(key="a", value=1)]'


def test_a_struct_that_has_other_fields_now_is_refused() -> None:
    data = encode_state(Put("a", 1), CLASSES)
    assert decode_state(data, CLASSES) == Put("a", 1)
    more = msgspec.defstruct("Put", [("key", str), ("other", int)])
    with pytest.raises(StateError, match=r"had the fields key, value .* and has key, other now"):
        decode_state(data, {"Put": more})
    with pytest.raises(StateError, match="was something else"):
        decode_state(data, {"Put": int})
