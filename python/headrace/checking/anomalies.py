"""`list_anomalies`: what histories of transactions on lists tell of isolation, as Elle does it.

What needs no cycle is found by looking at each read: who read what was taken back, or half done, or
never written; lists of which neither is how the other began. The rest are cycles of dependencies.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from headrace.checking.cycles import KINDS, VARIANTS, cycles
from headrace.checking.dependencies import Dependencies, external_reads
from headrace.checking.history import Operation
from headrace.checking.models import ruled_out, weakest
from headrace.checking.transactions import APPEND, Micro, Transaction, transactions
from headrace.errors import UsageError

_PLAIN = (
    "internal",
    "future-read",
    "garbage-read",
    "duplicate-elements",
    "incompatible-order",
    "G1a",
    "G1b",
    "dirty-update",
    "lost-update",
)
NAMES = (*_PLAIN, *(kind + variant for variant in VARIANTS for kind in KINDS))


@dataclass(frozen=True)
class Anomaly:
    """One thing that went wrong: its `name`, the operations that are in it, and why, in words.

    Of a cycle the operations are in order, and the reasons say why each was before the next.
    `count`: how many of this name there are, if it is no cycle.
    """

    name: str
    operations: tuple[Operation, ...]
    reasons: tuple[str, ...]
    count: int = 1


@dataclass(frozen=True)
class Anomalies:
    """What was found in a history: `verdict` is "ok", "bad" or "unknown".

    It has no truth value; compare `verdict`. `str()` explains it. `transactions`: how many there
    were. `found`: an example of each kind, cycles as short as there are. `ruled_out`: consistency
    models that this is no history of, the weakest first; what is not in it may hold, or was only
    not seen to fail. Unknown: nothing was found, and there was no time to look for all cycles.
    """

    verdict: str
    transactions: int
    found: tuple[Anomaly, ...] = ()
    ruled_out: tuple[str, ...] = ()

    def __bool__(self) -> NoReturn:
        raise UsageError(
            f"this is {self.verdict!r}, and there are 'ok', 'bad' and 'unknown': compare .verdict"
        )

    def __str__(self) -> str:
        count = f"{self.transactions:,} transaction{'' if self.transactions == 1 else 's'}"
        if self.verdict == "ok":
            return f"ok: {count}, no anomalies"
        if self.verdict == "unknown":
            return f"unknown: {count}; no time to look for all cycles"
        lines = [f"bad: {count}, with {', '.join(one.name for one in self.found)}"]
        for one in self.found:
            lines.append(f"{one.name}{f' ({one.count:,})' if one.count > 1 else ''}:")
            lines += [f"  {place}: {each}" for place, each in _named(one)]
            lines += [f"  {reason}" for reason in one.reasons]
        weak = weakest(self.ruled_out)
        lines.append(f"so it is not {', nor '.join(weak)}, nor what is stronger")
        return "\n".join(lines)


def list_anomalies(
    history: Iterable[Operation],
    time_limit: float | None = 60.0,
    *,
    process: bool = True,
    realtime: bool = True,
) -> Anomalies:
    """Find what went wrong between transactions that append to lists, and read them.

    Each operation is a transaction: its input is a list of ("append", key, value) and ("read", key,
    None); its output, if it is ok, the same with what each read saw, ("read", key, [values]). An
    output of None says that the input has that already. Each value is appended to a key once.
    Of an operation that is info nobody knows whether it took effect; one that failed did not.
    `process`: whether a client's own order counts; `realtime`: whether times do. Times are not
    looked at otherwise. `time_limit`: seconds of looking for cycles (None: no limit).

    Blocks. Usable from any thread. Raises OperationError for a history that cannot be.

    As Elle: Kingsbury and Alvaro, "Elle: inferring isolation anomalies from experimental
    observations" (2020). What is found did happen; that nothing is found proves nothing.
    """
    if time_limit is not None and (
        isinstance(time_limit, bool)
        or not isinstance(time_limit, int | float)
        or not time_limit >= 0
    ):
        raise UsageError(f"time_limit must be seconds, 0 or more, or None, not {time_limit!r}")
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    all_ = transactions(history)
    known = Dependencies(all_, process=process, realtime=realtime)
    found = list(_plain(all_, known))
    edges = known.edges
    seen, is_all = cycles(edges, lambda: time.monotonic() >= deadline)
    for name, cycle in seen.items():
        reasons = []
        for at, one in enumerate(cycle):
            to = (at + 1) % len(cycle)
            edge = edges[one][cycle[to]]
            why = edge.told(f"T{at + 1}", f"T{to + 1}")
            reasons.append(f"T{at + 1} was before T{to + 1} ({edge.kind}): {why}")
        operations = tuple(all_[one].operation for one in cycle)
        found.append(Anomaly(name, operations, tuple(reasons)))
    found.sort(key=lambda one: NAMES.index(one.name))
    models = ruled_out(one.name for one in found)
    verdict = "bad" if found else "ok" if is_all else "unknown"
    return Anomalies(verdict, len(all_), tuple(found), models)


def _named(anomaly: Anomaly) -> list[tuple[str, str]]:
    places = [f"T{place}" for place in range(1, len(anomaly.operations) + 1)]
    texts = [str(transactions([one])[0]) for one in anomaly.operations]
    return list(zip(places, texts, strict=True))


def _plain(all_: list[Transaction], known: Dependencies) -> Iterator[Anomaly]:
    """What needs no cycle; the first of each kind, and how many there are."""
    first: dict[str, tuple[list[int], str]] = {}
    counts: Counter[str] = Counter()
    cases = [
        *_of_reads(all_, known),
        *_of_orders(all_, known),
        *_of_updates(all_, known),
    ]
    for name, places, why in cases:
        first.setdefault(name, (places, why))
        counts[name] += 1
    for name, (places, why) in first.items():
        operations = tuple(all_[place].operation for place in places)
        yield Anomaly(name, operations, (why,), counts[name])


_Case = tuple[str, list[int], str]


def _of_reads(all_: list[Transaction], known: Dependencies) -> Iterator[_Case]:
    for place, one in enumerate(all_):
        if one.status != "ok":
            continue
        yield from (("internal", [place], why) for why in _internal(one))
        later: dict[tuple[Hashable, Any], int] = {
            (micro.key, micro.value): at
            for at, micro in enumerate(one.micros)
            if micro.act == APPEND
        }
        for at, micro in enumerate(one.micros):
            if micro.values is None:
                continue
            if len(set(micro.values)) < len(micro.values):
                yield "duplicate-elements", [place], f"T1 read a value twice in {micro.key!r}"
            for value in micro.values:
                writer = known.writers.get((micro.key, value))
                told = f"{value!r} in {micro.key!r}"
                if writer is None:
                    yield "garbage-read", [place], f"T1 read {told}, which nobody had appended"
                elif all_[writer].status == "fail":
                    yield "G1a", [place, writer], f"T1 read {told}, of T2, which failed"
                elif writer == place and later[micro.key, value] > at:
                    yield "future-read", [place], f"T1 read {told} before it appended it"
            yield from _half_done(place, micro, all_, known)


def _half_done(
    place: int, micro: Micro, all_: list[Transaction], known: Dependencies
) -> Iterator[_Case]:
    """A read that ends in the middle of what somebody else appended."""
    if not micro.values:
        return
    last = micro.values[-1]
    writer = known.writers.get((micro.key, last))
    if writer is None or writer == place or all_[writer].appends(micro.key)[-1] == last:
        return
    yield (
        "G1b",
        [place, writer],
        f"T1 read {last!r} in {micro.key!r}, behind which T2 appended more",
    )


def _internal(one: Transaction) -> Iterator[str]:
    """Reads that do not fit what the transaction itself read and appended before."""
    state: dict[Hashable, tuple[bool, tuple[Any, ...]]] = {}  # whether all is known; what is
    for micro in one.micros:
        known, values = state.get(micro.key, (False, ()))
        if micro.act == APPEND:
            state[micro.key] = known, (*values, micro.value)
        elif micro.values is not None:
            seen = micro.values
            fits = seen == values if known else seen[len(seen) - len(values) :] == values
            if micro.key in state and not (fits and len(seen) >= len(values)):
                began = "" if known else "... "
                yield (
                    f"T1 read {list(seen)} in {micro.key!r}, where by itself there must be "
                    f"{began}{list(values)}"
                )
            state[micro.key] = True, seen


def _of_orders(all_: list[Transaction], known: Dependencies) -> Iterator[_Case]:
    """Reads of a key of which neither is how the other began."""
    longest: dict[Hashable, int] = {}
    for place, one in enumerate(all_):
        for read in one.reads():
            if read.values and read.values[: len(read.values)] == known.versions[read.key]:
                longest.setdefault(read.key, place)
    for place, one in enumerate(all_):
        for read in one.reads():
            assert read.values is not None
            versions = known.versions.get(read.key, ())
            seen = tuple(dict.fromkeys(read.values))
            if seen != versions[: len(seen)]:
                other = longest.get(read.key, place)
                yield (
                    "incompatible-order",
                    [place, other],
                    f"T1 read {list(seen)} in {read.key!r}, and T2 {list(versions)}",
                )


def _of_updates(all_: list[Transaction], known: Dependencies) -> Iterator[_Case]:
    """What was appended behind something that failed; and two who appended to the same version."""
    for key, values in known.versions.items():
        failed: int | None = None
        for value in values:
            writer = known.writers.get((key, value))
            if writer is None:
                continue
            if all_[writer].status == "ok" and failed is not None:
                yield (
                    "dirty-update",
                    [failed, writer],
                    f"T2 appended {value!r} to {key!r} behind what T1 had, which failed",
                )
            if all_[writer].status != "info":
                failed = writer if all_[writer].status == "fail" else None
    updates: dict[tuple[Hashable, tuple[Any, ...]], list[int]] = {}
    for place, one in enumerate(all_):
        if one.status == "ok":
            for key, seen in external_reads(one).items():
                if one.appends(key):
                    updates.setdefault((key, seen), []).append(place)
    for (key, seen), places in updates.items():
        if len(places) > 1:
            yield (
                "lost-update",
                places,
                f"all of them read {list(seen)} in {key!r}, and then appended to it",
            )
