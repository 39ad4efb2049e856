"""The ledger example: its three steps against each other and against plain bookkeeping."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine import Stepper
from headrace.state import state_digest
from headrace.testing import check_machine

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ledger.py"
HUGE = 2**63 - 1

Array = np.ndarray[Any, Any]
Event = tuple[int, int, int, int]


def load() -> Any:
    spec = importlib.util.spec_from_file_location("ledger_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


ledger = load()
KINDS = ["python", "batch", "native"] if shutil.which("cc") else ["python", "batch"]


class Refusal(Exception):
    """Raised with the name of the reason."""


class Books:
    """Bookkeeping as one would write it down, without arrays; nothing in common with the example
    but the numbers of kinds and results."""

    def __init__(self) -> None:
        self.limits: dict[int, int] = {}
        self.balances: dict[int, int] = {}

    def enter(self, event: Event) -> tuple[int, ...]:
        kind, debit, credit, amount = event
        try:
            if kind == 1:
                self.set_limit(debit, amount)
            elif kind == 0:
                self.transfer(debit, credit, amount)
            else:
                raise Refusal("unknown kind")
            result = "posted"
        except Refusal as refusal:
            result = str(refusal)
        balances = self.balances.get(debit, 0), self.balances.get(credit, 0)
        return (ledger.RESULTS.index(result), debit, credit, amount, *balances)

    def set_limit(self, account: int, amount: int) -> None:
        if account not in range(4096):
            raise Refusal("no account")
        if amount not in range(10**14 + 1):
            raise Refusal("bad amount")
        if -self.balances.get(account, 0) > amount:
            raise Refusal("over limit")
        self.limits[account] = amount
        self.balances.setdefault(account, 0)

    def transfer(self, debit: int, credit: int, amount: int) -> None:
        if not {debit, credit} <= self.limits.keys():
            raise Refusal("no account")
        if debit == credit:
            raise Refusal("same account")
        if amount not in range(1, 10**14 + 1):
            raise Refusal("bad amount")
        if self.balances[debit] - amount < -self.limits[debit]:
            raise Refusal("over limit")
        self.balances[debit] -= amount
        self.balances[credit] += amount


def by_books(events: Array) -> tuple[list[tuple[int, ...]], Array]:
    """The postings, and the accounts in the end."""
    books = Books()
    postings = [books.enter(event) for event in events.tolist()]
    accounts = ledger.no_accounts()
    for number, limit in books.limits.items():
        accounts[number] = books.balances[number], limit
    return postings, accounts


def by_machine(kind: str, events: Array, sizes: list[int]) -> tuple[list[tuple[int, ...]], Array]:
    """The same from a step of the machine, over batches of these sizes, again and again."""
    stepper = Stepper(ledger.ledger, kind)
    postings: list[tuple[int, ...]] = []
    for begin, end in spans(len(events), sizes):
        records = stepper.run(events[begin:end])
        assert records["input_sequence"].tolist() == list(range(begin, end))
        postings += records[list(ledger.POSTING.names)].tolist()
        balance, limit = stepper.state["balance"], stepper.state["limit"]
        assert balance.sum() == 0
        assert (balance >= -np.maximum(limit, 0)).all()
    return postings, stepper.state


def spans(count: int, sizes: list[int]) -> Iterator[tuple[int, int]]:
    begin = turn = 0
    while begin < count:
        end = min(count, begin + sizes[turn % len(sizes)])
        yield begin, end
        begin, turn = end, turn + 1


def assert_all_agree(events: Array, sizes: list[int]) -> list[tuple[int, ...]]:
    postings, accounts = by_books(events)
    for kind in KINDS:
        made, state = by_machine(kind, events, sizes)
        assert made == postings, kind
        assert state.tobytes() == accounts.tobytes(), kind
    return postings


# Few accounts, and amounts around their limits: most decisions hang on those before.
NUMBERS = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 4095, 4096, -1, 2**40, HUGE, -HUGE - 1])
AMOUNTS = st.one_of(
    st.integers(-1, 60), st.sampled_from([10**14, 10**14 + 1, HUGE, -HUGE - 1, 2**62])
)
EVENTS = st.one_of(
    st.tuples(st.just(0), st.integers(0, 5), st.integers(0, 5), st.integers(1, 60)),
    st.tuples(st.just(1), st.integers(0, 5), st.just(0), st.integers(0, 60)),
    st.tuples(st.integers(-1, 2), NUMBERS, NUMBERS, AMOUNTS),
)
SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=4)


@pytest.mark.parametrize("rounds_max", [1, 2, 40])
@settings(max_examples=60)
@given(events=st.lists(EVENTS, max_size=60), sizes=SIZES, together_max=st.sampled_from([3, 4096]))
def test_steps_agree(
    events: list[Event], sizes: list[int], rounds_max: int, together_max: int
) -> None:
    with mock.patch.multiple(
        ledger, TOGETHER_MIN=1, TOGETHER_MAX=together_max, ROUNDS_MAX=rounds_max
    ):
        assert_all_agree(np.array(events, ledger.EVENT), sizes)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    accounts=st.integers(2, 60),
    limit=st.integers(10, 100),
    size=st.sampled_from([127, 128, 700, 2000]),
)
def test_steps_agree_on_long_batches(seed: int, accounts: int, limit: int, size: int) -> None:
    chance = np.random.default_rng(seed)
    events = np.zeros(2000, ledger.EVENT)
    events["kind"] = chance.random(2000) < 0.002
    events["debit"], events["credit"] = chance.integers(0, accounts, (2, 2000))
    events["amount"] = chance.integers(0, 120, 2000)
    events[:accounts] = [(1, number, 0, limit) for number in range(accounts)]
    results = [posting[0] for posting in assert_all_agree(events, [size])]
    assert set(results) >= {ledger.POSTED, ledger.OVER_LIMIT}


def test_each_reason() -> None:
    events: list[Event] = [
        (1, 1, 0, 100),
        (1, 2, 0, 0),
        (2, 1, 2, 5),  # unknown kind
        (0, 1, 3, 5),  # no account: not opened
        (0, 3, 1, 5),
        (0, 1, 4096, 5),  # no account: no such number
        (0, -1, 1, 5),
        (1, 4096, 0, 5),
        (0, 1, 1, 5),  # same account
        (0, 1, 2, 0),  # bad amount
        (0, 1, 2, 10**14 + 1),
        (1, 1, 0, -1),
        (0, 1, 2, 101),  # over limit
        (0, 1, 2, 100),
        (1, 1, 0, 99),  # over limit: the balance is -100 by now
        (0, 2, 1, 101),  # over limit: it owns 100, and may owe nothing
        (0, 2, 1, 100),
    ]
    results = [ledger.RESULTS[posting[0]] for posting in assert_all_agree_short(events)]
    assert results == [
        *["posted"] * 2,
        "unknown kind",
        *["no account"] * 5,
        "same account",
        *["bad amount"] * 3,
        "over limit",
        "posted",
        *["over limit"] * 2,
        "posted",
    ]


def assert_all_agree_short(events: list[Event]) -> list[tuple[int, ...]]:
    with mock.patch.object(ledger, "TOGETHER_MIN", 1):
        return assert_all_agree(np.array(events, ledger.EVENT), [len(events)])


def chain(length: int) -> list[Event]:
    """Money that is handed on from account to account; each hop hangs on the one before."""
    opened: list[Event] = [(1, number, 0, 10 if number == 0 else 0) for number in range(length + 1)]
    return opened + [(0, number, number + 1, 10) for number in range(length)]


@pytest.mark.parametrize("first_limit", [10, 9])
def test_long_chain_of_dependent_transfers(first_limit: int) -> None:
    events = np.array(chain(300), ledger.EVENT)
    events["amount"][0] = first_limit
    postings = assert_all_agree(events, [len(events)])
    wanted = ledger.POSTED if first_limit == 10 else ledger.OVER_LIMIT
    assert {posting[0] for posting in postings[301:]} == {wanted}


def test_a_batch_is_decided_together_as_far_as_rounds_allow() -> None:
    events = np.array(chain(300), ledger.EVENT)
    events["amount"][0] = 9
    postings = np.zeros(300, ledger.POSTING)
    accounts, _ = ledger.step_batch(ledger.no_accounts(), events[:301])
    done = ledger.transfer_together(accounts, events[301:], postings)
    assert done == ledger.ROUNDS_MAX  # each round refuses one more
    assert set(postings["result"][:done].tolist()) == {ledger.OVER_LIMIT}
    accounts["limit"][0] = 10
    assert ledger.transfer_together(accounts, events[301:], postings) == 300
    assert accounts["balance"][[0, 300]].tolist() == [-10, 10]


def test_accounts_at_the_largest_amounts() -> None:
    most = 10**14
    events: list[Event] = [(1, number, 0, most) for number in range(4096)]
    events += [(0, number, 0, most) for number in range(1, 4096)]
    events += [(0, 0, number, most) for number in range(1, 4096)] + [(0, 0, 1, most)] * 200
    postings = assert_all_agree(np.array(events, ledger.EVENT), [len(events)])
    assert max(posting[5] for posting in postings) == 4095 * most
    assert [posting[0] for posting in postings[-200:]] == [0] + [ledger.OVER_LIMIT] * 199


def test_the_library_finds_nothing() -> None:
    check_machine(ledger.ledger, ledger.some_events(300), journal=True)


def test_demonstration(tmp_path: Path) -> None:
    saved = tmp_path / "events.npy"
    command = [sys.executable, str(EXAMPLE), "20000", "--save", str(saved)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "the steps agree" in done.stdout
    assert "sum of all balances: 0.00\n" in done.stdout
    assert "accounts beyond their limit: 0\n" in done.stdout
    postings, accounts = by_books(np.load(saved))
    assert done.stdout.count(state_digest(accounts)) == len(KINDS)
    results = np.bincount([posting[0] for posting in postings], minlength=6)
    for name, count in zip(ledger.RESULTS, results.tolist(), strict=True):
        assert f"\n{name:14}{count:12,}" in done.stdout


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"CC": "no-such-compiler"}, "no C compiler called 'no-such-compiler'; install one"),
        ({"CC": "false"}, "ledger_step.c failed"),
        ({"XDG_CACHE_HOME": "/proc/nowhere"}, "XDG_CACHE_HOME may name another folder"),
    ],
)
def test_without_a_compiler(
    environment: dict[str, str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.warns(UserWarning, match="runs without its native step") as caught:
        assert ledger.native_step() is None
    assert told in str(caught[0].message)
    assert not list(tmp_path.rglob("*.so"))


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler here")
def test_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert ledger.native_step() is not None
    made = list((tmp_path / "headrace").iterdir())
    assert [path.suffix for path in made] == [".so"]
    monkeypatch.setattr(ledger, "compile_to", mock.Mock(side_effect=AssertionError))
    assert ledger.native_step() is not None
    monkeypatch.setattr(ledger, "ACCOUNTS", 8)  # other numbers: another library
    with pytest.raises(AssertionError):
        ledger.native_step()
