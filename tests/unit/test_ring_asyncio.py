"""Rings in asyncio: batches and back-pressure without blocking the loop, and without spinning."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ring_tools import TICK, ids, run, ticks

import headrace as hr
from headrace.ringbuffer import errors

pytestmark = pytest.mark.timeout(30)
KINDS = pytest.mark.parametrize("producers", ["single", "multi"])


async def collect(consumer: hr.Consumer, limit: int | None = None) -> list[list[int]]:
    return [ids(batch) async for batch in consumer.aiter(limit)]


async def soon(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


def watchers() -> int:
    return sum(thread.name == "headrace-watcher" for thread in threading.enumerate())


@KINDS
def test_all_events_in_order_until_the_end(producers: str) -> None:
    async def main() -> list[list[int]]:
        ring = hr.Ring.create(TICK, 8, producers=producers)
        producer = ring.producer()
        task = asyncio.create_task(collect(ring.consumer("c")))
        for first in range(0, 100, 5):
            await producer.apublish(ticks(5, first))
            if first % 20 == 0:
                await asyncio.sleep(0.002)
        ring.end()
        return await task

    batches = asyncio.run(main())
    assert [i for batch in batches for i in batch] == list(range(100))


def test_limit_and_release() -> None:
    async def main() -> None:
        ring = hr.Ring.create(TICK, 8)
        producer, consumer = ring.producer(), ring.consumer("c")
        producer.publish(ticks(7))
        ring.end()
        begins = []
        async for batch in consumer.aiter(limit=3):
            begins.append((consumer.sequence, len(batch)))
        assert begins == [(0, 3), (3, 3), (6, 1)]
        assert consumer.sequence == 7
        assert [batch async for batch in consumer.aiter()] == []

    asyncio.run(main())


@KINDS
def test_back_pressure(producers: str) -> None:
    """Longer than the ring: goes in as the consumer lets go, while the loop turns."""

    async def main() -> None:
        ring = hr.Ring.create(TICK, 8, producers=producers)
        producer, consumer = ring.producer(), ring.consumer("c")
        assert await producer.apublish(ticks(3)) == 0
        task = asyncio.create_task(producer.apublish(ticks(97, 3)))
        await asyncio.sleep(0.02)
        assert not task.done()
        assert ring.cursor == 8
        seen = []
        while len(seen) < 100:
            seen += ids(consumer.poll())
            consumer.release()
            await asyncio.sleep(0)
        assert seen == list(range(100))
        assert await task == 3

    asyncio.run(main())


@KINDS
def test_timeout_says_how_much_went_in(producers: str) -> None:
    async def main() -> None:
        ring = hr.Ring.create(TICK, 8, producers=producers)
        producer = ring.producer()
        ring.consumer("c")
        begin = time.monotonic()
        with pytest.raises(errors.WaitTimeout, match=r"8 of 20 events found room") as caught:
            await producer.apublish(ticks(20), timeout=0.05)
        assert 0.04 < time.monotonic() - begin < 2
        assert caught.value.published == 8
        with pytest.raises(errors.WaitTimeout, match="0 of 1"):
            await producer.apublish(ticks(1), timeout=0)

    asyncio.run(main())


@KINDS
def test_blocked_apublish_gets_the_end(producers: str) -> None:
    async def main() -> None:
        ring = hr.Ring.create(TICK, 8, producers=producers)
        producer = ring.producer()
        ring.consumer("c")
        task = asyncio.create_task(producer.apublish(ticks(20)))
        await asyncio.sleep(0.02)
        ring.end()
        with pytest.raises(errors.RingEnded) as caught:
            await asyncio.wait_for(task, 3)
        assert caught.value.published == 8

    asyncio.run(main())


def test_closing_wakes_tasks() -> None:
    async def main() -> None:
        ring = hr.Ring.create(TICK, 8)
        producer, full = ring.producer(), ring.consumer("full")
        tasks = [
            asyncio.create_task(producer.apublish(ticks(20))),
            asyncio.create_task(collect(ring.consumer("c", after=["full"]))),
        ]
        await asyncio.sleep(0.02)
        ring.close()
        for task in tasks:
            with pytest.raises(errors.RingClosed):
                await asyncio.wait_for(task, 3)
        assert full.name == "full"

    asyncio.run(main())


def test_wrong_input() -> None:
    async def main() -> None:
        ring = hr.Ring.create(TICK, 8)
        producer = ring.producer()
        with pytest.raises(errors.DtypeError, match="cannot become events"):
            await producer.apublish("text")
        assert await producer.apublish([]) == 0
        with pytest.raises(errors.UsageError, match="limit must be at least 1"):
            await collect(ring.consumer("c"), limit=0)

    asyncio.run(main())


def test_a_sleeping_task_is_woken_at_once() -> None:
    async def main() -> float:
        ring = hr.Ring.create(TICK, 8)
        producer, consumer = ring.producer(), ring.consumer("c")
        late: list[float] = []

        async def receive() -> None:
            async for batch in consumer.aiter():
                late.append(time.time() - float(batch["price"][-1]))

        task = asyncio.create_task(receive())
        for number in range(10):
            await asyncio.sleep(0.02)
            with producer.claim(1) as slots:
                slots["price"] = time.time()
            await soon(lambda wanted=number + 1: len(late) == wanted)
        ring.end()
        await task
        return sorted(late)[5]

    assert asyncio.run(main()) < 0.03  # the fallback look comes every 100 ms


def test_cancelled_task_can_be_followed_by_another() -> None:
    async def main() -> None:
        ring = hr.Ring.create(TICK, 8)
        producer, consumer = ring.producer(), ring.consumer("c")
        for turn in range(5):
            task = asyncio.create_task(collect(consumer))
            await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            producer.publish(ticks(2, turn))
        producer.try_publish(ticks(8))
        full = asyncio.create_task(producer.apublish(ticks(3)))
        await asyncio.sleep(0.005)
        full.cancel()
        with pytest.raises(asyncio.CancelledError):
            await full
        ring.end()
        assert sum(map(len, await collect(consumer))) == 8

    asyncio.run(main())


def test_ring_that_goes_away_under_a_cancelled_task() -> None:
    """The watching thread may still sleep on its words: they must stay mapped until it let go."""
    run(
        """
        import asyncio, gc
        import headrace as hr
        async def wait_and_go(side):
            ring = hr.Ring.create(TICK, 1024)
            consumer, producer = ring.consumer("c"), ring.producer()
            async def consume():
                async for batch in consumer.aiter():
                    pass
            async def produce():
                await producer.apublish(ticks(5000))
            task = asyncio.create_task([consume, produce][side]())
            await asyncio.sleep(0.02)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        for turn in range(6):
            asyncio.run(wait_and_go(turn % 2))
            gc.collect()
            time.sleep(0.15)
        """
    )


def test_many_rings_one_watcher() -> None:
    async def main() -> None:
        rings = [hr.Ring.create(TICK, 8) for _ in range(60)]
        held = [(ring.producer(), ring.consumer("c")) for ring in rings]
        before = threading.active_count() - watchers()
        tasks = [asyncio.create_task(collect(consumer)) for _, consumer in held]
        await asyncio.sleep(0.05)
        assert watchers() == 1
        assert threading.active_count() == before + 1
        for number, (producer, _) in enumerate(held):
            producer.publish(ticks(1, number))
        await soon(lambda: all(ring.depth("c") == 0 for ring in rings))
        for ring in rings:
            ring.end()
        assert await asyncio.gather(*tasks) == [[[number]] for number in range(60)]

    asyncio.run(main())


def test_more_tasks_than_can_be_watched() -> None:
    async def main() -> None:
        rings = [hr.Ring.create(TICK, 8) for _ in range(140)]
        tasks = [asyncio.create_task(collect(ring.consumer("c"))) for ring in rings]
        await asyncio.sleep(0.1)
        for ring in rings:
            ring.end()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if result != []:
                assert isinstance(result, errors.EnvironmentFailure)
                assert "127 asyncio tasks wait on rings" in str(result)
        assert results.count([]) >= 127

    asyncio.run(main())


def test_two_loops_in_two_threads() -> None:
    forth, back = hr.Ring.create(TICK, 4), hr.Ring.create(TICK, 4)
    results: dict[str, Any] = {}

    async def echo() -> None:
        producer = back.producer()
        async for batch in forth.consumer("echo").aiter():
            await producer.apublish(batch.copy())
        back.end()

    async def send(answers: hr.Consumer) -> None:
        task = asyncio.create_task(collect(answers))
        await forth.producer().apublish(ticks(60))
        forth.end()
        results["answers"] = [i for batch in await task for i in batch]

    answers = back.consumer("answers")
    ready = threading.Event()

    def run_echo() -> None:
        async def main() -> None:
            task = asyncio.create_task(echo())
            await asyncio.sleep(0.01)
            ready.set()
            await task

        asyncio.run(main())

    thread = threading.Thread(target=run_echo)
    thread.start()
    assert ready.wait(5)
    asyncio.run(send(answers))
    thread.join(5)
    assert results["answers"] == list(range(60))


def test_loop_closed_while_a_task_waits() -> None:
    async def main() -> None:
        ring = hr.Ring.create(TICK, 8)
        consumer = ring.consumer("c")
        asyncio.create_task(collect(consumer))  # noqa: RUF006
        await asyncio.sleep(0.01)
        ring.end()  # the watcher resolves a future whose loop is about to close

    for _ in range(10):
        asyncio.run(main())
    gc.collect()


@pytest.mark.serial
@pytest.mark.parametrize("count", [1, 20])
def test_idle_costs_next_to_nothing(count: int) -> None:
    async def main() -> float:
        rings = [hr.Ring.create(TICK, 8) for _ in range(count)]
        tasks = [asyncio.create_task(collect(ring.consumer("c"))) for ring in rings]
        await asyncio.sleep(0.1)
        begin, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(1.0)
        share = (time.process_time() - cpu) / (time.monotonic() - begin)
        for ring in rings:
            ring.end()
        await asyncio.gather(*tasks)
        return share

    # Each task looks around every 100 ms, should a wake-up ever be lost.
    assert asyncio.run(main()) < 0.02 * (1 if count == 1 else 3)
