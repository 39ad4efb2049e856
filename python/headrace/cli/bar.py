"""The progress bar: on standard error, and only where that is a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from headrace.tabular import STDIO, Source

from .console import stderr, stdout
from .job import Tally

UPDATE_SECONDS = 0.1


@contextmanager
def progress_bar(
    source: Source, output_file: str | None, tally: Tally
) -> Iterator[Callable[[], None]]:
    """Show how far the source is; gives the function to call, often, when it has moved on."""
    console = stderr()
    occupied = output_file == STDIO and stdout().is_terminal  # outputs scroll by on it
    if occupied or not console.is_terminal:
        yield lambda: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[events]:,} events"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    # transient: what is worth keeping is in the summary.
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(source.file, total=source.total, events=0)
        shown_at = time.monotonic()

        def progressed() -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at > UPDATE_SECONDS:
                shown_at = time.monotonic()
                bar.update(task, completed=source.done, events=tally.events)

        yield progressed
