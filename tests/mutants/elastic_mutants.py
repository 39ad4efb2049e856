"""Planted bugs of elastic stages: hand-overs while it runs, outputs, workers that come and go."""

from __future__ import annotations

from mutants.planting import PYTHON, Planted

WORKER, POOL = PYTHON + "runtime/elastic_worker.py", PYTHON + "runtime/pool.py"
SPANS, SETTLING = PYTHON + "replay/spans.py", PYTHON + "runtime/settling.py"
ROWS = PYTHON + "compose/rows.py"
RANDOM = "property/test_elastic_differential.py::test_threads_equal_the_reference"
KEYS = "property/test_elastic_differential.py::test_each_key_in_order_without_order"
LIVE = "unit/test_elastic_live.py::"
FAILURES = "unit/test_elastic_failures.py::"

ELASTIC_MUTANTS = [
    Planted(
        "the state does not come along", "a partition begins anew at its new owner", WORKER,
        "if outcome[0].phase is Phase.READY and letter.stepper is not None:",
        "if False:",
        RANDOM),
    Planted(
        "one event too few held back", "the first event after the hand-over is lost", SPANS,
        "places, (first - self.first, end - self.first))",
        "places, (first - self.first + 1, end - self.first))",
        RANDOM),
    Planted(
        "the owner does not stop", "it steps on behind the sequence of the hand-over", WORKER,
        "self._step_held(at, steps.first, steps.end)",
        "self._step_held(at, steps.first, steps.end + 1)",
        RANDOM),
    Planted(
        "a new owner that reads behind", "events are stepped again that the old one has stepped",
        WORKER,
        "if seat.phase is not Phase.OWNING or seat.at > seat.read:",
        "if seat.phase is not Phase.OWNING:",
        RANDOM),
    Planted(
        "events let go of that are held back", "a drain does not wait for them", WORKER,
        "        ends = [self._seats[at].releasable for at in self._moving]\n",
        "        ends: list[int] = []\n",
        RANDOM),
    Planted(
        "outputs leave past what is held back", "they are not in order any more", WORKER,
        'inputs, self._limit, side="left"',
        'inputs, self.read, side="left"',
        RANDOM),
    Planted(
        "nobody waits for the old owner's outputs", "those of a key overtake each other", WORKER,
        "isinstance(message, State) and not self._slot.ordered",
        "False and not self._slot.ordered",
        KEYS),
    Planted(
        "a worker retires with what it holds", "what it has is lost", POOL,
        "            if assignment.owned(number):\n",
        "            if False:\n",
        LIVE + "test_workers_come_and_go"),
    Planted(
        "who waits for one that is gone waits on", "the engine does not close", POOL,
        "        self._broken = True",
        "        self._broken = False",
        FAILURES + "test_nobody_waits_for_a_worker_that_is_gone"),
    Planted(
        "records of going positions numbered as of sorted ones", "ids stand twice", ROWS,
        "    begins = np.flatnonzero(np.diff(positions, prepend=positions[:1] - 1))\n",
        "    begins = np.flatnonzero(np.diff(positions, prepend=positions[:1] - 1) > 0)\n",
        KEYS),
]
