"""The errors that a supervisor's answers stand for."""

from __future__ import annotations

from headrace.errors import ChildRefused, StartFailed
from headrace.supervision.messages import Answer

WORDS = {
    "ended": "the tree has ended",
    "no_supervisor": "no supervisor runs at that path",
    "not_found": "there is no such child",
    "running": "it runs; terminate it first",
    "restarting": "it could not be started again and is being tried; terminate it first",
    "already_started": "there is a child of that name, and it runs",
    "already_present": "there is a child of that name; restart or delete that",
    "simple_one_for_one": (
        "the children of a simple_one_for_one supervisor are made from its template: "
        "start_instance and terminate_child is all there is"
    ),
    "not_simple": "only a simple_one_for_one supervisor has a template; give start_child a Child",
}


def check_answer(answer: Answer, tree: str, path: str) -> None:
    """Raise what an answer stands for, unless the request was done."""
    if answer.outcome in ("ok", "ignored"):
        return
    where = f"supervisor {tree!r}, {answer.path or path or 'the top'!r}"
    reason = answer.reason
    if answer.outcome == "start_failed":
        assert reason is not None
        raise StartFailed(f"{where}: the start failed: {reason}", reason) from reason.error
    words = WORDS.get(answer.outcome) or (reason.detail if reason else answer.outcome)
    raise ChildRefused(f"{where}: {words}", answer.outcome)
