"""A live node: its engine, the connections that come, and those that it makes to its peers.

All but the engine happens in one event loop. A frame becomes an input, an effect a frame; what the
node does is in its machine, and nothing of it is here.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import traceback
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from headrace.errors import HandshakeFailed, MessageError, StepError, UsageError, WireError
from headrace.journal.settings import Journal, as_journal
from headrace.live.address import TLS, Address
from headrace.live.guests import Guests
from headrace.live.handshake import Door, Hello, Visitor, check_secret, decode, pack
from headrace.live.host import Host
from headrace.live.limits import Limits
from headrace.live.link import Link, within
from headrace.live.peer import Peer
from headrace.live.telling import Told
from headrace.live.wire import AWAY, BYE, FAILED, Frame, encode_frame
from headrace.live.wire import MESSAGE as MESSAGE_FRAME
from headrace.live.wire import REPLY as REPLY_FRAME
from headrace.live.wire import REQUEST as REQUEST_FRAME
from headrace.system import System
from headrace.system.events import CANCEL, KINDS, MESSAGE, REPLY, REQUEST, START, TIMER
from headrace.system.values import key_of

FRAME_KINDS = {MESSAGE: MESSAGE_FRAME, REQUEST: REQUEST_FRAME, REPLY: REPLY_FRAME}
EVENT_KINDS = {frame: kind for kind, frame in FRAME_KINDS.items()}
CHECK_S = 0.1  # from one look whether the engine still runs to the next


class Numbered(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload of a request or reply. A message's is the body alone."""

    number: int
    body: bytes


class Server:
    """One node of a system, live.

    `addresses`: where each node listens, by name, its own included (`host:port`, port 0: any free
    one; `unix:PATH`); it may be changed while the node runs, and is looked at for each connection
    that is made. `journal`: a folder, or a `headrace.Journal`; None: nothing is kept, and a restart
    is a node that has lost its disk. `secret`: at least 16 bytes, the same for all nodes and
    clients. Belongs to one event loop. Raises UsageError, MachineError.
    """

    def __init__(
        self,
        system: System,
        name: str,
        addresses: Mapping[str, str],
        *,
        journal: str | os.PathLike[str] | Journal | None = None,
        secret: bytes | None = None,
        tls: TLS | None = None,
        limits: Limits | None = None,
    ) -> None:
        if not isinstance(system, System):
            raise UsageError(f"what is served is a node of a headrace.System, not of {system!r}")
        if name not in system.nodes:
            raise UsageError(f"there is no node {name!r}; there are {', '.join(system.nodes)}")
        missing = [each for each in system.nodes if each not in addresses]
        if missing:
            raise UsageError(f"node {missing[0]!r} has no address; give one for each node")
        self.name = name
        self.addresses = addresses
        self.limits = limits or Limits()
        self.machine = system.machine(name)
        self._system = system
        self._codec = self.machine.codec
        self._listen = Address.parse(addresses[name])
        for address in addresses.values():
            Address.parse(address)
        self._journal = None if journal is None else as_journal(journal)
        self._secret = check_secret(secret)
        self._tls = tls
        self._tell = Told(name)
        self.guests = Guests(name, tuple(system.nodes), self.limits)
        self.peers = {each: self._peer(each) for each in system.nodes if each != name}
        self._handled = _handled(self.machine)
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._stopping = False  # no more inputs of its own: the next start begins without them
        self._tasks: list[asyncio.Task[Any]] = []
        self._carrying: asyncio.Task[Any] | None = None
        self._serving: set[asyncio.Task[Any]] = set()
        self._host: Host | None = None
        self._server: asyncio.Server | None = None
        self._over: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.address: Address | None = None  # where it listens, once it does

    def _peer(self, name: str) -> Peer:
        return Peer(
            name,
            lambda: Address.parse(self.addresses[name]),
            lambda: Visitor("node", self.name, self._secret, system=self._system.name, to=name),
            self.limits,
            self._tls,
            self._tell,
        )

    # -- from start to end -----------------------------------------------------------------------

    async def start(self) -> None:
        """Open the journal, listen, start the node, and connect to its peers.

        Raises OSError, and what `Engine` raises for a journal.
        """
        self._loop = asyncio.get_running_loop()
        self._over = self._loop.create_future()
        self._host = await asyncio.to_thread(
            Host, self.machine, self._journal, self.limits.inputs_max, self._step_failed
        )
        try:
            self._carrying = self._task(self._host.carry_out(self._on_effect))
            self._host.start()  # before anybody can say something
            await self._begin_to_listen()
            self._task(self._watch())
            for peer in self.peers.values():
                self._task(peer.run())
        except BaseException:
            await self.stop()
            raise

    async def _begin_to_listen(self) -> None:
        where, tls = self._listen, self._tls
        if where.path:
            await _check_free(where.path)
            self._server = await asyncio.start_unix_server(self._accept, where.path)
            self.address = where
            return
        options: dict[str, Any] = {}
        if tls is not None:
            options = {"ssl": tls.server, "ssl_handshake_timeout": self.limits.handshake_s}
        self._server = await asyncio.start_server(self._accept, where.host, where.port, **options)
        port = self._server.sockets[0].getsockname()[1]
        self.address = Address(where.host, port)

    def _task(self, running: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.create_task(running)
        self._tasks.append(task)
        task.add_done_callback(self._task_ended)
        return task

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._fail(task.exception())

    def _fail(self, error: BaseException | None) -> None:
        if self._over is not None and not self._over.done() and error is not None:
            self._over.set_exception(error)

    async def _watch(self) -> None:
        """Find out that the engine has stopped: its journal has failed, or a step has halted it."""
        assert self._host is not None
        while True:
            await asyncio.sleep(CHECK_S)
            self._host.check()

    async def wait(self) -> None:
        """Wait until the node cannot go on any more, and raise why."""
        assert self._over is not None
        await asyncio.shield(self._over)

    async def stop(self) -> None:
        """End all connections, let the node finish what it was given, and seal the journal.

        Raises what `Engine.close` raises.
        """
        self._stopping = True
        if self._server is not None:
            self._server.close()
            if self._listen.path:
                with contextlib.suppress(OSError):
                    os.unlink(self._listen.path)
        self.guests.end_all("the node stops")
        for task in [*self._tasks, *self._serving]:
            if task is not self._carrying:  # effects have to go somewhere until the engine ends
                task.cancel()
        try:
            if self._host is not None:
                await asyncio.to_thread(self._host.close)
        finally:
            if self._carrying is not None:
                self._carrying.cancel()
            await asyncio.gather(*self._tasks, *self._serving, return_exceptions=True)
            for handle in self._timers.values():
                handle.cancel()
            self._timers.clear()
            if self._over is not None and self._over.done():
                self._over.exception()  # it was told, or nobody waits

    @property
    def host(self) -> Host:
        """The node's engine. Raises UsageError before `start`."""
        if self._host is None:
            raise UsageError("this node was not started")
        return self._host

    # -- what comes ------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        link = Link(reader, writer, self.limits)
        door = Door(self.name, self._secret, self._system.name, self.guests.admit)
        guest: Hello | None = None
        reason: str | None = None
        last = BYE
        try:
            guest = await self._let_in(link, door)
            async for frame in link.frames():
                await self._take(frame, guest)
        except (WireError, MessageError) as error:
            reason = str(error)
            last = AWAY if isinstance(error, HandshakeFailed) else BYE
            self.guests.counts["connections ended for what came"] += 1
            who = f"{guest.role} {guest.name}" if guest is not None else "a stranger"
            self._tell(f"{who}: {reason}")
        except OSError:
            pass  # the other side is gone
        except asyncio.CancelledError:
            reason = "the node stops"
        except Exception as error:  # the engine has stopped, and then so does the node
            reason = "the node stops"
            self._fail(error)
        finally:
            self.guests.leave(guest, link)
            link.end(reason, last)
            self._serving.discard(task)

    async def _let_in(self, link: Link, door: Door) -> Hello:
        self.guests.add(link)
        await within(self.limits.handshake_s, "no handshake", self._shake_hands(link, door))
        assert door.guest is not None
        self.guests.let_in(door.guest, link)
        link.open_up()
        return door.guest

    async def _shake_hands(self, link: Link, door: Door) -> None:
        while not door.done:
            link.send(door.take(await link.frame()))

    async def _take(self, frame: Frame, guest: Hello) -> None:
        """Give the node what has come; waits while it has too much to do."""
        kind = EVENT_KINDS.get(frame.kind)
        if kind is None or (guest.role == "client" and kind != REQUEST):
            raise WireError(f"a {guest.role} sends no frames of kind {frame.kind}")
        number, body = 0, frame.payload
        if kind != MESSAGE:
            numbered = decode(frame.payload, Numbered)
            number, body = numbered.number, numbered.body
            if not 0 <= number < 1 << 63:
                raise WireError(f"{number} is no number of a request")
        value = self._codec.decode(body)
        if not self._is_handled(kind, value):
            told = f"node {self.name!r} has no handler for {KINDS[kind]} {type(value).__name__}"
            self._tell(f"{guest.role} {guest.name}: {told}")
            if kind == REQUEST:
                self._tell_failed(guest.name, number, told)
            return
        await self.host.room()
        self.host.put(kind, body, guest.name.encode(), number)

    def _is_handled(self, kind: int, value: Any) -> bool:
        return (kind, key_of(value)) in self._handled or (kind, None) in self._handled

    # -- what the node wants done ----------------------------------------------------------------

    def _on_effect(self, kind: int, to: str, number: int, after_ns: int, body: bytes) -> None:
        if kind == TIMER:
            assert self._loop is not None
            self._timers[number] = self._loop.call_later(after_ns / 1e9, self._run_out, number)
        elif kind == CANCEL:
            handle = self._timers.pop(number, None)
            if handle is not None:
                handle.cancel()
        elif len(body) > self.limits.message_bytes_max:
            self.guests.counts["too long"] += 1
            self._tell(f"{KINDS[kind]} to {to} has {len(body):,} bytes, and is not sent")
            if kind == REPLY:
                self._tell_failed(to, number, f"the reply has {len(body):,} bytes")
        elif to == self.name:
            if not self._stopping:
                self.host.put(kind, body, to.encode(), number)
        else:
            self._send(kind, to, number, body)

    def _run_out(self, number: int) -> None:
        self._timers.pop(number, None)
        if not self._stopping:
            self.host.put(TIMER, number=number)

    def _send(self, kind: int, to: str, number: int, body: bytes) -> None:
        payload = body if kind == MESSAGE else pack(Numbered(number, body))
        frame = encode_frame(FRAME_KINDS[kind], payload)
        peer = self.peers.get(to)
        if peer is not None:
            peer.send(frame)
        else:
            self._send_to_client(to, frame)

    def _send_to_client(self, name: str, frame: bytes) -> None:
        link = self.guests.find(name)
        if link is not None and not link.send(frame):
            self.guests.counts["clients that do not read"] += 1
            self._tell(f"client {name} does not read its replies")
            self.guests.drop(name)
        # If it is not there, it asks again when it is, and the answer is kept.

    # -- steps that failed -----------------------------------------------------------------------

    def _step_failed(self, error: StepError, event: np.ndarray[Any, Any]) -> bool:
        """Whether to go on, asked in the machine's thread.

        What came from outside is as if it had been lost, which the node has to live with anyway. A
        start or timer that is lost is something that no system is made for: the node stops.
        """
        kind, number = int(event["kind"][0]), int(event["number"][0])
        if kind in (START, TIMER):
            return False
        source = bytes(event["source"][0]).decode()
        cause = error.__cause__ or error
        last = traceback.extract_tb(cause.__traceback__)[-1:]
        place = "".join(f" ({each.filename}:{each.lineno})" for each in last)
        told = f"{type(cause).__name__}: {cause}"
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._on_step_failed, kind, source, number, told, place)
        return True

    def _on_step_failed(self, kind: int, source: str, number: int, told: str, place: str) -> None:
        self.guests.counts["steps that failed"] += 1
        self._tell(f"{KINDS.get(kind, kind)} from {source} is passed over: {told}{place}")
        if kind == REQUEST:
            self._tell_failed(source, number, f"its handler at node {self.name!r} raised {told}")

    def _tell_failed(self, client: str, number: int, told: str) -> None:
        if client in self._system.nodes:
            return  # they send again what they need
        payload = pack(Numbered(number, told.encode("utf-8", "replace")[:1000]))
        self._send_to_client(client, encode_frame(FAILED, payload))


async def _check_free(path: str) -> None:
    """A socket that somebody listens on is not taken from him; one that was left behind is."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return
    writer.close()
    raise OSError(errno.EADDRINUSE, "another process listens there", path)


def _handled(machine: Any) -> set[tuple[int, Any]]:
    """What the node has handlers for, in some mode: kind of input and type."""
    codes = {"message": MESSAGE, "request": REQUEST, "reply": REPLY}
    return {
        (codes[kind], key)
        for table in machine.node.table.by_mode.values()
        for kind, key in table
        if kind in codes
    }
