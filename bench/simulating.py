"""Runs of simulated systems by this library: the games of `bench.games`, and one with faults."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import msgspec

import headrace as hr
from bench.games import (
    HUB,
    LATENCY_NS,
    LEAVES,
    PER_ROUND,
    PLAYERS,
    broadcast_answer,
    ping_pong_answer,
)
from bench.measure import Sample, rate_sample
from bench.stepping import timed
from headrace.simulation.stage import Stage
from headrace.simulation.world import make_world

SEED = 1
COMMANDS = 20
FOREVER_NS = 1 << 60


class Player(hr.Node):
    """Sends the number back, one larger, until `last` were sent."""

    def __init__(self, last: int) -> None:
        self.last = last
        super().__init__()

    def initial(self) -> list[int]:
        return [0, 0]

    @hr.on.start()
    def serve(self, state: list[int], me: str) -> Any:
        return state, hr.send(PLAYERS[1], 0) if me == PLAYERS[0] else None

    @hr.on.message(int)
    def hit(self, state: list[int], message: int, source: str) -> Any:
        state[0] += 1
        state[1] += message
        message += 1
        if message < self.last:
            return state, hr.send(source, message)
        return state, None


class Hub(hr.Node):
    """Sends a number to all leaves; the next when all have answered."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        super().__init__()

    def initial(self) -> list[int]:
        return [0, 0]

    @hr.on.start()
    def begin(self, state: list[int]) -> Any:
        return state, hr.send(LEAVES, 0)

    @hr.on.message(int)
    def gather(self, state: list[int], message: int) -> Any:
        state[0] += 1
        state[1] += message
        if state[0] % len(LEAVES) == 0 and message + 1 < self.rounds:
            return state, hr.send(LEAVES, message + 1)
        return state, None


class Leaf(hr.Node):
    """Sends back what it was sent."""

    def initial(self) -> list[int]:
        return [0, 0]

    @hr.on.message(int)
    def answer(self, state: list[int], message: int, source: str) -> Any:
        state[0] += 1
        state[1] += message
        return state, hr.send(source, message)


def received(view: hr.View) -> int:
    """How many messages the nodes have received."""
    return sum([state[0] for state in view.states.values()])


def _simulation(nodes: dict[str, hr.Node], count: int, always: Any = ()) -> hr.Simulation:
    system = hr.System(
        nodes, always=always, eventually={"all came": lambda view: received(view) == count}
    )
    return hr.Simulation(
        system,
        network=hr.Network(delay=hr.Delay.uniform(*LATENCY_NS)),
        end_ns=FOREVER_NS,
        inputs_max=count + len(nodes),
    )


def _players(count: int) -> dict[str, hr.Node]:
    return dict.fromkeys(PLAYERS, Player(count))


def _hub_and_leaves(count: int) -> dict[str, hr.Node]:
    return {HUB: Hub(count // PER_ROUND), **dict.fromkeys(LEAVES, Leaf())}


def _found(states: dict[str, Any], *groups: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(sum(states[name][at] for name in group) for group in groups for at in (0, 1))


def _simulated(simulation: hr.Simulation) -> tuple[float, dict[str, Any], int]:
    """A run as a user has it, with the checks that are on by default."""
    seconds, run = timed(lambda: simulation.run(SEED).check())
    return seconds, run.states, run.delivered


def _bare(simulation: hr.Simulation) -> tuple[float, dict[str, Any], int]:
    """The same in a world that nobody looks at while it goes on."""
    stage = Stage(simulation.system, simulation.plan(SEED), make_world)
    world = stage.world

    def work() -> None:
        for index in range(len(stage.names)):
            world.start(index)
        world.run(FOREVER_NS, simulation.inputs_max)

    seconds, _ = timed(work)
    states = {name: world.state(index) for index, name in enumerate(stage.names)}
    return seconds, states, world.delivered


def _ping_pong(play: Any, always: Any, count: int) -> Sample:
    seconds, states, delivered = play(_simulation(_players(count), count, always))
    answer = (delivered, *_found(states, PLAYERS))
    return rate_sample(count, seconds, answer, (count, *ping_pong_answer(count)))


def _broadcast(play: Any, always: Any, count: int) -> Sample:
    seconds, states, delivered = play(_simulation(_hub_and_leaves(count), count, always))
    answer = (delivered, *_found(states, (HUB,), LEAVES))
    return rate_sample(count, seconds, answer, (count, *broadcast_answer(count)))


def nobody_is_ahead(view: hr.View) -> bool:
    """A property of the broadcast: no leaf has had more than the hub sent to each."""
    states = view.states
    if HUB not in states:
        return True
    rounds = states[HUB][0] // len(LEAVES) + 1
    return all(name not in states or states[name][0] <= rounds for name in LEAVES)


ping_pong = partial(_ping_pong, _simulated, ())
bare_ping_pong = partial(_ping_pong, _bare, ())
broadcast = partial(_broadcast, _simulated, ())
bare_broadcast = partial(_broadcast, _bare, ())
checked_broadcast = partial(_broadcast, _simulated, (nobody_is_ahead,))


def loop_ping_pong(count: int) -> Sample:
    """The same handlers, called by a plain loop: no queue, no clock, no network."""
    hit = Player(count).hit
    states = [[0, 0], [0, 0]]

    def work() -> None:
        (first, second), message = states, 0
        for _ in range(count):
            first, effect = hit(first, message, "")
            if effect is not None:
                message = effect.message
            first, second = second, first

    seconds, _ = timed(work)
    answer = (count, *_found(dict(zip(PLAYERS, states, strict=True)), PLAYERS))
    return rate_sample(count, seconds, answer, (count, *ping_pong_answer(count)))


# A small system in which things go wrong.


class Add(msgspec.Struct, frozen=True):
    amount: int


class Counter(hr.Node):
    """Keeps a sum, and answers when it is safe."""

    def initial(self) -> int:
        return 0

    @hr.on.restart()
    def again(self, state: int, durable: Any) -> Any:
        return durable.get("sum", 0), None

    @hr.on.request(Add)
    def add(self, state: int, request: Add, caller: hr.Caller) -> Any:
        state += request.amount
        return state, [hr.persist("sum", state), hr.reply(caller, state)]


def some(chance: random.Random) -> list[Add]:
    """What a client asks for."""
    return [Add(chance.randint(1, 9)) for _ in range(COMMANDS)]


def keeps_what_it_told(view: hr.View) -> bool:
    """No answer is larger than the sum at the node."""
    told = [asked[-1].reply or 0 for asked in view.history.values() if asked]
    return "p" not in view.states or not told or view.states["p"] >= max(told)


def chaotic(count: int) -> Sample:
    """`count` runs of two clients and a counter that is killed, stopped, and cut off."""
    client = hr.Client(some)
    system = hr.System({"p": Counter()}, {"c": client, "d": client}, always=[keeps_what_it_told])
    chaos = hr.Chaos(crashes=2, pauses=1, partitions=1, storms=1, budget=None)
    simulation = hr.Simulation(system, chaos=chaos)

    def work() -> tuple[int, int]:
        runs = [simulation.run(seed) for seed in range(count)]
        asked = sum(len(asked) for run in runs for asked in run.history.values())
        return sum(run.ok for run in runs), asked

    seconds, found = timed(work)
    metrics = {"runs": count / seconds}
    return Sample(count, seconds, metrics, str(found), str((count, 2 * COMMANDS * count)))
