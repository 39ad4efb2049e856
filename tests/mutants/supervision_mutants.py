"""Planted bugs of supervision trees: strategies, restarts, order, intensity, processes."""

from __future__ import annotations

from mutants.planting import PYTHON, Planted

NODE, CORE = PYTHON + "supervision/node.py", PYTHON + "supervision/core.py"
WINDOW, REQUESTS = PYTHON + "supervision/intensity.py", PYTHON + "supervision/requests.py"
PROCESSES, THREADS = PYTHON + "supervision/processes.py", PYTHON + "supervision/threads.py"
TABLE = "unit/test_supervision_table.py::test_table"
UNIT = "unit/test_supervision.py::"
RUNNING = "unit/test_supervision_live.py::"
RANDOM = "property/test_supervision_invariants.py::test_promises"
CRASH = "crash/test_supervision_processes.py::"

SUPERVISION_MUTANTS = [
    Planted(
        "stopped in the order of start", "a child goes before those that need it", NODE,
        "        records = list(reversed(self.records.values()))\n        plan = ",
        "        records = list(self.records.values())\n        plan = ",
        TABLE),
    Planted(
        "siblings stopped in the order of start", "the same, in a restart of all", NODE,
        '[("stop", [each]) for each in reversed(group)]',
        '[("stop", [each]) for each in group]',
        TABLE),
    Planted(
        "rest without its first", "the child that ended is not started again", NODE,
        "group = group[group.index(record) :]",
        "group = group[group.index(record) + 1 :]",
        TABLE),
    Planted(
        "one more restart than the intensity", "a supervisor gives up too late", WINDOW,
        "return len(self._at_ns) <= self._most",
        "return len(self._at_ns) <= self._most + 1",
        TABLE),
    Planted(
        "restarts never forgotten", "old restarts count", WINDOW,
        "while self._at_ns and self._at_ns[0] < now_ns - self._period_ns",
        "while self._at_ns and self._at_ns[0] < 0",
        TABLE),
    Planted(
        "a restart forgotten as the period ends", "one of exactly that age still counts", WINDOW,
        "self._at_ns[0] < now_ns - self._period_ns",
        "self._at_ns[0] <= now_ns - self._period_ns",
        UNIT + "test_a_restart_counts_until_it_is_older_than_the_period"),
    Planted(
        "transient as permanent", "what is through is started again", NODE,
        'restart == "transient" and reason.abnormal',
        'restart == "transient"',
        TABLE),
    Planted(
        "temporary siblings started again", "they never are", NODE,
        ' for each in group if each.child.restart != "temporary"]',
        " for each in group]",
        TABLE),
    Planted(
        "a failed restart is not tried again", "the child is gone for good", NODE,
        "                self._mailbox.append(TryAgain(record.run, reason))\n",
        "",
        TABLE),
    Planted(
        "a failed restart is tried without counting", "it is tried for ever", NODE,
        "        if not self._intensity.add(now_ns):\n",
        '        if reason.detail[:5] != "start" and not self._intensity.add(now_ns):\n',
        TABLE),
    Planted(
        "shutdown time means nothing", "a child that does not stop holds all up", NODE,
        "            if after_ns is not None:\n",
        "            if after_ns is None:\n",
        TABLE),
    Planted(
        "killed while it answers", "whoever has asked waits for ever", NODE,
        '            self.answer(self._goal.request, "ended")\n',
        "            pass\n",
        UNIT + "test_a_killed_tree_answers_what_it_was_asked"),
    Planted(
        "brutal_kill asks first", "it may not", NODE,
        'brutal = record.child.shutdown == "brutal_kill"',
        "brutal = False",
        TABLE),
    Planted(
        "last significant child told too late", "the supervisor waits for those that stopped", NODE,
        "r.child.significant and r.state != STOPPED",
        "r.child.significant",
        TABLE),
    Planted(
        "any significant as all", "the supervisor goes on", NODE,
        'if self.spec.auto_shutdown == "any_significant":\n',
        'if self.spec.auto_shutdown == "any":\n',
        TABLE),
    Planted(
        "exits in the mailbox not seen", "what has ended is asked, and waited for", NODE,
        "        self._take_exits_of(records)\n        for record in records:\n"
        "            if record.state",
        "        for record in records:\n            if record.state",
        RANDOM),
    Planted(
        "giving up is an error", "a transient supervisor is started again", NODE,
        'self.end(Exit("shutdown", words, reason.error), "gave_up")',
        'self.end(Exit("error", words, reason.error), "gave_up")',
        TABLE),
    Planted(
        "a supervisor that could not start has ended", "its failed start is no failure", CORE,
        "(Exited if was_up else Failed)(run, reason)",
        "Exited(run, reason)",
        TABLE),
    Planted(
        "an exit told before its start is lost", "its messages are to another supervisor", CORE,
        "                    self._owners[run] = path, 2\n",
        "                    self._owners[run] = path, 1\n",
        RANDOM),
    Planted(
        "one that runs can be deleted", "nobody stops it any more", REQUESTS,
        "    elif record.state != STOPPED:\n",
        "    elif record.state == RESTARTING:\n",
        TABLE),
    Planted(
        "Ctrl-C reaches the children", "they end out of order", PROCESSES,
        "    signal.signal(signal.SIGINT, signal.SIG_IGN)\n",
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n",
        CRASH + "test_ctrl_c_stops_in_reverse_order"),
    Planted(
        "asked is not shutdown", "what was asked to stop counts as failed", PROCESSES,
        "    if asked and code in",
        "    if not asked and code in",
        CRASH + "test_exit_codes"),
    Planted(
        "a thread that is given up without a word", "nobody knows that it still runs", THREADS,
        'Exit("killed", f"thread {self.name!r} cannot',
        'Exit("shutdown", f"thread {self.name!r} cannot',
        RUNNING + "test_a_thread_that_does_not_stop_is_given_up_by_name"),
    Planted(
        "what has ended by itself stays open", "its successor finds the journal locked", THREADS,
        "            with contextlib.suppress(BaseException):  # what has ended it, is told\n"
        "                self.value.close()\n",
        "",
        RUNNING + "test_something_that_ends_by_itself_is_opened_anew"),
]  # fmt: skip
