"""Bugs planted in examples/raft, of the kinds that the literature and Jepsen's reports describe."""

from __future__ import annotations

from protocol_bugs import ProtocolBug


def bug(name: str, why: str, file: str, old: str, new: str, **more: object) -> ProtocolBug:
    """A planted bug; by default it is found within 50 seeds."""
    limits = {"seeds": 50, **more}
    return ProtocolBug(name, why, f"raft/{file}.py", old, new, **limits)  # type: ignore[arg-type]


BUGS = (
    bug(
        "vote not synced",
        "a node that crashes forgets its vote, and gives another one in the same term",
        "state",
        "[hr.persist(term_key(term), Promise(term, voted_for))]",
        "[hr.persist(term_key(term), Promise(term, voted_for), sync=False)]",
        seeds=100,
        commands=2,
        faults=6,
        simulation="restarts",
    ),
    bug(
        "vote forgotten at a restart",
        "the term is read back, but not to whom the vote in it was given",
        "state",
        "promise.term, promise.voted_for\n",
        "promise.term, None\n",
        seeds=100,
        commands=12,
        faults=14,
        simulation="elections",
    ),
    bug(
        "vote for a log that ends before",
        "a leader lacks what is committed",
        "election",
        "theirs >= ours and ",
        "",
        seeds=20,
        commands=2,
        faults=2,
    ),
    bug(
        "commit without quorum",
        "what one node has is taken for safe",
        "replication",
        "sorted(matches, reverse=True)[state.majority - 1]",
        "sorted(matches, reverse=True)[state.majority - 2]",
        seeds=20,
        commands=10,
        faults=4,
    ),
    bug(
        "commit of an earlier term by counting",
        "an entry in a majority is replaced by a leader that has a newer one: figure 3.7",
        "replication",
        "if index > state.commit and state.log.term(index) == state.term:",
        "if index > state.commit:",
        seeds=50,
        commands=8,
        faults=10,
        simulation="figure_3_7",
    ),
    bug(
        "commit without comparing",
        "a follower carries out what is left over of an earlier leader",
        "replication",
        "        lacks = min(log.last, index - 1)\n",
        "        lacks = min(log.last, index - 1)\n"
        "        state.commit = max(state.commit, min(message.commit, log.last))\n",
        seeds=50,
        commands=2,
        faults=3,
    ),
    bug(
        "log not truncated on conflict",
        "entries of an earlier leader stay where this one has others",
        "log",
        "if at <= self.last and self.term(at) == entry.term:",
        "if at <= self.last:",
        seeds=50,
        commands=6,
        faults=12,
    ),
    bug(
        "log truncated by an old message",
        "a message that was overtaken removes entries that were promised since",
        "log",
        "        return []\n\n    def _replace",
        "        return self._replace(self.last, ()) if self.last > index + len(entries) else []"
        "\n\n    def _replace",
        seeds=100,
        commands=10,
        faults=8,
        simulation="elections",
    ),
    bug(
        "acknowledged before the disk",
        "a follower says that it has entries, and a crash takes them away",
        "log",
        "[hr.persist(entry_key(first + at), each) for",
        "[hr.persist(entry_key(first + at), each, sync=False) for",
        seeds=50,
        commands=16,
        faults=10,
        simulation="elections",
    ),
    bug(
        "left over entries are read back",
        "among entries that a crash kept are some that others were to replace",
        "state",
        " and durable[keys[-1]].before == before:",
        ":",
        seeds=400,
        commands=14,
        faults=36,
        simulation="restarts",
    ),
    bug(
        "stale read",
        "a leader that was deposed, and does not know it, answers from what it has",
        "reads",
        "read.round <= confirmed and ",
        "",
        seeds=50,
        commands=16,
        faults=4,
    ),
    bug(
        "read before the term's first entry",
        "a new leader has what is committed, but does not know that it is",
        "reads",
        "max(state.commit, state.began)",
        "state.commit",
        seeds=50,
        commands=10,
        faults=12,
        simulation="elections",
    ),
    bug(
        "duplicate execution of a retry",
        "a request that comes again is carried out again",
        "store",
        "if last is not None and entry.number <= last.number:",
        "if last is not None and entry.number < last.number:",
        seeds=20,
        commands=12,
        faults=4,
    ),
    bug(
        "snapshot without the client table",
        "behind a snapshot a request that comes again is carried out again",
        "store",
        "served={served.client: served for served in snapshot.served},",
        "served={},",
        seeds=20,
        commands=6,
        faults=2,
    ),
    bug(
        "entries removed before the snapshot is safe",
        "a crash leaves neither the entries nor what stands for them",
        "snapshots",
        'snapshot), hr.timer("sweep", 0)]',
        "snapshot), *sweep(state)]",
        seeds=400,
        commands=6,
        faults=20,
        simulation="restarts",
    ),
    bug(
        "a late timer removes the snapshot",
        "it comes twice for two snapshots; this one was not planted, but found when it was written",
        "snapshots",
        "[snapshot_key(index) for index in state.kept if index < state.swept]",
        "[snapshot_key(old)]",
        seeds=1500,
        commands=12,
        faults=30,
        simulation="elections",
    ),
    bug(
        "clock used as a lease without bound",
        "a leader answers while its clock says that nobody else can lead yet; but clocks jump",
        "node",
        "        note_read(state, caller, request)\n",
        "        if now_ns < getattr(state, 'leased_until_ns', 0):\n"
        "            return state, [hr.reply(caller, state.store.read(request))]\n"
        "        note_read(state, caller, request)\n",
        more=(
            ("request: Get, caller: hr.Caller)", "request: Get, caller: hr.Caller, now_ns: int)"),
            (
                "message: Appended, source: str, chance: float)",
                "message: Appended, source: str, chance: float, now_ns: int)",
            ),
            (
                "        return state, acknowledged(state, source, message)\n",
                "        effects = acknowledged(state, source, message)\n"
                "        if state.commit >= state.began:\n"
                "            state.leased_until_ns = now_ns + 20_000_000\n"
                "        return state, effects\n",
            ),
        ),
        seeds=50,
        commands=6,
        faults=4,
    ),
    bug(
        "answered before it is committed",
        "a leader answers when the entry is in its own log",
        "replication",
        "    return propose(state, entry)\n",
        "    early = Store(0, dict(state.store.values), {}).apply(entry)\n"
        "    return [*state.log.append(entry), hr.reply(caller, early), *broadcast(state)]\n",
        more=(("from .state import", "from .store import Store\nfrom .state import"),),
        seeds=20,
        commands=4,
        faults=3,
    ),
    bug(
        "unknown told as failed",
        "a leader that is deposed refuses what waits, which is carried out all the same",
        "election",
        "        state.reads.clear()\n",
        "        state.reads.clear()\n"
        "        waiting = state.log.entries[state.commit - state.log.base :]\n"
        "        for each in filter(lambda each: each.write, waiting):\n"
        "            caller = hr.Caller(each.client, each.number)\n"
        "            effects.append(hr.reply(caller, hr.Refused()))\n",
        seeds=20,
        commands=5,
        faults=4,
    ),
)
