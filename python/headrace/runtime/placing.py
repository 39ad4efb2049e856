"""Where the stages of a topology run: in threads of this process, or in processes of their own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headrace.compose.layout import Layout, lay_out
from headrace.compose.topology import Topology
from headrace.errors import UsageError
from headrace.journal.settings import Journal
from headrace.machine import Machine

THREADS, PROCESSES = "threads", "processes"

Place = str | Mapping[str, str]


@dataclass(frozen=True)
class Placement:
    """For each stage whether it has a process of its own, and its core (None: any)."""

    remote: tuple[bool, ...]
    cores: tuple[int | None, ...]

    @property
    def special(self) -> bool:
        """Whether it asks for more than a thread for each stage, anywhere."""
        return self.any_remote or any(core is not None for core in self.cores)

    @property
    def any_remote(self) -> bool:
        """Whether some stage has a process of its own."""
        return any(self.remote)


def lay_out_and_place(
    topology: Machine | Topology, in_order: bool, place: Place, cores: Sequence[int] | None
) -> tuple[Layout, Placement]:
    """The layout of what an engine runs, and where; arguments as of `lay_out`, `place_stages`.

    Worker processes of an elastic stage put out in order: the newest output that is out then says
    which others are, and nobody who takes a partition over has to wait for who read the old ones.
    Raises MachineError, UsageError.
    """
    layout = lay_out(topology, in_order)
    placement = place_stages(layout, place, cores)
    if elastic_in_order(layout, placement):
        layout = lay_out(topology, in_order, elastic_in_order=True)
    return layout, placement


def elastic_in_order(layout: Layout, placement: Placement) -> bool:
    """Whether elastic stages are laid out in order for their place."""
    return any(placement.remote[stage.index] for stage in layout.stages if stage.slot is not None)


def place_stages(layout: Layout, place: Place, cores: Sequence[int] | None) -> Placement:
    """`place`: "threads", "processes", or which of the two by the name of a machine or stage.

    `cores`: numbers of cores, given to the stages in turn. Raises UsageError.
    """
    chosen = _by_name(layout, place)
    given = _cores(cores)
    count = len(layout.stages)
    return Placement(
        # All workers of an elastic stage are in one kind of place.
        tuple(
            chosen(stage.state_name, stage.machine.name) == PROCESSES for stage in layout.stages
        ),
        tuple(given[index % len(given)] if given else None for index in range(count)),
    )


def _by_name(layout: Layout, place: Place):  # type: ignore[no-untyped-def]
    if isinstance(place, str):
        _check(place, place)
        return lambda name, machine: place
    if not isinstance(place, Mapping):
        raise UsageError(f"place is 'threads', 'processes', or a dict by stage, not {place!r}")
    names = {stage.state_name for stage in layout.stages} | {
        stage.machine.name for stage in layout.stages
    }
    for name, one in place.items():
        if name not in names:
            raise UsageError(
                f"place names a stage {name!r}; there are {', '.join(sorted(names))}"
            )
        _check(one, place)
    return lambda name, machine: place.get(name, place.get(machine, THREADS))


def _check(one: object, place: object) -> None:
    if one not in (THREADS, PROCESSES):
        raise UsageError(f"place is 'threads', 'processes', or a dict by stage, not {place!r}")


def _cores(cores: Sequence[int] | None) -> list[int]:
    if cores is None:
        return []
    try:
        given = list(cores)
    except TypeError:
        raise UsageError(f"cores are the numbers of cores, as [0, 1], not {cores!r}") from None
    usable = available_cores()
    for core in given:
        if core not in usable:
            raise UsageError(
                f"cores names core {core!r}; this process may use {sorted(usable)}"
            )
    return given


def check_others_find(journal: Journal | None) -> None:
    """Raise UsageError for a journal that worker processes could not read."""
    if journal is not None and journal.local_path is None:
        raise UsageError(
            "worker processes read the journal themselves, so it must be in a folder; "
            f"place='threads' can have it on {journal.disk!r}"
        )


def available_cores() -> set[int]:
    """The numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def pin(core: int | None) -> None:
    """Keep the calling thread on one core, where the system can do that (Linux)."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
