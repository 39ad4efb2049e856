"""Workers that are paused (SIGSTOP, a debugger): told, and after some time declared dead.

A paused process is not dead: what it has in hand it may finish, so nobody may take its place while
it can wake up. So who is declared dead is killed first, which needs no waking up, and only its end,
which the system reports, makes room for a successor.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from headrace.ringbuffer import liveness
from headrace.runtime.remote import RemoteStage, WorkerRun

log = logging.getLogger("headrace.runtime")

LOOK_SECONDS = 0.2


class PauseWatch:
    """Looks now and then who is paused. `paused_max`: seconds until it is killed; None: never."""

    def __init__(self, paused_max: float | None) -> None:
        self._paused_max = paused_max
        self._since: dict[WorkerRun, float] = {}
        self._looked = 0.0

    def look(self, stages: Iterable[RemoteStage], now: float) -> None:
        """Look at the workers, if it is time to; `now`: seconds, of a monotonic clock."""
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        for stage in stages:
            if stage.run is not None and not stage.stopped:
                self._look_at(stage, stage.run, now)

    def _look_at(self, stage: RemoteStage, run: WorkerRun, now: float) -> None:
        state = liveness.state_of(run.process.pid, run.started)
        extra = {"stage": stage.name, "pid": run.process.pid}
        if state != liveness.STOPPED:
            if self._since.pop(run, None) is not None and state == liveness.ALIVE:
                log.info("the worker of stage %s runs again", stage.name, extra=extra)
            return
        if run not in self._since:
            self._since[run] = now
            log.warning(
                "the worker of stage %s (process %s) is paused, and what is in front of it waits",
                stage.name, run.process.pid, extra=extra,
            )  # fmt: skip
        elif self._paused_max is not None and now - self._since[run] >= self._paused_max:
            log.error(
                "the worker of stage %s (process %s) was paused for %g s: it is killed",
                stage.name, run.process.pid, now - self._since[run], extra=extra,
            )  # fmt: skip
            run.kill()
