"""The machines that are measured, and what they stand against: bare loops over the same events."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import yardstick
from headrace.machine import Machine, machine
from headrace.native import Native

KEYS = 10_000
LAP = 1 << 16  # payments that are sent again and again
ORDER = np.dtype([("key", "<i8"), ("amount", "<i8"), ("weight", "<i8")])
PAYMENT = np.dtype([("key", "<i8"), ("amount", "<i8")])
TALLY = np.dtype([("count", "<i8"), ("total", "<i8"), ("largest", "<i8")])

Events = NDArray[np.void]


@cache
def orders(count: int) -> Events:
    """`count` events of three fields."""
    events = np.zeros(count, ORDER)
    events["key"] = np.arange(count) * 7919 % KEYS
    events["amount"] = np.arange(count) * 31 % 1000
    events["weight"] = np.arange(count) % 5 + 1
    events.setflags(write=False)
    return events


@cache
def payments() -> Events:
    """`LAP` events of two fields, over all keys."""
    events = np.zeros(LAP, PAYMENT)
    events["key"] = np.arange(LAP) * 7919 % KEYS
    events["amount"] = np.arange(LAP) * 31 % 1000
    events.setflags(write=False)
    return events


def payment_laps(count: int) -> list[Events]:
    """`count` payments: the same lap as often as it fits, and what remains."""
    events = payments()
    return [events] * (count // LAP) + ([events[: count % LAP]] if count % LAP else [])


# A small machine of three fields. Its state changes in place, as most do.


def tally_step(state: list[int], key: int, amount: int, weight: int) -> tuple[list[int], None]:
    state[0] += amount * weight + key
    return state, None


def tally_answer(events: Events, laps: int = 1) -> int:
    """What the total must be after `laps` times these events."""
    return laps * int((events["amount"] * events["weight"] + events["key"]).sum())


tally: Machine = machine(event=ORDER, initial=lambda: [0])(tally_step)


def tally_batch(state: Any, events: Events) -> tuple[Any, None]:
    amounts = events["amount"]
    state["count"] += len(events)
    state["total"] += (amounts * events["weight"]).sum()
    state["largest"] = max(int(state["largest"]), int(amounts.max()))
    return state, None


def tally_slow(state: Any, amount: int, weight: int) -> tuple[Any, None]:
    state["count"] += 1
    state["total"] += amount * weight
    state["largest"] = max(int(state["largest"]), amount)
    return state, None


def new_tally() -> Any:
    return np.zeros((), TALLY)


def fixed_tally(native: str | None = None) -> Machine:
    """The same with a state of fixed layout: by batch, or by a native step of that name."""
    how: dict[str, Any] = {"step_batch": tally_batch}
    if native:
        function = getattr(yardstick.library(), f"bench_{native}")
        how = {"native": Native(**{native: function}, outputs_max=0)}
    return machine(event=ORDER, initial=new_tally, name="tally", **how)(tally_slow)


def fixed_answer(events: Events, laps: int) -> tuple[int, int, int]:
    """What the fixed state must be after `laps` times these events."""
    total = int((events["amount"] * events["weight"]).sum())
    return laps * len(events), laps * total, int(events["amount"].max())


# A sum for each key.


def sum_step(state: dict[int, int], key: int, amount: int) -> tuple[dict[int, int], None]:
    state[key] = state.get(key, 0) + amount
    return state, None


def sum_batch(state: Any, events: Events) -> tuple[Any, None]:
    np.add.at(state, events["key"], events["amount"])
    return state, None


def sum_slow(state: Any, key: int, amount: int) -> tuple[Any, None]:
    state[key] += amount
    return state, None


def keyed_sum(kind: str) -> Machine:
    """Totals by key: kind "python" in a dict, "batch" and "native" in an array."""
    if kind == "python":
        return machine(event=PAYMENT, initial=dict, name="keyed-sum")(sum_step)
    how: dict[str, Any] = {"step_batch": sum_batch}
    if kind == "native":
        how = {"native": Native(step_batch=yardstick.library().bench_keyed_batch, outputs_max=0)}
    decorate = machine(
        event=PAYMENT, initial=lambda: np.zeros(KEYS, np.int64), name="keyed-sum", **how
    )
    return decorate(sum_slow)


def sums_digest(totals: Any) -> str:
    """A text that tells totals by key apart, whether in a dict or an array."""
    items = totals.items() if isinstance(totals, dict) else enumerate(totals.tolist())
    mixed = sum((int(key) * 2_654_435_761 + 1) * int(total) for key, total in items)
    return f"{mixed % (1 << 64):016x}"


def sums_answer(count: int) -> str:
    """What `sums_digest` must be for `count` payments."""
    totals = np.zeros(KEYS, np.int64)
    for events, laps in ((payments(), count // LAP), (payments()[: count % LAP], 1)):
        sums = np.bincount(events["key"], events["amount"], KEYS)
        totals += laps * sums.astype(np.int64)
    return sums_digest(totals)
