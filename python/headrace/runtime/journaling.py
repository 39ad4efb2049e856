"""The journal of a running engine: who writes it, and who waits for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from headrace.errors import HistoryGone, JournalError, MachineError, StepError
from headrace.journal.identity import own_version
from headrace.journal.poison import keep_poison
from headrace.runtime.deadline import Deadline
from headrace.runtime.keeper import Cut, Keeper, digest_of
from headrace.runtime.letter_notes import note_of
from headrace.runtime.line import Line
from headrace.runtime.net import Net
from headrace.runtime.opening import Opening
from headrace.runtime.output_journal import begins_behind, read_outputs
from headrace.runtime.recorder import Recorder
from headrace.runtime.stage import Records


class Journaling:
    """Recorders of inputs and outputs, and the keeper of snapshots, for a line."""

    def __init__(
        self,
        opening: Opening,
        line: Line | Net,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        settings = opening.settings
        self._opening = opening
        self._line = line

        def failed(error: BaseException) -> None:
            on_failure(error)
            line.give_up()

        self.recorder = Recorder(line.rings[0], opening.writer, settings.level, failed)
        # What the threads that publish say of it; not wrapped, as each publish does.
        self.note = self.recorder.note
        self.take_back = self.recorder.take_back
        self.published = self.recorder.published
        self._poison: set[tuple[str, int]] = set()  # events that have killed since it was opened
        self._outputs: Recorder | None = None
        if opening.outputs is not None:
            self._outputs = Recorder(line.rings[-1], opening.outputs.writer, "os", failed)
            line.on_outputs = self._outputs.published
        self._keeper = Keeper(
            settings,
            self.recorder,
            self._take_cut,
            lambda: line.done,
            own_version(),
            failed,
        )
        line.wait_safe = self._wait_safe
        line.begin_rolling()  # from here on outputs are digested
        if settings.digest_every is not None:
            line.digest_each(settings.digest_every, self._digest)

    def start(self) -> None:
        self.recorder.start()
        if self._outputs is not None:
            self._outputs.start()
        self._keeper.start()

    def outputs_before_recovery(self, after: tuple[int, int]) -> Iterator[Records]:
        """Outputs behind an id that were made before what recovery has made again.

        Raises HistoryGone if there were some, and no journal of outputs has them.
        """
        snapshot = self._opening.recovery.snapshot
        if snapshot is None or after >= snapshot.last_output:
            return
        settings = self._opening.settings
        kept = self._opening.outputs is not None
        late = kept and begins_behind(settings.disk, settings.path, after)
        if not kept or late:
            sequence, index = snapshot.last_output
            hint = "with Journal(outputs=True) they would be"
            if late:
                hint = "the journal of outputs was begun later"
            raise HistoryGone(
                f"outputs behind {after} were made before the snapshot that the engine was opened "
                f"on, the last one with the id ({sequence}, {index}), and are not kept; {hint}"
            )
        for records in read_outputs(settings.disk, settings.path, after):
            ids = records["input_sequence"], records["output_index"]
            sequence, index = snapshot.last_output
            old = (ids[0] < sequence) | ((ids[0] == sequence) & (ids[1] <= index))
            if not old.any():
                return
            yield records[old]

    def wait_durable(self, end: int, deadline: Deadline) -> bool:
        """Wait until inputs before `end` may be acknowledged; False: out of time."""
        return self.recorder.wait_durable(end, deadline)

    def keep_poison(self, error: StepError, event: Records) -> None:
        """Write down an event that has killed its workers, once its input is safe.

        Raises JournalError.
        """
        opening, which = self._opening, (error.stage, error.sequence)
        if which in self._poison:  # whom it was told to has died since
            return
        self.wait_durable(error.origin + 1, Deadline(None))
        versions = {each.name: str(each.version) for each in opening.fold.machines}
        journal = opening.writer.journal_id.hex()
        note = note_of(error, event, versions[error.machine], error.deaths, journal)
        keep_poison(opening.settings, error.sequence, note)
        self._poison.add(which)

    def snapshot(self, deadline: Deadline) -> int:
        """Write a snapshot; the sequence it is of."""
        return self._keeper.snapshot(deadline)

    def _wait_safe(self, end: int) -> None:
        self.recorder.wait_durable(end, Deadline(None))

    def _take_cut(self, deadline: Deadline) -> Cut | None:
        cut = self._line.take_cut(deadline)
        if cut is None or self._outputs is None:
            return cut
        # Outputs before a snapshot are not made again: they must be safe before it is.
        return cut if self._outputs.wait_synced(cut.stages[-1].made, deadline) else None

    def _digest(self, cut: Cut) -> None:
        self.recorder.note_loosely(digest_of(cut))

    def join(self, deadline: Deadline) -> bool:
        """Once the rings have ended: wait until all is written; False: out of time."""
        self._keeper.stop()
        recorders = [self.recorder, *([self._outputs] if self._outputs else [])]
        return all(recorder.join(deadline.left()) for recorder in recorders)

    def finish(self) -> None:
        """Seal the journal, and let others open it. Raises JournalFailed."""
        with contextlib.ExitStack() as rest:  # each of it, whatever becomes of the others
            rest.callback(self._opening.release)
            rest.callback(self.recorder.finish)
            if self._outputs is not None:
                rest.callback(self._outputs.finish)
            if self.recorder.failed is None:
                cut = self._line.take_cut(Deadline(0))
                if cut is not None:
                    with contextlib.suppress(MachineError):  # a state that has no digest
                        self._digest(cut)

    @property
    def failed(self) -> BaseException | None:
        """What the journal has failed with."""
        failed = self.recorder.failed
        return failed if isinstance(failed, JournalError) else None
