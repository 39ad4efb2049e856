"""One seed is one trace: in every process, however texts are hashed, on every interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chatty import Chatty, Question

import headrace as hr

TESTS = Path(__file__).parents[1]
# Written by `python tests/unit/test_simulation_traces.py`; to be made anew where the meaning of a
# world changes on purpose.
GOLDEN = TESTS / "data" / "simulation_traces.json"
CODE = """
import json, sys
sys.path[:0] = {folders!r}
from test_simulation_traces import traces
print(json.dumps(traces()))
"""


def traces() -> list[Any]:
    """Of runs in which everything happens that can: digests, and what they are made of."""
    system = hr.System(
        dict.fromkeys("abc", Chatty()), {"x": hr.Client([Question(n) for n in range(12)])}
    )
    chaos = hr.Chaos(
        crashes=9, pauses=9, partitions=9, clogs=9, swizzles=5, storms=9, jumps=9, drifts=9
    )
    simulation = hr.Simulation(
        system,
        chaos=chaos,
        network=hr.Network(delay=hr.Delay.uniform(100_000, 900_000), loss=0.02, duplication=0.02),
        faulty_ns=100_000_000,
        end_ns=300_000_000,
        inputs_max=20_000,
    )
    return [
        [run.digest, run.delivered, str(run.failure), dict(sorted(run.handled.items()))]
        for run in map(simulation.run, range(8))
    ]


def test_traces_are_what_they_were() -> None:
    """The same on every interpreter on which this is run, and as before."""
    assert json.loads(json.dumps(traces())) == json.loads(GOLDEN.read_text())
    assert len({trace[0] for trace in traces()}) == 8


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_texts_may_be_hashed_in_any_way(hash_seed: str) -> None:
    there = subprocess.run(
        [sys.executable, "-c", CODE.format(folders=[str(TESTS), str(TESTS / "unit")])],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert there.returncode == 0, there.stderr
    assert json.loads(there.stdout) == json.loads(GOLDEN.read_text())


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(traces(), indent=1) + "\n")
