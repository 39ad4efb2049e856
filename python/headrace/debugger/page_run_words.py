"""What a page says of the things that happened in a run: each in a line, and in a few words."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from headrace.debugger.page_text import inline, visible
from headrace.engine.effects import Persist
from headrace.simulation.faults import Clog, Cut, Fault, OfNode, Partition, Weather
from headrace.simulation.noting import What
from headrace.simulation.story import Fell, Noted, Step
from headrace.simulation.tracing import Unsynced

LINES_MAX = 3  # beside a thing in the diagram

Happening = Step | Noted | Fell

INPUTS = {What.START, What.RESTART, What.MESSAGE, What.REQUEST, What.REPLY, What.TIMER}
NODES = {What.CRASH, What.PAUSE, What.RESUME, What.FULL}
_NODE_WORDS = {What.CRASH: "crash", What.PAUSE: "pauses", What.RESUME: "goes on"}
_NODE_WORDS |= {What.FULL: "disk full"}


def lines_of(one: Happening, unsynced: list[Unsynced]) -> list[str]:
    """What stands beside it in the diagram. `unsynced`: of a crash, what was not synced."""
    if isinstance(one, Step):
        written = [effect for effect in one.effects if isinstance(effect, Persist)]
        return _few([_taken(one.taken.kind, one.taken.payload), *map(_written, written)])
    if isinstance(one, Fell):
        return [f"{fault_words(one.fault)}{'' if one.begins else ' ends'}"]
    if one.what in INPUTS:
        return [_taken(one.what.name.lower(), one.payload)]
    if one.what in NODES:
        return _few([_NODE_WORDS[one.what], *map(unsynced_words, unsynced)])
    return [f"{one.what.name.lower()}: {inline(one.payload)}"]


def title_of(one: Happening) -> str:
    """It in one line, with who and whom."""
    if isinstance(one, Step):
        return _title(one.node, one.taken.kind, one.taken.payload, one.taken.source)
    if isinstance(one, Fell):
        return f"{'fault' if one.begins else 'healed'}: {fault_words(one.fault)}"
    if one.what in INPUTS:
        return _title(one.to, one.what.name.lower(), one.payload, one.source)
    if one.what in NODES:
        return f"{one.to}: {_NODE_WORDS[one.what]}"
    return f"{one.what.name.lower()}: {inline(one.payload)} from {one.source} to {one.to}"


def unsynced_words(one: Unsynced) -> str:
    """What became of a write that was not synced when its node went down."""
    if one.torn:
        return f"torn: {_set(one.key, one.written)}"
    if one.left is not None and inline(one.left) == inline(one.written):
        return f"kept: {_set(one.key, one.written)}"
    behind = "" if one.left is None else f", {inline(one.left)} is left"
    return f"lost: {_set(one.key, one.written)}{behind}"


def fault_words(fault: Fault) -> str:
    """A fault without its times."""
    if isinstance(fault, Partition):
        return visible(f"partition: {' | '.join(', '.join(group) for group in fault.groups)}")
    if isinstance(fault, Cut | Clog):
        links = f"{', '.join(fault.sources)} → {', '.join(fault.to)}"
        return visible(f"{fault.kind.lower()}: {links}")
    words = "".join(f" {each}" if each.isupper() else each for each in fault.kind).strip().lower()
    if isinstance(fault, Weather):
        words = "storm"
    apart = {"at_ns", "until_ns", "every_ns", "node", "delay"}
    own = [
        f"{each.name} {getattr(fault, each.name)}"
        for each in fields(fault)
        if each.name not in apart and getattr(fault, each.name) is not None
    ]
    return visible(f"{words}: {', '.join(own)}" if own else words)


def node_of(one: Happening) -> str | None:
    """On whose lane it stands; None for what has none of its own."""
    if isinstance(one, Step):
        return one.node
    if isinstance(one, Fell):
        return one.fault.node if isinstance(one.fault, OfNode) else None
    return one.to


def milliseconds(time_ns: int) -> str:
    """A time of the world, exactly."""
    whole, rest = divmod(time_ns, 1_000_000)
    return f"{whole:,}.{rest:06d}".rstrip("0").rstrip(".") + " ms"


def _taken(kind: str, payload: Any) -> str:
    if kind == "timer":
        return f"timer {payload if isinstance(payload, str) else inline(payload)}"
    return kind if kind in ("start", "restart") else inline(payload)


def _title(node: str, kind: str, payload: Any, source: str) -> str:
    what = _taken(kind, payload) if kind in ("start", "restart", "timer") else inline(payload)
    if kind in ("message", "request", "reply"):
        what = f"{kind} {what} from {source}"
    return f"{node}: {what}"


def _written(effect: Persist) -> str:
    return f"{'writes' if effect.sync else 'unsynced'} {_set(effect.key, effect.value)}"


def _set(key: str, value: Any) -> str:
    return f"{visible(key)} := {inline(value)}"


def _few(lines: list[str]) -> list[str]:
    if len(lines) <= LINES_MAX:
        return lines
    return [*lines[: LINES_MAX - 1], f"and {len(lines) - LINES_MAX + 1} more"]
