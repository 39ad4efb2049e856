"""Planted bugs of the reference model's dead, and of those that it declares dead."""

from __future__ import annotations

from interleaving import death_configurations as d
from interleaving.configurations import Builder

from headrace.reference.views import Detail
from mutants.model_mutants import Mutant

VALUES, ORDER, WEAK = Detail.VALUES, Detail.ORDER, Detail.WEAK

DEATH_CONFIGURATIONS: dict[str, Builder] = {
    "succeeded": lambda m: d.succeeding(m, 1, (1, 1), 11),
    "declared dead": lambda m: d.fencing(m, 1, (1, 1)),
    "declared dead, reading on": lambda m: d.fencing(m, 1, (1, 1, 1), reads=True),
    "declared dead, weak": lambda m: d.fencing(m, 1, (1,)),
    "declared dead, one behind": lambda m: d.fencing(m, 2, (1, 1), behind=True),
    "declarer killed": lambda m: d.fencing(m, 1, (1, 1), killed_after=16),
    "leaver killed": lambda m: d.leaving_killed(m, (1, 1, 1), 11),
    "two buriers": lambda m: d.burying_late(m),
    "joiner killed": lambda m: d.joining_killed(m, (1, 1), 8),
    "judged": lambda m: d.judging(m, 2, (1, 1), ()),
    "judged, weak": lambda m: d.judging(m, 2, (1,), ()),
}

DEATH_MUTANTS = [
    Mutant(
        "resumed behind what was polled", "what the dead one had not released is lost",
        "membership",
        '    start = yield load_acquire(f"consumer[{core.index}].sequence")\n    core.next',
        '    start = yield load_acquire("cursor")\n    core.next',
        "succeeded", VALUES),
    Mutant(
        "heir placed too early", "what was released meanwhile is seen again", "membership",
        '    sequence = yield load_acquire(f"consumer[{index}].sequence")\n'
        '    yield store_release(f"consumer[{heir}].sequence", sequence)\n    for other',
        "    for other",
        "declared dead", VALUES),
    Mutant(
        "heir gates too late", "producers write over what it is to see", "membership",
        '    yield fetch_or_seq_cst("active_mask", 1 << heir)\n', "",
        "declared dead, reading on", VALUES),
    Mutant(
        "fenced one gates on", "producers wait for it for ever", "membership",
        '    yield fetch_and_seq_cst("active_mask", ~(1 << index))\n'
        '    yield store_release(f"consumer[{index}].state", RETIRED)\n',
        '    yield store_release(f"consumer[{index}].state", RETIRED)\n',
        "declared dead", VALUES),
    Mutant(
        "those behind not moved", "they wait for one who releases nothing any more", "membership",
        '            yield store_release(f"consumer[{other}].after", moved)\n',
        "            pass\n",
        "declared dead, one behind", VALUES),
    Mutant(
        "epoch moved last", "a release counts that the heir knows nothing of", "membership",
        '    yield store_release(f"consumer[{index}].epoch", epoch + 1)\n    state', "    state",
        "declared dead", VALUES),
    Mutant(
        "looked before the release", "the same, by the other side", "barrier",
        "    yield from publish_release(core)\n    fenced = yield from is_fenced_consumer(core)\n",
        "    fenced = yield from is_fenced_consumer(core)\n    yield from publish_release(core)\n",
        "declared dead", VALUES),
    Mutant(
        "declared dead without fence", "neither sees the other: releaser and declarer",
        "membership",
        "    # in gating_sequence.\n    yield fence_heavy()\n", "    # in gating_sequence.\n",
        "declared dead, weak", WEAK),
    Mutant(
        "half a hand-over stays", "the place is nobody's", "membership",
        "        elif state == FENCED:\n", "        elif False:\n",
        "declarer killed", VALUES),
    Mutant(
        "half a join gates on", "from where a former owner stood", "membership",
        "        if state in (JOINING, LEAVING):\n", "        if state == FREE:\n",
        "joiner killed", VALUES),
    Mutant(
        "half a leave gates on", "nobody takes the leaver's place, or goes past it", "membership",
        "        if state in (JOINING, LEAVING):\n", "        if state == JOINING:\n",
        "leaver killed", VALUES),
    Mutant(
        "buried laps later", "a burier that was paused unpublishes an event", "membership",
        "        yield compare_exchange_acq_rel(word, before, flag + 1)\n",
        "        yield store_release(word, flag + 1)\n",
        "two buriers", VALUES),
    Mutant(
        "looked before the intent", "a producer claims that was let go", "sequencer",
        '    yield store_relaxed(f"producer[{core.index}].intent_begin", claimed)\n'
        '    yield store_release(f"producer[{core.index}].intent_end", claimed + count)\n',
        "    fenced = yield from is_fenced_producer(core)\n"
        "    if fenced:\n        return 0\n"
        '    yield store_relaxed(f"producer[{core.index}].intent_begin", claimed)\n'
        '    yield store_release(f"producer[{core.index}].intent_end", claimed + count)\n'
        "    core.epoch = yield load_relaxed(f\"producer[{core.index}].epoch\")\n",
        "judged", VALUES),
    Mutant(
        "intent looked at first", "the same, by the other side", "membership",
        '    yield store_release(f"producer[{index}].epoch", epoch + 1)\n'
        "    # Pairs with the place of the missing fence in try_claim_multi: either the intent is "
        "seen here,\n    # or the producer sees that it must not claim.\n"
        "    yield fence_heavy()\n"
        '    begin = yield load_acquire(f"producer[{index}].intent_begin")\n'
        '    end = yield load_acquire(f"producer[{index}].intent_end")\n',
        '    begin = yield load_acquire(f"producer[{index}].intent_begin")\n'
        '    end = yield load_acquire(f"producer[{index}].intent_end")\n'
        '    yield store_release(f"producer[{index}].epoch", epoch + 1)\n',
        "judged", VALUES),
    Mutant(
        "judged without fence", "neither sees the other: claimer and judge", "membership",
        "    # or the producer sees that it must not claim.\n    yield fence_heavy()\n",
        "    # or the producer sees that it must not claim.\n",
        "judged, weak", WEAK),
]  # fmt: skip
