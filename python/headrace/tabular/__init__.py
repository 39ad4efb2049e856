"""Files of events: reading .npy, .npz, .csv and stdin in bounded chunks, and writing them.

`open_source` and `open_sink` choose by the file's name; `-` is stdin or stdout.
"""

from __future__ import annotations

import gzip
import os
import stat
import sys
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from headrace.errors import InputError, UsageError

from .columns import Array, Dtype
from .csv_text import CsvSource
from .fitting import as_record
from .npy import MAGIC, ArchiveSource, ArraySource
from .sink import CountingSink, CsvSink, NpySink, Sink, Staged
from .source import Source

__all__ = [
    "STDIO",
    "Array",
    "Dtype",
    "Sink",
    "Source",
    "as_record",
    "kind_of",
    "open_sink",
    "open_source",
    "same_file",
]

STDIO = "-"
KINDS = (".npy", ".npz", ".csv", ".csv.gz")
_GZIP_MAGIC, _ZIP_MAGIC = b"\x1f\x8b", b"PK\x03\x04"


def open_source(file: str, dtype: Dtype, stdin: BinaryIO | None = None) -> Source:
    """Open a file of events of a structured dtype; `-` reads CSV or .npy from stdin.

    The columns or fields are matched to the dtype by name. Raises InputError where the file cannot
    be opened or does not fit, UsageError for a name of unknown kind. A pipe blocks until its first
    bytes are there.
    """
    if file == STDIO:
        stream = stdin or _standard(sys.stdin, "stdin")
        source = _open_stdin(stream, dtype)
        source.live = not _is_regular(stream)
        return source
    kind = kind_of(file)
    try:
        opened = Path(file).open("rb")  # noqa: SIM115  (the source closes it)
    except OSError as error:
        raise InputError(file, None, None, f"cannot be read: {error.strerror}") from None
    try:
        source = _open_kind(kind, file, dtype, opened)
        source.live = not _is_regular(opened)
        return source
    except BaseException:
        opened.close()
        raise


def open_sink(file: str | None, dtype: Dtype, stdout: BinaryIO | None = None) -> Sink:
    """Open a place for records of a structured dtype; `-` is CSV on stdout, None only counts them.

    A real file appears under its name when the sink is committed, and not before. Raises UsageError
    for a name of unknown kind, a missing folder, or a dtype that CSV cannot carry.
    """
    if file is None:
        return CountingSink(dtype)
    if file == STDIO:
        return CsvSink(file, dtype, None, stdout or _standard(sys.stdout, "stdout"))
    kind = kind_of(file)
    staged = Staged(file)
    try:
        if kind in (".npy", ".npz"):
            return NpySink(file, dtype, staged)
        return CsvSink(file, dtype, staged, staged.stream)
    except BaseException:
        staged.abort()
        raise


def kind_of(file: str) -> str:
    """The ending that says what is in the file; raises UsageError for one that is not known."""
    for kind in KINDS:
        if file.lower().endswith(kind):
            return kind
    raise UsageError(f"{file}: what kind of file? Names end in {', '.join(KINDS)}, or are -")


def same_file(one: str, other: str) -> bool:
    """Whether both names lead to one existing file."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _open_kind(kind: str, file: str, dtype: Dtype, stream: BufferedReader) -> Source:
    real = _is_regular(stream)
    if kind == ".npy":
        return ArraySource(file, dtype, stream, mapped=real)
    if kind == ".npz":
        return ArchiveSource(file, dtype, stream)
    total = os.fstat(stream.fileno()).st_size if real else None
    binary = cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if kind == ".csv.gz" else stream
    tell = stream.tell if real and kind == ".csv.gz" else (stream.raw.tell if real else None)
    return CsvSource(file, dtype, binary, tell=tell, bytes_total=total)


def _is_regular(stream: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # no file of the system's
        return False


def _standard(text: TextIO | None, name: str) -> BinaryIO:
    if text is None:
        raise UsageError(f"{name} is closed; open it, or give the name of a file instead of -")
    return text.buffer


def _open_stdin(stdin: BinaryIO, dtype: Dtype) -> Source:
    start = stdin.peek(6)[:6] if hasattr(stdin, "peek") else b""
    if start[:1] == MAGIC[:1]:  # no UTF-8 text starts with it
        return ArraySource("<stdin>", dtype, stdin, mapped=False)
    if start.startswith(_ZIP_MAGIC):
        raise InputError(
            "<stdin>", None, None, "is a .npz archive, which cannot be read from a pipe"
        )
    if start.startswith(_GZIP_MAGIC):
        return CsvSource("<stdin>", dtype, cast(BinaryIO, gzip.GzipFile(fileobj=stdin)))
    return CsvSource("<stdin>", dtype, stdin)
