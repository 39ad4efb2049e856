"""SIGKILL at any moment: the rest goes on, and a successor takes up where the dead one was."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ring_tools import TICK, expect_line, finish, ids, kill, start, ticks

import headrace as hr
from headrace.ringbuffer import errors

pytestmark = pytest.mark.timeout(40)
Names = Callable[[], str]

CONSUME = """
    import headrace as hr
    name, released = sys.argv[1], int(sys.argv[2])
    consumer = hr.Ring.attach(name).consumer("worker")
    print("ready", flush=True)
    batch = consumer.poll(6, timeout=10)
    consumer.release(released)
    print(*ids(batch), flush=True)
    consumer.poll(timeout=60) if released == 6 else sys.stdin.readline()
"""


@pytest.mark.parametrize("released", [0, 2, 6])
def test_consumer_is_resumed_from_what_it_released(released: int, ring_name: Names) -> None:
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        producer = ring.producer()
        process = start(CONSUME, ring.name, released)
        expect_line(process, "ready")
        producer.publish(ticks(6))
        expect_line(process, "0 1 2 3 4 5")
        with pytest.raises(errors.DuplicateConsumer, match=f"process {process.pid}, which lives"):
            ring.consumer("worker")
        kill(process)
        (info,) = ring.consumers
        assert (info.name, info.sequence, info.alive) == ("worker", released, False)
        assert producer.try_publish(ticks(8, 6)) == released + 2  # its place is kept for it
        with pytest.raises(errors.WaitTimeout, match=r"'worker' .*its owner is gone; resume it"):
            producer.publish(ticks(1), timeout=0.01)
        successor = ring.consumer("worker")
        assert successor.sequence == released
        assert ids(successor.poll()) == list(range(released, released + 8))
        assert ring.consumers[0].alive


def test_evicting_the_dead(ring_name: Names) -> None:
    """Its dependents close the gap, and a blocked producer goes on."""
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        producer = ring.producer()
        process = start(CONSUME, ring.name, 2)
        expect_line(process, "ready")
        behind = ring.consumer("behind", after=["worker"])
        producer.publish(ticks(6))
        expect_line(process, "0 1 2 3 4 5")
        with pytest.raises(errors.DuplicateConsumer, match="which lives; close that one first"):
            ring.evict("worker")
        kill(process)
        assert ids(behind.poll()) == [0, 1]
        ring.evict("worker")
        assert [info.name for info in ring.consumers] == ["behind"]
        assert ids(behind.poll()) == [2, 3, 4, 5]
        behind.release()
        producer.publish(ticks(8), timeout=1)


PRODUCE = """
    import headrace as hr
    ring = hr.Ring.attach(sys.argv[1])
    producer = ring.producer()
    producer.publish(ticks(3))
    {act}
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize(
    "act",
    [
        "pass",
        "producer.next(2)['id'] = 99",  # between claim and commit
        "producer.publish(ticks(5, 3))",  # full
    ],
)
def test_single_producer_has_a_successor(act: str, ring_name: Names) -> None:
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        consumer = ring.consumer("c")
        process = start(PRODUCE.format(act=act), ring.name)
        expect_line(process, "ready")
        with pytest.raises(
            errors.ProducerError, match=f"single producer and process {process.pid}"
        ):
            ring.producer()
        kill(process)
        with ring.producer() as producer:
            first = ring.cursor
            assert first == (8 if "ticks" in act else 3)
            assert ids(consumer.poll()) == list(range(first))
            consumer.release()
            assert producer.publish(ticks(8, first)) == first
            assert ids(consumer.poll()) == list(range(first, first + 8))


def test_multi_producer_entries_are_given_back(ring_name: Names) -> None:
    """More producers die than there are entries."""
    with hr.Ring.create(TICK, 64, ring_name(), "multi") as ring:
        consumer = ring.consumer("c")
        held = [ring.producer() for _ in range(62)]
        for turn in range(3):
            process = start(PRODUCE.format(act="other = ring.producer()"), ring.name)
            expect_line(process, "ready")
            kill(process)
            held[turn].publish(ticks(2, 3))
            assert ids(consumer.poll()) == [0, 1, 2, 3, 4]
            consumer.release()


def test_multi_producer_killed_between_claim_and_commit(ring_name: Names) -> None:
    """Its slots become tombstones: nobody waits for what will never come."""
    with hr.Ring.create(TICK, 8, ring_name(), "multi") as ring:
        consumer = ring.consumer("c")
        producer = ring.producer()
        process = start(PRODUCE.format(act="producer.next(2)"), ring.name)
        expect_line(process, "ready")
        producer.publish(ticks(2, 10))
        kill(process)
        with ring.producer() as successor:
            successor.publish(ticks(1, 12))
        seen: list[int] = []
        deadline = time.monotonic() + 3
        while len(seen) < 6 and time.monotonic() < deadline:
            seen += [int(i) for i in consumer.poll(timeout=0.05)["id"]]
            consumer.release()
        assert seen == [0, 1, 2, 10, 11, 12]


RELAY = """
    import headrace as hr
    ring = hr.Ring.attach(sys.argv[1])
    consumer = ring.consumer("worker", wait=getattr(hr.wait, sys.argv[3])())
    file = open(sys.argv[2], "a", buffering=1)
    print("ready", flush=True)
    while True:
        batch = consumer.poll(3, timeout=5)
        for event in batch["id"].tolist():
            file.write(f"{event}\\n")
        consumer.release()
        if not len(batch) and consumer.ended:
            break
"""


@pytest.mark.parametrize("wait", ["Block", pytest.param("Yield", marks=pytest.mark.torture)])
def test_killed_again_and_again(wait: str, ring_name: Names, tmp_path: Path) -> None:
    """Whatever it was doing: at least once, in order, without a gap, and at most a batch anew."""
    file = tmp_path / "seen"
    with hr.Ring.create(TICK, 16, ring_name()) as ring:
        producer = ring.producer()
        first, turns = 0, 6
        for turn in range(turns):
            process = start(RELAY, ring.name, file, wait)
            expect_line(process, "ready")
            end = time.monotonic() + 0.01 + 0.013 * turn
            while time.monotonic() < end:
                first += producer.try_publish(ticks(2, first))
                time.sleep(0.0005 * (turn % 2))
            kill(process)
        process = start(RELAY, ring.name, file, wait)
        expect_line(process, "ready")
        producer.publish(ticks(5, first), timeout=5)
        ring.end()
        finish(process)
    seen = [int(line) for line in file.read_text().split()]
    repeated = 0
    for before, event in zip([-1, *seen], seen, strict=False):
        if event != before + 1:
            assert before - 3 < event <= before, (before, event)
            repeated += 1
    assert seen[-1] == first + 4
    assert repeated <= turns


FLOOD = """
    import headrace as hr
    producer = hr.Ring.attach(sys.argv[1]).producer()
    print("ready", flush=True)
    number = int(sys.argv[2])
    while True:
        with producer.claim(3) as slots:
            slots["id"] = range(number, number + 3)
            slots["price"] = slots["id"] * 0.5
        number += 3
"""


def test_single_producers_killed_again_and_again(ring_name: Names) -> None:
    """What is seen is whole claims, contiguous for each life of the producer."""
    with hr.Ring.create(TICK, 32, ring_name()) as ring:
        consumer = ring.consumer("c", wait=hr.wait.Block())
        seen: list[int] = []
        for turn in range(4):
            process = start(FLOOD, ring.name, 1_000_000 * turn)
            expect_line(process, "ready")
            end = time.monotonic() + 0.02 + 0.01 * turn
            while time.monotonic() < end:
                seen += ids(consumer.poll(timeout=0.02))
                consumer.release()
            kill(process)
            seen += ids(consumer.poll())
            consumer.release()
            assert ring.depth("c") == 0
            life = [i - 1_000_000 * turn for i in seen if i >= 1_000_000 * turn]
            assert life == list(range(len(life)))
            assert len(life) % 3 == 0
            assert life
