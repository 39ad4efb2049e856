"""What the tests of live systems share: a register with copies, a counter, and servers of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

import headrace as hr
from headrace.live import AsyncClient, Limits, Server


class Add(msgspec.Struct, frozen=True):
    amount: int
    note: str = ""


class Total(msgspec.Struct, frozen=True):
    value: int
    times: int


class Fail(msgspec.Struct, frozen=True):
    pass


class Slowly(msgspec.Struct, frozen=True):
    after_ns: int


class FailLater(msgspec.Struct, frozen=True):
    pass


class Refuse(msgspec.Struct, frozen=True):
    pass


class Long(msgspec.Struct, frozen=True):
    size: int


class Lead(msgspec.Struct, frozen=True):
    to: str | None


class Counter(hr.Node):
    """Counts, on one node, and does everything that a client has to put up with."""

    name = "counter"

    def initial(self) -> dict[str, Any]:
        return {"value": 0, "times": 0, "starts": 0, "waiting": []}

    @hr.on.start()
    def start(self, state: Any, durable: Any) -> Any:
        state["value"], state["times"] = durable.get("total", (0, 0))
        return state, None

    @hr.on.request(Add)
    def add(self, state: Any, request: Add, caller: hr.Caller) -> Any:
        state["value"] += request.amount
        state["times"] += 1
        total = Total(state["value"], state["times"])
        return state, [hr.persist("total", (total.value, total.times)), hr.reply(caller, total)]

    @hr.on.request(Slowly)
    def slowly(self, state: Any, request: Slowly, caller: hr.Caller) -> Any:
        state["waiting"].append(caller)
        return state, hr.timer("slowly", request.after_ns)

    @hr.on.timer("slowly")
    def answer(self, state: Any) -> Any:
        callers, state["waiting"] = state["waiting"], []
        return state, [hr.reply(caller, len(callers)) for caller in callers]

    @hr.on.request(Fail)
    def fail(self, state: Any) -> Any:
        state["value"] = -1
        raise ValueError("it fails")

    @hr.on.request(FailLater)
    def fail_later(self, state: Any) -> Any:
        return state, hr.timer("failing", 0)

    @hr.on.timer("failing")
    def failing(self, state: Any) -> Any:
        raise ValueError("a timer fails")

    @hr.on.request(Refuse)
    def refuse(self, state: Any, caller: hr.Caller) -> Any:
        return state, hr.reply(caller, hr.Refused("not today"))

    @hr.on.request(Long)
    def long(self, state: Any, request: Long, caller: hr.Caller) -> Any:
        return state, hr.reply(caller, "x" * request.size)

    @hr.on.request(Lead)
    def lead(self, state: Any, request: Lead, caller: hr.Caller, me: str) -> Any:
        reply: Any = me if request.to == me else hr.Redirect(request.to)
        return state, hr.reply(caller, reply)


COUNTER = hr.System({"a": Counter()}, name="counter")
COUNTERS = hr.System({"a": Counter(), "b": Counter()}, name="counters")
SECRET = b"a secret that is long enough"


@contextlib.asynccontextmanager
async def serving(
    system: hr.System = COUNTER,
    folder: Path | None = None,
    names: tuple[str, ...] | None = None,
    addresses: dict[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[dict[str, Server]]:
    """Nodes of a system on free ports of this machine, each with a journal if there is a folder."""
    places = addresses if addresses is not None else dict.fromkeys(system.nodes, "127.0.0.1:0")
    servers: dict[str, Server] = {}
    async with contextlib.AsyncExitStack() as stack:
        for name in names or tuple(system.nodes):
            journal = None
            if folder is not None:
                journal = hr.Journal(str(folder / f"{name}.journal"), segment_bytes=1 << 20)
            server = Server(system, name, places, journal=journal, **options)
            await server.start()
            stack.push_async_callback(server.stop)
            servers[name] = server
            places[name] = str(server.address)
        yield servers


def client_of(servers: dict[str, Server], **options: Any) -> AsyncClient:
    """A client of servers, by name."""
    places = {name: str(server.address) for name, server in servers.items()}
    return AsyncClient(places, system=COUNTERS, **options)


def quick(**options: Any) -> Limits:
    """Limits with times that tests can wait for."""
    return Limits(**{"handshake_s": 0.3, "idle_s": 0.6, "retry_s": (0.01, 0.1), **options})


async def eventually(true: Any, seconds: float = 5.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)
