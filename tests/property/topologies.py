"""Random topologies of small machines, and the events for them."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from hypothesis import strategies as st

import headrace as hr
from headrace.compose import Chain, Fanout, Shard, Topology
from headrace.compose.topology import PRESENT

EVENT = np.dtype([("key", "<i4"), ("venue", "S2"), ("value", "<i8")])

Records = np.ndarray[Any, Any]


def _amount(row: Any) -> int:
    """A number that hangs on every field of an event."""
    return zlib.crc32(repr(row).encode()) % 97


def _fields(event: Any, dtype: Any) -> list[Any]:
    return [getattr(event, name) for name in dtype.names]


class Mixer(hr.Machine):
    """Sums what it sees; up to `most` outputs for an event, by what it is; fails for some.

    `stateful`: what it puts out hangs on all it has seen, in the order in which it came.
    """

    def __init__(self, name: str, event: Any, output: bool, most: int, stateful: bool) -> None:
        self.name = name
        self.event = event
        self.output = EVENT if output else None
        self.most, self.stateful = most, stateful
        super().__init__()

    def initial(self) -> dict[str, int]:
        return {"seen": 0, "sum": 0}

    def step(self, state, event):  # type: ignore[no-untyped-def]
        """One event: in place, and then perhaps an error."""
        amount = _amount(_fields(event, self.event))
        state["seen"] += 1
        state["sum"] = (state["sum"] * 3 + amount + event.sequence) % 1_000_003
        if amount == 13:
            raise ValueError(amount)
        if self.output is None:
            return state, None
        base = state["sum"] if self.stateful else amount
        return state, [
            ((base + index) % 7, b"AB"[base % 2 : base % 2 + 1], base * 10 + index)
            for index in range(amount % (self.most + 1))
        ]


# What a fan-out of machines `a` and `b` puts out.
PAIR = Fanout(*(Mixer(name, EVENT, True, 2, True) for name in "ab")).output


@hr.machine(event=PAIR, output=EVENT, initial=int)
def pairs(state: int, a_key: int, b_venue: bytes, a_value: int) -> Any:
    """Makes events of them again."""
    return state + 1, [(a_key, b_venue, a_value + state)]


@st.composite
def topologies(draw: Any, in_order: bool = True, stateful: bool = True) -> Any:
    """A topology that takes EVENT; `in_order`: every shard is ordered."""
    count = 0

    def machine(event: Any, output: bool) -> Mixer:
        nonlocal count
        count += 1
        return Mixer(f"m{count}", event, output, draw(st.integers(1, 3)), stateful)

    def part(event: Any, depth: int, output: bool, index_shard: bool) -> Any:
        kinds = ["chain", "shard", "fanout"] + ["machine"] * (depth < 3)
        kind = draw(st.sampled_from(kinds)) if depth and count < 8 else "machine"
        if kind == "machine":
            return machine(event, output)
        if kind == "chain":
            parts = [part(event, depth - 1, True, index_shard)]
            parts.append(part(parts[0].output, depth - 1, output, True))
            return Chain(*parts)
        if kind == "shard":
            names = [name for name in event.names if name != PRESENT]
            by: Any = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
            if index_shard and draw(st.booleans()):
                by = None
            inner = part(event, depth - 1, output, False)
            return Shard(inner, by, draw(st.sampled_from([2, 3, 1])), in_order)
        branches = [part(event, depth - 1, output, index_shard)]
        for _ in range(draw(st.integers(1, 2))):
            branches.append(part(event, depth - 1, draw(st.booleans()), index_shard))
        return Fanout(*draw(st.permutations(branches)))

    made = part(EVENT, draw(st.sampled_from([2, 3, 1])), True, True)
    return made if isinstance(made, Topology) else Chain(made, machine(made.output, True))


def events(draw_from: int, count: int) -> Records:
    """`count` events, chosen by a seed."""
    random = np.random.default_rng(draw_from)
    made = np.zeros(count, EVENT)
    made["key"] = random.integers(-3, 4, count)
    made["venue"] = random.choice(np.array([b"x", b"yz", b""]), count)
    made["value"] = random.integers(0, 50, count)
    return made
