"""Telling a living process from a stopped one, from a dead one, and from another of its number.

A process is named by its pid and the time it started, as the kernel counts it; a pid that was used
again has another start. Where the start cannot be read (not on Linux) the pid alone decides.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

from headrace.ringbuffer.errors import EnvironmentFailure

ALIVE, STOPPED, GONE = "alive", "stopped", "gone"

_ZOMBIE_STATES = (b"Z", b"X", b"x")
_STOPPED_STATES = (b"T", b"t")


def _look(pid: int) -> tuple[str, int]:
    """How the process is, and when it started, in clock ticks since boot; 0: cannot be told."""
    if pid <= 0:
        return GONE, 0
    if sys.platform != "linux":
        return (ALIVE if _answers(pid) else GONE), 0
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            line = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return GONE, 0
    except OSError:  # no /proc, or not ours to look at
        return (ALIVE if _answers(pid) else GONE), 0
    # The name in the second field may hold spaces and brackets: read on from its last bracket.
    fields = line[line.rindex(b")") + 2 :].split()
    # Where the first thread has ended and others go on, the process is no corpse yet.
    if fields[0] in _ZOMBIE_STATES and int(fields[17]) <= 1:
        return GONE, 0
    return (STOPPED if fields[0] in _STOPPED_STATES else ALIVE), int(fields[19])


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None: dead; 0: cannot be told."""
    state, start = _look(pid)
    return None if state == GONE else start


def state_of(pid: int, start: int) -> str:
    """ALIVE, STOPPED (by SIGSTOP, or a debugger) or GONE: of the process that started at `start`.

    `start` 0: not known; then the pid alone decides.
    """
    state, now = _look(pid)
    return state if now == 0 or start == 0 or now == start else GONE


def is_alive(pid: int, start: int) -> bool:
    """Whether the process `pid` that started at `start` (0: unknown) lives, stopped or not."""
    return state_of(pid, start) != GONE


def myself() -> tuple[int, int]:
    """This process's pid and start time."""
    pid = os.getpid()
    return pid, start_time(pid) or 0


def end_for_good(pid: int, start: int, seconds_max: float) -> None:
    """SIGKILL the process and wait until it is gone; nothing if it is gone already.

    Never another one that was given its number: a pidfd names one process, and one that was opened
    before its start was seen to be `start` names that one. Works on stopped processes. Raises
    EnvironmentFailure: not permitted, not supported, not gone within `seconds_max`.
    """
    who = f"process {pid}"
    if not hasattr(os, "pidfd_open") or start == 0:
        if not is_alive(pid, start):
            return
        raise EnvironmentFailure(
            f"{who} cannot be ended from here: this system does not say for certain which process "
            "that is (no pidfd, or no start time); end it yourself"
        )
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    except OSError as error:
        raise EnvironmentFailure(
            f"{who} cannot be ended from here: {error.strerror}; end it yourself"
        ) from None
    try:
        deadline = time.monotonic() + seconds_max
        if not is_alive(pid, start):
            return
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        except ProcessLookupError:
            return
        except OSError as error:
            raise EnvironmentFailure(
                f"{who} cannot be ended from here: {error.strerror}; whoever may end it must"
            ) from None
        # Readable once all of its threads have ended.
        select.select([pidfd], [], [], seconds_max)
        while is_alive(pid, start):
            if time.monotonic() > deadline:
                raise EnvironmentFailure(
                    f"{who} was sent SIGKILL and is not gone after {seconds_max:g} s; it may hang "
                    "in the kernel (state D of ps)"
                )
            time.sleep(0.001)
    finally:
        os.close(pidfd)
