"""How contestants of the figures are opened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache
from typing import Any

from bench.measure import Contestant, Open, Sample
from bench.peers.pair import Pair

OURS = "headrace"

_shared_pair = lru_cache(maxsize=2)(Pair)


def plain(run: Callable[[int], Sample], **limits: int) -> Open:
    """A contestant that needs nothing opened."""
    return lambda stack: Contestant(run, **limits)


def pair(
    channel: str, batch: int, run: Callable[[Pair, int], Sample] = Pair.run, **limits: Any
) -> Open:
    """A contestant that is two processes, alive as long as the figure, in which others share it."""

    def open_pair(stack: ExitStack) -> Contestant:
        processes = _shared_pair(channel, batch, stack)
        return Contestant(lambda count: run(processes, count), **limits)

    return open_pair
