"""The rings of an engine, in the hands of others: consumers of their own, and the end of it all."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np
import pytest
from engine_tools import read
from ring_tools import path_of

import headrace as hr

Names = Callable[[], str]


def adding(name: str) -> hr.Machine:
    return hr.machine(event="<i8", output="<i8", initial=int, name=name)(
        lambda state, value: (state + value, value)
    )


@pytest.mark.parametrize("named", [True, False])
def test_consumers_of_its_rings_read_on_after_close(named: bool, ring_name: Names) -> None:
    """All that was published until then, and then the end: as after `ring.end()`."""
    name = ring_name() if named else None
    engine = hr.Engine(adding("first") >> adding("second"), 64, name=name)
    assert engine.output_ring is not None
    consumers = [ring.consumer("late") for ring in (engine.input_ring, engine.output_ring)]
    behind = engine.output_ring.consumer("behind", after=["late"])
    engine.publish(np.arange(50))
    engine.drain(20)
    assert consumers[1].poll(3, timeout=20)["value"].tolist() == [0, 1, 2]
    engine.close(timeout=20)
    if name is not None:
        assert not os.path.exists(path_of(name))
        assert not os.path.exists(path_of(f"{name}.out"))
    consumers[1].release(2)
    assert [value for batch in consumers[0] for value in batch.tolist()] == list(range(50))
    assert [value for batch in consumers[1] for value in batch["value"]] == list(range(3, 50))
    assert [value for batch in behind for value in batch["value"]] == list(range(50))
    for consumer in [*consumers, behind]:
        assert consumer.ended
        assert len(consumer.poll(timeout=0)) == 0
        consumer.close()
    assert read(engine)["value"].tolist() == list(range(50))


def test_a_consumer_that_waits_while_the_engine_is_closed_gets_the_rest() -> None:
    engine = hr.Engine(adding("sum"), 16)
    assert engine.output_ring is not None
    consumer = engine.output_ring.consumer("other", wait=hr.wait.Block())
    seen: list[int] = []
    failed: list[BaseException] = []

    def consume() -> None:
        try:
            for batch in consumer:
                seen.extend(batch["value"].tolist())
        except BaseException as error:
            failed.append(error)

    reader = threading.Thread(target=consume)
    reader.start()
    engine.publish(np.arange(100))
    engine.close(timeout=20)
    reader.join(20)
    assert not reader.is_alive()
    assert failed == []
    assert seen == list(range(100))


def test_after_close_nothing_of_the_engine_is_in_its_rings() -> None:
    engine = hr.Engine(adding("first") >> adding("second"), 16)
    engine.publish(np.arange(5))
    engine.close(timeout=20)
    for ring in engine._line.rings:
        assert ring.consumers == ()
        assert ring.ended
        ring.producer().close()  # the only place for one is free


def test_a_ring_that_its_user_closed_does_not_keep_the_engine_from_closing(
    ring_name: Names,
) -> None:
    name = ring_name()
    engine = hr.Engine(adding("sum"), 16, name=name)
    engine.publish(np.arange(5))
    engine.drain(timeout=20)
    assert engine.output_ring is not None
    engine.output_ring.close()
    engine.close(timeout=20)
    assert not os.path.exists(path_of(name))
    assert not os.path.exists(path_of(f"{name}.out"))
