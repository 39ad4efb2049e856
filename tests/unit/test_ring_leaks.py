"""What rings leave behind: no descriptors, mappings, names, or memory."""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Callable

import pytest
from ring_tools import TICK, run, ticks

import headrace as hr
from headrace.ringbuffer import errors

pytestmark = pytest.mark.timeout(30)


def footprint() -> tuple[int, int]:
    """How many files are open and how many memory areas are mapped."""
    gc.collect()
    with open("/proc/self/maps") as file:
        maps = sum("headrace" in line or "memfd" in line for line in file)
    return len(os.listdir("/proc/self/fd")), maps


def use(ring: hr.Ring) -> None:
    with ring.producer() as producer, ring.consumer("c") as consumer:
        producer.publish(ticks(3))
        assert len(consumer.poll()) == 3


@pytest.mark.parametrize("way", ["closed", "dropped", "attached", "refused"])
def test_three_hundred_rings(way: str, ring_name: Callable[[], str]) -> None:
    name = ring_name()
    with hr.Ring.create(TICK, 8, name + "x", "multi"):
        before = footprint()
        for _ in range(300):
            if way == "refused":
                with pytest.raises(errors.RingExists):
                    hr.Ring.create(TICK, 8, name + "x")
                continue
            if way == "attached":
                ring = hr.Ring.attach(name + "x")
            else:
                ring = hr.Ring.create(TICK, 8, name, timestamps=True)
            use(ring)
            if way == "dropped":
                del ring
            else:
                ring.close()
        if way != "refused":
            ring = hr.Ring.create(TICK, 8)
            del ring
        assert footprint() == before
    assert not os.path.exists(f"/dev/shm/headrace.{name}")


def test_memory_stays() -> None:
    """Handles, claims and batches, a great many of them, in constant memory."""
    ring = hr.Ring.create(TICK, 64, producers="multi")
    consumer = ring.consumer("c")

    def turns(count: int) -> None:
        for _ in range(count):
            with ring.producer() as producer:
                for _ in range(20):
                    with producer.claim(2):
                        pass
                    producer.publish(ticks(1))
                    consumer.poll()
                    consumer.release()
                with pytest.raises(errors.WaitTimeout):
                    producer.publish(ticks(100), timeout=0)
            consumer.poll()
            consumer.release()

    turns(50)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    turns(150)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1500  # KiB


def test_mapping_that_fails() -> None:
    """Out of address space: a named error, and neither a descriptor nor a name is left."""
    run(
        """
        import resource
        import headrace as hr
        from headrace.ringbuffer import errors
        kept = hr.Ring.create(TICK, 1 << 16, f"test-kept-{os.getpid()}")
        used = int(open("/proc/self/statm").read().split()[0]) * 4096
        before = os.listdir("/proc/self/fd")
        resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20), resource.RLIM_INFINITY))
        name = f"test-map-{os.getpid()}"
        for make in (
            lambda: hr.Ring.create(TICK, 1 << 16),
            lambda: hr.Ring.create(TICK, 1 << 16, name),
            lambda: hr.Ring.attach(kept.name),
        ):
            try:
                make()
            except errors.EnvironmentFailure as error:
                assert "mapping" in str(error) and "ulimit -v" in str(error), error
            else:
                raise SystemExit("mapped more than the limit allows")
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        assert os.listdir("/proc/self/fd") == before
        assert not os.path.exists(path_of(name))
        """
    )


def test_descriptors_run_out() -> None:
    run(
        """
        import resource
        import headrace as hr
        from headrace.ringbuffer import errors
        ring = hr.Ring.create(TICK, 8)
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
        held = []
        for make in (lambda: hr.Ring.create(TICK, 8), lambda: hr.Ring.create(TICK, 8, "test-fds")):
            try:
                while True:
                    held.append(make())
            except errors.EnvironmentFailure as error:
                pass
            except OSError as error:
                assert error.errno == 24, error
        try:
            ring.consumer("c")
        except (errors.EnvironmentFailure, OSError):
            pass
        held.clear()
        ring.consumer("c")
        """
    )
