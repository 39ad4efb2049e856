"""Every figure runs, tiny, and its contestants compute what they should; a wrong one is seen."""

from __future__ import annotations

import numpy as np
import pytest

from bench import machines, yardstick
from bench.calibration import calibrate
from bench.figures import FIGURES, selected
from bench.measure import Figure, Plan, run_figure
from bench.peers import records

PEERS = {
    "LMAX",
    "multiprocessing.Queue",
    "faster-fifo",
    "pyzmq",
    "iceoryx2",
    "river",
    "river's sums in a dict",
    "bytewax",
    "eventsourcing",
    "redis stream",
    "seedloop",
    "simloom",
}


@pytest.mark.serial
@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_answers(figure: Figure) -> None:
    result = run_figure(figure, Plan(quick=True), calibrate)
    assert result.faults() == []
    assert {name.split(" (")[0] for name in result.missing} <= PEERS
    assert set(result.samples) | set(result.missing) == set(figure.contestants)
    # Other people's software may break down here, and is left out then.
    ran = {name: len(samples) for name, samples in result.samples.items()}
    assert {name for name, count in ran.items() if count != 1} <= set(result.failed)
    for line, check in zip(result.lines, figure.checks, strict=True):
        if "why" not in line:
            assert line["ours"]["median"] > 0
            assert (line["reached"] is None) == (check.target is None)
    for moment in (result.before, result.after):
        assert moment["flags_ns"] > 0
        assert moment["memcpy_gb_s"] > 0
    if result.missing:
        left_out = "; ".join(f"{name}: {why}" for name, why in result.missing.items())
        pytest.skip(f"right, without {left_out}")


def test_names_and_checks() -> None:
    names = [figure.name for figure in FIGURES]
    assert len(set(names)) == len(names)
    for figure in FIGURES:
        for check in figure.checks:
            assert {check.of, check.to} <= set(figure.contestants)
            assert check.kind in ("ratio", "difference", "value")
            assert check.relation in (">=", "<=")


def test_selection() -> None:
    assert selected([]) == list(FIGURES)
    assert [figure.name for figure in selected(["idle"])] == ["idle"]
    assert [figure.name for figure in selected(["two-to-one-*"])] == [
        f"two-to-one-batch-{batch}" for batch in (1, 16, 64)
    ]
    with pytest.raises(ValueError, match=r"'sideways'.*--list"):
        selected(["idle", "sideways"])


# What the answers are held to is itself held to something slower and plainer.


@pytest.mark.parametrize("words", [1, 8])
def test_expected_sums(words: int) -> None:
    events = np.arange(100, dtype=np.uint64)[:, None] + np.arange(words, dtype=np.uint64)
    assert yardstick.sum_of_words(100, words) == int(events.sum())
    assert yardstick.expected(100, words, producers=2) == yardstick.answer(
        200, 2 * int(events.sum()), 0
    )


def test_expected_totals_by_key() -> None:
    count = machines.LAP + 1234
    totals: dict[int, int] = {}
    for events in machines.payment_laps(count):
        for key, amount in events.tolist():
            totals[key] = totals.get(key, 0) + amount
    assert sum(len(events) for events in machines.payment_laps(count)) == count
    assert machines.sums_digest(totals) == machines.sums_answer(count)
    totals[17] += 1
    assert machines.sums_digest(totals) != machines.sums_answer(count)


def test_expected_tallies() -> None:
    events = machines.orders(500)
    state = [0]
    for row in events.tolist() * 3:
        state, _ = machines.tally_step(state, *row)
    assert state[0] == machines.tally_answer(events, 3)
    by_batch, _ = machines.tally_batch(machines.new_tally(), events)
    assert by_batch.item() == machines.fixed_answer(events, 1)


def received(batch: int, count: int) -> tuple[records.Area, int]:
    """An area into which `count` records were copied, `batch` at a time."""
    area, position, size = records.Area(), 0, batch * records.RECORD_BYTES
    blocks = records.blocks(batch)
    for index in range(count // batch):
        if position == records.AREA_RECORDS * records.RECORD_BYTES:
            position = area.wrap(records.AREA_RECORDS)
        area.view[position : position + size] = blocks[index % len(blocks)]
        position += size
    return area, position // records.RECORD_BYTES


@pytest.mark.parametrize(("batch", "count"), [(1, 300), (64, 64 * 300), (1024, 1024 * 40)])
def test_area_knows_wrong_records(batch: int, count: int) -> None:
    area, position = received(batch, count)
    assert area.answer(count, position) == records.expected(count)
    assert area.answer(count - batch, position) != records.expected(count)
    area.view[(position - 1) * records.RECORD_BYTES + 5] ^= 1
    assert area.answer(count, position) == f"{count} records, 1 wrong"
    area.rewind()
    assert area.answer(0, 0) == records.expected(0)


def test_area_sees_swapped_records() -> None:
    area, position = received(1, 100)
    first, second = bytes(area.view[:64]), bytes(area.view[64:128])
    area.view[:64], area.view[64:128] = second, first
    assert area.answer(100, position) == "100 records, 2 wrong"


