"""What the keys do."""

from __future__ import annotations

from typing import Any

from headrace.debugger.expressions import EventTest, StateTest
from headrace.debugger.screen.answers import Compared, Help, branches_dialog, why_dialog
from headrace.debugger.screen.dialogs import Ask, Breakpoints, Edit
from headrace.debugger.screen.state_tree import StateTree
from headrace.debugger.screen.work import Working
from headrace.debugger.session import BRANCH_INPUTS, Session, Stop, Why
from headrace.debugger.tree import MORE
from headrace.errors import HeadraceError
from headrace.replay import Branch

TESTS = "as in  amount > 100 and key in (1, 3);  also sequence and time_ns"


class Asking(Working):
    """The commands, each an action with the name that the table of keys gives it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._search = ""
        self._first_where = ""
        self._titles: list[str] = []  # of the branches

    def show_place(self) -> None:
        """Show where one stands now."""
        raise NotImplementedError

    def show_frame(self) -> None:
        """Show the numbers and marks."""
        raise NotImplementedError

    # Going somewhere.

    def go(self, place: int, keep_following: bool = False) -> None:
        """Go to a place: at once if it is near, else behind a note of how far it is."""
        if not keep_following:
            self.session.following = False
        if self.is_busy:
            self._go_far(place)
            return
        try:
            if not self.session.is_near(place):
                self._go_far(place)
                return
            self.session.go(place)
        except (HeadraceError, OSError) as error:
            self.say(str(error), "error")
            return
        self.say("")
        self.show_place()

    def _go_far(self, place: int) -> None:
        going = self._what.startswith("going to")
        self.start(
            f"going to {place:,}",
            lambda watch: self.session.go(place, watch),
            lambda _: self.show_place(),
            instead=going,
        )

    def action_step(self, count: int) -> None:
        """By some inputs."""
        place = self.session.clamped(self.session.place + count)
        if place == self.session.place:
            self.say("this is the last place" if count > 0 else "this is the first place")
        else:
            self.go(place)

    def action_go_first(self) -> None:
        """To the first place."""
        self.go(self.session.first)

    def action_go_last(self) -> None:
        """To the last place."""
        self.go(self.session.end)

    def action_scrub(self, hundredths: int) -> None:
        """By parts of the journal."""
        session = self.session
        part = max(1, (session.end - session.first) // 100)
        self.go(session.clamped(session.place + hundredths * part))

    def action_go_to(self) -> None:
        """To a place that is typed."""
        session = self.session

        def chosen(text: str | None) -> None:
            if text is not None:
                self.go(session.read_place(text))

        hint = f"{session.first:,} to {session.end:,};  +50 and -50 from here;  30%"
        self.app.push_screen(Ask("Go to", hint, "", session.read_place), chosen)

    def action_follow(self) -> None:
        """With the end of the journal, or no more."""
        self.session.following = not self.session.following
        self.say("following the end of the journal" if self.session.following else "staying here")
        if self.session.following and self.session.place < self.session.end:
            self.go(self.session.end, keep_following=True)
        self.show_frame()

    # Stopping.

    def action_breakpoints(self) -> None:
        """Set, switch, remove."""
        self.app.push_screen(Breakpoints(self.session), lambda _: self.show_frame())

    def action_run(self) -> None:
        """To the next breakpoint."""
        self._run("running to the next breakpoint", self.session.run, "after")

    def action_run_back(self) -> None:
        """To the one before."""
        self._run("running back to a breakpoint", self.session.run_back, "before")

    def _run(self, what: str, job: Any, where: str) -> None:
        self.session.following = False

        def then(stop: Stop | None) -> None:
            if stop is None:
                self.say(f"no breakpoint is reached {where} this place")
            else:
                self.show_place()
                self.say(f"◆ {stop.breakpoint.text}", "removed")

        self.start(what, job, then)

    def action_first_where(self) -> None:
        """To the first place where a test holds."""

        def chosen(text: str | None) -> None:
            if text is None:
                return
            self._first_where = text
            self.session.following = False
            self.start(
                "looking at every state",
                lambda watch: self.session.go_to_first(text, watch),
                lambda found: self._arrived(found, f"it never holds: {text}"),
            )

        hint = "a test of the state, as in  airports[2].departed > 5"
        self.app.push_screen(Ask("First place where", hint, self._first_where, StateTest), chosen)

    def _arrived(self, found: int | None, otherwise: str) -> None:
        if found is None:
            self.say(otherwise, "error")
        else:
            self.show_place()

    # Finding inputs.

    def _test(self, text: str) -> object:
        return EventTest(text, self.session.dtype)

    def action_search(self) -> None:
        """For an input that passes a test."""

        def chosen(text: str | None) -> None:
            if text is not None:
                self._search = text
                self._find(True)

        self.app.push_screen(Ask("Find the next input", TESTS, self._search, self._test), chosen)

    def _find(self, forwards: bool) -> None:
        if not self._search:
            self.say("nothing is being looked for; / asks what")
            return
        text, where = self._search, "after" if forwards else "before"
        self.session.following = False
        self.start(
            f"looking for {text}",
            lambda watch: self.session.find(text, forwards, watch),
            lambda found: self._arrived(found, f"no input {where} this one passes {text}"),
        )

    def action_find_next(self) -> None:
        """The next one that passes."""
        self._find(True)

    def action_find_previous(self) -> None:
        """The one before."""
        self._find(False)

    def action_filter(self) -> None:
        """List only what passes."""
        was = self.session.filter

        def chosen(text: str | None) -> None:
            if text is not None:
                self.start(
                    "reading the inputs",
                    lambda watch: self.session.set_filter(text, watch),
                    lambda _: self.show_place(),
                )

        hint = f"{TESTS};  empty: all of them"
        check = Ask(
            "Show inputs", hint, "" if was is None else was.text,
            lambda text: text.strip() and self._test(text),
        )  # fmt: skip
        self.app.push_screen(check, chosen)

    # Questions.

    def action_why(self) -> None:
        """What changed the value under the cursor."""
        path = self.query_one("#state", StateTree).path
        if path is None or path.endswith(MORE):
            self.say("put the cursor of the state on a value first (Tab)")
            return
        path = path.split("{")[0] if path.endswith("}") else path

        def then(why: Why) -> None:
            if not why.found:
                self.say(f"no input up to here changed {why.path}")
                return
            self.app.push_screen(why_dialog(why), lambda at: self._go_why(why, at))

        self.start(f"asking why {path}", lambda watch: self.session.why(path, watch), then)

    def _go_why(self, why: Why, at: int | None) -> None:
        if at is not None:
            sequence, change = why.found[at]
            self.go(sequence + 1)
            self.query_one("#state", StateTree).go_to_path(change.path)

    def action_next_change(self) -> None:
        """To the next thing that changed."""
        tree = self.query_one("#state", StateTree)
        if tree.next_change():
            tree.focus()
        else:
            self.say("the last input changed nothing")

    def action_edit(self) -> None:
        """Change the input, and compare."""
        session = self.session
        if session.moment.event is None:
            self.say("there is no input here to change; step on by one first")
            return
        end = min(session.end, session.place - 1 + BRANCH_INPUTS)

        def chosen(answer: tuple[Any, int] | None) -> None:
            if answer is not None:
                self._branch(*answer)

        self.app.push_screen(Edit(session, end), chosen)

    def action_drop(self) -> None:
        """Compare with a future without the input."""
        self._branch("drop", None)

    def _branch(self, edit: Any, end: int | None) -> None:
        at = self.session.place - 1
        if edit == "drop":
            title = f"without input {at:,}"
        else:
            was = self.session.event_values()
            new = edit if isinstance(edit, dict) else {"value": edit(None)[0]}
            told = ", ".join(f"{name} {was[name]} → {value}" for name, value in new.items())
            title = f"input {at:,} with {told}"

        def then(branch: Branch) -> None:
            self._titles.append(title)
            self.show_frame()
            self.app.push_screen(Compared(branch, title))

        self.start(
            "stepping two futures", lambda watch: self.session.branch(edit, end, watch), then
        )

    def action_branches(self) -> None:
        """The comparisons so far."""
        branches = self.session.branches
        if not branches:
            self.say("nothing was compared yet; e changes an input, d drops it")
            return

        def chosen(at: int | None) -> None:
            if at is not None:
                self.app.push_screen(Compared(branches[at], self._titles[at]))

        self.app.push_screen(branches_dialog(branches, self._titles), chosen)

    # The screen.

    def action_cancel(self) -> None:
        """Give up what runs."""
        if not self.give_up():
            self.say("")

    def action_help(self) -> None:
        """All keys."""
        self.app.push_screen(Help())

    def action_quit(self) -> None:
        """Leave."""
        self.give_up()
        self.app.exit()
