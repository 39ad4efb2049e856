"""`headrace simulate --twice`: the same seeds in two processes that hash differently."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import typer

from headrace.errors import EnvironmentFailure, NotDeterministic
from headrace.simulation import Simulation
from headrace.simulation.story import Step, Story, tell

_SEEDS = ("1", "2")  # of the hashes of texts
_SECONDS_MAX = 600


def compare(simulation: Simulation, application: str, seeds: range) -> int:
    """How many steps were the same. Raises NotDeterministic with the first one that is not."""
    steps = 0
    for seed in seeds:
        one, other = (_digests(application, seed, hash_seed) for hash_seed in _SEEDS)
        steps += len(one)
        if one == other:
            continue
        pairs = zip(one, other, strict=False)
        place = next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
        told = [_step(application, seed, hash_seed, place) for hash_seed in _SEEDS]
        raise NotDeterministic(
            f"{_source(simulation, seed, place)}seed {seed} goes two ways, from its step {place} "
            "on, in two processes that hash texts differently; mostly it is the order of a set: "
            f"put it in order with sorted(...)\n{told[0]}\n{told[1]}"
        )
    return steps


def print_digests(simulation: Simulation, seed: int, place: int | None) -> None:
    """What the other process is asked for: the digests of all steps, or one step in words."""
    story = tell(simulation.system, simulation.plan(seed))
    if place is None:
        typer.echo(msgspec.json.encode(story.digests))
    else:
        typer.echo(msgspec.json.encode(_words(story, place)))


def _words(story: Story, place: int) -> str:
    if place >= len(story.happened):
        return "              - (the run is over)"
    one = story.happened[place]
    return f"{one}\n      state {one.after!r}" if isinstance(one, Step) else str(one)


def _source(simulation: Simulation, seed: int, place: int) -> str:
    """Where the handler of a step is written, if there is one."""
    story = tell(simulation.system, simulation.plan(seed))
    if place >= len(story.happened) or not isinstance(one := story.happened[place], Step):
        return ""
    nodes = {**simulation.system.nodes, **simulation.system.clients}
    node = nodes[one.node]
    mode = node.mode(one.before) if node.mode is not None else None
    handler = node.table.find(mode, one.taken.kind, type(one.taken.payload))
    return "" if handler is None else f"{handler.source}: "


def _digests(application: str, seed: int, hash_seed: str) -> list[str]:
    return msgspec.json.decode(_ask(application, seed, hash_seed, -1), type=list[str])


def _step(application: str, seed: int, hash_seed: str, place: int) -> str:
    return msgspec.json.decode(_ask(application, seed, hash_seed, place), type=str)


def _ask(application: str, seed: int, hash_seed: str, place: int) -> bytes:
    command = [sys.executable, "-m", "headrace", "simulate", application, "--seed", str(seed)]
    asked = subprocess.run(
        [*command, "--story", str(place)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        timeout=_SECONDS_MAX,
        check=False,
    )
    if asked.returncode:
        raise EnvironmentFailure(asked.stderr.decode(errors="replace").strip())
    return asked.stdout
