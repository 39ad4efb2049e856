"""Runs of two processes that are not a stream of records: round trips, idling, waking up."""

from __future__ import annotations

from bench.measure import Sample
from bench.peers.pair import Pair


def round_trip(pair: Pair, count: int) -> Sample:
    """Trips from Python to Python and back, by the sender's clock."""
    received, sent = pair.transfer(count)
    answers, (asked, p50, p99) = received[2], sent[2]
    metrics = {"p50": p50, "p99": p99}
    found = f"{asked} asked, {answers} answered"
    wanted = f"{count} asked, {count} answered"
    return Sample(count, (sent[1] - sent[0]) / 1e9, metrics, found, wanted)


def idle(pair: Pair, side: int, milliseconds: int) -> Sample:
    """How much of a core an idle consumer (side 0) or a sleeping process (side 1) uses, in %."""
    outcome = pair.transfer(-milliseconds)[side]
    seconds = (outcome[1] - outcome[0]) / 1e9
    slept = f"slept {seconds >= 0.98 * milliseconds / 1e3}"
    return Sample(milliseconds, seconds, {"share": 100 * outcome[2]}, slept, "slept True")


def wake_up(pair: Pair, count: int) -> Sample:
    """How long after the sender's look at the clock an idle consumer has the event."""
    received, sent = pair.transfer(count)
    woken, p50, p99 = received[2]
    seconds = (received[1] - sent[0]) / 1e9
    return Sample(count, seconds, {"p50": p50, "p99": p99}, f"{woken} woken", f"{count} woken")
