"""Planted bugs of the reference model: what is changed, why that is wrong, what catches it."""

from __future__ import annotations

from dataclasses import dataclass

from interleaving import configurations as c
from interleaving import death_configurations as d
from interleaving.configurations import Builder

from headrace.reference.views import Detail

VALUES, ORDER, WEAK = Detail.VALUES, Detail.ORDER, Detail.WEAK

CONFIGURATIONS: dict[str, Builder] = {
    "diamond": lambda m: c.diamond(m, 2, (1, 1, 1)),
    "diamond, batches": lambda m: c.diamond(m, 2, (2, 1), limit=1),
    "diamond, abort": lambda m: c.diamond(m, 2, (1, 1), aborts=(0,)),
    "multi": lambda m: c.multi(m, 2, ((1, 1), (1,)), 1),
    "multi, gate": lambda m: c.multi(m, 2, ((2, 1), (1,)), 1, slots_allocated=4, checks_gate=True),
    "multi, abort": lambda m: c.multi(m, 2, ((1, 1), (1,)), 1, aborts=((0,), ())),
    "multi, abort, chain": lambda m: c.multi(
        m, 2, ((1, 1), ()), 2, aborts=((0,), ()), after=(0, 1)),
    "multi, abort, alone": lambda m: c.multi(m, 1, ((1,), (1, 1)), 0, aborts=((0,), ())),
    "multi, abort, one slot": lambda m: c.multi(m, 1, ((1, 1), ()), 1, aborts=((0,), ())),
    "multi, end": lambda m: c.multi(m, 2, ((1,), (1,)), 1, ends=True),
    "multi, abort, parking": lambda m: c.multi(m, 2, ((1,), ()), 1, aborts=((0,), ()), parks=True),
    "join": lambda m: c.joining(m, 1, (1, 1, 1)),
    "join, two producers": lambda m: c.joining(
        m, 1, (1,), second=(1,), is_multi=True, readers=1),
    "leave": lambda m: c.leaving(m, 2, (1, 1, 1)),
    "leave, chain": lambda m: c.leaving(m, 2, (1, 1), is_chain=True),
    "leave, chain, reuse": lambda m: c.leaving(m, 2, (1, 1), is_chain=True, reuses=True),
    "parking": lambda m: c.parking(m, 1, (1, 1)),
    "parking, join": lambda m: c.parking(m, 2, (1, 1), 2, joins=True),
    "end while publishing": lambda m: c.ending(m, (1,)),
    "killed after its claim": lambda m: d.dying(m, 2, (1,), (1,), 10),
    "killed after its claim, full": lambda m: d.dying(m, 1, (1,), (1,), 10),
    "killed before its claim, two claims": lambda m: d.dying(m, 2, (1,), (1, 1), 9),
    "killed before its claim": lambda m: d.dying(m, 2, (1,), (1,), 9),
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """Replace `old` by `new` in a module of the model; `caught_by` finds out in that detail."""

    name: str
    why: str
    module: str
    old: str
    new: str
    caught_by: str
    detail: Detail


MUTANTS = [
    Mutant(
        "gating ignored", "a producer laps the consumers", "sequencer",
        "lowest = None if active else ungated\n        rest = active",
        "lowest = ungated\n        rest = 0",
        "diamond", VALUES),
    Mutant(
        "stale cached gate", "the cached limit is one from a gate nobody has reached", "sequencer",
        "core.limit = gate + core.at.capacity\n        if core.next",
        "core.limit = core.next + core.at.capacity\n        if core.next",
        "diamond", ORDER),
    Mutant(
        "limit off by one", "one slot more than the capacity is given out", "sequencer",
        "core.limit = min(gate, claimed) + core.at.capacity",
        "core.limit = min(gate, claimed) + core.at.capacity + 1",
        "multi, gate", VALUES),
    Mutant(
        "gate from a mask read once", "the fence is there, but not between mask and use",
        "sequencer",
        "if again == active:", "if again == again:",
        "join", WEAK),
    Mutant(
        "publish before write", "claiming already moves the cursor", "sequencer",
        "core.claim_end = core.next + count\n    return True",
        "core.claim_end = core.next + count\n"
        "    yield store_release('cursor', core.claim_end)\n    return True",
        "diamond", VALUES),
    Mutant(
        "wrap mask", "two sequences of one lap share a slot", "sequencer",
        "return self.slots_allocated - 1", "return self.slots_allocated",
        "multi", VALUES),
    Mutant(
        "availability without lap", "the flag of the lap before stands for this one", "sequencer",
        "return (sequence // at.slots_allocated + 1) * 2", "return 2",
        "multi", VALUES),
    Mutant(
        "availability off by one lap", "a slot of the lap before is taken for published",
        "barrier",
        "if flag != availability_flag(at, known):", "if flag < availability_flag(at, known) - 2:",
        "multi", VALUES),
    Mutant(
        "claim by plain store", "two producers take the same slots", "sequencer",
        'swapped = yield compare_exchange_acq_rel("claimed", claimed, claimed + count)',
        'yield store_release("claimed", claimed + count)\n    swapped = True',
        "multi", VALUES),
    Mutant(
        "single abort skips", "slots of an aborted claim are published with the next", "sequencer",
        "core.claim_end = core.next\n        return", "core.next = core.claim_end\n        return",
        "diamond, abort", VALUES),
    Mutant(
        "cursor stored relaxed", "readers see the cursor before the events", "sequencer",
        'yield store_release("cursor", core.claim_end)',
        'yield store_relaxed("cursor", core.claim_end)',
        "diamond", ORDER),
    Mutant(
        "cursor loaded relaxed", "readers see the cursor before the events", "barrier",
        'cursor: int = yield load_acquire("cursor")', 'cursor: int = yield load_relaxed("cursor")',
        "diamond", ORDER),
    Mutant(
        "availability stored relaxed", "readers see the flag before the event", "sequencer",
        "yield store_release(availability_word(core.at, sequence), flag)",
        "yield store_relaxed(availability_word(core.at, sequence), flag)",
        "multi", ORDER),
    Mutant(
        "availability loaded relaxed", "readers see the flag before the event", "barrier",
        "flag = yield load_acquire(availability_word(at, known))",
        "flag = yield load_relaxed(availability_word(at, known))",
        "multi", ORDER),
    Mutant(
        "consumer release relaxed", "a producer may write while the reads still go on", "barrier",
        'store_release(f"consumer[{core.index}].sequence", core.next)',
        'store_release(f"consumer[{core.index}].sequence", core.next)._replace(order="relaxed")',
        "diamond", ORDER),
    Mutant(
        "gate loaded relaxed", "a producer may write while the reads still go on", "sequencer",
        'sequence = yield load_acquire(f"consumer[{index}].sequence")\n'
        "            lowest = sequence if lowest is None or sequence < lowest else lowest\n"
        "            rest &= rest - 1\n"
        "        yield fence_seq_cst()",
        'sequence = yield load_relaxed(f"consumer[{index}].sequence")\n'
        "            lowest = sequence if lowest is None or sequence < lowest else lowest\n"
        "            rest &= rest - 1",
        "diamond", ORDER),
    Mutant(
        "dependency loaded relaxed", "the work of the consumer in front is not seen", "barrier",
        'sequence = yield load_acquire(f"consumer[{index}].sequence")',
        'sequence = yield load_relaxed(f"consumer[{index}].sequence")',
        "diamond", ORDER),
    Mutant(
        "dependencies ignored", "a consumer reads up to the cursor, past those it comes after",
        "barrier",
        "end = yield from dependencies_end(core, after)\n        if core.at.multi:",
        'end = yield load_acquire("cursor")\n        if core.at.multi:',
        "diamond", VALUES),
    Mutant(
        "fastest dependency", "a consumer follows the fastest of those it comes after", "barrier",
        "lowest = sequence if lowest < 0 or sequence < lowest else lowest",
        "lowest = max(sequence, lowest)",
        "diamond", VALUES),
    Mutant(
        "release before read", "a batch is released when it is handed out", "barrier",
        "core.batch_end += count\n",
        "core.batch_end += count\n"
        '    yield store_release(f"consumer[{core.index}].sequence", core.batch_end)\n',
        "diamond", VALUES),
    Mutant(
        "limit ignored", "a batch is longer than was asked for", "barrier",
        "count = min(core.available - core.batch_end, limit)",
        "count = core.available - core.batch_end",
        "diamond, batches", VALUES),
    Mutant(
        "tombstone delivered", "an aborted claim's slots are read as events", "barrier",
        "if flag != availability_flag(at, known):",
        "if flag not in (availability_flag(at, known), availability_flag(at, known) + 1):",
        "multi, abort", VALUES),
    Mutant(
        "dependents read tombstones", "only consumers at the front look for tombstones", "barrier",
        "            if tombstones:\n                end = yield from live_end",
        "            if False:\n                end = yield from live_end",
        "multi, abort, chain", VALUES),
    Mutant(
        "skipped but not released", "skipped tombstones go on gating the producers", "barrier",
        "core.batch_end = core.available = core.next\n        yield from publish_release(core)",
        "core.batch_end = core.available = core.next",
        "multi, abort, one slot", VALUES),
    Mutant(
        "tombstone holds the prefix", "an aborted slot counts as never published", "sequencer",
        "if availability_flag(at, known) > flag:", "if availability_flag(at, known) != flag:",
        "multi, abort, alone", VALUES),
    Mutant(
        "tombstone counted late", "a sleeper is woken before it can know of tombstones",
        "sequencer",
        '    yield fetch_add_seq_cst("tombstones", core.claim_end - core.next)\n'
        "    yield from mark_multi(core, 1)",
        "    count = core.claim_end - core.next\n"
        "    yield from mark_multi(core, 1)\n"
        '    yield fetch_add_seq_cst("tombstones", count)',
        "multi, abort, parking", VALUES),
    Mutant(
        "join without fence", "the joiner starts below a gate computed without it", "membership",
        "    yield fence_seq_cst()  # pairs with the fence in gating_sequence\n", "",
        "join", WEAK),
    Mutant(
        "gate without fence", "a gate is computed without a joiner that starts below it",
        "sequencer",
        "        yield fence_seq_cst()  # pairs with the fence in join_ring\n", "",
        "join", WEAK),
    Mutant(
        "gate without second look", "a joiner between the look at the mask and its use is missed",
        "sequencer",
        "if again == active:", "if again == again:",
        "join, two producers", ORDER),
    Mutant(
        "join looks first", "the joiner's start is read before it gates", "membership",
        '    yield fetch_or_seq_cst("active_mask", 1 << index)\n'
        "    yield fence_seq_cst()  # pairs with the fence in gating_sequence\n"
        '    if not at.multi:\n        start = yield load_acquire("cursor")\n',
        '    if not at.multi:\n        start = yield load_acquire("cursor")\n'
        '        yield fetch_or_seq_cst("active_mask", 1 << index)\n'
        "        yield fence_seq_cst()\n",
        "join", VALUES),
    Mutant(
        "leave strands dependents", "who came after the leaver waits for it for ever",
        "membership",
        "        if has_place(state) and after >> index & 1:\n"
        '            yield store_release(f"consumer[{other}].after", (after &',
        "        if False:\n"
        '            yield store_release(f"consumer[{other}].after", (after &',
        "leave", VALUES),
    Mutant(
        "leave frees dependents", "who came after the leaver overtakes those before it",
        "membership",
        "(after & ~(1 << index)) | own)", "after & ~(1 << index))",
        "leave, chain", VALUES),
    Mutant(
        "dependencies read once", "the leaver's entry has a new owner, far ahead", "barrier",
        "return lowest if again == after else -1", "return lowest",
        "leave, chain, reuse", VALUES),
    Mutant(
        "end without what is published", "the end is seen before the last events", "barrier",
        "return core.batch_end >= end", "return True",
        "multi, end", VALUES),
    Mutant(
        "end before publish seen", "where events end is read before the end was seen", "barrier",
        "    ended = yield from has_ended()\n    if not ended:\n        return False\n"
        "    end = yield from published_end(core.at)\n",
        "    end = yield from published_end(core.at)\n"
        "    ended = yield from has_ended()\n    if not ended:\n        return False\n",
        "multi, end", VALUES),
    Mutant(
        "last look without fence", "a commit that raced with the end is lost, unsaid", "barrier",
        "    yield fence_heavy()  # pairs with the light fence between commit and the look at the"
        " flags\n", "",
        "end while publishing", WEAK),
    Mutant(
        "living buried", "slots that a living producer is writing become tombstones", "membership",
        "if alive and begin < end:", "if False:",
        "killed before its claim", VALUES),
    Mutant(
        "dead protected", "what a dead producer intended keeps its slots from being buried",
        "membership",
        "if alive and begin < end:", "if begin < end:",
        "killed after its claim", VALUES),
    Mutant(
        "intent kept after a failed swap", "a living producer that waits protects the dead one's",
        "sequencer",
        '        yield store_relaxed(f"producer[{core.index}].intent_begin", claimed + count)'
        "  # none\n",
        "",
        "killed after its claim, full", VALUES),
    Mutant(
        "claimed read after the intents", "a claim made in between is in none of them",
        "membership",
        "    lost = []\n", '    claimed = yield load_acquire("claimed")\n    lost = []\n',
        "killed before its claim, two claims", VALUES),
    Mutant(
        "flag checked before store", "a consumer that parks in between sleeps on", "sequencer",
        '    yield store_release("cursor", core.claim_end)\n'
        "    core.next = core.claim_end\n"
        "    yield from wake_after_store(DATA_PARKED)\n",
        "    yield from wake_after_store(DATA_PARKED)\n"
        '    yield store_release("cursor", core.claim_end)\n'
        "    core.next = core.claim_end\n",
        "parking", VALUES),
    Mutant(
        "dependents checked before store", "a new dependent that parks in between sleeps on",
        "barrier",
        '    yield store_release(f"consumer[{core.index}].sequence", core.next)\n'
        "    bits = SPACE_PARKED\n"
        "    # Read after the store: a dependent that joins and parks in between must not be "
        'missed.\n    dependents = yield load_relaxed(f"consumer[{core.index}].dependents")\n',
        "    bits = SPACE_PARKED\n"
        '    dependents = yield load_relaxed(f"consumer[{core.index}].dependents")\n'
        '    yield store_release(f"consumer[{core.index}].sequence", core.next)\n',
        "parking, join", VALUES),
    Mutant(
        "sleeper without fence", "neither sees the other: sleeper and publisher", "parking",
        "    yield fence_heavy()  # pairs with the place of the missing fence in "
        "wake_after_store\n",
        "",
        "parking", WEAK),
    Mutant(
        "word not bumped", "a wake-up between the last look and the sleep is lost", "parking",
        "            yield fetch_add_seq_cst(word, 1)\n", "",
        "parking", VALUES),
    Mutant(
        "bit cleared after the wake", "the bit of a later sleeper is wiped out", "parking",
        '    yield fetch_and_seq_cst("flags", ~parked)\n'
        "    for bit, word in _WORDS.items():\n"
        "        if parked & bit:\n"
        "            yield fetch_add_seq_cst(word, 1)\n"
        "            yield futex_wake_all(word)\n",
        "    for bit, word in _WORDS.items():\n"
        "        if parked & bit:\n"
        "            yield fetch_add_seq_cst(word, 1)\n"
        "            yield futex_wake_all(word)\n"
        '    yield fetch_and_seq_cst("flags", ~parked)\n',
        "parking", VALUES),
]  # fmt: skip
