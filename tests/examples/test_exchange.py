"""The exchange of the examples: its picture in the docs, and that it trades as it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import headrace as hr
from headrace.reference.topology import ReferenceTopology

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))


def test_picture_of_the_docs() -> None:
    import exchange

    stored = EXAMPLES.parent / "docs" / "topology.svg"
    assert exchange.topology.draw() == stored.read_text(encoding="utf-8")


def test_best_price_first_then_the_oldest() -> None:
    import exchange

    orders = [(b"A", 10, 5), (b"A", 11, 2), (b"B", 9, 9), (b"A", 10, 4)]
    orders += [(b"", 1, 1), (b"A", 10, -9)]
    plain = ReferenceTopology(exchange.parse >> exchange.match)
    plain.publish(np.array(orders, exchange.ORDER))
    fills = [row.tolist() for row in plain.outputs[["price", "lots", "taker"]]]
    assert fills == [(11, -2, 4), (10, -5, 4), (10, -2, 4)]
    assert plain.state["parse"] == 1
    assert plain.state["match"][b"A"] == ([(-10, 3, 2)], [])


def test_runs_as_the_reference_does() -> None:
    import exchange

    orders = exchange.orders(400)
    plain = ReferenceTopology(exchange.topology)
    plain.publish(orders)
    with hr.Engine(exchange.topology, capacity=1024) as engine:
        engine.publish(orders)
        made = np.concatenate(list(engine.outputs()))
        assert engine.state == plain.state
    for name in set(made.dtype.names) - {"input_time_ns"}:
        assert made[name].tolist() == plain.outputs[name].tolist()
    assert len(made) > 100
