"""A live node whose disk fails, or loses its power: what clients were told is still so."""

from __future__ import annotations

import asyncio
from typing import Any

import live_copies
import pytest
from live_copies import Add, Total

import headrace as hr
from headrace.errors import HeadraceError, JournalFailed, WaitTimeout
from headrace.live import AsyncClient, Server
from headrace.simulation import SimulatedDisk


def server_on(disk: Any) -> Server:
    journal = hr.Journal("/journal", disk=disk, segment_bytes=64 * 1024)
    return Server(live_copies.alone, "a", {"a": "127.0.0.1:0"}, journal=journal)


async def told_by(disk: SimulatedDisk, fail_after: int | None) -> list[Total]:
    """The replies to one call after the other, until the disk fails."""
    server = server_on(disk)
    await server.start()
    totals: list[Total] = []
    try:
        async with AsyncClient(str(server.address), system=live_copies.alone) as client:
            for place in range(40):
                if place == fail_after:
                    disk.fail("sync", path="/journal/0*")
                try:
                    totals.append(await client.call(Add(1), timeout=0.3))
                except WaitTimeout:
                    break
            if fail_after is not None:
                async with asyncio.timeout(5):
                    with pytest.raises(JournalFailed):
                        await server.wait()
    finally:
        try:
            await server.stop()
        except HeadraceError:
            assert fail_after is not None
    return totals


def total_on(disk: Any) -> int:
    """What the node knows when it is started on what is left."""

    async def run() -> int:
        server = server_on(disk)
        await server.start()
        try:
            async with AsyncClient(str(server.address), system=live_copies.alone) as client:
                reply = await client.call(Add(0))
                return int(reply.value)
        finally:
            await server.stop()

    return asyncio.run(run())


def test_a_disk_that_fails_ends_the_node_and_loses_nothing() -> None:
    disk = SimulatedDisk()
    totals = asyncio.run(told_by(disk, 10))
    assert [total.value for total in totals[:10]] == list(range(1, 11))
    assert len(totals) <= 11  # what waited when it failed was not answered
    assert total_on(disk.after_kill()) >= len(totals)
    for after in disk.power_cuts(4):
        assert total_on(after) >= len(totals)


def test_what_was_told_outlasts_a_power_cut() -> None:
    disk = SimulatedDisk()
    totals = asyncio.run(told_by(disk, None))
    assert len(totals) == 40
    for after in disk.power_cuts(4):
        assert total_on(after) == 40
