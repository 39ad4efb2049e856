"""A node or a client in a simulated world, in plain Python."""

from __future__ import annotations

from collections import deque
from typing import Any

from headrace.engine.effects import Effect
from headrace.simulation.clock import Clock
from headrace.simulation.node_disk import NodeDisk
from headrace.simulation.noting import What
from headrace.system.node import Node


class Endpoint:
    """A node or a client in the world."""

    def __init__(self, index: int, name: str, node: Node, disk: NodeDisk) -> None:
        self.index = index
        self.name = name
        self.node = node
        self.disk = disk
        self.clock = Clock()
        self.state: Any = None
        self.is_up = False
        self.is_paused = False
        self.life = 0  # counts starts
        self.chances = 0
        self.timers: dict[Any, tuple[int, int]] = {}  # name: number, and when on its own clock
        self.postponed: list[tuple[What, int, int, Any]] = []
        self.backlog: list[tuple[What, int, int, Any]] = []  # while it is paused
        self.held: deque[Effect] = deque()  # effects that wait for the disk
        self.syncing = False
