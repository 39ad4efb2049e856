"""The debugger's screen: its parts, and that all of them show the same place."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from headrace.debugger.screen.asking import Asking
from headrace.debugger.screen.events import EventList
from headrace.debugger.screen.keys import KEYS
from headrace.debugger.screen.palette import FAINT, as_title
from headrace.debugger.screen.panels import FootLine, InputPanel, OutputPanel, header_text
from headrace.debugger.screen.state_tree import StateTree
from headrace.debugger.screen.timeline import Timeline
from headrace.debugger.session import Session
from headrace.debugger.tree import Tree
from headrace.errors import HeadraceError

FOLLOW_SECONDS = 0.5
PROGRESS_SECONDS = 0.1


class Main(Asking):
    """Time line, inputs, state and outputs of one place."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, key.action, key.told, show=False) for key in KEYS
    ]

    def __init__(self, session: Session, folder: str) -> None:
        super().__init__(session)
        self._folder = folder

    def compose(self) -> ComposeResult:
        """The parts."""
        session = self.session
        yield Static(id="header")
        yield Timeline(session, id="timeline")
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield EventList(session, id="events")
                yield InputPanel(id="input")
            with Vertical(id="right"):
                yield StateTree(id="state")
                yield OutputPanel(id="outputs")
        yield Static(id="status")
        yield FootLine(id="foot")

    def on_mount(self) -> None:
        """Show the first place."""
        self.query_one(EventList).focus()
        self.set_interval(FOLLOW_SECONDS, self.look_for_more)
        self.set_interval(PROGRESS_SECONDS, self.tell_progress)
        self.call_after_refresh(self.show_place)
        self.say("? for help")

    def on_resize(self) -> None:
        """Fill the new size."""
        self.call_after_refresh(self.show_place)

    def show_place(self) -> None:
        """Show in all parts where one stands now."""
        session, moment = self.session, self.session.moment
        self.query_one(EventList).show_place()
        tree = Tree(moment.state, session.changes)
        self.query_one(StateTree).show(tree.rows)
        count = len(session.changes)
        told = f"{count:,} change{'' if count == 1 else 's'}" if count else "no change"
        self.query_one(StateTree).border_title = (
            f" State behind {moment.sequence:,}  [{FAINT}]{told}[/] "
        )
        self.query_one(InputPanel).show(moment, session.first)
        self.query_one(OutputPanel).show(moment)
        self.show_frame()

    def show_frame(self) -> None:
        """Show what does not depend on the state: numbers, marks, keys."""
        session, width = self.session, self.size.width
        total = max(0, session.end - session.first)
        events = self.query_one(EventList)
        if session.filter is None:
            events.border_title = f" Inputs  [{FAINT}]{total:,}[/] "
        else:
            shown = as_title(session.filter.text)
            told = f"{len(session.filter):,} of {total:,}"
            events.border_title = f" Inputs  {shown}  [{FAINT}]{told}[/] "
        events.resized()
        self.query_one(Timeline).refresh()
        self.query_one("#header", Static).update(header_text(session, self._folder, width))

    def look_for_more(self) -> None:
        """See whether the journal has grown, and go along with it where that is wanted."""
        if self.is_busy:
            return
        try:
            grown = self.session.refresh()
        except (HeadraceError, OSError) as error:
            self.say(str(error), "error")
            return
        if self.session.following and self.session.place < self.session.end:
            self.go(self.session.end, keep_following=True)
        elif grown:
            self.show_frame()

    # The parts say where to go.

    def on_event_list_chosen(self, event: EventList.Chosen) -> None:
        """Stand behind an input."""
        self.go(self.session.clamped(event.sequence + 1))

    def on_timeline_scrubbed(self, event: Timeline.Scrubbed) -> None:
        """Stand at a place of the time line."""
        self.go(event.place)
