"""Planted bugs of the checking of histories: wrong verdicts, wrong names, wrong pictures."""

from __future__ import annotations

from mutants.planting import ENGINE, PYTHON, Planted

CHECKED = "unit/test_linearizable.py::test_"
SEARCHED = "property/test_linearizable_search.py::test_"
QUICK = SEARCHED + "the_quick_search_is_the_plain_one"
ORDERED = "property/test_sequential_differential.py::test_"
DRAWN = "unit/test_checking_picture.py::test_"
FOUND = "unit/test_anomalies.py::test_"
DATABASES = "property/test_anomalies_differential.py::test_"

LINEARIZING, SWEEPING = f"{ENGINE}linearizing.pyx", f"{ENGINE}sweeping.pyx"
NUMBERING, DECIDING, SEQUENTIAL, STRETCH, PICTURE, DEPENDENCIES, CYCLES, ANOMALIES, MODELS = (
    f"{PYTHON}checking/{name}.py"
    for name in
    ("numbering", "deciding", "sequential", "stretch", "picture", "dependencies", "cycles",
     "anomalies", "models")
)  # fmt: skip

CHECKING_BUILT_MUTANTS = [
    # -- the search ------------------------------------------------------------------------------
    Planted(
        "taken though it may change something", "what is right is bad", LINEARIZING,
        "            elif not self._changes[kind]:\n", "            else:\n",
        SEARCHED + "what_changes_nothing_now_may_be_needed_later"),
    Planted(
        "what was taken is not looked at again", "what is right is bad", LINEARIZING,
        "                self._check_taken(at)\n", "                pass\n",
        SEARCHED + "what_changed_nothing_so_far_may_be_needed_later"),
    Planted(
        "only what is open is looked at again", "what is right is bad", LINEARIZING,
        "        for number in range(first, low):\n", "        for number in range(low, low):\n",
        SEARCHED + "what_changed_nothing_so_far_may_be_needed_behind_others"),
    Planted(
        "more used up stands for less", "what is right is bad", LINEARIZING,
        "self.sets[other * each + place] & ~self.sets[at * each + place]",
        "self.sets[at * each + place] & ~self.sets[other * each + place]",
        SEARCHED + "in_which_order_they_are_tried_is_all_the_same"),
    Planted(
        "info never tried", "what took effect late is bad", LINEARIZING,
        "            if after >= 0 and after != state:\n", "            if False:\n",
        CHECKED + "ok"),
    Planted(
        "client's own order ignored", "what cannot be is right", LINEARIZING,
        "            if not self._is_in(problem.after.items[number], at):\n"
        "                continue\n            kind",
        "            kind",
        CHECKED + "bad"),
    # -- the sweep -------------------------------------------------------------------------------
    Planted(
        "done on one way is done on all", "what is right is bad", SWEEPING,
        "            all_ &= self._all[to * words + at]\n",
        "            all_ |= self._all[to * words + at]\n",
        QUICK),
    Planted(
        "info leads nowhere", "what is right is bad", SWEEPING,
        "                    if not has_bit(info, by - problem.count):\n"
        "                        return True\n",
        "                    pass\n",
        SEARCHED + "what_nobody_knows_of_may_still_come"),
    Planted(
        "all that comes later is looked at", "another operation is blamed", SWEEPING,
        "            if number >= end or looks == LOST_LOOKS_MAX:\n",
        "            if looks == LOST_LOOKS_MAX:\n",
        QUICK),
    Planted(
        "changes not told", "what is right is bad", SWEEPING,
        "                self.changes[self.problem.kind.items[number]] = 1\n",
        "                pass\n",
        SEARCHED + "what_changed_nothing_so_far_may_be_needed_later"),
]  # fmt: skip

CHECKING_MUTANTS = [
    # -- linearisability -------------------------------------------------------------------------
    Planted(
        "closed at equal times", "what overlaps does not", NUMBERING,
        "[bisect_left(self.returns, call) for call in self.calls[: self.count]]",
        "[bisect_right(self.returns, call) for call in self.calls[: self.count]]",
        CHECKED + "ok"),
    Planted(
        "info after equal times", "what overlaps does not", NUMBERING,
        "[bisect_right(calls, returned) for returned in self.returns]",
        "[bisect_left(calls, returned) for returned in self.returns]",
        CHECKED + "ok"),
    Planted(
        "twin that has to wait", "the other one waits for it in vain", NUMBERING,
        "            if self.after[number] < 0:\n                last[", "            last[",
        CHECKED + "ok"),
    Planted(
        "where a lost search ends is where it ends", "another operation is blamed", DECIDING,
        "        if self._sweep is None:  # it has", "        if True:  # it has",
        SEARCHED + "what_is_lost_early_ends_late"),
    Planted(
        "late is bad", "what is not decided is told", DECIDING,
        '            return Decided("unknown", [])\n', '            return Decided("bad", [])\n',
        CHECKED + "time_limit_gives_unknown"),
    # -- sequential consistency ------------------------------------------------------------------
    Planted(
        "info before what its client did", "what cannot be is right", SEQUENTIAL,
        "            found.append((place, before))\n", "            found.append((place, 0))\n",
        ORDERED + "info_does_not_come_before_what_its_client_did"),
    Planted(
        "stuck at the shortest", "what is not the end is shown", SEQUENTIAL,
        "        longest = max(self.came_from", "        longest = min(self.came_from",
        ORDERED + "who_goes_back_is_not"),
    Planted(
        "half of it is all", "what cannot be is right", SEQUENTIAL,
        "            if sum(configuration[0]) == self.numbered.count:\n",
        "            if sum(configuration[0]) + 1 >= self.numbered.count:\n",
        ORDERED + "made_up_histories"),
    # -- pictures --------------------------------------------------------------------------------
    Planted(
        "moments outside of their bars", "an order is shown that cannot be", STRETCH,
        "max(min(x + STEP, last), bar.begin, x)", "max(x + STEP, bar.begin)",
        DRAWN + "moments"),
    Planted(
        "texts that are elements", "a history can run a script", PICTURE,
        'y="{y:.1f}"{named}>{escape(text)}</text>', 'y="{y:.1f}"{named}>{text}</text>',
        DRAWN + "texts_are_texts"),
    Planted(
        "cut to the beginning", "what cannot follow is not shown", STRETCH,
        "    if result.operation is None:\n", "    if True:\n",
        DRAWN + "a_long_history_is_cut_to_where_it_ends"),
    # -- anomalies -------------------------------------------------------------------------------
    Planted(
        "shortest read tells the order", "cycles are not seen", DEPENDENCIES,
        "if len(read.values) > len(self.versions.get(read.key, ())):",
        "if read.key not in self.versions:",
        FOUND + "each_anomaly " + DATABASES
        + "whatever_is_not_serializable_is_found_and_nothing_else"),
    Planted(
        "info is before what its client did next", "what is fine is an anomaly", DEPENDENCIES,
        '            if one.status == "ok":\n                last[client] = place\n',
        "            last[client] = place\n",
        FOUND + "what_is_fine"),
    Planted(
        "unread values have no place", "write skew of the last is not seen", DEPENDENCIES,
        "self._places.get((key, value), len(versions))", "self._places.get((key, value), 0)",
        FOUND + "what_nobody_read_came_last"),
    Planted(
        "cycle not closed", "G2-item goes by another name", CYCLES,
        "for one, other in zip(kinds, [*kinds[1:], kinds[0]], strict=True)",
        "for one, other in zip(kinds, kinds[1:], strict=False)",
        FOUND + "names_of_cycles"),
    Planted(
        "one rw too many", "G-single is not told from others", CYCLES,
        "        return None if mode + is_rw > 1 else mode + is_rw\n",
        "        return None if mode + is_rw > 0 else mode + is_rw\n",
        FOUND + "each_anomaly"),
    Planted(
        "its own are half done", "what is fine is an anomaly", ANOMALIES,
        "    if writer is None or writer == place or all_", "    if writer is None or all_",
        FOUND + "what_is_fine"),
    Planted(
        "its own later ones are no future", "who reads what is not there yet goes free", ANOMALIES,
        "                elif writer == place and later[micro.key, value] > at:\n",
        "                elif False:\n",
        FOUND + "each_anomaly"),
    Planted(
        "stronger models are not ruled out", "what cannot be may be", MODELS,
        "found.intersection(forbidden) or out.intersection(weaker)",
        "found.intersection(forbidden)",
        FOUND + "models_go_from_weak_to_strong"),
]  # fmt: skip
