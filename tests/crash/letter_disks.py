"""Engines on a simulated disk, with a journal in /j and dead letters in /dead."""

from __future__ import annotations

from journal_tools import SEGMENT_BYTES
from letter_tools import engine, reinjected_in

import headrace as hr
from headrace.journal.letters import LOST, REINJECTED, WAITING
from headrace.journal.reader import read_journal
from headrace.machine import Machine
from headrace.simulation import SimulatedDisk

SECONDS = 30


def journal_of(
    disk: SimulatedDisk, level: str = "fsync", segment_bytes: int = SEGMENT_BYTES
) -> hr.Journal:
    return hr.Journal(
        "/j", disk=disk, level=level, segment_bytes=segment_bytes, snapshot_every=None
    )


def letters_of(disk: SimulatedDisk, level: str = "fsync") -> hr.Journal:
    return hr.Journal("/dead", disk=disk, level=level, segment_bytes=SEGMENT_BYTES)


def open_engine(machine: Machine, disk: SimulatedDisk, level: str = "fsync") -> hr.Engine:
    return engine(machine, journal_of(disk, level), letters_of(disk))


def inputs_of(disk: SimulatedDisk) -> list[int]:
    frames = read_journal(disk, "/j").frames()
    return [int(each) for frame in frames for each in frame.events["amount"]]


def check_one_letter_each(disk: SimulatedDisk, *, lost: bool) -> None:
    given = inputs_of(disk)
    letters = list(hr.DeadLetters(letters_of(disk)))
    if not lost:
        assert all(letter.fate != LOST for letter in letters), disk.origin
    own = [letter for letter in letters if letter.fate != LOST]
    found = sorted((letter.sequence, int(letter.event["amount"][0])) for letter in own)
    again = dict(reinjected_in("/j", disk))
    assert found == [(at, value) for at, value in enumerate(given) if value < 0], disk.origin
    for letter in own:
        assert letter.fate in (WAITING, REINJECTED), (letter, disk.origin)
        assert again.get(letter.number) == letter.reinjected_as, (letter, disk.origin)
        assert letter.input_time_ns > 0
