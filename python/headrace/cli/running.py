"""The engine of a job: started with the user's machine, and stopped whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from headrace.compose import Topology
from headrace.errors import HeadraceError, UsageError
from headrace.machine import Machine
from headrace.runtime import Engine

from .job import Tally
from .loading import explain
from .options import Options

GRACE_SECONDS = 1.0  # for the step under way at Ctrl-C


@contextmanager
def running(machine: Machine | Topology, options: Options, tally: Tally) -> Iterator[Engine]:
    """An engine that is closed at the end; after a failure `tally` knows how far it came.

    After Ctrl-C it is not waited for longer than a moment: a step may take for ever, and the thread
    it is in ends with the process.
    """
    engine = _start(machine, options)
    try:
        yield engine
    except BaseException as error:
        with suppress(HeadraceError):  # what is wrong with it is the error already
            engine.close(GRACE_SECONDS if isinstance(error, KeyboardInterrupt) else None)
        tally.events = engine.sequence
        raise
    engine.close()


def _start(machine: Machine | Topology, options: Options) -> Engine:
    try:
        return Engine(
            machine,
            options.capacity,
            step=options.step and options.step.value,
            on_error=options.on_error.value,
            place=options.place.value,
            start_method=options.start_method and options.start_method.value,
        )
    except (HeadraceError, MemoryError):
        raise
    except Exception as error:
        raise UsageError(
            f"{options.application}: its initial state cannot be made: {explain(error)}"
        ) from error
