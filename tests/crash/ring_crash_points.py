"""A process killed, or paused and declared dead, at each numbered step of each operation.

Only in a build with crash points (src/ringbuffer/crashing.pxd), which test_ring_crash_build.py
makes and runs this file with. In each case a forked child does one operation on a ring and dies at
one step of it; this process holds the other producers and consumers, takes one look around for the
dead, and then nobody may have to wait for anything: all that was published is delivered, whole,
once and in order, and the others go round and round.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from crash_operations import LOCKED, OPERATIONS, numbers
from crash_world import CHILDS, Operation, World
from ring_tools import wait_until

import headrace as hr
from headrace.ringbuffer import burial, entries, errors, files, liveness

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(not entries.CRASH_POINTS, reason="needs a build with crash points"),
]
FENCED_CODE, DONE_CODE, FAILED_CODE = 3, 0, 1

CASES = [
    pytest.param(operation, point, after, id=f"{operation.name}-{point}-{after}")
    for operation in OPERATIONS
    for point, after in operation.points
]
PAUSES = [
    pytest.param(operation, point, id=f"{operation.name}-{point}")
    for operation in OPERATIONS
    for point in dict.fromkeys(point for point, _ in operation.points)
    if operation.can_be_paused and point not in LOCKED
]


@pytest.fixture
def world_of(ring_name: Callable[[], str]) -> Iterator[Callable[[Operation], World]]:
    with contextlib.ExitStack() as stack:
        yield lambda operation: stack.enter_context(World(operation, ring_name()))


def in_child(world: World, **variables: object) -> int:
    """Fork a child that does the operation; its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = FAILED_CODE
    try:
        ring = hr.Ring.attach(world.ring.name)
        keep = world.operation.prepare(ring)
        os.environ.update({f"HEADRACE_{name}": str(value) for name, value in variables.items()})
        world.operation.work(ring, keep)
        code = DONE_CODE
    except errors.Fenced:
        code = FENCED_CODE
    except BaseException as error:
        os.write(2, f"in the child: {error!r}\n".encode())
    finally:
        os._exit(code)


def ending(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize(("operation", "point", "after"), CASES)
def test_killed(
    operation: Operation, point: str, after: int, world_of: Callable[[Operation], World]
) -> None:
    world = world_of(operation)
    pid = in_child(world, CRASH_AT=numbers()[point], CRASH_AFTER=after)
    assert ending(pid) == -signal.SIGKILL, "the operation does not come by that point"
    burial.look_for_dead(world.ring.segment)
    world.check_goes_on(point, after, finished=False)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_not_killed(operation: Operation, world_of: Callable[[Operation], World]) -> None:
    world = world_of(operation)
    assert ending(in_child(world)) == DONE_CODE
    world.check_goes_on("", 0, finished=True)


@pytest.mark.parametrize(("operation", "point"), PAUSES)
def test_paused_and_declared_dead(
    operation: Operation, point: str, world_of: Callable[[Operation], World]
) -> None:
    """The others go on while it is paused, and after it woke up, as if it had been killed."""
    world = world_of(operation)
    pid = in_child(world, STOP_AT=numbers()[point])
    begun = liveness.start_time(pid) or 0
    wait_until(lambda: liveness.state_of(pid, begun) != liveness.ALIVE)
    assert liveness.state_of(pid, begun) == liveness.STOPPED
    if CHILDS in [info.name for info in world.ring.consumers]:
        world.ring.declare_dead(CHILDS)
    if any(info.pid == pid for info in world.ring.producer_handles):
        world.ring.declare_producer_dead(pid)
    burial.look_for_dead(world.ring.segment)
    if liveness.is_alive(pid, begun):
        world.check_goes_on(point, 0, finished=None)
        world.fill()  # now every slot matters
        os.kill(pid, signal.SIGCONT)
    code = ending(pid)
    assert code in (FENCED_CODE, DONE_CODE, -signal.SIGKILL)
    world.check_goes_on(point, 0, finished=True if code == DONE_CODE else None)


@pytest.mark.parametrize("dies", [True, False])
def test_killed_when_another_was_faster(dies: bool, ring_name: Callable[[], str]) -> None:
    """Between a producer's look and its swap another one claims; so the swap fails."""
    publish = next(operation for operation in OPERATIONS if operation.name == "several: publish")
    with World(publish, ring_name()) as world:
        dies_at = {"CRASH_AT": numbers()["MULTI_SWAP_FAILED"]} if dies else {}
        pid = in_child(world, STOP_AT=numbers()["MULTI_NOT_FENCED"], **dies_at)
        begun = liveness.start_time(pid) or 0
        wait_until(lambda: liveness.state_of(pid, begun) == liveness.STOPPED)
        assert world.producer is not None
        world.producer.publish(world.next_events(1))
        os.kill(pid, signal.SIGCONT)
        assert ending(pid) == (-signal.SIGKILL if dies else DONE_CODE)
        burial.look_for_dead(world.ring.segment)
        world.check_goes_on("MULTI_NOT_FENCED", 0, finished=not dies)


def test_every_point_is_died_at() -> None:
    died_at = {point for operation in OPERATIONS for point, _ in operation.points}
    died_at.add("MULTI_SWAP_FAILED")  # just above
    assert died_at == set(numbers())
    assert len(set(numbers().values())) == len(died_at)


def test_paused_with_the_lock(
    ring_name: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is paused while registering keeps others from it, who are told; nobody else waits."""
    join = next(operation for operation in OPERATIONS if operation.name == "join")
    with World(join, ring_name()) as world:
        pid = in_child(world, STOP_AT=numbers()["JOIN_STATED"])
        begun = liveness.start_time(pid) or 0
        wait_until(lambda: liveness.state_of(pid, begun) == liveness.STOPPED)
        monkeypatch.setattr(files, "_LOCK_SECONDS_MAX", 0.05)
        with pytest.raises(errors.EnvironmentFailure, match="held the ring's registration lock"):
            world.ring.declare_dead("front")
        monkeypatch.undo()
        assert world.producer is not None
        world.producer.publish(world.next_events(3), timeout=1)
        os.kill(pid, signal.SIGKILL)
        assert ending(pid) == -signal.SIGKILL
        burial.look_for_dead(world.ring.segment)
        world.check_goes_on("JOIN_STATED", 0, finished=False)


def test_the_hole_of_the_dead_is_filled_while_others_wait(ring_name: Callable[[], str]) -> None:
    """Not by a look that a test takes: by whoever waits, a tenth of a second later at most."""
    claims = next(operation for operation in OPERATIONS if operation.name == "several: publish")
    waits: list[float] = []
    for _ in range(5):
        with World(claims, ring_name()) as world:
            consumer: Any = world.ring.consumer("waits", wait=hr.wait.Block())
            pid = in_child(world, CRASH_AT=numbers()["MULTI_CLAIMED"])
            assert ending(pid) == -signal.SIGKILL
            assert world.producer is not None
            world.producer.publish(world.next_events(1))
            begun = time.monotonic()
            assert len(consumer.poll(timeout=10)) == 1
            waits.append(time.monotonic() - begun)
            consumer.close()
            world.check_goes_on("MULTI_CLAIMED", 0, finished=False)
    assert min(waits) < 0.2, waits
