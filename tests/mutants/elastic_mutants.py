"""Planted bugs of elastic stages: hand-overs while it runs, outputs, workers that come and go."""

from __future__ import annotations

from mutants.planting import PYTHON, Planted

WORKER, POOL = PYTHON + "runtime/elastic_worker.py", PYTHON + "runtime/pool.py"
SPANS, SETTLING = PYTHON + "replay/spans.py", PYTHON + "runtime/settling.py"
ROWS = PYTHON + "compose/rows.py"
ALONE, POOLS = "unit/test_elastic_worker.py::test_", "unit/test_elastic_pool.py::test_"
LIVE = "unit/test_elastic_live.py::"
FAILURES = "unit/test_elastic_failures.py::"
PROCESSES, SUCCESSION = "unit/test_elastic_processes.py::", "unit/test_elastic_succession.py::"
DEATHS = "crash/test_elastic_deaths.py::test_"
AGAIN = PYTHON + "runtime/again.py"

ELASTIC_MUTANTS = [
    Planted(
        "the state does not come along", "a partition begins anew at its new owner", WORKER,
        "if outcome[0].phase is Phase.READY and stepper is not None:",
        "if False:",
        ALONE + "all_that_was_held_back_is_stepped_on_the_state_that_came"),
    Planted(
        "one event too few held back", "the first event after the hand-over is lost", SPANS,
        "places, (first - self.first, end - self.first))",
        "places, (first - self.first + 1, end - self.first))",
        ALONE + "all_that_was_held_back_is_stepped_on_the_state_that_came"),
    Planted(
        "the owner does not stop", "it steps on behind the sequence of the hand-over", WORKER,
        "self._step_held(at, steps.first, steps.end)",
        "self._step_held(at, steps.first, steps.end + 1)",
        ALONE + "the_owner_stops_where_it_hands_over"),
    Planted(
        "a new owner that reads behind", "events are stepped again that the old one has stepped",
        WORKER,
        "if seat.phase is not Phase.OWNING or seat.at > seat.read:",
        "if seat.phase is not Phase.OWNING:",
        ALONE + "who_reads_behind_the_old_owner_does_not_step_what_that_has_stepped"),
    Planted(
        "events let go of that are held back", "a drain does not wait for them", WORKER,
        "        ends = [self._seats[at].releasable for at in self._moving]\n",
        "        ends: list[int] = []\n",
        ALONE + "what_is_held_back_is_not_let_go_of"),
    Planted(
        "outputs leave past what is held back", "they are not in order any more", WORKER,
        'inputs, self._limit, side="left"',
        'inputs, self.read, side="left"',
        ALONE + "outputs_wait_behind_what_is_held_back"),
    Planted(
        "nobody waits for the old owner's outputs", "those of a key overtake each other", WORKER,
        "isinstance(message, State) and not self._slot.ordered",
        "False and not self._slot.ordered",
        ALONE + "a_state_waits_until_the_old_owners_outputs_were_read"),
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
        "unit/test_topology_layout.py::test_numbers_of_positions_that_go_back"),
    Planted(
        "what was given away is forgotten", "outputs that were not out when it died are lost",
        PYTHON + "elastic/succession.py", "        if each.worker == worker:\n",
        "        if False:\n",
        DEATHS + "what_was_given_away_is_stepped_again_as_far_as_it_was_not_out"),
    Planted(
        "one that was another's", "outputs come twice, of who had the partition before", AGAIN,
        "chosen = late & self._duties[at].own(inputs)", "chosen = late",
        DEATHS + "what_killed_others_is_passed_over_where_it_is_only_stepped_again"),
    Planted(
        "what is out is put out again", "outputs come twice after a death", AGAIN,
        "chosen = late & self._duties[at].own(inputs)", "chosen = self._duties[at].own(inputs)",
        DEATHS + "what_killed_others_is_passed_over_where_it_is_only_stepped_again"),
    Planted(
        "moved before it has caught up", "the new owner repeats what is out",
        PYTHON + "elastic/succession.py",
        "    return max(newest + 1, *ends) if ends else 0\n", "    return max(ends, default=0)\n",
        SUCCESSION + "test_every_order"),
    Planted(
        "nobody is told of a death", "who waits for a state waits for ever", POOL,
        "                self._partitions[at], sends = replaced(before, number)\n"
        "                if self._partitions[at].target is None:\n"
        "                    self._on_way.discard(at)\n"
        "                self._dispatch(at, sends)\n",
        "                self._partitions[at], _ = replaced(before, number)\n"
        "                if self._partitions[at].target is None:\n"
        "                    self._on_way.discard(at)\n",
        POOLS + "who_waits_for_one_that_dies_is_told"),
    Planted(
        "a partition moves to the dead", "it is on its way for ever", POOL,
        "                alive &= not {owner, target} & self._behind\n", "",
        POOLS + "nothing_moves_to_the_dead_or_from_it"),
    Planted(
        "processes mix their outputs", "nobody knows which of them are out",
        PYTHON + "runtime/placing.py",
        "        layout = lay_out(topology, in_order, elastic_in_order=True)\n", "        pass\n",
        PROCESSES + "test_all_workers_of_a_stage_are_in_one_kind_of_place"),
    Planted(
        "a state stays behind", "a partition begins anew in the other process",
        PYTHON + "runtime/elastic_process.py",
        "            letter = Letter(letter.partition, letter.message, state=state)\n",
        "            letter = Letter(letter.partition, letter.message)\n",
        PROCESSES + "test_states_move_between_processes[fork]"),
    Planted(
        "who tells waits", "one that is paused, and its pipe full, holds up all others",
        PYTHON + "runtime/elastic_remote.py",
        "            self._posts.put((self.run, messages.encode(message)))\n",
        "            self.run.pipe.send_bytes(messages.encode(message))\n",
        POOLS + "who_tells_a_process_something_never_waits_for_its_pipe"),
    Planted(
        "poison is stepped over in a careful worker", "it kills its worker for ever", WORKER,
        "        if deaths and any(len(places) for _, places in parts):\n",
        "        if False:\n",
        DEATHS + "poison_halts_and_blames_its_event"),
]
