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
SOME = st.lists(ONE, min_size=1, max_size=8)
TIMES = st.sampled_from([1, 1, 1, 30])
SPOILT = st.sampled_from([None] * 6 + [BAD, BAD_BEHIND])
CHANCE = st.integers(0, 1 << 16)
OPENED = st.fixed_dictionaries(
    {
        "level": st.sampled_from(["fsync", "fsync", "os", "none"]),
        "segment_bytes": st.sampled_from([1 << 16, 3 << 16]),
        "outputs": st.booleans(),
        "clients_max": st.sampled_from([0, 1, 2, 10_000]),
        "snapshots_kept": st.sampled_from([None, 1, 2]),
        "keep": st.sampled_from(["all", "all", "snapshots"]),
        "digest_every": st.sampled_from([None, 1, 5]),
    }
)
ON_ERROR = st.sampled_from(["halt", "dead_letter", "dead_letter"])


def events_of(raw: list[Any], times: int, spoilt: int | None) -> Any:
    """`raw` some times over, with one of them spoilt."""
    made = np.tile(np.array(raw, EVENT), times)
    if spoilt is not None:
        made["kind"][len(made) // 2] = spoilt
    return made


class JournalAgainstReference(RuleBasedStateMachine):
    @initialize(name=st.sampled_from(["dict", "kinds", "pipeline"]), opened=OPENED, policy=ON_ERROR)
    def create(self, name: str, opened: dict[str, Any], policy: str) -> None:
        kinds = {"kinds": [None, "python", "batch", "native"]}
        self.steps = kinds.get(name, [None])
        # A power cut reaches whichever thread of an engine uses the disk next, and ends it.
        self.hook, threading.excepthook = threading.excepthook, lambda _: None
        self.pair = Pair(machines()[name])
        self.numbers = {"a": 1, "b": 1, "c": 1}
        self.pair.open(opened, None, policy)

    def teardown(self) -> None:
        if hasattr(self, "pair"):
            self.pair.end()
            threading.excepthook = self.hook

    @rule(raw=SOME, times=TIMES, spoilt=SPOILT, durable=st.booleans())
    def publish(self, raw: list[Any], times: int, spoilt: int | None, durable: bool) -> None:
        self.pair.publish(events_of(raw, times, spoilt), durable)
        self.pair.drain()

    @rule(
        raw=ONE,
        spoilt=st.sampled_from([None, None, BAD, BAD_BEHIND]),
        client=st.sampled_from([None, "a", "a", "b", "c"]),
        more=st.sampled_from([-1, 0, 0, 1, 1, 1, 2]),
    )
    def call(self, raw: Any, spoilt: int | None, client: str | None, more: int) -> None:
        number = None
        if client is not None:
            number = max(1, self.numbers[client] + more)
            self.numbers[client] = number
        self.pair.call(events_of([raw], 1, spoilt), client, number)

    @rule()
    def snapshot(self) -> None:
        self.pair.snapshot()

    @rule(which=st.none() | st.integers(0, 20))
    def read_outputs(self, which: int | None) -> None:
        ids = self.pair.ids
        self.pair.read(None if which is None else ids[which % len(ids)])

    # -- the end of a run, and the next one -------------------------------------------------------

    def reopen(self, opened: dict[str, Any], kind: int, policy: str) -> None:
        """Something is open afterwards: what may be done next must not depend on chance."""
        step = self.steps[kind % len(self.steps)]
        if not self.pair.open(opened, step, policy) and policy == "halt":
            self.pair.open(opened, step, "dead_letter")
        if self.pair.engine is None:
            self.pair.open({**opened, "outputs": False}, step, "dead_letter")

    @rule(opened=OPENED, kind=st.integers(0, 3), policy=ON_ERROR)
    def close(self, opened: dict[str, Any], kind: int, policy: str) -> None:
        self.pair.close()
        self.reopen(opened, kind, policy)

    @rule(
        raw=SOME,
        times=TIMES,
        durable=st.booleans(),
        chance=st.none() | CHANCE,
        opened=OPENED,
        kind=st.integers(0, 3),
        policy=ON_ERROR,
    )
    def interrupt(
        self,
        raw: list[Any],
        times: int,
        durable: bool,
        chance: int | None,
        opened: dict[str, Any],
        kind: int,
        policy: str,
    ) -> None:
        """A kill, or with a chance a power cut, right behind a publish that nobody waits for."""
        self.pair.publish(events_of(raw, times, None), durable)
        self.pair.take_disk(chance)
        self.reopen(opened, kind, policy)

    @rule(
        raw=SOME,
        operations=st.integers(0, 5),
        snapshot=st.booleans(),
        chance=CHANCE,
        opened=OPENED,
        kind=st.integers(0, 3),
        policy=ON_ERROR,
    )
    def lose_power(
        self,
        raw: list[Any],
        operations: int,
        snapshot: bool,
        chance: int,
        opened: dict[str, Any],
        kind: int,
        policy: str,
    ) -> None:
        """Before one of the next operations on the disk."""
        disk = self.pair.disk
        disk.crash_at = len(disk.operations) + operations
        if snapshot and not self.pair.halted:
            self.pair.snapshot()
        else:
            self.pair.publish(events_of(raw, 1, None), True)
        self.pair.take_disk(chance)
        self.reopen(opened, kind, policy)

    @rule(
        operations=st.integers(0, 12),
        chance=CHANCE,
        opened=OPENED,
        killed=st.booleans(),
        kind=st.integers(0, 3),
        policy=ON_ERROR,
    )
    def lose_power_while_opening(
        self,
        operations: int,
        chance: int,
        opened: dict[str, Any],
        killed: bool,
        kind: int,
        policy: str,
    ) -> None:
        self.pair.take_disk(None if killed else chance)
        self.pair.open_and_crash(opened, operations, chance)
        self.reopen(opened, kind, policy)


def limits(examples: int, steps: int) -> settings:
    return settings(
        report_multiple_bugs=False,
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


class TestJournal(JournalAgainstReference.TestCase):  # type: ignore[name-defined, misc]
    settings = limits(60, 12)


@pytest.mark.torture
@pytest.mark.timeout(3000)
class TestJournalForLong(JournalAgainstReference.TestCase):  # type: ignore[name-defined, misc]
    settings = limits(3000, 25)
