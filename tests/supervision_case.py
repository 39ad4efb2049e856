"""What a case of supervision is, and how it is written down.

A case is a tree, steps, and what happens: first while it starts, then in each step, with " | "
between. `+a`: the start of child a is called; `?a`: and fails; `0a`: and it has nothing to run;
`-a`: a is asked to stop; `!a`: it is killed; `=word`: the answer to a request; `down`: the tree has
ended with reason shutdown; `failed`: it could not be started.

Steps: `a error` (or normal, shutdown, killed): a ends so by itself; `stop`: the whole tree;
`start a ...`, `terminate a`, `restart a`, `delete a`; `wait 3`: seconds. Each step is followed by
STEP_S seconds; shutdowns that run out are shorter than that.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from headrace.supervision import Child, Script, Supervisor

STEP_S = 0.3
SHORT = "0.05"  # seconds to stop


def nothing() -> None:
    """Where a start stands that nothing calls."""


def child(text: str) -> Child:
    """A child of its name, restart, shutdown and "significant", in any order behind the name."""
    name, *words = text.split()
    restart, shutdown, significant = "permanent", None, False
    for word in words:
        if word in ("permanent", "transient", "temporary"):
            restart = word
        elif word == "significant":
            significant = True
        else:
            shutdown = word if word in ("brutal_kill", "infinity") else float(word)
    return Child(name, nothing, restart, shutdown, significant)


def sup(
    strategy: str,
    children: str | list[str | Supervisor | Child],
    intensity: int = 1,
    period: float = 60.0,
    auto: str = "never",
    name: str = "top",
) -> Supervisor:
    """A supervisor; children as in `child`, a text of several has commas between."""
    listed = children.split(", ") if isinstance(children, str) else children
    made = [child(each) if isinstance(each, str) else each for each in listed]
    return Supervisor(strategy, made, intensity, period, auto, name)


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    name: str
    tree: Supervisor
    steps: tuple[str, ...]
    happens: str
    scripts: dict[str, Script] = field(default_factory=dict)


def case(name: str, tree: Supervisor, steps: str, happens: str, **scripts: Script) -> Case:
    """A case; steps with ", " between; in the names of scripts "__" stands for "/"."""
    listed = tuple(steps.split(", ")) if steps else ()
    return Case(name, tree, listed, happens, {k.replace("__", "/"): v for k, v in scripts.items()})


ONE, ALL, REST, SIMPLE = "one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one"
ABC = "a, b, c"
FAILS_AGAIN = Script(starts=("ok", "fail"))
NEVER_STOPS = Script(stop_s=None)
