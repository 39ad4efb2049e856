"""Long histories of many clients that all use one thing, made from moments within their calls.

Every client has an operation under way at all times. Each operation takes effect at a moment
between its call and its return, in a model that is stepped in the order of these moments; so the
history is right. An operation that nobody knows of takes effect, or not, and its client goes on
under another name, as with Jepsen. `spoiled` changes one answer to one that was right some time
before.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import headrace as hr
from headrace import Operation

READ, WRITE, CAS = 0, 1, 2
NOTHING = -1  # what an empty queue or log answers
KINDS = ("unique", "few", "keyed", "queue", "log")


@hr.machine(event=[("act", "u1"), ("value", "<i8"), ("new", "<i8")], output="<i8", initial=int)
def register(state, act, value, new):  # type: ignore[no-untyped-def]
    """A register: read, write, compare and set (1 if it was set)."""
    if act == READ:
        return state, state
    if act == WRITE:
        return value, None
    return (new, 1) if state == value else (state, 0)


@hr.machine(
    event=[("key", "<i4"), ("act", "u1"), ("value", "<i8"), ("new", "<i8")],
    output="<i8",
    initial=dict,
)
def registers(state, key, act, value, new):  # type: ignore[no-untyped-def]
    """Registers by key."""
    now = state.get(key, 0)
    if act == READ:
        return state, now
    if act == WRITE:
        return {**state, key: value}, None
    return ({**state, key: new}, 1) if now == value else (state, 0)


@hr.machine(event=[("put", "?"), ("value", "<i8")], output="<i8", initial=tuple)
def queue(state, put, value):  # type: ignore[no-untyped-def]
    """First in, first out."""
    if put:
        return (*state, value), None
    return state[1:], state[0] if state else NOTHING


@hr.machine(event=[("append", "?"), ("value", "<i8")], output="<i8", initial=tuple)
def log(state, append, value):  # type: ignore[no-untyped-def]
    """A log: appending tells the place, reading the last one."""
    if append:
        return (*state, value), len(state)
    return state, state[-1] if state else NOTHING


MODELS = {"unique": register, "few": register, "keyed": registers, "queue": queue, "log": log}


def asked(kind: str, random: Random, number: int, state: Any) -> tuple[Any, ...]:
    """An input; `number`: a value that no other has. `state`: what somebody may have seen."""
    chance = random.random()
    if kind == "queue":
        return (True, number) if chance < 0.5 else (False, 0)
    if kind == "log":
        return (True, number) if chance < 0.3 else (False, 0)
    value = random.randrange(1, 6) if kind == "few" else number
    seen = state.get(0, 0) if kind == "keyed" else state
    given = (READ, 0, 0)
    if chance < 0.3:
        given = (WRITE, value, 0)
    elif chance < 0.45:
        given = (CAS, random.randrange(1, 6) if kind == "few" else seen, value)
    return (random.randrange(3), *given) if kind == "keyed" else given


def hard(
    kind: str, clients: int, operations: int, info: float = 0.0, seed: int = 1
) -> list[Operation]:
    """A right history; `info`: which part of the operations nobody knows of."""
    random = Random(f"{kind} {clients} {operations} {info} {seed}")
    model = MODELS[kind]
    under_way = []  # moment, number, call, return, lane
    for lane in range(clients):
        free, count = random.random(), operations // clients
        for at in range(count):
            end = free + random.uniform(0.2, 2)
            under_way.append((random.uniform(free, end), at * clients + lane, free, end, lane))
            free = end + random.uniform(0, 0.1)
    state = model.initial()
    names = list(range(clients))
    history = []
    for _, number, call, end, lane in sorted(under_way):
        given = asked(kind, random, number + 1, state)
        unknown = random.random() < info
        if not unknown or random.random() < 0.5:
            assert model.event.names is not None
            state, output = model.step(state, **dict(zip(model.event.names, given, strict=True)))
        if unknown:
            history.append(Operation(names[lane], call, None, given, None, "info"))
            names[lane] += clients
        else:
            history.append(Operation(names[lane], call, end, given, output))
    return history


def spoiled(history: list[Operation], where: float = 0.9) -> list[Operation]:
    """The history with one answer changed, so far into it, to what was answered long before."""
    asking = [
        at
        for at, one in enumerate(history)
        if one.status == "ok" and one.output is not None and one.input[-3:] in _LOOKS
    ]
    at = asking[int(len(asking) * where)]
    stale = next(
        history[before].output
        for before in asking
        if history[before].output not in (history[at].output, NOTHING)
        and (history[before].return_ or 0) > history[at].call - 12
        and (history[before].return_ or 0) < history[at].call - 6
    )
    return [*history[:at], replace(history[at], output=stale), *history[at + 1 :]]


_LOOKS = ((READ, 0, 0), (False, 0))  # inputs that only ask
