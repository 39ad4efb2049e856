"""Making a failing run small: fewer commands, fewer faults, a better network, and the same failure.

Every decision in a run has a number of its own (see `chance`), so that what is left of a plan goes
on much as before when a part of it is taken away. What is tried is delta debugging (Zeller and
Hildebrandt, "Simplifying and isolating failure-inducing input", 2002): halves first, then smaller
pieces, until nothing can be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from headrace.simulation.faults import Fault, Lose
from headrace.simulation.noting import What
from headrace.simulation.plan import Plan
from headrace.simulation.run import Run, Runner

T = TypeVar("T")

SEEDS = 40  # others that are tried for each smaller plan
LOSSES_MAX = 500  # messages that were lost are named one by one, if they are not more


def shrink(run: Run, *, runs_max: int = 2_000, tried: Callable[[Run], None] | None = None) -> Run:
    """The smallest run found that fails in the same way; the same run if it did not fail.

    It may have another seed, with which messages take other times.
    `runs_max`: how many runs are tried at most. `tried` is told of each. Blocks.
    """
    if run.failure is None:
        return run
    return _Shrinker(run, runs_max, tried).shrink()


def minimise(items: Sequence[T], fails: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """A part of the items, in their order, that still fails and from which none can be left out.

    `fails`: whether a part does; all of them do.
    """
    left = tuple(items)
    if left and fails(()):
        return ()
    size = max(1, len(left) // 2)
    while left:
        at = 0
        before = len(left)
        while at < len(left):
            fewer = left[:at] + left[at + size :]
            if len(fewer) < len(left) and fails(fewer):
                left = fewer
            else:
                at += size
        if size == 1 and len(left) == before:
            return left
        size = max(1, size // 2)
    return left


class _Shrinker:
    def __init__(self, run: Run, runs_max: int, tried: Callable[[Run], None] | None) -> None:
        self._first = self._best = run
        self._system = run.system.with_sometimes(())  # which would only take time
        self._left = runs_max
        self._tried = tried
        self._known: set[str] = set()

    def shrink(self) -> Run:
        self._with_this_seed()
        while self._left > 0 and self._with_another_seed():
            self._with_this_seed()
        return Runner(self._first.system, self._best.plan).run()

    def _with_this_seed(self) -> None:
        before: Plan | None = None
        while before != self._best.plan and self._left > 0:
            before = self._best.plan
            for turn in (
                self._calm_network,
                self._fewer_clients,
                self._fewer_faults,
                self._fewer_commands,
                self._shorter,
                self._milder_faults,
                self._earlier_faults,
            ):
                turn()

    def _with_another_seed(self) -> bool:
        """Whether something can be left out if messages take other times: what was left out may
        only have made up for the time until a fault."""
        for seed in range(self._best.plan.seed + 1, self._best.plan.seed + 1 + SEEDS):
            for plan in _smaller(self._best.plan):
                if self._fails(replace(plan, seed=seed)):
                    return True
        return False

    def _fails(self, plan: Plan) -> bool:
        """Whether a plan fails as the first one did; if so it is the best from now on."""
        key = repr(plan)
        if self._left <= 0 or key in self._known:
            return False
        self._known.add(key)
        self._left -= 1
        run = Runner(self._system, plan).run()
        if self._tried is not None:
            self._tried(run)
        ours, theirs = self._best.failure, run.failure
        assert ours is not None
        if theirs is None or (theirs.kind, theirs.name) != (ours.kind, ours.name):
            return False
        self._best = run
        return True

    def _calm_network(self) -> None:
        """A network that does nothing to messages; or else the losses there were, one by one."""
        plan = self._best.plan
        calm = replace(plan.network, loss=0.0, duplication=0.0, corruption=0.0)
        if calm == plan.network or self._fails(replace(plan, network=calm)):
            return
        self._fails(replace(plan, network=replace(plan.network, corruption=0.0)))
        plan = self._best.plan
        self._fails(replace(plan, network=replace(plan.network, duplication=0.0)))
        plan = self._best.plan
        if plan.network.loss:
            named = tuple(_losses(self._best))
            if len(named) <= LOSSES_MAX:
                network = replace(plan.network, loss=0.0)
                self._fails(replace(plan, network=network, faults=(*plan.faults, *named)))

    def _fewer_clients(self) -> None:
        for name in list(self._best.plan.commands):
            self._fails(self._with_commands(name, ()))

    def _fewer_faults(self) -> None:
        def fails(faults: tuple[Fault, ...]) -> bool:
            return self._fails(replace(self._best.plan, faults=faults))

        minimise(self._best.plan.faults, fails)

    def _fewer_commands(self) -> None:
        for name in list(self._best.plan.commands):
            minimise(
                self._best.plan.commands[name],
                lambda commands, name=name: self._fails(  # type: ignore[misc]
                    self._with_commands(name, commands)
                ),
            )

    def _with_commands(self, name: str, commands: tuple[Any, ...]) -> Plan:
        plan = self._best.plan
        return replace(plan, commands={**plan.commands, name: commands})

    def _shorter(self) -> None:
        """The faulty time is over right behind the last fault."""
        plan = self._best.plan
        last_ns = max((fault.until_ns or fault.at_ns for fault in plan.faults), default=0)
        if last_ns < plan.faulty_ns:
            self._fails(replace(plan, faulty_ns=last_ns))

    def _milder_faults(self) -> None:
        """Faults that come once instead of again and again, and are shorter."""
        for place in range(len(self._best.plan.faults)):
            fault = self._best.plan.faults[place]
            if fault.every_ns is not None:
                self._with_fault(place, replace(fault, every_ns=None))
            while True:
                fault = self._best.plan.faults[place]
                if fault.until_ns is None or fault.until_ns - fault.at_ns < 2_000_000:
                    break
                middle_ns = (fault.at_ns + fault.until_ns) // 2
                if not self._with_fault(place, replace(fault, until_ns=middle_ns)):
                    break

    def _earlier_faults(self) -> None:
        """Faults that come sooner, so that less has to happen before them."""
        for place in range(len(self._best.plan.faults)):
            step_ns = self._best.plan.faults[place].at_ns // 2
            while step_ns >= 1_000_000:
                fault = self._best.plan.faults[place]
                at_ns = fault.at_ns - step_ns
                until_ns = None if fault.until_ns is None else fault.until_ns - step_ns
                if at_ns < 0 or not self._with_fault(
                    place, replace(fault, at_ns=at_ns, until_ns=until_ns)
                ):
                    step_ns //= 2

    def _with_fault(self, place: int, fault: Fault) -> bool:
        faults = list(self._best.plan.faults)
        faults[place] = fault
        return self._fails(replace(self._best.plan, faults=tuple(faults)))


def _smaller(plan: Plan) -> Iterator[Plan]:
    """The plan with half the commands of a client, with a command less, with a fault less; with
    fewer commands the faults come as they are, or sooner as the rest does."""
    for name, commands in plan.commands.items():
        middle = len(commands) // 2
        parts = [commands[:middle], commands[middle:]] if middle > 1 else []
        parts += [commands[:at] + commands[at + 1 :] for at in range(len(commands))]
        for part in parts:
            fewer = replace(plan, commands={**plan.commands, name: part})
            yield fewer
            sooner = tuple(_sooner(fault, len(part), len(commands)) for fault in plan.faults)
            yield replace(fewer, faults=sooner)
    for at in range(len(plan.faults)):
        yield replace(plan, faults=plan.faults[:at] + plan.faults[at + 1 :])


def _sooner(fault: Fault, part: int, whole: int) -> Fault:
    """The fault after a part of the time before it, and as long; of the messages before it."""
    if isinstance(fault, Lose):
        return replace(fault, number=max(1, fault.number * part // whole))
    at_ns = fault.at_ns * part // whole
    until_ns = None if fault.until_ns is None else fault.until_ns - fault.at_ns + at_ns
    return replace(fault, at_ns=at_ns, until_ns=until_ns)


def _losses(run: Run) -> Iterator[Lose]:
    """The messages that the network lost in a run, each as a fault of its own."""
    runner = Runner(run.system, run.plan)
    names = runner.world.names
    lost: list[Lose] = []

    def note(what: int, to: int, source: int, number: int, payload: Any) -> None:
        if what == What.LOST:
            sent = runner.world.sent(source, to)
            lost.append(Lose(source=names[source], to=names[to], number=sent))

    runner.world.note = note
    runner.run()
    yield from lost
