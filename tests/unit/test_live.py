"""Nodes live in this process, and clients of them: calls, and what can come of them."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from live_tools import (
    COUNTER,
    COUNTERS,
    SECRET,
    Add,
    Fail,
    FailLater,
    Lead,
    Long,
    Refuse,
    Slowly,
    Total,
    client_of,
    eventually,
    quick,
    serving,
)

import headrace as hr
from headrace.errors import (
    HandshakeFailed,
    JournalLocked,
    MessageError,
    RequestFailed,
    RequestRefused,
    StepError,
    UsageError,
    WaitTimeout,
)
from headrace.live import AsyncClient, Server


def test_calls_are_answered(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(folder=tmp_path) as servers, client_of(servers) as client:
            assert await client.call(Add(5)) == Total(5, 1)
            assert await client.call(Add(-2, note="n" * 5000)) == Total(3, 2)
            assert await client.call(Long(100_000)) == "x" * 100_000
            assert await client.call(Add(0, note="n" * 1_048_000)) == Total(3, 3)  # over a ring
            assert await client.call(Lead("a")) == "a"

    asyncio.run(run())


def test_a_call_made_again_is_run_once_also_after_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(folder=tmp_path) as servers:
            async with client_of(servers, client="me") as client:
                assert await client.call(Add(5), number=7) == Total(5, 1)
            async with client_of(servers, client="me") as client:
                assert await client.call(Add(5), number=7) == Total(5, 1)
        async with serving(folder=tmp_path) as servers, client_of(servers, client="me") as client:
            assert await client.call(Add(5), number=7) == Total(5, 1)
            assert await client.call(Add(5)) == Total(10, 2)  # numbers that are made are later
            assert servers["a"].host.state.starts == 2

    asyncio.run(run())


def test_what_a_node_does_not_do() -> None:
    async def run() -> None:
        async with serving() as servers, client_of(servers) as client:
            with pytest.raises(RequestRefused, match="not today") as refused:
                await client.call(Refuse())
            assert refused.value.refused == hr.Refused("not today")
            with pytest.raises(RequestFailed, match="at node 'a' raised ValueError: it fails"):
                await client.call(Fail())
            assert await client.call(Add(1)) == Total(1, 1)  # as if it had not come
            with pytest.raises(RequestFailed, match="no handler for request Total"):
                await client.call(Total(1, 1))
            with pytest.raises(MessageError, match="is of no type"):
                await client.call(object())
            with pytest.raises(MessageError, match="1,048,576 is the limit"):
                await client.call(Add(1, "x" * 2_000_000))
            with pytest.raises(RequestFailed, match=r"the reply has [\d,]+ bytes"):
                await client.call(Long(2_000_000))

    asyncio.run(run())


def test_timeouts_say_what_is_known() -> None:
    async def run() -> None:
        async with serving() as servers, client_of(servers, retry=0.05) as client:
            with pytest.raises(
                WaitTimeout, match="a has not answered in time; it may have"
            ) as late:
                await client.call(Slowly(300_000_000), timeout=0.2)
            number = int(str(late.value).rpartition("=")[2])
            assert await client.call(Slowly(0), number=number) >= 1
        async with serving() as servers, client_of(servers) as client:
            slow = asyncio.create_task(client.call(Slowly(200_000_000)))
            await asyncio.sleep(0)
            with pytest.raises(WaitTimeout, match=r"was not sent within 0.05 s: other calls"):
                await client.call(Add(1), timeout=0.05)
            await slow
        async with AsyncClient("127.0.0.1:1", system=COUNTER) as client:
            with pytest.raises(WaitTimeout, match=r"127\.0\.0\.1:1: "):
                await client.call(Add(1), timeout=0.1)

    asyncio.run(run())


def test_clients_are_led_to_other_nodes() -> None:
    async def run() -> None:
        async with serving(COUNTERS) as servers:
            async with client_of(servers) as client:
                for to in ("a", "b", "a", "b"):
                    assert await client.call(Lead(to)) == to
                with pytest.raises(WaitTimeout, match="leads to nowhere"):
                    await client.call(Lead("nowhere"), timeout=0.2)
            bare = [str(server.address) for server in servers.values()]
            async with AsyncClient(bare, system=COUNTERS) as client:  # names are learned
                assert await client.call(Lead("b")) == "b"

    asyncio.run(run())


def test_with_a_secret_and_without() -> None:
    async def run() -> None:
        async with serving(secret=SECRET) as servers:
            async with client_of(servers, secret=SECRET) as client:
                assert await client.call(Add(1)) == Total(1, 1)
            for wrong in (None, SECRET + b"!"):
                async with client_of(servers, secret=wrong) as client:
                    with pytest.raises(HandshakeFailed, match="the secret is another one"):
                        await client.call(Add(1))
            async with client_of(servers, client="a", secret=SECRET) as client:
                with pytest.raises(HandshakeFailed, match="'a' is the name of a node"):
                    await client.call(Add(1))

    asyncio.run(run())


def test_a_timer_that_fails_stops_the_node(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(folder=tmp_path) as servers:
            async with client_of(servers) as client:
                with pytest.raises(WaitTimeout):
                    await client.call(FailLater(), timeout=0.3)
            with pytest.raises(StepError, match="a timer fails"):
                async with asyncio.timeout(2):
                    await servers["a"].wait()

    with pytest.raises(StepError, match="a timer fails"):
        asyncio.run(run())  # closing tells it as well

    async def again() -> None:  # it is in the journal, and keeps nobody from starting
        async with serving(folder=tmp_path) as servers, client_of(servers) as client:
            assert await client.call(Add(1)) == Total(1, 1)

    asyncio.run(again())


def test_clients_for_threads() -> None:
    ready, done = threading.Event(), threading.Event()
    address: list[str] = []

    async def run() -> None:
        async with serving() as servers:
            address.append(str(servers["a"].address))
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert ready.wait(10)
        with hr.connect(address, system=COUNTER) as client:
            assert client.call(Add(1)) == Total(1, 1)
            totals: list[Any] = []

            def many() -> None:
                totals.extend(client.call(Add(1)) for _ in range(10))

            threads = [threading.Thread(target=many) for _ in range(4)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            assert sorted(total.times for total in totals) == list(range(2, 42))
            assert client.name.startswith("client-")
        client.close()
        with pytest.raises(UsageError, match="closed"):
            client.call(Add(1))
        with hr.connect(address, types=[Add]) as client, pytest.raises(MessageError):
            client.call(Add(1))  # the type of the reply is not known
    finally:
        done.set()
        thread.join()


def test_peers_find_each_other_again() -> None:
    async def run() -> None:
        places = dict.fromkeys(COUNTERS.nodes, "127.0.0.1:0")
        limits = quick()
        async with serving(COUNTERS, None, ("a",), places, limits=limits) as one:
            peer = one["a"].peers["b"]
            assert not peer.connected
            for times in (1, 2):
                async with serving(COUNTERS, None, ("b",), places, limits=limits) as other:
                    await eventually(lambda: peer.connected)
                    await eventually(lambda: other["b"].peers["a"].connected)
                    assert peer.connects == times
                    await asyncio.sleep(1.0)  # longer than idle_s: they say that they are there
                    assert peer.connected
                    assert peer.connects == times
                await eventually(lambda: not peer.connected)

    asyncio.run(run())


def test_what_waits_for_a_peer_is_bounded() -> None:
    async def run() -> None:
        limits = quick(queue_bytes_max=2000, message_bytes_max=500)
        async with serving(COUNTERS, None, ("a",), limits=limits) as one:
            peer = one["a"].peers["b"]
            for place in range(10):
                peer.send(bytes([place]) * 300)
            assert peer.lost == 4
            assert [frame[0] for frame in peer._waiting] == [4, 5, 6, 7, 8, 9]

    asyncio.run(run())


def test_unix_sockets_and_a_second_node_on_one_journal(tmp_path: Path) -> None:
    async def run() -> None:
        places = {"a": f"unix:{tmp_path}/a.socket"}
        async with serving(folder=tmp_path, addresses=places) as servers:
            async with client_of(servers) as client:
                assert await client.call(Add(1)) == Total(1, 1)
            second = Server(COUNTER, "a", places, journal=tmp_path / "a.journal")
            with pytest.raises(JournalLocked):
                await second.start()
            with pytest.raises(OSError, match="another process listens there"):
                await Server(COUNTER, "a", places).start()
            async with client_of(servers) as client:
                assert await client.call(Add(1)) == Total(2, 2)
        assert not (tmp_path / "a.socket").exists()

    asyncio.run(run())


def test_wrong_use() -> None:
    places = {"a": "127.0.0.1:0"}
    with pytest.raises(UsageError, match="node 'b' has no address"):
        Server(COUNTERS, "a", places)
    with pytest.raises(UsageError, match="no node 'c'; there are a, b"):
        Server(COUNTERS, "c", places)
    with pytest.raises(UsageError, match=r"of a headrace.System, not of 5"):
        Server(5, "a", places)  # type: ignore[arg-type]
    for wrong in ("", "host", "host:", ":80", "host:x", "h:99999", "unix:", "unix:" + "x" * 108, 7):
        with pytest.raises(UsageError):
            Server(COUNTER, "a", {"a": wrong})  # type: ignore[dict-item]
    with pytest.raises(UsageError, match="at least one node"):
        hr.connect([])
    with pytest.raises(UsageError, match="at least 16 bytes"):
        hr.connect("h:1", secret=b"x")
    for name, value in [("idle_s", 0), ("retry_s", (0, 1)), ("message_bytes_max", 1 << 30)]:
        with pytest.raises(UsageError, match="limits: "):
            quick(**{name: value})


def test_speed_is_not_absurd(tmp_path: Path) -> None:
    """A call waits for the disk and for little else; the bound is far from what is measured."""

    async def run() -> float:
        async with serving(folder=tmp_path) as servers, client_of(servers) as client:
            await client.call(Add(1))
            began = time.perf_counter()
            for _ in range(50):
                await client.call(Add(1))
            return (time.perf_counter() - began) / 50

    assert asyncio.run(run()) < 0.1
