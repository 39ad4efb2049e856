"""Holding a lock: in time or not at all, and never after the block, wherever an interrupt comes."""

from __future__ import annotations

import sys
import threading
import time
from itertools import count
from types import FrameType
from typing import Any

import pytest

from headrace.engine.holding import Hold
from headrace.errors import WaitTimeout


def is_free(lock: Any) -> bool:
    """Whether another thread can take it."""
    taken = []

    def take() -> None:
        taken.append(lock.acquire(False))
        if taken[0]:
            lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return bool(taken[0])


def test_held_within_the_block() -> None:
    lock = threading.RLock()
    with Hold(lock, 1.0, "busy"):
        assert not is_free(lock)
        with Hold(lock, 0.0, "busy"):  # by the same thread again
            pass
        assert not is_free(lock)
    assert is_free(lock)


def test_given_back_after_an_error() -> None:
    lock = threading.RLock()
    with pytest.raises(OSError, match="in the block"), Hold(lock, 1.0, "busy"):
        raise OSError("in the block")
    assert is_free(lock)


def test_out_of_time() -> None:
    lock = threading.RLock()
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    begun = time.monotonic()
    with pytest.raises(WaitTimeout, match="busy"), Hold(lock, 0.05, "busy"):
        raise AssertionError
    assert time.monotonic() - begun >= 0.05
    over.set()
    thread.join()
    assert is_free(lock)


def test_an_interrupt_at_any_moment_leaves_it_free() -> None:
    lock = threading.RLock()
    for at in count(1):
        moments = 0

        def interrupt(frame: FrameType, event: str, arg: Any, at: int = at) -> None:
            nonlocal moments
            # It comes when a function begins, or has just come back.
            moments += event in ("call", "c_return")
            if moments == at:
                moments += 1
                raise KeyboardInterrupt

        def use() -> None:
            with Hold(lock, 1.0, "busy"):
                time.monotonic()

        interrupted = False
        sys.setprofile(interrupt)
        try:
            use()
        except KeyboardInterrupt:
            interrupted = True
        finally:
            sys.setprofile(None)
        assert is_free(lock), at
        if not interrupted:
            break
    assert at > 3
