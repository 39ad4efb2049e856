"""Planted bugs of boards, gauges and what is shown of them, each with the test that catches it."""

from __future__ import annotations

from mutants.planting import ENGINE, PYTHON, RING, Planted

GAUGES = ENGINE + "gauges.pxd"
MONITOR = RING + "monitor.pyx"
BOARD = PYTHON + "metrics/board.py"
HISTOGRAM = PYTHON + "metrics/histogram.py"
WATCHING = PYTHON + "metrics/watching.py"
SCREEN = PYTHON + "cli/top_screen.py"
DIFFERENTIAL = "property/test_gauges_differential.py::test_"
BOARDS = "unit/test_boards.py::test_"
WATCH = "unit/test_top_watching.py::test_"

BOARD_BUILT = [
    Planted(
        "bucket a bit too wide", "percentiles are further off than is said", GAUGES,
        "shift = highest_bit(value) - HR_CUTS_BITS\n",
        "shift = highest_bit(value) - HR_CUTS_BITS + 1\n",
        DIFFERENTIAL + "the_gauge_has_the_same_buckets"),
    Planted(
        "samples of no weight", "a long batch counts as 128 events", GAUGES,
        "end_ns, end - begin)\n", "end_ns, 1)\n",
        DIFFERENTIAL + "a_stage_counts_as_the_plain_histogram"),
    Planted(
        "old worker still counts", "a worker that was replaced writes on", GAUGES,
        "return epoch == 0 or load_relaxed_u64(&slot.epoch) == epoch\n", "return True\n",
        BOARDS + "a_worker_that_was_replaced_changes_nothing"),
    Planted(
        "clock set back", "a negative time is taken off what was busy", GAUGES,
        "        took_ns = 0     # the clock was set back\n", "        pass\n",
        BOARDS + "a_clock_that_was_set_back"),
    Planted(
        "stride of times ignored", "a field of records gives latencies of its neighbours", GAUGES,
        "times.first + index * times.stride", "times.first + index * 8",
        BOARDS + "times_may_be_a_field_of_records"),
    Planted(
        "depth past the one in front", "events that may not be read yet count as waiting", MONITOR,
        "            end = other if other < end else end\n", "            pass\n",
        "unit/test_ring_monitor.py::test_depths_are_the_rings_own"),
]  # fmt: skip

BOARD_MUTANTS = [
    Planted(
        "board's checksum not compared", "a topology is believed that was scribbled over", BOARD,
        "if zlib.crc32(text, zlib.crc32(fixed)) != checksum:", "if False:",
        BOARDS + "damage_is_told"),
    Planted(
        "board's size not compared", "a cut board is mapped: a bus error later", BOARD,
        "    if size != segment_bytes:\n", "    if False:\n",
        BOARDS + "damage_is_told"),
    Planted(
        "board's slots not compared", "a slot may lie outside of the memory", BOARD,
        "if (slots, segment_bytes) != (len(stages), layout.segment_bytes):", "if False:",
        BOARDS + "damage_is_told"),
    Planted(
        "rank rounded", "p99.9 of 1000 values is the largest", HISTOGRAM,
        "Fraction(str(percent))", "Fraction(percent)",
        DIFFERENTIAL + "ranks_are_exact"),
    Planted(
        "pause not seen", "a stopped process is shown as running", WATCHING,
        'return "paused" if process == liveness.STOPPED else "dead"', 'return "dead"',
        WATCH + "a_process_that_runs_pauses_and_dies"),
    Planted(
        "rates since the start", "a stage that stands still has a rate", WATCHING,
        "        self._before, self._before_ns = readings, time_ns\n", "        pass\n",
        WATCH + "figures_are_those_of_the_interval"),
    Planted(
        "new board not followed", "the past is shown when a topology was started anew", WATCHING,
        "        self._attach(board)\n        return True\n", "        return False\n",
        WATCH + "a_process_that_runs_pauses_and_dies"),
    Planted(
        "any text printed", "a stage's name clears the screen", SCREEN,
        'char if char.isprintable() else "?"', "char",
        "unit/test_cli_top.py::test_names_do_not_move_the_cursor"),
]  # fmt: skip
