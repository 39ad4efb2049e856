"""What the tests of the journal's commands share: journals of the machines in cli_tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from cli_tools import TRADE

import headrace as hr
from headrace.cli.loading import load

BATCH = 100


def trades(count: int, first: int = 0) -> Any:
    """Different ones, the same each time."""
    numbers = np.arange(first, first + count)
    made = np.zeros(count, TRADE)
    made["account"], made["amount"] = numbers % 5, numbers % 12
    return made


def write_journal(
    folder: Path | str,
    machine: str = "total",
    batches: int = 30,
    snapshots: tuple[int, ...] = (),
    **options: Any,
) -> list[Path]:
    """Batches of trades through a machine of machines.py; the segments."""
    chosen = {"segment_bytes": 1 << 16, "snapshot_every": None, "digest_every": 500, **options}
    with hr.Engine(load(f"machines.py:{machine}"), journal=hr.Journal(str(folder), **chosen)) as e:
        for index in range(batches):
            e.publish(trades(BATCH, index * BATCH))
            e.drain()
            if e.output_ring is not None:
                list(e.outputs())
            if index + 1 in snapshots:
                e.snapshot()
    return sorted(Path(folder).glob("*.segment"))


def words(text: str) -> str:
    """A text without the ends of its lines."""
    return " ".join(text.split())
