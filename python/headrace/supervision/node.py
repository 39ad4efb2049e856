"""One supervisor of a tree, as a state machine: inputs in, effects out; no clock, thread or system.

Theory of operation. A supervisor of Erlang/OTP is a process that does one thing after the other,
and waits while a child starts or stops; meanwhile its messages queue up. Here the waiting is made
explicit. A *plan* is the steps that are still to be done, each "stop these" or "start this one"; a
*goal* says what the plan is for, and so what follows when it is through, or when a start fails. At
most one step is under way, and what it waits for (the child that starts, those that stop, the timer
of the stop) is all that is taken in at once; everything else waits in the mailbox until plan and
goal are done. Three things come of that order, as in OTP:

- a child that ended while others were stopped is not asked to stop: its exit, already in the
  mailbox, is taken as what the stop waited for;
- a child that could not be started *again* is no reason to end: the supervisor tells itself to try
  again, behind whatever is in the mailbox, and that counts as one more restart;
- a child that the supervisor stopped itself never leads to a restart or an automatic shutdown.

A supervisor that is killed kills its children, last first, and is gone when they are: where OTP
could leave some behind for a moment, none is here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from headrace.supervision.exits import KILLED, SHUTDOWN, Exit
from headrace.supervision.goals import Answering, Booting, Ending, Goal, Restarting
from headrace.supervision.intensity import Intensity
from headrace.supervision.messages import (
    Answer,
    Ask,
    Boot,
    CancelTimer,
    DeleteChild,
    Down,
    Effect,
    Exited,
    Failed,
    Ignored,
    Input,
    Kill,
    KillAll,
    Report,
    Request,
    RestartChild,
    SetTimer,
    Start,
    StartChild,
    Started,
    Terminate,
    TerminateChild,
    TimerFired,
    TryAgain,
    Up,
)
from headrace.supervision.record import (
    RESTARTING,
    RUNNING,
    STARTING,
    STOPPED,
    STOPPING,
    Numbers,
    Record,
    name_of,
)
from headrace.supervision.requests import plan_request
from headrace.supervision.spec import Supervisor


class Node:
    """A supervisor: `handle` takes inputs and gives effects; `ended` when it has no more to say.

    `records`: its children in the order of their start, by name. `path`: its own, "" for the top.
    """

    def __init__(self, spec: Supervisor, path: str, numbers: Numbers) -> None:
        self.spec = spec
        self.path = path
        self.records: dict[str, Record] = {}
        self.ended = False
        self.serial = 0  # of children made from a template
        self._numbers = numbers
        self._intensity = Intensity(spec.intensity, spec.period_ns)
        self._mailbox: deque[Input] = deque()
        self._plan: deque[tuple[str, Sequence[Record]]] = deque()
        self._goal: Goal | None = None
        self._starting: Record | None = None
        self._stopping: dict[int, Record] = {}
        self._timer = 0
        self._killed = False
        self._out: list[Effect] = []

    def handle(self, given: Input, now_ns: int) -> list[Effect]:
        """Take one input at this time; what to do now, in order."""
        self._out = []
        if self.ended:
            if isinstance(given, Request):
                self.answer(given.request, "ended")
        elif isinstance(given, KillAll):
            self._kill_all()
        elif not self._awaited(given):
            self._mailbox.append(given)
        self._work(now_ns)
        return self._out

    # -- what the step under way waits for -------------------------------------------------------

    def _awaited(self, given: Input) -> bool:
        """Take an input that is waited for; whether it is one."""
        match given:
            case Started(run) | Ignored(run) | Failed(run):
                if self._starting is None or self._starting.run != run:
                    return True  # not ours: nothing waits for it, now or later
                record, self._starting = self._starting, None
                self._start_answered(record, given)
            case Exited(run, reason) if run in self._stopping:
                self._stopped(self._stopping.pop(run), reason)
            case TimerFired(timer):
                if timer == self._timer and self._stopping:
                    self._timer = 0
                    for record in list(self._stopping.values()):
                        self._out.append(Kill(record.path, record.run))
            case _:
                return False
        return True

    def _start_answered(self, record: Record, given: Started | Ignored | Failed) -> None:
        if isinstance(given, Started):
            record.state = RUNNING
            self._out.append(Report("started", record.path))
            if self._killed:
                self._kill([record])
        elif isinstance(given, Ignored):
            self.gone(record)
            if isinstance(self._goal, Answering):
                self._goal = replace(self._goal, outcome="ignored")
        else:
            record.state = STOPPED
            self._out.append(Report("start_failed", record.path, given.reason))
            if not self._killed:
                self._plan.clear()
                goal, self._goal = self._goal, None
                self._failed(goal, record, given.reason)

    def _stopped(self, record: Record, reason: Exit) -> None:
        self._out.append(Report("stopped", record.path, reason))
        self.gone(record)
        if not self._stopping and self._timer:
            self._out.append(CancelTimer(self._timer))
            self._timer = 0

    def gone(self, record: Record) -> None:
        """Nothing runs of it any more, and nothing brings it back by itself."""
        record.state = STOPPED
        if record.child.restart == "temporary" or self.spec.is_simple:
            self.forget(record)

    # -- plan and goal ---------------------------------------------------------------------------

    def pursue(self, plan: Sequence[tuple[str, Sequence[Record]]], goal: Goal) -> None:
        """Do these steps for that goal; only when nothing else is under way."""
        self._plan = deque(plan)
        self._goal = goal

    def _work(self, now_ns: int) -> None:
        while not (self.ended or self._starting or self._stopping):
            if self._plan:
                step, records = self._plan.popleft()
                if step == "stop":
                    self._stop(records)
                else:
                    self._start(records[0])
            elif self._goal is not None:
                goal, self._goal = self._goal, None
                self._done(goal)
            elif self._mailbox:
                self._take(self._mailbox.popleft(), now_ns)
            else:
                return

    def _done(self, goal: Goal) -> None:
        match goal:
            case Booting():
                self._out.append(Up(self.path))
            case Answering(request, record, outcome):
                self.answer(request, outcome, record.path)
            case Ending(reason, why):
                self._down(reason, why)

    def _failed(self, goal: Goal | None, record: Record, reason: Exit) -> None:
        """A start failed, and with it what it was for."""
        match goal:
            case Booting():
                words = f"child {record.path!r} could not be started: {reason.detail or reason}"
                self.end(Exit("error", words, reason.error), "start_failed")
            case Restarting():
                record.state = RESTARTING
                self._mailbox.append(TryAgain(record.run, reason))
            case Answering(request, _, _, keep):
                if not keep:
                    self.forget(record)
                self.answer(request, "start_failed", record.path, reason)

    def _start(self, record: Record) -> None:
        record.state = STARTING
        record.run = self._numbers.next()
        record.starts += 1
        self._starting = record
        self._out.append(Start(record.path, record.run, record.child, record.args))

    def _stop(self, records: Sequence[Record]) -> None:
        """Stop these at the same time. They all have the same shutdown, if there are several."""
        self._take_exits_of(records)
        for record in records:
            if record.state != RUNNING:
                if record.state != STOPPED:
                    self.gone(record)
                continue
            record.state = STOPPING
            self._stopping[record.run] = record
            brutal = record.child.shutdown == "brutal_kill"
            self._out.append((Kill if brutal else Ask)(record.path, record.run))
        if self._stopping:
            after_ns = next(iter(self._stopping.values())).child.shutdown_ns
            if after_ns is not None:
                self._timer = self._numbers.next()
                self._out.append(SetTimer(self._timer, after_ns))

    def _take_exits_of(self, records: Sequence[Record]) -> None:
        """Those whose exits are in the mailbox have ended already."""
        runs = {record.run: record for record in records if record.alive}
        for given in [given for given in self._mailbox if isinstance(given, Exited)]:
            if given.run in runs:
                self._mailbox.remove(given)
                self._stopped(runs[given.run], given.reason)

    # -- messages, one at a time, when nothing is under way --------------------------------------

    def _take(self, given: Input, now_ns: int) -> None:
        match given:
            case Boot():
                self._boot()
            case Exited(run, reason):
                record = self._of_run(run)
                if record is not None and record.alive:
                    self._exited(record, reason, now_ns)
            case TryAgain(run, reason):
                record = self._of_run(run)
                if record is not None and record.state == RESTARTING:
                    self._restart(record, now_ns, reason)
            case Terminate():
                self.end(SHUTDOWN, "asked")
            case StartChild() | TerminateChild() | RestartChild() | DeleteChild():
                plan_request(self, given)

    def _boot(self) -> None:
        if not self.spec.is_simple:
            for child in self.spec.children:
                self.add(child.name, Record(child, self.child_path(child.name)))
        self.pursue([("start", [each]) for each in self.records.values()], Booting())

    def _of_run(self, run: int) -> Record | None:
        return next((each for each in self.records.values() if each.run == run), None)

    def _exited(self, record: Record, reason: Exit, now_ns: int) -> None:
        self._out.append(Report("exited", record.path, reason))
        restart = record.child.restart
        if restart == "permanent" or (restart == "transient" and reason.abnormal):
            self._restart(record, now_ns, reason)
            return
        self.gone(record)
        if record.child.significant and self._ends_with_it():
            words = f"significant child {record.path!r} has ended: {reason}"
            self._out.append(Report("shutting_down", self.path, reason))
            self.end(Exit("shutdown", words), "auto_shutdown")

    def _ends_with_it(self) -> bool:
        """Whether the end of a significant child ends this supervisor, too."""
        if self.spec.auto_shutdown == "any_significant":
            return True
        left = [r for r in self.records.values() if r.child.significant and r.state != STOPPED]
        return not left

    def _restart(self, record: Record, now_ns: int, reason: Exit) -> None:
        record.state = STOPPED
        if not self._intensity.add(now_ns):
            words = (
                f"{self.title} gave up: more than {self.spec.intensity} restarts within "
                f"{self.spec.period:g} s, the last of child {record.path!r}, which ended: {reason}"
            )
            self._out.append(Report("gave_up", self.path, reason))
            self.gone(record)
            self.end(Exit("shutdown", words, reason.error), "gave_up")
            return

        group = [record]
        if self.spec.strategy == "one_for_all":
            group = list(self.records.values())
        elif self.spec.strategy == "rest_for_one":
            group = list(self.records.values())
            group = group[group.index(record) :]
        stops = [("stop", [each]) for each in reversed(group)]
        starts = [("start", [each]) for each in group if each.child.restart != "temporary"]
        self.pursue(stops + starts, Restarting())

    # -- the end ---------------------------------------------------------------------------------

    def end(self, reason: Exit, why: str) -> None:
        """Stop the children, the last first, and be gone."""
        records = list(reversed(self.records.values()))
        plan = [("stop", records)] if self.spec.is_simple else [("stop", [r]) for r in records]
        self.pursue(plan, Ending(reason, why))

    def _kill_all(self) -> None:
        if self._killed:
            return
        self._killed = True
        self._plan.clear()
        if isinstance(self._goal, Answering):
            self.answer(self._goal.request, "ended")
        self._goal = Ending(KILLED, "killed")
        if self._timer:
            self._out.append(CancelTimer(self._timer))
            self._timer = 0
        records = list(reversed(self.records.values()))
        for record in records:
            if record.state == STARTING and record.child.is_supervisor:
                self._out.append(Kill(record.path, record.run))  # its start fails then
        self._kill(records)

    def _kill(self, records: Sequence[Record]) -> None:
        self._take_exits_of(records)
        for record in records:
            if record.alive:
                record.state = STOPPING
                self._stopping[record.run] = record
                self._out.append(Kill(record.path, record.run))

    def _down(self, reason: Exit, why: str) -> None:
        self.ended = True
        for given in self._mailbox:
            if isinstance(given, Request):
                self.answer(given.request, "ended")
        self._mailbox.clear()
        self._out.append(Down(self.path, reason, why))

    # -- for requests.py -------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return f"supervisor {self.path or self.spec.name!r}"

    def child_path(self, name: str) -> str:
        """The path of a child of that name."""
        return f"{self.path}/{name}" if self.path else name

    def add(self, name: str, record: Record) -> None:
        """Have one more child, behind the others."""
        self.records[name] = record

    def forget(self, record: Record) -> None:
        """Have it no more."""
        self.records.pop(name_of(record), None)

    def answer(
        self, request: int, outcome: str, path: str = "", reason: Exit | None = None
    ) -> None:
        """Tell what became of a request."""
        self._out.append(Answer(request, outcome, path, reason))
