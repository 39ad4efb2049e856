"""Runs of simulated systems: what they come to, and how failing ones become small."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from simulation_tools import MILLISECOND_NS, Add, Counter, Sums, counting, some

import headrace as hr
from headrace.errors import NotDeterministic, SimulationFailed, UsageError
from headrace.simulation.shrinking import minimise
from headrace.simulation.story import Fell, Noted, Step, tell


def test_a_counter_that_syncs_keeps_what_it_told() -> None:
    simulation = counting()
    runs = [simulation.run(seed) for seed in range(60)]
    assert all(run.ok for run in runs)
    assert sum(run.faults["Crash"] for run in runs) > 100
    assert {"has_ten"} == set().union(*(run.reached for run in runs))
    answers = [each.status for run in runs for asked in run.history.values() for each in asked]
    assert answers.count("ok") > 0.9 * len(answers)
    assert "ok: seed 5, " in str(runs[5])


def test_one_that_does_not_is_found_and_made_small() -> None:
    simulation = counting(sync=False)
    run = next(run for run in map(simulation.run, range(60)) if not run.ok)
    assert run.failure is not None
    assert (run.failure.kind, run.failure.name) == ("always", "keeps_what_it_told")
    small = hr.shrink(run)
    assert small.failure is not None
    assert (small.failure.kind, small.failure.name) == ("always", "keeps_what_it_told")
    assert small.plan.size <= (3, 1)
    again = simulation.run_plan(small.plan)
    assert (again.failure, again.digest) == (small.failure, small.digest)
    with pytest.raises(SimulationFailed, match=r"keeps_what_it_told.*\nseed \d+\n"):
        small.check()


@pytest.mark.parametrize("sync", [True, False])
def test_disks_made_of_files(sync: bool) -> None:
    simulation = counting(sync=sync, disks="files")
    runs = [simulation.run(seed) for seed in range(30)]
    assert all(run.ok for run in runs) == sync
    assert sum(run.faults["Crash"] for run in runs) > 50
    assert simulation.run(3).digest == runs[3].digest


def test_without_checksums_a_flipped_bit_is_another_message() -> None:
    system = hr.System({"p": Counter()}, {"c": hr.Client([Add(1)] * 30)})
    checked, unchecked = (
        hr.Simulation(system, network=hr.Network(corruption=0.3, checksums=each))
        for each in (True, False)
    )
    assert checked.run(3).counts["CORRUPTED"] > 10
    replies = [asked.reply for asked in checked.run(3).history["c"]]
    assert replies == sorted(replies)
    assert max(replies) <= 60  # 30, and some of them counted twice, as nobody remembers them
    others = [asked.reply for seed in range(5) for asked in unchecked.run(seed).history["c"]]
    assert max(other for other in others if isinstance(other, int)) > 60
    assert unchecked.run(3).digest == unchecked.run(3).digest


def test_what_did_not_fail_is_not_made_small() -> None:
    run = counting().run(1)
    assert hr.shrink(run) is run
    assert run.check() is run


def test_losses_become_faults_of_their_own() -> None:
    """Two copies of a request: what is lost is the reply to the first."""
    system = hr.System({"p": Counter()}, {"c": hr.Client([Add(1), Add(2)])}, model=Sums())
    simulation = hr.Simulation(system, network=hr.Network(loss=0.2))
    run = next(run for run in map(simulation.run, range(60)) if not run.ok)
    assert run.failure is not None
    assert run.failure.kind == "history"
    small = hr.shrink(run)
    assert small.plan.network.loss == 0
    assert [type(fault).__name__ for fault in small.plan.faults] == ["Lose"]
    assert small.plan.size == (1, 1) or small.plan.size == (2, 1)


def test_a_handler_that_raises_ends_the_run() -> None:
    class Picky(Counter):
        @hr.on.timer("never")
        def never(self, state: int) -> Any:
            return state, None

        def initial(self) -> int:
            return 0

        @hr.on.start()
        def start(self, state: int) -> Any:
            return state, hr.timer("unknown", 5)

    run = hr.Simulation(hr.System({"p": Picky()}, {})).run()
    assert run.failure is not None
    assert run.failure.kind == "raised"
    assert run.failure.name == "p: UnhandledInput"
    assert "has no handler for timer 'unknown'" in run.failure.message


def test_a_handler_that_raises_is_told_with_its_line() -> None:
    class Missing(Counter):
        @hr.on.request(Add)
        def add(self, state: int, request: Add, caller: hr.Caller) -> Any:
            return state, hr.reply(caller, {}["missing"])

    run = hr.Simulation(hr.System({"p": Missing()}, {"c": hr.Client([Add(1)])})).run()
    assert run.failure is not None
    assert "node 'p' on request Add(amount=1): KeyError: 'missing' (" in run.failure.message
    assert "test_simulation.py:" in run.failure.message


def test_a_destination_that_is_not_there_is_told() -> None:
    class Lost(hr.Node):
        @hr.on.start()
        def start(self, state: Any) -> Any:
            return state, hr.send("nobody", 1)

    run = hr.Simulation(hr.System({"p": Lost()}, {})).run()
    assert run.failure is not None
    assert "sends to 'nobody', which is not there; there are p" in run.failure.message


class Chatter(hr.Node):
    """Sends to itself without end."""

    @hr.on.start()
    def start(self, state: Any, me: str) -> Any:
        return state, hr.send(me, 1)

    @hr.on.message(int)
    def more(self, state: Any, message: int, me: str) -> Any:
        return state, hr.send(me, message + 1)


def test_runs_without_end_are_ended() -> None:
    run = hr.Simulation(hr.System({"p": Chatter()}, {}), inputs_max=1000).run()
    assert run.failure is not None
    assert run.failure.kind == "limit"
    assert "took 1,000 inputs" in run.failure.message


def test_what_must_hold_eventually() -> None:
    def has_a_hundred(view: hr.View) -> bool:
        return bool(view.states["p"] >= 100)

    system = hr.System(
        {"p": Counter()}, {"c": hr.Client([Add(60), Add(60)])}, eventually=[has_a_hundred]
    )
    assert hr.Simulation(system).run().ok
    never = hr.Simulation(system.with_clients({"c": hr.Client([Add(1)])}), end_ns=10**10).run()
    assert never.failure is not None
    assert (never.failure.kind, never.failure.name) == ("eventually", "has_a_hundred")
    assert never.end_ns >= 10**10


@pytest.mark.parametrize("which", ["always", "sometimes", "eventually"])
def test_a_property_that_raises_is_told_with_its_line(which: str) -> None:
    def is_large(view: hr.View) -> bool:
        return bool(view.states["p"] > view.states["q"])

    system = hr.System({"p": Counter()}, {"c": hr.Client([Add(1)])}, **{which: [is_large]})
    run = hr.Simulation(system).run()
    assert run.failure is not None
    assert (run.failure.kind, run.failure.name) == ("raised", "is_large")
    assert "is_large raised KeyError: 'q' (" in run.failure.message
    assert "test_simulation.py:" in run.failure.message


def test_properties_see_what_clients_were_told() -> None:
    seen: list[int] = []

    def look(view: hr.View) -> bool:
        seen.append(sum(map(len, view.history.values())))
        return True

    system = hr.System({"p": Counter()}, {"c": hr.Client([Add(1)] * 5)}, always=[look])
    assert hr.Simulation(system).run().ok
    assert set(seen) == set(range(6))


def test_months_cost_nothing() -> None:
    class Sleeper(hr.Node):
        @hr.on.start()
        @hr.on.timer("day")
        def day(self, state: Any) -> Any:
            return (state or 0) + 1, hr.timer("day", 24 * 3600 * 10**9)

    days = 365
    simulation = hr.Simulation(
        hr.System({"p": Sleeper()}, {}), faulty_ns=days * 24 * 3600 * 10**9, end_ns=10**17
    )
    run = simulation.run()
    assert run.states["p"] == days + 1


def test_the_same_seed_goes_the_same_way() -> None:
    simulation = counting(network=hr.Network(loss=0.1, duplication=0.1))
    digests = [simulation.run(seed).digest for seed in range(20)]
    assert digests == [simulation.run(seed).digest for seed in range(20)]
    assert len(set(digests)) == 20


def test_a_story_tells_all() -> None:
    simulation = counting(network=hr.Network(loss=0.1))
    plan = simulation.plan(3)
    story = tell(simulation.system, plan)
    assert story.run.digest == simulation.run(3).digest
    steps = [one for one in story.happened if isinstance(one, Step)]
    assert len(steps) == sum(story.run.handled.values()) + 1  # its start, which nothing handles
    for one, other in itertools.pairwise(steps):
        assert one.time_ns <= other.time_ns
    adds = [step for step in steps if step.node == "p" and step.taken.kind == "request"]
    assert all(step.after == step.before + step.taken.payload.amount for step in adds)
    assert any(isinstance(one, Noted) and one.what.name == "LOST" for one in story.happened)
    assert any(isinstance(one, Fell) and one.fault.kind == "Crash" for one in story.happened)
    assert "reply(Caller(client='c', number=1)" in str(story)
    assert len(tell(simulation.system, plan, happened_max=10).happened) == 10


def test_commands_by_profile() -> None:
    profile = hr.Profile(
        {"small": lambda chance: Add(1), "large": lambda chance: Add(chance.randint(50, 60))},
        {"small": {"small": 3, "large": 1}, "large": {"small": 1}},
    )
    system = hr.System({"p": Counter()}, {"c": hr.Client(profile.commands(50))})
    commands = hr.Simulation(system).plan(1).commands["c"]
    large = [place for place, command in enumerate(commands) if command.amount > 1]
    assert len(commands) == 50
    assert 3 <= len(large) <= 25
    assert not any(one + 1 == other for one, other in itertools.pairwise(large))


@pytest.mark.parametrize(
    ("commands", "weights", "told"),
    [
        ({}, {}, "at least one command"),
        ({"a": some}, {}, "weights of what follows 'a'"),
        ({"a": some}, {"a": {"b": 1}}, "has no command 'b'"),
        ({"a": some}, {"a": {"a": 0}}, "not all of them 0"),
    ],
)
def test_profiles_that_cannot_be(commands: Any, weights: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        hr.Profile(commands, weights)


def test_simulations_that_cannot_be() -> None:
    system = hr.System({"p": Counter()}, {})
    for settings, told in (
        ({"faulty_ns": 5, "end_ns": 4}, "faulty_ns=5 must be between 0 and end_ns=4"),
        ({"sync_ns": (5, 4)}, "sync_ns"),
        ({"disks": "tapes"}, "disks='tapes'"),
    ):
        with pytest.raises(UsageError, match=told):
            hr.Simulation(system, **settings)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"of a headrace\.System"):
        hr.Simulation(Counter())  # type: ignore[arg-type]
    fault = hr.faults.Crash(node="z", at_ns=MILLISECOND_NS)
    run = hr.Simulation(system, faults=[fault]).run()
    assert run.failure is not None
    assert "a fault of 'z', which is not there; there are p" in run.failure.message


def test_plans_are_told_in_full() -> None:
    plan = replace(counting().plan(3), network=hr.Network(loss=0.5))
    text = str(plan)
    assert "seed 3" in text
    assert "client c: 10 commands" in text
    assert "network: loss=0.5" in text
    assert "Crash(at_ns=" in text


def test_one_failure_is_not_taken_for_another() -> None:
    """With fewer commands another property fails, which is not what was found."""

    def has_no_sixty(view: hr.View) -> bool:
        return bool(view.states.get("p", 0) < 60)

    def has_no_one(view: hr.View) -> bool:
        return view.states.get("p", 0) != 1

    system = hr.System(
        {"p": Counter()},
        {"c": hr.Client([Add(30), Add(1), Add(30)])},
        always=[has_no_sixty, has_no_one],
    )
    run = hr.Simulation(system).run()
    assert run.failure is not None
    assert run.failure.name == "has_no_sixty"
    small = hr.shrink(run)
    assert small.failure is not None
    assert small.failure.name == "has_no_sixty"
    assert small.plan.commands == {"c": (Add(30), Add(30))}


def test_minimise_leaves_nothing_out_that_counts() -> None:
    calls: list[tuple[int, ...]] = []

    def fails(items: tuple[int, ...]) -> bool:
        calls.append(items)
        return {3, 17, 18} <= set(items)

    assert minimise(range(40), fails) == (3, 17, 18)
    assert len(calls) < 120
    assert minimise(range(5), lambda items: True) == ()
    # 4 can be left out only once 5 is.
    assert minimise((3, 4, 5), lambda items: 3 in items and (5 not in items or 4 in items)) == (3,)
    assert minimise((), lambda items: False) == ()


def test_a_model_that_is_not_kept_to_is_told() -> None:
    class Wrong(Counter):
        @hr.on.request(Add)
        def add(self, state: int, request: Add, caller: hr.Caller) -> Any:
            return state + request.amount, hr.reply(caller, state)

    system = hr.System({"p": Wrong()}, {"c": hr.Client([Add(1)])}, model=Sums())
    run = hr.Simulation(system).run()
    assert run.failure is not None
    assert run.failure.kind == "history"
    assert "cannot be linearised" in run.failure.message
    assert "the answer is 1" in run.failure.message


def test_clients_that_give_up_leave_it_open() -> None:
    fault = hr.faults.Crash(node="p", at_ns=0)
    client = hr.Client([Add(1), Add(2)], timeout_ns=100 * MILLISECOND_NS)
    system = hr.System({"p": Counter()}, {"c": client}, model=Sums())
    run = hr.Simulation(system, faults=[fault], faulty_ns=150 * MILLISECOND_NS).run()
    assert run.ok
    assert [each.status for each in run.history["c"]] == ["info", "ok"]


def test_clients_follow_and_are_refused() -> None:
    class Follower(hr.Node):
        @hr.on.request(Add)
        def add(self, state: Any, request: Add, caller: hr.Caller, me: str) -> Any:
            if me == "a":
                return state, hr.reply(caller, hr.Redirect("b"))
            if request.amount > 5:
                return state, hr.reply(caller, hr.Refused("too much"))
            return state, hr.reply(caller, me)

    node = Follower()
    client = hr.Client([Add(1), Add(9)], to="a")
    run = hr.Simulation(hr.System({"a": node, "b": node}, {"c": client})).run()
    assert [(each.status, each.reply) for each in run.history["c"]] == [
        ("ok", "b"),
        ("fail", hr.Refused("too much")),
    ]


def test_an_impure_handler_is_told_with_its_line() -> None:
    class Impure(hr.Node):
        @hr.on.request(Add)
        def add(self, state: Any, request: Add, caller: hr.Caller) -> Any:
            with open("/dev/null") as stream:
                return state, hr.reply(caller, stream.read())

    system = hr.System({"p": Impure()}, {"c": hr.Client([Add(1)])})
    with pytest.raises(NotDeterministic, match=r"test_simulation\.py:\d+: open in the steps"):
        hr.Simulation(system)
    assert hr.Simulation(system, pure=False).run().ok
