"""All worlds of `plain`, breadth first, and what holds of them: slow, and plain to see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headrace.exploring.bounds import Bounds
from headrace.exploring.plain import Failed, Label, PlainSteps, World
from headrace.system.client import ClientState
from headrace.system.system import System, View


@dataclass
class Found:
    """A world that can be reached."""

    world: World
    depth: int
    edges: list[tuple[Label, Any]] = field(default_factory=list)
    is_cut: bool = True  # not all that comes next is known
    holds: set[str] = field(default_factory=set)


@dataclass
class PlainResult:
    """What there is. `wrong`: names of what fails at `wrong_depth`, which is the least possible."""

    unique: int
    states: int
    depth: int
    complete: bool
    wrong: set[str]
    wrong_depth: int | None
    reached: dict[str, int]
    eventually: dict[str, str]
    terminal_depth: dict[str, int]


class TooMany(Exception):
    """There are more states than it has the patience for."""


def plain_explore(system: System, *, unique_max: int = 10_000, **given: Any) -> PlainResult:
    """Every state, level by level; ends behind the level in which something fails.

    Raises TooMany for more than `unique_max` of them.
    """
    bounds = Bounds(**given)
    steps = PlainSteps(system, bounds)
    found: dict[Any, Found] = {}
    wrong: set[str] = set()
    level = {steps.key(steps.first()): steps.first()}
    depth, states = 0, 1
    complete = True
    while level:
        for key, world in level.items():
            found[key] = Found(world, depth, holds=_holds(system, world))
            wrong |= {f"always {name}" for name in system.always} - found[key].holds
        if wrong:
            break
        following: dict[Any, World] = {}
        for key, world in level.items():
            try:
                for label, after in steps.successors(world):
                    states += 1
                    key_after = steps.key(after)
                    found[key].edges.append((label, key_after))
                    if key_after not in found:
                        following.setdefault(key_after, after)
                    if len(found) + len(following) > unique_max:
                        raise TooMany
                found[key].is_cut = steps.is_cut(world)
            except Failed as failed:
                wrong.add(f"raised {failed.args[0]}: {type(failed.args[1]).__name__}")
        if depth == bounds.max_depth:
            complete = not following and not wrong
            wrong.clear()
            for key in level:
                found[key].is_cut |= any(after not in found for _, after in found[key].edges)
            break
        level = following
        depth += 1
    return _result(system, found, wrong, depth, states, complete and not wrong)


def _result(
    system: System,
    found: dict[Any, Found],
    wrong: set[str],
    depth: int,
    states: int,
    complete: bool,
) -> PlainResult:
    reached = {
        name: min(one.depth for one in found.values() if f"sometimes {name}" in one.holds)
        for name in system.sometimes
        if any(f"sometimes {name}" in one.holds for one in found.values())
    }
    most = max(one.depth for one in found.values())
    eventually, terminal_depth = {}, {}
    for name in system.eventually:
        eventually[name], least = _eventually(found, f"eventually {name}")
        if least is not None:
            terminal_depth[name] = least
    return PlainResult(
        unique=len(found),
        states=states,
        depth=most,
        complete=complete,
        wrong=wrong,
        wrong_depth=depth if wrong else None,
        reached=reached,
        eventually=eventually,
        terminal_depth=terminal_depth,
    )


def _holds(system: System, world: World) -> set[str]:
    names = system.names
    up = {
        name: place.state
        for name, place in zip(names, world.places, strict=True)
        if place.status == "up"
    }
    view = View(
        {name: up[name] for name in system.nodes if name in up},
        {
            name: up[name].history
            for name in system.clients
            if isinstance(up.get(name), ClientState)
        },
    )
    return {
        f"{kind} {name}"
        for kind in ("always", "sometimes", "eventually")
        for name, holds in getattr(system, kind).items()
        if holds(view)
    }


def _eventually(found: dict[Any, Found], name: str) -> tuple[str, int | None]:
    """The verdict, and how deep the nearest end is at which it never held.

    That it never holds on a fair path for ever is computed as Emerson and Lei do (Efficient model
    checking in fragments of the propositional mu-calculus, 1986): the largest set of states in
    which one can stay while nothing is put off for ever.
    """
    never = [key for key, one in found.items() if one.depth == 0 and name not in one.holds]
    depths = dict.fromkeys(never, 0)
    for key in never:  # grows meanwhile
        for _, after in found[key].edges:
            if after in found and name not in found[after].holds and after not in depths:
                depths[after] = depths[key] + 1
                never.append(after)
    ends = [
        depths[key]
        for key in never
        if not found[key].is_cut and all(label is None for label, _ in found[key].edges)
    ]
    if ends:
        return "bad", min(ends)
    stay = {key for key in never if not found[key].is_cut}
    before = None
    while before != stay:
        before = set(stay)
        labels = {label for key in stay for label, _ in found[key].edges if label is not None}
        for label in [None, *labels]:
            stay = _can_go_on(found, stay, label)
    if stay:
        return "bad", None
    return ("unknown" if any(found[key].is_cut for key in never) else "ok"), None


def _can_go_on(found: dict[Any, Found], stay: set[Any], label: Label) -> set[Any]:
    """From which of these one gets, within them, to where that happens, or need not happen."""
    goal = set()
    for key in stay:
        edges = found[key].edges
        enabled = any(each == label for each, _ in edges)
        if any(
            after in stay and (label is None or not enabled or each == label)
            for each, after in edges
        ):
            goal.add(key)
    while True:
        more = {key for key in stay - goal if any(after in goal for _, after in found[key].edges)}
        if not more:
            return goal
        goal |= more
