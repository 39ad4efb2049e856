"""What a check came to, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

from headrace.checking.history import Operation
from headrace.errors import UsageError
from headrace.state import steady_repr

_OPERATIONS_SHOWN, _STATES_SHOWN, _STATE_LENGTH_MAX = 10, 5, 400


@dataclass(frozen=True)
class Reached:
    """A state in which an operation cannot follow, and what the machine does with it there."""

    state: Any
    instead: str


@dataclass(frozen=True)
class Linearizability:
    """Whether a history can be put in one order: `verdict` is "ok", "bad" or "unknown".

    It has no truth value, because "unknown" is neither; compare `verdict`. `str()` explains it.

    `operations`: how many were checked. `configurations`: how many were visited. `reason`: why it
    is unknown, or `operation` is. `part`: which part of the history is bad, or unknown, if there
    is a partition.

    `prefix`: if it is ok, all operations that took effect, in an order in which the machine gives
    the same answers (with a partition, part by part). If it is bad, the longest such order of
    operations up to where it ends: `operation` is the one that cannot be put in any more, in none
    of the `states` reached (100 of them at most). Operations that are info are in it where they
    took effect. Empty if it is unknown.

    `history`: what was checked; of the part, if one is named. `to_html()` and `to_svg()` draw it.
    `consistency`: what was asked, "linearizable" or "sequential".
    """

    verdict: str
    operations: int
    configurations: int
    reason: str = ""
    part: Any = None
    prefix: tuple[Operation, ...] = ()
    operation: Operation | None = None
    states: tuple[Reached, ...] = ()
    history: tuple[Operation, ...] = field(default=(), repr=False)
    consistency: str = "linearizable"

    def to_html(self) -> str:
        """A page with the history in time, the order, and the states reached; the text of a file.

        A history of over 50 operations is cut to those around the one that cannot follow, else to
        the first. The page needs no network, and shows itself on a light or a dark ground.
        """
        from headrace.checking.page import page

        return page(self)

    def to_svg(self) -> str:
        """The same as one picture; the text of an SVG file."""
        from headrace.checking.picture import svg

        return svg(self)

    def __bool__(self) -> NoReturn:
        raise UsageError(
            f"this is {self.verdict!r}, and there are 'ok', 'bad' and 'unknown': compare .verdict"
        )

    def __str__(self) -> str:
        count = f"{self.operations:,} operation{'' if self.operations == 1 else 's'}"
        of = "" if self.part is None else f", part {self.part!r}"
        kept = "" if self.consistency == "linearizable" else " that each client kept to"
        if self.verdict == "ok":
            return f"ok: {count} can be put in one order{kept}"
        if self.verdict == "unknown":
            return f"unknown{of}: {count}; {self.reason}"
        if self.operation is None:
            return f"bad{of}: {count} cannot be put in one order{kept}; {self.reason}"
        left_out = max(0, len(self.prefix) - _OPERATIONS_SHOWN)
        lines = [
            f"bad{of}: {count} cannot be put in one order{kept}",
            f"longest prefix that can be ({len(self.prefix):,}):",
            *([f"  ... {left_out:,} before"] if left_out else []),
            *(f"  {each}" for each in self.prefix[left_out:]),
            f"cannot follow:\n  {self.operation}",
            "states reached:",
            *(f"  {_short(each.state)}: {each.instead}" for each in self.states[:_STATES_SHOWN]),
        ]
        if len(self.states) > _STATES_SHOWN:
            lines.append(f"  ... and {len(self.states) - _STATES_SHOWN:,} more")
        return "\n".join(lines)


def _short(state: Any) -> str:
    text = steady_repr(state)
    return text if len(text) <= _STATE_LENGTH_MAX else f"{text[: _STATE_LENGTH_MAX - 3]}..."
