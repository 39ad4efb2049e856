"""What a journal is of: the dtype of its events, and the machine that they are for."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import msgspec
import numpy as np

from headrace.errors import JournalMismatch, RingFormatError
from headrace.ringbuffer.formats import dtype_to_text, text_to_dtype


@functools.cache  # finding it out takes longer than opening a small journal does
def own_version() -> str:
    """The version of headrace."""
    return version("headrace")


@dataclass(frozen=True)
class Identity:
    """Stands as JSON in each segment's header."""

    event: np.dtype[Any]
    machine: str  # its name; of a pipeline, the names joined by " >> "
    version: str  # its version; of a pipeline, joined likewise
    headrace: str  # the version that wrote the segment

    def encode(self) -> bytes:
        """Its text. Raises DtypeError."""
        return msgspec.json.encode({**vars(self), "event": dtype_to_text(self.event).decode()})

    @classmethod
    def decode(cls, text: bytes) -> Identity:
        """What a text says. Raises RingFormatError."""
        try:
            said = msgspec.json.decode(text, type=dict[str, str])
            return cls(
                text_to_dtype(said["event"].encode()),
                said["machine"],
                said["version"],
                said["headrace"],
            )
        except (msgspec.DecodeError, KeyError, RecursionError, UnicodeDecodeError) as error:
            raise RingFormatError(f"its description cannot be read: {error}") from None

    def check_events(self, folder: str, event: np.dtype[Any], machine: str) -> None:
        """Raise JournalMismatch unless a machine can step over what is in this journal."""
        if self.event != event:
            raise JournalMismatch(
                f"{folder} is a journal of {self.event}, written by machine {self.machine!r}; "
                f"machine {machine!r} is for {event}"
            )

    def check_fits(self, folder: str, event: np.dtype[Any], machine: str) -> None:
        """Raise JournalMismatch unless a machine can go on writing this journal.

        A new version can, so it is its name that has to stay.
        """
        self.check_events(folder, event, machine)
        if self.machine != machine:
            raise JournalMismatch(
                f"{folder} is the journal of machine {self.machine!r}, and {machine!r} would go on "
                f"with it. {_what_to_do(self.machine, machine)}"
            )


def _what_to_do(was: str, now: str) -> str:
    if "(" in was or "(" in now:
        return (
            "A topology goes on with a journal of the same one only: the same machines, by name, "
            "in the same places, in shards by the same fields and of the same n; give it a folder "
            "of its own"
        )
    names = ", ".join(f"name={name!r}" for name in was.split(" >> "))
    return (
        f"If that is meant, give it the name that stands there ({names}); else give it a folder of "
        "its own"
    )
