"""Planted bugs of memory order in the ring, which ThreadSanitizer has to report.

An x86 processor hides them: its loads acquire and its stores release whatever the source says. So
the loops of tests/torture are compiled against the changed .pxd files, and run under the sanitizer,
which goes by the source. It knows nothing of fences; a missing one, and which order among several
accesses is needed, is shown by the reference model alone (model_mutants.py, details ORDER and
WEAK).
"""

from __future__ import annotations

from mutants.planting import RING, Planted

SEQUENCER, BARRIER = RING + "sequencer.pxd", RING + "barrier.pxd"

# Here `caught_by` is a part of stress.py.
ORDER_MUTANTS = [
    Planted(
        "cursor stored relaxed", "readers see the cursor before the events", SEQUENCER,
        "    store_release_i64(&core.at.header.cursor.value, core.claim_end)\n",
        "    store_relaxed_i64(&core.at.header.cursor.value, core.claim_end)\n",
        "native"),
    Planted(
        "cursor loaded relaxed", "readers see the cursor before the events", BARRIER,
        "        end = load_acquire_i64(&core.at.header.cursor.value)\n",
        "        end = load_relaxed_i64(&core.at.header.cursor.value)\n",
        "native", "load_relaxed_i64"),
    Planted(
        "availability stored relaxed", "readers see the flag before the event", SEQUENCER,
        "        store_release_i32(\n            &availability[sequence & mask], "
        "availability_flag(&core.at, sequence) + tombstone)\n",
        "        store_relaxed_i32(\n            &availability[sequence & mask], "
        "availability_flag(&core.at, sequence) + tombstone)\n",
        "native", "store_relaxed_i32"),
    Planted(
        "availability loaded relaxed", "readers see the flag before the event", BARRIER,
        "        if load_acquire_i32(&at.availability[known & at.index_mask]) != availability_flag("
        "\n                at, known):\n",
        "        if load_relaxed_i32(&at.availability[known & at.index_mask]) != availability_flag("
        "\n                at, known):\n",
        "native", "load_relaxed_i32"),
    Planted(
        "consumer release relaxed", "a producer may write while the reads still go on", BARRIER,
        "    store_release_i64(&core.entry.sequence.value, core.next)\n",
        "    store_relaxed_i64(&core.entry.sequence.value, core.next)\n",
        "native", "store_relaxed_i64"),
    Planted(
        "gate loaded relaxed", "a producer may write while the reads still go on", SEQUENCER,
        "            sequence = load_acquire_i64(&at.header.consumers[lowest_bit(rest)].sequence"
        ".value)\n            lowest = sequence if sequence < lowest else lowest\n"
        "            rest &= rest - 1\n        fence_seq_cst()",
        "            sequence = load_relaxed_i64(&at.header.consumers[lowest_bit(rest)].sequence"
        ".value)\n            lowest = sequence if sequence < lowest else lowest\n"
        "            rest &= rest - 1\n        pass",
        "native"),
    Planted(
        "dependency loaded relaxed", "the reads of the consumer in front are not over", BARRIER,
        "        sequence = load_acquire_i64(&core.at.header.consumers[lowest_bit(rest)].sequence"
        ".value)\n",
        "        sequence = load_relaxed_i64(&core.at.header.consumers[lowest_bit(rest)].sequence"
        ".value)\n",
        "native", "load_relaxed_i64"),
]  # fmt: skip
