"""What a live tree logs, to the logger `headrace.supervision`.

Fields of the records, besides the text: `event`, `supervisor` (the tree's name), `child` (a path),
`exit_kind` and `exit_detail`.
"""

from __future__ import annotations

import logging

from headrace.supervision.messages import Report

LOG = logging.getLogger("headrace.supervision")

TEXTS = {
    "started": "child %r has started",
    "exited": "child %r has ended: %s",
    "start_failed": "child %r could not be started: %s",
    "stopped": "child %r was stopped: %s",
    "gave_up": "supervisor %r gives up, too many restarts, the last because of: %s",
    "shutting_down": "supervisor %r shuts down: a significant child has ended: %s",
}


def tell(tree: str, report: Report) -> None:
    """Log what a supervisor reports."""
    reason = report.reason
    bad = reason is not None and reason.abnormal
    if report.event in ("gave_up", "start_failed"):
        level = logging.ERROR
    elif report.event in ("exited", "stopped") and bad:
        level = logging.WARNING
    else:
        level = logging.INFO
    fields = {
        "event": report.event,
        "supervisor": tree,
        "child": report.path,
        "exit_kind": "" if reason is None else reason.kind,
        "exit_detail": "" if reason is None else reason.detail,
    }
    args = (report.path or tree,) if reason is None else (report.path or tree, reason)
    error = None if reason is None or reason.error is None else reason.error
    trace = (type(error), error, error.__traceback__) if error is not None else None
    LOG.log(level, f"%s: {TEXTS[report.event]}", tree, *args, extra=fields, exc_info=trace)
