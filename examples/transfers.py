"""A bank's ledger behind a network that loses, repeats and reorders: each transfer happens once.

A transfer moves an amount from one account (debit) to another (credit), if the payer's limit allows
it. Clients ask again until they are answered, so the bank hears of a transfer once, twice, or long
after everybody has forgotten it.

The protocol is three rules:

1. What was decided about a request goes to the disk as one record: who asked, the number of the
   request, both sides of the transfer, the answer. One record is safe or it is not; there is no
   half of a transfer, and no transfer without the memory of having made it.
2. Nothing is answered before its record is safe. Effects behind a `persist` wait for it.
3. The bank keeps, for each client, the number of its last transfer and the answer. A client asks
   one thing at a time, with growing numbers: the same number again gets the same answer again, a
   smaller one is an echo that nobody waits for.

A record has a key of its own and is never overwritten, so a crash can tear only one that was not
safe yet, and that nobody has heard of. What the bank knows is what its records say, one after the
other; a restart reads them again.

Invariants: money is neither made nor lost; no account is beyond its limit; what a client was told
is in the books, also after a crash. What the clients see is a ledger that does one thing after the
other (`Books`). It stands: losses, repetitions, reordering, delays, crashes, pauses, full and slow
disks, and clocks of any kind. It does not stand a disk that loses what was safe: there is one bank.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

import headrace as hr

MILLISECOND_NS = 1_000_000
LIMITS = (1_000, 50, 50, 50, 0)  # by account: how far below zero each may go

POSTED, NO_ACCOUNT, SAME_ACCOUNT, BAD_AMOUNT, OVER_LIMIT = range(5)


class Transfer(msgspec.Struct, frozen=True):
    """A request: move an amount; answered with a `Posting`."""

    debit: int
    credit: int
    amount: int


class Balance(msgspec.Struct, frozen=True):
    """A request: what an account holds; answered with a `Holding`."""

    account: int


class Posting(msgspec.Struct, frozen=True):
    """What became of a transfer, and both balances after it if it was posted."""

    result: int
    debit_balance: int = 0
    credit_balance: int = 0


class Holding(msgspec.Struct, frozen=True):
    """What an account holds."""

    balance: int


class Record(msgspec.Struct, frozen=True):
    """What the disk keeps of a transfer: the request, whose it was, and its answer."""

    caller: hr.Caller
    transfer: Transfer
    posting: Posting


# -- the bank -------------------------------------------------------------------------------------


@dataclass
class Ledger:
    """What the records say: balances, and each client's last record."""

    balances: list[int] = field(default_factory=lambda: [0] * len(LIMITS))
    last: dict[str, Record] = field(default_factory=dict)
    count: int = 0  # the number of the next record
    read: int = 0  # how many records there were when the bank started

    def enter(self, record: Record) -> None:
        """Apply a record."""
        if record.posting.result == POSTED:
            self.balances[record.transfer.debit] -= record.transfer.amount
            self.balances[record.transfer.credit] += record.transfer.amount
        self.last[record.caller.client] = record

    def decide(self, transfer: Transfer) -> Posting:
        """What becomes of a transfer."""
        debit, credit, amount = transfer.debit, transfer.credit, transfer.amount
        if not (0 <= debit < len(LIMITS) and 0 <= credit < len(LIMITS)):
            return Posting(NO_ACCOUNT)
        if debit == credit:
            return Posting(SAME_ACCOUNT)
        if amount < 1:
            return Posting(BAD_AMOUNT)
        if amount > self.balances[debit] + LIMITS[debit]:
            return Posting(OVER_LIMIT)
        return Posting(POSTED, self.balances[debit] - amount, self.balances[credit] + amount)


class Bank(hr.Node):
    """The ledger, and its disk."""

    def initial(self) -> Ledger:
        return Ledger()

    @hr.on.start()
    def start(self, state: Ledger, durable: Any) -> Any:
        """Read the records in the order in which they were made."""
        for key in sorted(durable):
            state.enter(durable[key])
        state.count = state.read = len(durable)
        return state, None

    @hr.on.request(Transfer)
    def transfer(self, state: Ledger, request: Transfer, caller: hr.Caller) -> Any:
        """Decide about a transfer, once."""
        last = state.last.get(caller.client)
        if last is not None and caller.number < last.caller.number:
            return state, None
        if last is not None and caller.number == last.caller.number:
            return state, hr.reply(caller, last.posting)
        record = Record(caller, request, state.decide(request))
        key = f"{state.count:08}"
        state.count += 1
        state.enter(record)
        return state, [hr.persist(key, record), hr.reply(caller, record.posting)]

    @hr.on.request(Balance)
    def balance(self, state: Ledger, request: Balance, caller: hr.Caller) -> Any:
        """Tell a balance. It waits for the disk as well if a transfer before it does."""
        return state, hr.reply(caller, Holding(state.balances[request.account]))


# -- what must hold -------------------------------------------------------------------------------


class Books(hr.Model):
    """The bank as its clients should see it: one request after the other, each once."""

    def initial(self) -> dict[int, int]:
        return dict.fromkeys(range(len(LIMITS)), 0)

    def step(self, state: dict[int, int], request: Any) -> tuple[dict[int, int], Any]:
        if isinstance(request, Balance):
            return state, Holding(state[request.account])
        payer, payee = request.debit, request.credit
        if payer not in state or payee not in state:
            return state, Posting(NO_ACCOUNT)
        if payer == payee:
            return state, Posting(SAME_ACCOUNT)
        if request.amount <= 0:
            return state, Posting(BAD_AMOUNT)
        if state[payer] - request.amount < -LIMITS[payer]:
            return state, Posting(OVER_LIMIT)
        state[payer] -= request.amount
        state[payee] += request.amount
        return state, Posting(POSTED, state[payer], state[payee])


def money_is_kept(view: hr.View) -> bool:
    """What one account has, another one owes."""
    return all(sum(ledger.balances) == 0 for ledger in view.states.values())


def within_limits(view: hr.View) -> bool:
    """No account owes more than it may."""
    return all(
        balance >= -limit
        for ledger in view.states.values()
        for balance, limit in zip(ledger.balances, LIMITS, strict=True)
    )


def answers_are_kept(view: hr.View) -> bool:
    """The bank remembers the last transfer that each client was told of, or a later one."""
    return all(
        asked.number <= last_number(ledger, client)
        for ledger in view.states.values()
        for client, history in view.history.items()
        for asked in history[-1:]
        if asked.status == "ok" and isinstance(asked.request, Transfer)
    )


def last_number(ledger: Ledger, client: str) -> int:
    """The number of the last transfer of a client that the bank has made; 0: of none."""
    return ledger.last[client].caller.number if client in ledger.last else 0


def some_are_over_limit(view: hr.View) -> bool:
    """A transfer was refused because of its payer's limit."""
    return any(
        record.posting.result == OVER_LIMIT
        for ledger in view.states.values()
        for record in ledger.last.values()
    )


def some_follow_a_restart(view: hr.View) -> bool:
    """A transfer was decided by a bank that had to read its records first."""
    return any(ledger.count > ledger.read > 0 for ledger in view.states.values())


# -- the simulation -------------------------------------------------------------------------------


def commands(chance: random.Random) -> list[Any]:
    """What a client asks: mostly transfers between few accounts, so that they get in each other's
    way; the first account pays the others so that they have something to pay with."""
    asked: list[Any] = []
    for _ in range(12):
        if chance.random() < 0.2:
            asked.append(Balance(chance.randrange(len(LIMITS))))
            continue
        debit, credit = chance.sample(range(len(LIMITS)), 2)
        asked.append(Transfer(debit, credit, chance.randint(1, 60)))
    return asked


system = hr.System(
    nodes={"bank": Bank()},
    clients={
        name: hr.Client(commands, retry_ns=20 * MILLISECOND_NS, timeout_ns=2_000 * MILLISECOND_NS)
        for name in ("ann", "bob", "eve")
    },
    always=[money_is_kept, within_limits, answers_are_kept],
    sometimes=[some_are_over_limit, some_follow_a_restart],
    model=Books(),
    name="transfers",
)

simulation = hr.Simulation(
    system,
    network=hr.Network(
        delay=hr.Delay.exponential(2 * MILLISECOND_NS, 200_000), loss=0.1, duplication=0.1
    ),
    chaos=hr.Chaos(
        crashes=20,
        full_disks=4,
        slow_disks=4,
        pauses=4,
        storms=4,
        jumps=4,
        lasts_ns=(2 * MILLISECOND_NS, 60 * MILLISECOND_NS),
        budget=1,
    ),
    faulty_ns=600 * MILLISECOND_NS,
    sync_ns=(100_000, 2 * MILLISECOND_NS),
)


def main() -> None:
    """Run some seeds, and tell what happened."""
    faults, told = 0, Counter[str]()
    for seed in range(100):
        run = simulation.run(seed).check()
        faults += run.faults.total()
        told.update(asked.status for history in run.history.values() for asked in history)
    print(f"100 runs, {faults:,} faults, requests: {dict(told)}")


if __name__ == "__main__":
    main()
