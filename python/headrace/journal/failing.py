"""Errors of the file system, told as what they are to somebody who opens a journal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from headrace.errors import HeadraceError, JournalFailed, JournalFull
from headrace.journal.writer import NO_SPACE


@contextlib.contextmanager
def failing(folder: str) -> Iterator[None]:
    """Raise JournalFailed or JournalFull for an OSError while a folder is opened."""
    try:
        yield
    except HeadraceError:  # some are OSErrors as well, and say what the matter is
        raise
    except OSError as error:
        kind = JournalFull if error.errno in NO_SPACE else JournalFailed
        reason = error.strerror or str(error)
        if isinstance(error, (FileExistsError, NotADirectoryError)):
            reason += " (a journal is a folder, and there is a file of that name on the way)"
        raise kind(f"{folder}: the journal cannot be opened: {reason}") from error
