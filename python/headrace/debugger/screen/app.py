"""The application: one screen over a session, and the style of all of it."""

from __future__ import annotations

from textual.app import App
from textual.theme import Theme

from headrace.debugger.screen import palette
from headrace.debugger.screen.main import Main
from headrace.debugger.session import Session

THEME = Theme(
    name="headrace",
    primary=palette.HERE,
    accent=palette.CHANGED,
    success=palette.NEW,
    error=palette.GONE,
    warning=palette.CHANGED,
    foreground=palette.TEXT,
    background=palette.BACK,
    surface=palette.BACK,
    panel=palette.PANEL,
    dark=True,
)


class Debugger(App[None]):
    """The debugger of one journal."""

    CSS_PATH = "style.tcss"
    ENABLE_COMMAND_PALETTE = False
    TITLE = "headrace debug"

    def __init__(self, session: Session, folder: str) -> None:
        super().__init__()
        self.session = session
        self._folder = folder
        self.register_theme(THEME)
        self.theme = "headrace"

    def on_mount(self) -> None:
        """Show it."""
        self.push_screen(Main(self.session, self._folder))


def run(session: Session, folder: str) -> None:
    """Show the debugger until somebody leaves it."""
    Debugger(session, folder).run()
