"""Seeing which of many objects hold other objects than they did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from headrace.engine.comparing import moved


@dataclass(slots=True)
class Slotted:
    a: Any
    b: Any


@dataclass
class Plain:
    a: Any
    b: Any


@pytest.mark.parametrize("kind", [Slotted, Plain])
def test_by_identity(kind: Any) -> None:
    objects = [kind(n, 0.0) for n in range(5)]
    seen = [value for one in objects for value in (one.a, one.b)]
    names = ("a", "b")
    assert moved(objects, kind, names, seen) == []
    objects[1].b = -0.0
    objects[3].a = 3.0
    objects[3].b = True
    assert moved(objects, kind, names, seen) == [1, 3]
    assert moved(dict(enumerate(objects)).values(), kind, names, seen) == [1, 3]
    assert moved([*objects, kind(9, 9)], kind, names, seen) == [1, 3]  # no more than was seen
    assert moved(objects[:3], kind, names, seen) == [1]
    assert moved([*objects[:4], "x"], kind, names, seen) is None
    assert moved([], kind, names, seen) == []


def test_an_attribute_that_is_gone() -> None:
    objects = [Slotted(1, 2), Slotted(3, 4)]
    del objects[1].b
    with pytest.raises(AttributeError):
        moved(objects, Slotted, ("a", "b"), [1, 2, 3, 4])
