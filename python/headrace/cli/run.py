"""`headrace run`: the options, the checks before the job, and what is told after it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from os.path import realpath
from typing import Annotated

import typer

from headrace.compose import Topology
from headrace.compose.topology import machines_of
from headrace.errors import HeadraceError, StepError, UsageError
from headrace.machine import Machine
from headrace.tabular import STDIO, Source, as_record, open_source, same_file

from .bar import progress_bar
from .console import FAILED, counted, remark, report, reported, stderr, stdout
from .dead import DeadLetterFile
from .interrupts import exit_code, forget, terminable
from .job import Tally, work
from .loading import load_topology
from .options import OnError, Options, Place, StartMethod, Step
from .output import Output, written
from .running import running
from .summary import Done, print_summary

BATCH_MAX = 1 << 20


def run(
    application: Annotated[
        str,
        typer.Argument(
            metavar="APP",
            help="The machine: `module:machine` or `file.py:machine`. Topologies work as well.",
        ),
    ],
    input_file: Annotated[
        str,
        typer.Option("--input", "-i", metavar="FILE", help="Events: .npy .npz .csv .csv.gz or -"),
    ],
    output_file: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Outputs: .npy .npz .csv .csv.gz or -; left out, they are only counted.",
        ),
    ] = None,
    batch: Annotated[
        int, typer.Option(min=1, max=BATCH_MAX, help="Events published and stepped at a time.")
    ] = 4096,
    step: Annotated[
        Step | None,
        typer.Option(help="The form of the step. Default: native, else batch, else python."),
    ] = None,
    capacity: Annotated[
        int, typer.Option(min=1, help="Events that the ring holds; a power of two.")
    ] = 65536,
    on_error: Annotated[
        OnError, typer.Option(help="Stop at a step that raises, or put its event aside and go on.")
    ] = OnError.HALT,
    dead_letters: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Where --on-error dead_letter puts events aside. "
            "Default: beside the output, with .dead.csv for an ending.",
        ),
    ] = None,
    place: Annotated[
        Place, typer.Option(help="Each stage in a thread, or in a process of its own.")
    ] = Place.THREADS,
    start_method: Annotated[
        StartMethod | None,
        typer.Option(
            metavar="HOW",
            help="How processes start: fork, spawn or forkserver. Default: the interpreter's.",
        ),
    ] = None,
) -> None:
    """The command; its help text is in helptext.py."""
    options = Options(
        application, input_file, output_file, batch, step, capacity, on_error, dead_letters,
        place, start_method,
    )  # fmt: skip
    with reported():
        _check(options)
        _Job(options).run()


def _check(options: Options) -> None:
    """Refuse what cannot be meant, before anything is read or written."""
    if options.batch > options.capacity:
        raise UsageError(
            f"--batch {options.batch} is more than --capacity {options.capacity}: "
            "the ring has to hold a batch; make it smaller, or the capacity larger"
        )
    if options.dead_letters is not None and options.on_error is not OnError.DEAD_LETTER:
        raise UsageError("--dead-letters goes with --on-error dead_letter")
    if options.start_method is not None and options.place is not Place.PROCESSES:
        raise UsageError("--start-method goes with --place processes")
    output, dead = options.output_file, options.dead_letter_file()
    for file, what in ((output, "outputs"), (dead, "dead letters")):
        if file not in (None, STDIO) and same_file(options.input_file, str(file)):
            raise UsageError(f"{file}: is the input as well; write {what} to another file")
    if dead is not None and output is not None and realpath(dead) == realpath(output):
        raise UsageError(f"{dead}: is the output as well; write dead letters to another file")


class _Job:
    """One run, from loading the machine to the summary."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._tally = Tally()
        self._notes_told = 0

    def run(self) -> None:
        options = self._options
        machine = load_topology(options.application)
        with ExitStack() as stack:
            dtype = as_record(machine.event, "value")
            source = stack.enter_context(open_source(options.input_file, dtype))
            self._tell_notes(source)
            output = Output(options.output_file, machine)
            stack.callback(output.abort)
            dead = None
            if (file := options.dead_letter_file()) is not None:
                dead = DeadLetterFile(file, machines_of(machine))
                stack.callback(dead.abort)
            with self._told_when_stopped(source, output):
                done = self._run(machine, source, output, dead)
        console = stderr() if STDIO in (options.output_file, options.dead_letters) else stdout()
        with written(STDIO):
            print_summary(console, done)

    def _run(
        self,
        machine: Machine | Topology,
        source: Source,
        output: Output,
        dead: DeadLetterFile | None,
    ) -> Done:
        options, tally = self._options, self._tally
        started = time.perf_counter()
        with terminable():
            with running(machine, options, tally) as engine:
                with progress_bar(source, options.output_file, tally) as progressed:
                    work(engine, source, output, options.batch, tally, progressed)
                state, letters = engine.state, engine.dead_letters
            # The outputs last: if they are there, all is.
            files = dead.commit(letters) if dead is not None else []
            output.commit()
        seconds = time.perf_counter() - started
        self._tell_notes(source)
        return Done(options, machine, tally, seconds, state, len(letters), files)

    @contextmanager
    def _told_when_stopped(self, source: Source, output: Output) -> Iterator[None]:
        """Tell why a job ended early, how far it got, and what became of the output."""
        how, code = "stopped", FAILED
        try:
            yield
            return
        except KeyboardInterrupt as interrupt:
            code = exit_code(interrupt)
        except BrokenPipeError:
            forget(sys.stdout)
            how = "nobody reads stdout any more: stopped"
        except (HeadraceError, OSError) as error:
            how = "halted" if isinstance(error, StepError) else how
            code = report(error)
        done = f"{counted(self._tally.events, 'event')} of {source.file}"
        made = counted(self._tally.outputs, "output")
        remark(f"{how} after {done} and {made}{output.fate()}")
        raise typer.Exit(code)

    def _tell_notes(self, source: Source) -> None:
        for note in source.notes[self._notes_told :]:
            remark(note)
        self._notes_told = len(source.notes)
