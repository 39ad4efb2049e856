"""The rest of the table: significant and dynamic children, templates, trees."""

from __future__ import annotations

from supervision_case import (
    ALL,
    FAILS_AGAIN,
    NEVER_STOPS,
    ONE,
    REST,
    SHORT,
    SIMPLE,
    case,
    sup,
)

from headrace.supervision import Child, Script, Supervisor

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
        "any_significant: the first of two",
        sup(ONE, "a transient significant, b temporary significant, c", auto="any_significant"),
        "a normal",
        "+a +b +c | -c -b down",
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

MORE = [*SIGNIFICANT, *DYNAMIC, *SIMPLE_CASES, *TREES]
