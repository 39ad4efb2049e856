"""Rings between processes: forked, spawned and unrelated ones, and who removes the name when."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ring_tools import (
    TICK,
    expect_line,
    finish,
    ids,
    kill,
    path_of,
    run,
    start,
    ticks,
    wait_until,
)

import headrace as hr
from headrace.ringbuffer import errors, list_rings, remove_ring

pytestmark = pytest.mark.timeout(40)
Names = Callable[[], str]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No name of these tests is in shared memory after the test that does not say so."""
    mine = f"headrace.test-{os.getpid()}-"
    yield
    assert [name for name in os.listdir("/dev/shm") if name.startswith(mine)] == []


PUBLISH = """
    import headrace as hr
    name, number, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with hr.Ring.attach(name).producer() as producer:
        print("ready", flush=True)
        sys.stdin.readline()
        sent = 0
        while sent < count:
            length = min(1 + sent % 5, count - sent)
            with producer.claim(length) as slots:
                slots["id"] = range(sent, sent + length)
                slots["price"] = number
            sent += length
"""


def fork_child(work: Callable[[], None]) -> int:
    """Run `work` in a forked child that leaves without cleaning up after pytest; its pid."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def reap(pid: int) -> None:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_unrelated_processes(ring_name: Names) -> None:
    """Everything comes from the header: the other side is told the name alone."""
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        producer = ring.producer()
        process = start(
            """
            import headrace as hr
            ring = hr.Ring.attach(sys.argv[1])
            assert ring.dtype == TICK and ring.capacity == 8
            consumer = ring.consumer("there")
            print("ready", flush=True)
            print(sum(len(ids(batch)) for batch in consumer))
            """,
            ring.name,
        )
        expect_line(process, "ready")
        (info,) = ring.consumers
        assert (info.pid, info.alive) == (process.pid, True)
        for first in range(0, 500, 5):
            producer.publish(ticks(5, first), timeout=10)
        ring.end()
        assert int(finish(process)) == 500


@pytest.mark.parametrize("way", ["spawn", "fork"])
def test_several_producer_processes(way: str, ring_name: Names) -> None:
    """Every event exactly once, and those of each producer in its order."""
    count, producers = 3000, 3
    with hr.Ring.create(TICK, 64, ring_name(), "multi") as ring:
        consumers = [ring.consumer("a"), ring.consumer("b", after=["a"])]
        if way == "spawn":
            processes = [start(PUBLISH, ring.name, number, count) for number in range(producers)]
            for process in processes:
                expect_line(process, "ready")
            for process in processes:
                assert process.stdin
                process.stdin.write("\n")
                process.stdin.flush()
        else:

            def work(number: int) -> None:
                producer = ring.producer()
                for first in range(0, count, 4):
                    events = ticks(4, first)
                    events["price"] = number
                    producer.publish(events)
                producer.close()

            pids = [fork_child(lambda n=n: work(n)) for n in range(producers)]
        seen: list[list[tuple[int, int]]] = [[], []]
        while len(seen[1]) < count * producers:
            for consumer, into in zip(consumers, seen, strict=True):
                batch = consumer.poll(timeout=0.05)
                into += zip(batch["price"].astype(int).tolist(), batch["id"].tolist(), strict=True)
                consumer.release()
        assert seen[0] == seen[1]
        assert ring.cursor == len(seen[0])
        for number in range(producers):
            own = [event for producer, event in seen[0] if producer == number]
            assert own == list(range(count))
        if way == "spawn":
            for process in processes:
                finish(process)
        else:
            for pid in pids:
                reap(pid)


def test_handles_do_not_go_through_a_fork(ring_name: Names) -> None:
    """The child is told so, makes its own, and takes nothing from the parent when it exits."""
    with hr.Ring.create(TICK, 8, ring_name(), "multi") as ring:
        producer, consumer = ring.producer(), ring.consumer("parent")
        claim = producer.claim(1)
        producer.publish(ticks(2))
        batch = consumer.poll()

        def child() -> None:
            calls: list[tuple[str, Callable[[], Any]]] = [
                ("producer", lambda: producer.publish(ticks(1))),
                ("producer", lambda: producer.try_publish(ticks(1))),
                ("producer", lambda: producer.next(1)),
                ("producer", claim.__enter__),
                ("consumer", consumer.poll),
                ("consumer", consumer.release),
                ("consumer", lambda: next(consumer)),
            ]
            for what, call in calls:
                with pytest.raises(errors.ForkedHandle) as caught:
                    call()
                assert f"this {what} was made before a fork" in str(caught.value)
                assert f"ring.{what}(...)" in str(caught.value)
            assert ids(batch) == [0, 1]  # what was mapped still is
            producer.close()
            consumer.close()
            with ring.producer() as own, ring.consumer("child") as mine:
                own.publish(ticks(1, 2))
                assert ids(mine.poll()) == [2]
            with pytest.raises(errors.DuplicateConsumer):
                ring.consumer("parent")
            ring.close()

        reap(fork_child(child))
        assert os.path.exists(path_of(ring.name))
        assert [info.name for info in ring.consumers] == ["parent"]
        assert ids(consumer.poll()) == [2]
        producer.publish(ticks(1, 3))
        assert ids(consumer.poll()) == [3]


def test_anonymous_ring_in_a_forked_child() -> None:
    ring = hr.Ring.create(TICK, 8)
    consumer = ring.consumer("c")

    def child() -> None:
        with ring.producer() as producer:
            producer.publish(ticks(50))
        ring.end()

    pid = fork_child(child)
    assert [i for batch in consumer for i in ids(batch)] == list(range(50))
    reap(pid)


def _sum_up(ring: hr.Ring, answers: Any) -> None:
    consumer = ring.consumer("worker", wait=hr.wait.Block())
    answers.put("ready")
    answers.put(sum(int(batch["id"].sum()) for batch in consumer))


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing_sends_the_ring(method: str, ring_name: Names) -> None:
    context = multiprocessing.get_context(method)
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        answers = context.Queue()
        process = context.Process(target=_sum_up, args=(ring, answers))
        process.start()
        assert answers.get(timeout=20) == "ready"
        ring.producer().publish(ticks(100), timeout=10)
        ring.end()
        assert answers.get(timeout=20) == sum(range(100))
        process.join(10)
        assert process.exitcode == 0
        assert os.path.exists(path_of(ring.name))


ATTACHED = """
    import headrace as hr
    from multiprocessing import resource_tracker, shared_memory
    resource_tracker.ensure_running()
    ring = hr.Ring.attach(sys.argv[1])
    ring.consumer("guest").detach()
    {leave}
"""


@pytest.mark.parametrize(
    ("leave", "code"),
    [
        ("pass", 0),
        ("ring.close()", 0),
        ("sys.exit(3)", 3),
        ("raise RuntimeError", 1),
        ("os._exit(4)", 4),
        ("os.kill(os.getpid(), 9)", -9),
        ("os.abort()", -6),
    ],
)
def test_the_ring_outlives_those_attached(leave: str, code: int, ring_name: Names) -> None:
    """Python's resource tracker, too, knows nothing of it and removes nothing."""
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        process = start(ATTACHED.format(leave=leave), ring.name)
        _, stderr = process.communicate(timeout=20)
        assert process.returncode == code, stderr
        assert "resource_tracker" not in stderr
        assert "leaked" not in stderr
        assert os.path.exists(path_of(ring.name))
        hr.Ring.attach(ring.name).producer().publish(ticks(1))


OWNER = """
    import headrace as hr
    ring = hr.Ring.create(TICK, 8, sys.argv[1])
    producer, consumer = ring.producer(), ring.consumer("own")
    producer.publish(ticks(3))
    print("made", flush=True)
    sys.stdin.readline()
    {leave}
"""


@pytest.mark.parametrize("leave", ["pass", "ring.close()", "sys.exit(3)", "raise RuntimeError"])
def test_the_owner_removes_the_name_when_it_leaves(leave: str, ring_name: Names) -> None:
    name = ring_name()
    process = start(OWNER.format(leave=leave), name)
    expect_line(process, "made")
    ring = hr.Ring.attach(name)
    with pytest.raises(errors.UsageError, match=f"created by process {process.pid}; only that one"):
        ring.unlink()
    process.communicate("\n", timeout=20)
    assert not os.path.exists(path_of(name))
    assert ring.cursor == 3  # who is attached keeps it
    successor = ring.consumer("late")
    ring.producer().publish(ticks(1, 3))
    assert ids(successor.poll()) == [3]


def test_leftovers_of_a_killed_owner(ring_name: Names) -> None:
    name = ring_name()
    process = start(OWNER.format(leave=""), name)
    expect_line(process, "made")
    (info,) = (info for info in list_rings() if info.name == name)
    assert (info.owner_pid, info.owner_alive, info.damaged) == (process.pid, True, None)
    with pytest.raises(errors.UsageError, match=f"belongs to process {process.pid}, which lives"):
        remove_ring(name)
    kill(process)
    (info,) = (info for info in list_rings() if info.name == name)
    assert (info.owner_alive, info.cursor) == (False, 3)
    assert [(c.name, c.alive) for c in info.consumers] == [("own", False)]
    with pytest.raises(errors.RingExists, match="its owner is gone remove it: headrace rings"):
        hr.Ring.create(TICK, 8, name)
    ring = hr.Ring.attach(name)  # it can be used as long as it is there
    assert ids(ring.consumer("own").poll()) == [0, 1, 2]
    remove_ring(name)
    assert name not in [info.name for info in list_rings()]
    with hr.Ring.create(TICK, 8, name) as newer:
        assert newer.cursor == 0


def test_killed_in_the_midst_of_creating(ring_name: Names) -> None:
    """A name without a finished header: listed as damaged, and removed."""
    name = ring_name()
    process = start(
        """
        import headrace as hr
        from headrace.ringbuffer import segment
        segment.memcpy = None
        from headrace.ringbuffer import files, liveness
        liveness.myself = lambda: os.kill(os.getpid(), 9)
        hr.Ring.create(TICK, 8, sys.argv[1])
        """,
        name,
    )
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGKILL
    assert os.path.exists(path_of(name))
    (info,) = (info for info in list_rings() if info.name == name)
    assert info.damaged is not None
    assert "never finished" in info.damaged
    assert not info.owner_alive
    remove_ring(name)


def test_lock_of_a_killed_process_is_free(ring_name: Names) -> None:
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        process = start(
            """
            import headrace as hr
            from headrace.ringbuffer import files
            fd = files.open_file(sys.argv[1])
            with files.exclusive(fd):
                print("locked", flush=True)
                sys.stdin.readline()
            """,
            ring.name,
        )
        expect_line(process, "locked")
        kill(process)
        ring.consumer("c")


def test_lock_that_is_never_let_go(ring_name: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    from headrace.ringbuffer import files

    monkeypatch.setattr(files, "_LOCK_SECONDS_MAX", 0.05)
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        fd = files.open_file(ring.name)
        with (
            files.exclusive(fd),
            pytest.raises(errors.EnvironmentFailure, match=r"registration lock for 0.05 s; is one"),
        ):
            ring.consumer("c")
        os.close(fd)
        ring.consumer("c")


def test_daemon_thread_waits_while_the_interpreter_leaves(ring_name: Names) -> None:
    """Exit is neither held up nor crashed by a thread that sleeps in the ring."""
    name = ring_name()
    run(
        """
        import threading
        import headrace as hr
        ring = hr.Ring.create(TICK, 8, sys.argv[1])
        consumer = ring.consumer("c")
        threading.Thread(target=lambda: list(consumer), daemon=True).start()
        time.sleep(0.1)
        """,
        name,
        timeout=10,
    )
    assert not os.path.exists(path_of(name))


def test_interpreter_is_the_same_kind() -> None:
    """The helpers of these tests run what is tested here, and not another installation."""
    code = "import headrace as hr; print(hr.__file__, sys.executable)"
    assert run(code).split() == [hr.__file__, sys.executable]
    wait_until(lambda: True)
