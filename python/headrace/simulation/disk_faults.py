"""Faults by script: which operation fails, or only says that it did what it was asked to."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

NUMBERED = (
    "create",
    "write",
    "sync",
    "rename",
    "remove",
    "sync_folder",
    "make_folder",
    "lock",
)
CAN_FAIL = (*NUMBERED, "open", "read")
CAN_LIE = ("write", "sync", "sync_folder", "read")


@dataclass
class Fault:
    """What is to happen to some operations. It is a lie if `error` is 0."""

    kind: str
    wait: int = 0  # how many more such operations go well
    times: int | None = 1  # how many more it strikes; None: all
    pattern: str = "*"  # of paths
    error: int = 0
    part: int | None = None  # bytes done before the error
    to: tuple[str, int] | None = None  # where a write really goes: path and offset
    bit: int | None = None  # which bit of what is read is wrong

    def __post_init__(self) -> None:
        known = CAN_FAIL if self.error else CAN_LIE
        if self.kind not in known:
            raise ValueError(f"operation must be one of {', '.join(known)}, not {self.kind!r}")
        if not self.error and (self.kind == "read") != (self.bit is not None):
            raise ValueError("bit= belongs to a read that lies, and only there")
        if self.to is not None and self.kind != "write":
            raise ValueError("to= belongs to a write")
        if self.part is not None and self.kind not in ("write", "create"):
            raise ValueError("part= belongs to write and create")
        if self.wait < 0 or (self.times is not None and self.times < 1):
            raise ValueError("at must be 0 or more, and times 1 or more")

    def strikes(self, kind: str, path: str) -> bool:
        """Count an operation; whether it is hit."""
        if kind != self.kind or self.times == 0 or not fnmatchcase(path, self.pattern):
            return False
        if self.wait:
            self.wait -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faults:
    """All that is planned. Where several strike at once, the one planned first counts."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []

    def plan(self, fault: Fault) -> None:
        """Add one."""
        self._planned.append(fault)

    def take(self, kind: str, path: str) -> Fault | None:
        """What happens to this operation."""
        hits = [fault for fault in self._planned if fault.strikes(kind, path)]
        self._planned = [fault for fault in self._planned if fault.times != 0]
        return hits[0] if hits else None
