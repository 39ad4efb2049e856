"""The progress bar of simulated runs: on standard error, where that is a terminal."""

from __future__ import annotations

import time
from types import TracebackType

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from headrace.simulation.coverage import Coverage

from .console import stderr

UPDATE_SECONDS = 0.1


class RunBar:
    """Shows how many runs are made, what they delivered, and how many failed."""

    def __init__(self, application: str, runs: int) -> None:
        console = stderr()
        self._shown_at = 0.0
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.completed:,}/{task.total:,} runs, {task.fields[told]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task(application, total=runs, told="")

    def show(self, coverage: Coverage) -> None:
        """How far it is now; may be called often."""
        if self._bar is None or time.monotonic() - self._shown_at < UPDATE_SECONDS:
            return
        self._shown_at = time.monotonic()
        told = f"{coverage.delivered:,} messages, {coverage.failed:,} failed"
        self._bar.update(self._task, completed=coverage.runs, told=told)

    def __enter__(self) -> RunBar:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
