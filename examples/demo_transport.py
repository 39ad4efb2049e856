"""The same events from one process to another: through multiprocessing.Queue, and through a ring.

Two processes stay alive for all runs: the sender has the messages ready before the clock starts,
the receiver steps the board over what comes, or only adds up a field to show that all of it came.
A time runs from before the first message is sent until the receiver is through with the last.

A message is one event, or a block of events. In the queue one event is a tuple in the order in
which the step takes the fields, so that the receiver has nothing to convert; a block is an array.
In the ring either is an array, and the receiver gets what has gathered meanwhile as one batch.
"""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from flights import ALERT, board

import headrace as hr
from headrace.engine import Stepper
from headrace.events import payload
from headrace.state import state_digest

CAPACITY = 16384  # of the ring, in events, and of the queue, in messages
SECONDS_MAX = 120  # a run that takes longer is given up

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Run:
    """What is to be carried, by what, and what the receiver does with it."""

    channel: str  # "queue" or "ring"
    job: str  # "board": step over the events; "sum": add up their minutes
    block: int  # events in a message
    events: int
    ring: str = ""


@dataclass(frozen=True)
class Outcome:
    """How long a run took, and what the receiver has at the end."""

    seconds: float
    result: str | int  # the digest of the board's state, or the sum
    alerts: Array


@contextmanager
def two_processes(file: Path) -> Iterator[Pair]:
    """Start the two, with the events of a .npy file; they end with the block."""
    pair = Pair(file)
    try:
        yield pair
    finally:
        pair.close()


class Pair:
    """A sender and a receiver, in processes of their own."""

    def __init__(self, file: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._queue = queue = context.Queue(CAPACITY)  # kept: its semaphores go with it
        self._pipes: list[Connection] = []
        self._processes: list[Any] = []
        for role in (_receive, _send):
            ours, theirs = context.Pipe()
            process = context.Process(target=_live, args=(role, queue, file, theirs), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def run(self, run: Run) -> Outcome:
        """Carry the events once. Raises RuntimeError if a process fails or takes too long."""
        with hr.Ring.create(board.event, CAPACITY, f"demo-{os.getpid()}") as ring:
            receiver, sender = self._pipes
            for pipe in self._pipes:
                pipe.send(replace(run, ring=str(ring.name)))
                _answer(pipe)  # ready
            sender.send("go")
            begin_ns = _answer(sender)
            end_ns, result, alerts = _answer(receiver)
            return Outcome((end_ns - begin_ns) / 1e9, result, alerts)

    def close(self) -> None:
        """End both, by force if they do not listen."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(3)
            if process.is_alive():
                process.kill()
                process.join()


def _answer(pipe: Connection) -> Any:
    if not pipe.poll(SECONDS_MAX):
        raise RuntimeError(f"a run was given up after {SECONDS_MAX} s")
    try:
        failed, answer = pipe.recv()
    except (EOFError, OSError):
        raise RuntimeError("a process of the comparison has died") from None
    if failed:
        raise RuntimeError(f"a process of the comparison failed:\n{answer}")
    return answer


def _live(role: Any, queue: Any, file: Path, pipe: Connection) -> None:
    """The life of one of the two processes."""
    try:
        events = np.load(file)
        while True:
            try:
                run = pipe.recv()
            except EOFError:
                queue.cancel_join_thread()
                return
            with hr.Ring.attach(run.ring) as ring:
                role(run, queue, ring, events[: run.events], pipe)
    except BaseException:
        pipe.send((True, traceback.format_exc()))


def _send(run: Run, queue: Any, ring: hr.Ring, events: Array, pipe: Connection) -> None:
    messages: list[Any]
    if run.channel == "queue" and run.block == 1:
        messages = events[list(board.parameters or ())].tolist()
    else:
        messages = [events[at : at + run.block] for at in range(0, len(events), run.block)]
    producer = ring.producer()
    send = producer.publish if run.channel == "ring" else queue.put
    pipe.send((False, "ready"))
    pipe.recv()
    begin_ns = time.monotonic_ns()
    for message in messages:
        send(message)
    if run.channel == "queue":
        send(None)
    ring.end()
    pipe.send((False, begin_ns))
    producer.close()


def _receive(run: Run, queue: Any, ring: hr.Ring, events: Array, pipe: Connection) -> None:
    consumer = ring.consumer("board")
    messages = iter(consumer) if run.channel == "ring" else _until_none(queue.get)
    if run.job == "sum":
        work = _sum_tuples if run.channel == "queue" and run.block == 1 else _sum_arrays
    else:
        work = _step_tuples if run.channel == "queue" and run.block == 1 else _step_arrays
    pipe.send((False, "ready"))
    result, alerts = work(messages)
    end_ns = time.monotonic_ns()
    if run.job == "board":
        result = state_digest(result.state if isinstance(result, Stepper) else result)
    pipe.send((False, (end_ns, result, np.array(alerts, ALERT))))
    consumer.close()


def _until_none(get: Any) -> Iterator[Any]:
    while (message := get()) is not None:
        yield message


def _step_tuples(messages: Iterator[Any]) -> tuple[Any, Any]:
    state, step, alerts = board.initial(), board.step, []
    for event in messages:
        state, alert = step(state, *event)
        if alert is not None:
            alerts.append(alert)
    return state, alerts


def _step_arrays(messages: Iterator[Array]) -> tuple[Any, Any]:
    stepper = Stepper(board)
    found = [np.empty(0, ALERT)]
    for events in messages:
        records = stepper.run(events)
        if len(records):
            found.append(payload(records, ALERT).copy())
    return stepper, np.concatenate(found)


def _sum_tuples(messages: Iterator[Any]) -> tuple[int, Any]:
    minute = (board.parameters or ()).index("minute")
    total = 0
    for event in messages:
        total += event[minute]
    return total, []


def _sum_arrays(messages: Iterator[Array]) -> tuple[int, Any]:
    total = 0
    for events in messages:
        total += int(events["minute"].sum(dtype=np.int64))
    return total, []
