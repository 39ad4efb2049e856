"""The engine with a journal against its reference: the same commands, the same interruptions.

Each run is closed, killed or loses its power, also in the middle of writing, of making a snapshot
or of opening; then it is opened with other settings. After every command, what can be seen must be
what `headrace.reference` says: state, digest, sequence, outputs with their ids, answers, failures,
what recovery has done, and the bytes of inputs and outputs in the files.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from journal_machines import BAD, BAD_BEHIND, EVENT, machines
from journal_pair import Pair

ONE = st.tuples(st.integers(1, 5), st.integers(0, 2), st.integers(-9, 99))
SPOILT = st.sampled_from([None, None, None, None, BAD, BAD_BEHIND])
PUBLISH = st.tuples(
    st.just("publish"),
    st.lists(ONE, min_size=1, max_size=8),
    st.sampled_from([1, 1, 1, 30]),  # so many times over
    SPOILT,
    st.booleans(),  # durable
)
CALL = st.tuples(
    st.just("call"),
    ONE,
    SPOILT,
    st.sampled_from([None, "a", "a", "b", "c"]),
    st.sampled_from([-1, 0, 0, 1, 1, 2]),  # to the client's last number
)
READ = st.tuples(st.just("read"), st.none() | st.integers(0, 20))  # after which of the last ids
SNAPSHOT = st.just(("snapshot",))
COMMANDS = st.lists(st.one_of(PUBLISH, CALL, CALL, SNAPSHOT, READ), max_size=4)
CHANCE = st.integers(0, 1 << 16)
ON_ERROR = st.sampled_from(["halt", "dead_letter"])
SETTINGS = st.fixed_dictionaries(
    {
        "level": st.sampled_from(["fsync", "fsync", "os", "none"]),
        "segment_bytes": st.sampled_from([1 << 16, 3 << 16]),
        "outputs": st.booleans(),
        "clients_max": st.sampled_from([0, 1, 2, 10_000, 10_000]),
        "snapshots_kept": st.sampled_from([None, 1, 2]),
        "keep": st.sampled_from(["all", "all", "snapshots"]),
        "digest_every": st.sampled_from([None, 1, 5]),
    }
)
# How it is opened next: with which settings, which kind of step, and what is done then.
OPENED = st.tuples(SETTINGS, st.integers(0, 3), ON_ERROR, COMMANDS)


def events_of(raw: list[Any], times: int, spoilt: int | None) -> Any:
    """`raw` some times over, with one of them spoilt."""
    made = np.tile(np.array(raw, EVENT), times)
    if spoilt is not None:
        made["kind"][len(made) // 2] = spoilt
    return made


class JournalAgainstReference(RuleBasedStateMachine):
    @initialize(name=st.sampled_from(["dict", "kinds", "pipeline"]), opened=OPENED)
    def create(self, name: str, opened: Any) -> None:
        kinds = {"kinds": [None, "python", "batch", "native"]}
        self.steps = kinds.get(name, [None])
        # A power cut reaches whichever thread of an engine uses the disk next, and ends it.
        self.hook, threading.excepthook = threading.excepthook, lambda _: None
        self.pair = Pair(machines()[name])
        self.numbers = {"a": 1, "b": 1, "c": 1}
        self.open(opened)

    def teardown(self) -> None:
        if hasattr(self, "pair"):
            self.pair.end()
            threading.excepthook = self.hook

    def open(self, opened: Any) -> None:
        """Something is open afterwards: what may be done next must not depend on chance."""
        with_settings, kind, policy, commands = opened
        step = self.steps[kind % len(self.steps)]
        if not self.pair.open(with_settings, step, policy) and policy == "halt":
            self.pair.open(with_settings, step, "dead_letter")
        if self.pair.engine is None:
            assert self.pair.open({**with_settings, "outputs": False}, step, "dead_letter")
        for command in commands:
            self.do(*command)

    def do(self, what: str, *parts: Any) -> None:
        pair = self.pair
        if what == "publish":
            raw, times, spoilt, durable = parts
            pair.publish(events_of(raw, times, spoilt), durable)
            pair.drain()
        elif what == "call":
            self.call(*parts)
        elif what == "snapshot":
            pair.snapshot()
        else:
            (which,) = parts
            pair.read(None if which is None else pair.ids[which % len(pair.ids)])

    def call(self, raw: Any, spoilt: int | None, client: str | None, more: int) -> None:
        number = None
        if client is not None:
            number = max(1, self.numbers[client] + more)
            self.numbers[client] = max(number, self.numbers[client])
        self.pair.call(events_of([raw], 1, spoilt), client, number)

    @rule(commands=COMMANDS)
    def go_on(self, commands: Any) -> None:
        for command in commands:
            self.do(*command)

    @rule(opened=OPENED)
    def close(self, opened: Any) -> None:
        self.pair.close()
        self.open(opened)

    @rule(published=PUBLISH, chance=st.none() | CHANCE, opened=OPENED)
    def interrupt(self, published: Any, chance: int | None, opened: Any) -> None:
        """A kill, or with a chance a power cut, right behind a publish that nobody waits for."""
        _, raw, times, _, durable = published
        self.pair.publish(events_of(raw, times, None), durable)
        self.pair.take_disk(chance)
        self.open(opened)

    @rule(
        operations=st.integers(0, 5),
        command=st.one_of(SNAPSHOT, CALL, PUBLISH),
        chance=CHANCE,
        opened=OPENED,
    )
    def lose_power(self, operations: int, command: Any, chance: int, opened: Any) -> None:
        """Before one of the next operations on the disk."""
        self.pair.disk.crash_at = len(self.pair.disk.operations) + operations
        what, *parts = command
        if what == "publish":
            raw, times, _, _ = parts
            self.pair.publish(events_of(raw, times, None), True)
        else:
            self.do(what, *parts)
        self.pair.take_disk(chance)
        self.open(opened)

    @rule(
        killed=st.booleans(),
        operations=st.integers(0, 12),
        chance=CHANCE,
        crashing=SETTINGS,
        opened=OPENED,
    )
    def lose_power_while_opening(
        self, killed: bool, operations: int, chance: int, crashing: Any, opened: Any
    ) -> None:
        self.pair.take_disk(None if killed else chance)
        self.pair.open_and_crash(crashing, operations, chance)
        self.open(opened)


def limits(examples: int, steps: int) -> settings:
    return settings(
        report_multiple_bugs=False,
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


class TestJournal(JournalAgainstReference.TestCase):  # type: ignore[name-defined, misc]
    settings = limits(24, 8)


@pytest.mark.torture
@pytest.mark.timeout(1800)
class TestJournalForLong(JournalAgainstReference.TestCase):  # type: ignore[name-defined, misc]
    settings = limits(1000, 15)


# -- cases that were found, as small as they become ----------------------------------------------

PLAIN = {"level": "fsync", "segment_bytes": 1 << 16, "outputs": False, "clients_max": 10_000}


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize("spoilt", [None, BAD])
def test_a_halted_engine_answers_no_call_again(spoilt: int | None, reopened: bool) -> None:
    """Neither one that was answered, nor one that failed, nor one before the client's last."""
    pair = Pair(machines()["dict"])
    assert pair.open(PLAIN, None, "halt")
    pair.call(events_of([(1, 0, 0)], 1, None), "c", 1)
    pair.call(events_of([(1, 0, 0)], 1, spoilt), "c", 2)
    if reopened:
        pair.close()
        assert pair.open(PLAIN, None, "halt")
    pair.publish(events_of([(1, 0, 0)], 7, BAD), False)
    pair.drain()
    assert pair.halted
    for number in (1, 2, 3):
        pair.call(events_of([(1, 0, 0)], 1, None), "c", number)
    pair.end()


@pytest.mark.parametrize("operations", range(6))
def test_a_snapshot_in_the_place_of_one(operations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that no client is known to any more does not come, or comes, by chance."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    pair = Pair(machines()["dict"])
    assert pair.open(PLAIN, None, "halt")
    pair.call(events_of([(1, 0, 0)], 1, None), "a", 1)
    pair.snapshot()
    pair.close()
    assert pair.open({**PLAIN, "clients_max": 0}, None, "halt")
    pair.disk.crash_at = len(pair.disk.operations) + operations
    pair.snapshot()
    pair.take_disk(1)
    assert pair.open(PLAIN, None, "halt")
    pair.call(events_of([(1, 0, 0)], 1, None), "a", 1)
    pair.end()
