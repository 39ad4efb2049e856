"""Planted bugs of what becomes of the dead, and of those who were only declared dead.

Burying, taking over, fencing, ending a process, and repairing what somebody was killed over.
"""

from __future__ import annotations

from mutants.planting import RING, Planted

CORNERS = "unit/test_ring_corners.py::test_"
DEATHS = "crash/test_ring_deaths.py::test_"
FENCING = "unit/test_ring_fencing.py::test_"
HEADER = "unit/test_ring_header.py::test_"
PAUSED = "crash/test_ring_paused.py::test_"

WAITING = "unit/test_ring_wait.py::test_"

BARRIER, BURIAL, ENTRIES, LIVENESS, SEQUENCER, WAITS = (RING + name for name in (
    "barrier.pxd", "burial.pyx", "entries.pyx", "liveness.py", "sequencer.pxd",
    "waiting.pyx"))  # fmt: skip

DEATH_MUTANTS = [
    # -- the dead --------------------------------------------------------------------------------
    Planted(
        "another life", "a process that was given the dead one's number is taken for it", LIVENESS,
        "if now == 0 or start == 0 or now == start else GONE", "if True else GONE",
        HEADER + "consumer_of_another_life"),
    Planted(
        "corpse by its first thread", "a process whose other threads go on counts as dead",
        LIVENESS,
        "    if fields[0] in _ZOMBIE_STATES and int(fields[17]) <= 1:\n",
        "    if fields[0] in _ZOMBIE_STATES:\n",
        PAUSED + "a_process_whose_first_thread_has_ended_is_alive"),
    Planted(
        "dead not buried", "everybody waits for what a dead producer had claimed", BURIAL,
        "    if first == claimed:\n", "    if claimed >= 0:\n",
        DEATHS + "multi_producer_killed_between_claim_and_commit"),
    Planted(
        "dead protected", "what a dead producer intended keeps its slots from being buried",
        BURIAL,
        "        if alive[owner]:\n", "        if True:\n",
        CORNERS + "dead_whose_entry_nobody_takes"),
    Planted(
        "living buried", "slots that a living producer is writing become tombstones", BURIAL,
        "        if alive[owner]:\n", "        if False:\n",
        CORNERS + "claims_of_the_living_are_not_buried"),
    Planted(
        "buried as published", "a dead producer's slots are read as events", BURIAL,
        "compare_exchange_acq_rel_i32(word, before, flag + 1)",
        "compare_exchange_acq_rel_i32(word, before, flag)",
        DEATHS + "multi_producer_killed_between_claim_and_commit"),
    # -- declared dead ---------------------------------------------------------------------------
    Planted(
        "stopped taken for running", "nobody is told that what gates is a paused process",
        LIVENESS,
        "(STOPPED if fields[0] in _STOPPED_STATES else ALIVE)", "ALIVE",
        PAUSED + "paused_consumer"),
    Planted(
        "epoch stays", "a consumer that was declared dead goes on beside its successor", ENTRIES,
        "    store_release_u32(&header.consumers[index].epoch, "
        "header.consumers[index].epoch + 1)\n    crash_point(FENCE",
        "    crash_point(FENCE",
        FENCING + "declared_dead_it_raises_and_moves_nothing"),
    Planted(
        "release of the fenced counts", "it is told that it let go of what is done again", BARRIER,
        "    if is_fenced_consumer(core):\n        core.next -= count\n        return False\n", "",
        FENCING + "declared_dead_it_raises_and_moves_nothing"),
    Planted(
        "poll of the fenced", "it is handed events that producers are writing", BARRIER,
        "    if is_fenced_consumer(core):\n        return FAULT_FENCED\n    end =", "    end =",
        FENCING + "declared_dead_it_raises_and_moves_nothing"),
    Planted(
        "who waits is not told", "one that waits in vain never finds out", BARRIER,
        "    return FAULT_FENCED if is_fenced_consumer(core) else 0\n", "    return 0\n",
        FENCING + "who_waits_is_told"),
    Planted(
        "retired entry used again", "the paused owner's late store moves somebody else", ENTRIES,
        "entry.owner_pid == 0 or looks_at_owner and not _owner_lives(segment, index))", "True)",
        FENCING + "an_entry_that_may_still_be_written_to_is_not_used_again"),
    Planted(
        "heir that stood further", "who reads the entry by an old mask is too far", ENTRIES,
        "            if sequence <= sequence_max and sequence > best and _is_free(\n",
        "            if sequence > best and _is_free(\n",
        FENCING + "a_sequence_of_an_entry_never_goes_back"),
    Planted(
        "fenced one gates on", "producers wait for one who was declared dead", ENTRIES,
        "    fetch_and_seq_cst_u64(&header.active_mask, ~bit)\n    crash_point(HEIR_ALONE)\n", "",
        FENCING + "declared_dead_it_raises_and_moves_nothing "
        + FENCING + "it_gates_until_declared_dead_and_its_place_after_that"),
    Planted(
        "heir does not gate", "producers write over what the successor is to see", ENTRIES,
        "    fetch_or_seq_cst_u64(&header.active_mask, heirs_bit)\n", "",
        FENCING + "it_gates_until_declared_dead_and_its_place_after_that"),
    Planted(
        "those behind stay behind the fenced", "they wait for one who releases nothing any more",
        ENTRIES,
        "            store_release_u64(&header.consumers[other].after, (after & ~bit) | "
        "heirs_bit)\n",
        "",
        FENCING + "those_behind_come_after_the_successor"),
    Planted(
        "heir behind nobody", "the successor overtakes those in front of it", ENTRIES,
        "header.consumers[index].name, header.consumers[index].after)",
        "header.consumers[index].name, 0)",
        FENCING + "those_behind_come_after_the_successor"),
    Planted(
        "fenced producer claims", "it publishes after it was declared dead", SEQUENCER,
        "    if is_fenced_producer(core):\n"
        "        store_relaxed_i64(&core.entry.intent_begin, claimed + count)\n"
        "        return 0\n",
        "",
        PAUSED + "paused_producer_without_a_claim"),
    Planted(
        "open claim overlooked", "a paused producer is left alive to write into its slots", BURIAL,
        "    if found and (claims or not is_sure):\n", "    if found and not is_sure:\n",
        PAUSED + "paused_producer_with_a_claim_is_ended"),
    Planted(
        "single producer only fenced", "it publishes beside its successor", BURIAL,
        "    is_sure = fence_heavy() and segment.at.availability != NULL\n",
        "    is_sure = fence_heavy()\n",
        PAUSED + "paused_single_producer_is_ended"),
    Planted(
        "another process killed", "whoever was given the dead one's number", LIVENESS,
        "        if not is_alive(pid, start):\n            return\n        try:\n",
        "        try:\n",
        PAUSED + "another_process_of_that_number_is_not_hit"),
    # -- killed halfway --------------------------------------------------------------------------
    Planted(
        "half a join gates on", "from where a former owner of the entry stood", ENTRIES,
        "        if header.consumers[index].state in (HR_JOINING, HR_LEAVING):\n",
        "        if header.consumers[index].state == HR_LEAVING:\n",
        FENCING + "a_join_that_was_cut_short_has_never_been"),
    Planted(
        "half a hand-over stays", "the place is nobody's", ENTRIES,
        "        elif header.consumers[index].state == HR_FENCED:\n", "        elif False:\n",
        FENCING + "a_hand_over_that_was_cut_short_is_finished"),
    Planted(
        "another heir", "two entries follow the one that was fenced", ENTRIES,
        "    cdef int heir = _heir_of(segment, index)\n", "    cdef int heir = -1\n",
        FENCING + "a_hand_over_that_was_cut_short_is_finished"),
    Planted(
        "nobody looks", "who waits for room does not repair what holds it up", BURIAL,
        "    if needs_repair(segment):\n", "    if False:\n",
        FENCING + "a_join_that_was_cut_short_has_never_been"),
    Planted(
        "who waits does not look", "a dead producer's claim is waited for, for ever", WAITS,
        "        PyErr_CheckSignals()\n        if burier is not None:\n            burier()\n",
        "        PyErr_CheckSignals()\n",
        WAITING + "who_waits_for_ever_looks_for_the_dead"),
    Planted(
        "long naps", "a dead producer is noticed after 100 ms and more", WAITS,
        "    wait.nap_ns_max = NAP_NS_MAX if burier is None else BURIAL_NAP_NS_MAX\n",
        "    wait.nap_ns_max = NAP_NS_MAX\n",
        WAITING + "who_waits_looks_for_the_dead_each_20_ms"),
]  # fmt: skip
