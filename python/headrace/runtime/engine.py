"""The engine: machines on rings, in threads of this process.

Inputs go through a ring, in one order, to the first machine's thread; its outputs go through the
next ring to the next machine's, and so on; the last one's lie in the output ring, which others can
consume by name, and which `outputs()` reads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

from headrace.compose import Layout, Topology, as_topology
from headrace.errors import StepError, UsageError, WaitTimeout
from headrace.journal import Journal
from headrace.journal.recovery import Recovery
from headrace.journal.settings import as_journal
from headrace.machine import Machine
from headrace.ringbuffer import Ring, WaitStrategy
from headrace.runtime.answers import Answers, check_client
from headrace.runtime.calls import Calls
from headrace.runtime.deadline import Deadline, deadline_after
from headrace.runtime.failures import DeadLetter, Failures, check_options
from headrace.runtime.journaling import Journaling
from headrace.runtime.kept_letters import KeptLetters
from headrace.runtime.making import make_line
from headrace.runtime.opening import Opening
from headrace.runtime.outlet import who_is_waited_for
from headrace.runtime.placing import Place, Placement, lay_out_and_place
from headrace.runtime.process import this_process
from headrace.runtime.progress import LOOK_SECONDS
from headrace.runtime.reinjecting import Reinjecting
from headrace.runtime.setup import Setup
from headrace.runtime.stage import Records
from headrace.runtime.waits import output_id
from headrace.supervision import Supervisor

CLIENTS_MAX = 10_000
ABANDON_SECONDS = 5.0  # for what was begun when the rest could not be started


class Engine(Reinjecting):
    """Runs a machine, or a topology of machines, each single-writer in a thread of its own, or in
    a process of its own.

    `capacity`: events in each ring, a power of two. `step`: "python", "batch" or "native", where a
    machine has several; None takes the fastest it has. `wait`: how idle stages wait (default:
    Backoff()). `on_error`: "halt" stops at a failed step, "dead_letter" records the event and goes
    on; after `dead_letters_max` of them it halts as well; or a function of the StepError and the
    event says whether to go on, asked in the machine's thread. `keep_outputs`: how many unread
    outputs are kept for `outputs()`; 0 if nobody will read them. `name`: names the input ring, and
    with ".out" the output ring, for other processes. `journal`: a folder, or a `headrace.Journal`,
    in which the inputs are kept: the engine goes on from what is there, no answer and no output
    leaves before its input is safe, and a crash loses nothing that was acknowledged.
    `dead_letters`: a folder, or a Journal, in which dead letters are kept as well, safe before the
    engine goes past their events; `DeadLetters` reads it, `reinject` publishes one again.
    `on_full`: what `publish` does when the input ring is full: "block" waits, "drop" leaves out
    what does not fit, and counts it in `dropped`, "error" raises InputFull.

    `place`: "threads", "processes", or a dict by the name of stage or machine. A worker process
    that dies is followed by another one, which goes on where it was, with the state that the
    journal gives (without one: the initial state, as the log says); an event that kills its worker
    three times is a failed step. `cores`: numbers of cores, given to the stages in turn.
    `start_method`: of processes, as in multiprocessing. `supervisor`: a Supervisor without
    children, whose strategy, intensity and period are for the workers (by default "one_for_one",
    10 restarts in 5 seconds); if it gives up, that is WorkerDied. `paused_max`: seconds that a
    worker may be paused (SIGSTOP) until it is killed and replaced; None: for ever.

    All methods may be called from any thread of the process that made it, not after a fork.
    Usable as a context manager; leaving it closes. Raises MachineError, CapacityError, UsageError;
    with a journal JournalLocked, JournalMismatch, JournalDamaged, JournalFailed, JournalFull,
    StateError, ReplayParted, and the StepError of an input in it that halts the machine.
    """

    def __init__(
        self,
        machine: Machine | Topology,
        capacity: int = 65536,
        *,
        step: str | None = None,
        wait: WaitStrategy | None = None,
        on_error: str | Callable[[StepError, Records], bool] = "halt",
        dead_letters_max: int = 1 << 16,
        keep_outputs: int = 1 << 20,
        name: str | None = None,
        journal: str | os.PathLike[str] | Journal | None = None,
        place: Place = "threads",
        cores: Sequence[int] | None = None,
        start_method: str | None = None,
        supervisor: Supervisor | None = None,
        paused_max: float | None = None,
        on_full: str = "block",
        dead_letters: str | os.PathLike[str] | Journal | None = None,
    ) -> None:
        check_options(on_error, on_full, dead_letters, keep_outputs, dead_letters_max)
        topology = as_topology(machine)
        layout, placement = lay_out_and_place(topology, journal is not None, place, cores)
        self._event = machine.event
        self.machine = machine
        self._failures = Failures(
            dead_letters_max if on_error == "dead_letter" else 0,
            on_error if callable(on_error) else None,
        )
        self._process = this_process()
        self._calls = Calls()
        self._publishing = threading.RLock()
        self._on_full = on_full
        self._dropped = 0
        self._closed = False  # nothing more is taken
        self._finished = False  # all is stepped over, and the rings are left
        self._journaling: Journaling | None = None
        self._recovery: Recovery | None = None
        self._recovered: list[Records] = []  # outputs made again, and not taken yet
        settings = None if journal is None else as_journal(journal)
        self._answers = Answers(CLIENTS_MAX if settings is None else settings.clients_max)
        setup = Setup(
            step, capacity, wait, name, keep_outputs, start_method, supervisor, paused_max
        )
        self._letters = None if dead_letters is None else KeptLetters(dead_letters, layout)
        self._opening: Opening | None = None
        try:
            self._open(settings, setup, layout, placement)
        except BaseException:
            if self._letters is not None:
                self._letters.close()
            if self._opening is not None:
                self._opening.release()
            raise

    def _open(
        self, settings: Journal | None, setup: Setup, layout: Layout, placement: Placement
    ) -> None:
        """Recover from the journal, if there is one, and start everything."""
        kept = self._letters
        if settings is not None:
            keep = self._recovered.append if setup.keep_outputs else None
            look = None if kept is None else kept.look_at
            opening = Opening(
                settings, self.machine, setup.step, self._failures, self._answers, keep, look
            )
            self._opening = opening
        self._line = make_line(
            self.machine,
            layout,
            placement,
            setup,
            self._opening,
            on_failure=self._on_failure,
            on_crash=self._failures.halt,
            calls=self._calls,
            answers=self._answers,
            hold=self._hold,
        )
        if self._opening is not None:
            self._recovery = self._opening.recovery
            self._journaling = Journaling(self._opening, self._line, self._failures.halt)
        if kept is not None:
            kept.begin(self._opening, self._failures, self._journaling)
        if self._journaling is not None:
            self._journaling.start()
        try:
            self._line.start()
        except BaseException:
            self._line.abandon()
            if self._journaling is not None:
                self._journaling.join(Deadline(ABANDON_SECONDS))
            raise

    # What users call.

    def publish(
        self, events: Any, timeout: float | None = None, *, durable: bool = False
    ) -> int:
        """Put `events` (an array of the first machine's event dtype, any length) into the ring.

        Returns the sequence of the first. Copies; blocks while the ring is full, `timeout` seconds
        at most (WaitTimeout, whose `.published` counts those that went in); with `durable` also
        until the journal has them as safely as its level says. Raises DtypeError, EngineStopped,
        OutputsUnread, JournalFailed, and the StepError that has halted the engine.
        """
        deadline = deadline_after(timeout)
        if durable and self._journaling is None:
            raise UsageError("durable=True needs a journal: Engine(machine, journal=...)")
        array = self._as_events(events)
        first = self._publish(array, deadline)
        if self._journaling is not None and not durable:
            self._journaling.published()
        if durable and not self._wait_durable(first + len(array), deadline):
            late = WaitTimeout(
                f"inputs {first:,} to {first + len(array) - 1:,} are published, and were not safe "
                f"within {timeout:g} s"
            )
            late.published = len(array)  # type: ignore[attr-defined]
            raise late
        return first

    def call(
        self,
        event: Any,
        timeout: float | None = None,
        *,
        client: str | None = None,
        number: int | None = None,
    ) -> Records:
        """Publish one event and wait for its outputs: an array of output records, in order.

        `event`: a tuple, dict, record or array of length 1. Waits until every stage is through
        with it, and with a journal until it is as safe as the level says. An exception in a step is
        raised here, and the engine goes on with the state before the event. `client`, `number`:
        who calls, and the client's own count of calls, from 1: a call that is made again, also
        after a crash, is not run again, but gets its first answer. Raises StepError (also the one
        that has halted the engine), WaitTimeout (the event stays published), DtypeError, StaleCall,
        JournalFailed, EngineStopped.
        """
        deadline = deadline_after(timeout)
        array = self._as_events(event)
        if len(array) != 1:
            raise UsageError(f"call takes one event, not {len(array)}; publish takes many")
        if client is not None or number is not None:
            check_client(client, number)
        with self._hold(deadline):
            self._check_running()  # one that has stopped answers nothing, known or not
            entry = self._answers.find(client, number) if client and number else None
            if entry is None:
                sequence, call = self._publish_call(array, deadline, client, number)
        if entry is not None:
            return self._answer_again(entry, deadline, timeout)
        try:
            self._wait_for_answer(sequence, deadline, timeout)
        except BaseException:
            self._calls.leave(sequence)
            raise
        self._calls.close(sequence)
        if call.error is not None:
            raise call.error
        return call.outputs(self._line.output_dtype)

    def drain(self, timeout: float | None = None) -> None:
        """Wait until all that was published so far has gone through every stage, and is safe.

        Raises WaitTimeout, OutputsUnread, EngineStopped, and the StepError that has halted it.
        """
        deadline = deadline_after(timeout)
        self._check_process()
        end = self._line.producer.sequence
        if not (self._wait_through(end, deadline) and self._wait_durable(end, deadline)):
            at = [f"{stage.machine.name} at {stage.done:,}" for stage in self._line.stages]
            told = who_is_waited_for(self.output_ring)
            raise WaitTimeout(f"not drained within {timeout:g} s: {', '.join(at)}{told}")

    def outputs(
        self, follow: bool = False, *, after: tuple[int, int] | None = None
    ) -> Iterator[Records]:
        """Unread outputs of published events, in order, as arrays of output records; each once.

        Those of called events are their callers'. Ends when the outputs of all that was published
        before have been yielded; with `follow`, when the engine is closed, waiting for more until
        then. An engine that was opened on a journal begins with the outputs that were made again
        from the newest snapshot on: `after`, the id (input sequence, output index) of the last one
        that was read before, leaves out those that were, so that none comes twice. Raises
        UsageError if no machine here has outputs or `keep_outputs` is 0, HistoryGone if outputs
        behind `after` are older than the snapshot, and the StepError that has halted the engine,
        once the outputs before it are yielded.
        """
        self._check_process()
        if self._line.backlog is None:
            raise UsageError(
                "there are no outputs to read: the last machine has no output dtype, or the "
                "engine was made with keep_outputs=0"
            )
        last = None if after is None else output_id(after)
        return self._read_outputs(self._line.backlog, follow, self._line.producer.sequence, last)

    @property
    def state(self) -> Any:
        """A copy of the machine's state between two batches (a pipeline: a tuple of states)."""
        self._check_process()
        return self._line.state_as(self.machine)

    @property
    def sequence(self) -> int:
        """How many inputs the first machine has stepped over: its state is that after these."""
        return self._line.done

    def snapshot(self, timeout: float | None = None) -> int:
        """Write the state down when all published so far is in it; the sequence it stands before.

        Opening the journal again starts from there. Blocks until it is on the disk; the machines
        go on meanwhile. Raises UsageError (no journal), WaitTimeout, OutputsUnread, StateError,
        SnapshotFailed, JournalFailed.
        """
        self._check_process()
        if self._journaling is None:
            raise UsageError("a snapshot needs a journal: Engine(machine, journal=...)")
        self._check_running()
        deadline = deadline_after(timeout)
        end = self._line.producer.sequence
        if not self._wait_through(end, deadline):
            raise WaitTimeout(
                f"input {end - 1:,} was not stepped over within {timeout:g} s; no snapshot was made"
            )
        return self._journaling.snapshot(deadline)

    @property
    def recovery(self) -> Recovery | None:
        """What opening the journal found: the snapshot, the inputs behind it, what was cut off."""
        return self._recovery

    @property
    def durable(self) -> int:
        """All inputs before this one are as safe as the journal's level says; 0 without one."""
        return 0 if self._journaling is None else self._journaling.recorder.durable

    @property
    def dropped(self) -> int:
        """How many events were left out because the input ring was full (`on_full="drop"`)."""
        return self._dropped

    @property
    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Events that were passed over because their step failed, oldest first."""
        return self._failures.dead_letters

    @property
    def input_ring(self) -> Ring:
        """The ring that inputs go through; to look at, and for consumers of one's own."""
        return self._line.rings[0]

    @property
    def output_ring(self) -> Ring | None:
        """The ring of output records, for consumers of one's own; None without outputs."""
        return self._line.output_ring

    def close(self, timeout: float | None = None) -> None:
        """Let the stages finish what was published, then stop them. Twice is allowed.

        Unread outputs stay readable, by `outputs()` and by consumers of the output ring. Raises
        WaitTimeout if a stage does not end in time (closing again goes on with it), and the
        StepError that has halted the engine.
        """
        deadline = deadline_after(timeout)
        self._check_process()
        if not self._finished:
            with self._hold(deadline):
                self._closed = self._line.closing = True
                if self._line.backlog is not None:
                    self._line.backlog.lift_limit()
                self._line.rings[0].end()
            for stage in self._line.stages:
                while not stage.join(LOOK_SECONDS):
                    if deadline.over():
                        name = stage.machine.name
                        raise WaitTimeout(f"stage {name} did not end in {timeout:g} s")
            if self._journaling is not None and not self._journaling.join(deadline):
                raise WaitTimeout(f"the journal was not written to its end in {timeout:g} s")
            if self._line.backlog is not None:
                self._line.backlog.finish()
            self._line.leave_rings()
            self._finished = True
            if self._letters is not None:
                self._letters.close()
            if self._journaling is not None:
                self._journaling.finish()
        self._failures.check()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except BaseException as failure:
            if error is None:  # an error in the block is not to be hidden by its consequence
                raise
            if failure is not error:
                error.add_note(f"while closing the engine: {failure}")
