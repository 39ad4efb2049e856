"""The table that headrace's supervisors are held to, and Erlang/OTP's too: strategies and ends."""

from __future__ import annotations

from supervision_case import (
    ABC,
    ALL,
    FAILS_AGAIN,
    NEVER_STOPS,
    ONE,
    REST,
    SHORT,
    Case,
    case,
    sup,
)
from supervision_more_cases import MORE

from headrace.supervision import Script


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

CASES = [
    *restarts(),
    *ORDER,
    *INTENSITY,
    *FAILED_STARTS,
    *SHUTDOWN,
    *MORE,
]
