"""How engines end: nothing is lost, nobody stays stuck, and nothing stays behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from engine_tools import events, read, totals
from ring_tools import path_of, run, start, wait_until

import headrace as hr
from headrace.errors import EngineStopped, OutputsUnread, RingExists, StepError, WaitTimeout

Names = Callable[[], str]


def adding(name: str, **options: Any) -> hr.Machine:
    return hr.machine(event="<i8", output="<i8", initial=int, name=name, **options)(
        lambda state, value: (state + value, value)
    )


def refusing(name: str, refused: int) -> hr.Machine:
    def step(state, value):  # type: ignore[no-untyped-def]
        if value == refused:
            raise ValueError(value)
        return state + value, value

    return hr.machine(event="<i8", output="<i8", initial=int, name=name)(step)


class Gate:
    """A machine whose steps wait until the gate is opened, and how far they got."""

    def __init__(self) -> None:
        self.opened = threading.Event()

        def step(state, value):  # type: ignore[no-untyped-def]
            self.opened.wait(20)
            return state + value, value

        self.machine = hr.machine(event="<i8", output="<i8", initial=int, name="gated")(step)


def stage_threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if "headrace-" in thread.name}


# -- close ---------------------------------------------------------------------------------------


def test_close_after_a_close_that_timed_out_finishes_it(ring_name: Names) -> None:
    gate = Gate()
    name = ring_name()
    engine = hr.Engine(gate.machine, 64, name=name)
    engine.publish(np.ones(10, np.int64))
    with pytest.raises(WaitTimeout, match="stage gated did not end"):
        engine.close(timeout=0.1)
    threading.Timer(0.3, gate.opened.set).start()
    engine.close(timeout=20)
    assert gate.opened.is_set()
    assert not any("gated" in thread for thread in stage_threads())
    assert not os.path.exists(path_of(name))
    assert engine.state == 10
    assert read(engine)["value"].tolist() == [1] * 10


def test_leaving_a_block_after_a_close_that_timed_out_finishes_it() -> None:
    gate = Gate()
    with hr.Engine(gate.machine, 64) as engine:
        engine.publish(np.ones(10, np.int64))
        with pytest.raises(WaitTimeout):
            engine.close(timeout=0.1)
        threading.Timer(0.3, gate.opened.set).start()
    assert not any("gated" in thread for thread in stage_threads())
    assert engine.sequence == 10


def test_an_interrupted_close_can_be_finished() -> None:
    said = run(
        """
    import signal, threading
    import numpy as np
    import headrace as hr
    @hr.machine(event="i8", initial=int)
    def slow(state, value):
        time.sleep(0.3)
        return state + value, None
    engine = hr.Engine(slow, 4)
    engine.publish(np.ones(4, "i8"))
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        engine.close()
    except KeyboardInterrupt:
        print("interrupted")
    engine.close()
    print(engine.state, threading.active_count())
    """
    )
    assert said.split() == ["interrupted", "4", "1"]


def test_nothing_stays_behind(ring_name: Names) -> None:
    name = ring_name()
    before = stage_threads()
    machines = adding("first") >> adding("second") >> adding("third")
    with hr.Engine(machines, 16, name=name) as engine:
        names = [name, f"{name}.1", f"{name}.2", f"{name}.out"]
        assert all(os.path.exists(path_of(each)) for each in names)
        assert len(stage_threads() - before) == 3
        engine.publish(np.arange(100))
    assert not any(os.path.exists(path_of(each)) for each in names)
    assert stage_threads() == before
    assert engine.state == (4950, 4950, 4950)


def test_an_engine_that_cannot_be_made_leaves_nothing(ring_name: Names) -> None:
    name = ring_name()
    before = stage_threads()
    with (
        hr.Ring.create("<i8", 4, f"{name}.out"),
        pytest.raises(RingExists, match=f"a ring named '{name}.out' exists"),
    ):
        hr.Engine(adding("one") >> adding("two"), 16, name=name)
    assert not os.path.exists(path_of(name))
    assert not os.path.exists(path_of(f"{name}.1"))
    assert stage_threads() == before


@pytest.mark.parametrize("how", ["publish", "call", "publish much"])
def test_close_while_others_publish(how: str) -> None:
    """Each of them hears of it; what they were told is in, is in."""
    taken = [0, 0, 0]
    ended: list[BaseException] = []
    engine = hr.Engine(adding("sum"), 64, keep_outputs=0)

    def work(number: int) -> None:
        try:
            while True:
                if how == "call":
                    assert engine.call(1)["value"].tolist() == [1]
                    taken[number] += 1
                    continue
                count = 3 if how == "publish" else 5000
                engine.publish(np.ones(count, np.int64))
                taken[number] += count
        except BaseException as error:
            ended.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: engine.sequence > 10)
    engine.close(timeout=20)
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert [type(error) for error in ended] == [EngineStopped] * 3
    # A call may have been published, and its thread not yet have counted it.
    assert engine.sequence - sum(taken) in (range(4) if how == "call" else (0,))
    assert engine.state == engine.sequence


def test_outputs_are_followed_while_the_engine_is_closed() -> None:
    """Readers that wait, read or come just then get everything, once."""
    for turn in range(20):
        engine = hr.Engine(adding("sum"), 16)
        seen: list[int] = []
        failed: list[BaseException] = []

        def follow(engine: Any = engine, seen: Any = seen, failed: Any = failed) -> None:
            try:
                for records in engine.outputs(follow=True):
                    seen.extend(records["value"].tolist())
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=follow) for _ in range(2)]
        for thread in threads:
            thread.start()
        engine.publish(np.arange(turn * 7))
        engine.close(timeout=20)
        for thread in threads:
            thread.join(10)
        assert failed == []
        assert sorted(seen) == list(range(turn * 7))


def test_who_waits_while_the_engine_is_closed_gets_what_the_stages_finish() -> None:
    """The first stage is at its end long before the last one."""
    gate = Gate()
    engine = hr.Engine(adding("front") >> gate.machine, 16)
    engine.publish(np.arange(4))
    told: list[str] = []

    def call() -> None:
        told.append(f"called {engine.call(7, timeout=20)['value']}")

    def drain() -> None:
        engine.drain(timeout=20)
        told.append("drained")

    waiting = [threading.Thread(target=call), threading.Thread(target=drain)]
    waiting[0].start()
    wait_until(lambda: engine.input_ring.cursor == 5)
    waiting[1].start()
    with pytest.raises(WaitTimeout, match="stage gated did not end"):
        engine.close(timeout=0.2)
    gate.opened.set()
    for thread in waiting:
        thread.join(20)
    engine.close(timeout=20)
    assert sorted(told) == ["called [7]", "drained"]


# -- halting -------------------------------------------------------------------------------------


def wait_for_failure(engine: hr.Engine) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            engine.drain(timeout=0.1)
        except StepError:
            return
        except (OutputsUnread, WaitTimeout):
            continue
    raise AssertionError("it never failed")


def read_to_failure(engine: hr.Engine) -> list[int]:
    seen: list[int] = []
    try:
        for records in engine.outputs():
            seen += records["value"].tolist()
    except StepError:
        return seen
    raise AssertionError("the outputs ended without the error")


@pytest.mark.parametrize("keep", [8, 64, 1000])
def test_outputs_before_a_failure_in_front_are_not_lost(keep: int) -> None:
    """Also if the last stage waits for room at that moment, because nobody reads."""
    refused = keep + 16 + 8  # what the backlog, the output ring and half of the ring between hold
    gate = threading.Event()

    def step(state, value):  # type: ignore[no-untyped-def]
        if value == refused:
            gate.wait(20)
            raise ValueError(value)
        return state, value

    front = hr.machine(event="<i8", output="<i8", initial=int, name="front")(step)
    engine = hr.Engine(front >> adding("behind"), 16, keep_outputs=keep)
    engine.publish(np.arange(refused + 1), timeout=20)
    with pytest.raises(OutputsUnread):
        engine.drain(timeout=20)
    gate.set()
    wait_for_failure(engine)
    time.sleep(0.2)  # the last stage has looked up and seen it
    seen = read_to_failure(engine)
    with pytest.raises(StepError, match=f"'front' failed at event {refused}"):
        engine.close(timeout=20)
    assert seen + read_to_failure(engine) == list(range(refused))


def test_waiting_calls_get_the_failure_and_not_that_the_engine_was_closed() -> None:
    """Whenever they look: the stage fails, and then ends."""
    for _ in range(60):
        engine = hr.Engine(refusing("front", 3), 16)
        engine.publish(np.arange(8))
        with pytest.raises(StepError, match="failed at event 3"):
            engine.drain(timeout=20)
        with pytest.raises(StepError):
            engine.close(timeout=20)


def test_a_failure_between_two_looks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage fails, and stops, just after it was looked whether anything has failed."""
    gate = threading.Event()

    def step(state, value):  # type: ignore[no-untyped-def]
        gate.wait(20)
        raise ValueError(value)

    engine = hr.Engine(hr.machine(event="<i8", initial=int, name="gated")(step), 16)
    engine.publish([1])
    look = engine._failures.check

    def look_and_fail() -> None:
        look()
        gate.set()
        wait_until(lambda: engine._line.stages[0].stopped)

    monkeypatch.setattr(engine._failures, "check", look_and_fail)
    with pytest.raises(StepError, match="'gated' failed at event 0"):
        engine.drain(timeout=20)
    monkeypatch.undo()
    with pytest.raises(StepError):
        engine.close(timeout=20)


def test_who_is_told_of_unread_outputs_is_told_how_far_it_got() -> None:
    engine = hr.Engine(adding("sum"), 16, keep_outputs=8)
    with pytest.raises(OutputsUnread) as caught:
        engine.publish(np.arange(1000), timeout=10)
    published = caught.value.published  # type: ignore[attr-defined]
    assert published == engine.input_ring.cursor
    engine.close()
    assert read(engine)["value"].tolist() == list(range(published))


def test_what_was_behind_the_failure_is_not_stepped() -> None:
    engine = hr.Engine(adding("front") >> refusing("middle", 30) >> adding("last"), 16)
    with pytest.raises(StepError, match="'middle' failed at event 30"):
        engine.publish(np.arange(2000), timeout=10)
    with pytest.raises(StepError):
        engine.close(timeout=20)
    _, middle, last = engine.state
    assert middle == last == sum(range(30))
    assert read_to_failure(engine) == list(range(30))


# -- waiting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [float("inf"), 1e12])
def test_timeouts_that_are_as_good_as_none(timeout: float) -> None:
    with hr.Engine(totals) as engine:
        engine.publish(events(5), timeout=timeout)
        assert len(engine.call((1, 1), timeout=timeout)) == 1
        engine.drain(timeout=timeout)
        engine.close(timeout=timeout)
        assert engine.sequence == 6


@pytest.mark.parametrize("timeout", [-1, float("nan"), "1", [1]])
def test_timeouts_that_cannot_be(timeout: Any) -> None:
    with hr.Engine(totals) as engine:
        for wait in (
            lambda: engine.publish(events(5), timeout=timeout),
            lambda: engine.call((1, 1), timeout=timeout),
            lambda: engine.drain(timeout=timeout),
            lambda: engine.close(timeout=timeout),
        ):
            with pytest.raises(hr.errors.UsageError, match="timeout must be 0 seconds or more"):
                wait()
        assert engine.sequence == 0


# -- the end of the process ----------------------------------------------------------------------

PRELUDE = """
    import threading
    import numpy as np
    import headrace as hr
    @hr.machine(event="i8", output="i8", initial=int)
    def add(state, value):
        time.sleep(pause)
        return state + value, value
    pause = 0
"""
ENDS = {
    "idle": "",
    "busy": "pause = 30; engine.publish(np.arange(10)); time.sleep(0.1)",
    "full": """
    try:
        engine.publish(np.arange(1000))
    except hr.errors.OutputsUnread:
        pass""",
    "exception": "engine.publish(np.arange(10)); raise SystemExit(0)",
    "a reader waits": (
        "threading.Thread(target=lambda: list(engine.outputs(follow=True)), daemon=True).start();"
        "time.sleep(0.1)"
    ),
    "a caller waits": (
        "pause = 30; threading.Thread(target=engine.call, args=(1,), daemon=True).start();"
        "time.sleep(0.1)"
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_engine_that_is_not_closed_holds_up_nothing(end: str, ring_name: Names) -> None:
    name = ring_name()
    code = PRELUDE + "    engine = hr.Engine(add, 16, name=sys.argv[1], keep_outputs=4)\n    "
    process = start(code + ENDS[end].lstrip() + "\n", name)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")
    assert not os.path.exists(path_of(name))
    assert not os.path.exists(path_of(f"{name}.out"))
