"""Planted bugs around the ring's algorithm: what is changed, why that is wrong, what catches it.

Handles and views, waiting and ending, joining and leaving, and what is believed of a segment's
header. What becomes of the dead is in death_mutants.py.
"""

from __future__ import annotations

from mutants.planting import RING, Planted

BATCHES = "unit/test_ring_batches.py::test_"
CORNERS = "unit/test_ring_corners.py::test_"
CLAIMS = "unit/test_ring_claims.py::test_"
CONSUMERS = "unit/test_ring_consumers.py::test_"
CREATE = "unit/test_ring_create.py::test_"
END = "unit/test_ring_end.py::test_"
FORMATS = "unit/test_ring_formats.py::test_"
HEADER = "unit/test_ring_header.py::test_"
PROCESSES = "crash/test_ring_processes.py::test_"
WAIT = "unit/test_ring_wait.py::test_"

(CONSUMER, ENTRIES, FILES, HANDLE, MEMBERSHIP, PRODUCER, SEGMENT, VIEWS, WAITING) = (
    RING + name for name in (
        "consumer.pyx", "entries.pyx", "files.py", "handle.pxd", "membership.pyx", "producer.pyx",
        "segment.pyx", "views.pxd", "waiting.pyx"))  # fmt: skip

HANDLE_MUTANTS = [
    # -- handles and views -----------------------------------------------------------------------
    Planted(
        "kept view moved", "an array that the user kept shows other events", VIEWS,
        "        if view_is_ours(view):", "        if True:",
        BATCHES + "no_warning_without_reason " + BATCHES + "view_of_a_released_batch_warns"),
    Planted(
        "published slots writable", "what consumers read can be changed by the old view", VIEWS,
        "        view_freeze(self.current)\n", "        pass\n",
        CLAIMS + "claim_publishes_on_leaving"),
    Planted(
        "iteration does not release", "the last batch gates until the loop is over", CONSUMER,
        "            if not release_batch(&self.core, self.core.batch_end - self.core.next):\n",
        "            if False:\n",
        BATCHES + "iteration_releases_on_the_next_turn"),
    Planted(
        "handles survive a fork", "parent and child publish the same slots", HANDLE,
        "if self.born != self.generation[0] or self.waiting:",
        "if self.born == -1 or self.waiting:",
        PROCESSES + "handles_do_not_go_through_a_fork"),
    Planted(
        "two threads on one handle", "a thread moves what another one waits with", HANDLE,
        "if self.born != self.generation[0] or self.waiting:",
        "if self.born != self.generation[0]:",
        END + "a_handle_belongs_to_one_thread"),
    Planted(
        "pieces all alike", "each piece of a long array is its first", PRODUCER,
        "self.copy_in(data + done * self.core.at.item_bytes, piece)", "self.copy_in(data, piece)",
        FORMATS + "large_pieces_are_copied_right unit/test_ring_asyncio.py::test_back_pressure "
        + PROCESSES + "multiprocessing_sends_the_ring"),
    Planted(
        "times of the first slot", "only the first event of a claim is stamped", PRODUCER,
        "for index in range(self.core.claim_end - self.core.next):", "for index in range(1):",
        BATCHES + "ingest_times_run_with_the_events"),
    Planted(
        "second claim opened", "a claim that is open is forgotten, and its slots with it", PRODUCER,
        "        if self.core.claim_end != self.core.next:\n            raise ClaimError(",
        "        if False:\n            raise ClaimError(",
        CLAIMS + "second_claim_while_one_is_open"),
    Planted(
        "claims longer than the ring", "a producer waits for room that can never be", PRODUCER,
        "if count < 1 or count > self.core.at.capacity:", "if count < 1:",
        CLAIMS + "claims_of_impossible_length"),
    Planted(
        "claim kept by who leaves", "a hole that nobody will ever publish", PRODUCER,
        "        if self.core.claim_end != self.core.next:\n            abort_claim(&self.core)\n",
        "",
        CLAIMS + "closing_with_a_claim_open"),
    # -- waiting and ending ----------------------------------------------------------------------
    Planted(
        "end before drained", "a consumer stops while events are still to come", CONSUMER,
        "    if has_ended(&core.at.header.parking) and core.batch_end >= "
        "published_end(&core.at):\n",
        "    if has_ended(&core.at.header.parking):\n",
        CORNERS + "dependents_drain_after_the_end"),
    Planted(
        "ended by the cursor alone", "a consumer that is drained stops although nobody said so",
        CONSUMER,
        "    if has_ended(&core.at.header.parking) and core.batch_end >= "
        "published_end(&core.at):\n",
        "    if core.batch_end >= published_end(&core.at):\n",
        BATCHES + "no_event_no_wait " + END + "blocked_consumers_end"),
    Planted(
        "claims after the end", "events are published that no consumer waits for", PRODUCER,
        "        if load_relaxed_u32(&self.core.at.header.parking.flags) & HR_ENDED:\n"
        "            raise RingEnded(\"the ring was ended; nothing more",
        "        if False:\n"
        "            raise RingEnded(\"the ring was ended; nothing more",
        END + "nothing_can_be_published_after_the_end"),
    Planted(
        "late commit unsaid", "events may be lost, and nobody is told", PRODUCER,
        "        commit(&self.core)\n"
        "        if load_relaxed_u32(&self.core.at.header.parking.flags) & HR_ENDED:\n",
        "        commit(&self.core)\n        if False:\n",
        END + "commit_after_the_end_says_so"),
    Planted(
        "blocked producers stay", "who waits for room does not see the end", PRODUCER,
        "    if has_ended(&(<ProducerCore *>core).at.header.parking):\n        return ENDED\n", "",
        END + "blocked_producers_get_the_end"),
    Planted(
        "closing unseen", "a thread waits on a handle that another one has closed", WAITING,
        "    if load_acquire_i32(wait.closed):\n        return CLOSED\n", "",
        END + "closing_only_the_handle"),
    Planted(
        "no deadline", "a timeout is over, and the wait is not", WAITING,
        "    if now >= wait.deadline_ns:\n        return TIMED_OUT\n", "",
        END + "timeouts"),
    Planted(
        "signals not looked at", "Ctrl-C waits until an event comes", WAITING,
        "        PyErr_CheckSignals()\n", "",
        WAIT + "ctrl_c"),
    # -- joining and leaving ---------------------------------------------------------------------
    Planted(
        "joins at the start", "a new consumer sees slots of which it was promised none", ENTRIES,
        "        start = load_acquire_i64(&header.cursor.value)\n", "        start = 0\n",
        CONSUMERS + "one_who_joins_sees_what_comes_after"),
    Planted(
        "joins at the claim", "a new consumer misses what is published after it joined", ENTRIES,
        "        start = published_prefix(&segment.at, known if known > 0 else 0, claimed)\n"
        "    store",
        "        start = claimed\n    store",
        CORNERS + "one_who_joins_while_claims_are_open"),
    Planted(
        "joins without gating", "a producer laps the new consumer", ENTRIES,
        "    fetch_or_seq_cst_u64(&header.active_mask, <uint64_t>1 << index)\n", "",
        CLAIMS + "try_publish_says_how_many"),
    Planted(
        "leave strands dependents", "who came after the leaver waits for it for ever", ENTRIES,
        "        if has_place(header.consumers[other].state) and after & bit:\n"
        "            # Release",
        "        if False:\n            # Release",
        CONSUMERS + "leaving_lets_dependents_close_the_gap"),
    Planted(
        "leave frees dependents", "who came after the leaver overtakes those before it", ENTRIES,
        "(after & ~bit) | entry.after)", "after & ~bit)",
        CONSUMERS + "leaving_lets_dependents_close_the_gap"),
    Planted(
        "leaver gates on", "producers wait for one who has left", ENTRIES,
        "    fetch_and_seq_cst_u64(&header.active_mask, ~bit)\n    crash_point(LEAVE_UNGATED)\n",
        "",
        CONSUMERS + "leaving_frees_blocked_producers_and_dependents"),
    Planted(
        "resumed from the cursor", "what the former owner had not released is lost", MEMBERSHIP,
        "        if not load_acquire_u64(&header.active_mask) >> index & 1:\n",
        "        if True:\n",
        CONSUMERS + "resumed_from_what_was_released"),
    Planted(
        "living owner robbed", "two consume under one name", MEMBERSHIP,
        "    if pid and liveness.is_alive(pid, segment.at.header.consumers[index].owner_start):\n",
        "    if False:\n",
        CONSUMERS + "a_name_whose_owner_lives"),
    Planted(
        "circles allowed", "consumers wait for each other for ever", MEMBERSHIP,
        "    if mask >> <object>named[name] & 1:\n", "    if False:\n",
        CONSUMERS + "circles_are_refused"),
    # -- headers ---------------------------------------------------------------------------------
    Planted(
        "checksum not compared", "a header is believed that was scribbled over", SEGMENT,
        "    if _fixed_checksum(data[8:FIXED_BYTES], text) != fixed.fixed_checksum:\n",
        "    if False:\n",
        CORNERS + "scribbled_dtype_is_not_believed"),
    Planted(
        "offsets not compared", "a header may say where the slots lie", SEGMENT,
        "    if said != meant:\n", "    if False:\n",
        HEADER + "fixed_part"),
    Planted(
        "size not compared", "a cut segment is mapped: a bus error later", SEGMENT,
        "    if size != layout.segment_bytes:\n", "    if False:\n",
        HEADER + "cut_and_lengthened"),
    Planted(
        "version not compared", "another layout is read as this one", SEGMENT,
        "    if fixed.layout_version != HR_LAYOUT_VERSION:\n", "    if False:\n",
        HEADER + "fixed_part"),
    Planted(
        "sequences not looked at", "a consumer may stand where it can't", SEGMENT,
        "            if not before - self.at.capacity <= sequence <= end:\n",
        "            if False:\n",
        HEADER + "moving_part"),
    Planted(
        "capacity of any number", "index and mask do not belong together", SEGMENT,
        "if checked < 1 or checked > 1 << 40 or checked & (checked - 1):",
        "if checked < 1 or checked > 1 << 40:",
        CREATE + "capacity_that_cannot_be"),
    Planted(
        "huge capacity", "sizes overflow", SEGMENT,
        "if checked < 1 or checked > 1 << 40 or checked & (checked - 1):",
        "if checked < 1 or checked & (checked - 1):",
        CREATE + "capacity_that_cannot_be"),
    Planted(
        "name removed by a child", "a forked child that closes takes the ring's name away", FILES,
        "    if os.getpid() == pid:\n", "    if True:\n",
        PROCESSES + "handles_do_not_go_through_a_fork"),
]  # fmt: skip
