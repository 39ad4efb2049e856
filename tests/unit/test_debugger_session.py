"""The debugger without a screen: going, breakpoints, search, filter, why, branches, the tail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from debugger_tools import account_total, book, trades, write_journal

import headrace as hr
from headrace.debugger import session as sessions
from headrace.debugger.edits import read_edit, read_value
from headrace.debugger.expressions import ExpressionError
from headrace.debugger.session import Session
from headrace.debugger.watch import Cancelled, Watch, stretches
from headrace.errors import HistoryGone, UsageError

COUNT = 1000


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_journal(tmp_path_factory.mktemp("debugger") / "trades.journal", COUNT)


@pytest.fixture
def session(journal: Path) -> Session:
    return Session(str(journal), book)


class Impatient(Watch):
    """Cancels itself after it was told so often how far the work is."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    def tell(self, done: int, total: int) -> None:
        assert 0 <= done <= total
        self.left -= 1
        if self.left < 0:
            self.cancel()
        super().tell(done, total)


# -- going -----------------------------------------------------------------------------------


def test_begins_at_the_first_place(session: Session) -> None:
    assert (session.first, session.place, session.end) == (0, 0, COUNT)
    assert session.moment.event is None
    assert session.changes == []
    assert session.name == "book"


@pytest.mark.parametrize("place", [1, 2, 64, 65, 500, COUNT])
def test_goes_and_tells_what_changed(session: Session, place: int) -> None:
    session.go(place)
    key = (place - 1) % 3
    assert session.moment.state.accounts[key].total == account_total(place, key)
    assert session.moment.event[0] == trades(1, place - 1)[0]
    changed = {change.path: (change.before, change.after) for change in session.changes}
    trades_before = (place - 1) // 3
    assert changed[f"state.accounts[{key}].trades"] == (trades_before, trades_before + 1)


def test_steps_on_and_back_with_the_same_changes(session: Session) -> None:
    seen = {}
    for _ in range(120):
        session.step()
        seen[session.place] = session.moment.state, [str(each) for each in session.changes]
    for _ in range(119):
        session.step(-1)
        state, changed = seen[session.place]
        assert session.moment.state == state
        assert [str(each) for each in session.changes] == changed
    session.step(-100)
    assert session.place == 0
    session.step(COUNT + 100)
    assert session.place == COUNT


def test_nowhere_else(session: Session) -> None:
    session.go(5)
    for place in (-1, COUNT + 1):
        with pytest.raises(HistoryGone):
            session.go(place)
    assert session.place == 5


def test_what_is_near(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "NEAR", 100)
    assert session.is_near(100)
    assert not session.is_near(102)
    session.go(700)
    assert session.is_near(750)
    assert not session.is_near(690)  # only on from here, and there is no snapshot


def test_a_long_way_can_be_given_up(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "STRIDE", 50)
    session.go(10)
    with pytest.raises(Cancelled):
        session.go(900, Impatient(5))
    assert session.place == 10
    assert session.go(900, Impatient(50)).state.accounts[0].total == account_total(900, 0)


@pytest.mark.parametrize(
    ("text", "place"),
    [("700", 700), (" 1,000 ", 1000), ("+5", 105), ("-100", 0), ("30%", 300), ("0", 0)],
)
def test_places_as_they_are_typed(session: Session, text: str, place: int) -> None:
    session.go(100)
    assert session.read_place(text) == place


@pytest.mark.parametrize(
    "text", ["", "x", "1001", "-101", "101%", "-1%", "nan%", "1.5", "+", "9" * 99]
)
def test_what_is_no_place(session: Session, text: str) -> None:
    session.go(100)
    with pytest.raises(UsageError):
        session.read_place(text)


# -- breakpoints -----------------------------------------------------------------------------


def begins(test: Callable[[Any], bool]) -> list[int]:
    """Where a test begins to hold, by looking at every state."""
    state, found, before = book.initial(), [], True
    before = test(state)
    for place, event in enumerate(trades(COUNT), 1):
        state, _ = book.step(state, *event.item())
        now = test(state)
        if now and not before:
            found.append(place)
        before = now
    return found


def test_runs_to_each_breakpoint_and_back(session: Session) -> None:
    session.add_breakpoint("accounts[1].total % 500 > 400")
    session.add_breakpoint("large[2] == 7")
    wanted = sorted(
        {
            *begins(lambda state: state.accounts[1].total % 500 > 400),
            *begins(lambda state: state.large.get(2) == 7),
        }
    )
    assert len(wanted) > 10
    found = []
    while (stop := session.run()) is not None:
        assert stop.sequence == session.place
        found.append(stop.sequence)
    assert found == wanted == sorted(session.stops)
    session.go(COUNT)
    back = []
    while (stop := session.run_back()) is not None:
        back.append(stop.sequence)
    assert back == wanted[::-1]
    assert session.place == wanted[0]


def test_a_run_stays_where_it_is_without_a_stop(session: Session) -> None:
    session.go(17)
    with pytest.raises(UsageError, match="no breakpoint"):
        session.run()
    breakpoint_ = session.add_breakpoint("accounts[0].trades == 100")
    assert session.run_back() is None
    assert session.place == 17
    breakpoint_.on = False
    with pytest.raises(UsageError, match="no breakpoint"):
        session.run()
    breakpoint_.on = True
    stop = session.run()
    assert stop is not None
    assert (stop.sequence, stop.breakpoint) == (298, breakpoint_)


def test_a_broken_breakpoint_is_not_set(session: Session) -> None:
    for text in ("nosuch > 5", "accounts[", "accounts.pop()"):
        with pytest.raises(ExpressionError):
            session.add_breakpoint(text)
    assert session.breakpoints == []


def test_a_breakpoint_that_breaks_on_the_way_moves_nothing(session: Session) -> None:
    session.go(3)
    session.add_breakpoint("100 / (20 - accounts[0].trades) > 1000")
    with pytest.raises(ExpressionError, match=r"behind 58 inputs: division by zero"):
        session.run()
    assert session.place == 3


@pytest.mark.parametrize("job", ["run", "run_back", "go_to_first", "why"])
def test_long_work_can_be_given_up(
    session: Session, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "BACK_FIRST", 16)
    monkeypatch.setattr(sessions, "BACK_MAX", 32)
    session.go(300)
    session.add_breakpoint("accounts[0].trades == -1")
    work: dict[str, Callable[[Watch], Any]] = {
        "run": session.run,
        "run_back": session.run_back,
        "go_to_first": lambda watch: session.go_to_first("last == 'x'", watch),
        "why": lambda watch: session.why("large", watch),
    }
    with pytest.raises(Cancelled):
        work[job](Impatient(1))
    assert session.place == 300
    assert work[job](Impatient(10_000)) is None or job == "why"


def test_first(session: Session) -> None:
    session.go(900)
    assert session.go_to_first("accounts[2].total > 3000") == session.place
    first = begins(lambda state: state.accounts[2].total > 3000)[0]
    assert session.place == first
    assert session.go_to_first("accounts[2].total < 0") is None
    assert session.place == first
    assert session.go_to_first("accounts[2].total == 0") == 0


# -- inputs ----------------------------------------------------------------------------------


def test_finds_in_both_directions(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.debugger.search.CHUNK", 100)
    wanted = [n for n in range(COUNT) if n % 100 == 42 and n % 3 == 1]
    found = []
    while (at := session.find("amount == 42 and key == 1")) is not None:
        assert session.place == at + 1
        found.append(at)
    assert found == wanted
    session.go(COUNT)
    back = []
    while (at := session.find("amount == 42 and key == 1", forwards=False)) is not None:
        back.append(at)
    assert back == wanted[::-1]
    with pytest.raises(ExpressionError):
        session.find("nosuch == 1")
    assert session.place == wanted[0] + 1
    session.go(0)
    assert session.find("True", forwards=False) is None
    assert session.find("True") == 0


def test_a_filter_knows_rows_and_sequences(session: Session) -> None:
    made = session.set_filter("amount == 7")
    assert made is session.filter is not None
    assert [made.sequence(row) for row in range(len(made))] == list(range(7, COUNT, 100))
    assert [made.row(at) for at in (6, 7, 8, 107, 999)] == [-1, 0, 0, 1, 9]
    assert session.set_filter(" ") is session.filter is None
    with pytest.raises(Cancelled):
        session.set_filter("amount == 7", Impatient(0))
    with pytest.raises(ExpressionError):
        session.set_filter("amount ==")
    assert session.filter is None


# -- questions -------------------------------------------------------------------------------


def test_why_is_what_the_history_says(session: Session) -> None:
    session.go(800)
    for path in ("accounts[2].total", "large", "seen", "last"):
        why = session.why(path)
        wanted = session.history.why(path, 0, 800)[::-1]
        assert wanted
        assert [(n, str(c)) for n, c in why.found] == [(n, str(c)) for n, c in wanted][:500]
    assert session.place == 800
    assert session.why("nosuch").found == []


def test_why_stops_when_it_has_enough(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "WHY_MAX", 5)
    monkeypatch.setattr(sessions, "BACK_FIRST", 10)
    session.go(800)
    why = session.why("accounts[0].trades")
    assert [sequence for sequence, _ in why.found] == [798, 795, 792, 789, 786]
    assert why.begin > 700


def test_branches(session: Session) -> None:
    session.go(92)  # input 91 is the first large one of account 1
    branch = session.branch({"amount": 5})
    assert (branch.at, branch.end, branch.parted) == (91, COUNT, 91)
    changed = {change.path: (change.before, change.after) for change in branch.changes}
    total = account_total(COUNT, 1)
    assert changed["state.accounts[1].total"] == (total, total - 86)
    assert len(branch.outputs_only_there) > 2
    dropped = session.branch("drop", end=100)
    assert dropped.end == 100
    assert dropped.state.accounts[1].trades == dropped.was.accounts[1].trades - 1
    assert session.branches == [branch, dropped]
    assert session.place == 92
    assert session.moment.state == session.history.state_at(92)


def test_a_branch_needs_an_input_and_can_be_given_up(session: Session) -> None:
    with pytest.raises(UsageError, match="no input here"):
        session.branch("drop")
    session.go(10)
    with pytest.raises(Cancelled):
        session.branch("drop", watch=Impatient(2))
    with pytest.raises(UsageError, match="has no field"):
        session.branch({"nosuch": 1})
    assert session.branches == []
    assert session.branch("drop").end == COUNT


def test_edits_from_text(session: Session) -> None:
    session.go(6)
    values = session.event_values()
    texts = {name: str(value) for name, value in values.items()}
    assert values == {"key": 2, "amount": 5, "price": 1.25, "side": b"sell"}
    with pytest.raises(UsageError, match="nothing is changed"):
        read_edit(session.dtype, values, texts)
    edit = read_edit(session.dtype, values, {**texts, "amount": "-7", "side": "buy"})
    assert edit == {"amount": -7, "side": b"buy"}
    for name, text in (("amount", "x"), ("amount", "1.5"), ("amount", "9" * 12), ("price", "'a'")):
        with pytest.raises(UsageError, match=rf"^{name}: "):
            read_edit(session.dtype, values, {**texts, name: text})


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [("?", "True", True), ("u1", "255", 255), ("U4", "a'b", "a'b"), ("S4", "b'x'", b"x"),
     ("f4", "2", 2), ("(2,)i4", "[1, 2]", [1, 2])],
)  # fmt: skip
def test_values_from_text(form: str, text: str, value: Any) -> None:
    import numpy as np

    dtype = np.dtype([("a", form)])["a"]
    assert read_value(dtype, text, "a") == value


# -- the tail, snapshots, and what is not kept -----------------------------------------------


def test_follows_a_journal_that_is_being_written(tmp_path: Path) -> None:
    folder = str(tmp_path / "live.journal")
    with hr.Engine(book, journal=hr.Journal(folder, level="os")) as engine:
        engine.publish(trades(10), durable=True)
        session = Session(folder, book)
        session.set_filter("amount >= 8")
        assert session.end == 10
        assert not session.refresh()
        engine.publish(trades(20, 10), durable=True)
        assert session.refresh()
        assert session.end == 30
        assert len(session.filter or ()) == 22
        session.go(30)
        assert session.moment.state.accounts[0].total == account_total(30, 0)


def test_where_the_first_inputs_are_gone(tmp_path: Path) -> None:
    folder = str(tmp_path / "short.journal")
    settings = hr.Journal(
        folder, level="os", segment_bytes=1 << 16, snapshots_kept=1, keep="snapshots"
    )
    with hr.Engine(book, journal=settings) as engine:
        for at in range(0, 9000, 1500):
            engine.publish(trades(1500, at), durable=True)
            engine.snapshot()
    session = Session(folder, book)
    assert session.first > 0
    assert session.place == session.first
    session.step(-1)
    assert session.place == session.first
    session.add_breakpoint("accounts[0].trades > 1")
    assert session.run_back() is None
    session.go(session.end)
    assert session.moment.state.accounts[2].total == account_total(9000, 2)
    assert session.find("sequence < 5", forwards=False) is None
    assert all(sequence >= session.first for sequence, _ in session.why("last").found)


def test_stretches() -> None:
    assert list(stretches(3, 10, 4)) == [(3, 7), (7, 10)]
    assert list(stretches(3, 10, -4)) == [(6, 10), (3, 6)]
    assert list(stretches(3, 3, 4)) == list(stretches(3, 3, -4)) == []
