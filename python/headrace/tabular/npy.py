"""Reading events from NumPy's own files: .npy mapped or as a stream, and .npz archives of them.

The header is parsed here and not by `numpy.load`, so that a pipe, a member of an archive and a
mapped file take the same way, nothing is ever unpickled, and each kind of damage has its message.
Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from .columns import Array, Dtype
from .fitting import Fit, as_record, fit, listed, misfits, missing_fields, spare_fields
from .source import Source

MAGIC = b"\x93NUMPY"
HEADER_BYTES_MAX = 1 << 20
# What reading an archive raises where its bytes are damaged.
_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError)


@dataclass(frozen=True)
class Header:
    """What the header of a .npy file says: records of `dtype`, `count` of them, from `offset`."""

    dtype: Dtype
    count: int
    offset: int


def read_header(stream: BinaryIO) -> Header:
    """Read the header of an array of one dimension; raises ValueError with the reason if bad."""
    start = read_exactly(stream, 8)
    if start[:6] != MAGIC:
        raise ValueError("is no .npy file (it does not start with \\x93NUMPY)")
    if start[6] not in (1, 2, 3):
        raise ValueError(f"is of .npy version {start[6]}.{start[7]}; versions 1 to 3 can be read")
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(read_exactly(stream, width), "little")
    if length > HEADER_BYTES_MAX:
        raise ValueError(f"is damaged: a header of {length} bytes")
    text = read_exactly(stream, length)
    try:
        # A literal only: no names, no calls.
        header = ast.literal_eval(text.decode("utf-8" if start[6] == 3 else "latin1").strip())
        dtype = np.lib.format.descr_to_dtype(header["descr"])
        shape, fortran = header["shape"], header["fortran_order"]
        dimensions = [int(size) for size in shape]
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise ValueError(f"has a damaged header ({type(error).__name__}: {error})") from None
    if dtype.hasobject:
        raise ValueError("holds Python objects, which are never unpickled; save plain fields")
    if len(dimensions) != 1 or fortran not in (True, False) or dimensions[0] < 0:
        raise ValueError(f"holds an array of shape {shape}; events need one dimension")
    if dtype.itemsize == 0:
        raise ValueError(f"holds records of no bytes ({dtype})")
    return Header(dtype, dimensions[0], 8 + width + length)


def read_exactly(stream: BinaryIO, count: int) -> bytes:
    """Read count bytes, however the stream portions them; raises ValueError at an early end."""
    parts: list[bytes] = []
    missing = count
    while missing:
        part = stream.read(missing)
        if not part:
            raise ValueError(f"ends too early: {missing} of {count} bytes are missing")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


class ArraySource(Source):
    """One array of a .npy file: mapped where `path` names a real file, else read as a stream.

    A mapped file must not be truncated by others while it is read.
    """

    def __init__(self, file: str, dtype: Dtype, stream: BinaryIO, *, mapped: bool) -> None:
        super().__init__(file, dtype)
        self._stream = stream
        try:
            self._header = read_header(stream)
        except _DAMAGE as error:
            raise self.bad(str(error)) from None
        self._header = _named(self._header, dtype)
        self.total = self._header.count
        self._array = self._map() if mapped else None
        self._fit = _fit_or_refuse(self, self._header.dtype)

    def close(self) -> None:
        self._array = None
        self._stream.close()

    def chunks(self, events_max: int) -> Iterator[Array]:
        count = self._header.count
        while self.done < count:
            size = min(events_max, count - self.done)
            try:
                events = self._fit(self._next(size))
            except _DAMAGE as error:
                raise self.bad(f"after {self.done} events: {error}") from None
            self.done += size
            yield events
        if self._array is None and self._stream.read(1):
            self.notes.append(f"{self.file}: more follows the first array; it was not read")

    def _next(self, size: int) -> Array:
        if self._array is not None:
            return self._array[self.done : self.done + size]
        data = read_exactly(self._stream, size * self._header.dtype.itemsize)
        return np.frombuffer(data, self._header.dtype)

    def _map(self) -> Array | None:
        header = self._header
        bytes_wanted = header.offset + header.count * header.dtype.itemsize
        bytes_there = os.fstat(self._stream.fileno()).st_size
        if bytes_there < bytes_wanted:
            reason = f"ends too early: {bytes_there} bytes, {bytes_wanted} by its header"
            raise self.bad(reason)
        if bytes_there > bytes_wanted:
            spare = bytes_there - bytes_wanted
            self.notes.append(f"{self.file}: {spare} bytes after the array were not read")
        if header.count == 0:
            return None  # nothing to map
        return np.memmap(
            self._stream, header.dtype, mode="r", offset=header.offset, shape=(header.count,)
        )


class ArchiveSource(Source):
    """A .npz archive: one structured array, or one array of equal length for each field.

    Where there is an array for every field, those are read; else the only structured array.
    Members are read as streams, so that also a compressed archive is never whole in memory.
    """

    def __init__(self, file: str, dtype: Dtype, stream: BinaryIO) -> None:
        super().__init__(file, dtype)
        self._stream = stream
        self._members: dict[str, BinaryIO] = {}
        self._headers: dict[str, Header] = {}
        try:
            self._archive = zipfile.ZipFile(stream)
            for member in self._archive.namelist():
                if member.endswith(".npy"):
                    self._open_member(member)
        except _DAMAGE as error:
            raise self.bad(f"is no .npz archive, or damaged: {error}") from None
        self._chosen = self._choose()
        self.total = self._headers[self._chosen[0]].count
        self._have = self._dtype_of_chosen()
        self._fit = _fit_or_refuse(self, self._have)

    def close(self) -> None:
        for member in self._members.values():
            member.close()
        self._stream.close()

    def chunks(self, events_max: int) -> Iterator[Array]:
        assert self.total is not None
        while self.done < self.total:
            size = min(events_max, self.total - self.done)
            try:
                events = self._fit(self._next(size))
            except _DAMAGE as error:
                raise self.bad(f"after {self.done} events: {error}") from None
            self.done += size
            yield events

    def _open_member(self, member: str) -> None:
        name = member.removesuffix(".npy")
        opened = self._archive.open(member)
        self._members[name] = opened  # type: ignore[assignment]
        try:
            self._headers[name] = read_header(self._members[name])
        except ValueError as error:
            raise ValueError(f"array {name!r} {error}") from None

    def _choose(self) -> list[str]:
        """The names of the arrays to read: one for each field, or a single structured one."""
        names = self.dtype.names or ()
        missing = missing_fields(self._headers, names)
        structured = [
            name for name, header in self._headers.items() if _named(header, self.dtype).dtype.names
        ]
        if not missing:
            chosen = list(names)
            lengths = {name: self._headers[name].count for name in chosen}
            if len(set(lengths.values())) > 1:
                told = listed(f"{name} {count}" for name, count in lengths.items())
                raise self.bad(f"has arrays of different lengths: {told}")
        elif len(structured) == 1:
            chosen = structured
        else:
            there = listed(self._headers)
            raise self.bad(
                f"has neither one structured array nor one for each field; "
                f"missing: {listed(missing)}; it has {there}"
            )
        spare = [name for name in self._headers if name not in chosen]
        beside = f"; arrays left out: {listed(spare)}" if spare else ""
        self.notes.append(f"{self.file}: read from {listed(chosen)}{beside}")
        return chosen

    def _by_field(self) -> bool:
        return not missing_fields(self._headers, self.dtype.names or ())

    def _dtype_of_chosen(self) -> Dtype:
        if self._by_field():
            return np.dtype([(name, self._headers[name].dtype) for name in self._chosen])
        return _named(self._headers[self._chosen[0]], self.dtype).dtype

    def _next(self, size: int) -> Array:
        if not self._by_field():
            return self._read_member(self._chosen[0], size).view(self._have)
        records = np.zeros(size, self._have)
        for name in self._chosen:
            records[name] = self._read_member(name, size)
        return records

    def _read_member(self, name: str, size: int) -> Array:
        dtype = self._headers[name].dtype
        try:
            data = read_exactly(self._members[name], size * dtype.itemsize)
        except _DAMAGE as error:
            raise ValueError(f"array {name!r} {error}") from None
        return np.frombuffer(data, dtype)


def _named(header: Header, dtype: Dtype) -> Header:
    """An array of plain values is good for events with one field."""
    names = dtype.names or ()
    if len(names) != 1:
        return header
    return replace(header, dtype=as_record(header.dtype, names[0]))


def _fit_or_refuse(source: Source, have: Dtype) -> Fit:
    reasons = misfits(have, source.dtype)
    if reasons:
        raise source.bad(f"does not fit the machine's events: {'; '.join(reasons)}")
    spare = spare_fields(have.names or (), source.dtype)
    if spare:
        source.notes.append(f"{source.file}: fields left out: {listed(map(repr, spare))}")
    return fit(have, source.dtype)
