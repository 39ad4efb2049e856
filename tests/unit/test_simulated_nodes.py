"""What properties see of nodes that a fault has just stopped, or started."""

from __future__ import annotations

from typing import Any

import msgspec

import headrace as hr

MILLISECOND_NS = 1_000_000


class Keep(msgspec.Struct, frozen=True):
    """A request: write this down."""

    number: int


class Keeper(hr.Node):
    """Reads what it wrote when it starts: before that it knows nothing."""

    def initial(self) -> dict[str, Any]:
        return {"started": False, "kept": {}}

    @hr.on.start()
    def start(self, state: Any, durable: Any) -> Any:
        return {"started": True, "kept": dict(durable)}, None

    @hr.on.request(Keep)
    def keep(self, state: Any, request: Keep, caller: hr.Caller) -> Any:
        key = str(request.number)
        state["kept"][key] = True
        return state, [hr.persist(key, True), hr.reply(caller, request.number)]


def keepers_have_started(view: hr.View) -> bool:
    return all(state is not None and state["started"] for state in view.states.values())


def run_with(*faults: hr.faults.Fault) -> hr.Run:
    commands = [Keep(number) for number in range(20)]
    client = hr.Client(commands, retry_ns=5 * MILLISECOND_NS)
    system = hr.System({"keeper": Keeper()}, {"c": client}, always=[keepers_have_started])
    run = hr.Simulation(system, faults=faults, faulty_ns=200 * MILLISECOND_NS).run(1)
    assert [asked.status for asked in run.history["c"]] == ["ok"] * 20
    return run.check()


def test_a_node_that_stops_at_a_full_disk_is_not_seen() -> None:
    full = hr.faults.FullDisk(node="keeper", at_ns=10_000_000, until_ns=30_000_000)
    run = run_with(full)
    assert run.counts["FULL"] == 1
    assert run.states["keeper"]["started"]


def test_a_pause_ends_with_the_life_of_its_node() -> None:
    pause = hr.faults.Pause(node="keeper", at_ns=5_000_000, until_ns=150_000_000)
    crash = hr.faults.Crash(node="keeper", at_ns=10_000_000, until_ns=20_000_000)
    run = run_with(pause, crash)
    first_after = min(one.return_ns for one in run.history["c"] if one.return_ns > 10_000_000)
    assert 20_000_000 < first_after < 40_000_000
