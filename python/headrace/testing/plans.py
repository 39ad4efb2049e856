"""Hypothesis for simulated systems: commands, how concurrent they are, and faults, all at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from headrace.errors import UsageError
from headrace.simulation import Plan, Run, Simulation, faults
from headrace.simulation.faults import Fault
from headrace.system import Client

MILLISECOND_NS = 1_000_000
KINDS = ("crash", "pause", "partition", "cut", "clog", "lose", "slow_disk", "jump", "drift")


def plans(
    simulation: Simulation,
    commands: Any,
    *,
    commands_max: int = 8,
    kinds: tuple[str, ...] = ("crash", "pause", "partition", "cut", "clog", "lose"),
    faults_max: int = 4,
    losses: tuple[float, ...] = (0.0, 0.1),
) -> Any:
    """A Hypothesis strategy of plans for a simulation, which shrink to fewer commands and faults.

    `commands`: a strategy of requests, or one for each client by name. Each client makes up to
    `commands_max`; how many clients make any is how concurrent it is. `kinds`: which faults there
    are, of `headrace.testing.plans.KINDS`, up to `faults_max`, in the simulation's `faulty_ns` and
    within the budget of its chaos. `losses`: probabilities that a message is lost. Needs the extra
    headrace[testing]. Raises UsageError.
    """
    from hypothesis import strategies as st

    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise UsageError(f"no kind of fault is called {unknown[0]!r}; there are {', '.join(KINDS)}")
    clients = [name for name, node in simulation.system.clients.items() if isinstance(node, Client)]
    if not clients:
        raise UsageError("the system has no clients that make commands: System(..., clients=...)")
    by_client = commands if isinstance(commands, Mapping) else dict.fromkeys(clients, commands)
    fault = st.one_of([_fault(simulation, kind) for kind in kinds]) if kinds else st.nothing()
    base = simulation.plan(0)

    def made(seed: int, drawn: dict[str, list[Any]], fell: list[Fault], loss: float) -> Plan:
        return replace(
            base,
            seed=seed,
            commands={name: tuple(each) for name, each in drawn.items()},
            faults=within_budget(simulation, fell),
            network=replace(base.network, loss=max(base.network.loss, loss)),
        )

    return st.builds(
        made,
        st.integers(0, 2**16),
        st.fixed_dictionaries(
            {name: st.lists(by_client[name], max_size=commands_max) for name in clients}
        ),
        st.lists(fault, max_size=faults_max),
        st.sampled_from(losses),
    )


def run_plan(simulation: Simulation, plan: Plan) -> Run:
    """Run a plan inside a Hypothesis test, and check it; labels say what was reached.

    With `--hypothesis-show-statistics` pytest prints how many runs had which faults, which answers,
    and which of `sometimes`. Raises SimulationFailed.
    """
    from hypothesis import event

    run = simulation.run_plan(plan)
    for kind in run.faults:
        event(f"fault {kind}")
    for name in run.reached:
        event(f"sometimes {name}")
    for status in {each.status for history in run.history.values() for each in history}:
        event(f"answer {status}")
    return run.check()


def within_budget(simulation: Simulation, drawn: list[Fault]) -> tuple[Fault, ...]:
    """The faults in their order, without those that would impair too many nodes at a time."""
    nodes = tuple(simulation.system.nodes)
    ordered = sorted(drawn, key=lambda fault: (fault.at_ns, fault.kind))
    for chaos in simulation.chaos:
        ordered = list(chaos.within_budget(ordered, len(nodes), simulation.faulty_ns))
    return tuple(ordered)


def _fault(simulation: Simulation, kind: str) -> Any:
    from hypothesis import strategies as st

    nodes = tuple(simulation.system.nodes)
    names = simulation.system.names
    last_ms = max(1, simulation.faulty_ns // MILLISECOND_NS)
    node = st.sampled_from(nodes)
    times = st.tuples(st.integers(0, last_ms), st.integers(1, last_ms)).map(
        lambda both: {
            "at_ns": both[0] * MILLISECOND_NS,
            "until_ns": (both[0] + both[1]) * MILLISECOND_NS,
        }
    )
    some = st.lists(node, min_size=1, max_size=max(1, len(nodes) - 1), unique=True).map(tuple)

    def of_node(make: Any, **more: Any) -> Any:
        return st.builds(
            lambda name, when, extra: make(node=name, **when, **extra),
            node,
            times,
            st.fixed_dictionaries(more),
        )

    def of_links(make: Any) -> Any:
        return st.builds(
            lambda sources, when: make(sources=sources, to=_rest(nodes, sources), **when),
            some,
            times,
        )

    strategies: dict[str, Callable[[], Any]] = {
        "crash": lambda: of_node(faults.Crash),
        "pause": lambda: of_node(faults.Pause),
        "slow_disk": lambda: of_node(faults.SlowDisk),
        "jump": lambda: of_node(faults.Jump, by_ns=st.integers(-(10**10), 10**10)),
        "drift": lambda: of_node(faults.Drift, ppm=st.integers(-500_000, 500_000)),
        "cut": lambda: of_links(faults.Cut),
        "clog": lambda: of_links(faults.Clog),
        "partition": lambda: st.builds(
            lambda group, when: faults.Partition(groups=(group, _rest(nodes, group)), **when),
            some,
            times,
        ),
        "lose": lambda: st.builds(
            lambda source, to, number: faults.Lose(source=source, to=to, number=number),
            st.sampled_from(names),
            st.sampled_from(names),
            st.integers(1, 30),
        ),
    }
    return strategies[kind]()


def _rest(nodes: tuple[str, ...], some: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in nodes if name not in some)
