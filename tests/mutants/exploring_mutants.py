"""Planted bugs of the explorer: steps, bounds, liveness, symmetry, and the compiled search."""

from __future__ import annotations

from mutants.planting import ENGINE, PYTHON, Planted

WAYS, STEPS = PYTHON + "exploring/ways.py", PYTHON + "exploring/steps.py"
LIVE, RENAMING = PYTHON + "exploring/liveness.py", PYTHON + "exploring/renaming.py"
EXPLORE, TELLING = PYTHON + "exploring/explore.py", PYTHON + "exploring/telling.py"
UNIT = "unit/test_exploring.py::"

EXPLORING_MUTANTS = [
    Planted(
        "handler's state not copied", "states that are known change behind the search's back", WAYS,
        "way.local._replace(state=copy_state(way.local.state))",
        "way.local._replace(state=way.local.state)",
        UNIT + "test_symmetry_finds_the_same_with_fewer_states"),
    Planted(
        "no crash while a disk syncs", "what stood behind a persist always happens", WAYS,
        "        if self.can_crash:\n            for after in crashed",
        "        if not self.can_crash:\n            for after in crashed",
        UNIT + "test_a_crash_while_a_disk_syncs"),
    Planted(
        "crash loses nothing", "a write that was not safe is always kept", WAYS,
        "fates.setdefault(key, [_LOST, _TORN]).append(value)",
        "fates.setdefault(key, []).append(value)",
        UNIT + "test_a_crash_while_a_disk_syncs"),
    Planted(
        "postponed for ever", "what is postponed does not come when the mode changes", WAYS,
        "        if now != way.mode:\n",
        "        if now != now:\n",
        UNIT + "test_what_is_postponed_comes_when_the_mode_changes"),
    Planted(
        "one chance only", "the other values are not tried", WAYS,
        "        for chance in chances:\n",
        "        for chance in chances[:1]:\n",
        UNIT + "test_chances"),
    Planted(
        "timers not part of a state", "states with other timers are taken for one", STEPS,
        "        key = state_key(tuple(local))\n",
        "        key = state_key(tuple(local._replace(timers=())))\n",
        "unit/test_cli_check.py::test_ok"),
    Planted(
        "sender not part of a message", "equal messages of two senders are taken for one", STEPS,
        "        key = state_key(tuple(given))\n        number = self._input",
        "        key = state_key(tuple(given._replace(source=0)))\n        number = self._input",
        UNIT + "test_counts_of_symmetric_graphs"),
    Planted(
        "unfair cycles count", "a timer that runs out for ever keeps a message from coming", LIVE,
        "    return (always or set()) - happens - {NOWHERE}",
        "    return set()",
        UNIT + "test_timers_run_out_at_any_time_and_only_so_often"),
    Planted(
        "cycles not seen", "only paths that end are looked at", LIVE,
        "    goes_round |= np.bincount(",
        "    _ = np.bincount(",
        UNIT + "test_eventually_on_a_cycle"),
    Planted(
        "cut taken for an end", "what the bounds forbid is taken for nothing to do", LIVE,
        "    ends = never[~is_cut[never] & ~graph.must_go_on()[never]]",
        "    ends = never[~graph.must_go_on()[never]]",
        UNIT + "test_eventually_is_unknown_where_bounds_forbid_to_look"),
    Planted(
        "cut taken for held", "ok, though nobody knows", LIVE,
        "    if is_cut[never].any():\n",
        "    if False:\n",
        UNIT + "test_eventually_is_unknown_where_bounds_forbid_to_look"),
    Planted(
        "keys of dicts not renamed", "equal states are not seen to be", RENAMING,
        "(renamed(key, names), renamed(one, names))",
        "(key, renamed(one, names))",
        UNIT + "test_symmetry_finds_the_same_with_fewer_states"),
    Planted(
        "depth forgotten", "complete, though there are states behind the limit", EXPLORE,
        "        if self.explorer.cut_by_depth:\n",
        "        if False:\n",
        UNIT + "test_bounds_end_it_and_say_so"),
    Planted(
        "path of renamed states", "a node goes on with another one's state", TELLING,
        "            words = following[3]\n",
        "            words = self._explorer.state(number)\n",
        UNIT + "test_symmetry_tells_a_path_of_real_states"),
]  # fmt: skip

EXPANDING, SEARCH = ENGINE + "expanding.pyx", ENGINE + "exploring.pyx"
EXPLORING_BUILT = [
    Planted(
        "budget not paid", "messages are lost without end", EXPANDING,
        "            self.built.items[self.endpoints + budget] -= 1\n        if to >= 0:",
        "            pass\n        if to >= 0:",
        UNIT + "test_messages_are_doubled"),
    Planted(
        "only the first message", "of equal order, and of all others", EXPANDING,
        "steps.orders.items[self.current.items[place]] == order):",
        "steps.orders.items[self.current.items[place]] >= order):",
        UNIT + "test_messages_come_in_any_order_or_in_that_of_their_link"),
    Planted(
        "messages as they come", "the same messages in two orders are two states", EXPANDING,
        "        while place > self.head and orders",
        "        while False and orders",
        UNIT + "test_what_was_sent_first_on_different_links_does_not_matter"),
    Planted(
        "strings compared by length", "states whose hashes are alike are taken for one",
        ENGINE + "statetable.pyx",
        "            if slot & HIGH == high:\n",
        "            if True:\n                return <int64_t>(<uint32_t>slot) - 1\n"
        "            if slot & HIGH == high:\n",
        UNIT + "test_counts_of_symmetric_graphs"),
    Planted(
        "cut at first sight", "a state may be found later, on another way", SEARCH,
        "            if self.depths.items[self.at] != self.depth_max:\n",
        "            if self.depths.items[self.at] == self.depth_max:\n"
        "                self.stop(STATES)\n            else:\n",
        UNIT + "test_depth_first_a_state_behind_the_farthest_may_be_found_later"),
    Planted(
        "deeper by two", "the farthest is not as far as it is told", SEARCH,
        "self.depths.items[self.at] + 1\n",
        "self.depths.items[self.at] + 2\n",
        UNIT + "test_counts_of_a_system_small_enough_for_a_list"),
]  # fmt: skip
