"""What is supervised and how, as values: `Supervisor` and `Child`, checked when they are made."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headrace.errors import UsageError

if TYPE_CHECKING:
    from headrace.supervision.live import Tree

STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one")
RESTARTS = ("permanent", "transient", "temporary")
AUTO_SHUTDOWNS = ("never", "any_significant", "all_significant")
SHUTDOWN_S = 5.0  # a worker's, if nothing is said
NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Child:
    """One child of a supervisor: what to start, when to start it again, how to stop it.

    `name`: no other child of the supervisor has it, and there is no "/" in it.

    `start`: a function that starts it and returns a `headrace.supervision.Running` (or IGNORE, if
    there is nothing to run), such as those made by `headrace.supervision.thread`, `.process` and
    `.closing`; or a `Supervisor`. What it raises is a failed start. It is called in the supervising
    thread, so everything else in the tree waits for it.

    `restart`: "permanent" (always started again), "transient" (when it ended abnormally),
    "temporary" (never). `shutdown`: seconds from being asked to stop until it is killed,
    "brutal_kill" (killed at once), "infinity" (never killed); None stands for 5 seconds, and for
    "infinity" where `start` is a Supervisor. `significant`: its end may end the supervisor, see
    there. The meaning of all is that of Erlang/OTP's `supervisor`. Immutable. Raises UsageError.
    """

    name: str
    start: Callable[..., Any] | Supervisor
    restart: str = "permanent"
    shutdown: float | str | None = None
    significant: bool = False

    def __post_init__(self) -> None:
        _check_name("child", self.name)
        if not callable(self.start) and not isinstance(self.start, Supervisor):
            raise UsageError(
                f"child {self.name!r}: start is {self.start!r}; give a function that starts it "
                "(headrace.supervision.thread(f), .process(f), ...), or a Supervisor"
            )
        _check_one(f"child {self.name!r}: restart", self.restart, RESTARTS)
        if self.shutdown is None:
            subtree = isinstance(self.start, Supervisor)
            object.__setattr__(self, "shutdown", "infinity" if subtree else SHUTDOWN_S)
        elif self.shutdown not in ("brutal_kill", "infinity") and not _is_time(self.shutdown):
            raise UsageError(
                f"child {self.name!r}: shutdown is {self.shutdown!r}; give 0 seconds or more, "
                "'brutal_kill' or 'infinity'"
            )
        if not isinstance(self.significant, bool):
            raise UsageError(f"child {self.name!r}: significant is {self.significant!r}, no bool")
        if self.significant and self.restart == "permanent":
            raise UsageError(
                f"child {self.name!r} is significant and permanent: it would be started again "
                "before its end could mean anything; make it transient or temporary"
            )

    @property
    def is_supervisor(self) -> bool:
        """Whether it is a tree of its own."""
        return isinstance(self.start, Supervisor)

    @property
    def shutdown_ns(self) -> int | None:
        """Nanoseconds until it is killed; None: never, or at once."""
        return None if isinstance(self.shutdown, str) else round((self.shutdown or 0) * NS)


class Supervisor:
    """Children to keep alive, and what else happens when one of them ends.

    `strategy`: "one_for_one" (only the one that ended is started again), "one_for_all" (all are
    stopped and started again), "rest_for_one" (it and those that were started behind it), or
    "simple_one_for_one": `children` is then one template, of which any number is started later.
    `children`: Child values, or Supervisors, which stand for permanent children of their name; they
    start in this order and stop in reverse.

    More than `intensity` restarts within `period` seconds: it stops all and ends, for its own
    supervisor to deal with. `auto_shutdown`: "never", "any_significant" or "all_significant": it
    ends when any, or the last, of its significant children has ended and is not started again.
    `name` may not contain "/". Immutable; any number of trees can be run of one. Raises UsageError.
    Source: https://www.erlang.org/doc/man/supervisor
    """

    __slots__ = ("auto_shutdown", "children", "intensity", "name", "period", "strategy")

    def __init__(
        self,
        strategy: str,
        children: Iterable[Child | Supervisor] = (),
        intensity: int = 1,
        period: float = 5.0,
        auto_shutdown: str = "never",
        name: str = "supervisor",
    ) -> None:
        _check_name("supervisor", name)
        where = f"supervisor {name!r}"
        _check_one(f"{where}: strategy", strategy, STRATEGIES)
        _check_one(f"{where}: auto_shutdown", auto_shutdown, AUTO_SHUTDOWNS)
        if not isinstance(intensity, int) or isinstance(intensity, bool) or intensity < 0:
            raise UsageError(f"{where}: intensity is {intensity!r}; give 0 restarts or more")
        if not _is_time(period) or period <= 0:
            raise UsageError(f"{where}: period is {period!r}; give more than 0 seconds")
        self.strategy = strategy
        self.children: tuple[Child, ...] = tuple(as_child(each, where) for each in children)
        self.intensity = intensity
        self.period = float(period)
        self.auto_shutdown = auto_shutdown
        self.name = name
        names = [child.name for child in self.children]
        for each in names:
            if names.count(each) > 1:
                raise UsageError(f"{where} has {names.count(each)} children named {each!r}")
        for child in self.children:
            self.check(child)
        if self.is_simple and len(self.children) != 1:
            raise UsageError(
                f"{where} is simple_one_for_one and has {len(names)} children; give one, which is "
                "the template of those that are started later"
            )

    @property
    def is_simple(self) -> bool:
        """Whether its children are all started later, from one template."""
        return self.strategy == "simple_one_for_one"

    @property
    def period_ns(self) -> int:
        """The period in nanoseconds."""
        return round(self.period * NS)

    def check(self, child: Child) -> None:
        """Raise UsageError if it may not be a child of this supervisor."""
        if child.significant and self.auto_shutdown == "never":
            raise UsageError(
                f"child {child.name!r} is significant, but supervisor {self.name!r} never shuts "
                "down by itself; give auto_shutdown='any_significant' or 'all_significant'"
            )

    def run(self) -> Tree:
        """Start the tree, in threads and processes of this machine; blocks until all is started.

        Use it as `with supervisor.run() as tree:`, whose end stops the tree. Raises StartFailed if
        a child cannot be started; those that were have been stopped then.
        """
        from headrace.supervision.live import Tree

        return Tree(self)

    def __repr__(self) -> str:
        names = ", ".join(child.name for child in self.children)
        return f"<Supervisor {self.name} {self.strategy} of {names or 'nothing'}>"


def as_child(value: Any, where: str) -> Child:
    """A child of that value: itself, or the child that a Supervisor stands for."""
    if isinstance(value, Child):
        return value
    if isinstance(value, Supervisor):
        return Child(value.name, value)
    raise UsageError(f"{where}: {value!r} is no child; give a headrace.Child, or a Supervisor")


def _check_name(what: str, name: object) -> None:
    if not isinstance(name, str) or not name or "/" in name:
        raise UsageError(f"a {what}'s name is {name!r}; give a text that is not empty, without '/'")


def _check_one(what: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{what} is {value!r}; give one of {', '.join(map(repr, known))}")


def _is_time(value: object) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return math.isfinite(value) and value >= 0
