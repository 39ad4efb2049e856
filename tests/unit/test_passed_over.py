"""Events that are not stepped over: told by stage, so that copies of one machine are told apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_tools import in_folder
from letter_tools import small

import headrace as hr
from headrace.compose import lay_out
from headrace.errors import MachineError, StepError
from headrace.journal.letter_box import LetterBox
from headrace.journal.letters import as_letters
from headrace.journal.notes import Failed
from headrace.replay import Fold, NetFold, PassedOver, fold_of
from headrace.runtime.failures import DeadLetter
from headrace.runtime.kept_letters import KeptLetters
from headrace.runtime.letter_notes import note_of

TRADE = np.dtype([("key", "<i8"), ("amount", "<i8")])
AMOUNT = np.dtype([("amount", "<i8")])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with in_folder(tmp_path) as folder:
        yield folder


@hr.machine(event=AMOUNT, output=TRADE, initial=int)
def both(state, amount):  # type: ignore[no-untyped-def]
    """The amount, for either copy of what is behind: 2 and 3 are keys of different ones."""
    return state + 1, [(key, amount) for key in (2, 3)]


@hr.machine(event=TRADE, output=AMOUNT, initial=int)
def bare(state, key, amount):  # type: ignore[no-untyped-def]
    return state + 1, (amount,)


@hr.machine(event=AMOUNT, output=AMOUNT, initial=int)
def book(state, amount):  # type: ignore[no-untyped-def]
    if amount < 0:
        raise ValueError(f"negative: {amount}")
    return state + amount, (state + amount,)


# The copies of `book` read a stream of their own each, whose numbers and events are the same.
TOPOLOGY = both >> hr.shard(bare >> book, by="key", n=2)


@hr.machine(event=AMOUNT, output=AMOUNT, initial=int, name="book")
def mended(state, amount):  # type: ignore[no-untyped-def]
    return state + amount, (state + amount,)


MENDED = both >> hr.shard(bare >> mended, by="key", n=2)


def amounts(*values: int) -> Any:
    made = np.zeros(len(values), AMOUNT)
    made["amount"] = values
    return made


def folded(fold: Fold, *values: int) -> Any:
    """The states of both copies, after some inputs in batches of two."""
    inputs = amounts(*values)
    for at in range(0, len(inputs), 2):
        fold.run(inputs[at : at + 2], np.zeros(len(inputs[at : at + 2]), np.int64))
    state = fold.state
    return state["book.0"], state["book.1"]


# -- one stage and not the other -----------------------------------------------------------------


def test_it_is_looked_up_by_stage_and_bytes() -> None:
    passed = PassedOver()
    events = amounts(7, 8, 8, 7)
    passed.add("book.0", 12, amounts(8).tobytes())
    passed.add("book.0", 11, amounts(9).tobytes())  # another one is in its place
    assert passed.next_in("book.0", events, 10) == 2
    assert passed.next_in("book.0", events[3:], 13) == 1
    assert passed.next_in("book.1", events, 10) == 4
    passed.add("book.0", 11, amounts(8).tobytes(), deaths=3)  # what is said last holds
    assert passed.next_in("book.0", events, 10) == 1
    assert (passed.deaths("book.0", 11), passed.deaths("book.0", 12)) == (3, 0)


@pytest.mark.parametrize("stage", ["book.0", "book.1"])
def test_copies_of_a_machine_are_told_apart(stage: str) -> None:
    fold = NetFold(TOPOLOGY)
    fold.pass_over(stage, "book", 2, amounts(30).tobytes())
    states = dict(zip(("book.0", "book.1"), folded(fold, 10, 20, 30, 40, 50), strict=True))
    assert states.pop(stage) == 120
    assert list(states.values()) == [150]


def test_where_no_stage_is_named_it_is_all_of_the_machine() -> None:
    fold = NetFold(TOPOLOGY)
    fold.pass_over("book", "book", 2, amounts(30).tobytes())
    fold.pass_over("gone", "gone", 1, amounts(20).tobytes())
    assert folded(fold, 10, 20, 30, 40, 50) == (120, 120)


@hr.machine(event=AMOUNT, output=AMOUNT, initial=int)
def later(state, amount):  # type: ignore[no-untyped-def]
    return state + amount, (amount,)


@pytest.mark.parametrize(
    "topology",
    [book >> later, hr.shard(book, by="amount", n=3), hr.elastic(book, by="amount", partitions=8)],
    ids=["pipeline", "shard", "elastic"],
)
def test_what_has_killed_is_a_failed_step(topology: Any) -> None:
    """Told once, by the stage whose event it is, where it stands, in batches of any size."""
    inputs, times = amounts(*range(1, 9)), np.arange(100, 108)
    for size in (1, 3, 8):
        told: list[StepError] = []

        def go_on(error: StepError, event: Any, told: list[StepError] = told) -> bool:
            told.append(error)
            assert event.tolist() == [(5,)]
            return True

        fold = fold_of(topology, None, go_on)
        fold.pass_over("book", "book", 4, amounts(5).tobytes(), deaths=3)
        made = [fold.run(inputs[at : at + size], times[at : at + size]).copy()
                for at in range(0, 8, size)]  # fmt: skip
        (error,) = told
        assert (error.sequence, error.origin, error.time_ns, error.deaths) == (4, 4, 104, 3)
        assert "event 4 {'amount': 5} has killed its worker 3 times" in str(error)
        assert np.concatenate(made)["origin"].tolist() == [0, 1, 2, 3, 5, 6, 7]
        stops = fold_of(topology, None, lambda error, event: False)
        stops.pass_over("book", "book", 4, amounts(5).tobytes(), deaths=3)
        with pytest.raises(StepError, match="has killed its worker"):
            stops.run(inputs, times)
        assert stops.sequence == 4


# -- letters -------------------------------------------------------------------------------------


def opened(topology: Any) -> hr.Engine:
    return hr.Engine(
        topology, journal=small("j"), on_error="dead_letter", dead_letters="dead"
    )


def fill() -> None:
    with opened(TOPOLOGY) as running:
        running.publish(amounts(10, 20, -5, 40))
        running.drain(20)
        assert [each.stage for each in running.dead_letters] in (
            ["book.0", "book.1"], ["book.1", "book.0"],
        )  # fmt: skip
        assert {each.sequence for each in running.dead_letters} == {2}


def letters() -> list[tuple[str, int, str]]:
    return sorted((each.stage, each.sequence, each.fate) for each in hr.DeadLetters("dead"))


WAITING = [("book.0", 2, "waiting"), ("book.1", 2, "waiting")]


def test_one_event_in_two_copies_is_two_letters() -> None:
    """Although machine, number, origin and bytes are the same."""
    fill()
    assert letters() == WAITING
    with opened(TOPOLOGY) as running:
        assert len(running.dead_letters) == 2
    assert letters() == WAITING


def test_letters_that_both_copies_tell_one_after_the_other() -> None:
    kept = KeptLetters("dead", lay_out(TOPOLOGY))
    for stage in ("book.0", "book.1", "book.0"):  # the last one is what a successor tells again
        error = StepError("negative", sequence=2, event={"amount": -5}, machine="book")
        error.origin, error.stage = 2, stage
        kept.keep(DeadLetter(2, "book", amounts(-5), error, stage=stage))
    kept.box.close()
    assert letters() == WAITING


def test_a_letter_that_is_discarded_is_passed_over_by_its_stage_alone() -> None:
    fill()
    number = next(each.number for each in hr.DeadLetters("dead") if each.stage == "book.1")
    box = LetterBox(as_letters("dead"))
    box.mark(number, "discarded")
    box.close()
    with opened(MENDED) as running:
        state = running.state
    assert (state["book.0"], state["book.1"]) == (65, 70)
    assert letters() == [("book.0", 2, "stepped"), ("book.1", 2, "discarded")]


def old_letter(origin: int, sequence: int, journal: str, retries: int = 0) -> Failed:
    """A letter as it was written before stages were named."""
    error = StepError("negative", sequence=sequence, event={}, machine="book")
    error.origin, error.stage = origin, ""
    return note_of(error, amounts(-5), "1", retries, journal)


def test_letters_from_before_stages_were_named() -> None:
    """They are told from those that fail again, and passed over by all copies of the machine."""
    with hr.Engine(TOPOLOGY, journal=small("j"), on_error="dead_letter") as running:
        running.publish(amounts(10, 20, -5, 40))
        running.drain(20)
        journal = running._opening.writer.journal_id.hex()  # type: ignore[union-attr]
    box = LetterBox(as_letters("dead"))
    box.put(2, old_letter(2, 2, journal))
    box.close()
    with opened(TOPOLOGY):
        pass
    assert letters() == [("book", 2, "waiting")]
    box = LetterBox(as_letters("dead"))
    box.mark(0, "discarded")
    box.close()
    with opened(MENDED) as running:
        state = running.state
    assert (state["book.0"], state["book.1"]) == (70, 70)


# -- names ---------------------------------------------------------------------------------------


def test_no_two_stages_have_one_name() -> None:
    other = hr.machine(event=TRADE, output=TRADE, initial=int, name="other.0")(bare.step)
    named = hr.machine(event=TRADE, output=TRADE, initial=int, name="other")(bare.step)
    with pytest.raises(MachineError, match=r"two stages would be called 'other\.0'"):
        hr.Engine(hr.shard(named, by="key", n=2) >> other)
