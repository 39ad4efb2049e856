"""`headrace journal to-test`: a stretch of a journal as a file for pytest."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from headrace.compose import Pipeline, stages_of
from headrace.errors import PoisonEvent, UsageError
from headrace.journal.reader import Reader
from headrace.machine import Machine
from headrace.ports import LocalDisk
from headrace.replay import History
from headrace.replay.stretch import Stretch, classes_of, run_stretch, state_text

from .console import counted, reported, stderr
from .literals import WIDTH, NotPlain, source
from .loading import load

INPUTS_MAX = 100_000


def to_test(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The journal's folder.")],
    application: Annotated[
        str | None,
        typer.Argument(
            metavar="APP", help="The machine: `module:machine` or `file.py:machine`."
        ),
    ] = None,
    begin: Annotated[
        int, typer.Option("--from", min=0, metavar="A", help="The first input of the stretch.")
    ] = 0,
    end: Annotated[
        int | None, typer.Option("--to", min=1, metavar="B", help="The input behind the last one.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="The new file. Default: stdout."),
    ] = None,
) -> None:
    """The command; its help text is in helptext.py."""
    with reported():
        if application is None:
            raise UsageError(_which_machine(folder))
        if output is not None and os.path.exists(output):
            raise UsageError(f"{output}: exists already; it may have been changed by hand")
        machine = load(application)
        case = _Case.of(folder, machine, begin, end)
        text = _File(case, application, output).text()
        if output is None:
            typer.echo(text, nl=False)
            return
        with open(output, "x", encoding="utf-8") as file:
            file.write(text)
        made = sum(len(each) for each in case.stretch.outputs.values())
        stderr().print(
            f"{output}: {counted(len(case.inputs), 'input')}, {counted(made, 'output')}; "
            f"run it with pytest"
        )


def _which_machine(folder: str) -> str:
    identity = Reader(LocalDisk(), folder.rstrip("/")).identity
    return (
        f"{folder} is of the machine {identity.machine!r}, version {identity.version}; say where "
        f"it is written: headrace journal to-test {folder} module:machine (or file.py:machine)"
    )


@dataclass(frozen=True)
class _Case:
    """A stretch of a journal: what was before it, what came, and what that led to."""

    folder: str
    machine: Machine | Pipeline
    begin: int
    state: Any
    sequences: list[int]
    inputs: list[tuple[int, int, Any]]
    stretch: Stretch

    @classmethod
    def of(
        cls, folder: str, machine: Machine | Pipeline, begin: int, end: int | None
    ) -> _Case:
        history = History(folder, machine)
        end = history.end if end is None else end
        if not begin < end:
            raise UsageError(f"--from {begin} and --to {end} have no input between them")
        if end - begin > INPUTS_MAX:
            raise UsageError(
                f"{end - begin:,} inputs are more than a file of source can hold "
                f"({INPUTS_MAX:,}); choose a shorter stretch with --from and --to"
            )
        fold = history.fold_at(begin)
        state, sequences = fold.state, fold.sequences
        inputs = [
            (begin + index, int(time), event)
            for index, (event, time) in enumerate(
                (events[at : at + 1].copy(), times[at])
                for events, times in history.events(begin, end)
                for at in range(len(events))
            )
        ]
        passed_over = fold.passed_over
        stretch = run_stretch(
            machine, state, inputs, sequences=sequences, passed_over=passed_over
        )
        for sequence, why in stretch.failed.items():
            if why == PoisonEvent.__name__:
                raise UsageError(
                    f"input {sequence:,} has killed whoever stepped over it, and would kill its "
                    "test; choose a stretch without it by --from and --to"
                )
        return cls(folder, machine, begin, state, sequences, inputs, stretch)


class _File:
    """The source of the test."""

    def __init__(self, case: _Case, application: str, output: str | None) -> None:
        self._case = case
        self._application = application
        self._output = output
        classes = classes_of(case.machine)
        self._names = {name: kind for name, kind in classes.items() if name.isidentifier()}
        self._used: set[str] = set()
        self._imports = {"difference", "run_stretch"}

    def text(self) -> str:
        """The whole file."""
        case = self._case
        first, last = case.inputs[0][0], case.inputs[-1][0]
        rows = [(sequence, time, _plain_event(event)) for sequence, time, event in case.inputs]
        parts = [
            f"# The state before input {first:,}.",
            self._state("BEFORE", case.state),
            "\n# Sequence, time in nanoseconds since 1970, and the event.",
            self._assigned("INPUTS", rows),
            "\n# What each input led to, by its sequence; and those whose step raised, and what.",
            self._outputs(),
            self._assigned("FAILED", case.stretch.failed),
            f"\n# The state behind input {last:,}.",
            self._state("AFTER", case.stretch.state),
        ]
        more = ""
        if len(case.sequences) > 1:
            parts.append("\n# Of the next event of each machine of the pipeline.")
            parts.append(self._assigned("SEQUENCES", case.sequences))
            more = ", sequences=SEQUENCES"
        body = "\n".join(parts)
        test = _TEST.format(first=first, last=last, more=more)
        return "\n".join([*self._head(first, last, body), body, test])

    def _head(self, first: int, last: int, body: str) -> list[str]:
        where, _, name = self._application.rpartition(":")
        by_file = where.endswith(".py") or os.sep in where
        if self._used:
            self._imports.add("classes_of")
        lines = [f'"""Inputs {first:,} to {last:,} of a journal of {_name(self._case)}."""', ""]
        lines += ["from pathlib import Path", ""] if by_file else []
        lines += ["import numpy as np"] if "np." in body else []
        lines += ["from headrace.cli.loading import load"]
        lines += [f"from headrace.testing import {', '.join(sorted(self._imports))}", ""]
        if by_file:
            here = Path(self._output).resolve().parent if self._output else Path.cwd()
            relative = os.path.relpath(Path(where).resolve(), here)
            lines += ["HERE = Path(__file__).parent"]
            lines += [f'MACHINE = load(f"{{HERE}}/{relative}:{name}")']
        else:
            lines += [f'MACHINE = load("{self._application}")']
        lines += [f'{each} = classes_of(MACHINE)["{each}"]' for each in sorted(self._used)]
        return [*lines, ""]

    def _outputs(self) -> str:
        try:
            return self._assigned("OUTPUTS", self._case.stretch.outputs)
        except NotPlain as error:
            raise UsageError(
                f"the outputs cannot be written as Python source ({error}); a test of them has to "
                "be written by hand, with headrace.testing.run_stretch"
            ) from None

    def _state(self, name: str, state: Any) -> str:
        try:
            return self._assigned(name, state)
        except NotPlain:
            self._imports.add("text_state")
            text = state_text(self._case.machine, state)
            pieces = [f'    "{text[at : at + 80]}"' for at in range(0, len(text), 80)]
            return "\n".join([f"{name} = text_state(", "    MACHINE,", *pieces]) + ",\n)"

    def _assigned(self, name: str, value: Any) -> str:
        text = source(value, self._names, 0, len(name) + 3)
        self._used |= {each for each in self._names if re.search(rf"\b{each}[(.]", text)}
        return f"{name} = {text}"


def _name(case: _Case) -> str:
    machine = " >> ".join(each.name for each in stages_of(case.machine))
    room = WIDTH - 60
    return machine if len(machine) <= room else f"{machine[: room - 3]}..."


def _plain_event(event: Any) -> Any:
    """The event as a tuple or a number where that says it all, else its bytes."""
    value = event.tolist()[0]
    try:
        source(value, {})
        again = np.array([value], event.dtype)
    except (NotPlain, TypeError, ValueError):
        return event.tobytes()
    return value if again.tobytes() == event.tobytes() else event.tobytes()


_TEST = '''

def test_inputs_{first}_to_{last}() -> None:
    made = run_stretch(MACHINE, BEFORE, INPUTS{more})
    assert made.failed == FAILED
    assert made.outputs == OUTPUTS
    assert difference(AFTER, made.state) is None
'''
