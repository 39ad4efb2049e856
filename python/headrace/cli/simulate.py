"""`headrace simulate`: many runs of a system in simulated worlds, on several cores."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Annotated

import msgspec
import typer

from headrace.errors import UsageError
from headrace.simulation import Run, Simulation, shrink
from headrace.simulation.coverage import Coverage

from .console import FAILED, counted, remark, reported, stderr, stdout
from .interrupts import exit_code, terminable
from .known_seeds import add_seed, read_seeds
from .loading import load_one
from .run_bar import RunBar
from .simulate_files import Files
from .simulate_report import print_coverage, print_failure
from .simulate_twice import compare, print_digests
from .workers import JOBS_MAX, Workers

BATCH = 20  # runs, from one report of a worker to the next

ToTest = Annotated[
    str | None,
    typer.Option("--to-test", metavar="FILE", help="Write the run that fails as a test."),
]
Journals = Annotated[
    str | None,
    typer.Option(
        "--journals",
        metavar="DIR",
        help="Write the run that fails as journals, one "
        "for each node, that `headrace debug` opens.",
    ),
]
Known = Annotated[
    str | None,
    typer.Option(
        "--known",
        metavar="FILE",
        help="A file of seeds that failed once: they are run first, and new ones added.",
    ),
]
Twice = Annotated[
    bool,
    typer.Option(
        "--twice",
        help="Compare each run, step by step, with one that hashes texts "
        "differently; a few runs tell.",
    ),
]


def simulate(
    application: Annotated[
        str,
        typer.Argument(metavar="APP", help="`module:simulation` or `file.py:simulation`."),
    ],
    runs: Annotated[
        int, typer.Option("--runs", "-n", min=1, metavar="N", help="How many runs.")
    ] = 1000,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="S", help="Of the first; the others follow.")
    ] = 0,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, max=JOBS_MAX, help="Processes that run them.")
    ] = 1,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Do not stop at the first run that fails.")
    ] = False,
    no_shrink: Annotated[
        bool, typer.Option("--no-shrink", help="Leave a run that fails as it is.")
    ] = False,
    to_test: ToTest = None,
    journals: Journals = None,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write that run as a page.")
    ] = None,
    known: Known = None,
    twice: Twice = False,
    step: Annotated[int | None, typer.Option("--story", hidden=True)] = None,
    worker: Annotated[bool, typer.Option("--worker", hidden=True)] = False,
) -> None:
    """The command; its help text is in helptext.py."""
    with reported():
        simulation = load_one(application, Simulation, "simulation")
        if worker:
            _work(simulation, range(seed, seed + runs * jobs, jobs), keep_going)
        elif step is not None:
            print_digests(simulation, seed, None if step < 0 else step)
        elif twice:
            steps = compare(simulation, application, range(seed, seed + runs))
            told = f"{counted(runs, 'run')} went the same way twice, {steps:,} steps"
            stdout().print(f"[bold green]ok[/]: {told}")
        else:
            files = Files(to_test, journals, html)
            files.check()
            wanted = _Wanted(application, runs, seed, jobs, keep_going, no_shrink, known)
            found = _look(simulation, wanted)
            if found is not None:
                files.write(simulation, application, *found)
                raise typer.Exit(FAILED)
            files.write_page(application, seed, simulation.run(seed) if runs == 1 else None)


@dataclass(frozen=True)
class _Wanted:
    """Which runs, and how."""

    application: str
    runs: int
    seed: int
    jobs: int
    keep_going: bool
    no_shrink: bool
    known: str | None


def _look(simulation: Simulation, wanted: _Wanted) -> tuple[int, Run] | None:
    """Make the runs, and say what they came to; a seed that failed, and its run, if any did."""
    began = time.monotonic()
    try:
        with terminable():
            coverage = _run_all(simulation, wanted)
            failed = _first_failure(simulation, coverage, wanted.no_shrink)
    except KeyboardInterrupt as interrupt:
        remark("stopped before all runs were made")
        raise typer.Exit(exit_code(interrupt)) from None
    print_coverage(stdout(), simulation, coverage, time.monotonic() - began)
    if failed is None:
        return None
    seed, failure = coverage.failures[0]
    add_seed(wanted.known, seed, failure)
    print_failure(
        stdout(), wanted.application, seed, failed, is_small=not wanted.no_shrink
    )
    return seed, failed


def _run_all(simulation: Simulation, wanted: _Wanted) -> Coverage:
    coverage = Coverage()
    jobs = min(wanted.jobs, wanted.runs)
    with RunBar(wanted.application, wanted.runs) as bar:
        for each in read_seeds(wanted.known):
            coverage.add(simulation.run(each))
            if coverage.failed and not wanted.keep_going:
                return coverage
        if jobs == 1:
            for each in range(wanted.seed, wanted.seed + wanted.runs):
                coverage.add(simulation.run(each))
                bar.show(coverage)
                if coverage.failed and not wanted.keep_going:
                    break
            return coverage
        with Workers(
            wanted.application, wanted.runs, wanted.seed, jobs, wanted.keep_going
        ) as workers:
            for part in workers:
                coverage.merge(part)
                bar.show(coverage)
                if coverage.failed and not wanted.keep_going:
                    break
    return coverage


def _first_failure(simulation: Simulation, coverage: Coverage, no_shrink: bool) -> Run | None:
    if not coverage.failures:
        return None
    run = simulation.run(coverage.failures[0][0])
    if run.ok:
        raise UsageError(
            f"seed {run.plan.seed} failed, and did not when it was run again: something in the "
            "nodes depends on more than their inputs"
        )
    if no_shrink:
        return run
    tried = 0

    def count(_: Run) -> None:
        nonlocal tried
        tried += 1

    small = shrink(run, tried=count)
    stderr().print(f"[dim]seed {run.plan.seed} was made small in {counted(tried, 'run')}[/]")
    return small


def _compare(simulation: Simulation, application: str, seeds: range) -> None:
    steps = compare(simulation, application, seeds)
    runs = counted(len(seeds), "run")
    stdout().print(f"[bold green]ok[/]: {runs} went the same way twice, {steps:,} steps")


def _work(simulation: Simulation, seeds: range, keep_going: bool) -> None:
    """Run seeds, and tell of them in lines of JSON: what the process that asked for them reads."""
    coverage = Coverage()
    for place, seed in enumerate(seeds, 1):
        coverage.add(simulation.run(seed))
        if place % BATCH == 0 or seed == seeds[-1] or (coverage.failed and not keep_going):
            sys.stdout.buffer.write(msgspec.json.encode(coverage) + b"\n")
            sys.stdout.buffer.flush()
            if coverage.failed and not keep_going:
                return
            coverage = Coverage()
