"""What comes from outside ends a connection, never the node: garbage, halves, floods, silence."""

from __future__ import annotations

import asyncio
import os
import random
import resource
from pathlib import Path
from typing import Any

import pytest
from live_tools import (
    COUNTERS,
    SECRET,
    Add,
    Long,
    Total,
    client_of,
    eventually,
    quick,
    serving,
)

from headrace.live import Limits, Server
from headrace.live.handshake import HANDSHAKE_BYTES_MAX, Visitor, pack
from headrace.live.link import Link, dial
from headrace.live.server import Numbered
from headrace.live.telling import BURST, Told
from headrace.live.wire import (
    HELLO,
    MESSAGE,
    PROOF,
    REPLY,
    REQUEST,
    Frame,
    FrameReader,
    encode_frame,
)
from headrace.system import System


async def said_to(server: Server, *parts: bytes, pause: float = 0.0) -> list[Frame]:
    """What a node answers to bytes, until it ends the connection."""
    assert server.address is not None
    reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
    frames: list[Frame] = []
    taken = FrameReader(1 << 20)
    try:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause)
        async with asyncio.timeout(5):
            while data := await reader.read(1 << 16):
                frames += taken.feed(data)
    except ConnectionError:
        pass
    finally:
        writer.close()
    return frames


async def guest_of(server: Server, role: str = "client", name: str = "g", **options: Any) -> Link:
    """A connection with its handshake over, to say anything on."""
    assert server.address is not None
    visitor = Visitor(role, name, options.pop("secret", b""))
    return await dial(server.address, visitor, Limits(), None)


def last_words(frames: list[Frame]) -> str:
    return frames[-1].payload.decode() if frames else ""


async def lives(servers: dict[str, Server], value: int = 1) -> None:
    async with client_of(servers) as client:
        assert await client.call(Add(value)) == Total(1, 1)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "is no frame, which begins with"),
        (encode_frame(HELLO, b"")[:4] + b"\x02", "speaks version 2 of this protocol"),
        (encode_frame(HELLO, b"x" * (HANDSHAKE_BYTES_MAX + 1)), "a frame of 1,025 bytes"),
        (encode_frame(HELLO, b"\xff\xff"), "the payload of a frame is wrong"),
        (encode_frame(HELLO, pack(["client", "", "", "", bytes(32)])), "the name of a node"),
        (encode_frame(HELLO, pack(["king", "x", "", "", bytes(32)])), "is no hello"),
        (encode_frame(HELLO, pack(["client", "x", "other", "", bytes(32)])), "of system"),
        (encode_frame(HELLO, pack(["client", "x", "", "z", bytes(32)])), "and not 'z'"),
        (encode_frame(REQUEST, pack([1, b""])), "a frame of kind 6 where kind 1 had to come"),
        (Visitor("client", "x", b"").hello + encode_frame(PROOF, bytes(32)), "another one"),
        (encode_frame(HELLO, b"")[:20], "no handshake within"),
        (b"", "no handshake within"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_strangers_are_told_why_and_turned_away(said: bytes, reason: str) -> None:
    async def run() -> None:
        async with serving(limits=quick()) as servers:
            frames = await said_to(servers["a"], said)
            assert reason in last_words(frames)
            assert len(servers["a"].guests) == 0
            await lives(servers)

    asyncio.run(run())


def test_garbage_of_all_kinds() -> None:
    chance = random.Random(7)
    hello = Visitor("client", "x", b"").hello

    async def run() -> None:
        async with serving(limits=quick(strangers_max=8)) as servers:
            for _ in range(10):
                said = []
                for _ in range(20):
                    bad = bytearray(hello * 2 + chance.randbytes(chance.randrange(200)))
                    for _ in range(chance.randrange(4)):
                        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
                    cut = chance.randrange(len(bad))
                    said.append(said_to(servers["a"], bytes(bad[:cut]), bytes(bad[cut:])))
                await asyncio.gather(*said)
            await eventually(lambda: len(servers["a"].guests) == 0)
            await lives(servers)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("role", "frame", "reason"),
    [
        ("client", encode_frame(MESSAGE, b""), "a client sends no frames of kind 5"),
        ("client", encode_frame(REPLY, pack([1, b""])), "a client sends no frames of kind 7"),
        ("client", encode_frame(REQUEST, b"\xc1"), "the payload of a frame is wrong"),
        ("client", encode_frame(REQUEST, pack([-1, b""])), "-1 is no number of a request"),
        ("client", encode_frame(REQUEST, pack([1, b"nonsense"])), "bytes that are no message"),
        ("client", encode_frame(REQUEST, pack([1, pack(["Add", ["x"]])])), "are no message"),
        ("client", encode_frame(REQUEST, pack([1, pack(["Unknown", {}])])), "are no message"),
        ("client", encode_frame(REQUEST, b"x" * 70_000), "a frame of 70,000 bytes"),
        ("client", encode_frame(REQUEST, b"x")[:-1] + b"y", "the checksum of a frame"),
        ("client", encode_frame(REQUEST, b"x")[:-1], "no whole frame within 0.6 s"),
        ("node", encode_frame(MESSAGE, b"nonsense"), "bytes that are no message"),
        ("node", encode_frame(99, b""), "there are no frames of kind 99"),
    ],
)
def test_guests_who_say_what_they_should_not(role: str, frame: bytes, reason: str) -> None:
    async def run() -> None:
        limits = quick(message_bytes_max=60_000)
        async with serving(COUNTERS, None, ("a",), limits=limits, secret=SECRET) as servers:
            name = "b" if role == "node" else "g"
            guest = await guest_of(servers["a"], role, name, secret=SECRET)
            guest.send(frame)
            with pytest.raises(ConnectionError, match="ended: ") as told:
                async for _ in guest.frames():
                    pass
            assert reason in str(told.value)
            guest.end()
            async with client_of(servers, secret=SECRET) as client:
                assert await client.call(Add(1)) == Total(1, 1)

    asyncio.run(run())


def test_one_byte_at_a_time_holds_no_connection() -> None:
    async def run() -> None:
        async with serving(limits=quick()) as servers:
            guest = await guest_of(servers["a"])
            long = encode_frame(REQUEST, b"x" * 100)
            for place in range(len(long) - 1):
                if not guest.send(long[place : place + 1]) or not len(servers["a"].guests):
                    break
                await asyncio.sleep(0.02)
            else:
                raise AssertionError("it was never ended")
            guest.end()
            await lives(servers)

    asyncio.run(run())


def test_a_flood_of_requests_waits_outside(tmp_path: Path) -> None:
    async def run() -> None:
        limits = quick(inputs_max=64)
        async with serving(folder=tmp_path, limits=limits) as servers:
            host = servers["a"].host
            guest = await guest_of(servers["a"])
            assert await client_total(servers) == 0
            body = servers["a"].machine.codec.encode(Add(1, "x" * 300))
            for number in range(1, 6_001):
                assert guest.send(encode_frame(REQUEST, pack(Numbered(number, body))))
            most = 0
            answered = 0
            async with asyncio.timeout(30):
                async for frame in guest.frames():
                    most = max(most, host._pending_count)
                    answered += frame.kind == REPLY
                    if answered == 6_000:
                        break
            assert most < 64 + 3  # the last request was let in with all its pieces
            guest.end()
            assert await client_total(servers) == 6_000

    async def client_total(servers: dict[str, Server]) -> int:
        async with client_of(servers) as client:
            total = await client.call(Add(0))
            return int(total.value)

    asyncio.run(run())


def test_who_does_not_read_is_let_go(tmp_path: Path) -> None:
    async def run() -> None:
        limits = quick(queue_bytes_max=200_000, message_bytes_max=100_000, idle_s=20.0)
        places = {"a": f"unix:{tmp_path}/a"}  # the system itself keeps less for these
        async with serving(addresses=places, limits=limits) as servers:
            guest = await guest_of(servers["a"])
            body = servers["a"].machine.codec.encode(Long(90_000))
            for number in range(1, 21):  # and nothing is read
                guest.send(encode_frame(REQUEST, pack(Numbered(number, body))))
            counts = servers["a"].guests.counts
            await eventually(lambda: counts["clients that do not read"] == 1, 20)
            await eventually(lambda: len(servers["a"].guests) == 0)
            guest.end()
            await lives(servers)

    asyncio.run(run())


def test_too_many_connections() -> None:
    async def run() -> None:
        limits = quick(strangers_max=5, connections_max=3, handshake_s=3.0, idle_s=3.0)
        async with serving(limits=limits) as servers:
            server = servers["a"]
            strangers = [asyncio.create_task(said_to(server, b"")) for _ in range(25)]
            await eventually(lambda: server.guests.counts["strangers turned away"] == 20)
            assert len(server.guests) == 5
            await lives(servers)  # who is quick gets in all the same
            guests = [await guest_of(server, name=f"g{place}") for place in range(3)]
            with pytest.raises(ConnectionError, match="3 clients are connected already"):
                await guest_of(server, name="g3")
            again = await guest_of(server, name="g0")  # the same client, and no other one more
            await eventually(lambda: server.guests.clients == 3)
            with pytest.raises(ConnectionError, match="g0 has connected again"):
                async for _ in guests[0].frames():
                    pass
            for each in (*guests, again):
                each.end()
            told = [last_words(await each) for each in strangers]
            assert told.count("others wait") >= 20

    asyncio.run(run())


def test_connections_leave_nothing_open() -> None:
    async def run() -> None:
        async with serving(limits=quick()) as servers:
            await lives(servers)
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(50):
                await said_to(servers["a"], b"garbage")
            await asyncio.sleep(0.1)
            assert len(os.listdir("/proc/self/fd")) <= before + 3

    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 60
    asyncio.run(run())


def test_nodes_of_two_systems_do_not_mix() -> None:
    other = System(dict(COUNTERS.nodes), name="others")

    async def run() -> None:
        places = dict.fromkeys("ab", "127.0.0.1:0")
        async with (
            serving(COUNTERS, None, ("a",), places, limits=quick()) as one,
            serving(other, None, ("b",), places, limits=quick()),
        ):
            told: list[str] = []
            one["a"].peers["b"]._tell = told.append
            await eventually(lambda: any("of system 'others', and not of" in each for each in told))
            assert not one["a"].peers["b"].connected

    asyncio.run(run())


def test_a_flood_is_not_a_flood_of_lines(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    told = Told("a", lambda: now[0])
    for _ in range(1000):
        told("bad")
    assert len(caplog.records) == BURST
    now[0] = 0.5
    told("bad again")
    assert caplog.messages[-1] == f"a: bad again (and {1000 - BURST} more were not told)"
