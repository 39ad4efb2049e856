"""Topologies as values: what they are made of, and what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from topology_tools import EVENT, NUMBER, count, events, front, many, plain, sink, total

import headrace as hr
from headrace.compose import Chain, Pipeline
from headrace.compose.topology import PRESENT, SHARDS_MAX, Shard, Topology, paired_fields
from headrace.errors import MachineError, UsageError
from headrace.reference.topology import ReferenceTopology

OTHER = np.dtype([("other", "<f4")])


def machine(name: str, event: Any = EVENT, output: Any = EVENT) -> Any:
    @hr.machine(event=event, output=output, initial=int, name=name)
    def step(state, event):  # type: ignore[no-untyped-def]
        return state, None

    return step


# -- what they are -------------------------------------------------------------------------------


def test_machines_one_behind_the_other_are_a_pipeline() -> None:
    made = front >> count >> total
    assert isinstance(made, Pipeline)
    assert made.stages == made.machines == (front, count, total)
    assert (made.event, made.output) == (EVENT, NUMBER)
    assert made == hr.chain(front, count, total)
    assert made == hr.chain(front, hr.chain(count, total)), "chains in chains are one"


def test_parts_one_behind_the_other() -> None:
    made = front >> hr.shard(count, by="key", n=3) >> hr.fanout(plain, hr.chain(many, total))
    assert isinstance(made, Chain)
    assert not isinstance(made, Pipeline)
    assert [each.name for each in made.machines] == ["front", "count", "plain", "many", "total"]
    assert made.event == EVENT
    assert made.output == [
        ("plain_key", "<i4"), ("plain_value", "<i8"), ("total", "<i8"), (PRESENT, "<u8"),
    ]  # fmt: skip
    assert repr(made) == (
        "front >> shard(count, by='key', n=3) >> fanout(plain, many >> total)"
    )
    assert repr(hr.shard(front, by=["key", "value"], ordered=True)) == (
        "shard(front, by=('key', 'value'), n=2, ordered=True)"
    )


def test_a_topology_in_front_of_a_machine_and_behind_one() -> None:
    shards = hr.shard(count, by="key")
    assert (front >> shards).parts == (front, shards)
    assert (shards >> total).parts == (shards, total)
    assert (front >> (shards >> total)).parts == (front, shards, total)
    for other in (5, None, "count"):
        with pytest.raises(TypeError):
            shards >> other
        with pytest.raises(TypeError):
            other >> shards


ALIKE: list[Callable[[], Topology]] = [
    lambda: front >> count,
    lambda: front >> hr.shard(count, by="key"),
    lambda: hr.shard(count, by="key"),
    lambda: hr.shard(count, by="value"),
    lambda: hr.shard(count, by=("key", "value")),
    lambda: hr.shard(count),
    lambda: hr.shard(count, n=3),
    lambda: hr.shard(count, ordered=True),
    lambda: hr.shard(plain),
    lambda: hr.fanout(count),
    lambda: hr.fanout(count, plain),
    lambda: hr.fanout(plain, count),
]


def test_equal_if_made_alike() -> None:
    first, again = [make() for make in ALIKE], [make() for make in ALIKE]
    for index, one in enumerate(first):
        assert [one == other for other in again] == [place == index for place in range(len(ALIKE))]
        assert hash(one) == hash(again[index])
        assert one != one.parts
    assert len({*first, *again}) == len(ALIKE)


@pytest.mark.parametrize("make", ALIKE)
def test_pickled_and_back(make: Callable[[], Topology]) -> None:
    made = pickle.loads(pickle.dumps(make()))
    assert made == make()
    assert (made.event, made.output) == (make().event, make().output)
    assert [each.name for each in made.machines] == [each.name for each in make().machines]


# -- pairs ---------------------------------------------------------------------------------------


def test_one_branch_with_outputs_needs_no_pairs() -> None:
    assert hr.fanout(sink, plain).output == EVENT
    assert hr.fanout(total).output == NUMBER
    assert hr.fanout(sink).output is None
    assert hr.fanout(sink, machine("other_sink", output=None)).output is None


def test_pairs_have_what_is_there_and_zeros() -> None:
    run = ReferenceTopology(hr.fanout(count, sink, total))
    run.publish(events(3))
    made = run.outputs
    payload = ["count_key", "count_value", "total", PRESENT]
    # count puts out nothing for the first, one for the second, two for the third; total one each.
    assert made[payload].tolist() == [(0, 0, 0, 2), (1, 10, 1, 3), (2, 10, 3, 3), (2, 11, 0, 1)]
    assert made["input_sequence"].tolist() == [0, 1, 2, 2]
    assert made["output_index"].tolist() == [0, 0, 0, 1]


def test_names_of_pairs_are_of_what_comes_last() -> None:
    branch = hr.chain(front, hr.shard(count, by="key"))
    assert [name for name, _, _ in paired_fields(branch)] == ["count_key", "count_value"]
    inner = hr.fanout(plain, total)
    names = [name for name, _, _ in paired_fields(inner)]
    assert names == [
        "plain_total_plain_key", "plain_total_plain_value", "plain_total_total",
        "plain_total_present",
    ]  # fmt: skip
    assert paired_fields(total) == [("total", NUMBER, None)]


# -- what is refused -----------------------------------------------------------------------------


class Bare(hr.Machine):
    """A class, not a machine."""

    event = EVENT


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: hr.chain(), MachineError, "a chain needs at least one machine"),
        (lambda: Pipeline(), MachineError, "a pipeline needs at least one machine"),
        (lambda: hr.fanout(), UsageError, "a fan-out needs at least one branch"),
        (lambda: hr.chain(front, Bare), UsageError, r"Bare is a class of machines; make one: "),
        (lambda: hr.chain(front, 5), UsageError, "made of machines and topologies, not of 5"),
        (lambda: hr.shard(len), UsageError, "decorate a step function with @headrace.machine"),
        (lambda: hr.fanout(front, None), UsageError, "machines and topologies, not of None"),
        (lambda: front >> sink >> plain, MachineError, "sink has no outputs for plain to take"),
        (lambda: total >> plain, MachineError, "total puts out int64, but plain takes"),
        (lambda: front >> front, MachineError, "two stages are called 'front'"),
        (lambda: hr.fanout(front, front), MachineError, "two stages are called 'front'"),
        (
            lambda: hr.fanout(front, machine("odd", event=OTHER)),
            MachineError,
            "branches of a fan-out take the same events: front takes .*, and odd takes",
        ),
        (lambda: hr.shard(front, n=0), UsageError, f"number of shards, 1 to {SHARDS_MAX}, not 0"),
        (lambda: hr.shard(front, n=61), UsageError, "not 61"),
        (lambda: hr.shard(front, n=True), UsageError, "not True"),
        (lambda: hr.shard(front, n=2.0), UsageError, r"not 2\.0"),  # type: ignore[arg-type]
        (lambda: hr.shard(front, ordered=1), UsageError, "ordered is True or False"),  # type: ignore[arg-type]
        (lambda: hr.shard(front, by=()), UsageError, "by names a field of the event"),
        (lambda: hr.shard(front, by=5), UsageError, "by names a field of the event"),  # type: ignore[arg-type]
        (
            lambda: hr.shard(front, by="price"),
            UsageError,
            r"shard\(front, by='price'\): its events have no field 'price'; they have key, value",
        ),
        (
            lambda: hr.shard(machine("scalar", event=NUMBER), by="key"),
            UsageError,
            "no field 'key'; they have value",
        ),
        (
            lambda: hr.fanout(*[machine(f"m{index}") for index in range(65)]),
            UsageError,
            "65 branches have outputs to be paired; 64 at most can",
        ),
        (
            lambda: hr.fanout(
                machine("a", output=[("b_c", "<i8")]), machine("a_b", output=[("c", "<i8")])
            ),
            MachineError,
            "two fields 'a_b_c'; give a machine another name",
        ),
        (
            lambda: hr.fanout(machine("present", output=NUMBER), total),
            MachineError,
            "two fields 'present'",
        ),
    ],
)
def test_what_is_refused(make: Callable[[], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    "inner",
    [
        lambda: hr.shard(count, n=3),
        lambda: hr.chain(hr.shard(count), total),
        lambda: hr.fanout(plain, hr.shard(count)),
        lambda: hr.shard(hr.shard(count), by="key"),
    ],
)
def test_a_shard_by_index_begins_no_other_shard(inner: Callable[[], Any]) -> None:
    with pytest.raises(UsageError, match="goes by index, and begins another shard"):
        Shard(inner(), by="key")


def test_a_shard_by_index_behind_the_beginning_of_another_is_fine() -> None:
    made = hr.shard(hr.chain(front, hr.shard(count, n=3)), by="key")
    assert made.n == 2


def test_numbers_are_a_key_of_their_own() -> None:
    keyed = hr.shard(machine("scalar", event=NUMBER, output=NUMBER), by="value")
    assert keyed.by == ("value",)
