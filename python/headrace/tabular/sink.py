"""Writing records to .npy, .npz, .csv or stdout, so that a file appears whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import os
import stat
import tempfile
import zipfile
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from headrace.errors import UsageError

from .columns import Array, Column, Dtype, columns_of, render

MEMBER = "outputs.npy"  # the one array in a .npz that is written


class Staged:
    """A file under a temporary name beside its target, moved over it by `commit`.

    A target that is no regular file (a pipe, /dev/null) is written to directly. Raises UsageError
    where the folder is missing or not writable.
    """

    def __init__(self, target: str) -> None:
        # A link stays a link: what it points to is replaced.
        self.target = Path(os.path.realpath(target))
        folder = self.target.parent
        if not folder.is_dir():
            raise UsageError(f"{target}: the folder {folder} does not exist; make it first")
        if self.target.is_dir():
            raise UsageError(f"{target}: is a folder; give a file name")
        self._path: Path | None = None
        mode = self._mode()
        try:
            if mode is not None and not stat.S_ISREG(mode):
                self.stream: BinaryIO = self.target.open("wb")
                return
            handle, path = tempfile.mkstemp(
                prefix=f".{self.target.name}.", suffix=".partial", dir=folder
            )
        except OSError as error:
            raise UsageError(f"{target}: cannot be written: {error.strerror}") from None
        self._path = Path(path)
        os.chmod(handle, stat.S_IMODE(mode) if mode is not None else 0o666 & ~_umask())
        self.stream = os.fdopen(handle, "w+b")

    def commit(self) -> None:
        """Make everything written visible under the target's name, and safe on disk."""
        self.stream.flush()
        if self._path is not None:
            os.fsync(self.stream.fileno())
        self.stream.close()
        if self._path is not None:
            os.replace(self._path, self.target)
            self._path = None

    def abort(self) -> None:
        """Leave the target as it was; does nothing after `commit`."""
        if not self.stream.closed:
            self.stream.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None

    def _mode(self) -> int | None:
        try:
            return self.target.stat().st_mode
        except FileNotFoundError:
            return None


class Sink:
    """Where records of one dtype go. Call `commit` at the end, or `abort`; not thread-safe.

    `write` takes records of shape (n,) and may be called any number of times; `count` is how many
    were written. Errors of the file system are passed on as OSError.
    """

    def __init__(self, dtype: Dtype) -> None:
        self.dtype = dtype
        self.count = 0

    def write(self, records: Array) -> None:
        """Append these records, of shape (n,) and of the sink's dtype."""
        raise NotImplementedError

    def commit(self) -> None:
        """Finish the file and put it in its place."""
        raise NotImplementedError

    def abort(self) -> None:
        """Give up: a real file stays as it was before. Does nothing after `commit`."""
        raise NotImplementedError


class CountingSink(Sink):
    """Keeps nothing but the count."""

    def write(self, records: Array) -> None:
        self.count += len(records)

    def commit(self) -> None:
        pass

    def abort(self) -> None:
        pass


class _LineFeeds:
    """Turns the line ends of csv.writer into line feeds.

    Before Python 3.13 it puts only those line breaks into quotes that its own line ends consist of,
    so it has to believe in both.
    """

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text

    def write(self, line: str) -> None:
        self._text.write(line[:-2] + "\n")


class CsvSink(Sink):
    """A CSV table with a header line, UTF-8, lines ended by a line feed; gzip where asked for.

    Raises UsageError, naming the column, for a dtype or a value that has no text form.
    """

    def __init__(self, file: str, dtype: Dtype, staged: Staged | None, stdout: BinaryIO) -> None:
        super().__init__(dtype)
        try:
            self._columns: list[Column] = columns_of(dtype)
        except ValueError as error:
            raise UsageError(f"{file}: {error}") from None
        self._file = file
        self._staged = staged
        self._binary = stdout if staged is None else staged.stream
        self._zipped: gzip.GzipFile | None = None
        if file.lower().endswith(".gz"):
            # No name and no time in its header: the same outputs make the same bytes.
            self._zipped = gzip.GzipFile("", "wb", fileobj=self._binary, mtime=0)
        raw = cast(BinaryIO, self._zipped) if self._zipped is not None else self._binary
        self._text = io.TextIOWrapper(raw, "utf-8", "surrogateescape", newline="")
        self._writer = csv.writer(_LineFeeds(self._text), lineterminator="\r\n")
        self._writer.writerow([column.name for column in self._columns])

    def write(self, records: Array) -> None:
        cells = []
        for column in self._columns:
            try:
                cells.append(render(column.of(records)))
            except ValueError as error:
                raise UsageError(f"{self._file}: column {column.name!r}: {error}") from None
        self._writer.writerows(zip(*cells, strict=True))
        self.count += len(records)
        if self._staged is None:
            self._text.flush()  # whoever reads the pipe sees each batch when it is done

    def commit(self) -> None:
        self._text.flush()
        self._text.detach()
        if self._zipped is not None:
            self._zipped.close()
        if self._staged is None:
            self._binary.flush()
        else:
            self._staged.commit()

    def abort(self) -> None:
        # While the file is open: who collects what is left unwritten would write to a closed one.
        try:
            # Else the wrapper would close stdout when it is collected.
            with contextlib.suppress(OSError, ValueError):
                self._text.detach()
            if self._zipped is not None:
                with contextlib.suppress(OSError, ValueError):
                    self._zipped.close()
        finally:
            if self._staged is not None:
                self._staged.abort()


class NpySink(Sink):
    """One structured array as .npy; as the member `outputs` of a .npz where the name says so."""

    def __init__(self, file: str, dtype: Dtype, staged: Staged) -> None:
        super().__init__(dtype)
        self._staged = staged
        self._archived = file.lower().endswith(".npz")
        # An archive's member needs its length in front, so the array is written to a file first.
        self._array: BinaryIO = (
            cast(BinaryIO, tempfile.TemporaryFile(dir=staged.target.parent))  # noqa: SIM115
            if self._archived
            else staged.stream
        )
        self._header_bytes = self._write_header(0)

    def write(self, records: Array) -> None:
        self._array.write(np.ascontiguousarray(records, self.dtype).view("u1").data)
        self.count += len(records)

    def commit(self) -> None:
        self._array.seek(0)
        assert self._write_header(self.count) == self._header_bytes
        if self._archived:
            self._array.seek(0)
            with (
                zipfile.ZipFile(self._staged.stream, "w") as archive,
                archive.open(zipfile.ZipInfo(MEMBER), "w", force_zip64=True) as member,
            ):
                while block := self._array.read(1 << 20):
                    member.write(block)
            self._array.close()
        self._staged.commit()

    def abort(self) -> None:
        self._array.close()
        self._staged.abort()

    def _write_header(self, count: int) -> int:
        """Write the header; NumPy leaves room in it, so that a longer count fits in later."""
        start = self._array.tell()
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (count,),
        }
        np.lib.format.write_array_header_2_0(self._array, header)
        return self._array.tell() - start


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
