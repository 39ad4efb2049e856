"""What dies in ring_crash_points.py: operations on a ring, and their steps.

An operation is done by a child, on a ring whose other producers and consumers are the parent's. Its
steps are the crash points that it passes, in that order, with how often each was passed before.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from crash_world import CHILDS, FIRST_OF_CHILD, Operation, Steps
from ring_tools import ticks

import headrace as hr
from headrace.ringbuffer import burial

ROOT = Path(__file__).resolve().parents[2]


def numbers() -> dict[str, int]:
    """The crash points by name, as the sources number them."""
    text = (ROOT / "src/ringbuffer/crashing.pxd").read_text()
    return {name: int(number) for name, number in re.findall(r"^    ([A-Z_]+) = (\d+)", text, re.M)}


POINTS = list(numbers())
# Passed while the registration lock is held: whoever is paused there keeps others from it.
LOCKED = {
    point for point in POINTS
    if point.startswith(("JOIN", "LEFT", "LEAVE", "HEIR", "FENCE", "PRODUCER", "RESUME"))
} - {"PRODUCER_DROPPED"}  # fmt: skip


def steps(text: str) -> Steps:
    """ "A B*2 C" as A, B, B for the second time, C."""
    found: Steps = []
    for word in text.split():
        point, _, times = word.partition("*")
        found += [(point, passed) for passed in range(int(times or 1))]
    return found


def childs(count: int) -> np.ndarray[Any, Any]:
    return ticks(count, FIRST_OF_CHILD)


def _abort(_: Any, producer: Any) -> None:
    producer.next(2)["id"] = 99
    producer.abort()


def _poll_and_release(_: Any, consumer: Any) -> None:
    assert len(consumer.poll()) == 4
    consumer.release()


def _poll_over_tombstones(_: Any, consumer: Any) -> None:
    assert len(consumer.poll()) == 4
    consumer.release()
    assert len(consumer.poll()) == 0


def _bury(ring: Any, _: Any) -> None:
    burial.bury_dead(ring.segment)


def _declare_parent(ring: Any, _: Any) -> None:
    ring.declare_producer_dead(ring.segment.owner_pid)


def _with_nothing_left(ring: Any) -> Any:
    consumer = ring.consumer(CHILDS, wait=hr.wait.Block())
    _poll_and_release(ring, consumer)
    return consumer


def _wait(_: Any, consumer: Any) -> None:
    consumer.poll(timeout=0.001)


RELEASING = "RELEASING RELEASED"
WAKING = "WAKE_BIT_CLEARED WAKE_WORD_MOVED"
HEIR = (
    "FENCE_STATED FENCE_EPOCH_MOVED HEIR_NAMED HEIR_STATED HEIR_GATING HEIR_PLACED HEIR_ONE_MOVED "
    "HEIR_ALL_MOVED HEIR_ALONE HEIR_RETIRED HEIR_TAKEN"
)
LEAVE = (
    "LEAVE_STATED LEAVE_WAKERS LEAVE_ONE_MOVED LEAVE_ALL_MOVED LEAVE_UNGATED LEAVE_DISOWNED LEFT"
)
MULTI_CLAIM = "MULTI_LOOKED MULTI_INTENT_BEGIN MULTI_INTENT_END MULTI_NOT_FENCED MULTI_CLAIMED"


OPERATIONS = [
    Operation(
        "one: publish",
        steps("SINGLE_LOOKED SINGLE_CLAIMED STAMPED SINGLE_PUBLISHED SINGLE_WOKEN"),
        lambda ring, producer: producer.publish(childs(3)),
        lambda ring: ring.producer(),
        producers="single", publishes=3, published_from="SINGLE_PUBLISHED", can_be_paused=True),
    Operation(
        "one: publish to a sleeper",
        steps(f"SINGLE_LOOKED SINGLE_CLAIMED STAMPED SINGLE_PUBLISHED {WAKING} SINGLE_WOKEN"),
        lambda ring, producer: producer.publish(childs(3)),
        lambda ring: ring.producer(),
        producers="single", publishes=3, published_from="SINGLE_PUBLISHED", sleeps=("data",),
        can_be_paused=True),
    Operation(
        "several: publish",
        steps(f"{MULTI_CLAIM} STAMPED MULTI_MARKING*3 MULTI_MARKED*3 MULTI_ALL_MARKED "
              "MULTI_INTENT_OVER MULTI_WOKEN"),
        lambda ring, producer: producer.publish(childs(3)),
        lambda ring: ring.producer(),
        publishes=3, published_from="MULTI_ALL_MARKED", can_be_paused=True),
    Operation(
        "several: publish to a sleeper",
        steps(f"MULTI_INTENT_OVER {WAKING} MULTI_WOKEN"),
        lambda ring, producer: producer.publish(childs(3)),
        lambda ring: ring.producer(),
        publishes=3, published_from="MULTI_INTENT_OVER", sleeps=("data",), can_be_paused=True),
    Operation(
        "several: abort",
        steps(f"{MULTI_CLAIM} ABORT_COUNTED MULTI_MARKING*2 MULTI_MARKED*2 MULTI_ALL_MARKED "
              "MULTI_INTENT_OVER MULTI_WOKEN"),
        _abort, lambda ring: ring.producer(), can_be_paused=True),
    Operation(
        "one: register", steps("PRODUCER_WIPED PRODUCER_STARTED PRODUCER_OWNED"),
        lambda ring, _: ring.producer(), producers="single"),
    Operation(
        "several: register", steps("PRODUCER_WIPED PRODUCER_STARTED PRODUCER_OWNED"),
        lambda ring, _: ring.producer()),
    Operation(
        "several: close", steps("PRODUCER_DROPPED"),
        lambda ring, producer: producer.close(), lambda ring: ring.producer(), can_be_paused=True),
    Operation(
        "poll and release",
        steps(f"POLL_LOOKED POLLED {RELEASING} RELEASE_WOKEN"), _poll_and_release,
        lambda ring: ring.consumer(CHILDS), place="left",
        releases=4, released_from="RELEASED", can_be_paused=True),
    Operation(
        "poll and release, one producer",
        steps(f"POLL_LOOKED POLLED {RELEASING} RELEASE_WOKEN"), _poll_and_release,
        lambda ring: ring.consumer(CHILDS), place="left", producers="single",
        releases=4, released_from="RELEASED", can_be_paused=True),
    Operation(
        "release to sleepers",
        steps(f"RELEASED {WAKING} WAKE_WORD_MOVED RELEASE_WOKEN"), _poll_and_release,
        lambda ring: ring.consumer(CHILDS), place="left", sleeps=("data", "space"),
        releases=4, released_from="RELEASED", can_be_paused=True),
    Operation(
        "poll over tombstones",
        steps(f"POLL_LOOKED POLLED {RELEASING} RELEASE_WOKEN POLL_SKIPPED"), _poll_over_tombstones,
        lambda ring: ring.consumer(CHILDS), place="left",
        releases=4, released_from="RELEASED", leaves_claim=True, can_be_paused=True),
    Operation(
        "wait", steps("PARK_ANNOUNCED"), _wait, _with_nothing_left, place="left",
        releases=4, released_from="PARK_ANNOUNCED", can_be_paused=True),
    Operation(
        "bury", steps("BURY_COUNTED BURY_ONE*3 BURY_ALL"), _bury, leaves_claim=True,
        can_be_paused=True),
    Operation(
        "bury for a sleeper", steps(f"BURY_ALL {WAKING}"), _bury, leaves_claim=True,
        sleeps=("data",), can_be_paused=True),
    Operation(
        "join", steps("RESUME_STARTED JOIN_OWNED JOIN_NAMED JOIN_STATED JOIN_GATING JOIN_STARTED "
                      "JOINED"),
        lambda ring, _: ring.consumer(CHILDS)),
    Operation(
        "join, one producer",
        steps("RESUME_STARTED JOIN_OWNED JOIN_NAMED JOIN_STATED JOIN_GATING JOIN_STARTED JOINED"),
        lambda ring, _: ring.consumer(CHILDS, after=["front"]), producers="single"),
    Operation(
        "resume", steps("RESUME_STARTED JOIN_OWNED"),
        lambda ring, _: ring.consumer(CHILDS), place="left"),
    Operation(
        "leave", steps(LEAVE), lambda ring, consumer: consumer.close(),
        lambda ring: ring.consumer(CHILDS), place="left", gives_up_place=True),
    Operation(
        "leave, one producer", steps(f"{LEAVE} {WAKING}"),
        lambda ring, consumer: consumer.close(),
        lambda ring: ring.consumer(CHILDS), place="left", gives_up_place=True,
        producers="single", sleeps=("data",)),
    Operation(
        "evict", steps(LEAVE), lambda ring, _: ring.evict(CHILDS), place="left",
        gives_up_place=True),
    Operation("declare dead", steps(HEIR), lambda ring, _: ring.declare_dead(CHILDS),
              place="parent"),
    Operation(
        "declare dead, one producer", steps(f"{HEIR} {WAKING}"),
        lambda ring, _: ring.declare_dead(CHILDS), place="parent", producers="single",
        sleeps=("data",)),
    Operation("declare a producer dead", steps("PRODUCER_EPOCH_MOVED PRODUCER_FENCED"),
              _declare_parent),
]  # fmt: skip
