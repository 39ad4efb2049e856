"""Rings made in children of multiprocessing, which end by os._exit: their names go with them."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing import util

import pytest
from ring_tools import TICK, path_of

import headrace as hr

pytestmark = pytest.mark.timeout(40)
Names = Callable[[], str]

_kept: list[hr.Ring] = []  # still referenced when their process ends


def _make_and_keep(name: str) -> None:
    _kept.append(hr.Ring.create(TICK, 8, name))
    assert os.path.exists(path_of(name))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_name_goes_with_a_child_of_multiprocessing(method: str, ring_name: Names) -> None:
    """And what it inherits stays."""
    name = ring_name()
    with hr.Ring.create(TICK, 8, ring_name()) as own:
        child = multiprocessing.get_context(method).Process(target=_make_and_keep, args=(name,))
        child.start()
        child.join(20)
        assert child.exitcode == 0
        assert not os.path.exists(path_of(name))
        assert os.path.exists(path_of(own.name))


def _make_drop_and_count(name: str) -> None:
    before = len(util._finalizer_registry)
    for number in range(3):
        hr.Ring.create(TICK, 8, f"{name}.{number}").close()
        assert not os.path.exists(path_of(f"{name}.{number}"))
    ring = hr.Ring.create(TICK, 8, name)
    assert len(util._finalizer_registry) == before + 1
    del ring
    assert len(util._finalizer_registry) == before


def test_a_child_keeps_nothing_of_rings_that_are_gone(ring_name: Names) -> None:
    child = multiprocessing.get_context("fork").Process(
        target=_make_drop_and_count, args=(ring_name(),)
    )
    child.start()
    child.join(20)
    assert child.exitcode == 0
