"""What a supervisor does, case by case: the table that headrace's is held to, and Erlang/OTP's too.

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


def restarts() -> list[Case]:
    """Strategy x restart type x how the child ends."""
    cases = []
    again = {ONE: "+b", ALL: "-c -a +a +b +c", REST: "-c +b +c"}
    for strategy, happens in again.items():
        for restart in ("permanent", "transient", "temporary"):
            for kind in ("normal", "shutdown", "error", "killed"):
                abnormal = kind in ("error", "killed")
                starts = restart == "permanent" or (restart == "transient" and abnormal)
                cases.append(
                    case(
                        f"{strategy}: {restart} child ends: {kind}",
                        sup(strategy, f"a, b {restart}, c"),
                        f"b {kind}",
                        "+a +b +c |" + (f" {happens}" if starts else ""),
                    )
                )
    return cases


ORDER = [
    case("start in order, stop in reverse", sup(ONE, ABC), "stop", "+a +b +c | -c -b -a down"),
    case("one_for_all of the last", sup(ALL, ABC), "c error", "+a +b +c | -b -a +a +b +c"),
    case("one_for_all of the first", sup(ALL, ABC), "a error", "+a +b +c | -c -b +a +b +c"),
    case("rest_for_one of the last", sup(REST, ABC), "c error", "+a +b +c | +c"),
    case("rest_for_one of the first", sup(REST, ABC), "a error", "+a +b +c | -c -b +a +b +c"),
    case(
        "a restarted child keeps its place in the order",
        sup(ONE, ABC),
        "a error, stop",
        "+a +b +c | +a | -c -b -a down",
    ),
    case(
        "a temporary sibling is stopped and not started again",
        sup(ALL, "a, b temporary, c", intensity=2),
        "a error, c error, restart b",
        "+a +b +c | -c -b +a +c | -a +a +c | =not_found",
    ),
    case(
        "a transient sibling is stopped and started again",
        sup(ALL, "a, b transient"),
        "a error",
        "+a +b | -b +a +b",
    ),
    case(
        "a transient sibling that had ended is started again with all",
        sup(ALL, "a, b transient"),
        "b normal, a error",
        "+a +b | | +a +b",
    ),
    case(
        "so it is with the rest",
        sup(REST, "a, b transient, c"),
        "b normal, a error",
        "+a +b +c | | -c +a +b +c",
    ),
    case(
        "and one before it is left alone",
        sup(REST, "a transient, b, c"),
        "a normal, b error",
        "+a +b +c | | -c +b +c",
    ),
]

INTENSITY = [
    case("one restart too many", sup(ONE, "a, b"), "b error, b error", "+a +b | +b | -a down"),
    case("intensity 0 allows none", sup(ONE, "a, b", intensity=0), "b normal", "+a +b | -a down"),
    case(
        "it is counted over all children",
        sup(ONE, ABC),
        "b error, c error",
        "+a +b +c | +b | -b -a down",
    ),
    case(
        "intensity 3",
        sup(ONE, "a", intensity=3),
        "a error, a error, a error, a error",
        "+a | +a | +a | +a | down",
    ),
    case(
        "a restart of all counts once",
        sup(ALL, ABC, intensity=2),
        "a error, b error, c error",
        "+a +b +c | -c -b +a +b +c | -c -a +a +b +c | -b -a down",
    ),
    case(
        "what is longer ago than the period does not count",
        sup(ONE, "a", period=1),
        "a error, wait 3, a error, a error",
        "+a | +a | | +a | down",
    ),
    case(
        "what is not started again does not count",
        sup(ONE, "a, b temporary, c transient", intensity=0),
        "b error, c normal",
        "+a +b +c | |",
    ),
]

FAILED_STARTS = [
    case(
        "a start that fails at boot stops what was started",
        sup(ONE, ABC),
        "",
        "+a +b ?c -b -a failed",
        c=Script(starts=("fail",)),
    ),
    case("the first start fails", sup(ALL, ABC), "", "?a failed", a=Script(starts=("fail",))),
    case(
        "of a temporary child too",
        sup(ONE, "a, b temporary"),
        "",
        "+a ?b -a failed",
        b=Script(starts=("fail",)),
    ),
    case(
        "a failed restart is tried again, and counts",
        sup(ONE, "a, b", intensity=2),
        "b error, b error",
        "+a +b | ?b +b | -a down",
        b=FAILS_AGAIN,
    ),
    case(
        "failed restarts exceed the intensity",
        sup(ONE, "a, b", intensity=3),
        "b error",
        "+a +b | ?b ?b ?b -a down",
        b=Script(starts=("ok", "fail", "fail", "fail", "fail")),
    ),
    case(
        "one_for_all: another one fails to start again",
        sup(ALL, ABC, intensity=2),
        "a error",
        "+a +b +c | -c -b +a ?b -a +a +b +c",
        b=FAILS_AGAIN,
    ),
    case(
        "rest_for_one: another one fails to start again, and only its rest is tried",
        sup(REST, ABC, intensity=2),
        "a error",
        "+a +b +c | -c -b +a ?b +b +c",
        b=FAILS_AGAIN,
    ),
    case(
        "one_for_all: a failed restart that is one too many",
        sup(ALL, ABC),
        "a error",
        "+a +b +c | -c -b +a ?b -a down",
        b=FAILS_AGAIN,
    ),
    case(
        "nothing to run is no failure",
        sup(ONE, ABC),
        "delete b, delete b",
        "+a 0b +c | =ok | =not_found",
        b=Script(starts=("ignore",)),
    ),
    case(
        "a temporary child with nothing to run is forgotten",
        sup(ONE, "a, b temporary"),
        "delete b",
        "+a 0b | =not_found",
        b=Script(starts=("ignore",)),
    ),
    case(
        "nothing to run any more",
        sup(ONE, "a, b"),
        "b error, restart b",
        "+a +b | 0b | +b =ok",
        b=Script(starts=("ok", "ignore")),
    ),
]

SHUTDOWN = [
    case(
        "a child that does not stop in time is killed",
        sup(ONE, ["a", f"b {SHORT}", "c"]),
        "stop",
        "+a +b +c | -c -b !b -a down",
        b=NEVER_STOPS,
    ),
    case(
        "brutal_kill kills at once",
        sup(ONE, "a, b brutal_kill"),
        "stop",
        "+a +b | !b -a down",
    ),
    case(
        "shutdown 0 asks and kills",
        sup(ONE, "a, b 0"),
        "stop",
        "+a +b | -b !b -a down",
        b=NEVER_STOPS,
    ),
    case(
        "infinity waits",
        sup(ONE, "a, b infinity"),
        "stop, wait 1",
        "+a +b | -b | -a down",
        b=Script(stop_s=0.7),
    ),
    case(
        "one_for_all kills siblings that do not stop",
        sup(ALL, [f"a {SHORT}", "b brutal_kill", "c"]),
        "c error",
        "+a +b +c | !b -a !a +a +b +c",
        a=NEVER_STOPS,
    ),
    case(
        "a child stopped by its supervisor is not started again",
        sup(REST, "a, b"),
        "terminate b, a error",
        "+a +b | -b =ok | +a +b",
    ),
]

SIGNIFICANT = [
    case(
        "any_significant: transient, normal",
        sup(ONE, "a, b transient significant, c", auto="any_significant"),
        "b normal",
        "+a +b +c | -c -a down",
    ),
    case(
        "any_significant: transient, shutdown",
        sup(ONE, "a, b transient significant, c", auto="any_significant"),
        "b shutdown",
        "+a +b +c | -c -a down",
    ),
    case(
        "any_significant: transient, error, is started again",
        sup(ONE, "a, b transient significant", auto="any_significant"),
        "b error",
        "+a +b | +b",
    ),
    case(
        "any_significant: temporary, normal",
        sup(ONE, "a, b temporary significant", auto="any_significant"),
        "b normal",
        "+a +b | -a down",
    ),
    case(
        "any_significant: temporary, error",
        sup(ONE, "a, b temporary significant", auto="any_significant"),
        "b error",
        "+a +b | -a down",
    ),
    case(
        "any_significant: another one ends",
        sup(ONE, "a, b temporary significant, c temporary", auto="any_significant"),
        "c error",
        "+a +b +c |",
    ),
    case(
        "all_significant: the last",
        sup(
            ONE,
            "a temporary significant, b transient significant, c",
            auto="all_significant",
        ),
        "a error, b normal",
        "+a +b +c | | -c down",
    ),
    case(
        "all_significant: a restarted one is left",
        sup(ONE, "a temporary significant, b transient significant", auto="all_significant"),
        "b error, a normal, b normal",
        "+a +b | +b | | down",
    ),
    case(
        "a significant child that is terminated on request",
        sup(ONE, "a, b transient significant", auto="any_significant"),
        "terminate b, restart b, b normal",
        "+a +b | -b =ok | +b =ok | -a down",
    ),
    case(
        "a significant child that goes with its siblings",
        sup(ALL, "a, b temporary significant", auto="any_significant"),
        "a error",
        "+a +b | -b +a",
    ),
    case(
        "one_for_all: significant and transient, normal",
        sup(ALL, "a, b transient significant, c", auto="any_significant"),
        "b normal",
        "+a +b +c | -c -a down",
    ),
    case(
        "a terminated significant child counts as ended",
        sup(ONE, "a transient significant, b transient significant", auto="all_significant"),
        "terminate a, b normal",
        "+a +b | -a =ok | down",
    ),
]

DYNAMIC = [
    case(
        "start a child",
        sup(ALL, "a"),
        "start b, a error, stop",
        "+a | +b =ok | -b +a +b | -b -a down",
    ),
    case("start one that runs", sup(ONE, "a"), "start a", "+a | =already_started"),
    case(
        "start one that was terminated",
        sup(ONE, "a"),
        "terminate a, start a",
        "+a | -a =ok | =already_present",
    ),
    case(
        "start one that fails",
        sup(ONE, "a"),
        "start b, delete b",
        "+a | ?b =start_failed | =not_found",
        b=Script(starts=("fail",)),
    ),
    case(
        "start one with nothing to run",
        sup(ONE, "a"),
        "start b, delete b",
        "+a | 0b =ignored | =ok",
        b=Script(starts=("ignore",)),
    ),
    case(
        "terminate, restart, delete",
        sup(ONE, "a, b"),
        "restart b, delete b, terminate b, terminate b, restart b, terminate b, delete b, "
        "restart b",
        "+a +b | =running | =running | -b =ok | =ok | +b =ok | -b =ok | =ok | =not_found",
    ),
    case(
        "restart one that fails",
        sup(ONE, "a, b"),
        "terminate b, restart b, restart b",
        "+a +b | -b =ok | ?b =start_failed | +b =ok",
        b=FAILS_AGAIN,
    ),
    case(
        "a temporary child is gone when it is terminated",
        sup(ONE, "a temporary"),
        "terminate a, restart a, start a",
        "+a | -a =ok | =not_found | +a =ok",
    ),
    case(
        "restart one that has ended by itself",
        sup(ONE, "a transient"),
        "a normal, restart a",
        "+a | | +a =ok",
    ),
    case(
        "a significant one where nothing shuts down",
        sup(ONE, "a"),
        "start b temporary significant",
        "+a | =invalid",
    ),
    case("of an unknown name", sup(ONE, "a"), "terminate b", "+a | =not_found"),
]

SIMPLE_CASES = [
    case(
        "nothing starts by itself",
        sup(SIMPLE, "w"),
        "start w, start w, stop",
        "| +w-1 =ok | +w-2 =ok | -w-* down",
    ),
    case(
        "only the one that ended",
        sup(SIMPLE, "w"),
        "start w, start w, w-1 error, w-2 error",
        "| +w-1 =ok | +w-2 =ok | +w-1 | -w-1 down",
    ),
    case(
        "a transient one that is through is forgotten",
        sup(SIMPLE, "w transient"),
        "start w, w-1 normal, start w, w-2 error",
        "| +w-1 =ok | | +w-2 =ok | +w-2",
    ),
    case(
        "terminate one",
        sup(SIMPLE, "w"),
        "start w, terminate w-1, stop",
        "| +w-1 =ok | -w-1 =ok | down",
    ),
    case(
        "restart and delete mean nothing",
        sup(SIMPLE, "w"),
        "start w, restart w-1, delete w-1",
        "| +w-1 =ok | =simple_one_for_one | =simple_one_for_one",
    ),
    case(
        "all_significant: the last of all instances",
        sup(SIMPLE, "w temporary significant", auto="all_significant"),
        "start w, start w, w-1 normal, w-2 error",
        "| +w-1 =ok | +w-2 =ok | | down",
    ),
    case(
        "they are stopped at the same time",
        sup(SIMPLE, f"w {SHORT}"),
        "start w, start w, stop",
        "| +w-1 =ok | +w-2 =ok | -w-* !w-* down",
        w=NEVER_STOPS,
    ),
]


def below(
    strategy: str = ONE,
    restart: str = "permanent",
    inside: str = "x, y",
    auto: str = "never",
    significant: bool = False,
    auto_top: str = "never",
) -> Supervisor:
    """A supervisor `s`, of x and y, between a and c."""
    tree = Child("s", sup(ONE, inside, auto=auto, name="s"), restart, significant=significant)
    return sup(strategy, ["a", tree, "c"], auto=auto_top)


TREES = [
    case("a tree starts depth first", below(), "stop", "+a +s/x +s/y +c | -c -s/y -s/x -a down"),
    case("inside, only its own", below(), "s/x error", "+a +s/x +s/y +c | +s/x"),
    case(
        "it gives up, and is started again",
        below(),
        "s/x error, s/x error",
        "+a +s/x +s/y +c | +s/x | -s/y +s/x +s/y",
    ),
    case(
        "and counts anew, until that one gives up, too",
        below(),
        "s/x error, s/x error, s/x error, s/x error",
        "+a +s/x +s/y +c | +s/x | -s/y +s/x +s/y | +s/x | -s/y -c -a down",
    ),
    case(
        "a transient supervisor that gives up ends with shutdown, so is not started again",
        below(restart="transient"),
        "s/x error, s/x error, stop",
        "+a +s/x +s/y +c | +s/x | -s/y | -c -a down",
    ),
    case(
        "failing upward stops the rest",
        below(REST),
        "s/x error, s/x error",
        "+a +s/x +s/y +c | +s/x | -s/y -c +s/x +s/y +c",
    ),
    case(
        "failing upward stops all",
        below(ALL),
        "s/x error, s/x error",
        "+a +s/x +s/y +c | +s/x | -s/y -c -a +a +s/x +s/y +c",
    ),
    case(
        "a sibling's end stops the tree",
        below(ALL),
        "a error",
        "+a +s/x +s/y +c | -c -s/y -s/x +a +s/x +s/y +c",
    ),
    case(
        "its start fails at boot",
        below(),
        "",
        "+a +s/x ?s/y -s/x -a failed",
        s__y=Script(starts=("fail",)),
    ),
    case(
        "its restart fails, and is tried again",
        sup(ALL, ["a", sup(ONE, "x, y", name="s")], intensity=2),
        "a error",
        "+a +s/x +s/y | -s/y -s/x +a +s/x ?s/y -s/x -a +a +s/x +s/y",
        s__y=FAILS_AGAIN,
    ),
    case(
        "it shuts down by itself and ends the one above",
        below(
            restart="transient",
            inside="x transient significant, y",
            auto="any_significant",
            significant=True,
            auto_top="all_significant",
        ),
        "s/x normal",
        "+a +s/x +s/y +c | -s/y -c -a down",
    ),
    case(
        "it shuts down by itself and is started again",
        below(inside="x transient significant, y", auto="any_significant"),
        "s/x normal",
        "+a +s/x +s/y +c | -s/y +s/x +s/y",
    ),
    case(
        "dynamic children of a restarted tree are lost",
        below(ALL),
        "start s/z, a error",
        "+a +s/x +s/y +c | +s/z =ok | -c -s/z -s/y -s/x +a +s/x +s/y +c",
    ),
    case(
        "terminate and restart a tree",
        below(),
        "terminate s, s/x error, restart s",
        "+a +s/x +s/y +c | -s/y -s/x =ok | =nobody | +s/x +s/y =ok",
    ),
]

CASES = [
    *restarts(),
    *ORDER,
    *INTENSITY,
    *FAILED_STARTS,
    *SHUTDOWN,
    *SIGNIFICANT,
    *DYNAMIC,
    *SIMPLE_CASES,
    *TREES,
]
