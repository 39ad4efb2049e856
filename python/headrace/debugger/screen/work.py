"""Long work in a thread of its own: one at a time, told about while it runs, and cancelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.text import Text
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from headrace.debugger.screen.palette import TEXTS
from headrace.debugger.watch import Cancelled, Watch
from headrace.errors import HeadraceError

PROGRESS_CELLS = 20
Job = Callable[[Watch], Any]
Then = Callable[[Any], None]


@dataclass
class Finished(Message):
    """Work came to its end, one way or another."""

    watch: Watch
    result: Any
    error: BaseException | None
    then: Then


class Working(Screen[None]):
    """A screen with a status line, and work behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.work: Watch | None = None
        self._what = ""
        self._next: tuple[str, Job, Then] | None = None
        self._refused = False  # something else was wanted meanwhile

    @property
    def is_busy(self) -> bool:
        """Whether something runs."""
        return self.work is not None

    def say(self, text: str, style: str = "dim") -> None:
        """Put something in the status line."""
        self.query_one("#status", Static).update(
            Text(f" {text}", TEXTS[style], no_wrap=True, overflow="ellipsis")
        )

    def start(self, what: str, job: Job, then: Then, instead: bool = False) -> None:
        """Run a job in a thread, `then` with its result in this one.

        While another one runs it is refused, or takes its place (`instead`).
        """
        if self.work is not None:
            if instead:
                self._next = what, job, then
                self.work.cancel()
            else:
                self._refused = True
                self.tell_progress()
            return
        watch = self.work = Watch()
        self._what, self._refused = what, False
        self.tell_progress()

        def run() -> None:
            result, failure = None, None
            try:
                result = job(watch)
            except BaseException as error:  # whatever it is, the screen has to hear of it
                failure = error
            self.post_message(Finished(watch, result, failure, then))

        self.run_worker(run, thread=True, exit_on_error=False)

    def tell_progress(self) -> None:
        """How far it is."""
        watch = self.work
        if watch is None:
            return
        share = min(1.0, watch.done / watch.total) if watch.total else 0.0
        full = round(share * PROGRESS_CELLS)
        what = f"still {self._what}" if self._refused else self._what
        text = Text(f" {what}  ", TEXTS["text"], no_wrap=True, end="")
        text.append("━" * full, TEXTS["here"])
        text.append("━" * (PROGRESS_CELLS - full), TEXTS["line"])
        text.append(f" {share:4.0%}   ", TEXTS["dim"])
        text.append("Esc gives it up", TEXTS["error" if self._refused else "dim"])
        self.query_one("#status", Static).update(text)

    def on_finished(self, event: Finished) -> None:
        """Hand on what came of it."""
        self.work = None
        following, self._next = self._next, None
        if following is not None:
            self.start(*following)
        elif event.error is None:
            self.say("")
            event.then(event.result)
        elif isinstance(event.error, Cancelled):
            self.say("given up; nothing has moved")
        elif isinstance(event.error, HeadraceError | OSError):
            self.say(str(event.error), "error")
        else:
            self.say(f"{type(event.error).__name__}: {event.error}", "error")

    def give_up(self) -> bool:
        """Cancel what runs; False if nothing does."""
        if self.work is None:
            return False
        self._next = None
        self.work.cancel()
        return True
