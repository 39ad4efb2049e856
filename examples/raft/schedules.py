"""A schedule of faults that leads where chance hardly ever does: figure 3.7 of the dissertation.

In it the leader `a` writes entries that reach nobody; `c` leads, and writes others, which reach
nobody either; `a` leads again, and brings its entries to `b`, so that a majority has them. They are
not committed by that: `c` can still lead with the vote of `b`, as it has an entry of a newer term.
Who leads is decided by the clocks: whose stands still never loses its patience.
"""

from __future__ import annotations

from headrace.simulation.faults import Crash, Drift, Fault, Lose, Partition, SlowDisk

MILLISECOND_NS = 1_000_000
STOPPED = -1_000_000


def _between(begin_ms: int, end_ms: int) -> dict[str, int]:
    return {"at_ns": begin_ms * MILLISECOND_NS, "until_ns": end_ms * MILLISECOND_NS}


FIGURE_3_7: tuple[Fault, ...] = (
    Drift(node="b", ppm=STOPPED, **_between(0, 480)),
    Drift(node="c", ppm=STOPPED, **_between(0, 60)),
    # `c` gets the vote of `b` with the first message that it ever sends there; the next are lost.
    Partition(groups=(("a",), ("b", "c")), **_between(70, 150)),
    *(Lose(source="c", to="b", number=number) for number in range(2, 17)),
    # `a` leads again, and `b` crashes while it writes what comes behind the old entries.
    Partition(groups=(("c",), ("a", "b")), **_between(150, 320)),
    SlowDisk(node="b", factor=20, **_between(150, 320)),
    Crash(node="b", **_between(310, 325)),
    Partition(groups=(("a",), ("b", "c")), **_between(320, 480)),
)
