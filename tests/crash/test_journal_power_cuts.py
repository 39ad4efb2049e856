"""The power is cut at every operation of a journal's life, and of every recovery from that.

Whatever the disk may keep of what was not synced: recovery succeeds, finds the inputs that were
given, in order, none twice, and all that it had said were safe; and goes on.
"""

from __future__ import annotations

import pytest
from lengths import cases
from power_tools import (
    Session,
    Story,
    check_crashing_recovery,
    check_recovery,
    crashed,
    operations_of,
    remains,
)

from headrace.simulation import SimulatedDisk


class Life:
    """From nothing to a journal of several segments, opened again, at one level after another."""

    def __init__(self, *levels: str) -> None:
        self.levels = levels

    def __call__(self, disk: SimulatedDisk, story: Story) -> None:
        for turn, level in enumerate(self.levels):
            session = Session(disk, story, level)
            session.append(1)
            session.append(40, notes=True)
            session.append(900)
            if turn:
                session.spare()
            session.append(1300)
            session.append(1300)
            session.snapshot()
            session.append(0)
            session.append(3000, notes=True)
            session.append(5)
            session.spare()
            session.append(1300)
            session.append(700)
            if turn % 2:
                session.snapshot(kept=1)
            session.append(2)
            if turn + 1 < len(self.levels) and turn % 2 == 0:
                session.seal()
            else:
                session.lock.release()  # as if the process had died


LIVES = {
    "fsync": Life("fsync", "fsync"),
    "os": Life("os", "os"),
    "none": Life("none", "none"),
    "mixed": Life("os", "fsync", "none", "fsync"),
}


def test_lives_do_all_there_is_to_do() -> None:
    """Else cutting them short would show little."""
    for name, life in LIVES.items():
        operations = operations_of(life, SimulatedDisk(), Story())
        kinds = {operation.kind for operation in operations}
        assert kinds >= {"create", "write", "sync", "rename", "remove", "sync_folder"}
        rolls = [each for each in operations if each.kind == "rename" and ".segment" in str(each)]
        assert len(rolls) > 5, name
        assert any(each.kind == "remove" and ".segment" in str(each) for each in operations)


@pytest.mark.parametrize("name", cases(["fsync", "os", "none"], ["none"], str))
def test_every_operation(name: str) -> None:
    """One of the things that may be left after each."""
    life = LIVES[name]
    count = 0
    for number, (trial, story) in enumerate(crashed(life, SimulatedDisk(), Story())):
        left = list(remains(trial, story, 3, number))
        after, least = left[number % len(left)]
        check_recovery(after, story, life.levels[-1], least)
        count += 1
    assert count > 150


@pytest.mark.parametrize("name", cases(["fsync", "os", "none"], ["os", "none"], str))
def test_a_second_cut_in_the_recovery(name: str) -> None:
    """From some of the disks that a first one leaves, torn tails among them."""
    life = LIVES[name]
    torn = 0
    for number, (trial, story) in enumerate(crashed(life, SimulatedDisk(), Story())):
        if number % 48 == 11:
            after, least = list(remains(trial, story, 4, number))[-1]
            check_crashing_recovery(after, story, life.levels[-1], least, 1)
            torn += "kept" in Session(after, story, life.levels[-1], least).disk.names("/journal")
    assert torn


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", LIVES)
def test_every_operation_for_long(name: str) -> None:
    """With all subsets of what was not synced, where they are not too many, and torn sectors."""
    life = LIVES[name]
    parts = (1, 100, 4096 + 700)
    for number, (trial, story) in enumerate(crashed(life, SimulatedDisk(), Story(), parts)):
        for level in dict.fromkeys(("fsync", life.levels[-1])):
            for after, least in remains(trial, story, 40, number):
                check_recovery(after, story, level, least)


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", LIVES)
def test_second_cuts_for_long(name: str) -> None:
    life = LIVES[name]
    for number, (trial, story) in enumerate(crashed(life, SimulatedDisk(), Story())):
        for after, least in list(remains(trial, story, 4, number))[:: 3]:
            check_crashing_recovery(after, story, life.levels[-1], least, 2)
