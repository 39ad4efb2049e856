"""What a tree that runs tells about its children."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.supervision.core import Core
from headrace.supervision.record import RUNNING
from headrace.supervision.running import Running


@dataclass(frozen=True, slots=True)
class ChildInfo:
    """A child of a tree. `state`: "running", "starting", "stopping", "stopped" or "restarting".

    `starts`: how often its supervisor has started it, since that one was started itself.
    `running`: what its start returned, None for a supervisor or if it does not run.
    """

    path: str
    state: str
    restart: str
    is_supervisor: bool
    starts: int
    running: Running | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many children a supervisor has: `specs` in all, of them `active` ones that run, and
    `supervisors` and `workers`, whether they run or not. `specs` of a template is 1.
    """

    specs: int
    active: int
    supervisors: int
    workers: int


def infos_of(core: Core, running: Mapping[int, tuple[str, Running]]) -> list[ChildInfo]:
    """All children of a tree."""
    return [
        ChildInfo(
            each.path,
            each.state,
            each.child.restart,
            each.child.is_supervisor,
            each.starts,
            running[each.run][1] if each.alive and each.run in running else None,
        )
        for each in core.records()
    ]


def count_of(core: Core, path: str) -> Count | None:
    """The count of the supervisor at a path; None: there is none."""
    node = core.supervisor(path)
    if node is None:
        return None
    records = list(node.records.values())
    supervisors = sum(each.child.is_supervisor for each in records)
    return Count(
        specs=1 if node.spec.is_simple else len(records),
        active=sum(each.state == RUNNING for each in records),
        supervisors=supervisors,
        workers=len(records) - supervisors,
    )
