"""The engine: publishing, calling, draining, reading outputs, closing."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from engine_tools import EVENT, OUT, events, last, read, silent, totals, twice
from ring_tools import run

import headrace as hr
from headrace.errors import (
    CapacityError,
    DtypeError,
    EngineStopped,
    MachineError,
    OutputsUnread,
    UsageError,
    WaitTimeout,
)
from headrace.events import record_dtype


def test_publish_drain_state_outputs() -> None:
    with hr.Engine(totals, 64) as engine:
        assert engine.publish(events(1000)) == 0
        engine.drain()
        assert engine.sequence == 1000
        assert engine.state == {key: sum(range(key, 1000, 5)) for key in range(5)}
        records = read(engine)
        assert records["input_sequence"].tolist() == list(range(1000))
        assert records["origin"].tolist() == list(range(1000))
        assert not records["output_index"].any()
        assert (np.diff(records["input_time_ns"]) >= 0).all()
        assert abs(records["input_time_ns"][0] - time.time_ns()) < 60e9
        assert records["total"][:6].tolist() == [0, 1, 2, 3, 4, 5]
        assert len(read(engine)) == 0
        assert engine.publish(events(1)) == 1000


def test_call_gives_the_outputs_of_one_event() -> None:
    with hr.Engine(totals) as engine:
        engine.publish(events(10))
        (record,) = engine.call((2, 100), timeout=5)
        assert (record["key"], record["total"]) == (2, 2 + 7 + 100)
        assert record["input_sequence"] == 10
        assert engine.call({"key": 2, "value": 1}, timeout=5)["total"].tolist() == [110]
        assert len(engine.call(events(1)[0], timeout=5)) == 1
        with pytest.raises(UsageError, match="call takes one event, not 3"):
            engine.call(events(3))
        with pytest.raises(DtypeError, match="field 'key' cannot be 'x'"):
            engine.call(("x", 1))
        assert engine.sequence == 13


def test_machine_without_outputs() -> None:
    with hr.Engine(silent) as engine:
        assert engine.output_ring is None
        assert len(engine.call((0, 5))) == 0
        engine.publish(events(100))
        engine.drain()
        assert engine.state == [5 + sum(range(100)), 100]
        with pytest.raises(UsageError, match="there are no outputs to read"):
            engine.outputs()


def test_calls_from_many_threads_get_their_own_outputs() -> None:
    wrong: list[Any] = []
    with hr.Engine(totals, 64) as engine:

        def work(number: int) -> None:
            for turn in range(30):
                (record,) = engine.call((number, 1), timeout=20)
                if (record["key"], record["total"]) != (number, turn + 1):
                    wrong.append((number, turn, record))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not wrong
        assert engine.state == dict.fromkeys(range(6), 30)


def test_state_is_a_copy() -> None:
    with hr.Engine(totals) as engine:
        engine.publish(events(5))
        engine.drain()
        engine.state.clear()
        assert len(engine.state) == 5


def test_close_loses_nothing() -> None:
    engine = hr.Engine(totals, 256)
    engine.publish(events(5000))
    engine.close()
    engine.close()
    assert engine.sequence == 5000
    assert len(read(engine)) == 5000
    for call in (lambda: engine.publish(events(1)), lambda: engine.call((0, 1))):
        with pytest.raises(EngineStopped, match="this engine is closed"):
            call()


def test_follow_ends_with_the_engine() -> None:
    seen: list[int] = []
    with hr.Engine(totals, 64) as engine:

        def follow() -> None:
            for records in engine.outputs(follow=True):
                seen.extend(records["input_sequence"].tolist())

        thread = threading.Thread(target=follow)
        thread.start()
        for first in range(0, 600, 100):
            engine.publish(events(100, first))
        engine.drain()
    thread.join(10)
    assert seen == list(range(600))


def test_unread_outputs_stop_the_engine_and_say_so() -> None:
    engine = hr.Engine(totals, 16, keep_outputs=64)
    with pytest.raises(OutputsUnread, match="because its outputs are not read"):
        engine.publish(events(1000), timeout=10)
    seen = len(read(engine))
    engine.close()
    assert seen + len(read(engine)) == engine.sequence


def test_outputs_that_nobody_will_read() -> None:
    with hr.Engine(totals, 16, keep_outputs=0) as engine:
        engine.publish(events(1000), timeout=10)
        engine.drain(10)
        with pytest.raises(UsageError, match="keep_outputs=0"):
            engine.outputs()
        assert engine.call((0, 1), timeout=5)["total"].tolist() == [sum(range(0, 1000, 5)) + 1]


def test_timeouts() -> None:
    gate = threading.Event()

    def step(state, value):  # type: ignore[no-untyped-def]
        gate.wait(20)
        return state + value, None

    slow = hr.machine(event="i8", initial=int, name="slow")(step)
    with hr.Engine(slow, 4) as engine:
        with pytest.raises(WaitTimeout, match=r"no answer to input 0 within 0.05 s; it is publ"):
            engine.call(1, timeout=0.05)
        with pytest.raises(WaitTimeout, match=r"not drained within 0.05 s: slow at 0"):
            engine.drain(timeout=0.05)
        with pytest.raises(WaitTimeout, match=r"stayed full for 0.15 s: \d+ of 20 e") as caught:
            engine.publish(np.ones(20, "i8"), timeout=0.15)
        assert 0 < caught.value.published < 20  # type: ignore[attr-defined]
        with pytest.raises(UsageError, match="timeout must be 0 seconds or more"):
            engine.drain(timeout=-1)
        with pytest.raises(WaitTimeout, match=r"stage slow did not end in 0.05 s"):
            engine.close(timeout=0.05)
        gate.set()
    assert engine.state == 1 + caught.value.published  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"capacity": 100}, CapacityError, "100 is not a power of two .* try 128"),
        ({"on_error": "ignore"}, UsageError, "'halt', 'dead_letter' or a function, not 'ignore'"),
        ({"keep_outputs": -1}, UsageError, "keep_outputs must be an integer of 0 or more"),
        ({"keep_outputs": True}, UsageError, "keep_outputs must be an integer of 0 or more"),
        ({"dead_letters_max": 1.5}, UsageError, "dead_letters_max must be an integer"),
        ({"step": "fast"}, MachineError, "kind is 'fast'; give 'python'"),
        ({"step": "batch"}, MachineError, "'totals' has no batch step"),
        ({"wait": "soon"}, UsageError, "wait must be a strategy"),
        ({"name": "no/name"}, UsageError, "cannot name a ring"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], error: type, words: str) -> None:
    before = threading.active_count()
    with pytest.raises(error, match=words):
        hr.Engine(totals, **options)
    assert threading.active_count() == before


def test_what_is_no_machine() -> None:
    with pytest.raises(UsageError, match="an engine runs a machine or a pipeline"):
        hr.Engine(lambda state, event: (state, None))  # type: ignore[arg-type]


def test_a_class_of_machines_is_no_machine() -> None:
    class Totals(hr.Machine):
        event = "i8"

        def initial(self) -> int:
            return 0

        def step(self, state: int, value: int) -> tuple[int, None]:
            return state + value, None

    with pytest.raises(UsageError, match=r"Totals is a class of machines; make one: Totals\(\)"):
        hr.Engine(Totals)  # type: ignore[arg-type]
    with hr.Engine(Totals()) as engine:
        engine.call(3)
        assert engine.state == 3


def test_events_of_another_dtype() -> None:
    with hr.Engine(totals) as engine, pytest.raises(DtypeError, match="the machine takes"):
        engine.publish(np.zeros(3))


# -- pipelines -----------------------------------------------------------------------------------


def test_pipeline_of_three() -> None:
    with hr.Engine(totals >> twice >> last, 32) as engine:
        for first in range(0, 40, 10):
            engine.publish(events(10, first))
        engine.drain()
        sums, count, negatives = engine.state
        running: dict[int, int] = {}
        wanted = []
        kept = 0
        for sequence, (key, value) in enumerate(events(40).tolist()):
            running[key] = running.get(key, 0) + value
            if running[key] % 2 == 0:
                for total in (running[key], -running[key]):
                    kept += total < 0
                    wanted.append((sequence, key, kept))
        records = read(engine)
        assert records[["origin", "key", "total"]].tolist() == wanted
        assert (sums, count, len(negatives)) == (running, 40, kept)
        assert records["input_sequence"].tolist() == list(range(len(wanted)))
        ids = records[["input_sequence", "output_index"]].tolist()
        assert len(set(ids)) == len(ids)


def test_call_through_a_pipeline() -> None:
    with hr.Engine(totals >> twice, 32) as engine:
        assert engine.call((1, 4), timeout=5)["total"].tolist() == [4, -4]
        assert len(engine.call((1, 1), timeout=5)) == 0
        assert engine.call((1, 1), timeout=5)["output_index"].tolist() == [0, 1]
        assert engine.state == ({1: 6}, 3)


def test_each_stage_has_a_thread_of_its_own() -> None:
    with hr.Engine(totals >> twice):
        names = {thread.name for thread in threading.enumerate()}
        assert {"headrace-totals", "headrace-twice"} <= names


# -- other processes, and how a process ends -----------------------------------------------------


def test_outputs_are_read_by_another_process(ring_name: Any) -> None:
    name = ring_name()
    with hr.Engine(totals, 1024, name=name, keep_outputs=0) as engine:
        assert engine.input_ring.name == name
        assert engine.output_ring is not None
        assert engine.output_ring.dtype == record_dtype(OUT)
        from ring_tools import expect_line, finish, start

        process = start(
            """
            import headrace as hr
            consumer = hr.Ring.attach(sys.argv[1] + ".out").consumer("other")
            print("ready", flush=True)
            print(sum(int(batch["total"].sum()) for batch in consumer))
            """,
            name,
        )
        expect_line(process, "ready")
        engine.publish(events(3000))
        engine.drain()
        wanted = 0
        running = dict.fromkeys(range(5), 0)
        for key, value in events(3000).tolist():
            running[key] += value
            wanted += running[key]
    assert int(finish(process)) == wanted


PRELUDE = """
    import numpy as np
    import headrace as hr
    @hr.machine(event="i8", output="i8", initial=int)
    def add(state, value):
        return state + value, value
"""


def test_an_engine_that_is_not_closed_holds_up_nothing() -> None:
    run(PRELUDE + "    engine = hr.Engine(add)\n    engine.publish(np.arange(10))\n", timeout=20)


def test_fork_gets_a_clear_error() -> None:
    said = run(
        PRELUDE
        + """
    engine = hr.Engine(add)
    engine.publish(np.arange(10))
    engine.drain()
    if os.fork() == 0:
        try:
            engine.publish(np.arange(10))
        except hr.errors.ForkedHandle as error:
            print("child:", error, flush=True)
        os._exit(0)
    os.wait()
    engine.publish(np.arange(10))
    engine.close()
    print(engine.state)
    """
    )
    assert "child: this engine was made before a fork" in said
    assert said.splitlines()[-1] == "90"


@pytest.mark.parametrize(
    "act",
    [
        "engine.drain()",
        "engine.call(1)",
        pytest.param("list(engine.outputs())", marks=pytest.mark.torture),
    ],
)
def test_ctrl_c(act: str) -> None:
    said = run(
        f"""
    import signal, threading
    import numpy as np
    import headrace as hr
    @hr.machine(event="i8", output="i8", initial=int)
    def slow(state, value):
        time.sleep(3 if state == 0 else 0)
        return state + 1, value
    engine = hr.Engine(slow)
    engine.publish(np.arange(5))
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    begin = time.monotonic()
    try:
        {act}
    except KeyboardInterrupt:
        print("interrupted", time.monotonic() - begin < 2, flush=True)
    engine.close()
    print(engine.sequence >= 5)
    """,
        timeout=30,
    )
    assert said.split() == ["interrupted", "True", "True"]


def test_events_are_read_only() -> None:
    caught: list[str] = []

    def step(state, event):  # type: ignore[no-untyped-def]
        try:
            event.value = 5
        except AttributeError as error:
            caught.append(str(error))
        return state, None

    with hr.Engine(hr.machine(event=EVENT, initial=int)(step)) as engine:
        engine.call((0, 1))
    assert caught == ["event.value cannot be set: events are read-only"]
