"""Steps against bare loops over the same events; engines against a plain loop and peers."""

from __future__ import annotations

import sys
from functools import partial

from bench import machines, stepping
from bench.figures.common import OURS, plain
from bench.measure import Check, Figure

LOOP = "bare for over tuples"
NUMPY = "the same NumPy code"
COMPILED = "compiled loop"
BY_POINTER = "C loop, by pointer"  # the least that calling a step can cost; for information
NATIVE = {"step": "per event", "step_batch": "per batch"}
PLAIN, RIVER, BYTEWAX = "plain for and dict", "river", "bytewax"
CALLING = "for that calls the step"  # what a function by itself costs; for information
# No engine, but its sums as counters in a plain dict; for information.
COUNTERS = "river's sums in a dict"
# Newer interpreters call a Python function from Python without C in between.
TIME_MAX = 1.05 if sys.version_info < (3, 13) else 1.4

EVENTS = {"start": stepping.LOOP_EVENTS, "step": stepping.LOOP_EVENTS}
LAP = {"start": machines.LAP, "step": machines.LAP}


def python_step() -> Figure:
    """A small machine of three fields."""
    return Figure(
        "step-python",
        {
            OURS: plain(stepping.step_python, **EVENTS),
            LOOP: plain(stepping.loop_python, **EVENTS),
        },
        [Check("Python step, three fields, time", "", OURS, LOOP, "ns", "<=", TIME_MAX)],
    )


def batch_step() -> Figure:
    """NumPy code over batches."""
    return Figure(
        "step-batch",
        {
            OURS: plain(partial(stepping.step_fixed, None), **EVENTS),
            NUMPY: plain(stepping.loop_numpy, **EVENTS),
        },
        [Check("batch step", "", OURS, NUMPY, "rate", ">=", 0.95)],
    )


def native_step() -> Figure:
    """Native steps by address."""
    return Figure(
        "step-native",
        {
            **{
                name: plain(partial(stepping.step_fixed, native), **EVENTS)
                for native, name in NATIVE.items()
            },
            COMPILED: plain(partial(stepping.loop_compiled, "bench_loop"), **EVENTS),
            BY_POINTER: plain(partial(stepping.loop_compiled, "bench_loop_by_pointer"), **EVENTS),
        },
        [
            Check("native step", "per event", "per event", COMPILED, "rate", ">=", 0.5),
            Check("native step", "per event", "per event", BY_POINTER, "rate", ">=", None),
            Check("native step", "per batch", "per batch", COMPILED, "rate", ">=", 0.9),
        ],
    )


def engine() -> Figure:
    """A keyed sum over 10,000 keys, published and drained."""
    work = "engine, keyed sum, 10,000 keys"
    return Figure(
        "engine-keyed-sum",
        {
            **{
                kind: plain(partial(stepping.engine_sum, kind), **LAP)
                for kind in ("python", "batch", "native")
            },
            PLAIN: plain(stepping.loop_sum, **LAP),
            CALLING: plain(stepping.loop_sum_step, **LAP),
            RIVER: plain(stepping.river_sum, start=machines.LAP, most=machines.LAP),
            COUNTERS: plain(stepping.river_counters, **LAP),
            BYTEWAX: plain(stepping.bytewax_sum, start=10_000, most=machines.LAP, step=10_000),
        },
        [
            Check(work, "Python", "python", PLAIN, "rate", ">=", 0.8),
            Check(work, "Python", "python", CALLING, "rate", ">=", None),
            Check(work, "Python", "python", RIVER, "rate", ">=", 4.0),
            Check(work, "Python", "python", COUNTERS, "rate", ">=", None),
            Check(work, "Python", "python", BYTEWAX, "rate", ">=", None),
            Check(work, "batch", "batch", PLAIN, "rate", ">=", 10.0),
            Check(work, "native", "native", PLAIN, "rate", ">=", 15.0),
        ],
    )


FIGURES = (python_step(), batch_step(), native_step(), engine())
