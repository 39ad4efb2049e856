"""Each kind of fault does what it says, and heals."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from simulation_tools import MILLISECOND_NS

import headrace as hr
from headrace.errors import UsageError
from headrace.simulation import Delay, Network
from headrace.simulation.chaos import Chaos
from headrace.simulation.network import QUANTILES

MS = MILLISECOND_NS
F = hr.faults


class Beat(hr.Node):
    """Says its time and a number to all others every millisecond; keeps what it heard and kept."""

    def initial(self) -> dict[str, Any]:
        return {"heard": [], "beats": [], "found": None, "kept": 0}

    @hr.on.start()
    def start(self, state: Any, durable: Any) -> Any:
        state["found"] = dict(durable), sorted(durable.damaged)
        state["kept"] = durable.get("kept", 0)
        return state, hr.timer("beat", MS)

    @hr.on.timer("beat")
    def beat(self, state: Any, now_ns: int, peers: Any) -> Any:
        state["beats"].append(now_ns)
        state["kept"] += 1
        key = f"k{state['kept'] % 4}"
        return state, [
            hr.timer("beat", MS),
            hr.send(peers, len(state["beats"])),
            hr.persist("kept", state["kept"]),
            hr.persist(key, state["kept"], sync=False),
        ]

    @hr.on.message(int)
    def heard(self, state: Any, message: int, source: str, now_ns: int) -> Any:
        state["heard"].append((now_ns, source, message))
        return state, None


SYSTEM = hr.System(dict.fromkeys("abc", Beat()), {})
NETWORK = Network(delay=Delay.constant(MS // 10))


def after(
    *faults: F.Fault, ms: int = 50, healed_ms: int = 0, seed: int = 3, **settings: Any
) -> hr.Run:
    """The run of 50 ms with these faults, and then some without."""
    settings = {"network": NETWORK, "sync_ns": (10_000, 10_000), **settings}
    return hr.Simulation(
        SYSTEM, faults=faults, faulty_ns=ms * MS, end_ns=(ms + healed_ms) * MS, **settings
    ).run(seed)


def heard(run: hr.Run, node: str, source: str) -> list[float]:
    """When a node heard another one, in milliseconds."""
    return [at / MS for at, by, _ in run.states[node]["heard"] if by == source]


def test_without_faults_all_hear_all() -> None:
    run = after()
    assert all(len(heard(run, to, by)) >= 48 for to in "abc" for by in "abc" if to != by)
    assert run.faults == Counter()


def test_a_crash_takes_the_state_and_leaves_the_disk() -> None:
    run = after(F.Crash(node="b", at_ns=20 * MS + 1, until_ns=30 * MS))
    values, damaged = run.states["b"]["found"]
    assert values["kept"] == 20
    assert not damaged
    assert run.states["b"]["beats"][0] == 31 * MS
    assert not [at for at in heard(run, "a", "b") if 21 < at < 31]
    assert run.counts["CRASH"] == run.counts["RESTART"] == 1
    assert run.counts["DOWN"] > 10


def test_crash_loops() -> None:
    fault = F.Crash(node="b", at_ns=5 * MS, until_ns=6 * MS, every_ns=10 * MS)
    run = after(fault)
    assert run.counts["CRASH"] == run.counts["RESTART"] == 5
    assert run.faults["Crash"] == 5


def test_crashes_that_overlap_end_with_the_last() -> None:
    run = after(
        F.Crash(node="b", at_ns=10 * MS, until_ns=20 * MS),
        F.Crash(node="b", at_ns=15 * MS, until_ns=30 * MS),
    )
    assert run.counts["CRASH"] == 1
    assert run.states["b"]["beats"][0] == 31 * MS


def test_a_fault_without_an_end_heals_when_the_faulty_time_is_over() -> None:
    run = after(F.Crash(node="b", at_ns=10 * MS), healed_ms=20)
    assert run.states["b"]["beats"][0] == 51 * MS


def test_a_pause_delays_what_comes() -> None:
    run = after(F.Pause(node="b", at_ns=20 * MS, until_ns=30 * MS))
    times = heard(run, "b", "a")
    assert not [at for at in times if 20 < at < 30]
    assert len([at for at in times if at == 30]) >= 9
    assert len(times) >= 48


def test_a_crash_ends_a_pause() -> None:
    run = after(
        F.Pause(node="b", at_ns=20 * MS, until_ns=40 * MS),
        F.Crash(node="b", at_ns=25 * MS, until_ns=30 * MS),
        F.Pause(node="c", at_ns=25 * MS, until_ns=30 * MS),
        F.Crash(node="c", at_ns=20 * MS, until_ns=40 * MS),
    )
    assert run.states["b"]["beats"][0] == 31 * MS
    assert run.states["c"]["beats"][0] == 41 * MS
    assert run.counts["PAUSE"] == 1
    assert run.counts["RESUME"] == 0


def test_a_partition_cuts_both_ways() -> None:
    run = after(F.Partition(groups=(("a",), ("b", "c")), at_ns=20 * MS, until_ns=30 * MS))
    for to, by in ("ab", "ba", "ac", "ca"):
        assert not [at for at in heard(run, to, by) if 20.5 < at < 30.05]
        assert [at for at in heard(run, to, by) if at > 31]
    assert len(heard(run, "b", "c")) >= 48
    assert run.counts["CUT"] >= 36


def test_a_cut_cuts_one_way() -> None:
    run = after(F.Cut(sources=("a",), to=("b",), at_ns=20 * MS, until_ns=30 * MS))
    assert len(heard(run, "b", "a")) < 42
    assert len(heard(run, "a", "b")) >= 48


def test_a_clog_holds_messages_back() -> None:
    run = after(F.Clog(sources=("a",), to=("b",), at_ns=20 * MS, until_ns=30 * MS))
    times = heard(run, "b", "a")
    assert not [at for at in times if 20.5 < at < 30]
    assert len([at for at in times if 30 <= at <= 30.2]) >= 10
    assert len(times) >= 48


def test_one_message_is_lost() -> None:
    run = after(F.Lose(source="a", to="b", number=7))
    numbers = [number for _, by, number in run.states["b"]["heard"] if by == "a"]
    assert numbers[:8] == [1, 2, 3, 4, 5, 6, 8, 9]


def test_weather_comes_and_goes() -> None:
    run = after(F.Weather(loss=1.0, at_ns=20 * MS, until_ns=30 * MS))
    assert not [at for at in heard(run, "b", "a") if 20.5 < at < 30.05]
    assert [at for at in heard(run, "b", "a") if at > 31]
    twice = after(F.Weather(duplication=1.0, at_ns=20 * MS, until_ns=30 * MS))
    assert len(heard(twice, "b", "a")) >= 57
    slow = after(F.Weather(delay=Delay.constant(5 * MS), at_ns=20 * MS, until_ns=30 * MS))
    times = heard(slow, "b", "a")
    assert not [at for at in times if 20.5 < at < 26]
    assert [at for at in times if at > 30.5][:4] == [31, 31.1, 32, 32.1]
    gone = after(F.Weather(corruption=1.0, at_ns=20 * MS, until_ns=30 * MS))
    assert gone.counts["CORRUPTED"] >= 60
    assert len(heard(gone, "b", "a")) < 42


def test_a_lost_disk_is_empty() -> None:
    run = after(F.LoseDisk(node="b", at_ns=20 * MS, until_ns=30 * MS))
    assert run.states["b"]["found"] == ({}, [])


def test_a_full_disk_stops_the_node() -> None:
    run = after(F.FullDisk(node="b", at_ns=20 * MS, until_ns=30 * MS))
    assert run.counts["FULL"] == run.counts["RESTART"] == 1
    assert run.states["b"]["found"][0]["kept"] in (19, 20)
    assert run.states["b"]["beats"][0] == 31 * MS


def test_a_slow_disk_holds_effects_back() -> None:
    class Syncing(hr.Node):
        @hr.on.start()
        @hr.on.timer("again")
        def again(self, state: Any, peers: Any) -> Any:
            return state, [hr.timer("again", MS), hr.persist("k", 1), hr.send(peers, 1)]

        @hr.on.message(int)
        def heard(self, state: Any, message: int, now_ns: int) -> Any:
            return [*(state or []), now_ns], None

    system = hr.System(dict.fromkeys("ab", Syncing()), {})
    fault = F.SlowDisk(node="a", factor=1000, at_ns=20 * MS, until_ns=40 * MS)
    run = hr.Simulation(
        system,
        faults=[fault],
        network=NETWORK,
        sync_ns=(5_000, 5_000),
        faulty_ns=50 * MS,
        end_ns=50 * MS,
    ).run()
    gaps = [other - one for one, other in zip(run.states["b"], run.states["b"][1:], strict=False)]
    assert max(gaps) > 4 * MS
    assert len(run.states["b"]) < 40


def test_an_unreadable_disk_names_what_it_cannot_read() -> None:
    found = [
        after(
            F.UnreadableDisk(node="b", at_ns=25 * MS, until_ns=35 * MS),
            F.Crash(node="b", at_ns=20 * MS, until_ns=30 * MS),
            seed=seed,
        ).states["b"]["found"]
        for seed in range(4)
    ]
    assert any(damaged for _, damaged in found)
    assert all(not set(values) & set(damaged) for values, damaged in found)


def test_a_misdirected_write_damages_another_key() -> None:
    seen = set()
    for seed in range(12):
        run = after(
            F.MisdirectedWrites(node="b", at_ns=19 * MS + 1),
            F.Crash(node="b", at_ns=20 * MS + MS // 2, until_ns=30 * MS),
            seed=seed,
        )
        values, damaged = run.states["b"]["found"]
        assert values["kept"] == 19  # and not 20, which went elsewhere
        assert not set(values) & set(damaged)
        seen.add(tuple(damaged))
    assert {(), ("k1",)} <= seen  # the key it went to may have been written anew since


def test_unsynced_writes_may_be_kept_lost_or_torn() -> None:
    outcomes = set()
    for seed in range(30):
        run = after(F.Crash(node="b", at_ns=20 * MS, until_ns=30 * MS), seed=seed)
        values, damaged = run.states["b"]["found"]
        assert values["kept"] in (19, 20)  # 19 was synced
        outcomes.add((values.get("k0"), "k0" in damaged))
    assert outcomes == {(20, False), (16, False), (16, True)}


def test_clocks_drift_jump_and_stop() -> None:
    fast = after(F.Drift(node="b", ppm=1_000_000, at_ns=20 * MS, until_ns=30 * MS))
    assert len(fast.states["b"]["beats"]) >= 58
    assert fast.states["b"]["beats"][-1] >= 58 * MS  # it tells the time that it runs on
    stopped = after(F.Drift(node="b", ppm=-1_000_000, at_ns=20 * MS, until_ns=30 * MS))
    assert 39 <= len(stopped.states["b"]["beats"]) <= 41
    jumped = after(F.Jump(node="b", by_ns=500 * MS, at_ns=20 * MS, until_ns=30 * MS))
    told = jumped.states["b"]["beats"]
    assert len(told) >= 49
    assert any(at > 500 * MS for at in told)
    assert told[-1] <= 50 * MS


def test_distributions_of_delays() -> None:
    uniform = Delay.uniform(10, 20).quantiles_ns
    assert (min(uniform), max(uniform), len(uniform)) == (10, 20, QUANTILES)
    exponential = Delay.exponential(1_000_000, least_ns=500).quantiles_ns
    assert min(exponential) >= 500
    assert sum(exponential) / QUANTILES == pytest.approx(1_000_500, rel=0.01)
    lognormal = sorted(Delay.lognormal(1_000_000, 0.5).quantiles_ns)
    assert lognormal[QUANTILES // 2] == pytest.approx(1_000_000, rel=0.01)
    with pytest.raises(UsageError, match="the first is the larger"):
        Delay.uniform(20, 10)
    with pytest.raises(UsageError, match="quantiles"):
        Delay((1, 2))
    with pytest.raises(UsageError, match="whole nanoseconds"):
        Delay.constant(-1)


@pytest.mark.parametrize("name", ["loss", "duplication", "corruption"])
def test_probabilities_are_checked(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name}=1.5"):
        Network(**{name: 1.5})


def test_ordered_links_keep_their_order() -> None:
    wide = Delay.uniform(0, 5 * MS)
    mixed, ordered = (
        [
            number
            for _, by, number in after(network=Network(delay=wide, ordered=each)).states["b"][
                "heard"
            ]
            if by == "a"
        ]
        for each in (False, True)
    )
    assert mixed != sorted(mixed)
    assert ordered == sorted(ordered)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (lambda: F.Crash(node="a", at_ns=-1), "begin at 0 or later"),
        (lambda: F.Crash(node="a", at_ns=5, until_ns=4), "end after that"),
        (lambda: F.Crash(node="a", at_ns=5, until_ns=9, every_ns=3), "longer than it lasts"),
        (lambda: F.Fault(at_ns=1), "Fault is no fault by itself"),
        (lambda: F.OfNode(node="a", at_ns=1), "OfNode is no fault by itself"),
        (lambda: Chaos(crashes=-1), r"crashes=-1"),
        (lambda: Chaos(lasts_ns=(5, 4)), "lasts_ns"),
        (lambda: Chaos(budget="most"), "budget='most'"),
    ],
)
def test_faults_that_cannot_be(fault: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        fault()


KINDS = {"crashes": 3.0, "pauses": 3.0, "partitions": 3.0, "cuts": 3.0, "lost_disks": 1.0}


@pytest.mark.parametrize("budget", [0, 1, "minority", None])
def test_a_budget_is_kept(budget: Any) -> None:
    chaos = Chaos(**KINDS, swizzles=1.0, budget=budget)
    nodes = tuple("abcde")
    most = 0
    for seed in range(40):
        schedule = chaos.schedule(seed, nodes, 1000 * MS)
        assert schedule == chaos.schedule(seed, nodes, 1000 * MS)
        for fault in schedule:
            at_once = {
                name
                for other in schedule
                if other.at_ns <= fault.at_ns < (other.until_ns or 0)
                for name in other.impairs
            }
            most = max(most, len(at_once))
    assert most <= {"minority": 2, None: 5}.get(budget, budget)
    assert (most > 0) == (budget != 0)


def test_chaos_makes_every_kind() -> None:
    rates = dict.fromkeys(
        (name for name, value in vars(Chaos()).items() if isinstance(value, float)), 3.0
    )
    made = Counter(
        fault.kind
        for seed in range(20)
        for fault in Chaos(**rates, budget=None).schedule(seed, tuple("abc"), 1000 * MS)
    )
    assert set(made) == {
        "Crash",
        "LoseDisk",
        "FullDisk",
        "SlowDisk",
        "UnreadableDisk",
        "MisdirectedWrites",
        "Pause",
        "Partition",
        "Cut",
        "Clog",
        "Weather",
        "Jump",
        "Drift",
    }


def test_power_cuts_are_of_several_nodes_at_once() -> None:
    nodes = tuple("abcde")
    schedules = [Chaos(power_cuts=3, budget=None).schedule(n, nodes, 1000 * MS) for n in range(20)]
    at_once = Counter((n, fault.at_ns) for n, all_ in enumerate(schedules) for fault in all_)
    assert set(at_once.values()) >= {2, 3, 4, 5}
    within = [Chaos(power_cuts=3).schedule(n, nodes, 1000 * MS) for n in range(20)]
    at_once = Counter((n, fault.at_ns) for n, all_ in enumerate(within) for fault in all_)
    assert max(at_once.values()) == 2


def test_another_rate_of_one_kind_leaves_the_others_alone() -> None:
    nodes = tuple("abc")
    few = Chaos(crashes=2, partitions=2, budget=None).schedule(7, nodes, 1000 * MS)
    more = Chaos(crashes=9, partitions=2, budget=None).schedule(7, nodes, 1000 * MS)
    partitions = [[each for each in all_ if each.kind == "Partition"] for all_ in (few, more)]
    assert partitions[0] == partitions[1] != []
