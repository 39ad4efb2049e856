"""Topologies: values that say which machines there are and whose outputs they take.

    parse >> hr.shard(match, by="symbol", n=4) >> hr.fanout(report, hr.chain(risk, alert))

A part is a machine or a topology. From outside every part looks like a machine: it takes events of
one dtype and puts out records of one dtype, or none. What a part puts out for its k-th event comes
after what it puts out for those before, wherever its machines run; only a shard that is not
`ordered` may mix what comes from different keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from headrace.errors import MachineError, UsageError
from headrace.events import Dtype
from headrace.machine import Machine

SHARDS_MAX = 60  # consumers of one ring, less what an engine and its users need themselves
PRESENT = "present"  # the field of paired outputs that says whose are there

Part = Any  # Machine | Topology


class Topology:
    """What runs, as a value: base of Pipeline, Chain, Shard and Fanout.

    `event`: dtype of what it takes; `output`: dtype of what it puts out, or None; `machines`: all
    that are in it, each once. Made by `>>`, `chain`, `shard` and `fanout`; immutable.
    """

    event: Dtype
    output: Dtype | None
    machines: tuple[Machine, ...]
    parts: tuple[Part, ...]

    # Set by compose.drawing, which knows topologies; they do not know it.
    _draw: ClassVar[Callable[[Any, str, str], str]]

    def __rshift__(self, other: Any) -> Any:
        return chain(self, other) if is_part(other) else NotImplemented

    def __rrshift__(self, other: Any) -> Any:
        return chain(other, self) if is_part(other) else NotImplemented

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._value() == other._value()

    def __hash__(self) -> int:
        return hash(self._value())

    def draw(self, format: str = "svg", detail: str = "topology") -> str:
        """A picture of it: "svg", or a text for "mermaid" or "dot": see `headrace.draw`."""
        return Topology._draw(self, format, detail)

    def _repr_svg_(self) -> str:
        return self.draw()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.draw(), "text/plain": repr(self)}

    def _value(self) -> tuple[Any, ...]:
        return self.parts

    def _check_names(self) -> None:
        names = [machine.name for machine in self.machines]
        for name in names:
            if names.count(name) > 1:
                raise MachineError(
                    f"two stages are called {name!r}; give one another name (name='...')"
                )


def is_part(value: Any) -> bool:
    """Whether it can be part of a topology."""
    return isinstance(value, Machine | Topology)


def check_part(value: Any) -> None:
    """Raise UsageError unless it can be part of a topology."""
    if isinstance(value, type) and issubclass(value, Machine):
        raise UsageError(f"{value.__name__} is a class of machines; make one: {value.__name__}()")
    if not is_part(value):
        raise UsageError(
            f"a topology is made of machines and topologies, not of {value!r}; decorate a step "
            "function with @headrace.machine(event=..., ...)"
        )


def name_of_part(part: Part) -> str:
    """What a part is called where one word must do: by its last machine that puts something out."""
    if isinstance(part, Machine):
        return part.name
    if isinstance(part, Fanout):
        return "_".join(name_of_part(branch) for branch in part.parts)
    return name_of_part(part.parts[-1])


def machines_of(part: Part) -> tuple[Machine, ...]:
    """All machines of a part, in the order they are written."""
    return (part,) if isinstance(part, Machine) else part.machines


class Chain(Topology):
    """Parts in sequence: each takes the outputs of the one before as its events.

    Raises UsageError, MachineError where an output dtype is not the next part's event dtype.
    """

    def __init__(self, *parts: Part) -> None:
        if not parts:
            raise MachineError("a chain needs at least one machine")
        for part in parts:
            check_part(part)
        flat: list[Part] = []
        for part in parts:
            flat += part.parts if isinstance(part, Chain) else (part,)
        for front, behind in pairwise(flat):
            _check_fits(front, behind)
        self.parts = tuple(flat)
        self.event = flat[0].event
        self.output = flat[-1].output
        self.machines = tuple(machine for part in flat for machine in machines_of(part))
        self._check_names()

    def __repr__(self) -> str:
        return " >> ".join(
            part.name if isinstance(part, Machine) else repr(part) for part in self.parts
        )


class Pipeline(Chain):
    """Machines in sequence: each takes the outputs of the one before as its events.

    Made by `a >> b >> c`. A value: `stages` is the tuple of machines. Raises MachineError where an
    output dtype is not the next machine's event dtype.
    """

    def __init__(self, *stages: Machine) -> None:
        if not stages:
            raise MachineError("a pipeline needs at least one machine")
        super().__init__(*stages)
        self.stages: tuple[Machine, ...] = self.parts


def _check_fits(front: Part, behind: Part) -> None:
    ahead, after = name_of_part(front), name_of_part(behind)
    if front.output is None:
        raise MachineError(f"{ahead} has no outputs for {after} to take; give it output=...")
    if front.output != behind.event:
        raise MachineError(
            f"{ahead} puts out {front.output}, but {after} takes {behind.event}; make the two "
            "dtypes the same"
        )


class Shard(Topology):
    """`n` copies of a part, each with a state of its own, that share its events.

    `by`: a field, or several; events with equal values there go to the same copy, in order. None:
    by index, the k-th event to copy k mod n, for work without state. `ordered`: outputs come in
    the order of the inputs that they are of, as from one machine; otherwise they may come as soon
    as they are there, in order for each copy only (where a shard or a fan-out takes them, or brings
    them together, they are put in order anyway). Raises UsageError.
    """

    def __init__(
        self,
        part: Part,
        by: str | Sequence[str] | None = None,
        n: int = 2,
        ordered: bool = False,
    ) -> None:
        check_part(part)
        if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= SHARDS_MAX:
            raise UsageError(f"n is the number of shards, 1 to {SHARDS_MAX}, not {n!r}")
        if not isinstance(ordered, bool):
            raise UsageError(f"ordered is True or False, not {ordered!r}")
        self.by = _fields(by, part)
        _refuse_index_inside(part)
        self.n = n
        self.ordered = ordered
        self.parts = (part,)
        self.event, self.output = part.event, part.output
        self.machines = machines_of(part)

    @property
    def part(self) -> Part:
        """What there are several of."""
        return self.parts[0]

    def _value(self) -> tuple[Any, ...]:
        return (*self.parts, self.by, self.n, self.ordered)

    def __repr__(self) -> str:
        part = self.part.name if isinstance(self.part, Machine) else repr(self.part)
        by = "" if self.by is None else f", by={self.by[0] if len(self.by) == 1 else self.by!r}"
        return f"shard({part}{by}, n={self.n}{', ordered=True' if self.ordered else ''})"


def _fields(by: Any, part: Part) -> tuple[str, ...] | None:
    if by is None:
        return None
    try:
        names = (by,) if isinstance(by, str) else tuple(by)
    except TypeError:
        names = ()
    known = part.event.names or ("value",)
    if not names:
        raise UsageError("by names a field of the event, or several, or is None: by index")
    for name in names:
        if name not in known:
            raise UsageError(
                f"shard({name_of_part(part)}, by={by!r}): its events have no field {name!r}; "
                f"they have {', '.join(known)}"
            )
    return names


def _refuse_index_inside(part: Part) -> None:
    """A shard by index numbers its whole stream, and what is inside of another sees a share."""
    first = part.parts if isinstance(part, Fanout) else () if isinstance(part, Machine) else (
        part.parts[:1]
    )
    if isinstance(part, Shard) and part.by is None:
        raise UsageError(
            f"{part!r} goes by index, and begins another shard, which gives it a share only: "
            "give the outer one n times as many, or one of them a field (by=...)"
        )
    for inner in first:
        _refuse_index_inside(inner)


class Fanout(Topology):
    """Parts side by side, each of which takes every event.

    Where one of them has outputs, these are the outputs; where several have, they are paired: for
    each input its first outputs together, then its second ones, and so on. Fields of a pair are
    called branch_field (or just branch, if the output is a plain number), and `present` (uint64)
    has bit i set where there is one of branch i; what is not there is zero. Raises UsageError,
    MachineError.
    """

    def __init__(self, *branches: Part) -> None:
        if not branches:
            raise UsageError("a fan-out needs at least one branch")
        for branch in branches:
            check_part(branch)
            if branch.event != branches[0].event:
                raise MachineError(
                    f"all branches of a fan-out take the same events: {name_of_part(branches[0])} "
                    f"takes {branches[0].event}, and {name_of_part(branch)} takes {branch.event}"
                )
        self.parts = branches
        self.event = branches[0].event
        self.machines = tuple(machine for part in branches for machine in machines_of(part))
        self._check_names()  # before the fields of pairs, which are made of them
        self.paired = tuple(branch for branch in branches if branch.output is not None)
        self.output = _paired_dtype(self.paired)

    def __repr__(self) -> str:
        inner = (part.name if isinstance(part, Machine) else repr(part) for part in self.parts)
        return f"fanout({', '.join(inner)})"


def _paired_dtype(branches: tuple[Part, ...]) -> Dtype | None:
    if len(branches) < 2:
        return branches[0].output if branches else None
    if len(branches) > 64:
        raise UsageError(f"{len(branches)} branches have outputs to be paired; 64 at most can")
    fields: list[tuple[str, Any]] = []
    for branch in branches:
        fields += [(name, form) for name, form, _ in paired_fields(branch)]
    fields.append((PRESENT, "<u8"))
    names = [name for name, _ in fields]
    for name in names:
        if names.count(name) > 1:
            raise MachineError(
                f"the paired outputs have two fields {name!r}; give a machine another name"
            )
    return np.dtype(fields)


def paired_fields(branch: Part) -> list[tuple[str, Any, str | None]]:
    """The fields of a pair that come of one branch: its name there, dtype, and name here."""
    name, output = name_of_part(branch), branch.output
    if output.names is None:
        return [(name, output, None)]
    return [(f"{name}_{field}", output.fields[field][0], field) for field in output.names]


def chain(*parts: Part) -> Topology:
    """Parts in sequence; `a >> b` is the same. Raises UsageError, MachineError."""
    made = Chain(*parts)
    if all(isinstance(part, Machine) for part in made.parts):
        return Pipeline(*made.parts)
    return made


def shard(
    part: Part, by: str | Sequence[str] | None = None, n: int = 2, ordered: bool = False
) -> Shard:
    """`n` copies of a part that share its events: see `Shard`. Raises UsageError."""
    return Shard(part, by, n, ordered)


def fanout(*branches: Part) -> Fanout:
    """Parts side by side, each of which takes every event: see `Fanout`."""
    return Fanout(*branches)


def _then(front: Machine, behind: Any) -> Any:
    return chain(front, behind) if is_part(behind) else NotImplemented


Machine._sequence_with = staticmethod(_then)
