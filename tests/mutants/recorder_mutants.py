"""Planted bugs of an engine's journal: recording, opening, answers, outputs, snapshots."""

from __future__ import annotations

from mutants.planting import PYTHON, Planted

ENGINE = "unit/test_engine_journal.py::test_"
IDENTITY = "unit/test_journal_identity.py::test_"
SAFETY = "unit/test_engine_safety.py::test_"
RECORDED = "unit/test_recorder.py::test_"
KEPT = "unit/test_answers.py::test_"
INTERRUPTED = "unit/test_journal_interrupted.py::test_"
REPLAY = "unit/test_replay.py::test_"
OUTPUT_CUTS = "crash/test_output_journal_power_cuts.py::test_"
FAULTS = "crash/test_engine_disk_faults.py::test_"
POWER_CUTS = "crash/test_engine_power_cuts.py::test_"

RECORDER, KEEPER, JOURNALING, OPENING, OUTPUTS, ANSWERS, CALLING = (
    f"{PYTHON}runtime/{name}.py"
    for name in
    ("recorder", "keeper", "journaling", "opening", "output_journal", "answers", "calling")
)  # fmt: skip

RECORDER_MUTANTS = [
    # -- recording -------------------------------------------------------------------------------
    Planted(
        "acknowledged one too early", "the last input is not written yet", RECORDER,
        "self.durable >= end", "self.durable >= end - 1",
        RECORDED + "durable_is_on_the_disk"),
    Planted(
        "acknowledged before it is written", "a power cut takes what was promised", RECORDER,
        "                self._places.append(writer.position)\n",
        "                self.durable = end\n",
        RECORDED + "an_interrupt_at_each_moment"),
    Planted(
        "interrupted before the sync", "what is written, and not synced, is acknowledged", RECORDER,
        '            if self._level == "fsync" and writer.synced_sequence < end:\n',
        "            if False:\n",
        RECORDED + "an_interrupt_at_each_moment"),
    Planted(
        "released before it is acknowledged", "an interrupt in between, and nobody ever is told",
        RECORDER,
        "            self.durable = end  # first: what is released is not polled again\n"
        "            consumer.release()\n",
        "            consumer.release()\n            self.durable = end\n",
        RECORDED + "an_interrupt_at_each_moment"),
    Planted(
        "not rewound after an interrupt", "the next poll is refused, or passes over inputs",
        RECORDER,
        "        consumer.rewind()", "        pass",
        RECORDED + "an_interrupt_at_each_moment"),
    Planted(
        "written twice after an interrupt", "inputs are stepped over twice", RECORDER,
        "                skip = count - (end - writer.sequence)", "                skip = 0",
        RECORDED + "an_interrupt_at_each_moment"),
    Planted(
        "notes dropped before they are written", "an interrupt loses them", RECORDER,
        "                writer.append(events, times, notes,",
        "                self._drop(notes)\n                writer.append(events, times, notes,",
        RECORDED + "an_interrupt_at_each_moment"),
    Planted(
        "lock kept by who was interrupted", "nothing is ever written again", RECORDER,
        "            try:\n                free = work.acquire(False)\n",
        "            free = work.acquire(False)\n            try:\n",
        RECORDED + "an_interrupt_at_each_moment"),
    Planted(
        "note in front of its input", "an input that is lost leaves a note for another", RECORDER,
        "if note.sequence < end]", "if note.sequence <= end]",
        RECORDED + "a_note_stands_with_its_input_and_not_before"),
    Planted(
        "note behind its input", "a failed call halts the engine each time it is opened", RECORDER,
        "if note.sequence < end]", "if note.sequence < end - 1]",
        ENGINE + "failed_calls_are_passed_over_again"),
    Planted(
        "digest in front of its inputs", "inputs that are lost leave the digest of others",
        RECORDER,
        "if note.sequence <= end]", "if True]",
        INTERRUPTED + "nothing_is_said_of_inputs_before_they_are_there"),
    Planted(
        "note of what was not published", "another input is passed over when it fails", RECORDER,
        "            self._notes.pop()\n", "            pass\n",
        RECORDED + "a_note_of_what_was_not_published"),
    Planted(
        "last notes not written", "no replay is held to the last state", RECORDER,
        "notes = self._due(1 << 62)", "notes = []",
        SAFETY + "the_last_state_is_digested"),
    Planted(
        "not sealed", "what is lost after an orderly end passes for a torn tail", RECORDER,
        "                self.writer.seal(Sealed(self.writer.sequence))\n",
        "                self.writer.sync()\n",
        ENGINE + "closing_says_that_it_is_whole"),
    Planted(
        "waits for all but the last", "a snapshot knows of an input that may be lost", RECORDER,
        "        while self.writer.synced_sequence < end:\n",
        "        while self.writer.synced_sequence < end - 1:\n",
        SAFETY + "a_snapshot_waits_for_the_last_input_before_it"),
    Planted(
        "failure is kept to itself", "the engine goes on, and nothing is written", RECORDER,
        "            self._on_failure(error)\n", "",
        FAULTS + "a_write_or_a_sync_fails"),
    # -- who waits for it ------------------------------------------------------------------------
    Planted(
        "outputs before their inputs", "outputs of inputs that are lost are acted on", JOURNALING,
        "        line.wait_safe = self._wait_safe\n", "",
        SAFETY + "no_output_leaves_before_its_input_is_safe"),
    Planted(
        "answers before their inputs", "a call is answered that never was", CALLING,
        "self._wait_durable(end, deadline) and self._wait_through(end, deadline)",
        "self._wait_through(end, deadline)",
        SAFETY + "an_answer_that_says_nothing_waits_for_its_input_as_well"),
    Planted(
        "snapshot before its outputs", "outputs are lost that are not made again", JOURNALING,
        "        if cut is None or self._outputs is None:\n",
        "        if True:\n",
        FAULTS + "no_snapshot_before_the_outputs_are_safe"),
    Planted(
        "last output before recovery left out", "one that was not read is never read", JOURNALING,
        "(ids[1] <= index))", "(ids[1] < index))",
        ENGINE + "a_journal_of_outputs"),
    Planted(
        "no digest at the end", "no replay is held to the last state", JOURNALING,
        "                        self._digest(cut)\n", "                        pass\n",
        SAFETY + "the_last_state_is_digested"),
    # -- snapshots -------------------------------------------------------------------------------
    Planted(
        "snapshot before its inputs", "a snapshot knows of inputs that are lost", KEEPER,
        "            if not self._recorder.wait_synced(cut.sequence, deadline):\n",
        "            if False:\n",
        SAFETY + "a_snapshot_waits_for_the_last_input_before_it"),
    Planted(
        "digest of outputs begins one late", "replays are held to other outputs", KEEPER,
        "cut.since, cut.rolling", "cut.since + 1, cut.rolling",
        REPLAY + "the_same_again"),
    Planted(
        "segments dropped unasked", "the past is gone", KEEPER,
        '        if settings.keep == "snapshots" and oldest is not None:\n',
        "        if oldest is not None:\n",
        SAFETY + "all_inputs_are_kept_where_nothing_else_is_said"),
    Planted(
        "all snapshots kept", "the disk fills up", KEEPER,
        "        if settings.snapshots_kept is None:\n", "        if True:\n",
        ENGINE + "snapshots"),
    Planted(
        "snapshot that fails stops the engine", "inputs are refused that could be safe", KEEPER,
        "            except HeadraceError as error:\n",
        "            except WaitTimeout as error:\n",
        FAULTS + "snapshots_that_are_due_and_fail"),
    # -- opening ---------------------------------------------------------------------------------
    Planted(
        "answers of a snapshot forgotten", "a call that is made again is run again", OPENING,
        "            self._answers.restore(snapshot.answers)\n", "",
        ENGINE + "a_call_is_answered_once"),
    Planted(
        "answers not settled", "more clients are remembered than wanted", OPENING,
        "        self._answers.settle(self.fold.sequence)  # fewer", "        pass  # fewer",
        INTERRUPTED + "fewer_clients_than_before_are_remembered"),
    Planted(
        "call behind a snapshot", "a failed one halts the engine each time it is opened", OPENING,
        "            if note.sequence >= self.fold.sequence:\n",
        "            if note.sequence > self.fold.sequence:\n",
        SAFETY + "a_failed_call_right_behind_a_snapshot_is_passed_over"),
    Planted(
        "its first note not synced", "a snapshot stands behind what may be lost", OPENING,
        "[opened], sync=True)", "[opened])",
        POWER_CUTS + "a_snapshot_stands_behind_nothing_that_may_be_lost"),
    Planted(
        "frame stepped over from its beginning", "inputs before a snapshot are stepped over twice",
        OPENING,
        "        begin = max(0, self.fold.sequence - frame.first_sequence)\n",
        "        begin = 0\n",
        SAFETY + "a_snapshot_in_the_middle_of_a_frame"),
    Planted(
        "failed calls not answered", "a failed call that is made again is run again", OPENING,
        "            self._answers.fail(error.origin, error)\n", "",
        ENGINE + "a_call_is_answered_once"),
    Planted(
        "outputs of lost inputs stay", "outputs of others stand in their place", OPENING,
        "            self._outputs.cut_to(self.fold.made[-1])\n", "            pass\n",
        INTERRUPTED + "outputs_of_lost_inputs_are_cut_off"),
    Planted(
        "journal opened uncut", "the torn tail stays where it is written on", OPENING,
        "        tail.cut()\n", "",
        SAFETY + "a_torn_tail_is_told_and_kept"),
    Planted(
        "events of another machine", "bytes are stepped over as what they are not", OPENING,
        "            tail.reader.identity.check_fits(settings.path, event, name_of(machine))\n",
        "            pass\n",
        IDENTITY + "a_journal_of_other_events"),
    Planted(
        "lock kept after a failure", "the journal cannot be opened again", OPENING,
        "        except BaseException:\n            self._lock.release()\n            raise\n",
        "        except BaseException:\n            raise\n",
        IDENTITY + "a_journal_of_other_events"),
    # -- the journal of outputs ------------------------------------------------------------------
    Planted(
        "outputs made again twice", "each is written once more", OUTPUTS,
        "        new = records[max(0, self.writer.sequence - first) :]\n",
        "        new = records\n",
        ENGINE + "a_journal_of_outputs"),
    Planted(
        "outputs made again unseen", "other outputs than were read stand in their place", OUTPUTS,
        "            if was.tobytes() != now.tobytes():\n", "            if False:\n",
        INTERRUPTED + "outputs_that_come_out_otherwise_are_told"),
    Planted(
        "outputs in front of the cut", "they go with those of lost inputs", OUTPUTS,
        "        left = max(0, made - first.first_sequence)\n", "        left = 0\n",
        OUTPUT_CUTS + "outputs_of_lost_inputs_are_cut_off"),
    Planted(
        "missing outputs passed over", "a gap in the journal of outputs", OUTPUTS,
        "            if have < made:\n", "            if False:\n",
        INTERRUPTED + "outputs_that_are_missing_are_told"),
    Planted(
        "output read twice", "the one that was read last comes again", OUTPUTS,
        '(records["output_index"] > index))', '(records["output_index"] >= index))',
        ENGINE + "a_journal_of_outputs"),
    Planted(
        "outputs kept too late", "a gap, and nothing tells it", OUTPUTS,
        "    return first is None or after <", "    return first is None and after <",
        INTERRUPTED + "outputs_kept_from_some_snapshot_on"),
    # -- answers ---------------------------------------------------------------------------------
    Planted(
        "answer by number only", "a client is given another one's answer", ANSWERS,
        "        entry = self._entries.get(client)\n",
        "        entry = next((e for e in self._entries.values() if e.number == number), None)\n",
        ENGINE + "a_call_is_answered_once"),
    Planted(
        "older number accepted", "a call is given the answer of a later one", ANSWERS,
        "        if number < entry.number:\n", "        if False:\n",
        ENGINE + "a_call_is_answered_once"),
    Planted(
        "same number run again", "one call has two effects", ANSWERS,
        "number > entry.number", "number >= entry.number",
        ENGINE + "a_call_is_answered_once"),
    Planted(
        "call taken back, and the one before", "that one is run again", ANSWERS,
        "            if before is not None:\n", "            if False:\n",
        KEPT + "a_call_that_was_not_published_leaves_what_was_before"),
    Planted(
        "newest client forgotten", "its call is run again", ANSWERS,
        "next(iter(self._entries))", "next(reversed(self._entries))",
        ENGINE + "clients_that_called_longest_ago_are_forgotten"),
    Planted(
        "client stays as old as its first call", "one that calls all the time is forgotten",
        ANSWERS,
        "before = self._entries.pop(client, None)", "before = self._entries.get(client)",
        KEPT + "who_calls_is_remembered_before_who_does_not"),
    Planted(
        "snapshot of a call that is to come", "it is answered with nothing, and never run", ANSWERS,
        "                if each.sequence < end\n", "                if each.sequence <= end\n",
        KEPT + "a_snapshot_has_the_answers_before_it"),
    Planted(
        "failure is no answer", "a failed call that is made again is answered", ANSWERS,
        "            entry.error = str(error)\n", "            pass\n",
        ENGINE + "a_call_is_answered_once"),
    Planted(
        "settled one too early", "an answer without its outputs", ANSWERS,
        "if each < end]:\n", "if each <= end]:\n",
        KEPT + "an_answer_is_whole_when_its_input_is_stepped_over"),
]  # fmt: skip
