"""Engines and processes: forks, interrupts, kills, and readers elsewhere."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from ring_tools import expect_line, finish, kill, path_of, run, start, wait_until

import headrace as hr
from headrace.errors import HeadraceError, WaitTimeout
from headrace.ringbuffer import list_rings, remove_ring

pytestmark = pytest.mark.timeout(60)
Names = Callable[[], str]


@hr.machine(event="<i8", output="<i8", initial=int)
def add(state, value):  # type: ignore[no-untyped-def]
    return state + value, value


PRELUDE = """
    import signal, threading
    import numpy as np
    import headrace as hr
    from headrace import errors
    pause = 0
    @hr.machine(event="i8", output="i8", initial=int)
    def add(state, value):
        time.sleep(pause)
        return state + value, value
    def interrupt_in(seconds):
        threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()
"""

# -- fork ----------------------------------------------------------------------------------------

FORK = (
    PRELUDE
    + """
    engine = hr.Engine(add, 16, name=sys.argv[1])
    engine.publish(np.arange(10))
    engine.drain()
    if {busy}:
        pause = 1
        engine.publish([0])
        time.sleep(0.2)
    pid = os.fork()
    if pid == 0:
        signal.alarm(5)
        try:
            {act}
        except errors.HeadraceError as error:
            print("child:", type(error).__name__, error, flush=True)
        else:
            print("child: no error", flush=True)
        os._exit(0)
    pid, status = os.waitpid(pid, 0)
    assert status == 0, f"the child ended with {{status}}"
    pause = 0
    print("parent:", engine.call(5, timeout=10)["value"].tolist(), flush=True)
    engine.close()
    print("parent:", engine.state, os.path.exists("/dev/shm/headrace." + sys.argv[1]))
    """
)
ACTS = {
    "publish": "engine.publish([1])",
    "call": "engine.call(1, timeout=2)",
    "drain": "engine.drain(timeout=2)",
    "outputs": "list(engine.outputs())",
    "state": "engine.state",
    "close": "engine.close(timeout=2)",
    "leave": "engine.__exit__(None, None, None)",
}


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize(
    "act",
    [
        pytest.param(act, marks=() if act in ("publish", "call", "close") else pytest.mark.torture)
        for act in ACTS
    ],
)
def test_a_forked_child_gets_an_error_and_the_parent_goes_on(
    act: str, busy: bool, ring_name: Names
) -> None:
    said = run(FORK.format(act=ACTS[act], busy=busy), ring_name()).splitlines()
    assert said[1:] == ["parent: [5]", "parent: 50 False"]
    assert said[0].startswith("child: ForkedHandle ")
    assert "before a fork" in said[0]


def test_a_child_that_ends_leaves_the_parents_engine_alone(ring_name: Names) -> None:
    """Also where its end unwinds the block that holds the engine, and collects what it held."""
    said = run(
        PRELUDE
        + """
    parent = os.getpid()
    with hr.Engine(add, 16, name=sys.argv[1]) as engine:
        engine.call(1)
        if os.fork() == 0:
            sys.exit(0)
        os.wait()
        assert os.getpid() == parent
        print(engine.call(5, timeout=10)["value"].tolist())
        print(os.path.exists("/dev/shm/headrace." + sys.argv[1] + ".out"))
        """,
        ring_name(),
    )
    assert said.split() == ["[5]", "True"]


def test_a_child_makes_engines_of_its_own(ring_name: Names) -> None:
    said = run(
        PRELUDE
        + """
    with hr.Engine(add, 16) as engine:
        engine.call(1)
        pid = os.fork()
        if pid == 0:
            with hr.Engine(add, 16, name=sys.argv[1]) as own:
                own.publish(np.arange(100))
                own.drain(timeout=10)
                print(own.state, flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        print(engine.call(2, timeout=10)["value"].tolist(), engine.state)
        """,
        ring_name(),
    )
    assert said.split() == ["4950", "[2]", "3"]


# -- interrupts ----------------------------------------------------------------------------------

INTERRUPTED = (
    PRELUDE
    + """
    engine = hr.Engine(add, 4, keep_outputs=1000)
    {before}
    pause = 0.6
    interrupt_in(0.2)
    begun = time.monotonic()
    try:
        {act}
    except KeyboardInterrupt:
        print("interrupted", time.monotonic() - begun < 0.5)
    pause = 0
    engine.drain(timeout=20)
    print(engine.sequence == engine.input_ring.cursor, engine.call(7, timeout=10)["value"])
    engine.close()
    """
)


@pytest.mark.parametrize(
    ("act", "before"),
    [
        ("engine.publish(np.ones(50, 'i8'))", ""),
        ("engine.call(1)", ""),
        ("engine.drain()", "pause = 0.6; engine.publish([1, 2])"),
        ("list(engine.outputs())", "pause = 0.6; engine.publish([1, 2])"),
        ("list(engine.outputs(follow=True))", ""),
    ],
)
def test_ctrl_c_ends_what_waits_and_the_engine_goes_on(act: str, before: str) -> None:
    said = run(INTERRUPTED.format(act=act, before=before))
    assert said.split() == ["interrupted", "True", "True", "[7]"]


def test_ctrl_c_ends_a_thread_waiting_for_another_publisher() -> None:
    said = run(
        PRELUDE
        + """
    engine = hr.Engine(add, 4, keep_outputs=1000)
    pause = 0.4
    other = threading.Thread(target=engine.publish, args=(np.ones(10, "i8"),))
    other.start()
    time.sleep(0.1)
    interrupt_in(0.2)
    begun = time.monotonic()
    try:
        engine.publish([1])
    except KeyboardInterrupt:
        print("interrupted", time.monotonic() - begun < 1)
    pause = 0
    other.join()
    engine.close()
    print(engine.state)
    """
    )
    assert said.split() == ["interrupted", "True", "10"]


def test_a_storm_of_interrupts_leaves_a_sound_engine() -> None:
    said = run(
        PRELUDE
        + """
    engine = hr.Engine(add, 16, keep_outputs=0)
    def storm():
        begun.wait()
        for turn in range(60):
            time.sleep(0.003 + turn % 7 * 0.002)
            os.kill(os.getpid(), signal.SIGINT)
        over.set()
    begun, over = threading.Event(), threading.Event()
    threading.Thread(target=storm, daemon=True).start()
    interrupted = 0
    while not over.is_set() or not interrupted:
        try:
            begun.set()
            assert engine.call(1, timeout=10)["value"].tolist() == [1]
            engine.publish([1, 1, 1])
        except KeyboardInterrupt:
            interrupted += 1
    time.sleep(0.05)
    engine.drain(timeout=10)
    assert interrupted > 5, interrupted
    assert engine.state == engine.sequence == engine.input_ring.cursor
    engine.call(1, timeout=10)
    assert not engine._calls
    engine.close(timeout=10)
    print("sound")
    """
    )
    assert said.strip() == "sound"


def test_a_killed_engine_leaves_names_that_are_found(ring_name: Names) -> None:
    """Killed before it could close: its rings are leftovers of a dead owner."""
    name = ring_name()
    process = start(
        PRELUDE
        + """
    engine = hr.Engine(add, 16, name=sys.argv[1])
    engine.publish(np.arange(10))
    print("ready", flush=True)
    time.sleep(60)
    """,
        name,
    )
    expect_line(process, "ready")
    kill(process)
    assert os.path.exists(path_of(name))
    left = {ring.name: ring for ring in list_rings() if ring.name.startswith(name)}
    assert sorted(left) == [name, f"{name}.out"]
    for each in left:
        remove_ring(each)
    assert not os.path.exists(path_of(name))


# -- readers in other processes ------------------------------------------------------------------

READ = """
    import headrace as hr
    consumer = hr.Ring.attach(sys.argv[1]).consumer(sys.argv[2])
    print("ready", flush=True)
    values = []
    for batch in consumer:
        values += batch["value" if batch.dtype.names else ...].tolist()
    print(len(values), sum(values))
"""


def test_all_rings_of_an_engine_are_read_elsewhere(ring_name: Names) -> None:
    """Inputs, what passes between stages, and outputs; each reader sees everything."""
    name = ring_name()
    double = hr.machine(event="<i8", output="<i8", initial=int, name="double")(
        lambda state, value: (state, 2 * value)
    )
    with hr.Engine(add >> double, 16, name=name, keep_outputs=0) as engine:
        rings = [name, f"{name}.1", f"{name}.out", f"{name}.out"]
        readers = [start(READ, ring, f"reader-{n}") for n, ring in enumerate(rings)]
        for reader in readers:
            expect_line(reader, "ready")
        engine.publish(np.arange(500), timeout=20)
        engine.drain(timeout=20)
    total = sum(range(500))
    wanted = [total, total, 2 * total, 2 * total]
    assert [finish(reader).split() for reader in readers] == [["500", str(sum_)] for sum_ in wanted]


@pytest.fixture
def held_up(ring_name: Names) -> Iterator[hr.Engine]:
    """An engine that waits for a reader of its outputs who is dead."""
    name = ring_name()
    engine = hr.Engine(add, 16, name=name, keep_outputs=0)
    assert engine.output_ring is not None
    reader = start(
        """
        import headrace as hr
        consumer = hr.Ring.attach(sys.argv[1] + ".out").consumer("stuck")
        print("ready", flush=True)
        time.sleep(60)
        """,
        name,
    )
    expect_line(reader, "ready")
    kill(reader)
    with pytest.raises(WaitTimeout):
        engine.publish(np.ones(100, np.int64), timeout=0.5)
    yield engine
    with contextlib.suppress(HeadraceError):
        engine.output_ring.evict("stuck")
    engine.close(timeout=20)


def test_a_dead_reader_holds_the_engine_up_until_it_is_evicted(held_up: hr.Engine) -> None:
    """And the engine says who it is waiting for."""
    with pytest.raises(WaitTimeout, match="'stuck'"):
        held_up.drain(timeout=0.5)
    assert held_up.output_ring is not None
    held_up.output_ring.evict("stuck")
    held_up.drain(timeout=20)
    assert held_up.call(1, timeout=20)["value"].tolist() == [1]


def test_close_does_not_wait_for_ever_for_a_dead_reader(held_up: hr.Engine) -> None:
    """Its rings go away anyway: a reader that is dead will not read them."""
    thread = threading.Thread(target=held_up.close, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    assert held_up.state == held_up.sequence


def child_work(name: str, reply: Any) -> None:
    with hr.Ring.attach(f"{name}.out") as ring:
        consumer = ring.consumer("child")
        reply.put("ready")
        reply.put(sum(int(batch["value"].sum()) for batch in consumer))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_multiprocessing_read_the_outputs(method: str, ring_name: Names) -> None:
    context: Any = multiprocessing.get_context(method)
    name = ring_name()
    with hr.Engine(add, 64, name=name, keep_outputs=0) as engine:
        reply = context.Queue()
        child = context.Process(target=child_work, args=(name, reply))
        child.start()
        assert reply.get(timeout=30) == "ready"
        engine.publish(np.arange(1000), timeout=20)
        engine.drain(timeout=20)
        assert os.path.exists(path_of(name))
    assert reply.get(timeout=30) == sum(range(1000))
    child.join(20)
    assert child.exitcode == 0
    wait_until(lambda: not os.path.exists(path_of(f"{name}.out")))
