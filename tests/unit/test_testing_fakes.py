"""Fakes and contracts: a machine in the place of something real, and held to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import strategies as st

import headrace as hr
from headrace.errors import ContractBroken, UsageError
from headrace.testing import FakeFaults, contract, fake

ADD = np.dtype([("account", "i8"), ("amount", "i8")])
TOTAL = np.dtype([("account", "i8"), ("total", "i8")])


@hr.machine(event=ADD, output=TOTAL, initial=dict)
def totals(state: Any, account: int, amount: int) -> Any:
    if amount == 13:
        raise ValueError("unlucky")
    state[account] = state.get(account, 0) + amount
    return state, (account, state[account])


class Push(msgspec.Struct, frozen=True):
    item: int


class Pop(msgspec.Struct, frozen=True):
    pass


class Stack(hr.Model):
    def initial(self) -> list[int]:
        return []

    def step(self, state: list[int], request: Any) -> tuple[list[int], Any]:
        if isinstance(request, Push):
            return [*state, request.item], None
        return state[:-1], state[-1]


class RealStack:
    def __init__(self, limit: int = 10**9) -> None:
        self.items: list[int] = []
        self.limit = limit

    def __call__(self, request: Any) -> Any:
        if isinstance(request, Push):
            self.items = [*self.items, request.item][-self.limit :]
            return None
        return self.items.pop()


COMMANDS = st.one_of(st.builds(Push, st.integers(0, 9)), st.just(Pop()))


def test_a_fake_answers_as_the_machine_does() -> None:
    stand_in = fake(totals)
    assert stand_in.call((1, 5)) == (1, 5)
    assert stand_in.call({"account": 1, "amount": 2}) == (1, 7)
    assert stand_in.state == {1: 7}
    assert [call.reply for call in stand_in.calls] == [(1, 5), (1, 7)]
    with pytest.raises(ValueError, match="unlucky"):
        stand_in.call((1, 13))


def test_faults_by_script() -> None:
    stand_in = fake(Stack(), FakeFaults(script=["refuse", "lose"], error=TimeoutError))
    with pytest.raises(TimeoutError, match="refused"):
        stand_in.call(Push(1))
    assert stand_in.state == []
    with pytest.raises(TimeoutError, match="lost"):
        stand_in.call(Push(2))
    assert stand_in.state == [2]
    assert stand_in.call(Pop()) == 2
    assert [call.turn for call in stand_in.calls] == ["refuse", "lose", "ok"]


def test_faults_by_chance_are_the_same_for_a_seed() -> None:
    def turns(seed: int) -> list[str]:
        stand_in = fake(Stack(), FakeFaults(refuse=0.3, lose=0.3, seed=seed))
        for number in range(50):
            try:
                stand_in.call(Push(number))
            except ConnectionError:
                continue
        return [call.turn for call in stand_in.calls]

    assert turns(1) == turns(1) != turns(2)
    assert {"ok", "refuse", "lose"} == set(turns(1))


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        (lambda: FakeFaults(refuse=0.8, lose=0.3), "together at most 1"),
        (lambda: FakeFaults(script=["fail"]), "'fail' is none of"),
    ],
)
def test_faults_that_cannot_be(faults: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        faults()


def test_a_contract_that_holds() -> None:
    assert contract(Stack(), RealStack, commands=COMMANDS, examples=50) > 100


def test_a_contract_of_a_machine_needs_no_commands() -> None:
    @contextmanager
    def real() -> Iterator[Any]:
        sums: dict[int, int] = {}

        def ask(request: tuple[int, int]) -> list[Any]:
            account, amount = request
            if amount == 13:
                raise KeyError("as unlucky")
            sums[account] = (sums.get(account, 0) + amount + 2**63) % 2**64 - 2**63
            return [(account, sums[account])]

        yield ask

    @hr.machine(event=ADD, output=TOTAL, initial=dict)
    def wrapping(state: Any, account: int, amount: int) -> Any:
        if amount == 13:
            raise ValueError("unlucky")
        state[account] = (state.get(account, 0) + amount + 2**63) % 2**64 - 2**63
        return state, (account, state[account])

    assert contract(wrapping, real, examples=30) > 30


def test_a_contract_that_is_broken_is_told_with_few_commands() -> None:
    with pytest.raises(ContractBroken) as caught:
        contract(Stack(), lambda: RealStack(limit=2), commands=COMMANDS, examples=500)
    told = str(caught.value)
    assert "behind these 6 commands" in told
    assert told.count("Push(item=") == 3
    assert "the real one raises IndexError" in told


def test_another_reply_is_told() -> None:
    with pytest.raises(ContractBroken, match="reply: None") as caught:
        contract(Stack(), lambda: lambda request: 0, commands=st.builds(Push, st.integers()))
    assert "behind these 1 commands" in str(caught.value)


def test_a_model_needs_commands() -> None:
    with pytest.raises(UsageError, match="commands="):
        contract(Stack(), RealStack)


def test_neither_machine_nor_model() -> None:
    with pytest.raises(UsageError, match=r"a headrace\.Machine or a headrace\.Model is wanted"):
        fake(len)  # type: ignore[arg-type]


def test_a_model_without_a_step_is_no_refusal() -> None:
    class Empty(hr.Model):
        pass

    for use in (
        lambda: hr.linearizable([hr.Operation("a", 0, 1, 5, None)], Empty()),
        lambda: fake(Empty()),
        lambda: contract(Empty(), RealStack, commands=COMMANDS),
    ):
        with pytest.raises(UsageError, match="model Empty has no step; define step"):
            use()
