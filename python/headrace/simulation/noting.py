"""What can happen in a simulated world, as it is noted."""

from __future__ import annotations

import enum


class What(enum.IntEnum):
    """What happened: first the inputs of nodes, then what became of messages, then of nodes."""

    START = 0
    RESTART = 1
    MESSAGE = 2
    REQUEST = 3
    REPLY = 4
    TIMER = 5
    SYNCED = 6  # of a node's disk; only in the queue
    CUT = 10  # sent on a link that is blocked
    LOST = 11
    CORRUPTED = 12
    DUPLICATED = 13
    DOWN = 14  # came to a node that is not up
    CRASH = 20
    PAUSE = 21
    RESUME = 22
    FULL = 23  # the node stopped because its disk was full
