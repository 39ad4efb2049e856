"""A ledger: transfers between accounts with limits, stepped in three ways that mean the same.

    python examples/ledger.py --save events.npy
    headrace run examples/ledger.py:ledger --input events.npy --output postings.csv

Accounts have numbers from 0 on, and start closed. A LIMIT event opens the account `debit`, or
changes it: `amount` is how far below zero its balance may go, in cents. A TRANSFER takes `amount`
cents from the account `debit` and gives them to the account `credit`; so the balances always add up
to 0, and none is ever below its limit. Each event has one output: what became of it (POSTED, or why
it was refused), and the balances of the two accounts after it, 0 for one that does not exist.

The machine has a step per event in Python, one per batch in NumPy, and a native one in C
(ledger_step.c), which is compiled when this file is first imported on a machine.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import headrace as hr
from headrace.state import state_digest

ACCOUNTS = 4096
AMOUNT_MAX = 10**14  # of a transfer and of a limit
TOGETHER_MAX = 4096  # transfers that the batch step sums up at once
# Nobody owns more than all others may owe, so neither balances nor sums of transfers overflow.
assert (ACCOUNTS + TOGETHER_MAX) * AMOUNT_MAX < 2**62

TRANSFER, LIMIT = 0, 1
POSTED, UNKNOWN_KIND, NO_ACCOUNT, SAME_ACCOUNT, BAD_AMOUNT, OVER_LIMIT = range(6)
RESULTS = ("posted", "unknown kind", "no account", "same account", "bad amount", "over limit")

EVENT = np.dtype([("kind", "<i8"), ("debit", "<i8"), ("credit", "<i8"), ("amount", "<i8")])
POSTING = np.dtype(
    [
        ("result", "<i8"),
        ("debit", "<i8"),
        ("credit", "<i8"),
        ("amount", "<i8"),
        ("debit_balance", "<i8"),
        ("credit_balance", "<i8"),
    ]
)
ACCOUNT = np.dtype([("balance", "<i8"), ("limit", "<i8")])
CLOSED = -1  # as a limit

Array = np.ndarray[Any, Any]


def no_accounts() -> Array:
    """The state before the first event."""
    accounts = np.zeros(ACCOUNTS, ACCOUNT)
    accounts["limit"] = CLOSED
    return accounts


# -- one event after the other, in Python ---------------------------------------------------------


def step(
    accounts: Array, kind: int, debit: int, credit: int, amount: int
) -> tuple[Array, tuple[int, ...]]:
    """Apply one event; its posting as a tuple."""
    balance, limit = accounts["balance"], accounts["limit"]
    # item() gives a Python int, which everything after it handles faster than a NumPy scalar.
    payer = balance.item(debit) if 0 <= debit < ACCOUNTS else 0
    payee = balance.item(credit) if 0 <= credit < ACCOUNTS else 0
    result = UNKNOWN_KIND
    if kind == TRANSFER:
        result = check_transfer(limit, debit, credit, amount, payer)
        if result == POSTED:
            payer -= amount
            payee += amount
            balance[debit], balance[credit] = payer, payee
    elif kind == LIMIT:
        result = check_limit(debit, amount, payer)
        if result == POSTED:
            limit[debit] = amount
    return accounts, (result, debit, credit, amount, payer, payee)


def check_transfer(limit: Array, debit: int, credit: int, amount: int, balance: int) -> int:
    """POSTED, or the first reason why not; `balance` is that of the account `debit`."""
    if not (0 <= debit < ACCOUNTS and 0 <= credit < ACCOUNTS):
        return NO_ACCOUNT
    debit_limit = limit.item(debit)
    if debit_limit < 0 or limit.item(credit) < 0:
        return NO_ACCOUNT
    if debit == credit:
        return SAME_ACCOUNT
    if not 1 <= amount <= AMOUNT_MAX:
        return BAD_AMOUNT
    return POSTED if amount <= balance + debit_limit else OVER_LIMIT


def check_limit(account: int, amount: int, balance: int) -> int:
    """POSTED, or the first reason why not."""
    if not 0 <= account < ACCOUNTS:
        return NO_ACCOUNT
    if not 0 <= amount <= AMOUNT_MAX:
        return BAD_AMOUNT
    return POSTED if balance + amount >= 0 else OVER_LIMIT


# -- many events at once, in NumPy ----------------------------------------------------------------
#
# Whether a transfer is posted depends on those before it, so a batch cannot simply be decided all
# at once. Most of it can: an account that could pay everything that is asked of it without getting
# anything refuses nothing. What touches the other accounts is guessed, and the guess corrected:
#
#     posted = all of them
#     repeat: write each account's postings below each other, in order, and sum them up; a transfer
#             is `posted` if what its payer had just before it suffices
#     until nothing changes
#
# A decision depends on earlier decisions only. So in each round the first one that changed is right
# from then on, with all before it; and when none changes, they are what one event after the other
# would have led to. That takes a round for each refusal that another refusal causes or spares, and
# two more: few for most batches. What is not settled after ROUNDS_MAX goes event by event.

ROUNDS_MAX = 40
TOGETHER_MIN = 128  # fewer transfers are done sooner one by one


def step_batch(accounts: Array, events: Array) -> tuple[Array, Array]:
    """Apply many events; a posting for each."""
    postings = np.empty(len(events), POSTING)
    begin = 0
    for place in [*np.flatnonzero(events["kind"] != TRANSFER).tolist(), len(events)]:
        while place - begin >= TOGETHER_MIN:
            end = min(place, begin + TOGETHER_MAX)
            done = transfer_together(accounts, events[begin:end], postings[begin:end])
            apply_each(accounts, events[begin + done : end], postings[begin + done : end])
            begin = end
        apply_each(accounts, events[begin : place + 1], postings[begin : place + 1])
        begin = place + 1
    return accounts, postings


def apply_each(accounts: Array, events: Array, postings: Array) -> None:
    """Apply events one by one."""
    for index, event in enumerate(events.tolist()):
        _, postings[index] = step(accounts, *event)


def transfer_together(accounts: Array, events: Array, postings: Array) -> int:
    """Apply transfers from the first on; how many: all, unless that would take too many rounds."""
    debit, credit, amount = (events[name] for name in ("debit", "credit", "amount"))
    # The row behind the last account stands for all that do not exist.
    balance, limit = np.append(accounts["balance"], 0), np.append(accounts["limit"], CLOSED)
    payer = np.where((debit >= 0) & (debit < ACCOUNTS), debit, ACCOUNTS)
    payee = np.where((credit >= 0) & (credit < ACCOUNTS), credit, ACCOUNTS)
    closed = (limit[payer] < 0) | (limit[payee] < 0)
    bad = (amount < 1) | (amount > AMOUNT_MAX)
    result = np.select(
        [closed, payer == payee, bad], [NO_ACCOUNT, SAME_ACCOUNT, BAD_AMOUNT], POSTED
    )
    possible = result == POSTED
    asked = np.where(possible, amount, 0)
    posted, done = decide(balance, limit, payer, payee, asked)
    result[~posted] = OVER_LIMIT

    paid, given = Entries(balance, payer, payee, asked).balances_after(posted)
    columns = (result, debit, credit, amount, paid, given)
    for name, column in zip(POSTING.names or (), columns, strict=True):
        postings[name][:done] = column[:done]
    moved = np.flatnonzero(possible[:done] & posted[:done])
    np.subtract.at(accounts["balance"], payer[moved], asked[moved])
    np.add.at(accounts["balance"], payee[moved], asked[moved])
    return done


def decide(
    balance: Array, limit: Array, payer: Array, payee: Array, asked: Array
) -> tuple[Array, int]:
    """Which transfers stay within the payer's limit; and how many of them, from the first on, this
    is settled for. Those that ask for nothing do."""
    posted = np.ones(len(asked), bool)
    due = np.zeros_like(balance)
    np.add.at(due, payer, asked)
    at_risk = due > balance + limit
    some = np.flatnonzero((asked > 0) & (at_risk[payer] | at_risk[payee]))
    if not len(some):
        return posted, len(posted)
    entries = Entries(balance, payer[some], payee[some], asked[some])
    # Of accounts that are not at risk not all entries are here.
    needed = np.where(at_risk[payer[some]], asked[some] - limit[payer[some]], -(2**62))
    guess, settled = posted[some], 0
    for _ in range(ROUNDS_MAX):
        better = entries.payers_before(guess) >= needed
        changed = np.flatnonzero(better != guess)
        if not len(changed):
            settled = len(posted)
            break
        settled = int(some[changed[0]]) + 1
        guess = better
    posted[some] = guess
    return posted, settled


class Entries:
    """Both sides of each transfer, account by account, and of one account in order."""

    def __init__(self, balance: Array, payer: Array, payee: Array, amount: Array) -> None:
        count = len(amount)
        accounts = np.empty(2 * count, np.uint16)  # few bits, which are quick to sort by
        accounts[0::2], accounts[1::2] = payer, payee
        amounts = np.empty(2 * count, np.int64)
        amounts[0::2], amounts[1::2] = -amount, amount
        order = np.argsort(accounts, kind="stable")
        place = np.empty(2 * count, np.intp)
        place[order] = np.arange(2 * count)
        self._paid, self._given = place[0::2], place[1::2]
        self._transfer = order >> 1
        self._amounts = amounts[order]
        accounts = accounts[order]
        starts = np.ones(2 * count, bool)
        starts[1:] = accounts[1:] != accounts[:-1]
        self._first = np.flatnonzero(starts)
        self._account = np.cumsum(starts) - 1
        self._balance = balance[accounts[self._first]]

    def _sum_up(self, posted: Array) -> tuple[Array, Array]:
        """What each entry moves, and the balance of its account after it."""
        moved = self._amounts * posted[self._transfer]
        sums = np.cumsum(moved)
        opening = self._balance - (sums - moved)[self._first]
        return moved, sums + opening[self._account]

    def payers_before(self, posted: Array) -> Array:
        """For each transfer the payer's balance before it."""
        moved, after = self._sum_up(posted)
        return (after - moved)[self._paid]

    def balances_after(self, posted: Array) -> tuple[Array, Array]:
        """For each transfer the payer's and the payee's balance after it."""
        _, after = self._sum_up(posted)
        return after[self._paid], after[self._given]


# -- natively, in C -------------------------------------------------------------------------------


def native_step() -> hr.Native | None:
    """The step in ledger_step.c; None, with a warning that says why, where it cannot be made."""
    names = ("ACCOUNTS", "AMOUNT_MAX", "TRANSFER", "LIMIT", "POSTED", "UNKNOWN_KIND")
    names += ("NO_ACCOUNT", "SAME_ACCOUNT", "BAD_AMOUNT", "OVER_LIMIT")
    macros = [f"-D{name}={globals()[name]}" for name in names]
    try:
        library = compiled(Path(__file__).with_name("ledger_step.c"), macros)
    except CannotCompile as error:
        warnings.warn(f"the ledger runs without its native step: {error}", stacklevel=2)
        return None
    return hr.Native(step=library.ledger_step, step_batch=library.ledger_step_batch)


class CannotCompile(Exception):
    """Why there is no native step, and what to do about it."""


def compiled(source: Path, macros: list[str]) -> ctypes.CDLL:
    """Load a C file as a library; compiled once, and kept in the user's cache folder.

    Compiles with `cc`, or what the environment variable CC names. Raises CannotCompile.
    """
    command = [*shlex.split(os.environ.get("CC") or "cc"), "-std=c11", "-O3", "-shared", "-fPIC"]
    command += ["-I", hr.get_include(), *macros]
    made_of = "\0".join([source.read_text(), *command, platform.machine()])
    version = hashlib.blake2b(made_of.encode(), digest_size=8).hexdigest()
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "headrace")
        cache.mkdir(parents=True, exist_ok=True)
        library = cache / f"{source.stem}-{version}.so"
        if not library.exists():
            compile_to(library, command, source)
        return ctypes.CDLL(str(library))
    except (OSError, RuntimeError) as error:
        raise CannotCompile(
            f"{error}; XDG_CACHE_HOME may name another folder for what is compiled"
        ) from None


def compile_to(library: Path, command: list[str], source: Path) -> None:
    """Run the compiler. Two processes may do so at once: each makes a file of its own first."""
    if shutil.which(command[0]) is None:
        raise CannotCompile(
            f"there is no C compiler called {command[0]!r}; install one (Debian: apt-get install "
            "gcc libc6-dev), or name yours: CC=/path/to/cc"
        )
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        made = Path(folder, library.name)
        command = [*command, "-o", str(made), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotCompile(f"{shlex.join(command)} failed:\n{done.stderr}")
        made.replace(library)


ledger = hr.machine(
    event=EVENT,
    output=POSTING,
    initial=no_accounts,
    name="ledger",
    step_batch=step_batch,
    native=native_step(),
)(step)


# -- the demonstration ----------------------------------------------------------------------------


def some_events(count: int, seed: int = 7) -> Array:
    """Accounts being opened, then `count` transfers, always the same for a seed; some are wrong."""
    chance = np.random.default_rng(seed)
    opened = np.zeros(ACCOUNTS, EVENT)
    opened["kind"] = LIMIT
    opened["debit"] = np.arange(ACCOUNTS)
    opened["amount"] = chance.integers(0, 20_000_00, ACCOUNTS)
    transfers = np.zeros(count, EVENT)
    # Squared, so that some accounts are far busier than others; the highest numbers do not exist.
    for side in ("debit", "credit"):
        transfers[side] = chance.random(count) ** 2 * (ACCOUNTS + 1)
    transfers["amount"] = np.exp(chance.normal(9, 1.5, count)).astype(np.int64)
    return np.concatenate([opened, transfers])


def run(kind: str, events: Array) -> tuple[float, Array, Array]:
    """Seconds, how often each result came, and the accounts in the end."""
    counts = np.zeros(len(RESULTS), np.int64)
    begin = time.perf_counter()
    with hr.Engine(ledger, step=kind) as engine:
        for start in range(0, len(events), 16384):
            engine.publish(events[start : start + 16384])
            for postings in engine.outputs():
                counts += np.bincount(postings["result"], minlength=len(RESULTS))
        return time.perf_counter() - begin, counts, engine.state


def compare(events: Array) -> bool:
    """Run the events through every step, and print what came of it; whether the steps agree."""
    kinds = ["python", "batch", *(["native"] if ledger.native else [])]
    outcomes = set()
    print(f"{len(events):,} events, {ACCOUNTS:,} accounts\n")
    print(f"{'step':8}{'seconds':>9}{'events/s':>14}   state digest")
    for kind in kinds:
        seconds, counts, accounts = run(kind, events)
        digest = state_digest(accounts)
        outcomes.add((digest, *counts.tolist()))
        print(f"{kind:8}{seconds:9.3f}{len(events) / seconds:14,.0f}   {digest}")
    print()
    for name, number in zip(RESULTS, counts.tolist(), strict=True):
        print(f"{name:14}{number:12,}")
    balance, limit = accounts["balance"], accounts["limit"]
    print(f"\nsum of all balances: {balance.sum() / 100:,.2f}")
    print(f"owed by some, owned by others: {balance[balance > 0].sum() / 100:,.2f}")
    print(f"accounts beyond their limit: {(balance < -np.maximum(limit, 0)).sum()}")
    return len(outcomes) == 1


def main() -> None:
    """The command line of the demonstration."""
    parser = argparse.ArgumentParser(description="Transfers through the three steps of a ledger.")
    parser.add_argument("transfers", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--save", metavar="FILE", help="write the events to this .npy file as well")
    options = parser.parse_args()
    events = some_events(options.transfers)
    if options.save:
        np.save(options.save, events)
    if not compare(events):
        sys.exit("the steps do not agree")
    print("the steps agree: the same results and the same state")


if __name__ == "__main__":
    main()
