"""Planted bugs of the simulated world: worlds that go another way, and faults that do less."""

from __future__ import annotations

from mutants.planting import ENGINE, PYTHON, Planted

SAME = "property/test_world_differential.py::test_the_same_runs"
TRACES = "unit/test_simulation_traces.py::test_traces_are_what_they_were"
FAULTS = "unit/test_simulation_faults.py::test_"
RUNS = "unit/test_simulation.py::test_"
DISKS = "property/test_node_disks.py::test_what_a_crash_leaves"
QUEUE = "property/test_event_queue.py::test_as_a_heap"
CLI = "unit/test_cli_simulate.py::test_"

CHAOS, STAGE, SHRINKING, NODE_DISK, FILE_DISK, CLOCK, JOURNALS, RUN, DETERMINISM = (
    f"{PYTHON}simulation/{name}.py"
    for name in
    ("chaos", "stage", "shrinking", "node_disk", "file_disk", "clock", "journals", "run",
     "determinism")
)  # fmt: skip

SIMULATION_BUILT = [
    Planted(
        "heap by time alone", "events of one time come in the order of the heap",
        ENGINE + "eventqueue.pyx",
        "one.time_ns < other.time_ns or (one.time_ns == other.time_ns and one.tie < other.tie)",
        "one.time_ns < other.time_ns",
        QUEUE),
    Planted(
        "duplicates at one time", "a copy of a message comes with the message",
        ENGINE + "links.pyx",
        "self.delays_ns[mix(drawn, 4) >> QUANTILE_SHIFT]",
        "self.delays_ns[mix(drawn, 0) >> QUANTILE_SHIFT]",
        SAME),
    Planted(
        "timers outlive a crash", "a node is woken by a timer of its life before",
        ENGINE + "endpoint.pyx",
        "        self.timers.clear()\n", "",
        SAME),
    Planted(
        "effects outlive a crash", "what waited for the disk leaves a node that is gone",
        ENGINE + "endpoint.pyx",
        "        self.held = []\n        self.held_from = 0\n        self.syncing",
        "        self.syncing",
        SAME),
    Planted(
        "effects do not wait", "a reply leaves before the disk has what it tells",
        ENGINE + "world.pyx",
        "            endpoint.syncing = True\n", "",
        SAME),
    Planted(
        "chance is drawn for all", "who asks for chance gets another number",
        ENGINE + "world.pyx",
        "                if handler.asks_chance:\n", "                if True:\n",
        TRACES),
]

SIMULATION_MUTANTS = [
    # -- faults ----------------------------------------------------------------------------------
    Planted(
        "budget ignored", "a run goes beyond what it says it assumes", CHAOS,
        "            if fault.impairs and len(impaired | set(fault.impairs)) > most:\n"
        "                continue\n", "",
        FAULTS + "a_budget_is_kept"),
    Planted(
        "overlapping crashes", "the first of two crashes to end brings the node back", STAGE,
        "        if self._down[index]:\n", "        if by > 0:\n",
        FAULTS + "crashes_that_overlap_end_with_the_last"),
    Planted(
        "slow clocks for timers only", "a clock that is stopped tells the time", CLOCK,
        "return self.running_ns(now_ns) + self._offset_ns", "return now_ns + self._offset_ns",
        FAULTS + "clocks_drift_jump_and_stop"),
    # -- disks -----------------------------------------------------------------------------------
    Planted(
        "unsynced writes are kept", "no crash ever loses anything", NODE_DISK,
        "% 4\n            if drawn < 2:\n", "% 4\n            if drawn < 9:\n",
        "property/test_node_disks.py::test_every_outcome_comes"),
    Planted(
        "synced values lost", "a crash takes what was safe", NODE_DISK,
        "            elif drawn == 2:\n                self._damaged.add(key)\n",
        "            elif drawn == 2:\n                self._damaged.add(key)\n"
        "                self._safe.pop(key, None)\n",
        DISKS),
    Planted(
        "files are not synced", "a synced value has a name and no bytes", FILE_DISK,
        "            file.sync()\n", "            pass\n",
        DISKS),
    Planted(
        "checksums not looked at", "a torn value is taken for a value", FILE_DISK,
        "        if len(body) != length or xxhash.xxh3_64_intdigest(body) != checksum:\n",
        "        if len(body) != length:\n",
        "property/test_node_disks.py::test_what_cannot_be_read_is_never_another_value"),
    # -- runs ------------------------------------------------------------------------------------
    Planted(
        "histories not checked", "clients are told what cannot be", RUN,
        '        if found.verdict == "bad":\n', '        if found.verdict == "worse":\n',
        RUNS + "a_model_that_is_not_kept_to_is_told"),
    Planted(
        "any failure will do", "a run is made small until it fails in another way", SHRINKING,
        "if theirs is None or (theirs.kind, theirs.name) != (ours.kind, ours.name):",
        "if theirs is None:",
        RUNS + "one_failure_is_not_taken_for_another"),
    Planted(
        "nothing is left out twice", "more is left in a small run than fails", SHRINKING,
        "        if size == 1 and len(left) == before:\n", "        if size == 1:\n",
        RUNS + "minimise_leaves_nothing_out_that_counts"),
    Planted(
        "chance of what was postponed is lost", "a journal tells another run", JOURNALS,
        "            came[1].append(step.taken.chance)\n", "            pass\n",
        "unit/test_simulation_journals.py::test_nodes_that_do_everything"),
    Planted(
        "functions that a handler calls are not read", "a clock hides in a helper", DETERMINISM,
        "                waiting.append(value)\n", "                pass\n",
        "unit/test_determinism.py::test_it_is_found"),
]
