"""The engine with a journal, as plainly as it can be said: a list of inputs, and a fold over it.

Opening is: take the newest snapshot, and step over the inputs behind it. This is the definition of
what is right: after whatever happened, `headrace.Engine(machine, journal=...)` must come to the
states, outputs, answers and failures that this comes to from the same files.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.compose import Pipeline, stages_of
from headrace.errors import (
    HistoryGone,
    JournalDamaged,
    ReplayParted,
    StaleCall,
    StepError,
    UsageError,
)
from headrace.events import as_events
from headrace.machine import Machine
from headrace.reference.engine import ReferenceEngine, ReferenceFailure
from headrace.reference.journal_files import (
    JournaledInput,
    OutputId,
    ReferenceAnswer,
    ReferenceFiles,
    ReferenceSnapshot,
)
from headrace.reference.steps import Array


@dataclass(frozen=True)
class ReferenceRecovery:
    """What opening did: from which snapshot on (None: from the beginning), over how many inputs."""

    snapshot: int | None
    inputs: int


class ReferenceJournaledEngine:
    """An engine opened on `files`, which it changes. In this thread; nothing blocks.

    `on_error`, `level`, `outputs`, `clients_max`: as of `headrace.Engine` and `headrace.Journal`.
    Each event comes with the time at which the real engine took it. Raises StepError for an input
    in the files that halts the machine; JournalDamaged where outputs are missing; ReplayParted
    where outputs that are there are not those that are made.
    """

    def __init__(
        self,
        machine: Machine | Pipeline,
        files: ReferenceFiles,
        *,
        on_error: str = "halt",
        level: str = "fsync",
        outputs: bool = False,
        clients_max: int = 10_000,
    ) -> None:
        self.machine = machine
        self.files = files
        self._level = level
        self._clients_max = clients_max
        self._engine = ReferenceEngine(machine, on_error)
        self._has_outputs = stages_of(machine)[-1].output is not None
        self._keeps_outputs = outputs and self._has_outputs
        self._answers: dict[str, ReferenceAnswer] = {}  # those that called longest ago first
        self._made = 0
        self._last_output: OutputId = (-1, -1)
        self._unread: list[Array] = []
        self._open()

    def _open(self) -> None:
        files = self.files
        snapshot = self._snapshot = files.snapshots[-1] if files.snapshots else None
        if snapshot is not None:
            self._engine.restore(snapshot.states)
            self._answers = dict(snapshot.answers)
            self._made, self._last_output = snapshot.made, snapshot.last_output
        if self._keeps_outputs:
            self._open_outputs()
        start = 0 if snapshot is None else snapshot.sequence
        for sequence, one in enumerate(files.inputs[start:], start):
            # Whether its caller has had them is not known any more.
            records, _ = self._step(sequence, one)
            self._unread += records
            if self._engine.halted:
                raise self._step_error(self._engine.failures[-1])
        self._forget_clients()
        self.recovery = ReferenceRecovery(
            None if snapshot is None else start, len(files.inputs) - start
        )
        self._finish_outputs()
        files.written = files.synced = len(files.inputs)

    def _open_outputs(self) -> None:
        files = self.files
        if files.outputs is None:
            files.outputs, files.outputs_first = [], self._made
        have = files.outputs_first + len(files.outputs)
        if have < self._made:
            raise JournalDamaged(
                f"outputs {have} to {self._made - 1} are missing",
                file="outputs", offset=0, sequence=have,
            )  # fmt: skip

    def _finish_outputs(self) -> None:
        """Outputs beyond those that the inputs lead to are of inputs that were lost."""
        files = self.files
        if self._keeps_outputs:
            assert files.outputs is not None
            files.outputs = files.outputs[: self._made - files.outputs_first]
            files.outputs_written = self._made
            files.outputs_synced = min(files.outputs_synced, self._made)

    # -- one input -------------------------------------------------------------------------------

    def _step(self, sequence: int, one: JournaledInput) -> tuple[list[Array], Exception | None]:
        """Step over an input: the records, and what its caller is told if it failed."""
        failed: list[Exception] = []
        records = self._engine.through(one.event, one.time_ns, failed if one.called else None)
        error = failed[-1] if failed else None
        if one.client:
            self._answers.pop(one.client, None)
            joined = np.concatenate([self._engine.no_outputs(), *records])
            self._answers[one.client] = ReferenceAnswer(
                one.number, sequence, joined, None if error is None else str(error)
            )
        self._keep(records)
        return records, error

    def _keep(self, records: list[Array]) -> None:
        """Write outputs down that are not there yet, and compare those that are."""
        for record in records:
            if self._keeps_outputs:
                assert self.files.outputs is not None
                at = self._made - self.files.outputs_first
                if at == len(self.files.outputs):
                    self.files.outputs.append(record)
                elif self.files.outputs[at].tobytes() != record.tobytes():
                    origin = int(record["origin"][0])
                    raise ReplayParted(f"output {self._made} was another", origin, origin)
            self._made += 1
            self._last_output = _id_of(record)

    def _forget_clients(self) -> None:
        while len(self._answers) > self._clients_max:
            del self._answers[next(iter(self._answers))]

    def _step_error(self, failure: ReferenceFailure) -> StepError:
        error = StepError(
            str(failure.error), sequence=failure.sequence, event={}, machine=failure.machine
        )
        error.origin = failure.origin
        return error

    # -- what users call -------------------------------------------------------------------------

    def publish(self, events: Any, times_ns: Any, *, durable: bool = False) -> int:
        """Take `events`; the sequence of the first. Those behind one that halts are taken too.

        They are in the journal, and stepped over when it is opened anew. Raises StepError once the
        engine has halted.
        """
        self._check_running()
        first = len(self.files.inputs)
        for event, time_ns in zip(self._as_events(events), times_ns, strict=True):
            one = JournaledInput(event, int(time_ns))
            self.files.inputs.append(one)
            if not self._engine.halted:
                records, _ = self._step(len(self.files.inputs) - 1, one)
                self._unread += records
        if durable:
            self._acknowledge()
        return first

    def would_run(self, client: str | None, number: int | None) -> bool:
        """Whether a call would be run, and not answered as before. Raises StaleCall."""
        if client is None or number is None or client not in self._answers:
            return True
        last = self._answers[client].number
        if number < last:
            raise StaleCall(f"client {client!r} has made call {last} already")
        return number > last

    def call(
        self, event: Any, time_ns: int, client: str | None = None, number: int | None = None
    ) -> Array:
        """Take one event; its output records. Raises StepError, and goes on after it; StaleCall.

        A client's call that was made before is not run again, and its answer is the first one.
        """
        self._check_running()
        if not self.would_run(client, number):
            assert client is not None
            return self._answer(self._answers[client])
        sequence = len(self.files.inputs)
        (own,) = self._as_events(event)
        one = JournaledInput(own, time_ns, True, client or "", number or 0)
        self.files.inputs.append(one)
        records, error = self._step(sequence, one)
        self._forget_clients()
        self._acknowledge()
        joined = np.concatenate([self._engine.no_outputs(), *records])
        told = None if error is None else str(error)
        return self._answer(ReferenceAnswer(number or 0, sequence, joined, told))

    def _answer(self, answer: ReferenceAnswer) -> Array:
        if answer.error is not None:
            machine = stages_of(self.machine)[-1].name
            raise StepError(answer.error, sequence=answer.sequence, event={}, machine=machine)
        return answer.records

    def drain(self) -> None:
        """All that was published is stepped over, and as safe as the level says."""
        self._check_running()
        self._acknowledge()

    def snapshot(self) -> int:
        """Write the state down; the sequence of the input that it stands before."""
        self._check_running()
        files = self.files
        taken = ReferenceSnapshot(
            len(files.inputs),
            self._engine.save(),
            copy.copy(self._answers),
            self._made,
            self._last_output,
        )
        files.snapshots = [each for each in files.snapshots if each.sequence < taken.sequence]
        files.snapshots.append(taken)
        files.written = files.synced = len(files.inputs)
        if self._keeps_outputs:
            files.outputs_written = files.outputs_synced = self._made
        return taken.sequence

    def close(self) -> ReferenceFiles:
        """All is on the disk when this returns: the files."""
        files = self.files
        files.written = files.synced = len(files.inputs)
        if self._keeps_outputs:
            files.outputs_written = files.outputs_synced = self._made
        return files

    def outputs(self, after: OutputId | None = None) -> Array:
        """Outputs that were not read yet, in order, each once; only those behind an id.

        Of what was stepped over while this engine is open, those of published events; before them,
        all that were made again when it was opened; before those, if `after` lies there, what the
        journal of outputs has. Raises HistoryGone if it has not, UsageError without outputs.
        """
        if not self._has_outputs:
            raise UsageError("there are no outputs to read")
        old = [] if after is None else self._outputs_before_recovery(after)
        new, self._unread = self._unread, []
        if after is not None:
            new = [record for record in new if _id_of(record) > after]
        return np.concatenate([self._engine.no_outputs(), *old, *new])

    def _outputs_before_recovery(self, after: OutputId) -> list[Array]:
        if self._snapshot is None or after >= self._snapshot.last_output:
            return []
        kept = self.files.outputs if self._keeps_outputs else None
        last = self._snapshot.last_output
        if not kept or (self.files.outputs_first and after < _id_of(kept[0])):
            raise HistoryGone(f"outputs behind {after}, up to {last}, are not kept")
        return [record for record in kept if after < _id_of(record) <= last]

    @property
    def kept_outputs(self) -> list[Array]:
        """What the journal of outputs has, when all is written."""
        return list(self.files.outputs or []) if self._keeps_outputs else []

    # -- what it has come to ---------------------------------------------------------------------

    @property
    def state(self) -> Any:
        """A copy of the state; of a pipeline, the tuple of its machines' states."""
        return self._engine.state

    @property
    def digest(self) -> str:
        """The digest of the state."""
        return self._engine.digest

    @property
    def sequence(self) -> int:
        """How many inputs the first machine is through with."""
        return self._engine.sequence

    @property
    def made(self) -> int:
        """How many outputs there were since the first input."""
        return self._made

    @property
    def halted(self) -> bool:
        """Whether a failed step has halted it."""
        return self._engine.halted

    @property
    def failures(self) -> list[ReferenceFailure]:
        """Steps of published events that failed, since the snapshot that it was opened on."""
        return list(self._engine.failures)

    def _as_events(self, events: Any) -> list[Array]:
        array = as_events(stages_of(self.machine)[0].event, events).copy()
        return [array[index : index + 1] for index in range(len(array))]

    def _check_running(self) -> None:
        if self._engine.halted:
            raise self._step_error(self._engine.failures[-1])

    def _acknowledge(self) -> None:
        files = self.files
        if self._level != "none":
            files.written = len(files.inputs)
        if self._level == "fsync":
            files.synced = len(files.inputs)


def fold_from_the_beginning(
    machine: Machine | Pipeline, files: ReferenceFiles, to: int | None = None
) -> ReferenceJournaledEngine:
    """What the first `to` inputs come to without any snapshot; failed steps are passed over."""
    inputs = files.inputs if to is None else files.inputs[:to]
    return ReferenceJournaledEngine(
        machine, ReferenceFiles(list(inputs)), on_error="dead_letter"
    )


def _id_of(record: Array) -> OutputId:
    return int(record["input_sequence"][0]), int(record["output_index"][0])
