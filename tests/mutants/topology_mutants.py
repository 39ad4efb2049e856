"""Planted bugs of topologies in threads and processes, each with the test that catches it."""

from __future__ import annotations

from mutants.planting import PYTHON, Planted

SETTLING = PYTHON + "runtime/settling.py"
GATHERING = PYTHON + "runtime/gathering.py"
SOURCES = PYTHON + "runtime/sources.py"
ROWS = PYTHON + "compose/rows.py"
LAYOUT = PYTHON + "compose/layout.py"
WORKER = PYTHON + "runtime/worker.py"
OVERSEER = PYTHON + "runtime/overseer.py"
REMOTE = PYTHON + "runtime/remote.py"
GATHERED = "unit/test_topology_gathering.py::test_"
LAID_OUT = "unit/test_topology_layout.py::test_"
RUN = "unit/test_topology_engine.py::test_"
DEATHS = "crash/test_topology_deaths.py::test_"
POISON = "crash/test_topology_poison.py::test_"
STARTED = "unit/test_topology_start.py::test_"
FULL = "unit/test_engine_full.py::test_"
PAUSED = "unit/test_pauses.py::test_"
CALLING = PYTHON + "runtime/calling.py"
PACE = PYTHON + "runtime/pace.py"
PAUSES = PYTHON + "runtime/pauses.py"

TOPOLOGY_MUTANTS = [
    Planted(
        "settled before it is read", "a bound that holds once more is read holds now", SETTLING,
        "        if self._pending is None or polled < self._pending[1]:\n",
        "        if self._pending is None:\n",
        GATHERED + "a_bound_goes_through_stages_one_after_the_other"),
    Planted(
        "next stage not waited for", "what the first has let go of, the second is through with",
        SETTLING, "            while released(self._rings[ring], stage) < end:\n",
        "            while False:\n",
        GATHERED + "a_bound_goes_through_stages_one_after_the_other"),
    Planted(
        "last position complete", "a record with the position of the last one may follow",
        GATHERING, "int(self._held[-1].positions[-1, level]))",
        "int(self._held[-1].positions[-1, level]) + 1)",
        GATHERED + "a_record_says_nothing_of_its_own_position"),
    Planted(
        "fastest ring decides", "records are taken that others may still come before", GATHERING,
        "bound = min(leaf.bound(self.level)", "bound = max(leaf.bound(self.level)",
        GATHERED + "nothing_is_taken_that_something_may_still_come_before"),
    Planted(
        "full ring not told", "one input with too many outputs stands still for ever", GATHERING,
        "        if first == last:\n", "        if False:\n",
        GATHERED + "a_ring_full_of_one_input"),
    Planted(
        "half an answer", "a call gets the first of outputs that cannot be put in order",
        PYTHON + "runtime/tail.py",
        "            if self._broken is not None and not self._closed:\n",
        "            if False:\n",
        GATHERED + "outputs_that_cannot_be_put_in_order_are_no_answer"),
    Planted(
        "another unit first", "a successor's mark forgets what it stands for", SOURCES,
        "            gathered.begin_with(mark.unit)\n", "            pass\n",
        GATHERED + "successors_of_successors_where_there_is_no_order"),
    Planted(
        "nothing promised", "events of another unit get numbers that have outputs", SOURCES,
        "            self._promise(self._begin + self._out)\n", "            pass\n",
        GATHERED + "a_successor_gives_the_same_numbers_where_there_is_no_order"),
    Planted(
        "resumed at the unit's begin", "a successor steps again over what its mark tells of",
        SOURCES, "self._stepped, self._promised = mark.within,",
        "self._stepped, self._promised = 0,",
        GATHERED + "a_successor_goes_on_within_what_was_taken"),
    Planted(
        "marked records not dropped", "a successor steps again over what was not let go of yet",
        SOURCES, "        gathered.resume(mark.bounds)\n", "        gathered.resume([])\n",
        GATHERED + "a_successor_lets_go_of_what_was_marked_only"),
    Planted(
        "merge not stable", "outputs of one input change places", ROWS,
        'np.argsort(whole.positions[:, level], kind="stable")',
        "np.argsort(whole.positions[:, level])",
        LAID_OUT + "a_merge_is_in_order_and_keeps_the_order_of_each_position"),
    Planted(
        "merge not sorted", "outputs come shard by shard", ROWS,
        'return whole.part(np.argsort(whole.positions[:, level], kind="stable"))', "return whole",
        LAID_OUT + "a_merge_is_in_order_and_keeps_the_order_of_each_position"),
    Planted(
        "numbering begins anew", "two outputs of one input have one id", ROWS,
        "    if count and positions[0] == last[0]:\n", "    if False:\n",
        LAID_OUT + "numbers_go_on_where_a_batch_before_has_ended"),
    Planted(
        "share counts from the batch", "an event's shard hangs on where a batch began", ROWS,
        "np.arange((share.index - first) % share.n,", "np.arange(share.index,",
        LAID_OUT + "each_event_is_in_one_share"),
    Planted(
        "inner share takes all", "two shards step over one event", ROWS,
        "select = mine if select is None else select[mine]",
        "select = mine if select is None else select",
        LAID_OUT + "each_event_is_in_one_share"),
    Planted(
        "positions of the wrong level", "an inner merge is put in order by the outer numbers",
        LAYOUT, "return Pair(parts, place.depth, fanout)",
        "return Pair(parts, max(0, place.depth - 1), fanout)",
        LAID_OUT + "splits_inside_of_each_other"),
    Planted(
        "shards behind shards", "a stage behind the first takes a share of its share", LAYOUT,
        "depth_in=place.depth, shares=())", "depth_in=place.depth)",
        LAID_OUT + "splits_inside_of_each_other"),
    Planted(
        "order forgotten in front of a shard", "numbers of a stream hang on threads", LAYOUT,
        "numbered = place.in_order or isinstance(behind, Shard | Fanout | Elastic)",
        "numbered = place.in_order",
        LAID_OUT + "what_is_numbered_is_put_in_order_first"),
    Planted(
        "mark after release", "a death in between loses events", SOURCES,
        "        self._mark(self._gathered.bounds, self._stepped)\n"
        "        self._gathered.release()\n",
        "        self._gathered.release()\n"
        "        self._mark(self._gathered.bounds, self._stepped)\n",
        GATHERED + "a_mark_is_kept_before_slots_are_let_go_of"),
    Planted(
        "last record put out again", "who takes over repeats the record that is out", WORKER,
        '(records["output_index"] > index))', '(records["output_index"] >= index))',
        GATHERED + "a_successor_puts_out_what_is_not_out_yet"),
    Planted(
        "nothing is out yet", "who takes over repeats all of its first batch", WORKER,
        "        if self._published >= id_of(records[0]):\n", "        if False:\n",
        GATHERED + "a_successor_puts_out_what_is_not_out_yet"),
    Planted(
        "newer snapshot taken", "a worker goes on with a state from after its event",
        PYTHON + "runtime/restoring.py",
        "snapshot.stages[self._index].sequence <= self._sequence:",
        "snapshot.stages[self._index].sequence >= 0:",
        GATHERED + "the_state_before_any_event_is_restored"),
    Planted(
        "not careful", "the event at which a batch began is blamed", PYTHON + "runtime/pace.py",
        "        if self._held > 0:\n            return\n", "",
        GATHERED + "who_is_careful_takes_one_at_a_time_at_first"),
    Planted(
        "successor not told to be careful", "poison is blamed on the event its batch began with",
        WORKER, "            self._stage.be_careful()\n", "            pass\n",
        POISON + "poison_in_the_middle_of_a_batch_is_found"),
    Planted(
        "next event blamed", "an innocent event is put aside", OVERSEER,
        "            stage.poison[sequence] =", "            stage.poison[sequence + 1] =",
        POISON + "poison_becomes_a_dead_letter"),
    Planted(
        "idle deaths are of the next event", "who was killed while idle blames what comes", REMOTE,
        "        return self.has_more and not full\n", "        return not full\n",
        POISON + "who_has_nothing_to_step_over_does_not_die_of_the_next_event"),
    Planted(
        "waiting deaths are of an event", "who waited for room when it was killed is blamed",
        REMOTE, "        return self.has_more and not full\n", "        return self.has_more\n",
        POISON + "who_waits_for_room_does_not_die_of_its_event"),
    Planted(
        "stopped deaths are of an event", "who was stopped with another one blames its event",
        OVERSEER, " and not (run.stopping or run.killed)\n", "\n",
        DEATHS + "a_strategy_that_stops_others_blames_no_event"),
    Planted(
        "old answer is the state", "a snapshot has a state from before its inputs", REMOTE,
        "            if state.number == self._asked:\n", "            if True:\n",
        RUN + "a_late_answer_is_not_the_state"),
    Planted(
        "letter told twice is two", "a dead worker's letter is there again",
        PYTHON + "runtime/failures.py", "        if which in self._put:\n", "        if False:\n",
        POISON + "a_letter_is_kept_once_although_it_is_told_twice"),
    Planted(
        "outputs wait for somebody", "stages in processes stand still while nobody asks", OVERSEER,
        "            self.tend()\n", "            pass\n",
        RUN + "stages_go_on_while_nobody_asks"),
    Planted(
        "orphans live on", "workers outlive the process of their engine",
        PYTHON + "runtime/worker_main.py",
        "    while liveness.is_alive(*parent):\n", "    while True:\n",
        DEATHS + "workers_end_with_the_process_of_their_engine"),
    Planted(
        "fork ends its siblings", "a forked child that ends takes the workers with it",
        PYTHON + "runtime/process.py", "        children.difference_update(_workers)\n",
        "        pass\n", RUN + "a_fork_has_no_part_in_it"),
    # -- whoever listens to workers --------------------------------------------------------------
    Planted(
        "start without a bell", "a worker is heard when somebody looks around", OVERSEER,
        "        self._bell.send_bytes(b\"!\")\n        return stage.run\n",
        "        return stage.run\n",
        STARTED + "a_bell_is_rung_for_whoever_listens_to_workers"),
    Planted(
        "end without a bell", "closing waits until somebody looks around", OVERSEER,
        "            self._bell.send_bytes(b\"!\")\n            self._thread.join()\n",
        "            self._thread.join()\n",
        STARTED + "a_bell_is_rung_for_whoever_listens_to_workers"),
    Planted(
        "bell rings on", "it is never taken for heard", OVERSEER,
        "                self._heard.recv_bytes()\n", "                pass\n",
        STARTED + "the_bell_is_silent_once_it_was_heard"),
    Planted(
        "paused for ever", "nobody is killed after paused_max", PAUSES,
        "            run.kill()\n", "            pass\n",
        PAUSED + "a_pause_is_told_once_and_ended_by_a_kill "
        + DEATHS + "a_worker_that_is_paused_too_long_is_replaced"),
    Planted(
        "killed untold", "a paused worker is killed at the first look", PAUSES,
        "        if run not in self._since:\n            self._since[run] = now\n",
        "        self._since.setdefault(run, now)\n"
        "        if self._paused_max is None or now - self._since[run] < self._paused_max:\n",
        PAUSED + "a_bound_of_nothing_kills_at_the_second_look"),
    Planted(
        "all pauses are one", "who was paused often is killed", PAUSES,
        "            if self._since.pop(run, None) is not None and",
        "            if self._since.get(run, None) is not None and",
        PAUSED + "each_pause_counts_by_itself"),
    Planted(
        "killed by default", "without paused_max a debugger kills who is debugged", PAUSES,
        "        elif self._paused_max is not None and now - self._since[run] >= self._paused_max:",
        "        elif now - self._since[run] >= (self._paused_max or 0):",
        PAUSED + "without_a_bound_nobody_is_killed"),
    Planted(
        "pause inherited", "a successor is killed for its predecessor's pause", PAUSES,
        "        if run not in self._since:\n            self._since[run] = now\n",
        "        if not self._since:\n            self._since[run] = now\n"
        "        elif run not in self._since:\n"
        "            self._since[run] = next(iter(self._since.values()))\n",
        PAUSED + "a_successor_has_not_been_paused"),
    # -- a full input ring -----------------------------------------------------------------------
    Planted(
        "dropped uncounted", "nobody knows that events are left out", CALLING,
        "            self._dropped += len(array) - published\n", "",
        FULL + "drop_leaves_out_what_does_not_fit_and_counts_it"),
    Planted(
        "all dropped", "what went in is counted as left out", CALLING,
        "            self._dropped += len(array) - published\n",
        "            self._dropped += len(array)\n",
        FULL + "drop_leaves_out_what_does_not_fit_and_counts_it"),
    Planted(
        "dropped unseen", "headrace top shows no drops", CALLING,
        "            self._line.count_dropped(len(array) - published)\n", "",
        FULL + "an_engine_with_a_name_has_a_board"),
    Planted(
        "room not looked for again", "what finds room meanwhile is left out", CALLING,
        "        published += self._line.producer.try_publish(array[published:])\n", "",
        FULL + "drop_leaves_out_what_does_not_fit_and_counts_it"),
    Planted(
        "call dropped", "a caller waits for an input that was left out", CALLING,
        '        if self._on_full == "drop" and not called:\n',
        '        if self._on_full == "drop":\n',
        FULL + "a_call_is_never_dropped_silently"),
    Planted(
        "error says nothing went in", "who publishes the rest publishes all again", CALLING,
        "        full.published = published\n", "        full.published = 0\n",
        FULL + "error_says_how_many_went_in"),
    Planted(
        "blocked from the start", "what went in before it blocked is published again", CALLING,
        "            done += moved\n", "            done = moved\n",
        FULL + "block_waits_for_room_and_leaves_nothing_out"),
    Planted(
        "block is error", "a full ring is an error where it should be waited for", CALLING,
        '                if self._on_full != "block":\n', "                if True:\n",
        FULL + "block_waits_for_room_and_leaves_nothing_out"),
    # -- the size of batches ---------------------------------------------------------------------
    Planted(
        "batches of one", "quick steps pay for a batch with each event", PACE,
        "            self.size = min(self._size_max, 2 * self.size)\n", "            pass\n",
        FULL + "slow_steps_are_taken_one_at_a_time_and_quick_ones_many"),
    Planted(
        "long batches", "slow stages do not overlap", PACE,
        "            self.size = max(1, count * BATCH_NS // ns)\n", "            pass\n",
        FULL + "slow_steps_are_taken_one_at_a_time_and_quick_ones_many"),
    Planted(
        "short batches count", "a batch that was short for want of events doubles the next", PACE,
        "        elif count >= self.size and ns", "        elif ns",
        FULL + "slow_steps_are_taken_one_at_a_time_and_quick_ones_many"),
    Planted(
        "never content", "batches grow until they take too long, and shrink, and grow", PACE,
        " and ns < BATCH_NS // 2:\n", ":\n",
        FULL + "a_batch_that_took_neither_long_nor_short_says_nothing"),
]  # fmt: skip
