"""Engines of topologies as their users see them: publish, call, drain, outputs, states, the end."""

from __future__ import annotations

import contextlib
import multiprocessing.util
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from topology_tools import (
    count,
    engine,
    events,
    front,
    kill,
    many,
    plain,
    read,
    sink,
    slow,
    stage,
    total,
)

import headrace as hr
from headrace.errors import (
    EngineStopped,
    ForkedHandle,
    JournalMismatch,
    MachineError,
    OutputsUnread,
    StepError,
    UsageError,
    WaitTimeout,
    WorkerDied,
)
from headrace.journal.states import encode_state
from headrace.reference.topology import ReferenceTopology
from headrace.runtime.messages import State

TOPOLOGY = front >> hr.shard(count, by="key", n=2) >> hr.fanout(sink, hr.chain(plain, total))
SPLIT = hr.shard(count, by="key", n=2, ordered=True)
BOTH = pytest.mark.parametrize("place", ["threads", "processes"])


def reference(topology: Any, inputs: Any) -> Any:
    made = ReferenceTopology(topology)
    made.publish(inputs)
    return made


@BOTH
def test_publish_call_drain_outputs_and_states(place: str) -> None:
    inputs = events(61)
    expected = reference(TOPOLOGY, inputs)
    with engine(TOPOLOGY, place=place, capacity=16) as running:
        assert running.publish(inputs[:30], timeout=20) == 0
        answer = running.call(inputs[30], timeout=20)
        running.publish(inputs[31:], timeout=20)
        running.drain(20)
        assert running.sequence == 61
        assert running.state == expected.state
        made = read(running)
        assert read(running).size == 0, "each is read once"
    wanted = expected.outputs
    for name in ("value", "input_sequence", "output_index", "origin"):
        assert answer[name].tolist() == wanted[name][wanted["origin"] == 30].tolist()
        assert made[name].tolist() == wanted[name][wanted["origin"] != 30].tolist()


@BOTH
def test_closing_finishes_what_was_published_although_nobody_reads(place: str) -> None:
    running = engine(SPLIT, place=place, capacity=16)
    running.publish(events(300), timeout=20)
    running.close(20)
    running.close(20)
    made = read(running)
    assert made["value"].tolist() == reference(SPLIT, events(300)).outputs["value"].tolist()
    assert sum(running.state["count.0"].values()) + sum(running.state["count.1"].values()) == 300
    for use in (lambda: running.publish(events(1)), lambda: running.call((1, 1))):
        with pytest.raises(EngineStopped, match="closed"):
            use()


def test_stages_go_on_while_nobody_asks() -> None:
    """Outputs past what their ring holds are moved on, also where all stages are elsewhere."""
    with engine(front >> plain, capacity=16) as running:
        running.publish(events(16), timeout=20)
        running.publish(events(16, 16), timeout=20)
        running.publish(events(16, 32), timeout=20)
        end = time.monotonic() + 10
        while stage(running, "plain").done < 48 and time.monotonic() < end:
            time.sleep(0.005)
        done = stage(running, "plain").done
        running.drain(20)
    assert done == 48


@BOTH
def test_timeouts(place: str) -> None:
    with engine(hr.shard(slow, n=2, ordered=True), place=place, capacity=4) as running:
        with pytest.raises(WaitTimeout, match="no answer to input 0 within"):
            running.call((0, 400), timeout=0.01)
        with pytest.raises(WaitTimeout, match=r"not drained within 0.01 s: slow at \d"):
            running.drain(0.01)
        with pytest.raises(WaitTimeout, match="the ring stayed full for") as told:
            running.publish(events(40), timeout=0.01)
        assert 0 < told.value.published < 40  # type: ignore[attr-defined]
        with pytest.raises(WaitTimeout, match="did not end in"):
            running.close(0.01)
        running.close(20)
        assert running.sequence == 1 + told.value.published  # type: ignore[attr-defined]
        assert 0 not in read(running)["origin"], "its caller's, who has gone"


@BOTH
def test_unread_outputs_hold_up_who_publishes(place: str) -> None:
    with engine(SPLIT, place=place, capacity=16, keep_outputs=20) as running:
        with pytest.raises(OutputsUnread, match="its outputs are not read"):
            running.publish(events(2000), timeout=20)
        published = running.input_ring.cursor
        assert published < 200, "back-pressure comes to the first producer"
        assert len(read(running)) == len(reference(SPLIT, events(published)).outputs)


@BOTH
def test_outputs_that_nobody_keeps(place: str) -> None:
    with engine(SPLIT, place=place, capacity=16, keep_outputs=0) as running:
        running.publish(events(200), timeout=20)
        made = running.call((3, 2), timeout=20)
        expected = reference(SPLIT, [*events(200), (3, 2)]).outputs
        assert made["value"].tolist() == expected["value"][expected["origin"] == 200].tolist()
        running.drain(20)


@BOTH
def test_no_outputs_at_the_end(place: str) -> None:
    with engine(front >> hr.shard(sink, by="key"), place=place) as running:
        running.publish(events(50), timeout=20)
        assert running.call((1, 1), timeout=20).size == 0
        with pytest.raises(UsageError, match="there are no outputs to read"):
            running.outputs()
        assert running.state["sink.0"] + running.state["sink.1"] == sum(range(50)) + 1


@BOTH
def test_more_outputs_of_one_input_than_can_be_put_in_order(place: str) -> None:
    running = engine(hr.shard(many, n=2, ordered=True), place=place, capacity=8)
    assert len(running.call((0, 7), timeout=20)) == 7
    with pytest.raises(MachineError, match="one input has 8 outputs or more in one branch"):
        running.call((0, 40), timeout=20)
    with pytest.raises(MachineError, match="give the engine a larger capacity"):
        running.close(20)


@BOTH
def test_a_long_run_of_outputs_needs_no_room_where_nothing_is_put_in_order(place: str) -> None:
    with engine(front >> many, place=place, capacity=4) as running:
        assert len(running.call((0, 100), timeout=20)) == 100


# -- failed steps --------------------------------------------------------------------------------


def test_a_failed_step_is_told_as_in_this_process() -> None:
    with engine(front >> hr.shard(total, by="key"), capacity=16) as running:
        running.publish(events(3))
        with pytest.raises(StepError, match="machine 'front' failed at event 3") as told:
            running.call((5, -4), timeout=20)
        error = told.value
        assert (error.sequence, error.origin, error.machine) == (3, 3, "front")
        assert error.event == {"key": 5, "value": -4}
        assert str(error.__cause__) == "ValueError: negative: -4"
        (note,) = error.__cause__.__notes__  # type: ignore[union-attr]
        assert note.startswith("in the worker process:\nTraceback (most recent call last):")
        assert 'topology_tools.py", line' in note
        assert running.state["front"] == 3


@BOTH
def test_a_failed_step_halts_all(place: str) -> None:
    running = engine(plain >> front >> hr.shard(total, by="key"), place=place, capacity=16)
    inputs = events(200)
    inputs["value"][100] = -2  # which plain puts out once
    with contextlib.suppress(StepError):  # it may be halted before all are published
        running.publish(inputs, timeout=20)
    with pytest.raises(StepError, match="negative: -2"):
        running.drain(20)
    with pytest.raises(StepError, match="negative: -2"):
        running.call((1, 1), timeout=20)
    with pytest.raises(StepError, match="negative: -2"):
        running.close(20)
    with pytest.raises(StepError, match="negative: -2"):
        read(running)
    done = running.state["front"]
    before = reference(plain, inputs[:100]).outputs
    assert done == len(before), "all before it, and nothing behind it"


@BOTH
def test_dead_letters_and_a_function_that_decides(place: str) -> None:
    inputs = events(40)
    inputs["value"][[7, 20]] = -1
    topology = hr.shard(front, by="key", n=2) >> total
    with engine(topology, place=place, on_error="dead_letter", capacity=16) as running:
        running.publish(inputs, timeout=20)
        running.drain(20)
        assert sorted(each.sequence for each in running.dead_letters) == [7, 20]
        assert {each.machine for each in running.dead_letters} == {"front"}
        assert running.state["total"] == inputs["value"].sum() + 2

    asked: list[int] = []

    def decide(error: StepError, event: Any) -> bool:
        asked.append(error.origin)
        return len(asked) < 2

    running = engine(topology, place=place, on_error=decide, capacity=64)
    running.publish(inputs, timeout=20)
    for use in (running.drain, running.close):
        with pytest.raises(StepError, match="negative: -1"):
            use(20)
    assert sorted(asked) == [7, 20]


def test_a_function_that_decides_and_fails_halts() -> None:
    def decide(error: StepError, event: Any) -> bool:
        raise KeyError("who knows")

    running = engine(front, on_error=decide)
    running.publish([(0, -1)])
    for use in (running.drain, running.close):
        with pytest.raises(KeyError, match="who knows"):
            use(20)


# -- this process --------------------------------------------------------------------------------


def test_ctrl_c_while_a_call_waits() -> None:
    with engine(slow) as running:
        me = threading.main_thread().ident
        assert me is not None
        timer = threading.Timer(0.2, signal.pthread_kill, (me, signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            running.call((1, 600), timeout=20)
        timer.join()
        assert running.call((1, 0), timeout=20)["origin"].tolist() == [1]
        assert running.state == 2


def test_a_fork_has_no_part_in_it() -> None:
    with engine(front >> total, on_error="dead_letter") as running:
        pids = [stage(running, name).pid for name in ("front", "total")]
        running.call((1, 1), timeout=20)
        child = os.fork()
        if not child:
            try:
                running.call((1, 1))
            except ForkedHandle:
                # As an interpreter ends, which must not end the workers of another process.
                multiprocessing.util._exit_function()  # type: ignore[attr-defined]
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert running.call((1, 2), timeout=20)["value"].tolist() == [3]
        assert [stage(running, name).pid for name in ("front", "total")] == pids


# -- states and journals -------------------------------------------------------------------------


def test_a_late_answer_is_not_the_state() -> None:
    """A state that was asked for before, and comes now, is an old one."""
    with engine(total) as running:
        remote = stage(running, "total")
        running.call((0, 5), timeout=20)
        assert running.state == 5
        old = remote._asked
        running.call((0, 5), timeout=20)
        remote._asked += 1
        remote._answer = None
        remote.answered(State(encode_state(5, {}), "", old))
        assert remote._answer is None
        assert running.state == 10


@BOTH
def test_a_journal_is_gone_on_with(place: str, tmp_path: Path) -> None:
    inputs = events(300)
    expected = reference(TOPOLOGY, inputs)
    last, made = None, []
    for begin in (0, 100, 200):
        with engine(TOPOLOGY, place=place, journal=tmp_path / "j", capacity=64) as running:
            assert running.recovery is not None
            assert running.sequence == begin
            running.publish(inputs[begin : begin + 60], timeout=20)
            assert running.snapshot(timeout=20) == begin + 60
            running.publish(inputs[begin + 60 : begin + 100], timeout=20)
            running.drain(20)
            made += [each.copy() for each in running.outputs(after=last)]
            last = tuple(made[-1][-1][["input_sequence", "output_index"]].tolist())
            state = running.state
    assert state == expected.state
    for name in ("value", "input_sequence", "output_index", "origin"):
        assert np.concatenate(made)[name].tolist() == expected.outputs[name].tolist()
    again = hr.replay(str(tmp_path / "j"), TOPOLOGY)
    again.run()
    assert again.state == expected.state


def test_a_journal_of_another_topology(tmp_path: Path) -> None:
    with engine(TOPOLOGY, place="threads", journal=tmp_path / "j") as running:
        running.publish(events(20))
        running.snapshot(20)
    other = front >> hr.shard(count, by="key", n=3) >> hr.fanout(sink, hr.chain(plain, total))
    with pytest.raises(JournalMismatch, match=r"machine .front >> shard\(count.* of the same n; "):
        engine(other, place="threads", journal=tmp_path / "j")
    with pytest.raises(JournalMismatch, match=r"and .front. would go on with it"):
        engine(front, place="threads", journal=tmp_path / "j")


def test_after_a_lost_worker_the_journal_closes(tmp_path: Path) -> None:
    """What it was halted by is told, not that the state is gone with the worker."""
    strict = hr.Supervisor("one_for_one", (), 0, 5.0)
    running = engine(front >> total, journal=tmp_path / "j", supervisor=strict)
    running.call((1, 1), timeout=20)
    kill(running, "total")
    with pytest.raises(WorkerDied, match="stage 'total' has lost its worker too often"):
        running.call((1, 1), timeout=20)
    with pytest.raises(WorkerDied):
        running.close(20)
    with engine(front >> total, place="threads", journal=tmp_path / "j") as running:
        assert running.state in ((1, 1), (2, 2))

