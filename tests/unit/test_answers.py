"""What clients are answered: kept for each, whole, and no longer than it is wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from journal_tools import SUM

from headrace.errors import StaleCall
from headrace.events import record_dtype
from headrace.runtime.answers import Answers

RECORD = record_dtype(SUM)


def records(*origins: int) -> Any:
    made = np.zeros(len(origins), RECORD)
    made["origin"] = origins
    made["total"] = np.arange(len(origins))
    return made


def answer(answers: Answers, client: str, number: int) -> list[int]:
    """Of which inputs a client's call has outputs."""
    found = answers.find(client, number)
    assert found is not None
    return [int(each) for each in np.frombuffer(b"".join(found.parts), RECORD)["origin"]]


def test_an_answer_is_whole_when_its_input_is_stepped_over() -> None:
    """Settled up to an input is not settled with it; then nothing more is collected."""
    answers = Answers(10)
    answers.begin("a", 1, 5)
    answers.settle(5)
    answers.collect(records(4, 5, 5, 6))
    assert answers
    answers.settle(6)
    answers.collect(records(5))
    assert not answers
    assert answer(answers, "a", 1) == [5, 5]


def test_a_snapshot_has_the_answers_before_it() -> None:
    """One to an input behind it is not known yet, and would be taken for the whole answer."""
    answers = Answers(10)
    answers.begin("a", 1, 4)
    answers.begin("b", 1, 5)
    answers.collect(records(4, 5))
    assert [(each.client, each.sequence) for each in answers.before(5)] == [("a", 4)]
    assert answers.before(4) == []
    again = Answers(10)
    again.restore(answers.before(6))
    assert [answer(again, "a", 1), answer(again, "b", 1)] == [[4], [5]]
    assert not again  # nothing more will come


def test_a_call_that_was_not_published_leaves_what_was_before() -> None:
    answers = Answers(10)
    answers.begin("a", 1, 3)
    answers.collect(records(3))
    answers.settle(4)
    answers.take_back("a", answers.begin("a", 2, 7))
    answers.collect(records(7))
    assert answer(answers, "a", 1) == [3]
    assert answers.find("a", 2) is None
    answers.take_back("new", answers.begin("new", 1, 8))
    assert answers.find("new", 1) is None
    assert not answers


def test_who_calls_is_remembered_before_who_does_not() -> None:
    answers = Answers(2)
    for sequence, (client, number) in enumerate([("a", 1), ("b", 1), ("a", 2), ("c", 1)]):
        answers.begin(client, number, sequence)
        answers.settle(sequence + 1)
    assert answers.find("b", 1) is None
    assert answer(answers, "a", 2) == answer(answers, "c", 1) == []
    with pytest.raises(StaleCall, match="has made call 2 already"):
        answers.find("a", 1)


def test_a_call_under_way_is_not_forgotten() -> None:
    answers = Answers(0)
    answers.begin("a", 1, 0)
    answers.settle(0)
    assert answers.find("a", 1) is not None
    answers.settle(1)
    assert answers.find("a", 1) is None
