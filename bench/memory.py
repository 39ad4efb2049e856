"""Memory that copies are made from and to."""

from __future__ import annotations

import mmap


def pages(size: int) -> mmap.mmap:
    """Memory that begins on a page.

    Some processors copy ten times slower when the target lies 1 to 31 bytes after the source,
    modulo the page. A large array begins 16 bytes into a page, a ring at one, and so one would be
    copied to the other, by whoever does it, at that speed.
    """
    return mmap.mmap(-1, size)
