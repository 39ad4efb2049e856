"""Planted bugs of replays and histories: the past told other than it was."""

from __future__ import annotations

from mutants.planting import PYTHON, Planted

SAFETY = "unit/test_engine_safety.py::test_"
ENGINE = "unit/test_engine_journal.py::test_"
PAST = "unit/test_history.py::test_"
REPLAY_TESTS = "unit/test_replay.py::test_"
CHANGES_TESTS = "unit/test_changes.py::test_"
PASSED = "unit/test_passed_over.py::test_"
POISON = "crash/test_topology_poison.py::test_"
RUNTIME = PYTHON + "runtime/"

FOLD, NET_FOLD, REPLAY, HISTORY, BRANCH, CHANGES, PARTING, SOURCE, STRETCH = (
    f"{PYTHON}replay/{name}.py"
    for name in (
        "fold", "net_fold", "replay", "history", "branch", "changes", "parting", "source", "stretch"
    )
)  # fmt: skip

REPLAY_MUTANTS = [
    # -- replays ---------------------------------------------------------------------------------
    Planted(
        "states not compared", "a replay that goes another way is verified", REPLAY,
        "        if (fold.made[-1], fold.digest) != (digest.outputs, digest.state):\n",
        "        if fold.made[-1] != digest.outputs:\n",
        REPLAY_TESTS + "a_changed_state_is_found"),
    Planted(
        "outputs not compared", "a replay that goes another way is verified", REPLAY,
        "fold.rolling.intdigest() == digest.rolling", "True",
        PAST + "an_output_that_changed_is_found"),
    Planted(
        "digest of outputs never begun anew", "replays are held to other outputs", REPLAY,
        "            fold.begin_rolling()\n", "",
        REPLAY_TESTS + "the_same_again"),
    Planted(
        "begins at the newest snapshot", "more of the past is left out than is gone", REPLAY,
        "        for sequence in self.source.snapshot_sequences():\n",
        "        for sequence in reversed(self.source.snapshot_sequences()):\n",
        SAFETY + "inputs_behind_the_oldest_snapshot_are_kept"),
    Planted(
        "damage is the end", "a replay of a part passes for one of all", SOURCE,
        "        for _ in self.reader.frames(self.index.end_place):\n            pass\n", "",
        REPLAY_TESTS + "a_damaged_end_is_no_end"),
    Planted(
        "failed steps halt a replay", "what the engine has passed over cannot be replayed", SOURCE,
        "        return True\n", "        return False\n",
        SAFETY + "a_failed_call_right_behind_a_snapshot_is_passed_over"),
    Planted(
        "outputs counted anew", "behind a snapshot they have other numbers", FOLD,
        "            self.made[index] = stage.made\n", "",
        ENGINE + "a_journal_of_outputs"),
    # -- histories -------------------------------------------------------------------------------
    Planted(
        "back by one too many", "the place asked for is passed over", HISTORY,
        "        return self.at(self.sequence - count)\n",
        "        return self.at(self.sequence - count - 1)\n",
        REPLAY_TESTS + "step_and_back"),
    Planted(
        "never goes back", "an earlier place has the state of a later one", HISTORY,
        "        if not nearest <= fold.sequence <= before:\n",
        "        if nearest > fold.sequence:\n",
        REPLAY_TESTS + "step_and_back"),
    Planted(
        "halving off by one", "the place before the first is found", HISTORY,
        "                end = middle\n", "                end = middle - 1\n",
        PAST + "first_finds_each_place"),
    Planted(
        "nearest place before the nearest", "inputs are stepped over that need not be", HISTORY,
        "bisect_right(known, sequence) - 1", "bisect_right(known, sequence - 1) - 1",
        REPLAY_TESTS + "distances_and_bookmarks_of_a_walk"),
    Planted(
        "first change left out", "why() does not tell where it began", HISTORY,
        "            if sequence > begin:\n", "            if sequence > begin + 1:\n",
        PAST + "why_tells_the_first_change"),
    Planted(
        "change of the input before", "why() names the wrong input", HISTORY,
        "found += [(sequence - 1, change)", "found += [(sequence, change)",
        REPLAY_TESTS + "why"),
    Planted(
        "value that goes on changing", "why() compares a state with itself", HISTORY,
        "            before = self._fold.copied(value)\n", "            before = value\n",
        PAST + "why_of_what_is_changed_in_place"),
    Planted(
        "damaged snapshot is gone to", "no place behind it can be reached", HISTORY,
        "            self._snapshots.remove(sequence)\n", "            pass\n",
        PAST + "a_damaged_snapshot_is_passed_over"),
    Planted(
        "bookmark changes with the state", "one has been there, and it is another place now", FOLD,
        "            stepper.restore(copy_state(state), sequence, kept)\n",
        "            stepper.restore(state, sequence, kept)\n",
        PAST + "a_bookmark_can_be_come_back_to_again_and_again"),
    Planted(
        "bookmark's digest goes on", "what is right is told to be another", FOLD,
        "list(self._sequences), list(self.made), self.rolling.copy()",
        "list(self._sequences), list(self.made), self.rolling",
        PAST + "only_what_differs_is_told"),
    # -- what might have been --------------------------------------------------------------------
    Planted(
        "edit one input late", "another input is changed than was asked", BRANCH,
        "if was.sequence == at else", "if was.sequence == at + 1 else",
        REPLAY_TESTS + "branches"),
    Planted(
        "parted one input late", "another input is blamed", BRANCH,
        "                parted = was.sequence - 1\n", "                parted = was.sequence\n",
        REPLAY_TESTS + "branches"),
    Planted(
        "one output stands for many", "outputs that are gone are not told", BRANCH,
        "            left[record] -= 1\n", "            pass\n",
        PAST + "outputs_that_come_more_than_once"),
    Planted(
        "events put in behind", "an insertion comes after its place", BRANCH,
        "[as_events(dtype, edit), event]", "[event, as_events(dtype, edit)]",
        PAST + "events_are_put_in_before"),
    Planted(
        "what is gone is no change", "a list that has become shorter is the same", CHANGES,
        "zip_longest(before, after, fillvalue=ABSENT)", "zip(before, after)",
        CHANGES_TESTS + "changes_by_place"),
    Planted(
        "what is new is no change", "a key that has come is not told", CHANGES,
        "        if key not in before:\n", "        if False:\n",
        CHANGES_TESTS + "changes_by_place"),
    Planted(
        "states do not part", "a version that comes to other states is the same", PARTING,
        "        if same and not changes(one.live_state, other.live_state):\n",
        "        if same:\n",
        REPLAY_TESTS + "chance_is_found"),
    Planted(
        "outputs do not part", "a version that makes other outputs is the same", PARTING,
        "        if same and not changes(one.live_state, other.live_state):\n",
        "        if not changes(one.live_state, other.live_state):\n",
        REPLAY_TESTS + "rehearsal"),
    Planted(
        "parting of the batch", "the first input of a batch is blamed", PARTING,
        "                return Parting(one.sequence - 1, copied,",
        "                return Parting(one.sequence, copied,",
        REPLAY_TESTS + "rehearsal"),
    Planted(
        "later output is named", "the first one that differs is passed over", PARTING,
        "                at += len(part)\n", "                at = 0\n",
        PAST + "the_first_output_that_differs_is_named"),
    Planted(
        "state given is changed", "a test of an incident spoils what it begins with", STRETCH,
        "[copy_state(each) for each in states]", "list(states)",
        "unit/test_journal_to_test.py::test_states_of_all_kinds"),
    # -- what is not stepped over ----------------------------------------------------------------
    Planted(
        "copies are one", "what one copy of a machine has failed at, all pass over", FOLD,
        "        if stage in names:\n", "        if False:\n",
        PASSED + "copies_of_a_machine_are_told_apart"),
    Planted(
        "letters without a stage", "what was kept before stages were named is stepped over", FOLD,
        "            if each.name == machine:\n", "            if False:\n",
        PASSED + "where_no_stage_is_named_it_is_all_of_the_machine"),
    Planted(
        "poison is silent", "an engine that was halted by poison goes past it", FOLD,
        "sequence, event, deaths) if deaths else None", "sequence, event, deaths) and None",
        PASSED + "what_has_killed_is_a_failed_step"),
    Planted(
        "poison of others", "each copy of a machine is told to have died", NET_FOLD,
        "            elif select is None or len(select):\n", "            else:\n",
        PASSED + "what_has_killed_is_a_failed_step"),
    Planted(
        "letters of copies are one", "one of two events that failed is lost",
        RUNTIME + "failures.py",
        "which = error.stage, error.sequence", "which = error.machine, error.sequence",
        PASSED + "one_event_in_two_copies_is_two_letters"),
    Planted(
        "kept letters of copies are one", "one of two events that failed is not kept",
        RUNTIME + "kept_letters.py",
        "    return letter.stage, letter.sequence", "    return letter.machine, letter.sequence",
        PASSED + "letters_that_both_copies_tell_one_after_the_other"),
    Planted(
        "old letters are written anew", "an event has two letters, and the old one is done with",
        RUNTIME + "kept_letters.py",
        "                key = each.machine, *key[1:]\n", "                pass\n",
        PASSED + "letters_from_before_stages_were_named"),
    Planted(
        "poison not kept", "whoever opens the journal dies of it", RUNTIME + "calling.py",
        "            self._journaling.keep_poison(error, event)\n", "            pass\n",
        POISON + "poison_is_a_failed_step_to_who_steps_over_its_journal"),
    Planted(
        "poison not read", "whoever opens the journal dies of it", RUNTIME + "opening.py",
        "            self.fold.refuse(read_poison(", "            (lambda _: None)(read_poison(",
        POISON + "poison_is_a_failed_step_to_who_steps_over_its_journal"),
    Planted(
        "poison replayed", "whoever replays the journal dies of it", SOURCE,
        "        fold.refuse(read_poison(", "        (lambda _: None)(read_poison(",
        POISON + "poison_is_a_failed_step_to_replays_and_histories"),
]  # fmt: skip
