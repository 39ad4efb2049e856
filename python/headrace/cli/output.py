"""Where a job's outputs go: a sink that knows the name of its file when writing fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os.path import lexists

from headrace.compose import Pipeline, Topology
from headrace.errors import EnvironmentFailure, HeadraceError, UsageError
from headrace.events import record_dtype
from headrace.machine import Machine
from headrace.tabular import STDIO, Array, Sink, as_record, open_sink


class Output:
    """The outputs of a job, on their way to `file` (None: only counted)."""

    def __init__(self, file: str | None, machine: Machine | Topology) -> None:
        self.file = file
        self._existed = file is not None and lexists(file)
        self._committed = False
        self._sink = _open(file, machine)

    @property
    def count(self) -> int:
        """How many were written."""
        return self._sink.count

    def write(self, records: Array) -> None:
        """Append records; raises BrokenPipeError, EnvironmentFailure, UsageError."""
        with written(self.file):
            self._sink.write(records)

    def commit(self) -> None:
        """Put the file in its place; raises as `write` does."""
        with written(self.file):
            self._sink.commit()
        self._committed = True

    def abort(self) -> None:
        """Leave the file as it was; does nothing after `commit`."""
        self._sink.abort()

    def fate(self) -> str:
        """What became of the file when the job did not come to its end; may be nothing to tell."""
        if self.file in (None, STDIO):
            return ""
        if self._committed:
            return f"; {self.file} is written"
        return f"; {self.file} {'was left as it was before' if self._existed else 'was not made'}"


@contextmanager
def written(file: str | None) -> Iterator[None]:
    """Name the file where the system refuses to write to it."""
    try:
        yield
    except (HeadraceError, BrokenPipeError):
        raise
    except OSError as error:
        name = "stdout" if file == STDIO else file
        raise EnvironmentFailure(f"{name}: cannot be written: {error.strerror}") from error


def _open(file: str | None, machine: Machine | Topology) -> Sink:
    if machine.output is not None:
        return open_sink(file, record_dtype(machine.output))
    if file is not None:
        raise UsageError(f"{_who(machine)} has no outputs; leave --output away")
    return open_sink(None, as_record(machine.event, "value"))


def _who(machine: Machine | Topology) -> str:
    if isinstance(machine, Pipeline):
        machine = machine.stages[-1]
    return f"machine {machine.name!r}" if isinstance(machine, Machine) else repr(machine)
