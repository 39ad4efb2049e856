"""The example of an elastic stage at work: everything that is published is done, and drawn."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_moment_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import elastic_live

    monkeypatch.setattr(elastic_live, "WAVE_S", 1)
    record, published, done = elastic_live.drive(0.8)
    assert published == done > 0
    assert len(record) > 0
    assert set(record["workers"]) <= set(range(1, elastic_live.WORKERS_MAX + 1))
    drawn = elastic_live.draw(record, elastic_live.SERVICE_S, 8, 1, 400, 40, 1)
    ElementTree.fromstring(drawn)
