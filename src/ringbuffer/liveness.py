"""Telling a living process from a dead one, and from another that was given its number.

A process is named by its pid and the time it started, as the kernel counts it; a pid that was used
again has another start. Where the start cannot be read (not on Linux) the pid alone decides.
"""

from __future__ import annotations

import os
import sys

ALIVE, STOPPED, GONE = "alive", "stopped", "gone"

_ZOMBIE_STATES = (b"Z", b"X", b"x")


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None: dead; 0: cannot be told."""
    if pid <= 0:
        return None
    if sys.platform != "linux":
        return 0 if _answers(pid) else None
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            line = file.read()
    except FileNotFoundError:
        return None
    except OSError:  # no /proc, or not ours to look at
        return 0 if _answers(pid) else None
    # The name in the second field may hold spaces and brackets: read on from its last bracket.
    fields = line[line.rindex(b")") + 2 :].split()
    if fields[0] in _ZOMBIE_STATES:
        return None
    return int(fields[19])


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_alive(pid: int, start: int) -> bool:
    """Whether the process `pid` that started at `start` (0: unknown) still lives."""
    now = start_time(pid)
    return now is not None and (now == 0 or start == 0 or now == start)


def myself() -> tuple[int, int]:
    """This process's pid and start time."""
    pid = os.getpid()
    return pid, start_time(pid) or 0


def state_of(pid: int, start: int) -> str:
    """ALIVE, STOPPED (by SIGSTOP, or a debugger) or GONE: of the process that started at `start`.

    `start` 0: not known; then the pid alone decides.
    """
    if not is_alive(pid, start):
        return GONE
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            line = file.read()
    except OSError:
        return ALIVE
    return STOPPED if line[line.rindex(b")") + 2 :][:1] in (b"T", b"t") else ALIVE
