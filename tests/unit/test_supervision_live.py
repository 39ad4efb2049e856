"""Trees that run: what is asked of them, how they end, and children that are threads."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

import pytest

import headrace as hr
from headrace.errors import ChildRefused, EngineStopped, StartFailed, SupervisorFailed, WaitTimeout
from headrace.supervision import (
    IGNORE,
    KILLED,
    NORMAL,
    SHUTDOWN,
    Count,
    Ending,
    Exit,
    closing,
    thread,
)

WAIT_S = 30.0  # for what comes at once


def idle(stop: threading.Event) -> None:
    stop.wait()


IDLE = thread(idle)


class Manual:
    """A child that ends when a test says so."""

    def __init__(self, name: str = "manual") -> None:
        self.name = name
        self.asked = threading.Event()
        self.killed = threading.Event()
        self.ending = Ending()

    def on_exit(self, callback: Any) -> None:
        self.ending.on_exit(callback)

    def ask_to_stop(self) -> None:
        self.asked.set()
        self.ending.ended(SHUTDOWN)

    def kill(self) -> None:
        self.killed.set()
        self.ending.ended(KILLED)


class Starts:
    """A start that keeps what it has started, and lets a test wait for the next one."""

    def __init__(self, make: Any = Manual) -> None:
        self.make = make
        self.all: list[Any] = []
        self.more = threading.Condition()

    def __call__(self, *args: Any) -> Any:
        with self.more:
            self.all.append(self.make(*args))
            self.more.notify_all()
            return self.all[-1]

    def wait_for(self, count: int) -> Any:
        with self.more:
            assert self.more.wait_for(lambda: len(self.all) >= count, WAIT_S)
            return self.all[count - 1]


def test_what_is_told_of_a_running_tree() -> None:
    inner = hr.Supervisor("one_for_one", [hr.Child("b", IDLE)], name="s")
    with hr.Supervisor("one_for_one", [hr.Child("a", IDLE), inner], name="top").run() as tree:
        assert [(each.path, each.state, each.starts) for each in tree.children()] == [
            ("a", "running", 1),
            ("s", "running", 1),
            ("s/b", "running", 1),
        ]
        assert [each.is_supervisor for each in tree.children()] == [False, True, False]
        assert tree.children()[1].running is None
        assert tree.children()[0].running.name == "idle"  # type: ignore[union-attr]
        assert tree.count() == Count(specs=2, active=2, supervisors=1, workers=1)
        assert tree.count("s") == Count(specs=1, active=1, supervisors=0, workers=1)
        with pytest.raises(ChildRefused, match="no supervisor runs at that path"):
            tree.count("a")
    assert tree.wait() == SHUTDOWN
    assert tree.children() == []
    tree.stop()
    for late in (lambda: tree.start_child(hr.Child("c", IDLE)), tree.count):
        with pytest.raises(ChildRefused, match="the tree has ended") as refused:
            late()
        assert refused.value.why == "ended"


def test_requests() -> None:
    starts = Starts()
    with hr.Supervisor("one_for_one", [hr.Child("a", starts)], name="top").run() as tree:
        with pytest.raises(ChildRefused, match=r"'top', 'a': it runs; terminate it first"):
            tree.restart_child("a")
        with pytest.raises(ChildRefused, match="of that name, and it runs"):
            tree.start_child(hr.Child("a", IDLE))
        tree.terminate_child("a")
        assert starts.all[0].asked.is_set()
        assert tree.children()[0].state == "stopped"
        with pytest.raises(ChildRefused, match="restart or delete that"):
            tree.start_child(hr.Child("a", IDLE))
        tree.restart_child("a")
        assert len(starts.all) == 2
        assert tree.start_child(hr.Child("b", IDLE, "temporary")) == "b"
        tree.terminate_child("b")
        with pytest.raises(ChildRefused, match="there is no such child") as refused:
            tree.delete_child("b")
        assert refused.value.why == "not_found"
        with pytest.raises(ChildRefused, match="only a simple_one_for_one"):
            tree.start_instance(3)
        with pytest.raises(ChildRefused, match="never shuts down by itself"):
            tree.start_child(hr.Child("c", IDLE, "transient", significant=True))
        with pytest.raises(ChildRefused, match="no supervisor runs at that path"):
            tree.start_child(hr.Child("c", IDLE), under="nowhere")


def test_instances_of_a_template() -> None:
    starts = Starts(lambda number: Manual(f"worker {number}"))
    with hr.Supervisor("simple_one_for_one", [hr.Child("w", starts)]).run() as tree:
        assert [tree.start_instance(number) for number in (7, 8)] == ["w-1", "w-2"]
        starts.all[0].ending.ended(KILLED)
        assert starts.wait_for(3).name == "worker 7"
        assert tree.count() == Count(specs=1, active=2, supervisors=0, workers=2)
        with pytest.raises(ChildRefused, match="made from its template"):
            tree.start_child(hr.Child("a", IDLE))
        tree.terminate_child("w-2")
        assert [each.path for each in tree.children()] == ["w-1"]


def test_a_start_that_raises() -> None:
    first = Starts()

    def broken() -> Any:
        raise OSError("no such port")

    spec = hr.Supervisor("one_for_one", [hr.Child("a", first), hr.Child("b", broken)], name="top")
    with pytest.raises(StartFailed, match=r"'top' could not start: child 'b' .* no such port") as e:
        spec.run()
    assert isinstance(e.value.__cause__, OSError)
    assert first.all[0].asked.is_set()
    with hr.Supervisor("one_for_one").run() as tree:
        with pytest.raises(StartFailed) as e:
            tree.start_child(hr.Child("b", broken))
        assert isinstance(e.value.__cause__, OSError)
        assert tree.children() == []


def test_a_start_that_starts_nothing() -> None:
    starts: list[Any] = [hr.Child("a", lambda: IGNORE), hr.Child("b", lambda: None)]
    with hr.Supervisor("one_for_one", starts[:1]).run() as tree:
        assert [each.state for each in tree.children()] == ["stopped"]
        with pytest.raises(StartFailed, match=r"returned None, and not a .*Running"):
            tree.start_child(starts[1])


def test_giving_up() -> None:
    starts = Starts()
    tree = hr.Supervisor("one_for_one", [hr.Child("a", starts)], 1, 60, name="top").run()
    for count in (1, 2):
        starts.wait_for(count).ending.ended(Exit("error", "x", ZeroDivisionError()))
    with pytest.raises(SupervisorFailed, match="'top' gave up: more than 1 restarts") as failed:
        tree.wait(WAIT_S)
    assert isinstance(failed.value.__cause__, ZeroDivisionError)
    assert failed.value.reason.kind == "shutdown"


def give_up_in_block(error: Exception | None) -> None:
    starts = Starts()
    with hr.Supervisor("one_for_one", [hr.Child("a", starts)], 0).run() as tree:
        starts.all[0].ending.ended(KILLED)
        with pytest.raises(SupervisorFailed):
            tree.wait(WAIT_S)
        if error is not None:
            raise error


def test_a_block_ends_with_the_error_of_the_tree_or_its_own() -> None:
    with pytest.raises(SupervisorFailed):
        give_up_in_block(None)
    with pytest.raises(KeyError):
        give_up_in_block(KeyError())


def test_automatic_shutdown() -> None:
    starts = Starts()
    children = [hr.Child("a", IDLE), hr.Child("b", starts, "transient", significant=True)]
    spec = hr.Supervisor("one_for_one", children, auto_shutdown="any_significant")
    with spec.run() as tree:
        starts.all[0].ending.ended(NORMAL)
        assert tree.wait(WAIT_S).kind == "shutdown"
    assert "'b' has ended" in tree.wait().detail


def test_waiting_in_vain() -> None:
    tree = hr.Supervisor("one_for_one", [hr.Child("a", IDLE)]).run()
    with pytest.raises(WaitTimeout, match="did not end in 0 s"):
        tree.wait(0)
    tree.stop()


def test_a_thread_that_does_not_stop_is_given_up_by_name(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()

    def deaf(stop: threading.Event) -> None:
        release.wait()

    spec = hr.Supervisor("one_for_one", [hr.Child("a", thread(deaf), shutdown=0.01)], name="top")
    try:
        with spec.run() as tree:
            pass
        assert tree.wait() == SHUTDOWN
    finally:
        release.set()
    (record,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert record.name == "headrace.supervision"
    assert "thread 'deaf' cannot be killed; given up" in record.getMessage()
    fields = vars(record)
    assert (fields["event"], fields["supervisor"], fields["child"]) == ("stopped", "top", "a")
    assert fields["exit_kind"] == "killed"


def test_how_threads_end(caplog: pytest.LogCaptureFixture) -> None:
    ends: list[tuple[Any, str]] = [
        (lambda stop: None, "normal"),
        (lambda stop: 1 / 0, "error: ZeroDivisionError: division by zero"),
        (lambda stop: exit(0), "normal"),
        (lambda stop: exit(3), "error: SystemExit: 3"),
    ]
    for function, expected in ends:
        told: list[Exit] = []
        done = threading.Event()
        running = thread(function, name="short")()
        running.on_exit(lambda reason, told=told, done=done: (told.append(reason), done.set()))
        assert done.wait(WAIT_S)
        assert [str(each) for each in told] == [expected]
    assert not caplog.records


def test_something_that_is_closed() -> None:
    closed = []

    class Valve:
        def close(self) -> None:
            closed.append(self)

    with hr.Supervisor("one_for_one", [hr.Child("a", closing(Valve))]).run() as tree:
        valve = tree.children()[0].running.value  # type: ignore[union-attr]
    assert closed == [valve]


def test_something_that_ends_by_itself_is_opened_anew() -> None:
    broken = threading.Event()
    starts = Starts(lambda: closing(open_engine, wait=lambda engine: wait_and_raise(broken))())
    tree = hr.Supervisor("one_for_one", [hr.Child("a", starts)], 1, 60).run()
    broken.set()
    with pytest.raises(SupervisorFailed, match="MemoryError: gone"):
        tree.wait(WAIT_S)
    assert len({id(each.value) for each in starts.all}) == 2
    for each in starts.all:
        with pytest.raises(EngineStopped):
            each.value.publish(1)


def open_engine() -> hr.Engine:
    return hr.Engine(hr.machine(event="i8", initial=int)(lambda state, event: (state, None)))


def wait_and_raise(event: threading.Event) -> None:
    event.wait()
    raise MemoryError("gone")


def test_a_tree_in_a_tree() -> None:
    """A tree that runs is Running itself."""
    starts = Starts()
    inner = hr.Supervisor("one_for_one", [hr.Child("b", starts)], name="inner")
    with hr.Supervisor("one_for_one", [hr.Child("a", inner.run)]).run() as tree:
        assert tree.children()[0].running.name == "inner"  # type: ignore[union-attr]
    assert starts.all[0].asked.is_set()


def test_a_start_may_not_wait_for_its_own_supervisor() -> None:
    trees: list[Any] = []

    def meddling() -> Any:
        trees[0].terminate_child("a")

    with hr.Supervisor("one_for_one", [hr.Child("a", IDLE)]).run() as tree:
        trees.append(tree)
        with pytest.raises(StartFailed, match="calls its own supervisor"):
            tree.start_child(hr.Child("b", meddling))


def test_children_that_cannot_be_asked_nor_killed_hold_nothing_up() -> None:
    class Broken(Manual):
        def ask_to_stop(self) -> None:
            raise OSError("gone")

        def kill(self) -> None:
            raise OSError("gone")

    with hr.Supervisor("one_for_one", [hr.Child("a", Broken, shutdown="infinity")]).run() as tree:
        pass
    assert tree.wait() == SHUTDOWN


def test_a_timer_of_an_earlier_stop_kills_nobody() -> None:
    """Each has a time of its own to stop in, and not what an earlier one has left."""
    slow = threading.Event()

    class Slow(Manual):
        def ask_to_stop(self) -> None:
            self.asked.set()
            threading.Thread(target=lambda: slow.wait() and self.ending.ended(SHUTDOWN)).start()

    starts = Starts(Slow)
    children = [
        hr.Child("a", starts, shutdown=WAIT_S),
        hr.Child("b", Manual, shutdown=0.02),
    ]
    tree = hr.Supervisor("one_for_one", children).run()
    tree.ask_to_stop()
    assert starts.all[0].asked.wait(WAIT_S)
    with pytest.raises(WaitTimeout):
        tree.wait(0.05)
    slow.set()
    assert tree.wait(WAIT_S) == SHUTDOWN
    assert not starts.all[0].killed.is_set()


def test_interrupted_twice() -> None:
    """The second Ctrl-C kills what the first one has asked to stop."""

    class Slow(Manual):
        def ask_to_stop(self) -> None:
            self.asked.set()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    starts = Starts(Slow)
    spec = hr.Supervisor("one_for_one", [hr.Child("a", starts, shutdown="infinity")])
    with pytest.raises(KeyboardInterrupt), spec.run() as tree:
        raise KeyboardInterrupt("the first")
    assert starts.all[0].killed.is_set()
    assert tree.wait() == KILLED
