"""The way to another node: one connection, made again whenever it ends, and a bounded queue."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable

from headrace.errors import WireError
from headrace.live.address import TLS, Address
from headrace.live.handshake import Visitor
from headrace.live.limits import Limits
from headrace.live.link import Link, dial

STEADY_S = 1.0  # a connection that held so long was a good one


class Peer:
    """Sends frames to one node. What does not fit into the queue is lost, and counted.

    While there is no connection, the oldest that wait give way to new ones; while there is one that
    the other side does not read from, the new ones are lost.
    """

    def __init__(
        self,
        name: str,
        address: Callable[[], Address],
        visitor: Callable[[], Visitor],
        limits: Limits,
        tls: TLS | None,
        tell: Callable[[str], None],
    ) -> None:
        self.name = name
        self.lost = 0
        self.connects = 0
        self._address = address
        self._visitor = visitor
        self._limits = limits
        self._tls = tls
        self._tell = tell
        self._link: Link | None = None
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._link is not None

    def send(self, frame: bytes) -> None:
        """Send it, now or when there is a connection; or lose it."""
        if self._link is not None:
            if not self._link.send(frame):
                self.lost += 1
            return
        self._waiting.append(frame)
        self._waiting_bytes += len(frame)
        while self._waiting_bytes > self._limits.queue_bytes_max:
            self._waiting_bytes -= len(self._waiting.popleft())
            self.lost += 1

    async def run(self) -> None:
        """Keep a connection, for ever: waits longer after each failure, and never as long twice."""
        first_s, longest_s = self._limits.retry_s
        wait_s = first_s
        while True:
            began = time.monotonic()
            try:
                await self._connect()
                reason = "closed by the other side"
            except (OSError, WireError) as error:
                reason = str(error)
            self._tell(f"node {self.name!r} at {self._address()}: {reason}")
            if time.monotonic() - began > STEADY_S:
                wait_s = first_s
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))
            wait_s = min(wait_s * 2, longest_s)

    async def _connect(self) -> None:
        """One connection, from its making to its end."""
        link = await dial(self._address(), self._visitor(), self._limits, self._tls)
        self._link = link
        self.connects += 1
        pings = asyncio.create_task(link.ping())
        try:
            waiting, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
            for frame in waiting:
                self.send(frame)
            async for _ in link.frames():
                raise WireError("a peer answers on the connection that it only listens to")
        finally:
            self._link = None
            pings.cancel()
            link.end()
