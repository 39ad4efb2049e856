"""`headrace top` on a terminal that nobody reads, awake only while a contestant wants it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from bench.measure import Sample

INTERVAL_SECONDS = 0.5  # twice as often as by default
FIRST_SECONDS_MAX = 20.0


class Top:
    """A process `headrace top NAME` with a screen of 120 by 40; asleep (SIGSTOP) between runs.

    `stage`: the name of a stage that it must have shown.
    """

    def __init__(self, name: str, stage: str, stack: ExitStack) -> None:
        self._stage = stage.encode()
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, 120))
        command = [sys.executable, "-m", "headrace", "top", name]
        self._process = subprocess.Popen(
            [*command, "--interval", str(INTERVAL_SECONDS)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._drawn = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        stack.callback(self._end)
        if not self._drawn.wait(FIRST_SECONDS_MAX):
            raise RuntimeError(f"headrace top showed nothing for {FIRST_SECONDS_MAX} s")
        time.sleep(2 * INTERVAL_SECONDS)  # over its first, slower looks
        self._process.send_signal(signal.SIGSTOP)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65_536)
            except OSError:  # the other side has closed it
                return
            if not data:
                return
            if self._stage in data:
                self._drawn.set()

    def run(self, run: Callable[[int], Sample], count: int) -> Sample:
        """A run while it is awake."""
        self._process.send_signal(signal.SIGCONT)
        try:
            sample = run(count)
        finally:
            self._process.send_signal(signal.SIGSTOP)
        if self._process.poll() is not None:
            raise RuntimeError(f"headrace top ended with {self._process.returncode}")
        return sample

    def _end(self) -> None:
        self._process.kill()
        self._process.wait(10)
        os.close(self._ours)
