"""Reading ahead: what is read next is read while what was read is worked on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from headrace.errors import ForkedHandle

_LOOK_SECONDS = 1.0
Item = TypeVar("Item")


def read_ahead(items: Callable[[], Iterator[Item]], most: int) -> Generator[Item, None, None]:
    """What `items()` yields, in order, up to `most` items before they are asked for.

    `items()` is called and iterated over in a thread of its own, so it must share nothing that is
    not thread-safe; what it raises is raised here, in its place. Closing the iterator, or letting
    go of it, ends the thread. It gains where the reading leaves the GIL, as checksums do.
    """
    read: SimpleQueue[tuple[bool, Any]] = SimpleQueue()  # whether it is an item, and that, or why
    room = threading.Semaphore(most)
    over = threading.Event()

    def work() -> None:
        try:
            for item in items():
                read.put((True, item))
                room.acquire()
                if over.is_set():
                    return
            read.put((False, None))
        except BaseException as error:
            read.put((False, error))

    thread = threading.Thread(target=work, name="headrace-read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            is_item, value = _next(read, thread)
            if not is_item:
                if value is not None:
                    raise value
                return
            yield value
            room.release()
    finally:
        over.set()
        room.release()
        thread.join()


def _next(read: SimpleQueue[tuple[bool, Any]], thread: threading.Thread) -> tuple[bool, Any]:
    while True:
        try:
            return read.get(timeout=_LOOK_SECONDS)
        except Empty:
            if not thread.is_alive() and read.empty():
                raise ForkedHandle(
                    "this replay was begun before a fork, and its thread is the parent's; in the "
                    "child, begin another one"
                ) from None
