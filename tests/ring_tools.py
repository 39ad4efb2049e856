"""What the tests of the ring share: events, subprocesses with a time limit, bytes of the header."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import textwrap
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

TICK = np.dtype([("id", "<i8"), ("price", "<f8")])

# Offsets and struct codes of header fields; docs/memory-layout.md has the table.
HEADER = {
    "magic": (0, "Q"),
    "layout_version": (8, "I"),
    "byte_order": (12, "I"),
    "segment_bytes": (16, "Q"),
    "capacity": (24, "Q"),
    "slots_allocated": (32, "Q"),
    "slots_offset": (56, "Q"),
    "item_bytes": (64, "I"),
    "page_bytes": (68, "I"),
    "dtype_bytes": (76, "I"),
    "owner_pid": (84, "i"),
    "owner_start": (88, "q"),
    "fixed_checksum": (104, "I"),
    "active_mask": (128, "Q"),
    "tombstones": (136, "Q"),
    "flags": (256, "I"),
    "cursor": (384, "q"),
    "claimed": (512, "q"),
}
PRODUCERS = 640
PRODUCER_BYTES = 128
CONSUMERS = PRODUCERS + 64 * PRODUCER_BYTES
CONSUMER_BYTES = 256
HEADER_BYTES = CONSUMERS + 64 * CONSUMER_BYTES
AFTER, OWNER_PID, STATE, NAME = 128, 140, 156, 160  # within a consumer's entry


def ticks(count: int, first: int = 0) -> np.ndarray[Any, Any]:
    """`count` events of TICK, with ids from `first` on and prices that belong to them."""
    events = np.zeros(count, TICK)
    events["id"] = np.arange(first, first + count)
    events["price"] = events["id"] * 0.5
    return events


def ids(batch: np.ndarray[Any, Any]) -> list[int]:
    """The ids in a batch, whose prices must belong to them."""
    assert (batch["price"] == batch["id"] * 0.5).all()
    return [int(i) for i in batch["id"]]


def path_of(name: str) -> str:
    """Where Linux shows the segment of a ring as a file."""
    return f"/dev/shm/headrace.{name}"


def read_field(name: str, field: str) -> int:
    """A number out of the header of ring `name`."""
    offset, code = HEADER[field]
    with open(path_of(name), "rb") as file:
        file.seek(offset)
        return int(struct.unpack("<" + code, file.read(struct.calcsize(code)))[0])


def write_bytes(name: str, offset: int, data: bytes) -> None:
    """Scribble over the segment of ring `name`, behind everybody's back."""
    with open(path_of(name), "r+b") as file:
        file.seek(offset)
        file.write(data)


def write_field(name: str, field: str, value: int, *, vouch: bool = False) -> None:
    """Change a number in the header; `vouch`: and make the checksum right again."""
    offset, code = HEADER[field]
    write_bytes(name, offset, struct.pack("<" + code, value))
    if vouch:
        make_checksum(name)


def make_checksum(name: str) -> None:
    """Vouch for whatever the fixed part of the header says now."""
    with open(path_of(name), "rb") as file:
        fixed = file.read(104)[8:]
        file.seek(HEADER_BYTES)
        text = file.read(struct.unpack("<I", fixed[68:72])[0])
    checksum = zlib.crc32(text, zlib.crc32(fixed))
    write_bytes(name, 104, struct.pack("<I", checksum))


PRELUDE = "import sys, os, time; sys.path.insert(0, {path!r}); from ring_tools import *\n"


def program(code: str) -> str:
    """The text of a program that runs `code` with the names of this module."""
    return PRELUDE.format(path=os.path.dirname(__file__)) + textwrap.dedent(code)


def start(code: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """A Python process that runs `code` with the names of this module; its output is piped."""
    command = [sys.executable, "-X", "faulthandler", "-c", program(code), *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **options)


def finish(process: subprocess.Popen[str], timeout: float = 20.0) -> str:
    """Wait for a process from `start`, which must succeed; what it printed."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"still running after {timeout} s\n{out}\n{err}") from None
    assert process.returncode == 0, f"exit code {process.returncode}\n{out}\n{err}"
    return out


def run(code: str, *arguments: object, timeout: float = 20.0) -> str:
    """What a Python process that runs `code` printed; it must succeed."""
    return finish(start(code, *arguments), timeout)


def expect_line(process: subprocess.Popen[str], wanted: str) -> None:
    """Wait until the process prints `wanted`."""
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline().strip()
    assert line == wanted, line + (process.stderr.read() if not line else "")


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL, and wait until it is gone."""
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)


def wait_until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Poll until `condition()` is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.002)
