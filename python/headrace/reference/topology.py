"""Topologies, as plainly as they can be said: one input after the other, each through everything.

A part is a function of its stream of events: what it puts out for each, as a list of records. A
chain is one function after the other. A shard is some copies of its part, one of which takes the
event. A fan-out gives the event to each branch, and pairs what they put out.

This is the definition of what is right: `headrace.Engine` must come to the same states and outputs,
with threads, with processes, and whatever dies meanwhile; where a shard is not `ordered`, outputs
of different shards may come in another order.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.compose import Chain, Elastic, Fanout, Shard
from headrace.compose.topology import PRESENT, Part, name_of_part
from headrace.errors import UsageError
from headrace.events import as_events, payload, record_dtype
from headrace.machine import Machine
from headrace.reference.keys import partition_of
from headrace.reference.stage import PlainStage
from headrace.reference.steps import Array


@dataclass(frozen=True)
class Item:
    """An event on its way: what it is, when its input came, and which input that was."""

    event: Array  # of length 1, of the dtype of whoever takes it next
    time_ns: int
    origin: int


class ReferenceTopology:
    """Runs a topology at once and in this thread; a step that raises passes its event over.

    `failures`: (stage name, error), in order. Nothing blocks. Not thread-safe. Raises UsageError.
    """

    def __init__(self, topology: Part) -> None:
        self.topology = topology
        self.failures: list[tuple[str, Exception]] = []
        self._plain: dict[str, PlainStage | _Partitioned] = {}
        self._run = self._part(topology, "")
        self._made: list[Array] = []
        self._published = 0

    def publish(self, events: Any, times_ns: Any = None) -> int:
        """Step over `events`; the sequence of the first. `times_ns`: int64, None: 0."""
        array = as_events(self.topology.event, events)
        first = self._published
        for index in range(len(array)):
            time_ns = 0 if times_ns is None else int(times_ns[index])
            item = Item(array[index : index + 1], time_ns, self._published)
            self._published += 1
            self._made += self._run.step(item)
        return first

    @property
    def outputs(self) -> Array:
        """All output records, in the order of their inputs."""
        output = self.topology.output
        if output is None:
            raise UsageError(f"{self.topology!r} has no outputs")
        return np.concatenate([np.zeros(0, record_dtype(output)), *self._made])

    @property
    def state(self) -> dict[str, Any]:
        """A copy of each stage's state, by the name of the stage.

        Of an elastic stage: a dict, partition -> state, of the partitions that events came to.
        """
        return {
            name: copy.deepcopy(stage.state if isinstance(stage, PlainStage) else stage.states)
            for name, stage in self._plain.items()
        }

    def _part(self, part: Part, suffix: str) -> Any:
        if isinstance(part, Machine):
            return _Single(self, part, suffix)
        if isinstance(part, Shard):
            copies = [self._part(part.part, f"{suffix}.{index}") for index in range(part.n)]
            return _Split(copies, part)
        if isinstance(part, Elastic):
            partitioned = _Partitioned(self, part, part.machine.name + suffix)
            self._plain[partitioned.name] = partitioned
            return partitioned
        if isinstance(part, Fanout):
            branches = [self._part(branch, suffix) for branch in part.parts]
            paired = len(part.paired) > 1
            return _Pairs(part, branches) if paired else _Beside(branches)
        assert isinstance(part, Chain)
        return _InSequence([(inner.event, self._part(inner, suffix)) for inner in part.parts])

    def _stage(self, machine: Machine, suffix: str) -> PlainStage:
        stage = PlainStage(machine)
        self._plain[machine.name + suffix] = stage
        return stage

    def step_over(self, stage: PlainStage, name: str, item: Item, sequence: int) -> list[Array]:
        """One event through one stage, which sees it under a number of the stream."""
        stage.sequence = sequence
        try:
            return stage.step(np.ascontiguousarray(item.event), item.time_ns, item.origin)
        except Exception as error:
            self.failures.append((name, error))
            return []


class _Single:
    """One machine. It may see a share only of a stream, and is told the stream's numbers."""

    def __init__(self, whole: ReferenceTopology, machine: Machine, suffix: str) -> None:
        self._whole, self._name = whole, machine.name + suffix
        self._stage = whole._stage(machine, suffix)
        self._seen = 0

    def step(self, item: Item, sequence: int | None = None) -> list[Array]:
        sequence = self._seen if sequence is None else sequence
        self._seen += 1
        return self._whole.step_over(self._stage, self._name, item, sequence)


class _InSequence:
    def __init__(self, parts: list[tuple[Any, Any]]) -> None:
        self._parts = parts

    def step(self, item: Item, sequence: int | None = None) -> list[Array]:
        made: list[Array] = self._parts[0][1].step(item, sequence)
        for dtype, part in self._parts[1:]:
            items = [Item(payload(one, dtype), item.time_ns, item.origin) for one in made]
            made = [record for each in items for record in part.step(each)]
        return made


class _Beside:
    """Branches that all get the event, one of which may have outputs."""

    def __init__(self, branches: list[Any]) -> None:
        self._branches = branches

    def step(self, item: Item, sequence: int | None = None) -> list[Array]:
        return [record for branch in self._branches for record in branch.step(item, sequence)]


class _Numbered:
    """What has splits inside numbers what it puts out by its own inputs, as one machine would."""

    def __init__(self) -> None:
        self._seen = 0

    def number(self, sequence: int | None) -> int:
        sequence = self._seen if sequence is None else sequence
        self._seen += 1
        return sequence

    @staticmethod
    def numbered(records: list[Array], sequence: int) -> list[Array]:
        for index, record in enumerate(records):
            record["input_sequence"], record["output_index"] = sequence, index
        return records


class _Split(_Numbered):
    def __init__(self, copies: list[Any], shard: Shard) -> None:
        super().__init__()
        self._copies, self._by = copies, shard.by

    def step(self, item: Item, sequence: int | None = None) -> list[Array]:
        sequence = self.number(sequence)
        made = self._copies[self._whose(item, sequence)].step(item, sequence)
        return self.numbered(made, sequence)

    def _whose(self, item: Item, sequence: int) -> int:
        if self._by is None:
            return sequence % len(self._copies)
        return _partition(item, self._by, len(self._copies))


def _partition(item: Item, by: tuple[str, ...], partitions: int) -> int:
    row = item.event[0]
    values = tuple((row if row.dtype.names is None else row[name]).tolist() for name in by)
    return partition_of(values[0] if len(values) == 1 else values, partitions)


class _Partitioned(_Numbered):
    """A machine for each partition, whoever runs it: made when its first event comes."""

    def __init__(self, whole: ReferenceTopology, node: Elastic, name: str) -> None:
        super().__init__()
        self._whole, self._node, self.name = whole, node, name
        self._stages: dict[int, PlainStage] = {}

    @property
    def states(self) -> dict[int, Any]:
        return {partition: stage.state for partition, stage in self._stages.items()}

    def step(self, item: Item, sequence: int | None = None) -> list[Array]:
        sequence = self.number(sequence)
        partition = _partition(item, self._node.by, self._node.partitions)
        stage = self._stages.setdefault(partition, PlainStage(self._node.machine))
        return self._whole.step_over(stage, self.name, item, sequence)


class _Pairs(_Numbered):
    def __init__(self, fanout: Fanout, branches: list[Any]) -> None:
        super().__init__()
        self._fanout, self._branches = fanout, branches
        assert fanout.output is not None
        self._dtype = record_dtype(fanout.output)

    def step(self, item: Item, sequence: int | None = None) -> list[Array]:
        sequence = self.number(sequence)
        made = [branch.step(item, sequence) for branch in self._branches]
        made = [
            one
            for one, branch in zip(made, self._fanout.parts, strict=True)
            if branch.output is not None
        ]
        rows = [
            self._row(item, [one[index] if index < len(one) else None for one in made])
            for index in range(max(len(one) for one in made))
        ]
        return self.numbered(rows, sequence)

    def _row(self, item: Item, columns: list[Array | None]) -> Array:
        row = np.zeros(1, self._dtype)
        row["input_time_ns"], row["origin"] = item.time_ns, item.origin
        present = 0
        for place, (branch, record) in enumerate(zip(self._fanout.paired, columns, strict=True)):
            if record is None:
                continue
            present |= 1 << place
            values, name = payload(record, branch.output), name_of_part(branch)
            if branch.output.names is None:
                row[name] = values
            for field in branch.output.names or ():
                row[f"{name}_{field}"] = values[field]
        row[PRESENT] = present
        return row
