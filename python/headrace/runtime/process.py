"""Which process this is, told without asking the system, which takes longer than a publish does."""

from __future__ import annotations

import os
from multiprocessing import process as multiprocessing_process
from typing import Any
from weakref import WeakSet


class Process:
    """This process, or one that it was forked from."""


_this = Process()


def this_process() -> Process:
    """Another object in a forked child than in its parent."""
    return _this


_workers: WeakSet[Any] = WeakSet()


def keep_to_this_process(worker: Any) -> None:
    """Have a child process survive the end of whatever else is forked from this one.

    multiprocessing ends daemons when an interpreter does, and the copy of its list of them that a
    child by os.fork has would make it end its siblings.
    """
    _workers.add(worker)


def _become_another() -> None:
    global _this
    _this = Process()
    children = getattr(multiprocessing_process, "_children", None)
    if children is not None:
        children.difference_update(_workers)


os.register_at_fork(after_in_child=_become_another)
