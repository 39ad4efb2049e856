"""One connection: frames over an asyncio stream, with bounds on both ways."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import Any, TypeVar

from headrace.errors import WireError
from headrace.live.address import TLS, Address
from headrace.live.handshake import HANDSHAKE_BYTES_MAX, Visitor
from headrace.live.limits import Limits
from headrace.live.wire import AWAY, BYE, PING, PONG, Frame, FrameReader, encode_frame

READ_BYTES = 1 << 16
LINGER_S = 1.0  # for the last words of a connection to be read
REASON_BYTES_MAX = 500

T = TypeVar("T")


async def within(seconds: float, what: str, awaited: Awaitable[T]) -> T:
    """Await it, but no longer. Raises WireError, naming what has not come."""
    try:
        async with asyncio.timeout(seconds):
            return await awaited
    except TimeoutError:
        raise WireError(f"{what} within {seconds:g} s") from None


class Link:
    """A connection that frames go over. Belongs to one event loop."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._frames = FrameReader(HANDSHAKE_BYTES_MAX)
        self._ready: list[Frame] = []
        self.closed = False

    async def frame(self) -> Frame:
        """The next frame of a handshake, in which one side waits for the other."""
        while not self._ready:
            self._frames.check()
            data = await self._reader.read(READ_BYTES)
            if not data:
                self._frames.end()
                raise WireError("the other side closed the connection")
            self._ready = self._frames.feed(data)
        return self._ready.pop(0)

    def open_up(self) -> None:
        """The other side is known now: longer frames are taken."""
        self._frames.payload_bytes_max = self._limits.payload_bytes_max

    async def frames(self) -> AsyncIterator[Frame]:
        """All frames until the connection ends. Raises WireError: half a frame, or none for long.

        Pings are answered here. How long is measured from one whole frame to the next, so that
        nobody holds a connection by sending one byte at a time.
        """
        while True:
            ready, self._ready = self._ready, []
            for frame in ready:
                if self.closed:
                    return
                if frame.kind == PING:
                    self.send(encode_frame(PONG))
                elif frame.kind in (BYE, AWAY):
                    raise WireError(f"ended: {frame.payload.decode('utf-8', 'replace')}")
                elif frame.kind != PONG:
                    yield frame
            try:
                async with asyncio.timeout(self._limits.idle_s):
                    if not await self._fill():
                        return
            except TimeoutError:
                raise WireError(f"no whole frame within {self._limits.idle_s:g} s") from None

    async def _fill(self) -> bool:
        while not self._ready:
            self._frames.check()
            data = await self._reader.read(READ_BYTES)
            if not data:
                self._frames.end()
                return False
            self._ready = self._frames.feed(data)
        return True

    def send(self, data: bytes) -> bool:
        """Put bytes on their way; False if too much is waiting already, or it is closed."""
        if self.closed or self._writer.is_closing():
            return False
        waiting = self._writer.transport.get_write_buffer_size()
        if waiting + len(data) > self._limits.queue_bytes_max:
            return False
        self._writer.write(data)
        return True

    def end(self, reason: str | None = None, kind: int = BYE) -> None:
        """Close it; with a reason, the other side is told. What is not read soon is dropped.

        `kind`: BYE, or AWAY where it is no use to come again.
        """
        if self.closed:
            return
        if reason is not None:
            told = reason.encode("utf-8", "replace")[:REASON_BYTES_MAX]
            self.send(encode_frame(kind, told))
        self.closed = True
        transport = self._writer.transport
        with contextlib.suppress(RuntimeError):  # the loop is closing too
            self._writer.close()
            asyncio.get_running_loop().call_later(LINGER_S, transport.abort)

    def abort(self) -> None:
        """Close it at once; what waits to be sent is dropped."""
        self.closed = True
        self._writer.transport.abort()

    async def ping(self) -> None:
        """Say now and then that one is still there; ends with the connection."""
        while not self.closed:
            await asyncio.sleep(self._limits.idle_s / 3)
            self.send(encode_frame(PING))


async def dial(address: Address, visitor: Visitor, limits: Limits, tls: TLS | None) -> Link:
    """Connect and be let in. Raises OSError, WireError, HandshakeFailed."""
    reader, writer = await within(
        limits.handshake_s, f"no connection to {address}", _open(address, tls)
    )
    link = Link(reader, writer, limits)
    try:
        link.send(visitor.hello)
        await within(limits.handshake_s, f"no answer from {address}", _be_let_in(link, visitor))
    except BaseException:
        link.end()
        raise
    return link


async def _be_let_in(link: Link, visitor: Visitor) -> None:
    while not visitor.done:
        answer = visitor.take(await link.frame())
        if answer:
            link.send(answer)
    link.open_up()


async def _open(address: Address, tls: TLS | None) -> Any:
    if address.path:
        return await asyncio.open_unix_connection(address.path)
    context = None if tls is None else tls.client
    return await asyncio.open_connection(address.host, address.port, ssl=context)
