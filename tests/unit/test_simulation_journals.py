"""A run as journals: the states in the debugger are those that the run went through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chatty import Chatty, Question
from simulation_tools import counting

import headrace as hr
from headrace.engine.effects import Postpone
from headrace.errors import UsageError
from headrace.simulation.journals import arrivals, machine_of, write_journals
from headrace.simulation.story import Step, tell
from headrace.state import difference


def check(simulation: hr.Simulation, seed: int, folder: Path) -> int:
    """Compare every state of every node with what its journal says; how many there were."""
    story = tell(simulation.system, simulation.plan(seed))
    compared = 0
    for node, path in write_journals(story, str(folder)).items():
        machine = machine_of(simulation.system, node)
        history = hr.History(path, machine)
        steps = [one for one in story.happened if isinstance(one, Step) and one.node == node]
        behind = {id(step): place for place, step in enumerate(steps)}
        at, came = 0, list(arrivals(machine.node, steps))
        for (step, chances), following in zip(came, [*came[1:], None], strict=True):
            at += len(machine.events_of(step.taken, chances))
            last = len(steps) - 1 if following is None else behind[id(following[0])] - 1
            state: Any = history.at(at).state
            assert difference(steps[last].after, state.state) is None
            compared += 1
        assert history.end == at
    return compared


def test_a_counter(tmp_path: Path) -> None:
    assert check(counting(network=hr.Network(loss=0.1)), 3, tmp_path / "journals") > 20


@pytest.mark.parametrize("seed", range(4))
def test_nodes_that_do_everything(seed: int, tmp_path: Path) -> None:
    commands = [Question(number) for number in range(12)]
    system = hr.System(dict.fromkeys("abc", Chatty()), {"x": hr.Client(commands)})
    simulation = hr.Simulation(
        system,
        chaos=hr.Chaos(crashes=20, pauses=20, storms=9, drifts=9, budget=None),
        faulty_ns=30_000_000,
        end_ns=60_000_000,
        inputs_max=600,
    )
    story = tell(system, simulation.plan(seed))
    assert any(
        isinstance(effect, Postpone)
        for one in story.happened
        if isinstance(one, Step)
        for effect in one.effects
    )
    assert check(simulation, seed, tmp_path / "journals") > 40


def test_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    story = tell(counting().system, counting().plan(1))
    (tmp_path / "kept").write_text("")
    with pytest.raises(UsageError, match="is not empty"):
        write_journals(story, str(tmp_path))
