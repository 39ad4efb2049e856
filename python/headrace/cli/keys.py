"""Keys pressed at a terminal, one at a time, without Enter."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

ARROWS = {b"\x1b[A": "up", b"\x1b[B": "down", b"\x1bOA": "up", b"\x1bOB": "down"}


class Keys:
    """Waits for keys on standard input."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._open = True

    def wait(self, seconds: float) -> list[str]:
        """The keys pressed by now, or within `seconds`; none when the time is over.

        An arrow is "up" or "down", other control sequences are left out. At the end of the input
        there are none any more.
        """
        if not self._open:
            time.sleep(seconds)
            return []
        ready, _, _ = select.select([self._fd], [], [], max(0.0, seconds))
        if not ready:
            return []
        data = os.read(self._fd, 1024)
        self._open = bool(data)
        return keys_in(data)


def keys_in(data: bytes) -> list[str]:
    """What was pressed, out of the bytes that a terminal sends."""
    if data[:3] in ARROWS:
        return [ARROWS[data[:3]], *keys_in(data[3:])]
    if data[:1] == b"\x1b":
        return []
    return [chr(byte) for byte in data[:1]] + (keys_in(data[1:]) if len(data) > 1 else [])


@contextmanager
def pressed_keys() -> Iterator[Keys]:
    """Take keys as they are pressed; afterwards the terminal is as it was."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        yield Keys(fd)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
