"""What a crash may do to the disk of a node: nothing to what was synced, and no third value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from headrace.simulation.file_disk import FileDisk
from headrace.simulation.node_disk import NodeDisk

KEYS = ("a", "b", "a key with spaces / and more")
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(KEYS), st.one_of(st.none(), st.integers(0, 9))),
        st.tuples(st.just("write"), st.sampled_from(KEYS), st.binary(max_size=2000)),
        st.just(("sync",)),
        st.just(("crash",)),
        st.just(("crash in a sync",)),
    ),
    max_size=25,
)


def disk_of(kind: str, seed: int) -> Any:
    sync_ns = (10, 20)
    return NodeDisk(seed, 3, sync_ns) if kind == "values" else FileDisk(seed, 3, sync_ns, {})


@pytest.mark.parametrize("kind", ["values", "files"])
@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), actions=ACTIONS)
def test_what_a_crash_leaves(kind: str, seed: int, actions: list[tuple[Any, ...]]) -> None:
    disk = disk_of(kind, seed)
    may_be: dict[str, list[Any]] = {key: [None] for key in KEYS}  # the first one is safe
    for action in [*actions, ("crash",)]:
        if action[0] == "write":
            disk.write(*action[1:])
            may_be[action[1]].append(action[2])
        elif action[0] == "sync":
            assert 10 <= disk.begin_sync() <= 20
            disk.end_sync()
            may_be = {key: values[-1:] for key, values in may_be.items()}
        else:
            if action[0] == "crash in a sync":
                disk.begin_sync()
            disk.crash()
            durable = disk.open()
            for key, values in may_be.items():
                found = durable.get(key)
                assert found in values
                assert type(found) in set(map(type, values))
                if len(values) == 1:
                    assert key not in durable.damaged
                event(f"{'first' if found == values[0] else 'later'} of {len(values)}")
            event(f"damaged {len(durable.damaged)}")
            assert set(durable) <= set(KEYS)
            may_be = {key: [durable.get(key)] for key in KEYS}
            for key in durable.damaged:
                disk.write(key, durable.get(key))  # as a node that goes on with what it has
            disk.begin_sync()
            disk.end_sync()


@pytest.mark.parametrize("kind", ["values", "files"])
def test_every_outcome_comes(kind: str) -> None:
    outcomes = set()
    for seed in range(60):
        disk = disk_of(kind, seed)
        disk.write("a", 1)
        disk.begin_sync()
        disk.end_sync()
        disk.write("a", 2)
        disk.crash()
        durable = disk.open()
        outcomes.add((durable["a"], "a" in durable.damaged))
    assert outcomes == {(1, False), (2, False), (1, True)}


@pytest.mark.parametrize("kind", ["values", "files"])
def test_a_misdirected_write_and_errors_of_reading(kind: str) -> None:
    disk = disk_of(kind, 5)
    for key in KEYS:
        disk.write(key, key)
    disk.begin_sync()
    disk.end_sync()
    disk.misdirected = 1
    disk.write("a", "new")
    disk.begin_sync()
    disk.end_sync()
    disk.crash()
    durable = disk.open()
    assert durable["a"] == "a"
    assert durable.damaged - {"a"}
    assert disk.misdirected == 0
    disk.unreadable = True
    unread = disk.open().damaged
    assert all(value == key for key, value in disk.open().items())
    disk.unreadable = False
    assert disk.open().damaged == durable.damaged
    assert unread >= durable.damaged
    disk.lose()
    assert dict(disk.open()) == {}


@pytest.mark.parametrize("kind", ["values", "files"])
def test_a_disk_holds_values_and_not_objects(kind: str) -> None:
    disk = disk_of(kind, 5)
    log = ["first"]
    disk.write("log", log)
    log.append("later")
    assert disk.unsynced == [("log", ["first"])]
    disk.begin_sync()
    disk.end_sync()
    found = disk.open()["log"]
    assert found == ["first"]
    found.append("later")
    assert disk.open() == disk.kept == {"log": ["first"]}
    assert disk.unsynced == []


@pytest.mark.parametrize("kind", ["values", "files"])
def test_what_cannot_be_read_is_never_another_value(kind: str) -> None:
    unread = 0
    for seed in range(10):
        disk = disk_of(kind, seed)
        for key in KEYS:
            disk.write(key, key)
        disk.begin_sync()
        disk.end_sync()
        disk.unreadable = True
        found = disk.open()
        assert all(value == key for key, value in found.items())
        assert set(found) | found.damaged == set(KEYS)
        unread += len(found.damaged)
    assert 5 <= unread <= 25
