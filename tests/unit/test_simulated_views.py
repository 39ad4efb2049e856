"""What properties see of nodes that end in the middle of an input; chaos of several kinds."""

from __future__ import annotations

from typing import Any

import msgspec

import headrace as hr
from headrace.simulation import faults


class Keep(msgspec.Struct, frozen=True):
    """A request to write."""

    number: int


class Keeper(hr.Node):
    """Writes what it is told."""

    def initial(self) -> int:
        return 0

    @hr.on.request(Keep)
    def keep(self, state: int, request: Keep, caller: hr.Caller) -> Any:
        return request.number, [hr.persist("number", request.number), hr.reply(caller, 0)]


def test_a_node_that_a_full_disk_ends_is_not_seen() -> None:
    seen: list[dict[str, Any]] = []

    def look(view: hr.View) -> bool:
        seen.append(dict(view.states))
        return True

    system = hr.System({"a": Keeper()}, {"x": hr.Client([Keep(7)])}, always=[look])
    full = faults.FullDisk(node="a", at_ns=0, until_ns=20_000_000)
    run = hr.Simulation(system, faults=[full], faulty_ns=30_000_000).run(0).check()
    assert run.counts["FULL"] == 1
    assert {} in seen
    assert all(None not in states.values() for states in seen)


def test_seeds_take_turns_with_several_kinds_of_chaos() -> None:
    system = hr.System({"a": Keeper(), "b": Keeper(), "c": Keeper()})
    chaos = (hr.Chaos(crashes=50), hr.Chaos(pauses=50))
    simulation = hr.Simulation(system, chaos=chaos)
    kinds = [{fault.kind for fault in simulation.plan(seed).faults} for seed in range(4)]
    assert kinds == [{"Crash"}, {"Pause"}, {"Crash"}, {"Pause"}]
    alone = hr.Simulation(system, chaos=chaos[1])
    assert alone.plan(1).faults == simulation.plan(1).faults
