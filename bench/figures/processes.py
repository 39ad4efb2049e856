"""Python to Python, two pinned processes: streams, round trips, idling, waking up."""

from __future__ import annotations

from functools import partial

from bench import pairs, yardstick
from bench.figures.common import OURS, pair, plain
from bench.measure import Check, Figure, Open

CHANNELS = {
    OURS: "ring",
    "multiprocessing.Queue": "mp_queue",
    "faster-fifo": "fifo",
    "pyzmq": "zeromq",
    "iceoryx2": "iceoryx",
}
START = 2048
AREA_BYTES = 1 << 20  # as much as each side of a channel touches: a ring full
MEMCPY = "memcpy, one core"
FLAGS = "bare C flags"
SLEEPING = "a sleeping process"
FUTEX = "a bare futex"
IDLE_MS = 300
WAKE_UPS = 100


def stream(batch: int) -> Figure:
    """Records of 64 bytes, copied in and copied out."""
    work = "Python, 2 processes, 64 B, copied in and out"
    limits = {"start": START, "step": batch}
    contestants: dict[str, Open] = {
        name: pair(channel, batch, **limits) for name, channel in CHANNELS.items()
    }
    checks = []
    for name in CHANNELS:
        if name != OURS:
            target = 10.0 if batch < 1024 else 1.5 if name == "iceoryx2" else 20.0
            checks.append(Check(work, f"batch {batch}", OURS, name, "rate", ">=", target))
    if batch == 1024:
        copy = partial(yardstick.copy, batch * 64, AREA_BYTES)
        contestants[MEMCPY] = plain(copy, start=AREA_BYTES // 64)
        checks.append(Check(work, f"batch {batch}", OURS, MEMCPY, "rate", ">=", 0.4))
    return Figure(f"processes-64B-batch-{batch}", contestants, checks, seconds=0.04, times=2)


def round_trip() -> Figure:
    """Through two rings, default wait strategy."""
    work = "Python round trip, 2 processes, default wait"
    return Figure(
        "round-trip-python",
        {
            OURS: pair("ring_trips", 1, pairs.round_trip, start=8000, step=8),
            FLAGS: plain(yardstick.flags, start=8000, most=1 << 20),
        },
        [Check(work, "p50", OURS, FLAGS, "p50", "<=", 2.2)],
        seconds=0.02,
        times=4,
    )


def idle() -> Figure:
    """What waiting costs while nothing comes, default wait strategy."""

    def side(index: int) -> Open:
        return pair(
            "ring_idle", 1, partial(_idle_side, index), start=IDLE_MS, most=IDLE_MS, step=IDLE_MS
        )

    return Figure(
        "idle",
        {OURS: side(0), SLEEPING: side(1)},
        [Check("idle consumer, default wait", "", OURS, SLEEPING, "share", "<=", 1.0, "value")],
        seconds=IDLE_MS / 1000,
        times=0.5,
    )


def _idle_side(index: int, processes: pairs.Pair, milliseconds: int) -> pairs.Sample:
    return pairs.idle(processes, index, milliseconds)


def wake_up() -> Figure:
    """How soon a consumer that sleeps has what was published, default wait strategy."""
    limits = {"start": WAKE_UPS, "most": WAKE_UPS, "step": WAKE_UPS}
    sleep = partial(yardstick.wake_up, idle_ns=1_000_000)  # as long as in peers/ring_idle.py
    return Figure(
        "wake-up",
        {OURS: pair("ring_idle", 1, pairs.wake_up, **limits), FUTEX: plain(sleep, **limits)},
        [Check("wake-up, default wait", "p50", OURS, FUTEX, "p50", "<=", 1.5)],
    )


FIGURES = (
    *(stream(batch) for batch in (1, 64, 1024)),
    round_trip(),
    idle(),
    wake_up(),
)
