"""Elastic stages of a net: their workers' places, and the pools that see to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from headrace.compose.layout import Layout, Read, StageLayout, rings_of
from headrace.elastic import Assignment
from headrace.replay.partitioned import Partitioned
from headrace.runtime.backlog import READER
from headrace.runtime.elastic_links import Links
from headrace.runtime.elastic_remote import RemoteElastic
from headrace.runtime.elastic_stage import ElasticStage
from headrace.runtime.net_states import kept_in
from headrace.runtime.pool import Pool
from headrace.runtime.pool_load import Place
from headrace.runtime.progress import LOOK_SECONDS
from headrace.runtime.setup import Setup

if TYPE_CHECKING:
    from headrace.runtime.net import Net


def elastic_stage(net: Net, stage: StageLayout, setup: Setup) -> ElasticStage:
    """The place of one worker; it goes on with its part of the fold's states."""
    assert stage.slot is not None
    number, node, group = stage.slot.index, stage.slot.node, stage.slot.group
    kept = kept_in(net.fold, stage)
    states: Any = net.fold.steppers[kept]
    owned = None
    partitioned = Partitioned(node, setup.step)
    if number < node.min:
        owned = Assignment.over(range(node.min), node.partitions).owned(number)
        partitioned.steppers = {at: states.steppers[at] for at in owned if at in states.steppers}
    made = ElasticStage(
        stage,
        net.by_index[rings_of(stage.source)[0]],
        partitioned,
        0 if number else net.fold.made[kept],
        owned,
        Links(
            lambda to, letter: net.pools[group].send(to, letter),
            net._hooks.on_failure,
            _Emitter(net, stage),
            _Reading(net, stage),
            net._hooks.moved,
        ),
        open_source=lambda: net._source_of(stage, setup),
        leaves=isinstance(stage.source, Read),
        on_crash=net._hooks.on_crash,
    )
    net._connect(stage, made)
    return made


def joins_at_once(stage: StageLayout) -> bool:
    """Whether a stage has its place in the rings from the start on."""
    slot = stage.slot
    return slot is None or slot.index < slot.node.min or not isinstance(stage.source, Read)


class _Emitter:
    """Puts out what a worker has made, as far as there is room."""

    def __init__(self, net: Net, stage: StageLayout) -> None:
        self._net, self._stage = net, stage
        self._full_since: float | None = None

    def __call__(self, records: Any) -> int:
        net = self._net
        made: Any = net.stages[self._stage.index]
        if net.wait_safe is not None and net._is_last(made):
            net.wait_safe(int(records["origin"].max()) + 1)
        done = net._outlets[made].try_emit(records)
        if done:
            self._full_since = None
        elif self._full_since is None:
            self._full_since = time.monotonic()
        elif time.monotonic() - self._full_since > LOOK_SECONDS:
            self._full_since = None
            if net._readers_are_gone(made):
                return len(records)  # nobody will ever read them
        return done


class _Reading:
    """Whether those who read a worker's outputs are through with them."""

    def __init__(self, net: Net, stage: StageLayout) -> None:
        self._net, self._stage = net, stage

    def __call__(self, worker: int, made: int) -> bool:
        net, own = self._net, self._stage
        assert own.slot is not None
        sender = net.layout.stages[own.index - own.slot.index + worker]
        if sender.output is None:
            return True
        ring = net.by_index[sender.output]
        outlet = net.layout.outlet
        if outlet is not None and sender.output in rings_of(outlet) and net.backlog is not None:
            net.backlog.pump()
            if ring.released(READER) < made:
                return False
        return all(ring.released(stage.name) >= made for stage in net.layout.readers(sender.output))


def pools_of(
    layout: Layout,
    stages: list[Any],
    lag: Callable[[StageLayout], int],
    on_crash: Callable[[BaseException], None],
) -> dict[str, Pool]:
    """A pool for each elastic stage, by its name."""
    pools: dict[str, Pool] = {}
    for each in layout.stages:
        slot = each.slot
        if slot is None or slot.index:
            continue
        own = [stage for stage in layout.stages if stage.state_name == each.state_name]
        places: list[Place] = [stages[stage.index] for stage in own]
        lags = _lags(dict(zip(places, own, strict=True)), lag)
        pool = Pool(slot, places, lags, shared=bool(each.shares))
        for place in places:
            place.pool = pool
            if isinstance(place, RemoteElastic):
                place.on_crash = on_crash
        pools[slot.group] = pool
    return pools


def _lags(
    layouts: dict[Place, StageLayout], lag: Callable[[StageLayout], int]
) -> Callable[[Place], int]:
    return lambda place: lag(layouts[place])
