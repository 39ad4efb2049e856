"""PoisonWatch against a plain model: the whole story of each stage, looked through anew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import UsageError
from headrace.runtime import PoisonWatch

EVENTS = st.tuples(st.sampled_from(["died", "moved"]), st.sampled_from("ab"), st.integers(0, 4))


def deaths_in_a_row(story: list[tuple[str, str, int]], stage: str) -> int:
    """How often the last event at which the stage died has killed it, without getting past it."""
    own = [(what, sequence) for what, who, sequence in story if who == stage]
    last = next((sequence for what, sequence in reversed(own) if what == "died"), None)
    count = 0
    for what, sequence in reversed(own):
        if what == "died" and sequence == last:
            count += 1
        elif what == "died" or (last is not None and sequence > last):
            break
    return count


@given(st.lists(EVENTS, max_size=40), st.integers(1, 4))
def test_like_the_model(story: list[tuple[str, str, int]], retries: int) -> None:
    watch = PoisonWatch(retries)
    for done, (what, stage, sequence) in enumerate(story, 1):
        if what == "moved":
            watch.moved(stage, sequence)
        else:
            wanted = deaths_in_a_row(story[:done], stage) >= retries
            assert watch.died(stage, sequence) == wanted
        for each in "ab":
            assert watch.deaths(each) == deaths_in_a_row(story[:done], each)


def test_three_times_at_the_same_event() -> None:
    watch = PoisonWatch()
    assert [watch.died("parse", 7) for _ in range(4)] == [False, False, True, True]
    watch.moved("parse", 7)  # up to it, and not past it
    assert watch.died("parse", 7)
    watch.moved("parse", 8)
    assert [watch.died("parse", 9), watch.died("match", 9)] == [False, False]
    assert (watch.deaths("parse"), watch.deaths("match"), watch.deaths("other")) == (1, 1, 0)


@pytest.mark.parametrize("retries", [0, -1, True, 1.0, "3"])
def test_retries_are_a_count(retries: object) -> None:
    with pytest.raises(UsageError, match="retries must be an integer of 1 or more"):
        PoisonWatch(retries)  # type: ignore[arg-type]
