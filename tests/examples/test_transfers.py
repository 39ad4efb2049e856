"""The bank that is asked again and again: right under faults, and wrong when a rule is left out."""

from __future__ import annotations

import pytest
from protocol_bugs import ProtocolBug, check_found, example
from protocol_runs import check_same_twice, tally

SEEDS = 150
transfers = example("transfers.py")


def test_it_is_right() -> None:
    told = tally(transfers.simulation, range(SEEDS))
    assert told.share("ok") == 1  # clients ask for two seconds, and faults last for less than one
    for kind in ("Crash", "FullDisk", "SlowDisk", "Jump", "Pause", "Weather"):
        assert told.faults[kind] > SEEDS, kind
    for what in ("RESTART", "LOST", "DUPLICATED", "DOWN"):
        assert told.counts[what] > SEEDS, what
    for name in transfers.system.sometimes:
        assert told.reached[name] > SEEDS / 2, name


def test_most_transfers_are_made() -> None:
    run = transfers.simulation.run(1).check()
    postings = [
        asked.reply
        for history in run.history.values()
        for asked in history
        if isinstance(asked.request, transfers.Transfer)
    ]
    posted = [posting for posting in postings if posting.result == transfers.POSTED]
    assert len(posted) > len(postings) / 3
    assert len({posting.result for posting in postings}) > 1


def test_the_same_twice() -> None:
    check_same_twice(transfers.simulation, range(5))


ANSWER_AGAIN = """        if last is not None and caller.number == last.caller.number:
            return state, hr.reply(caller, last.posting)
"""
ECHO = """        if last is not None and caller.number < last.caller.number:
            return state, None
"""
WRITE_AND_REPLY = "[hr.persist(key, record), hr.reply(caller, record.posting)]"
ENTER_AND_RETURN = f"""        state.enter(record)
        return state, {WRITE_AND_REPLY}
"""


def bug(name: str, why: str, old: str, new: str, *size: int) -> ProtocolBug:
    return ProtocolBug(name, why, "transfers.py", old, new, *size)


BUGS = [
    bug(
        "retry made again",
        "duplicate execution of a retry: the bank forgets whom it has answered",
        ANSWER_AGAIN,
        "",
        *(20, 1, 1),
    ),
    bug(
        "echo made again",
        "only the very last number is known; a duplicate that was overtaken is made again",
        ECHO,
        "",
        *(20, 5, 3),
    ),
    bug(
        "table not restored",
        "the table of clients is in memory only: a retry after a restart is made again",
        "        state.count = state.read = len(durable)\n",
        "        state.count = state.read = len(durable)\n        state.last.clear()\n",
        *(20, 1, 1),
    ),
    bug(
        "money and memory apart",
        "the money and the table of clients are two records, of which a crash may keep one",
        WRITE_AND_REPLY,
        """[
            hr.persist(key, Record(hr.Caller("", 0), request, record.posting)),
            hr.persist(key + "0", Record(caller, Transfer(0, 0, 0), record.posting)),
            hr.reply(caller, record.posting),
        ]""",
        *(20, 2, 2),
    ),
    bug(
        "answer before disk",
        "acknowledgement before the disk: what was answered is lost in a crash",
        WRITE_AND_REPLY,
        "[hr.reply(caller, record.posting), hr.persist(key, record)]",
        *(20, 3, 1),
    ),
    bug(
        "no sync",
        "written, but not synced: the operating system still has it when the power fails",
        "hr.persist(key, record)",
        "hr.persist(key, record, sync=False)",
        *(20, 1, 1),
    ),
    bug(
        "stale balance",
        "limits are checked against balances that lack what is on its way to the disk",
        ENTER_AND_RETURN,
        """        entered = hr.send(me, record)
        return state, [hr.persist(key, record), entered, hr.reply(caller, record.posting)]

    @hr.on.message(Record)
    def entered(self, state: Ledger, message: Record) -> Any:
        state.enter(message)
        return state, None
""".replace("me,", '"bank",'),
        *(20, 2, 1),
    ),
    bug(
        "answer made anew",
        "a retry is not made again, but its answer is: it tells of what came in between",
        "            return state, hr.reply(caller, last.posting)\n",
        """            payer, payee = (state.balances[n] for n in (request.debit, request.credit))
            anew = msgspec.structs.replace(
                last.posting, debit_balance=payer, credit_balance=payee
            )
            return state, hr.reply(caller, anew if anew.result == POSTED else last.posting)
""",
        *(20, 3, 1),
    ),
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: ProtocolBug) -> None:
    check_found(bug)
