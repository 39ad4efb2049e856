"""The shared memory of the model: what one atomic action is, and the plainest way to do it.

An operation of the ring is a generator. It yields one `Action` for each thing it does to shared
memory and receives what the action returns; between two yields it touches nothing that another
thread can see. Whoever drives the generators therefore decides every interleaving: `run` lets an
operation go through alone, `headrace.reference.explore` tries all of them.

The names of the functions, and so the memory orders, are those of the ring's `atomics.pxd`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Action(NamedTuple):
    """One atomic action: `kind` on `location`, in `order`, with up to two operands."""

    kind: str
    location: str = ""
    order: str = ""
    value: Any = 0
    expected: Any = 0

    def __str__(self) -> str:
        operands = [str(o) for o in (self.expected, self.value) if o != 0 or self.kind == "store"]
        return f"{self.kind} {self.location} {self.order} {' -> '.join(operands)}".strip()


Operation = Generator[Action, Any, T]


class ModelViolation(AssertionError):
    """A run of the model broke one of the ring's promises; the message says which."""


def load_acquire(location: str) -> Action:
    return Action("load", location, "acquire")


def load_relaxed(location: str) -> Action:
    return Action("load", location, "relaxed")


def store_release(location: str, value: int) -> Action:
    return Action("store", location, "release", value)


def store_relaxed(location: str, value: int) -> Action:
    return Action("store", location, "relaxed", value)


def fetch_add_seq_cst(location: str, value: int) -> Action:
    return Action("add", location, "seq_cst", value)


def fetch_or_seq_cst(location: str, value: int) -> Action:
    return Action("or", location, "seq_cst", value)


def fetch_or_relaxed(location: str, value: int) -> Action:
    """Used by no ring; what `fetch_or_seq_cst` becomes in a planted bug."""
    return Action("or", location, "relaxed", value)


def fetch_and_seq_cst(location: str, value: int) -> Action:
    return Action("and", location, "seq_cst", value)


def compare_exchange_acq_rel(location: str, expected: int, desired: int) -> Action:
    """Returns whether `location` held `expected`, and then holds `desired`."""
    return Action("cas", location, "acq_rel", desired, expected)


def fence_seq_cst() -> Action:
    return Action("fence", "", "seq_cst")


def fence_heavy() -> Action:
    """A membarrier: as if every thread ran a `fence_seq_cst` at this moment."""
    return Action("fence", "", "heavy")


def read_slot(index: int) -> Action:
    """Not atomic: a data race with any write that it is not ordered with."""
    return Action("read", f"slot[{index}]")


def write_slot(index: int, value: Any) -> Action:
    """Not atomic: a data race with any read or write that it is not ordered with."""
    return Action("write", f"slot[{index}]", "", value)


def futex_sleep(location: str, expected: int) -> Action:
    """Go to sleep on `location` if it still holds `expected`: whether this thread now sleeps."""
    return Action("sleep", location, "", 0, expected)


def futex_resume(location: str) -> Action:
    """Possible only once somebody has woken the sleepers on `location`."""
    return Action("resume", location)


def futex_wake_all(location: str) -> Action:
    return Action("wake", location)


def apply_rmw(action: Action, held: int) -> tuple[int, int]:
    """(what the location holds afterwards, what the action returns)."""
    if action.kind == "add":
        return held + action.value, held
    if action.kind == "or":
        return held | action.value, held
    if action.kind == "and":
        return held & action.value, held
    if action.kind == "cas":
        matches = held == action.expected
        return (action.value if matches else held), int(matches)
    raise ValueError(f"{action.kind!r} is no read-modify-write action")


class PlainMemory:
    """Memory for one thread at a time: zero-filled words by name, and the slots.

    Not thread-safe; blocks never.
    """

    def __init__(self) -> None:
        self.words: dict[str, Any] = {}

    def perform(self, action: Action) -> Any:
        """Do one action; what it returns."""
        kind, location = action.kind, action.location
        if kind in ("load", "read"):
            return self.words.get(location, 0)
        if kind in ("store", "write"):
            self.words[location] = action.value
            return None
        if kind in ("fence", "wake"):
            return None
        if kind == "sleep":
            return 0  # nobody else could wake this thread, so it comes back at once
        self.words[location], returned = apply_rmw(action, self.words.get(location, 0))
        return returned

    def run(self, operation: Operation[T]) -> T:
        """Run an operation to its end, undisturbed; what it returns."""
        returned: Any = None
        while True:
            try:
                action = operation.send(returned)
            except StopIteration as stop:
                result: T = stop.value
                return result
            returned = self.perform(action)
