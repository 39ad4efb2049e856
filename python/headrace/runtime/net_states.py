"""The states of a net's stages, by name, and where they begin: workers of one stage have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xxhash

from headrace.compose.layout import RingLayout, StageLayout, rings_of
from headrace.journal.states import known_classes
from headrace.machine import Machine
from headrace.replay import Fold
from headrace.runtime.deadline import NEVER, Deadline
from headrace.runtime.keeper import Cut, StageCut
from headrace.runtime.remote import RemoteStage
from headrace.runtime.settling import released

if TYPE_CHECKING:
    from headrace.runtime.net import Net


def _with_states(net: Net) -> list[tuple[StageLayout, Any]]:
    """The stages, of elastic ones the first worker."""
    both = zip(net.layout.stages, net.stages, strict=True)
    return [
        (layout, stage) for layout, stage in both if layout.slot is None or layout.slot.index == 0
    ]


def states_of(net: Net, deadline: Deadline = NEVER) -> dict[str, Any]:
    """Copies of the states. Raises StateError, and WaitTimeout: see `RemoteStage.state`."""
    return {
        layout.state_name: _state_of(net, layout, stage, deadline)
        for layout, stage in _with_states(net)
    }


def _state_of(net: Net, layout: StageLayout, stage: Any, deadline: Deadline) -> Any:
    if layout.slot is not None:
        return net.pools[layout.state_name].state(deadline.over)
    if isinstance(stage, RemoteStage):
        return stage.state(deadline.over)
    return stage.state()


def cuts_of(net: Net, deadline: Deadline) -> list[StageCut]:
    """The same with all that a snapshot has of them, while all is at rest."""
    states = states_of(net, deadline)
    return [
        StageCut(
            layout.state_name,
            stage.machine.version,
            stage.done,
            _made_by(net, layout),
            states[layout.state_name],
            known_classes(stage.machine),
        )
        for layout, stage in _with_states(net)
    ]


def state_as(net: Net, machine: Any) -> Any:
    """Copies of the states: of one machine its own, else by the names of the stages."""
    states = states_of(net)
    if isinstance(machine, Machine):
        return states[machine.name]
    return tuple(states.values()) if net.layout.is_pipeline else states


def cut_at(net: Net, at: int, deadline: Deadline = NEVER) -> Cut:
    """The cut before input `at`, while all is at rest there. Raises WaitTimeout."""
    cuts = cuts_of(net, deadline)
    since, rolling, last = net.since, xxhash.xxh3_64(), net.fold.last_output
    if net.backlog is not None and net.backlog.rolling is not None:
        rolling, last = net.backlog.rolling, net.backlog.last_output
        net.backlog.rolling = xxhash.xxh3_64()
    net.since = at
    return Cut(at, cuts, since, rolling.intdigest(), net.answers.before(at), last)


def _made_by(net: Net, layout: StageLayout) -> int:
    """How many output records there are of all workers of a stage."""
    both = zip(net.layout.stages, net.stages, strict=True)
    return sum(stage.made for each, stage in both if each.state_name == layout.state_name)


def kept_in(fold: Fold, stage: StageLayout) -> int:
    """Where a fold has a stage's state."""
    return fold.names.index(stage.state_name)


def begin_of(net: Net, ring: RingLayout) -> int:
    """The first sequence of a ring."""
    if ring.writer is None:
        return net.fold.sequence
    stage = net.layout.stages[ring.writer]
    if stage.slot is not None and stage.slot.index:  # the first worker goes on with all
        return 0
    return net.fold.made[kept_in(net.fold, stage)]


def lag_of(net: Net, stage: StageLayout) -> int:
    """How many events of its rings a stage has not let go of."""
    rings = [net.by_index[ring] for ring in rings_of(stage.source)]
    return sum(ring.cursor - min(ring.cursor, released(ring, stage)) for ring in rings)
