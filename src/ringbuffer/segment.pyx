"""Creating a ring's segment, and attaching to one without believing a byte of it.

Everything that decides an address (capacity, sizes, offsets, dtype) is written once and covered by
a checksum; whoever attaches checks it, computes the layout anew, compares, and keeps a private
copy. What moves later (sequences, bits, words) may then be damaged at will: slot indices are
masked and lengths are bounded, so the worst is a wrong sequence, which is noticed and named.
"""

import contextlib
import os
import time
import zlib

import numpy as np

cimport cython
cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from headrace.ringbuffer.atomics cimport (
    fetch_or_seq_cst_u32,
    load_acquire_i64,
    load_acquire_u64,
    store_release_u64,
)
from headrace.ringbuffer.futex cimport fence_heavy_register, realtime_ns
from headrace.ringbuffer.layout cimport (
    FIXED_BYTES,
    HR_BYTE_ORDER_MARK,
    HR_CONSUMERS_MAX,
    HR_FENCE_REQUIRED,
    HR_FREE,
    HR_JOINING,
    HR_LAYOUT_VERSION,
    HR_MAGIC,
    HR_RETIRED,
    hr_header,
)
from headrace.ringbuffer.mapping cimport Mapping

from headrace.ringbuffer import files, formats, liveness
from headrace.ringbuffer.errors import CapacityError, RingFormatError

cnp.import_array()


class _Layout:
    """Sizes and offsets in bytes; a function of capacity, dtype and kind alone."""

    def __init__(self, capacity, item_bytes, text_bytes, multi, times, page):
        slots = capacity
        while slots * item_bytes % page or (times and slots * 8 % page):
            slots *= 2
        self.slots_allocated = slots
        self.dtype_offset = sizeof(hr_header)
        head = -(-(sizeof(hr_header) + text_bytes) // 128) * 128
        self.availability_offset = head if multi else 0
        if multi:
            head += 4 * slots
        self.head_bytes = -(-head // page) * page
        self.times_bytes = 8 * slots if times else 0
        self.slots_bytes = slots * item_bytes
        self.times_offset = self.head_bytes if times else 0
        self.slots_offset = self.head_bytes + self.times_bytes
        self.segment_bytes = self.slots_offset + self.slots_bytes


def _check_capacity(capacity):
    try:
        checked = capacity.__index__()
    except AttributeError:
        raise CapacityError(f"capacity must be an integer, not {capacity!r}") from None
    if checked < 1 or checked > 1 << 40 or checked & (checked - 1):
        near = 1 << max(0, min(40, (max(checked, 1) - 1).bit_length()))
        raise CapacityError(
            f"capacity {checked:,} is not a power of two between 1 and 2**40; try {near:,}")
    return checked


@cython.no_gc_clear  # handles that are garbage together with it still need the mapping
cdef class Segment:
    """Internal: the checked and mapped segment that a ring, its producers and consumers share."""

    def __init__(self):
        raise TypeError("use Segment.create or Segment.attach")

    @staticmethod
    def create(dtype, capacity, name, bint multi, bint times, int64_t first_sequence=0):
        """A new segment, empty before a sequence (0 unless there is a single producer).

        Raises DtypeError, CapacityError, RingExists, EnvironmentFailure.
        """
        cdef Segment self = Segment.__new__(Segment)
        cdef hr_header *header
        checked = formats.check_dtype(dtype)
        text = formats.dtype_to_text(checked)
        slots = _check_capacity(capacity)
        if name is not None:
            files.check_name(name)
        page = os.sysconf("SC_PAGE_SIZE")
        layout = _Layout(slots, checked.itemsize, len(text), multi, times, page)
        fd = files.create_file(name, layout.segment_bytes)
        try:
            self.mapping = Mapping(fd, layout.head_bytes, layout.times_bytes, layout.slots_bytes)
        except BaseException:  # the descriptor is the mapping's, which closes it
            if name is not None:
                files.unlink_file(name)
            raise
        header = <hr_header *>self.mapping.head
        header.layout_version = HR_LAYOUT_VERSION
        header.byte_order = HR_BYTE_ORDER_MARK
        header.segment_bytes = layout.segment_bytes
        header.capacity = slots
        header.slots_allocated = layout.slots_allocated
        header.availability_offset = layout.availability_offset
        header.times_offset = layout.times_offset
        header.slots_offset = layout.slots_offset
        header.item_bytes = checked.itemsize
        header.page_bytes = page
        header.dtype_offset = layout.dtype_offset
        header.dtype_bytes = len(text)
        header.multi_producer = multi
        header.owner_pid, header.owner_start = liveness.myself()
        header.created_ns = realtime_ns()
        memcpy(self.mapping.head + sizeof(hr_header), <const char *>text, len(text))
        header.fixed_checksum = _fixed_checksum((<char *>header)[8:FIXED_BYTES], text)
        header.cursor.value = first_sequence
        self._adopt(name, checked, layout)
        # Release: whoever reads the magic sees the header that it vouches for.
        store_release_u64(&header.magic, HR_MAGIC)
        if name is not None:
            self.unlinker = files.unlink_at_the_end(self, name, os.fstat(fd).st_ino)
        return self

    @staticmethod
    def attach(name, double patience_seconds):
        """The segment of an existing ring; raises RingNotFound, RingFormatError."""
        cdef Segment self = Segment.__new__(Segment)
        fd = files.open_file(name)
        try:
            dtype, layout = _read_header(name, fd, patience_seconds)
        except BaseException:
            os.close(fd)
            raise
        self.mapping = Mapping(fd, layout.head_bytes, layout.times_bytes, layout.slots_bytes)
        self._adopt(name, dtype, layout)
        with files.exclusive(fd):
            self._check_moving_part()
        return self

    def _adopt(self, name, dtype, layout):
        cdef hr_header *header = <hr_header *>self.mapping.head
        self.name = name
        self.dtype = dtype
        self.owner_pid = header.owner_pid
        self.owner_start = header.owner_start
        self.created_ns = header.created_ns
        self.segment_bytes = layout.segment_bytes
        self.at.header = header
        self.at.slots = self.mapping.slots
        self.at.times = <int64_t *>self.mapping.times
        self.at.availability = NULL
        if layout.availability_offset:
            self.at.availability = <int32_t *>(
                self.mapping.head + <size_t>layout.availability_offset)
        self.at.capacity = header.capacity
        self.at.index_mask = layout.slots_allocated - 1
        self.at.item_bytes = dtype.itemsize
        self.at.lap_shift = layout.slots_allocated.bit_length() - 1
        if not fence_heavy_register():
            fetch_or_seq_cst_u32(&header.parking.flags, HR_FENCE_REQUIRED)

    def _check_moving_part(self):
        """Sequences and consumers must be possible; called with the registration lock held."""
        cdef hr_header *header = self.at.header
        cdef int64_t before = self.published()
        cdef int64_t sequence
        cdef int64_t end
        cdef int index
        where = f"ring {self.name!r}: the header is damaged: "
        if not 0 <= before < 1 << 62:
            raise RingFormatError(f"{where}its cursor is {before}")
        registered = 0
        for index in range(HR_CONSUMERS_MAX):
            if header.consumers[index].state not in (HR_FREE, HR_RETIRED):
                registered |= <uint64_t>1 << index
        if load_acquire_u64(&header.active_mask) & ~registered:
            raise RingFormatError(f"{where}a consumer without a name gates the producers")
        for index in range(HR_CONSUMERS_MAX):
            if not registered >> index & 1:
                continue
            name = consumer_name(header.consumers[index].name)
            if name is None:
                raise RingFormatError(f"{where}consumer {index} has no readable name")
            if header.consumers[index].after & ~<object>registered:
                raise RingFormatError(f"{where}consumer {name!r} comes after none that exists")
            sequence = load_acquire_i64(&header.consumers[index].sequence.value)
            end = self.published()
            if not header.active_mask >> index & 1 or header.consumers[index].state == HR_JOINING:
                continue  # its owner died while it joined: it has no sequence yet
            if not before - self.at.capacity <= sequence <= end:
                raise RingFormatError(
                    f"{where}consumer {name!r} stands at {sequence}, outside "
                    f"[{before - self.at.capacity}, {end}]")
        if _has_cycle([header.consumers[i].after if registered >> i & 1 else 0
                       for i in range(HR_CONSUMERS_MAX)]):
            raise RingFormatError(f"{where}its consumers wait for each other in a circle")

    def published(self):
        """All below is published (single producer) or claimed (several)."""
        if self.at.availability == NULL:
            return load_acquire_i64(&self.at.header.cursor.value)
        return load_acquire_i64(&self.at.header.claimed.value)

    @property
    def title(self):
        """What errors call the ring."""
        return "the anonymous ring" if self.name is None else f"ring {self.name!r}"

    def unlink(self):
        """Take the name away, if this process owns it; once."""
        if self.unlinker is not None:
            self.unlinker()


cdef object consumer_name(const char *field):
    text = field[:64].split(b"\0")[0]
    with contextlib.suppress(UnicodeDecodeError):
        return text.decode() or None
    return None


def _has_cycle(after):
    """Whether masks of predecessors contain a circle: nothing left to take away, yet not empty."""
    left = {index for index, mask in enumerate(after) if mask}
    while left:
        mask_left = sum(1 << index for index in left)
        free = {index for index in left if not after[index] & mask_left}
        if not free:
            return True
        left -= free
    return False


def _fixed_checksum(fixed, text):
    return zlib.crc32(text, zlib.crc32(fixed))


def _read_header(name, fd, patience_seconds):
    """Check the fixed part of a segment's header; its dtype and layout."""
    cdef hr_header fixed
    where = f"ring {name!r}: "
    deadline = time.monotonic() + patience_seconds
    while True:
        data = os.pread(fd, FIXED_BYTES + 4, 0)
        if len(data) == FIXED_BYTES + 4 and any(data[:8]):
            break
        if time.monotonic() > deadline:
            raise RingFormatError(
                f"{where}the segment was never finished ({os.fstat(fd).st_size:,} bytes, no "
                "header); its creator may have died: headrace rings --clean --damaged")
        time.sleep(0.002)
    memset(&fixed, 0, sizeof(fixed))
    memcpy(&fixed, <const char *>data, FIXED_BYTES + 4)
    if fixed.magic != HR_MAGIC:
        raise RingFormatError(f"{where}not a headrace ring (it starts with {data[:8]!r})")
    if fixed.byte_order != HR_BYTE_ORDER_MARK:
        raise RingFormatError(f"{where}written with another byte order; rings stay on one machine")
    if fixed.layout_version != HR_LAYOUT_VERSION:
        raise RingFormatError(
            f"{where}layout version {fixed.layout_version}, but this headrace reads version "
            f"{HR_LAYOUT_VERSION}; use the same headrace on both sides")
    if not 0 < fixed.dtype_bytes <= formats.TEXT_BYTES_MAX:
        raise RingFormatError(f"{where}the header is damaged: a dtype of {fixed.dtype_bytes} bytes")
    text = os.pread(fd, fixed.dtype_bytes, sizeof(hr_header))
    if _fixed_checksum(data[8:FIXED_BYTES], text) != fixed.fixed_checksum:
        raise RingFormatError(
            f"{where}the header is damaged: its checksum does not match; make the ring anew")
    try:
        dtype = formats.text_to_dtype(text)
        capacity = _check_capacity(fixed.capacity)
    except (CapacityError, RingFormatError) as error:
        raise RingFormatError(f"{where}the header is damaged: {error}") from None
    page = os.sysconf("SC_PAGE_SIZE")
    if fixed.page_bytes != page:
        raise RingFormatError(f"{where}made for pages of {fixed.page_bytes} bytes, not {page}")
    layout = _Layout(capacity, dtype.itemsize, len(text),
                     bool(fixed.multi_producer), bool(fixed.times_offset), page)
    said = (fixed.slots_allocated, fixed.availability_offset, fixed.times_offset,
            fixed.slots_offset, fixed.segment_bytes, fixed.item_bytes, fixed.dtype_offset)
    meant = (layout.slots_allocated, layout.availability_offset, layout.times_offset,
             layout.slots_offset, layout.segment_bytes, dtype.itemsize, layout.dtype_offset)
    if said != meant:
        raise RingFormatError(f"{where}the header is damaged: offsets {said} instead of {meant}")
    size = os.fstat(fd).st_size
    if size != layout.segment_bytes:
        what = "truncated" if size < layout.segment_bytes else "too long"
        raise RingFormatError(
            f"{where}{what}: {size:,} bytes instead of {layout.segment_bytes:,}; make the ring anew")
    return dtype, layout
