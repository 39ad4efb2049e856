"""Why a child has ended, in Erlang's terms: normal, shutdown, or anything else."""

from __future__ import annotations

from dataclasses import dataclass, field

KINDS = ("normal", "shutdown", "killed", "error")


@dataclass(frozen=True, slots=True)
class Exit:
    """Why a child, or a whole tree, has ended.

    `kind`: "normal" (it was through), "shutdown" (it was asked to, or a supervisor gave up, as in
    Erlang), "killed", or "error". `detail`: more in words. `error`: what it raised, where that is
    known; two exits that differ only in it are equal.
    """

    kind: str
    detail: str = ""
    error: BaseException | None = field(default=None, compare=False)

    @property
    def abnormal(self) -> bool:
        """Whether a transient child that ends so is started again."""
        return self.kind not in ("normal", "shutdown")

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


NORMAL = Exit("normal")
SHUTDOWN = Exit("shutdown")
KILLED = Exit("killed")


def exit_of(error: BaseException) -> Exit:
    """The exit of what raised `error`."""
    return Exit("error", f"{type(error).__name__}: {error}", error)
