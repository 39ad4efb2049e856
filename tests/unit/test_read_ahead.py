"""Reading ahead: the same items in the same order, and no thread is left behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from headrace.errors import ForkedHandle
from headrace.replay import ahead
from headrace.replay.ahead import read_ahead


def names() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "headrace-read-ahead"]


@pytest.mark.parametrize("most", [1, 3, 100])
def test_all_items_in_order(most: int) -> None:
    assert list(read_ahead(lambda: iter(range(50)), most)) == list(range(50))
    assert names() == []


def test_no_further_ahead_than_it_may() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    reading = read_ahead(items, 4)
    assert next(reading) == 0
    end = time.monotonic() + 10
    while len(made) < 4 and time.monotonic() < end:
        time.sleep(0.001)
    time.sleep(0.05)
    assert len(made) == 5  # the one that is worked on, and those ahead
    assert list(reading) == list(range(1, 50))


def test_an_error_comes_behind_what_was_read_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise OSError("gone")

    reading = read_ahead(items, 16)
    assert [next(reading) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="gone"):
        next(reading)
    assert names() == []


def test_whoever_stops_early_ends_the_thread() -> None:
    reading = read_ahead(lambda: iter(range(1000)), 2)
    assert [next(reading), next(reading)] == [0, 1]
    assert names() == ["headrace-read-ahead"]
    reading.close()
    assert names() == []


def test_a_forked_child_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_LOOK_SECONDS", 0.05)
    reading = read_ahead(lambda: iter(range(1000)), 2)
    assert next(reading) == 0
    child = os.fork()
    if child == 0:
        try:
            for _ in range(10):
                next(reading)
        except ForkedHandle:
            os._exit(17)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 17
    assert list(reading) == list(range(1, 1000))
