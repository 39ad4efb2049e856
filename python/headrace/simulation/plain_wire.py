"""What is on its way in a simulated world, in plain Python: time, the queue, and the network."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from headrace.simulation.chance import LINK, TIE, draw, mix, threshold
from headrace.simulation.network import Network
from headrace.simulation.noting import What

Note = Callable[[What, int, int, int, Any], None]  # what, to, source, number, payload


class PlainWire:
    """Time, the queue and the network between the endpoints of these names."""

    def __init__(self, seed: int, names: tuple[str, ...], network: Network) -> None:
        self._seed = seed
        self.names = names
        self._queue: list[tuple[int, int, int, What, int, int, int, Any]] = []
        self._pushed = 0
        count = len(names)
        self._sent = [0] * (count * count)  # by link: source * count + to
        self._last_ns = [0] * (count * count)
        self._blocked = [0] * (count * count)
        self._clogged = [0] * (count * count)
        self._clog: list[tuple[int, int, What, int, int, int, Any]] = []
        self._lost: set[tuple[int, int]] = set()
        self.set_network(network)
        self.now_ns = 0
        self.digest = 0
        self.note: Note | None = None
        self.corrupt: Callable[[Any, int], Any] | None = None
        self.counts = [0] * 32  # by What

    def set_network(self, network: Network) -> None:
        """From now on the network is like this."""
        self._network = network
        self._loss = threshold(network.loss)
        self._duplication = threshold(network.duplication)
        self._corruption = threshold(network.corruption)

    def lose(self, source: int, to: int, count: int) -> None:
        """Lose the message of that number (from 1) on that link."""
        self._lost.add((source * len(self.names) + to, count))

    def block(self, source: int, to: int, by: int) -> None:
        """Block a link once more (1), or once less (-1): what is sent on a blocked one is lost."""
        self._blocked[source * len(self.names) + to] += by

    def clog(self, source: int, to: int, by: int) -> None:
        """Clog a link once more, or once less: what is sent on a clogged one waits for its end."""
        link = source * len(self.names) + to
        self._clogged[link] += by
        if not self._clogged[link]:
            waiting, self._clog = self._clog, []
            for one in waiting:
                if one[0] == link:
                    self._push(self.now_ns + one[1], *one[2:])
                else:
                    self._clog.append(one)

    def sent(self, source: int, to: int) -> int:
        """How many messages were sent on a link so far, whatever became of them."""
        return self._sent[source * len(self.names) + to]

    def _push(
        self, time_ns: int, what: What, to: int, source: int, number: int, payload: Any
    ) -> None:
        self._pushed += 1
        tie = draw(self._seed, TIE, self._pushed)
        entry = (time_ns, tie, self._pushed, what, to, source, number, payload)
        heapq.heappush(self._queue, entry)

    def _transmit(self, what: What, source: int, to: int, number: int, payload: Any) -> None:
        link = source * len(self.names) + to
        self._sent[link] += 1
        if source == to:
            self._push(self.now_ns, what, to, source, number, payload)
            return
        drawn = draw(self._seed, LINK, link, self._sent[link])
        if self._blocked[link]:
            self._tell(What.CUT, to, source, number, payload)
            return
        if mix(drawn, 1) >> 11 < self._loss or (link, self._sent[link]) in self._lost:
            self._tell(What.LOST, to, source, number, payload)
            return
        if mix(drawn, 2) >> 11 < self._corruption:
            self._tell(What.CORRUPTED, to, source, number, payload)
            if self._network.checksums or self.corrupt is None:
                return
            payload = self.corrupt(payload, mix(drawn, 5))
            if payload is None:
                return
        self._depart(link, mix(drawn, 0), what, to, source, number, payload)
        if mix(drawn, 3) >> 11 < self._duplication:
            self._tell(What.DUPLICATED, to, source, number, payload)
            self._depart(link, mix(drawn, 4), what, to, source, number, payload)

    def _depart(
        self, link: int, drawn: int, what: What, to: int, source: int, number: int, payload: Any
    ) -> None:
        delay_ns = self._network.delay.quantiles_ns[drawn >> 52]
        if self._clogged[link]:
            self._clog.append((link, delay_ns, what, to, source, number, payload))
            return
        time_ns = self.now_ns + delay_ns
        if self._network.ordered:
            time_ns = max(time_ns, self._last_ns[link] + 1)
            self._last_ns[link] = time_ns
        self._push(time_ns, what, to, source, number, payload)

    def _tell(self, what: What, to: int, source: int, number: int, payload: Any) -> None:
        self.counts[what] += 1
        place = what | to << 8 | source << 24 | (number & 0xFFFFFF) << 40
        self.digest = mix(mix(self.digest, self.now_ns), place)
        if self.note is not None:
            self.note(what, to, source, number, payload)
