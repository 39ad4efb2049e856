"""Wait strategies: their values, the GIL while they wait, Ctrl-C, and what waiting costs."""

from __future__ import annotations

import pickle
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ring_tools import TICK, expect_line, finish, run, start, ticks

import headrace as hr
from headrace.ringbuffer import burial, errors

pytestmark = pytest.mark.timeout(30)
NAMES = ["BusySpin", "Yield", "Backoff", "Block"]
STRATEGIES = pytest.mark.parametrize("name", NAMES)


def test_values() -> None:
    assert hr.wait.Backoff() == hr.wait.Backoff()
    assert hr.wait.Backoff() != hr.wait.Backoff(spins=1)
    assert hr.wait.Block() != hr.wait.Yield()
    assert hr.wait.Block() != "Block"
    assert len({hr.wait.Block(), hr.wait.Block(), hr.wait.BusySpin()}) == 2
    assert repr(hr.wait.Yield(5)).startswith("Yield(")


def test_they_can_be_sent_to_another_process() -> None:
    for wait in (
        hr.wait.BusySpin(),
        hr.wait.Yield(7),
        hr.wait.Backoff(spins=3, yields=4),
        hr.wait.Block(),
    ):
        copy = pickle.loads(pickle.dumps(wait))
        assert copy == wait
        assert type(copy) is type(wait)


@pytest.mark.parametrize("value", [-1, 1.5, "many", None, True])
def test_numbers_that_cannot_be(value: Any) -> None:
    with pytest.raises(errors.UsageError, match=f"spins must be an integer .*not {value!r}"):
        hr.wait.Yield(spins=value)
    with pytest.raises(errors.UsageError, match=f"yields must be an integer .*not {value!r}"):
        hr.wait.Backoff(yields=value)


def test_handles_know_their_strategy() -> None:
    ring = hr.Ring.create(TICK, 4)
    assert ring.producer().wait == hr.wait.Backoff()
    assert ring.consumer("c", wait=hr.wait.Block()).wait == hr.wait.Block()


def blocked(name: str, side: str) -> tuple[hr.Ring, threading.Thread]:
    """A ring, and a thread that waits at one side of it until the ring ends."""
    ring = hr.Ring.create(TICK, 4)
    wait = getattr(hr.wait, name)()
    consumer = ring.consumer("c", wait=wait)
    producer = ring.producer(wait)

    def wait_at_side() -> None:
        try:
            if side == "producer":
                producer.publish(ticks(9))
            else:
                assert list(consumer) == []
        except errors.RingEnded:
            pass

    thread = threading.Thread(target=wait_at_side)
    thread.start()
    time.sleep(0.02)
    return ring, thread


@STRATEGIES
@pytest.mark.parametrize("side", ["producer", "consumer"])
def test_gil_is_free_while_waiting(name: str, side: str) -> None:
    """With the GIL held, no turn of this loop would be made before the ring ends."""
    ring, thread = blocked(name, side)
    turns, begin = 0, time.monotonic()
    while time.monotonic() - begin < 0.1:
        turns += 1
    assert thread.is_alive()
    ring.end()
    thread.join(5)
    assert not thread.is_alive()
    assert turns > 1000


INTERRUPTED = """
    import headrace as hr
    name, side = sys.argv[1:]
    ring = hr.Ring.create(TICK, 4, producers="multi")
    consumer = ring.consumer("c", wait=getattr(hr.wait, name)())
    producer = ring.producer(wait=getattr(hr.wait, name)())
    calls = {
        "iterate": lambda: next(consumer),
        "poll": lambda: consumer.poll(timeout=60),
        "claim": lambda: producer.next(1),
        "publish": lambda: producer.publish(ticks(20), timeout=60),
    }
    if side in ("claim", "publish"):
        producer.publish(ticks(4))
    print("waiting", flush=True)
    try:
        calls[side]()
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
    # The ring is usable afterwards, by the same handles.
    if side in ("iterate", "poll"):
        producer.publish(ticks(1))
        assert len(consumer.poll()) == 1
    else:
        assert len(consumer.poll()) == 4
        consumer.release()
        producer.publish(ticks(4))
"""


@STRATEGIES
@pytest.mark.parametrize("side", ["iterate", "publish"])
def test_ctrl_c(name: str, side: str) -> None:
    process = start(INTERRUPTED, name, side)
    expect_line(process, "waiting")
    time.sleep(0.25)  # long enough to be parked
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    noticed = float(finish(process, 10))
    assert noticed - sent < 1.0


@pytest.mark.parametrize("side", ["poll", "claim"])
def test_ctrl_c_elsewhere(side: str) -> None:
    process = start(INTERRUPTED, "Backoff", side)
    expect_line(process, "waiting")
    time.sleep(0.05)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert float(finish(process, 10)) - sent < 1.0


def full_or_empty(side: str) -> tuple[hr.Ring, Callable[..., Any], Callable[[], Any]]:
    """A ring, what waits at one side of it, and what the other side can do for it."""
    ring = hr.Ring.create(TICK, 4)
    producer, consumer = ring.producer(), ring.consumer("c")
    if side == "poll":
        return ring, consumer.poll, lambda: producer.publish(ticks(1))
    producer.publish(ticks(4))
    consumer.poll()
    return ring, producer.next, consumer.release


@pytest.mark.parametrize("side", ["poll", "next"])
def test_who_waits_for_ever_looks_for_the_dead(
    side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Again and again, until one of the looks has brought what is waited for."""
    looks: list[Any] = []

    def look(segment: Any) -> int:
        looks.append(segment)
        if len(looks) == 3:
            come()
        return 0

    monkeypatch.setattr(burial, "look_for_dead", look)
    ring, wait, come = full_or_empty(side)
    thread = threading.Thread(target=wait, kwargs={"timeout": None}, daemon=True)
    thread.start()
    thread.join(10)
    ring.end()
    assert not thread.is_alive()
    assert len(looks) == 3


@pytest.mark.serial
@pytest.mark.parametrize("side", ["poll", "next"])
def test_who_waits_looks_for_the_dead_each_20_ms(
    side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """25 times in this half a second; it cannot be more than 6 times where naps take 100 ms."""
    looks: list[Any] = []
    monkeypatch.setattr(burial, "look_for_dead", lambda segment: looks.append(segment) or 0)
    _ring, wait, _come = full_or_empty(side)
    try:
        assert len(wait(timeout=0.5)) == 0
    except errors.WaitTimeout:
        assert side == "next"
    assert len(looks) > 6


IDLE = """
    import headrace as hr
    ring = hr.Ring.create(TICK, 64)
    producer = ring.producer({wait})
    consumer = ring.consumer("c", wait={wait})
    if {full}:
        producer.publish(ticks(64))
    def wait(seconds):
        if {full}:
            try:
                producer.next(1, timeout=seconds)
            except TimeoutError:
                pass
        else:
            consumer.poll(timeout=seconds)
    wait(0.05)
    begin, cpu = time.monotonic(), time.process_time()
    wait(1.0)
    print((time.process_time() - cpu) / (time.monotonic() - begin))
"""


@pytest.mark.serial
@pytest.mark.parametrize("wait", ["None", "hr.wait.Block()"])
@pytest.mark.parametrize("full", [False, True])
def test_idle_costs_next_to_nothing(wait: str, full: bool) -> None:
    share = float(run(IDLE.format(wait=wait, full=full)))
    assert share < 0.02


@pytest.mark.serial
def test_idle_iteration_costs_next_to_nothing() -> None:
    """The default strategy in a `for` loop, a thread of its own."""
    ring, thread = blocked("Backoff", "consumer")
    begin, cpu = time.monotonic(), time.process_time()
    time.sleep(1.0)
    share = (time.process_time() - cpu) / (time.monotonic() - begin)
    ring.end()
    thread.join(5)
    assert share < 0.02
