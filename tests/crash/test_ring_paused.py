"""SIGSTOP is not death: who is paused is said to be, and holds things up until declared dead.

Then the others go on, and whoever wakes up after that finds out before it can do harm.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ring_tools import TICK, expect_line, finish, ids, kill, start, ticks, wait_until

import headrace as hr
from headrace.ringbuffer import errors, liveness

pytestmark = pytest.mark.timeout(40)
Names = Callable[[], str]


def pause(process: subprocess.Popen[str]) -> None:
    """SIGSTOP, and wait until it has stopped."""
    process.send_signal(signal.SIGSTOP)
    begun = liveness.start_time(process.pid) or 0
    wait_until(lambda: liveness.state_of(process.pid, begun) == "stopped")


def wake(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGCONT)


@contextmanager
def running(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process that says "ready", and is gone afterwards."""
    process = start(code, *arguments)
    try:
        expect_line(process, "ready")
        yield process
    finally:
        if process.poll() is None:
            kill(process)


# Polls all there is at each line it reads, tells what, and releases it at the next line.
CONSUME = """
    import headrace as hr
    from headrace import errors
    consumer = hr.Ring.attach(sys.argv[1]).consumer("worker", wait=hr.wait.Block())
    print("ready", flush=True)
    try:
        for line in sys.stdin:
            consumer.release()
            print(*ids(consumer.poll(timeout=10)), flush=True)
    except errors.Fenced as error:
        print("fenced", flush=True)
    consumer.close()
"""


def turn(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def test_paused_consumer(ring_name: Names) -> None:
    """It is seen to be paused, gates, and does not move its successor when it wakes up."""
    with hr.Ring.create(TICK, 8, ring_name()) as ring, running(CONSUME, ring.name) as process:
        producer = ring.producer()
        producer.publish(ticks(6))
        turn(process)
        expect_line(process, "0 1 2 3 4 5")
        pause(process)
        (info,) = ring.consumers
        assert (info.pid, info.state, info.alive) == (process.pid, "stopped", True)
        with pytest.raises(errors.DuplicateConsumer, match="which lives"):
            ring.evict("worker")
        producer.publish(ticks(2, 6))
        with pytest.raises(
            errors.WaitTimeout, match=rf"'worker' .* process {process.pid}, is stopped; let it go"
        ):
            producer.publish(ticks(1), timeout=0.01)
        assert ring.declare_dead("worker") == 0
        successor = ring.consumer("worker")
        assert ids(successor.poll(5)) == [0, 1, 2, 3, 4]
        successor.release()
        producer.publish(ticks(3, 8))
        turn(process)  # releases 6 when it wakes up, and is told so
        wake(process)
        expect_line(process, "fenced")
        assert ring.released("worker") == 5
        assert ids(successor.poll()) + ids(successor.poll()) == [5, 6, 7, 8, 9, 10]
        assert producer.try_publish(ticks(8)) == 2
        finish(process)
        (info,) = ring.consumers
        assert info.alive


@pytest.mark.parametrize("naps", [0.0, 0.3])
def test_consumer_paused_while_it_waits(naps: float, ring_name: Names) -> None:
    with hr.Ring.create(TICK, 8, ring_name()) as ring, running(CONSUME, ring.name) as process:
        turn(process)
        time.sleep(0.05)
        pause(process)
        ring.declare_dead("worker")
        time.sleep(naps)
        wake(process)
        expect_line(process, "fenced")


def test_paused_and_killed_after_all(ring_name: Names) -> None:
    """Its entry is free again then, and the ring has room for as many as ever."""
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        with running(CONSUME, ring.name) as process:
            pause(process)
            ring.declare_dead("worker")
            assert [info.state for info in ring.consumers] == ["gone"]
        for number in range(63):
            ring.consumer(f"c{number}").detach()
        with pytest.raises(errors.ConsumerError, match="which is the limit"):
            ring.consumer("one more")


# Does what it is told at each line: that many events, or a claim, or its end.
PRODUCE = """
    import headrace as hr
    from headrace import errors
    producer = hr.Ring.attach(sys.argv[1]).producer()
    print("ready", flush=True)
    try:
        for line in sys.stdin:
            if line == "claim\\n":
                producer.next(2)["id"] = 99
            else:
                producer.publish(ticks(int(line)))
            print("done", flush=True)
    except errors.Fenced as error:
        print("fenced", flush=True)
"""


def tell(process: subprocess.Popen[str], what: object) -> None:
    assert process.stdin
    process.stdin.write(f"{what}\n")
    process.stdin.flush()


def test_paused_producer_without_a_claim(ring_name: Names) -> None:
    """One of several: it is left alive, and publishes nothing any more."""
    with hr.Ring.create(TICK, 8, ring_name(), "multi") as ring:
        consumer, other = ring.consumer("c"), ring.producer()
        with running(PRODUCE, ring.name) as process:
            tell(process, 3)
            expect_line(process, "done")
            pause(process)
            stopped = next(p for p in ring.producer_handles if p.pid == process.pid)
            assert (stopped.state, stopped.claim, stopped.fenced) == ("stopped", None, False)
            ring.declare_producer_dead(process.pid)
            stopped = next(p for p in ring.producer_handles if p.pid == process.pid)
            assert (stopped.state, stopped.fenced) == ("stopped", True)
            other.publish(ticks(2, 3))
            tell(process, 1)
            wake(process)
            expect_line(process, "fenced")
            finish(process)
        assert ids(consumer.poll()) == [0, 1, 2, 3, 4]
        consumer.release()
        assert other.publish(ticks(8)) == 5


def test_producer_fenced_while_it_waits_for_room(ring_name: Names) -> None:
    with hr.Ring.create(TICK, 8, ring_name(), "multi") as ring:
        _consumer = ring.consumer("c")
        with running(PRODUCE, ring.name) as process:
            tell(process, 8)
            expect_line(process, "done")
            tell(process, 1)
            time.sleep(0.05)
            pause(process)
            ring.declare_producer_dead(process.pid)
            wake(process)
            expect_line(process, "fenced")


def test_paused_producer_with_a_claim_is_ended(ring_name: Names) -> None:
    """No epoch keeps it from writing into the slots: it is killed, and they are buried at once."""
    with hr.Ring.create(TICK, 8, ring_name(), "multi") as ring:
        consumer, other = ring.consumer("c"), ring.producer()
        with running(PRODUCE, ring.name) as process:
            tell(process, "claim")
            expect_line(process, "done")
            other.publish(ticks(2))
            pause(process)
            assert len(consumer.poll(timeout=0.3)) == 0  # it gates, longer than any look around
            (claim,) = [p.claim for p in ring.producer_handles if p.pid == process.pid]
            assert claim == (0, 2)
            ring.declare_producer_dead(process.pid)
            assert process.wait(5) == -signal.SIGKILL
            assert ids(consumer.poll()) == [0, 1]
            consumer.release()
            assert other.publish(ticks(8)) == 4


def test_paused_single_producer_is_ended(ring_name: Names) -> None:
    """It says nowhere whether it has claimed."""
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        consumer = ring.consumer("c")
        with running(PRODUCE, ring.name) as process:
            tell(process, 3)
            expect_line(process, "done")
            pause(process)
            with pytest.raises(errors.ProducerError, match=f"process {process.pid} holds it"):
                ring.producer()
            ring.declare_producer_dead(process.pid)
            assert process.wait(5) == -signal.SIGKILL
        with ring.producer() as producer:
            assert producer.publish(ticks(2, 3)) == 3
        assert ids(consumer.poll()) == [0, 1, 2, 3, 4]


def test_producers_that_cannot_be_declared_dead(
    ring_name: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hr.Ring.create(TICK, 8, ring_name(), "multi") as ring:
        own = ring.producer()
        with pytest.raises(errors.UsageError, match="is this very one, which is not dead"):
            ring.declare_producer_dead(ring.producer_handles[0].pid)
        with pytest.raises(errors.UsageError, match="process 1 has no producer on ring"):
            ring.declare_producer_dead(1)
        for pid in ("1", 0, True):
            with pytest.raises(errors.UsageError, match="pid must be"):
                ring.declare_producer_dead(pid)  # type: ignore[arg-type]
        own.publish(ticks(1))
        with running(PRODUCE, ring.name) as process:
            tell(process, "claim")
            expect_line(process, "done")

            def refuse(*_: Any) -> None:
                raise PermissionError(1, "Operation not permitted")

            monkeypatch.setattr(signal, "pidfd_send_signal", refuse)
            with pytest.raises(
                errors.EnvironmentFailure, match="Operation not permitted"
            ) as caught:
                ring.declare_producer_dead(process.pid)
            assert "it may still write to and publish [(1, 3)]" in caught.value.__notes__[0]
            monkeypatch.setattr(signal, "pidfd_send_signal", lambda *_: None)
            with pytest.raises(errors.EnvironmentFailure, match=r"is not gone after 0.05 s"):
                ring.declare_producer_dead(process.pid, timeout=0.05)
            monkeypatch.undo()
            assert process.poll() is None
            kill(process)
            ring.declare_producer_dead(process.pid)  # gone: only what it left is buried
        consumer = ring.consumer("c")
        assert own.publish(ticks(1)) == 3
        assert len(consumer.poll()) == 1


@pytest.mark.skipif(not hasattr(signal, "pidfd_send_signal"), reason="Linux has pidfds")
def test_another_process_of_that_number_is_not_hit() -> None:
    process = start("print('ready', flush=True); sys.stdin.readline()")
    expect_line(process, "ready")
    begun = liveness.start_time(process.pid)
    assert begun
    liveness.end_for_good(process.pid, begun + 1, 1)
    assert process.poll() is None
    liveness.end_for_good(process.pid, begun, 5)
    assert process.wait(5) == -signal.SIGKILL
    liveness.end_for_good(process.pid, begun, 5)


def test_a_process_whose_first_thread_has_ended_is_alive() -> None:
    """It looks like a corpse until the others have ended, too."""
    process = start(
        """
        import ctypes, threading
        def work():
            time.sleep(0.1)
            print("ready", flush=True)
            sys.stdin.readline()
            os._exit(0)
        threading.Thread(target=work).start()
        ctypes.CDLL(None).pthread_exit(None)
        """
    )
    expect_line(process, "ready")
    begun = liveness.start_time(process.pid)
    assert begun
    assert liveness.state_of(process.pid, begun) == "alive"
    tell(process, "")
    process.wait(5)
    assert not liveness.is_alive(process.pid, begun)
