"""Dead letters: events whose step raised, written to a table that can be run again once mended.

The table has the machine's own event columns, so that it is good as an input, between `sequence`
and `error`, which a run leaves out. Events that failed in a later stage of a pipeline have other
meaning, and get a table of their own, named after that stage's machine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from headrace.errors import UsageError
from headrace.machine import Machine
from headrace.runtime import DeadLetter
from headrace.tabular import STDIO, Dtype, Sink, as_record, kind_of, open_sink

from .output import written

ERROR_CHARS_MAX = 240


class DeadLetterFile:
    """Where dead letters go. Opened before the job, so that what is wrong shows at once.

    `stages` are the engine's machines. Raises UsageError as `open_sink` does, and for stdout where
    more than one table may come.
    """

    def __init__(self, file: str, stages: Sequence[Machine]) -> None:
        if file == STDIO and len(stages) > 1:
            raise UsageError(
                "--dead-letters needs the name of a file: each stage of a pipeline has a table of "
                "its own"
            )
        self.file = file
        self._first = stages[0].name
        self._sink = open_sink(file, _dtype(stages[0].event))

    def commit(self, letters: Sequence[DeadLetter]) -> list[str]:
        """Write all of them, in order; returns the names of the files, the first one included."""
        groups: dict[str, list[DeadLetter]] = {}
        for letter in letters:
            groups.setdefault(letter.machine, []).append(letter)
        files = [self.file]
        for machine, group in groups.items():
            if machine == self._first:
                with written(self.file):
                    _write(self._sink, group)
                continue
            files.append(_beside(self.file, machine))
            with written(files[-1]):
                sink = open_sink(files[-1], _dtype(group[0].event.dtype))
                _write(sink, group)
                sink.commit()
        with written(self.file):
            self._sink.commit()
        return files

    def abort(self) -> None:
        """Leave the file as it was before."""
        self._sink.abort()


def dead_letter_name(output: str | None) -> str:
    """The name beside the output's; raises UsageError where the output has none."""
    if output is None or output == STDIO:
        raise UsageError("--on-error dead_letter needs --dead-letters FILE where --output has none")
    return f"{output[: -len(kind_of(output))]}.dead.csv"


def _dtype(event: Dtype) -> Dtype:
    event = as_record(event, "value")
    names = event.names or ()
    error = "error"
    while error in names:
        error += "_"
    fields = [(name, event[name]) for name in names]
    return np.dtype([("sequence", "<i8"), *fields, (error, f"U{ERROR_CHARS_MAX}")])


def _write(sink: Sink, letters: Sequence[DeadLetter]) -> None:
    records = np.zeros(len(letters), sink.dtype)
    first, *fields, last = sink.dtype.names or ()
    records[first] = [letter.sequence for letter in letters]
    events = np.concatenate([letter.event for letter in letters])
    events = events.view(as_record(events.dtype, "value"))
    for field in fields:
        records[field] = events[field]
    records[last] = [str(letter.error) for letter in letters]
    sink.write(records)


def _beside(file: str, machine: str) -> str:
    kind = kind_of(file)
    return f"{file[: -len(kind)]}.{machine.replace(os.sep, '_')}{kind}"
