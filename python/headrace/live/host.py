"""The engine of one live node: inputs go in with time and chance, effects come out when safe."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.errors import StepError, WaitTimeout
from headrace.journal import Journal
from headrace.runtime import Engine
from headrace.system.events import EVENT, START, Joined, make_events
from headrace.system.node_machine import NodeMachine

Records = np.ndarray[Any, Any]
OnEffect = Callable[[int, str, int, int, bytes], None]  # kind, to, number, after_ns, body

CAPACITY = 1 << 12  # events in the rings
BATCH_MAX = 1 << 8  # outputs that are carried out before others have their turn
AGAIN_S = 0.001  # from one look whether the ring has room to the next


class Host:
    """Runs a node's machine on its journal. Belongs to one event loop, but for its making.

    `on_failure(error, event)`: whether to go on behind an input whose step failed; called in the
    machine's thread. Inputs of the journal that fail are passed over, as a start follows. Making it
    blocks while the journal is read; raises what `Engine` raises.
    """

    def __init__(
        self,
        machine: NodeMachine,
        journal: Journal | None,
        inputs_max: int,
        on_failure: Callable[[StepError, Records], bool],
    ) -> None:
        self._on_failure = on_failure
        self._opened = False
        self._inputs_max = inputs_max
        self._pending: deque[Records] = deque()
        self._pending_count = 0
        self._room = asyncio.Event()
        self._room.set()
        self._draw = random.SystemRandom().random
        self.engine = Engine(
            machine,
            CAPACITY,
            on_error=self._failed,
            keep_outputs=0,
            journal=journal,
        )
        ring = self.engine.output_ring
        assert ring is not None
        self._consumer = ring.consumer("live")
        self._opened = True

    def _failed(self, error: StepError, event: Records) -> bool:
        return not self._opened or self._on_failure(error, event)

    # -- inputs ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Tell the node that it runs, for the first time or again."""
        self.put(START)

    def put(self, kind: int, body: bytes = b"", source: bytes = b"", number: int = 0) -> None:
        """Give the node an input; never blocks. Raises what has stopped the engine."""
        events = make_events(
            kind,
            body,
            source=source,
            number=number,
            now_ns=time.time_ns(),
            chance=self._draw(),
        )
        if self._pending:
            self._keep(events)
        else:
            self._publish(events)

    async def room(self) -> None:
        """Wait until not too many inputs wait for the node."""
        await self._room.wait()

    def check(self) -> None:
        """Raise what has stopped the engine, if anything has."""
        self.engine.publish(np.empty(0, EVENT), 0)

    def _publish(self, events: Records) -> None:
        try:
            self.engine.publish(events, 0)
        except WaitTimeout as full:
            self._keep(events[getattr(full, "published", 0) :])
            asyncio.get_running_loop().call_later(AGAIN_S, self._publish_pending)

    def _keep(self, events: Records) -> None:
        self._pending.append(events)
        self._pending_count += len(events)
        if self._pending_count >= self._inputs_max:
            self._room.clear()

    def _publish_pending(self) -> None:
        events = np.concatenate(list(self._pending))
        self._pending.clear()
        self._pending_count = 0
        self._publish(events)
        if self._pending_count < self._inputs_max:
            self._room.set()

    # -- effects ---------------------------------------------------------------------------------

    async def carry_out(self, on_effect: OnEffect) -> None:
        """Hand over the effects, in order, each once its input is safe; until the engine ends."""
        joined = Joined()
        async for batch in self._consumer.aiter(BATCH_MAX):
            for record in batch.tolist():
                number, after_ns, to, kind, more, length, body = record[4:]
                whole = joined.add(more, length, body)
                if whole is not None:
                    on_effect(kind, to.decode(), number, after_ns, whole)
            await asyncio.sleep(0)

    @property
    def state(self) -> Any:
        """A copy of the machine's state."""
        return self.engine.state

    def close(self) -> None:
        """Let the node finish its inputs, and seal the journal. Blocks: not for the event loop."""
        self.engine.close()
