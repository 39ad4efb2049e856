"""A run as journals, one for each node: what the debugger opens, and a replay verifies."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from headrace.engine.effects import Postpone
from headrace.errors import UsageError
from headrace.journal import Journal
from headrace.runtime import Engine
from headrace.simulation.story import Step, Story
from headrace.system import Input, Node
from headrace.system.node_machine import NodeMachine
from headrace.system.system import System


def machine_of(system: System, node: str) -> NodeMachine:
    """The machine whose journal `write_journals` writes: a node as the simulated world runs it."""
    return system.machine(node, clients_max=0)


def write_journals(story: Story, folder: str) -> dict[str, str]:
    """Write what each node took, in a journal of its own; where, by the nodes' names.

    `folder` is made, and must be empty. `history.at(n)` is the state of the node behind its n-th
    record, as it was in the run. Blocks. Raises UsageError, JournalError.
    """
    system = story.run.system
    steps = [one for one in story.happened if isinstance(one, Step)]
    came = {
        name: arrivals(node, [step for step in steps if step.node == name])
        for name, node in system.nodes.items()
    }
    return write_inputs(
        system,
        {name: ((step.taken, chances) for step, chances in all_) for name, all_ in came.items()},
        folder,
    )


def write_inputs(
    system: System, came: Mapping[str, Iterable[tuple[Input, list[float]]]], folder: str
) -> dict[str, str]:
    """Write inputs of nodes, by their names, as journals; else as `write_journals`.

    With each input come the chances of what was postponed and is taken again with it.
    """
    if os.path.isdir(folder) and os.listdir(folder):
        raise UsageError(f"{folder}: is not empty; give a folder that is not there yet")
    os.makedirs(folder, exist_ok=True)
    written = {}
    for node, inputs in came.items():
        machine = machine_of(system, node)
        path = os.path.join(folder, _file_name(node))
        with Engine(machine, journal=Journal(path, level="os"), keep_outputs=0) as engine:
            for taken, chances in inputs:
                engine.publish(machine.events_of(taken, chances))
            engine.drain()
        written[node] = path
    return written


def arrivals(node: Node, steps: Iterable[Step]) -> Iterator[tuple[Step, list[float]]]:
    """What came to a node, with the `chance` of what it had postponed and took again with it.

    Of the steps of a story those that take something again are told from those that take what
    came by doing as the world does: behind a change of mode all that is postponed is taken again.
    """
    came: tuple[Step, list[float]] | None = None
    postponed = again = 0
    for step in steps:
        if step.taken.kind in ("start", "restart"):
            postponed = again = 0
        if again:
            again -= 1
            assert came is not None
            came[1].append(step.taken.chance)
        else:
            if came is not None:
                yield came
            came = (step, [])
        postponed += any(isinstance(effect, Postpone) for effect in step.effects)
        if node.mode is not None and node.mode(step.before) != node.mode(step.after):
            again, postponed = again + postponed, 0
    if came is not None:
        yield came


def _file_name(node: str) -> str:
    """The name of a node as one of a folder."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in node)
