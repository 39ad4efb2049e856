"""A whole supervision tree as one state machine: the supervisors of it, and what they tell another.

To a supervisor, a supervisor below it is a child like any other: Start boots it, Ask terminates it,
Kill kills its children, Up is its Started, and Down its Exited, or Failed if it never was up. These
never leave the core: what comes out is about children that are none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from headrace.supervision.exits import Exit
from headrace.supervision.messages import (
    Answer,
    Ask,
    Boot,
    CancelTimer,
    Down,
    Effect,
    Exited,
    Failed,
    Ignored,
    Input,
    Kill,
    KillAll,
    Request,
    SetTimer,
    Start,
    StartChild,
    Started,
    Terminate,
    TimerFired,
    Up,
)
from headrace.supervision.node import Node
from headrace.supervision.record import Numbers, Record
from headrace.supervision.spec import Supervisor


class Core:
    """The state of a tree; deterministic: the same inputs at the same times give the same effects.

    `down`: why the whole tree has ended; None: it has not.
    """

    def __init__(self, spec: Supervisor) -> None:
        self.spec = spec
        self.down: Down | None = None
        self._numbers = Numbers()
        self._nodes = {"": Node(spec, "", self._numbers)}
        self._up: set[str] = set()  # the supervisors whose children have all been started once
        self._runs: dict[str, int] = {}  # of the supervisors below the top
        # Whose child a run is, whose timer a timer, and how many messages about it are to come: a
        # child that ends at once may be told to have ended before it is told to have started.
        self._owners: dict[int, tuple[str, int]] = {}

    def handle(self, given: Input, now_ns: int) -> list[Effect]:
        """Take one input at this time, which never goes back; what is to be done, in order."""
        out: list[Effect] = []
        todo: deque[tuple[str, Input]] = deque([(self._whose(given), given)])
        while todo:
            path, message = todo.popleft()
            node = self._nodes.get(path)
            if node is None:
                if isinstance(message, Request):
                    out.append(Answer(message.request, "ended" if self.down else "no_supervisor"))
                continue
            for effect in node.handle(message, now_ns):
                if isinstance(effect, Ask | Kill) and effect.run not in self._owners:
                    # A supervisor's; if it is gone, word of that is on its way to the one above.
                    if effect.path in self._nodes:
                        end = Terminate() if isinstance(effect, Ask) else KillAll()
                        todo.append((effect.path, end))
                elif (routed := self._route(path, effect)) is None:
                    out.append(effect)
                else:
                    todo.append(routed)
        return out

    def _whose(self, given: Input) -> str:
        """The path of the supervisor that an input is for."""
        match given:
            case Started(number) | Exited(number) | TimerFired(number):
                path, due = self._owners.pop(number, ("", 0))
                if due > 1:
                    self._owners[number] = path, due - 1
                return path
            case Ignored(number) | Failed(number):
                return self._owners.pop(number, ("", 0))[0]
            case StartChild(_, under):
                return under
            case Boot() | Terminate() | KillAll():
                return ""
            case _:
                return given.path.rpartition("/")[0] if isinstance(given, Request) else ""

    def _route(self, path: str, effect: Effect) -> tuple[str, Input] | None:
        """To which supervisor of the tree an effect goes, and as what; None: it leaves the tree."""
        match effect:
            case Start(below, run, child):
                if not isinstance(child.start, Supervisor):
                    self._owners[run] = path, 2
                    return None
                self._nodes[below] = Node(child.start, below, self._numbers)
                self._runs[below] = run
                return below, Boot()
            case SetTimer(timer):
                self._owners[timer] = path, 1
            case CancelTimer(timer):
                self._owners.pop(timer, None)
            case Up():
                self._up.add(path)
                if path:
                    return self._above(path), Started(self._runs[path])
            case Down(_, reason):
                return self._ended(path, reason, effect)
        return None

    def _ended(self, path: str, reason: Exit, effect: Down) -> tuple[str, Input] | None:
        del self._nodes[path]
        was_up = path in self._up
        self._up.discard(path)
        if not path:
            self.down = effect
            return None
        run = self._runs.pop(path)
        return self._above(path), (Exited if was_up else Failed)(run, reason)

    @staticmethod
    def _above(path: str) -> str:
        return path.rpartition("/")[0]

    # -- looking at it ---------------------------------------------------------------------------

    def supervisor(self, path: str) -> Node | None:
        """The supervisor at a path, if there is one that runs."""
        return self._nodes.get(path)

    def records(self) -> Iterator[Record]:
        """All children of all supervisors, each supervisor's in the order of their start."""

        def below(node: Node) -> Iterator[Record]:
            for record in node.records.values():
                yield record
                if record.path in self._nodes:
                    yield from below(self._nodes[record.path])

        if "" in self._nodes:
            yield from below(self._nodes[""])
