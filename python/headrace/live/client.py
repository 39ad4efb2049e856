"""A client of a live system: calls, that are tried again until they are answered, and run once."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from headrace.errors import (
    HandshakeFailed,
    HeadraceError,
    MessageError,
    RequestFailed,
    RequestRefused,
    UsageError,
    WaitTimeout,
    WireError,
)
from headrace.live.address import TLS, Address
from headrace.live.handshake import Visitor, check_secret, decode, pack
from headrace.live.limits import Limits
from headrace.live.link import Link, dial
from headrace.live.server import Numbered
from headrace.live.wire import FAILED, REPLY, REQUEST, encode_frame
from headrace.system import Redirect, Refused, System
from headrace.system.events import encode_name
from headrace.system.kinds import ALWAYS
from headrace.system.values import Codec, check_type

RETRY_S = 0.5  # without a reply, before another node is asked
PAUSE_S = (0.01, 0.2)  # after a node that could not be reached, or did not want it

Addresses = str | Iterable[str] | Mapping[str, str]


class AsyncClient:
    """A client for asyncio; see `connect`, whose arguments it takes. Belongs to one event loop."""

    def __init__(
        self,
        addresses: Addresses,
        *,
        system: System | None = None,
        types: Iterable[Any] = (),
        client: str | None = None,
        secret: bytes | None = None,
        tls: TLS | None = None,
        timeout: float = 10.0,
        retry: float = RETRY_S,
        limits: Limits | None = None,
    ) -> None:
        self.name = f"client-{uuid.uuid4().hex}" if client is None else client
        encode_name(self.name)
        self._places = _places(addresses)
        self._codec = _codec(system, types)
        self._secret = check_secret(secret)
        self._tls = tls
        self._timeout = timeout
        self._retry = retry
        self._limits = limits or Limits()
        self._links: dict[str, Link] = {}
        self._reading: set[asyncio.Task[None]] = set()
        self._waited_for: tuple[int, str, asyncio.Future[Any]] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._number = 0
        self._to = random.choice(list(self._places))
        self._why = "no node has answered"
        self._closed = False

    async def call(
        self, request: Any, timeout: float | None = None, *, number: int | None = None
    ) -> Any:
        """Ask, and wait for the reply; see `Connection.call`."""
        try:
            body = self._codec.encode(request)
        except MessageError as error:
            raise MessageError(f"{error}; a client is told the types: system=, or types=") from None
        if len(body) > self._limits.message_bytes_max:
            raise MessageError(
                f"a request of {len(body):,} bytes; {self._limits.message_bytes_max:,} is the limit"
            )
        seconds = self._timeout if timeout is None else timeout
        own = None
        try:
            async with asyncio.timeout(seconds), self._one_at_a_time:
                if self._closed:
                    raise UsageError("this client is closed")
                own = self._next_number(number)
                frame = encode_frame(REQUEST, pack(Numbered(own, body)))
                return await self._until_answered(own, frame)
        except TimeoutError:
            if own is None:
                raise WaitTimeout(
                    f"{request!r} was not sent within {seconds:g} s: other calls came first"
                ) from None
            raise WaitTimeout(
                f"no reply to {request!r} within {seconds:g} s: {self._why}; it may have happened "
                f"or not; to find out, call it again with number={own}"
            ) from None

    def _next_number(self, number: int | None) -> int:
        """Numbers go on where an earlier process of this client stopped: they begin at the time."""
        if number is None:
            number = max(self._number + 1, time.time_ns())
        elif type(number) is not int or not 0 < number < 1 << 63:
            raise UsageError(f"number must be an integer from 1, not {number!r}")
        self._number = max(self._number, number)
        return number

    async def _until_answered(self, number: int, frame: bytes) -> Any:
        pause_s, longest_s = PAUSE_S
        turned_away: set[str] = set()
        while True:
            asked = self._to
            try:
                reply = await self._ask(asked, number, frame)
            except TimeoutError:
                self._why = f"{asked} has not answered in time"
                self._to = self._another(asked)
                continue
            except (OSError, WireError) as error:
                self._why = f"{asked}: {error}"
                if isinstance(error, HandshakeFailed):
                    turned_away.add(asked)
                    if turned_away >= self._places.keys():
                        raise
                reply = Redirect()
            if isinstance(reply, Refused):
                raise RequestRefused(reply)
            if not isinstance(reply, Redirect):
                return reply
            self._to = self._led_to(reply, asked)
            if reply.to is None or reply.to == asked:
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
                pause_s = min(pause_s * 2, longest_s)
            else:
                await asyncio.sleep(0.001)  # two that lead to each other do not spin

    def _led_to(self, reply: Redirect, asked: str) -> str:
        if reply.to is None:
            return self._another(asked)
        self._why = f"{asked} leads to {reply.to}"
        return reply.to if reply.to in self._places else self._another(asked)

    def _another(self, asked: str) -> str:
        others = [each for each in self._places if each != asked]
        return random.choice(others) if others else asked

    async def _ask(self, node: str, number: int, frame: bytes) -> Any:
        """One attempt at one node. Raises OSError, WireError, TimeoutError, RequestFailed."""
        link = self._links.get(node)
        if link is None or link.closed:
            link = await self._connect(node)
            node = self._to  # which is its name, if it had none before
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waited_for = (number, node, future)
        try:
            if not link.send(frame):
                raise WireError("the connection takes no more")
            async with asyncio.timeout(self._retry):
                return await future
        finally:
            self._waited_for = None

    async def _connect(self, node: str) -> Link:
        visitor = Visitor("client", self.name, self._secret)
        link = await dial(self._places[node], visitor, self._limits, self._tls)
        if node not in ("", visitor.met) and visitor.met not in self._places:
            self._places[visitor.met] = self._places.pop(node)  # now its name is known
            self._to = node = visitor.met
        self._links[node] = link
        for running in (self._read(node, link), link.ping()):
            task = asyncio.create_task(running)
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)
        return link

    async def _read(self, node: str, link: Link) -> None:
        """Replies of one connection; those to what is not waited for any more are let go."""
        why: Exception = WireError("the node closed the connection")
        try:
            async for frame in link.frames():
                numbered = decode(frame.payload, Numbered)
                if frame.kind == REPLY:
                    self._answer(numbered.number, self._codec.decode(numbered.body))
                elif frame.kind == FAILED:
                    told = numbered.body.decode("utf-8", "replace")
                    self._answer(numbered.number, RequestFailed(told))
        except (OSError, WireError) as error:
            why = error
        except HeadraceError as error:  # a reply of a type that is not known here
            why = error
        finally:
            link.end()
            if self._links.get(node) is link:
                del self._links[node]
                if self._waited_for is not None and self._waited_for[1] == node:
                    self._answer(self._waited_for[0], why)

    def _answer(self, number: int, reply: Any) -> None:
        if self._waited_for is None or self._waited_for[0] != number:
            return
        future = self._waited_for[2]
        if not future.done():
            if isinstance(reply, Exception):
                future.set_exception(reply)
            else:
                future.set_result(reply)

    async def close(self) -> None:
        """End all connections."""
        self._closed = True
        for link in list(self._links.values()):
            link.end()
        for task in list(self._reading):
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _places(addresses: Addresses) -> dict[str, Address]:
    """Addresses by name; by themselves, where no name is known yet."""
    if isinstance(addresses, Mapping):
        found = {str(name): Address.parse(each) for name, each in addresses.items()}
    else:
        several = [addresses] if isinstance(addresses, str) else list(addresses)
        found = {str(each): Address.parse(each) for each in several}
    if not found:
        raise UsageError("give the address of at least one node: connect('127.0.0.1:7000')")
    return found


def _codec(system: System | None, types: Iterable[Any]) -> Codec:
    if system is not None:
        return system.codec
    several = list(types)
    for kind in several:
        check_type(kind, "connect(types=...)")
    return Codec(dict.fromkeys((*ALWAYS, *several)))


class Connection:
    """A client for threads: an event loop of its own in the background. See `connect`."""

    _numbers = itertools.count(1)

    def __init__(self, addresses: Addresses, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever,
            name=f"headrace-client-{next(self._numbers)}",
            daemon=True,
        )
        self._closing = threading.Lock()
        self._closed = False
        try:
            self._client = AsyncClient(addresses, **options)
        except BaseException:
            self._loop.close()
            raise
        self._thread.start()

    @property
    def name(self) -> str:
        """The client's name, by which nodes know it again."""
        return self._client.name

    def call(self, request: Any, timeout: float | None = None, *, number: int | None = None) -> Any:
        """Ask the system, and wait for the reply; from any thread, one call after the other.

        It is tried again, at other nodes as well, until there is a reply or `timeout` seconds are
        over (default: that of `connect`). A node runs it once, however often it is tried there.
        `number`: the client's own count; give that of an earlier call to make the same one again.
        Raises RequestRefused (it took no effect), RequestFailed (nor there: its handler raised, or
        there is none), WaitTimeout (nobody knows), MessageError, UsageError.
        """
        if self._closed:
            raise UsageError("this client is closed")
        running = self._client.call(request, timeout, number=number)
        future = asyncio.run_coroutine_threadsafe(running, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C: nobody waits any more
            raise

    def close(self) -> None:
        """End all connections. Twice is allowed."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._client.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def connect(
    addresses: Addresses,
    *,
    system: System | None = None,
    types: Iterable[Any] = (),
    client: str | None = None,
    secret: bytes | None = None,
    tls: TLS | None = None,
    timeout: float = 10.0,
    retry: float = RETRY_S,
    limits: Limits | None = None,
) -> Connection:
    """A client of a live system: `connect("127.0.0.1:7000", system=system).call(Put("x", 1))`.

    `addresses`: of one node, of several, or by name; connections are made when they are needed.
    `system`: whose types of requests and replies are known; or `types`: these. `client`: its name,
    at most 64 bytes, by which its requests are known when they come again; only one process at a
    time may have it (default: one that nobody else has). `secret`: that of the nodes. `timeout`: of
    a call; `retry`: of one attempt at one node; both in seconds. Needs a thread, and no event loop;
    for asyncio there is `headrace.live.AsyncClient`. Usable as a context manager. Raises
    UsageError, MachineError, MessageError.
    """
    return Connection(
        addresses,
        system=system,
        types=types,
        client=client,
        secret=secret,
        tls=tls,
        timeout=timeout,
        retry=retry,
        limits=limits,
    )
