"""What every kind of input offers: its events in bounded chunks, how far it is, what to tell."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from headrace.errors import InputError

from .columns import Array, Dtype


class Source:
    """Events read from one file, from front to back, once. A context manager; not thread-safe.

    `file` is its name in messages; `notes` is what a user should know about how it was read, and
    grows while reading; `done` and `total` count in one unit of the file's own (events or bytes),
    `total` is None where nobody knows it. `live`: a pipe, whose end may be long in coming.
    """

    def __init__(self, file: str, dtype: Dtype) -> None:
        self.file = file
        self.dtype = dtype
        self.notes: list[str] = []
        self.done = 0
        self.total: int | None = None
        self.live = False

    def chunks(self, events_max: int) -> Iterator[Array]:
        """The events as arrays of `dtype`, shape (n,) with 1 <= n <= events_max, in order.

        A chunk may be a read-only view of the file. Blocks while a pipe has nothing to give. Raises
        InputError at the first thing that is wrong.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the file; calling it again does nothing."""

    def bad(self, reason: str, line: int | None = None, column: str | None = None) -> InputError:
        """The error to raise about this file."""
        return InputError(self.file, line, column, reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
