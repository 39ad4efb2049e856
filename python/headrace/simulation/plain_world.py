"""A simulated world in plain Python: the definition of what the compiled one must equal.

Time is virtual: the world takes the earliest event of a queue, gives it to its node, and carries
out the effects, which put further events into the queue. Of events of one time the order follows
from the seed; so does everything that the network does to a message. What the world is made to
suffer (partitions, crashes, clocks) comes from outside, between two calls of `run`.

The nodes come first in the numbering, then the clients. `note` is told of all that happens, and
`digest` is made of it: two worlds of one digest went the same way.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from typing import Any

from headrace.engine.effects import (
    Cancel,
    Effect,
    Persist,
    Postpone,
    Reply,
    Request,
    Send,
    Timer,
)
from headrace.errors import EffectError, NodeFailed
from headrace.simulation.chance import CHANCE, as_float, draw
from headrace.simulation.network import Network
from headrace.simulation.node_disk import NodeDisk
from headrace.simulation.noting import What
from headrace.simulation.plain_endpoint import Endpoint
from headrace.simulation.plain_wire import PlainWire
from headrace.simulation.world import handler_label
from headrace.system.handlers import Handler
from headrace.system.node import Input, Node, take
from headrace.system.values import key_of

KINDS = {
    What.START: "start",
    What.RESTART: "restart",
    What.MESSAGE: "message",
    What.REQUEST: "request",
    What.REPLY: "reply",
    What.TIMER: "timer",
}


class PlainWorld(PlainWire):
    """The world; see `headrace.engine.world.World`, which has the same attributes and methods."""

    def __init__(
        self,
        seed: int,
        names: tuple[str, ...],
        nodes: tuple[Node, ...],
        node_count: int,
        disks: tuple[NodeDisk, ...],
        network: Network,
    ) -> None:
        super().__init__(seed, names, network)
        self._nodes = names[:node_count]
        self._endpoints = [
            Endpoint(index, name, node, disk)
            for index, (name, node, disk) in enumerate(zip(names, nodes, disks, strict=True))
        ]
        self._indexes = {name: index for index, name in enumerate(names)}
        self.delivered = self.taken = 0
        self.stepped: Callable[[int, Input, tuple[Effect, ...]], None] | None = None
        self.check: Callable[[int], None] | None = None  # told which node has taken an input
        self._handled: Counter[str] = Counter()

    # -- what the outside does -------------------------------------------------------------------

    def start(self, index: int) -> None:
        """Start a node that is not up, from its disk. A pause was its earlier life's, as when a
        process is stopped: so no node is up that has not taken its start."""
        endpoint = self._endpoints[index]
        if endpoint.is_up:
            return
        endpoint.life += 1
        endpoint.is_up = True
        endpoint.is_paused = False
        endpoint.state = endpoint.node.initial()
        what = What.START if endpoint.life == 1 else What.RESTART
        self._arrive(endpoint, what, index, 0, None)

    def crash(self, index: int) -> None:
        """End a node: its state, its timers and its effects that waited for the disk are gone."""
        endpoint = self._endpoints[index]
        if not endpoint.is_up:
            return
        self._tell(What.CRASH, index, index, 0, None)
        endpoint.is_up = endpoint.is_paused = False
        endpoint.state = None
        endpoint.timers.clear()
        endpoint.postponed.clear()
        endpoint.backlog.clear()
        endpoint.held.clear()
        endpoint.syncing = False
        endpoint.disk.crash()

    def pause(self, index: int) -> None:
        """Stop a node without ending it: its inputs wait. One that is not up cannot be stopped."""
        endpoint = self._endpoints[index]
        if endpoint.is_up and not endpoint.is_paused:
            self._tell(What.PAUSE, index, index, 0, None)
            endpoint.is_paused = True

    def resume(self, index: int) -> None:
        """Let it go on, first with what has come meanwhile."""
        endpoint = self._endpoints[index]
        if not endpoint.is_paused:
            return  # it may have crashed since, which ends a pause
        self._tell(What.RESUME, index, index, 0, None)
        endpoint.is_paused = False
        backlog, endpoint.backlog = endpoint.backlog, []
        for what, source, number, payload in backlog:
            self._arrive(endpoint, what, source, number, payload)

    def drift(self, index: int, ppm: int) -> None:
        """Let a node's clock run faster by so many millionths; its timers with it."""
        endpoint = self._endpoints[index]
        endpoint.clock.drift(self.now_ns, ppm)
        for name, (_, local_ns) in list(endpoint.timers.items()):
            self._set_timer(endpoint, name, local_ns)

    def jump(self, index: int, by_ns: int) -> None:
        """Let a node's clock tell another time."""
        self._endpoints[index].clock.jump(by_ns)

    # -- looking at it ---------------------------------------------------------------------------

    def state(self, index: int) -> Any:
        """The state of a node; None if it is down."""
        return self._endpoints[index].state

    def is_up(self, index: int) -> bool:
        """Whether a node runs, paused or not."""
        return self._endpoints[index].is_up

    def handled(self, counter: Counter[str]) -> None:
        """Add to a counter how often each handler was called."""
        counter.update(self._handled)

    # -- going on --------------------------------------------------------------------------------

    def run(self, until_ns: int, taken_max: int) -> bool:
        """Go on to that time, inclusive; whether it got there before that many more inputs."""
        taken_end = self.taken + taken_max
        queue = self._queue
        while queue and queue[0][0] <= until_ns:
            if self.taken >= taken_end:
                return False
            self.now_ns, _, _, what, to, source, number, payload = heapq.heappop(queue)
            self._arrive(self._endpoints[to], what, source, number, payload)
        self.now_ns = max(self.now_ns, until_ns)
        return True

    def _arrive(
        self, endpoint: Endpoint, what: What, source: int, number: int, payload: Any
    ) -> None:
        if what is What.SYNCED:
            if number == endpoint.life and endpoint.syncing:
                endpoint.syncing = False
                endpoint.disk.end_sync()
                self._release(endpoint)
            return
        if what is What.TIMER and endpoint.timers.get(payload, (0, 0))[0] != number:
            return  # set anew, cancelled, or of an earlier life
        if not endpoint.is_up:
            self._tell(What.DOWN, endpoint.index, source, number, payload)
            return
        if endpoint.is_paused:
            endpoint.backlog.append((what, source, number, payload))
            return
        if what is What.TIMER:
            del endpoint.timers[payload]
        mode = self._mode(endpoint)
        self._take(endpoint, what, source, number, payload)
        if endpoint.postponed:
            self._take_postponed(endpoint, mode)

    def _take_postponed(self, endpoint: Endpoint, mode: Any) -> None:
        """After a change of mode what was postponed comes first, in the order in which it came."""
        again: list[tuple[What, int, int, Any]] = []
        while endpoint.is_up:
            now = self._mode(endpoint)
            if now != mode:
                mode = now
                again = endpoint.postponed + again
                endpoint.postponed = []
            if not again:
                return
            self._take(endpoint, *again.pop(0))

    def _mode(self, endpoint: Endpoint) -> Any:
        node = endpoint.node
        return node.mode(endpoint.state) if node.mode is not None else None

    def _take(self, endpoint: Endpoint, what: What, source: int, number: int, payload: Any) -> None:
        self._tell(what, endpoint.index, source, number, payload)
        self.taken += 1
        if what in (What.MESSAGE, What.REQUEST, What.REPLY):
            self.delivered += 1
        chance = 0.0
        handler = self._handler(endpoint, what, payload)
        if handler is not None and "chance" in handler.parameters:
            endpoint.chances += 1
            chance = as_float(draw(self._seed, CHANCE, endpoint.index, endpoint.chances))
        taken = Input(
            kind=KINDS[what],
            payload=payload,
            source=self.names[source],
            number=number,
            now_ns=endpoint.clock.told_ns(self.now_ns),
            chance=chance,
            durable=endpoint.disk.open() if what in (What.START, What.RESTART) else {},
        )
        try:
            endpoint.state, effects = take(
                endpoint.node, endpoint.name, self._nodes, endpoint.state, taken
            )
        except Exception as error:
            raise NodeFailed(endpoint.name, self.now_ns, taken, error) from error
        if any(type(effect) is Postpone for effect in effects):
            endpoint.postponed.append((what, source, number, payload))
        if self.stepped is not None:
            self.stepped(endpoint.index, taken, effects)
        endpoint.held.extend(effects)
        self._release(endpoint)
        if self.check is not None:
            self.check(endpoint.index)

    def _handler(self, endpoint: Endpoint, what: What, payload: Any) -> Handler | None:
        """What will handle an input; it is counted."""
        mode = self._mode(endpoint)
        key = payload if what is What.TIMER or payload is None else key_of(payload)
        handler = endpoint.node.table.find(mode, KINDS[what], key)
        if handler is not None:
            self._handled[handler_label(endpoint.node, mode, KINDS[what], key)] += 1
        return handler

    # -- effects ---------------------------------------------------------------------------------

    def _release(self, endpoint: Endpoint) -> None:
        """Carry out what waits, up to the first that the disk has to be waited for."""
        held = endpoint.held
        while held and not endpoint.syncing:
            effect = held.popleft()
            if isinstance(effect, Persist):
                self._persist(endpoint, effect)
            else:
                self._carry_out(endpoint, effect)

    def _persist(self, endpoint: Endpoint, effect: Persist) -> None:
        """Write, together with all that is written right behind it; then one sync for all."""
        disk, held = endpoint.disk, endpoint.held
        sync = effect.sync
        if disk.is_full:
            self._tell(What.FULL, endpoint.index, endpoint.index, 0, None)
            self.crash(endpoint.index)
            return
        disk.write(effect.key, effect.value)
        while held and isinstance(behind := held[0], Persist):
            held.popleft()
            sync = sync or behind.sync
            disk.write(behind.key, behind.value)
        if sync:
            after_ns = disk.begin_sync()
            if after_ns == 0:
                disk.end_sync()
                return
            endpoint.syncing = True
            time_ns = self.now_ns + after_ns
            index = endpoint.index
            self._push(time_ns, What.SYNCED, index, index, endpoint.life, None)

    def _carry_out(self, endpoint: Endpoint, effect: Effect) -> None:
        source = endpoint.index
        if isinstance(effect, Send):
            for to in effect.to if type(effect.to) is tuple else (effect.to,):
                self._transmit(What.MESSAGE, source, self._index(endpoint, to), 0, effect.message)
        elif isinstance(effect, Reply):
            to = self._index(endpoint, effect.caller.client)
            self._transmit(What.REPLY, source, to, effect.caller.number, effect.reply)
        elif isinstance(effect, Request):
            to = self._index(endpoint, effect.to)
            self._transmit(What.REQUEST, source, to, effect.number, effect.request)
        elif isinstance(effect, Timer):
            running_ns = endpoint.clock.running_ns(self.now_ns)
            self._set_timer(endpoint, effect.name, running_ns + effect.after_ns)
        elif isinstance(effect, Cancel):
            endpoint.timers.pop(effect.name, None)

    def _index(self, endpoint: Endpoint, name: Any) -> int:
        index = self._indexes.get(name)
        if index is None:
            raise EffectError(
                f"node {endpoint.name!r} sends to {name!r}, which is not there; there are "
                f"{', '.join(self.names)}"
            )
        return index

    def _set_timer(self, endpoint: Endpoint, name: Any, local_ns: int) -> None:
        due_ns = endpoint.clock.due_ns(local_ns)
        number = self._pushed + 1
        endpoint.timers[name] = (number, local_ns)
        if due_ns is not None:
            index = endpoint.index
            self._push(max(due_ns, self.now_ns), What.TIMER, index, index, number, name)
        else:
            self._pushed += 1
