"""What a supervisor does on request: start, terminate, restart and delete a child."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.errors import UsageError
from headrace.supervision.exits import exit_of
from headrace.supervision.goals import Answering
from headrace.supervision.messages import (
    DeleteChild,
    Request,
    StartChild,
    TerminateChild,
)
from headrace.supervision.record import RESTARTING, STOPPED, Record
from headrace.supervision.spec import Child

if TYPE_CHECKING:
    from headrace.supervision.node import Node


def plan_request(node: Node, given: Request) -> None:
    """Answer a request at once, or plan what it asks for. `node` has nothing else under way."""
    if isinstance(given, StartChild):
        _start(node, given)
        return
    record = node.records.get(given.path.rpartition("/")[2])
    if node.spec.is_simple and not isinstance(given, TerminateChild):
        node.answer(given.request, "simple_one_for_one")
    elif record is None:
        node.answer(given.request, "not_found")
    elif isinstance(given, TerminateChild):
        node.pursue([("stop", [record])], Answering(given.request, record))
    elif record.state != STOPPED:
        node.answer(given.request, "restarting" if record.state == RESTARTING else "running")
    elif isinstance(given, DeleteChild):
        node.forget(record)
        node.answer(given.request, "ok", record.path)
    else:
        node.pursue([("start", [record])], Answering(given.request, record, keep=True))


def _start(node: Node, given: StartChild) -> None:
    if node.spec.is_simple:
        if isinstance(given.what, Child):
            node.answer(given.request, "simple_one_for_one")
            return
        template = node.spec.children[0]
        node.serial += 1
        name = f"{template.name}-{node.serial}"
        record = Record(template, node.child_path(name), given.what)
    else:
        if not isinstance(given.what, Child):
            node.answer(given.request, "not_simple")
            return
        name = given.what.name
        try:
            node.spec.check(given.what)
        except UsageError as error:
            node.answer(given.request, "invalid", node.child_path(name), exit_of(error))
            return
        if name in node.records:
            known = node.records[name]
            taken = "already_present" if not known.alive else "already_started"
            node.answer(given.request, taken, known.path)
            return
        record = Record(given.what, node.child_path(name))
    node.add(name, record)
    node.pursue([("start", [record])], Answering(given.request, record))
