"""The compiled world, and what of it is Python's."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.engine.world import World
from headrace.errors import HeadraceError, NodeFailed
from headrace.simulation.clock import Clock
from headrace.simulation.network import Network
from headrace.simulation.node_disk import NodeDisk
from headrace.system.node import Caller, Input, Node, as_effects, not_a_step, unhandled


def handler_label(node: Node, mode: Any, kind: str, key: Any) -> str:
    """How a handler is called in the summary of what was covered."""
    what = "" if key is None else f" {getattr(key, '__name__', key)}"
    return f"{node.name}{'' if mode is None else f' ({mode})'}: {kind}{what}"


class Kit:
    """What a compiled world makes and asks for, that is no part of its hot path."""

    record_type = np.void
    make_input = Input
    make_caller = Caller
    make_clock = Clock
    as_effects = staticmethod(as_effects)
    not_a_step = staticmethod(not_a_step)

    def __init__(self, names: tuple[str, ...], nodes: tuple[Node, ...]) -> None:
        self._names, self._nodes = names, nodes

    def unhandled(self, index: int, mode: Any, kind: str, payload: Any) -> HeadraceError:
        """The error of an input that nothing handles."""
        return unhandled(self._nodes[index], self._names[index], mode, kind, payload)

    def label(self, index: int, mode: Any, kind: str, key: Any) -> str:
        """A handler in the summary of what was covered."""
        return handler_label(self._nodes[index], mode, kind, key)

    def failed(self, index: int, now_ns: int, taken: Input, error: Exception) -> NodeFailed:
        """The error of a handler that raised."""
        return NodeFailed(self._names[index], now_ns, taken, error)


def make_world(
    seed: int,
    names: tuple[str, ...],
    nodes: tuple[Node, ...],
    node_count: int,
    disks: tuple[NodeDisk, ...],
    network: Network,
) -> World:
    """A compiled world; `headrace.simulation.plain_world` says what it does."""
    return World(seed, names, nodes, node_count, disks, network, Kit(names, nodes))
