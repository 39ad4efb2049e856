"""Runs the cases of supervision_cases.py in virtual time, and on Erlang/OTP where that is there."""

from __future__ import annotations

import re

from supervision_case import STEP_S, Case, child

from headrace.supervision import Exit, VirtualTree
from headrace.supervision.messages import Answer

MARKS = {"start": "+", "start_failed": "?", "ignored": "0", "ask": "-", "kill": "!"}


def play(case: Case) -> str:
    """What happens in a case, in the words of the table."""
    tree = VirtualTree(case.tree, case.scripts)
    tree.start()
    tree.advance(STEP_S)
    parts = [said(tree, 0, [])]
    for step in case.steps:
        seen = len(tree.trace)
        answers = [take(tree, step)]
        tree.advance(STEP_S)
        parts.append(said(tree, seen, answers))
    return " | ".join(parts).replace("  ", " ").strip()


def take(tree: VirtualTree, step: str) -> str | None:
    """One step; the answer, if it is a request."""
    first, *rest = step.split()
    if first == "stop":
        tree.stop()
    elif first == "wait":
        tree.advance(float(rest[0]))
    elif first == "start":
        under, _, name = rest[0].rpartition("/")
        simple = tree.core.spec.is_simple
        what = () if simple else child(" ".join([name, *rest[1:]]))
        return outcome(tree.start_child(what, under))
    elif first in ("terminate", "restart", "delete"):
        return outcome(getattr(tree, f"{first}_child")(rest[0]))
    elif first not in tree.running:
        return "nobody"
    else:
        tree.exit(first, Exit(rest[0]))
    return None


def outcome(answer: Answer | None) -> str:
    return "waits" if answer is None else answer.outcome


def said(tree: VirtualTree, since: int, answers: list[str | None]) -> str:
    words = [f"{MARKS[each.what]}{each.path}" for each in tree.trace[since:] if each.what in MARKS]
    words += [f"={each}" for each in answers if each is not None]
    if any(each.what == "down" for each in tree.trace[since:]):
        assert tree.down is not None
        assert not tree.running
        words.append("failed" if tree.down.why == "start_failed" else "down")
        assert tree.down.why == "start_failed" or tree.down.reason.kind == "shutdown"
    return " ".join(words)


def plain(happens: str) -> str:
    """The order of what a simple_one_for_one supervisor stops at the same time does not matter."""
    for mark in "-!":
        happens = re.sub(rf"\{mark}w-\d+( \{mark}w-\d+)+", f"{mark}w-*", happens)
    return " ".join(happens.split())
