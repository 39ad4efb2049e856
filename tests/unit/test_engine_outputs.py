"""What a step may return as outputs, the ids these get, and what is refused as a whole."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.errors import OutputError, StepError

EVENT = np.dtype([("key", "<i4"), ("value", "<i8")])
OUT = np.dtype([("key", "<i4"), ("total", "<i8")])



@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (None, []),
        ([], []),
        (np.zeros(0, OUT), []),
        ((1, 2), [(1, 2)]),
        ([(1, 2)], [(1, 2)]),
        ([(1, 2), (3, 4), (5, 6)], [(1, 2), (3, 4), (5, 6)]),
        (np.array([(1, 2), (3, 4)], OUT), [(1, 2), (3, 4)]),
        (np.array([(1, 2), (3, 4)], OUT)[1], [(3, 4)]),
        ([np.array([(1, 2)], OUT)[0], (3, 4)], [(1, 2), (3, 4)]),
    ],
)
def test_outputs_and_their_ids(made: Any, wanted: list[Any]) -> None:
    machine = hr.machine(event=EVENT, output=OUT, initial=int)(lambda state, event: (state, made))
    with hr.Engine(machine, 4) as engine:
        for sequence in range(3):
            records = engine.call((3, 5), timeout=20)
            assert records[["key", "total"]].tolist() == wanted
            assert records["input_sequence"].tolist() == [sequence] * len(wanted)
            assert records["output_index"].tolist() == list(range(len(wanted)))
            assert records["origin"].tolist() == [sequence] * len(wanted)


@pytest.mark.parametrize(
    "made",
    [
        (1,),
        (1, 2, 3),
        [1, 2],
        [(1, 2), 3],
        {"key": 1, "total": 2},
        iter([(1, 2)]),
        np.zeros(2, EVENT),
        np.zeros((1, 1), OUT),
        np.array([(1, 2)], [("total", "<i8"), ("key", "<i4")])[0],
    ],
    ids=lambda made: re.sub(r" at 0x.*", "", repr(made))[:30],
)
def test_outputs_that_are_none(made: Any) -> None:
    """Refused as a whole, also where the first ones would do."""
    machine = hr.machine(event=EVENT, output=OUT, initial=int)(
        lambda state, event: (state + 1, made if event.key else (0, 0))
    )
    with hr.Engine(machine, 4) as engine:
        with pytest.raises(StepError) as caught:
            engine.call((3, 5), timeout=20)
        assert isinstance(caught.value.__cause__, OutputError)
        assert len(engine.call((0, 5), timeout=20)) == 1
        assert engine.state == 1
        assert sum(len(records) for records in engine.outputs()) == 1
