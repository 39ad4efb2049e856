"""Planted bugs of the ring's algorithm: what is changed, why that is wrong, what catches it.

Claiming, publishing, polling, releasing, sleeping and waking. Bugs in the order of memory are in
order_mutants.py, those around the algorithm in handle_mutants.py.
"""

from __future__ import annotations

from mutants.planting import RING, Planted

CLAIMS = "unit/test_ring_claims.py::test_"
BATCHES = "unit/test_ring_batches.py::test_"
CONSUMERS = "unit/test_ring_consumers.py::test_"
END = "unit/test_ring_end.py::test_"
CORNERS = "unit/test_ring_corners.py::test_"
STRESS = "torture/test_stress.py::test_"

SEQUENCER, BARRIER, PARKING = (RING + name for name in (
    "sequencer.pxd", "barrier.pxd", "parking.pxd"))  # fmt: skip

RING_MUTANTS = [
    # -- claiming --------------------------------------------------------------------------------
    Planted(
        "gating ignored", "a producer laps the consumers", SEQUENCER,
        "        lowest = INT64_MAX if active else ungated\n        rest = active\n",
        "        lowest = ungated\n        rest = 0\n",
        CLAIMS + "try_publish_says_how_many"),
    Planted(
        "fastest gates", "the quickest consumer decides how far a producer may go", SEQUENCER,
        "lowest = sequence if sequence < lowest else lowest",
        "lowest = sequence if lowest == INT64_MAX or sequence > lowest else lowest",
        CONSUMERS + "diamond"),
    Planted(
        "stale cached gate", "the cached limit is that of a gate which nobody has reached",
        SEQUENCER,
        "        core.limit = gate + core.at.capacity\n        if core.next",
        "        core.limit = core.next + core.at.capacity\n        if core.next",
        CLAIMS + "wait_timeout_names_the_slowest"),
    Planted(
        "limit off by one", "one slot more than the capacity is given out", SEQUENCER,
        "        core.limit = gate + core.at.capacity\n        if core.next",
        "        core.limit = gate + core.at.capacity + 1\n        if core.next",
        CLAIMS + "try_publish_says_how_many"),
    Planted(
        "limit off by one, several producers", "one slot more than the capacity is given out",
        SEQUENCER,
        "    core.limit = gate + core.at.capacity\n    return claimed",
        "    core.limit = gate + core.at.capacity + 1\n    return claimed",
        CLAIMS + "try_publish_says_how_many"),
    Planted(
        "unpublished slots claimed again", "without consumers a claim passes those still open",
        SEQUENCER,
        "    gate = gating_sequence(&core.at, core.published_known)\n",
        "    gate = gating_sequence(&core.at, claimed)\n",
        CLAIMS + "wait_timeout_for_other_producers_claims"),
    Planted(
        "claim by plain store", "two producers take the same slots", SEQUENCER,
        "    if not compare_exchange_acq_rel_i64(\n"
        "            &core.at.header.claimed.value, claimed, claimed + count):\n",
        "    store_release_i64(&core.at.header.claimed.value, claimed + count)\n"
        "    if False:\n",
        STRESS + "threads"),
    Planted(
        "wrap mask", "two sequences of one lap share a slot", SEQUENCER,
        "return at.slots + (sequence & at.index_mask) * at.item_bytes",
        "return at.slots + (sequence & (at.index_mask >> 1)) * at.item_bytes",
        CORNERS + "slots_of_a_full_ring_are_all_different"),
    # -- publishing ------------------------------------------------------------------------------
    Planted(
        "publish before write", "claiming already moves the cursor", SEQUENCER,
        "    core.claim_end = core.next + count\n    crash_point(SINGLE_CLAIMED)\n",
        "    core.claim_end = core.next + count\n"
        "    store_release_i64(&core.at.header.cursor.value, core.claim_end)\n",
        CLAIMS + "claim_publishes_on_leaving"),
    Planted(
        "publish before write, several producers", "claiming already marks the slots", SEQUENCER,
        "    core.claim_end = claimed + count\n    crash_point(MULTI_CLAIMED)\n",
        "    core.claim_end = claimed + count\n"
        "    for claimed in range(core.next, core.claim_end):\n"
        "        store_release_i32(\n"
        "            &core.at.availability[claimed & core.at.index_mask],\n"
        "            availability_flag(&core.at, claimed))\n",
        CLAIMS + "claim_publishes_on_leaving"),
    Planted(
        "last slot not marked", "a claim is published but for its end", SEQUENCER,
        "for sequence in range(core.next, core.claim_end):",
        "for sequence in range(core.next, core.claim_end - 1):",
        CLAIMS + "claim_publishes_on_leaving"),
    Planted(
        "single abort skips", "slots of an aborted claim are published with the next", SEQUENCER,
        "        core.claim_end = core.next\n        return\n",
        "        core.next = core.claim_end\n        return\n",
        CLAIMS + "exception_in_a_claim_block_publishes_nothing"),
    Planted(
        "availability without lap", "the flag of the lap before stands for this one", SEQUENCER,
        "return <int32_t>(((<uint64_t>sequence >> at.lap_shift) + 1) * 2)", "return 2",
        BATCHES + "wrap_is_contiguous_from_every_offset"),
    Planted(
        "availability off by one lap", "a slot of the lap before is taken for published", BARRIER,
        "        if load_acquire_i32(&at.availability[known & at.index_mask]) != "
        "availability_flag(\n                at, known):\n",
        "        if load_acquire_i32(&at.availability[known & at.index_mask]) < "
        "availability_flag(\n                at, known) - 2:\n",
        BATCHES + "wrap_is_contiguous_from_every_offset"),
    Planted(
        "tombstone holds the prefix", "an aborted slot counts as never published", SEQUENCER,
        "        if behind > 0:", "        if behind != 0:",
        CLAIMS + "exception_in_a_claim_block_publishes_nothing"),
    # -- polling ---------------------------------------------------------------------------------
    Planted(
        "dependencies ignored", "a consumer reads up to the cursor, past those it comes after",
        BARRIER,
        "    if after != 0:\n        end = dependencies_end(core, after)\n        if core.at",
        "    if after != 0:\n        end = load_acquire_i64(&core.at.header.cursor.value)\n"
        "        if core.at",
        CONSUMERS + "diamond"),
    Planted(
        "fastest dependency", "a consumer follows the fastest of those it comes after", BARRIER,
        "lowest = sequence if sequence < lowest else lowest",
        "lowest = sequence if lowest == INT64_MAX or sequence > lowest else lowest",
        CONSUMERS + "diamond"),
    Planted(
        "release before read", "a batch is released when it is handed out", BARRIER,
        "    core.batch_end += end\n    core.polled = end\n",
        "    core.batch_end += end\n    core.polled = end\n"
        "    store_release_i64(&core.entry.sequence.value, core.batch_end)\n",
        BATCHES + "limit_bounds_a_batch_and_batches_add_up"),
    Planted(
        "limit ignored", "a batch is longer than was asked for", BARRIER,
        "    if end > limit:\n        end = limit\n", "",
        BATCHES + "limit_bounds_a_batch_and_batches_add_up"),
    Planted(
        "damage not noticed", "a sequence from nowhere gives a batch longer than the ring", BARRIER,
        "        if end - core.next > core.at.capacity:\n", "        if False:\n",
        "unit/test_ring_header.py::test_sequences_that_cannot_be_are_noticed_later"),
    Planted(
        "known ahead and forgotten", "of what was seen at once only the first batch is handed out",
        BARRIER,
        "    core.batch_end += end\n    core.polled = end\n",
        "    core.batch_end += end\n    core.polled = end\n    core.available = core.batch_end\n"
        "    core.next = core.batch_end\n",
        BATCHES + "partial_release"),
    # -- tombstones ------------------------------------------------------------------------------
    Planted(
        "tombstone delivered", "an aborted claim's slots are read as events", BARRIER,
        "        if load_acquire_i32(&at.availability[known & at.index_mask]) != "
        "availability_flag(\n                at, known):\n",
        "        if load_acquire_i32(&at.availability[known & at.index_mask]) < "
        "availability_flag(\n                at, known):\n",
        CLAIMS + "exception_in_a_claim_block_publishes_nothing"),
    Planted(
        "dependents read tombstones", "only consumers at the front look for tombstones", BARRIER,
        "        if core.at.availability != NULL and "
        "load_acquire_u64(&core.at.header.tombstones) != 0:\n            if end",
        "        if False:\n            if end",
        CORNERS + "dependents_pass_over_tombstones"),
    Planted(
        "skipped but not released", "skipped tombstones go on gating the producers", BARRIER,
        "        publish_release(core)\n\n\ncdef inline int64_t nothing",
        "        pass\n\n\ncdef inline int64_t nothing",
        CLAIMS + "only_tombstones_for_many_laps"),
    Planted(
        "skipped past those in front", "tombstones that one in front has not passed are skipped",
        BARRIER,
        "    if after != 0:\n        end = dependencies_end(core, after)\n    while",
        "    while",
        CORNERS + "dependents_pass_over_tombstones"),
    Planted(
        "tombstones not counted", "consumers never learn that there are some", SEQUENCER,
        "    fetch_add_seq_cst_u64(&core.at.header.tombstones, "
        "<uint64_t>(core.claim_end - core.next))\n", "",
        CLAIMS + "tombstones_are_skipped_wherever_they_lie"),
    Planted(
        "release counts tombstones", "events are released that were never let go of", BARRIER,
        "        if not is_tombstone(&core.at, slot):\n            count -= 1\n",
        "        count -= 1\n",
        CLAIMS + "tombstones_are_skipped_wherever_they_lie"),
    Planted(
        "tombstones behind kept", "a tombstone behind the last event released gates for ever",
        BARRIER,
        "        slot += 1  # nobody else would let go of them\n", "        break\n",
        CLAIMS + "tombstone_released_by_count_does_not_block_the_producer"),
    # -- sleeping and waking ---------------------------------------------------------------------
    Planted(
        "nobody woken", "sleepers wait for their nap to be over", PARKING,
        "    if parked == 0:\n        return\n", "    return\n",
        END + "every_event_wakes"),
    Planted(
        "flag checked before store", "a sleeper is woken before it can find the event", SEQUENCER,
        "    store_release_i64(&core.at.header.cursor.value, core.claim_end)\n"
        "    core.next = core.claim_end\n"
        "    crash_point(SINGLE_PUBLISHED)\n"
        "    wake_after_store(&core.at.header.parking, HR_DATA_PARKED)\n",
        "    wake_after_store(&core.at.header.parking, HR_DATA_PARKED)\n"
        "    store_release_i64(&core.at.header.cursor.value, core.claim_end)\n"
        "    core.next = core.claim_end\n",
        STRESS + "woken_only_after_the_store"),
    Planted(
        "flags checked before marking", "a sleeper is woken before it can find the event",
        SEQUENCER,
        "    cdef int64_t mask = core.at.index_mask\n    for sequence",
        "    cdef int64_t mask = core.at.index_mask\n"
        "    wake_after_store(&core.at.header.parking, HR_DATA_PARKED)\n    for sequence",
        STRESS + "woken_only_after_the_store"),
    Planted(
        "released after the look", "a sleeper for room is woken before there is room", BARRIER,
        "    store_release_i64(&core.entry.sequence.value, core.next)\n"
        "    crash_point(RELEASED)\n"
        "    fence_light()  # pairs with prepare_to_park's heavy fence\n"
        "    if load_relaxed_u32(&core.at.header.parking.flags) & (\n"
        "            HR_SPACE_PARKED | HR_DATA_PARKED | HR_FENCE_REQUIRED):\n"
        "        wake_released(core)\n",
        "    fence_light()\n"
        "    if load_relaxed_u32(&core.at.header.parking.flags) & (\n"
        "            HR_SPACE_PARKED | HR_DATA_PARKED | HR_FENCE_REQUIRED):\n"
        "        wake_released(core)\n"
        "    store_release_i64(&core.entry.sequence.value, core.next)\n",
        STRESS + "woken_only_after_the_store"),
    Planted(
        "dependents not woken", "who comes after a consumer sleeps on when that one releases",
        BARRIER,
        "        bits |= HR_DATA_PARKED\n", "        pass\n",
        CORNERS + "every_release_wakes_those_behind"),
    Planted(
        "bit left set", "every publication from now on pays for a wake-up", PARKING,
        "    fetch_and_seq_cst_u32(&parking.flags, ~parked)\n", "",
        CORNERS + "one_wake_up_for_one_sleeper"),
    Planted(
        "word not bumped", "who is about to sleep does not notice the wake-up", PARKING,
        "        fetch_add_seq_cst_u32(&parking.data_word, 1)\n", "",
        "unit/test_ring_asyncio.py::test_a_sleeping_task_is_woken_at_once"),
    Planted(
        "sleeper not announced", "publishers see nobody to wake", PARKING,
        "    fetch_or_seq_cst_u32(&parking.flags, bit)\n    crash_point", "    crash_point",
        END + "every_event_wakes"),
]  # fmt: skip
