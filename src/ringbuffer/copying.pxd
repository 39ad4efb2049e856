"""Copying events: memcpy, but for one trap.

Where the C library copies with `rep movsb`, many x86 processors fall to a tenth of their speed when
the target lies a few bytes behind the source modulo 4096; and that is where a slot (which starts a
page) and an array from malloc (16 bytes into a page) lie to each other. Pieces below the size from
which the library does so (2 KiB at the least) are copied at full speed.
"""

from libc.string cimport memcpy

cdef enum:
    PIECE_BYTES = 2048
    TRAP_BYTES = 64


cdef inline void copy_bytes(char *to, const char *source, size_t size) noexcept nogil:
    cdef size_t apart = (<size_t>to - <size_t>source) & 4095
    if size <= PIECE_BYTES or apart == 0 or apart >= TRAP_BYTES:
        memcpy(to, source, size)
        return
    while size > PIECE_BYTES:
        memcpy(to, source, PIECE_BYTES)
        to += PIECE_BYTES
        source += PIECE_BYTES
        size -= PIECE_BYTES
    memcpy(to, source, size)
