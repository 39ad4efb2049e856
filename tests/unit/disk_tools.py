"""Small simulated disks, and what a power cut may leave of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.simulation import SimulatedDisk
from headrace.simulation.disk_effects import Effect

NEW = b"n" * 512
OLD = b"o" * 512


def keep_all(effect: Effect) -> bool:
    return True


def keep_none(effect: Effect) -> bool:
    return False


def only(*kinds: type) -> Callable[[Effect], bool]:
    return lambda effect: isinstance(effect, kinds)


def disk_with(size: int = 1024, **options: Any) -> SimulatedDisk:
    """A disk with a safe file "a", all OLD."""
    disk = SimulatedDisk(**options)
    file = disk.create("a", size)
    file.write(0, [(OLD * (size // 512 + 1))[:size]])
    file.sync()
    disk.sync_folder("/")
    assert disk.pending == []
    return disk


def outcomes(disk: SimulatedDisk, limit: int = 2000, **options: Any) -> set[bytes | None]:
    """What "a" may hold after a power cut; None: it is not there."""
    return {after.contents().get("/a") for after in disk.power_cuts(limit, **options)}
