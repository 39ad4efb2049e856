"""A machine being run: its state, and the way back when a step fails.

A failing step may have changed the state in place. So the stepper keeps a checkpoint, a copy of an
earlier state, and private copies of the batches since; after a failure it folds those again, and
then the batch under way up to the event before. Behind each batch it does what is cheaper: takes a
new checkpoint, if stepping has lasted 128 times as long as a copy takes, or if the state is of
fixed layout and smaller than the batch; or else keeps the batch.
"""

cimport cython
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

import traceback

import numpy as np

from headrace.engine.batch cimport Batch, event_of, sequence_of, time_of
from headrace.engine.copying cimport copy_state
from headrace.engine.fields cimport FieldTable
from headrace.engine.inputlog cimport InputLog
from headrace.engine.native cimport NativeSteps
from headrace.engine.outputs cimport Outputs
from headrace.engine.pysteps cimport PythonSteps
from headrace.ringbuffer.futex cimport monotonic_ns

from headrace.engine.errors import MachineError, OutputError, StepError

cnp.import_array()

cdef enum:
    NUMPY_CHUNK = 16384         # events that step_batch gets at a time: its arrays stay in cache
    SPACING = 128               # times the last copy: below 1 %, also when the next one takes longer

_HEADER = ("input_sequence", "output_index", "input_time_ns", "origin")


def _record_dtype(output):
    """Header and payload; the same as headrace.events.record_dtype."""
    fields = {"value": (output, 0)} if output.names is None else output.fields
    names = ["value"] if output.names is None else list(output.names)
    return np.dtype({
        "names": [*_HEADER, *names],
        "formats": ["<i8"] * 4 + [fields[name][0] for name in names],
        "offsets": [0, 8, 16, 24] + [32 + fields[name][1] for name in names],
        "itemsize": 32 + output.itemsize,
    })


class _FormsPart(MachineError):
    """Two forms of a machine's step were found to mean different things."""


@cython.final
cdef class Stepper:
    """Runs `machine` by its "python", "batch" or "native" step; None takes the fastest it has."""

    cdef readonly object machine
    cdef readonly str kind
    cdef readonly int64_t sequence
    cdef readonly int64_t checkpoint_ns     # spent on checkpoints so far
    cdef readonly int64_t stepping_ns       # spent on the rest of `run` so far
    cdef readonly int64_t checkpoints
    cdef PythonSteps steps                  # holds the state, whatever the kind
    cdef NativeSteps native
    cdef Outputs outputs
    cdef Outputs scratch                    # takes outputs made again
    cdef InputLog log
    cdef bint running
    cdef object checkpoint
    cdef int64_t since_ns, last_cost_ns
    cdef object event                       # the dtype of events
    cdef object plain_dtype                 # a dtype without Python objects, seen last
    cdef int64_t item_bytes

    def __cinit__(self, machine, kind=None):
        if not hasattr(machine, "parameters"):
            raise MachineError(
                f"machine {type(machine).__name__}: its __init__ must call super().__init__()")
        if kind not in (None, "python", "batch", "native"):
            raise MachineError(f"kind is {kind!r}; give 'python', 'batch', 'native' or None")
        has = dict(native=machine.native, batch=machine.step_batch, python=machine.step)
        kind = kind or next(name for name in has if has[name] is not None)
        if has[kind] is None:
            raise MachineError(f"machine {machine.name!r} has no {kind} step")
        self.machine = machine
        self.kind = kind
        self.event = machine.event
        self.item_bytes = machine.event.itemsize
        timed = machine.parameters is None or "time_ns" in machine.parameters or kind == "native"
        self.log = InputLog(self.item_bytes, timed)
        self.steps = PythonSteps(machine)
        self.steps.state = machine.initial()
        if machine.output is not None:
            dtype = _record_dtype(machine.output)
            self.outputs = Outputs(dtype, machine.output)
            self.scratch = Outputs(dtype, machine.output)
        if kind == "native":
            state = self.steps.state
            if not isinstance(state, np.ndarray) or state.dtype.hasobject:
                raise MachineError(
                    f"machine {machine.name!r} has a native step, so initial() must give a NumPy "
                    f"array of fixed layout, not {type(state).__name__}")
            if not (state.flags.c_contiguous and state.flags.writeable):
                raise MachineError(
                    f"machine {machine.name!r} has a native step, so initial() must give a "
                    "writable, C-contiguous array: np.ascontiguousarray(...).copy()")
            self.native = NativeSteps(machine)
        self._take_checkpoint()

    @property
    def state(self):
        """A deep copy of the state after the last event."""
        return self._copied(self.steps.state)

    @property
    def live_state(self):
        """The state itself, which the next run may change in place."""
        return self.steps.state

    def checkpointed(self):
        """The state after the last event as a value that is not changed any more: not to change."""
        if self.log.count:
            self._take_checkpoint()
        kept = self.checkpoint
        return kept.copy() if isinstance(kept, np.ndarray) else kept  # arrays are copied over

    def restore(self, state, int64_t sequence, kept=None):
        """Go on from a state, its own now, before an event; `kept`: as `checkpointed`, no array."""
        old = self.checkpoint
        if self.native is not None and (
                not isinstance(state, np.ndarray) or state.dtype != old.dtype
                or state.shape != old.shape or not state.flags.c_contiguous):
            raise MachineError(
                f"machine {self.machine.name!r} has a native step, whose state is an array of "
                f"{old.dtype} and shape {old.shape}; restored was {state!r}")
        self.steps.state = state
        self.sequence = sequence
        self._take_checkpoint(kept)

    def _copied(self, state):
        try:
            return copy_state(state)
        except Exception as error:
            raise MachineError(
                f"machine {self.machine.name!r} ({self.machine.source}): its state cannot be "
                f"copied: {error}; make it of numbers, strings, containers, dataclasses, arrays"
            ) from error

    def run(self, events, times=None, first_sequence=None, origins=None, select=None):
        """Step over a batch; its output records, or None for a machine without outputs.

        `select`: ascending places (int64) of the events to step over; the others are not looked
        at, and keep their numbers. The records stay valid until the next run, or for as long as they are held. Raises
        StepError when a step fails: the state is that before the event, `sequence` its number,
        and `partial` the records of the events before.
        """
        cdef Batch batch
        cdef int64_t mark
        if self.running:
            raise MachineError(f"machine {self.machine.name!r}: a step ran its own stepper")
        self._describe(&batch, events, times, origins, select)
        batch.first_sequence = self.sequence if first_sequence is None else first_sequence
        self.running = True
        try:
            if self.outputs is not None:
                self.outputs.reset()
            mark = monotonic_ns()
            try:
                self._fold(&batch, events, times, origins, select)
            except BaseException as error:
                self._recover(&batch, error)
            mark = monotonic_ns() - mark
            self.since_ns += mark
            self.stepping_ns += mark
            self.sequence = batch.first_sequence + len(events)
            self._keep(&batch, batch.count)
            return None if self.outputs is None else self.outputs.taken()
        finally:
            self.running = False

    cdef int _describe(self, Batch *batch, events, times, origins, select) except -1:
        if not cnp.PyArray_Check(events) or cnp.PyArray_NDIM(events) != 1 or (
                (<cnp.ndarray>events).dtype is not self.event
                and events.dtype != self.event):
            raise MachineError(
                f"machine {self.machine.name!r} steps over one-dimensional arrays of "
                f"{self.machine.event}, not {getattr(events, 'dtype', type(events).__name__)}")
        memset(batch, 0, sizeof(Batch))
        batch.events = <const char *>cnp.PyArray_DATA(events)
        batch.stride = cnp.PyArray_STRIDE(events, 0)
        batch.item_bytes = self.item_bytes
        batch.count = cnp.PyArray_DIM(events, 0)
        if times is not None:
            self._check_numbers("times", times, batch.count)
            batch.times = <const char *>cnp.PyArray_DATA(times)
            batch.times_stride = cnp.PyArray_STRIDE(times, 0)
        if origins is not None:
            self._check_numbers("origins", origins, batch.count)
            batch.origins = <const char *>cnp.PyArray_DATA(origins)
            batch.origins_stride = cnp.PyArray_STRIDE(origins, 0)
        if select is not None:
            self._select(batch, select)
        return 0

    cdef int _select(self, Batch *batch, select) except -1:
        cdef int64_t count = len(select)
        if select.dtype != np.int64 or select.ndim != 1 or not select.flags.c_contiguous or (
                count and (select[0] < 0 or select[count - 1] >= batch.count)):
            raise MachineError(f"select is int64 places, ascending, of {batch.count} events")
        batch.select = <const int64_t *>cnp.PyArray_DATA(select)
        batch.count = count
        return 0

    cdef int _check_numbers(self, str name, array, int64_t count) except -1:
        if not cnp.PyArray_Check(array) or cnp.PyArray_NDIM(array) != 1 or (
                cnp.PyArray_TYPE(array) != cnp.NPY_INT64 or not array.dtype.isnative
                or cnp.PyArray_DIM(array, 0) != count):
            raise MachineError(f"{name} must be int64, one for each event")
        return 0

    cdef int _keep(self, const Batch *batch, int64_t end) except -1:
        """Events [0, end) are stepped over: be able to come back to here."""
        cdef cnp.ndarray state
        cdef bint cheap = self.since_ns > SPACING * self.last_cost_ns
        if not cheap and isinstance(self.steps.state, np.ndarray):
            state = self.steps.state
            cheap = (cnp.PyArray_NBYTES(state) <= end * self.item_bytes
                     and self._is_plain(state.dtype))
        if cheap or self.log.count + end > self.log.count_max:
            return self._take_checkpoint()
        return self.log.append(batch, end)

    cdef int _take_checkpoint(self, kept=None) except -1:
        cdef int64_t begun = monotonic_ns()
        if not self._copied_in_place():
            self.checkpoint = self._copied(self.steps.state) if kept is None else kept
        if kept is None:
            self.last_cost_ns = monotonic_ns() - begun
            self.checkpoint_ns += self.last_cost_ns
        self.checkpoints += 1
        self.log.clear()
        self.since_ns = 0
        return 0

    cdef bint _is_plain(self, dtype) except -1:
        """Whether arrays of a dtype are copied as bytes; the answer for the last one is kept."""
        if dtype is not self.plain_dtype:
            if dtype.hasobject:
                return False
            self.plain_dtype = dtype
        return True

    cdef bint _copied_in_place(self) except -1:
        """Copy a state of fixed layout over the last copy of it, if it has the same form."""
        cdef cnp.ndarray state, copied
        if not (isinstance(self.steps.state, np.ndarray)
                and isinstance(self.checkpoint, np.ndarray)):
            return False
        state, copied = self.steps.state, self.checkpoint
        if state.dtype is not copied.dtype or not self._is_plain(state.dtype) or not (
                cnp.PyArray_IS_C_CONTIGUOUS(state) and cnp.PyArray_IS_C_CONTIGUOUS(copied)
                and cnp.PyArray_SAMESHAPE(state, copied)):
            return False
        memcpy(cnp.PyArray_DATA(copied), cnp.PyArray_DATA(state), cnp.PyArray_NBYTES(state))
        return True

    cdef int _fold(self, const Batch *batch, events, times, origins, select) except -1:
        cdef int64_t begin = 0, end
        if self.native is not None:
            return self.native.fold(self.steps.state, batch, 0, batch.count, self.outputs)
        if self.kind != "batch":
            return self.steps.fold(batch, 0, batch.count, self.outputs)
        while begin < batch.count:
            end = min(batch.count, begin + NUMPY_CHUNK)
            self.steps.done = begin
            self._fold_numpy(batch, events, times, origins, select, begin, end)
            begin = end
        return 0

    cdef int _fold_numpy(
        self, const Batch *batch, events, times, origins, select, int64_t begin, int64_t end
    ) except -1:
        part = events
        if select is not None:
            part = events[select[begin:end]]
            part.flags.writeable = False
        elif begin != 0 or end != batch.count or cnp.PyArray_ISWRITEABLE(events):
            part = events[begin:end]
            part.flags.writeable = False
        result = self.machine.step_batch(self.steps.state, part)
        if type(result) is not tuple or len(result) != 2:
            raise OutputError(f"step_batch returns (state, outputs), and returned {result!r}")
        state, made = result
        if made is not None:
            if self.outputs is None:
                raise OutputError("step_batch returned outputs; its machine has no output dtype")
            places = slice(begin, end) if select is None else select[begin:end]
            numbers = batch.first_sequence + (np.arange(begin, end) if select is None else places)
            self.outputs.append_made(
                made, numbers, np.zeros(len(part), np.int64) if times is None else times[places],
                numbers if origins is None else origins[places])
        self.steps.state = state
        return 0

    cdef int _recover(self, const Batch *batch, error) except -1:
        """Put the state back to that before the failing event; always raises."""
        cdef int64_t failed, begun = monotonic_ns()
        try:
            failed = self.steps.done if self.native is None else self.native.done
            if self.kind == "batch" and isinstance(error, Exception):
                # Of an interrupt nobody can say at which event of its chunk it came. The error's
                # traceback must not keep the chunk, whose slots will be written again.
                traceback.clear_frames(error.__traceback__)
                self._refold(batch, failed)
                error = self._find_failing(batch, failed, error)
                failed = self.steps.done
            self._refold(batch, failed)
            self._compare_outputs(error)
        except _FormsPart:
            self._back_to_checkpoint(batch)
            raise
        except BaseException as again:
            self._back_to_checkpoint(batch)
            raise MachineError(
                f"machine {self.machine.name!r} ({self.machine.source}) is not deterministic: "
                "folding the same inputs again, after a step had failed, went another way "
                f"({again}); its state is that of the last checkpoint, before event "
                f"{self.sequence}") from error
        self.sequence = sequence_of(batch, failed)
        self.since_ns = monotonic_ns() - begun
        if self.since_ns > self.last_cost_ns:
            self._take_checkpoint()  # the next failure is not to cost that much again
        else:
            self._keep(batch, failed)
        if not isinstance(error, Exception):
            raise error
        event = FieldTable(self.machine.event).describe(
            <Py_ssize_t>event_of(batch, failed), self.sequence,
            time_of(batch, failed))
        raise StepError(
            f"machine {self.machine.name!r} failed at event {self.sequence} {event}: "
            f"{type(error).__name__}: {error} ({self.machine.source}); the state is that before it",
            sequence=self.sequence, event=event, machine=self.machine.name,
            partial=None if self.outputs is None else self.outputs.taken()) from error

    cdef int _back_to_checkpoint(self, const Batch *batch) except -1:
        self.steps.state = copy_state(self.checkpoint)
        self.sequence = (
            self.log.runs[0].first_sequence if self.log.count else batch.first_sequence)
        self.log.clear()
        return 0

    cdef object _find_failing(self, const Batch *batch, int64_t begin, error):
        """Which event of a failed chunk it is: the one where the step per event fails.

        The outputs of the chunk up to there are made on the way: step_batch kept them to itself.
        """
        if self.outputs is not None:
            self.outputs.count = self.scratch.count
        try:
            self.steps.fold(batch, begin, batch.count, self.outputs)
        except BaseException as found:
            return found
        raise _FormsPart(
            f"machine {self.machine.name!r} ({self.machine.source}): step_batch raised {error!r}, "
            "and the step per event goes through: they do not mean the same") from error

    cdef int _refold(self, const Batch *batch, int64_t count) except -1:
        """From the checkpoint over the log, then over the first `count` events of the batch.

        The outputs of the batch are made again in `scratch`.
        """
        cdef Batch again
        cdef int64_t run, begin = 0
        self.steps.state = copy_state(self.checkpoint)
        for run in range(self.log.run_count):
            begin = self.log.fill(&again, run, begin)
            if self.scratch is not None:
                self.scratch.reset()
            self._fold_again(&again, again.count)
        if self.scratch is not None:
            self.scratch.reset()
        return self._fold_again(batch, count)

    cdef int _fold_again(self, const Batch *batch, int64_t count) except -1:
        if self.native is not None:
            return self.native.fold(self.steps.state, batch, 0, count, self.scratch)
        return self.steps.fold(batch, 0, count, self.scratch)

    cdef int _compare_outputs(self, error) except -1:
        if self.outputs is None:
            return 0
        if not isinstance(error, Exception):
            self.outputs.count = self.scratch.count  # of an interrupted chunk some were made
        if self.outputs.taken().tobytes() != self.scratch.taken().tobytes():
            raise MachineError("other outputs")
        return 0
