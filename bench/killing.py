"""Processes killed with SIGKILL while others wait: how long until those go on."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

import headrace as hr
from bench.measure import Sample
from bench.topologies import WORD

SECONDS = 20.0
LIMITS = {"start": 1, "most": 50}
LEAD_SECONDS = 0.03  # whoever is to go on waits for at least so long before the kill


def _sample(taken_s: list[float], found: object, wanted: object) -> Sample:
    """`ms`: of all kills of the run the 99th percentile, in milliseconds."""
    worst = float(np.percentile(taken_s, 99)) * 1e3
    return Sample(len(taken_s), sum(taken_s), {"ms": worst}, str(found), str(wanted))


# -- a producer between claim and publish ---------------------------------------------------------


def _claim(name: str, pipe: Connection) -> None:
    """The victim: claims slots, says so, and never publishes them."""
    with hr.Ring.attach(name) as ring:
        producer = ring.producer()
        producer.next(2)
        pipe.send("claimed")
        signal.pause()


def producers_killed(count: int) -> Sample:
    """A hole in the ring, and an event behind it that a consumer waits for."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.killing"])
    chance = random.Random(1)
    taken, found = [], []
    with hr.Ring.create(WORD, 1024, producers="multi", name=f"bench-kill-{os.getpid()}") as ring:
        consumer, producer = ring.consumer("waits"), ring.producer()
        for number in range(count):
            ours, theirs = context.Pipe()
            victim = context.Process(target=_claim, args=(ring.name, theirs), daemon=True)
            victim.start()
            theirs.close()
            if not ours.poll(SECONDS) or ours.recv() != "claimed":
                raise RuntimeError("the victim did not come to its claim")
            producer.publish(np.array([(number,)], WORD))
            killed: list[float] = []
            timer = threading.Timer(
                LEAD_SECONDS * (1 + chance.random()), _kill, (victim.pid, killed)
            )
            timer.start()
            batch = consumer.poll(timeout=SECONDS)
            end = time.perf_counter()
            timer.join()
            taken.append(end - killed[0])
            found += batch["word"].tolist()
            del batch
            consumer.release()
            victim.join(SECONDS)
            ours.close()
    return _sample(taken, found, list(range(count)))


def _kill(pid: int, killed: list[float]) -> None:
    killed.append(time.perf_counter())
    os.kill(pid, signal.SIGKILL)


# -- a worker of an engine ------------------------------------------------------------------------


class Counting(hr.Machine):
    """Counts its events; in memory only, so what a killed one has counted is gone with it."""

    event = WORD
    name = "counting"

    def initial(self) -> int:
        return 0

    def step(self, state: int, word: int) -> tuple[int, None]:
        return state + 1, None


def workers_killed(who: str, count: int) -> Sample:
    """One of two shards is killed; `who`: "survivor" or "successor" has to get further."""
    topology = hr.shard(Counting(), by="word", n=2)
    taken = []
    with _unsaid(), hr.Engine(
        topology, place="processes", start_method="fork", keep_outputs=0,
        supervisor=hr.Supervisor("one_for_one", intensity=1000, period=1.0),
    ) as engine:  # fmt: skip
        published = 0
        for number in range(count):
            victim, survivor = f"counting.{number % 2}", f"counting.{1 - number % 2}"
            engine.publish(np.arange(4).view(WORD))
            published += 4
            engine.drain(SECONDS)
            pid = _readers(engine)[victim].pid
            begin = time.perf_counter()
            os.kill(pid, signal.SIGKILL)
            engine.publish(np.arange(4).view(WORD))
            published += 4
            _wait(engine, survivor if who == "survivor" else victim, published)
            taken.append(time.perf_counter() - begin)
            _wait(engine, victim, published)  # before the next one
        found = engine.sequence
    return _sample(taken, found, 8 * count)


@contextlib.contextmanager
def _unsaid() -> Iterator[None]:
    """Without the log's warnings, two for each death."""
    log = logging.getLogger("headrace")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _readers(engine: hr.Engine) -> dict[str, Any]:
    return {info.name: info for info in engine.input_ring.consumers}


def _wait(engine: hr.Engine, name: str, sequence: int) -> None:
    deadline = time.monotonic() + SECONDS
    while _readers(engine)[name].sequence < sequence:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not get to {sequence}")
        time.sleep(0.0001)
