"""What is told at the end of a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape

from headrace.compose import Pipeline, Topology, lay_out
from headrace.compose.topology import machines_of
from headrace.errors import MachineError
from headrace.machine import Machine
from headrace.state import state_digest

from .job import Tally
from .options import Options, Place

PERCENTILES = (50, 99, 99.9)


@dataclass(frozen=True)
class Done:
    """A job that went well: what was asked for, and what it came to."""

    options: Options
    machine: Machine | Topology
    tally: Tally
    seconds: float
    state: Any
    dead_letters: int
    dead_letter_files: list[str]


def print_summary(console: Console, done: Done) -> None:
    """Print a line for each figure."""
    tally, options = done.tally, done.options
    stepping = tally.stepping_ns / 1e9
    output = options.output_file
    where = f" to {_name(output, 'stdout')}" if output else ", not written"
    lines = {
        **_machines(done.machine, options),
        "events in": f"{tally.events:,} from {_name(options.input_file, 'stdin')}",
        "outputs": f"{tally.outputs:,}{where}",
        "whole job": f"{done.seconds:.3f} s, {_rate(tally.events, done.seconds)}",
        "engine": f"{stepping:.3f} s, {_rate(tally.events, stepping)}",
        "time per event": _quantiles(tally, options),
    }
    if done.dead_letter_files:
        files = ", ".join(_name(file, "stdout") for file in done.dead_letter_files)
        lines["dead letters"] = f"{done.dead_letters:,} to {files}"
    lines["state digest"] = _digest(done.state)
    for label, text in lines.items():
        console.print(f"[bold]{label:<16}[/]{escape(text)}")


def _machines(machine: Machine | Topology, options: Options) -> dict[str, str]:
    """What ran, and the forms of the steps; and where, if that was asked for."""
    forms = [_form(one, options) for one in machines_of(machine)]
    if isinstance(machine, Machine | Pipeline):
        lines = {"machine": " >> ".join(forms)}
    else:
        lines = {"topology": repr(machine), "machines": ", ".join(forms)}
    if options.place is Place.PROCESSES:
        count = len(lay_out(machine).stages)
        lines["place"] = f"{count} worker process{'es' * (count > 1)}"
    return lines


def _form(machine: Machine, options: Options) -> str:
    """The machine and the form of its step that was used: the engine's choice if none is asked."""
    fastest = "python"
    if machine.native is not None:
        fastest = "native"
    elif machine.step_batch is not None:
        fastest = "batch"
    return f"{machine.name} ({options.step or fastest} step)"


def _quantiles(tally: Tally, options: Options) -> str:
    if not tally.events:
        return "none"
    figures = ", ".join(
        f"p{percent:g} {_nanoseconds(tally.latency_ns(percent))}" for percent in PERCENTILES
    )
    return f"{figures} (batches of {options.batch:,})"


def _digest(state: Any) -> str:
    try:
        return state_digest(state)
    except MachineError as error:
        return f"none, because {error}"


def _name(file: str, standard: str) -> str:
    return standard if file == "-" else file


def _rate(events: int, seconds: float) -> str:
    return f"{events / seconds:,.0f} events/s" if seconds else "0 events/s"


def _nanoseconds(value: float) -> str:
    return f"{value:,.0f} ns" if value >= 10 else f"{value:.2f} ns"
