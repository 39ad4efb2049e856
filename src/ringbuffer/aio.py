"""asyncio on rings: one watching thread for all rings of a process, and no spinning.

A task that finds nothing announces itself as a sleeper (the same flag as a parked thread sets),
looks once more, and awaits a future that the watching thread resolves when the futex word moves.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

from headrace.ringbuffer import watching
from headrace.ringbuffer.errors import (
    EnvironmentFailure,
    Fenced,
    RingClosed,
    RingEnded,
    WaitTimeout,
)

WORDS_MAX = 127
NAP_SECONDS = 0.1  # the longest sleep between two looks, should a wake-up ever be lost

# Address of a futex word, the value to sleep on, and the mapping, which must not go away meanwhile.
Token = tuple[int, int, object]


class _Watcher:
    """The process's watching thread; started by the first waiter, gone when idle for long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._watched: dict[asyncio.Future[None], Token] = {}

    def watch(self, token: Token) -> asyncio.Future[None]:
        """A future of the running loop that resolves when the word at token[0] isn't token[1]."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            if len(self._watched) >= WORDS_MAX:
                raise EnvironmentFailure(
                    f"more than {WORDS_MAX} asyncio tasks wait on rings in this process; let "
                    "fewer tasks share more of the work"
                )
            self._watched[future] = token
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="headrace-watcher", daemon=True
                )
                self._thread.start()
        watching.ring_bell()
        return future

    def forget(self, future: asyncio.Future[None]) -> None:
        with self._lock:
            self._watched.pop(future, None)

    def _run(self) -> None:
        idle_since = time.monotonic()
        while True:
            with self._lock:
                futures = list(self._watched)
                tokens = list(self._watched.values())
                if futures:
                    idle_since = time.monotonic()
                elif time.monotonic() - idle_since > 10:
                    self._thread = None
                    return
            for index in watching.wait_any(tokens):
                self._resolve(futures[index])

    def _resolve(self, future: asyncio.Future[None]) -> None:
        self.forget(future)
        with contextlib.suppress(RuntimeError):  # its loop was closed: nobody waits any more
            future.get_loop().call_soon_threadsafe(_set_done, future)


def _set_done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


_watcher = _Watcher()


def _forget_threads() -> None:
    """In a forked child the parent's watching thread does not exist."""
    global _watcher
    _watcher = _Watcher()


os.register_at_fork(after_in_child=_forget_threads)


async def _sleep_on(token: Token, seconds: float) -> None:
    future = _watcher.watch(token)
    try:
        await asyncio.wait_for(future, min(seconds, NAP_SECONDS))
    except TimeoutError:
        pass
    finally:
        _watcher.forget(future)


async def batches(consumer: Any, limit: int | None) -> AsyncIterator[Any]:
    """The batches of a consumer, each released on the next turn, until the ring ends."""
    while True:
        batch = None  # or the pool would see it as kept
        consumer.release()
        batch = consumer.poll(limit)
        if not len(batch):
            if consumer.ended:
                return
            token = consumer._park_token()
            batch = consumer.poll(limit)
            if not len(batch):
                if not consumer.ended:
                    await _sleep_on(token, NAP_SECONDS)
                    consumer._look_around()
                continue
        yield batch


async def publish(producer: Any, events: Any, timeout: float | None) -> int:
    """Publish all of `events`, awaiting room; the sequence of the first one."""
    events = producer._as_events(events).reshape(-1)
    deadline = None if timeout is None else time.monotonic() + timeout
    done = 0
    first: int = producer.sequence
    while done < len(events):
        try:
            taken = producer.try_publish(events[done:])
            if not taken:
                token = producer._park_token()
                taken = producer.try_publish(events[done:])
        except (Fenced, RingEnded, RingClosed) as error:
            error.published = done  # type: ignore[union-attr]
            raise
        if taken and not done:
            first = producer.sequence - taken
        done += taken
        if not taken:
            left = NAP_SECONDS if deadline is None else deadline - time.monotonic()
            if left <= 0:
                error = WaitTimeout(f"{done:,} of {len(events):,} events found room in {timeout} s")
                error.published = done  # type: ignore[attr-defined]
                raise error
            await _sleep_on(token, left)
    return first
