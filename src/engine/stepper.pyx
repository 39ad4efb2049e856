"""A machine being run: its state, and the way back when a step fails.

A failing step may have changed the state in place. So the stepper keeps a checkpoint, a copy of an
earlier state, and a private copy of the inputs since; after a failure it folds those again up to
the event before. A checkpoint is taken once stepping has lasted 100 times as long as the last
copy took, or when the inputs kept would pass 64 MiB.
"""

cimport cython
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

import time

import numpy as np

from headrace.engine.batch cimport Batch, time_of
from headrace.engine.copying cimport copy_state, is_immutable
from headrace.engine.fields cimport FieldTable
from headrace.engine.native cimport NativeSteps
from headrace.engine.outputs cimport Outputs
from headrace.engine.pysteps cimport PythonSteps

from headrace.engine.errors import MachineError, OutputError, StepError

cnp.import_array()

cdef enum:
    CHUNK = 16384               # events stepped over between two looks at the clock
    LOG_BYTES_MAX = 64 << 20
    SPACING = 100

_HEADER = ("input_sequence", "output_index", "input_time_ns", "origin")
_monotonic = time.monotonic_ns


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
    cdef bint running
    cdef object checkpoint
    cdef int64_t since_ns, last_cost_ns
    cdef char *log_events
    cdef int64_t *log_times
    cdef int64_t *log_sequences
    cdef int64_t log_count, log_room, log_max, item_bytes

    def __cinit__(self, machine, kind=None):
        if kind not in (None, "python", "batch", "native"):
            raise MachineError(f"kind is {kind!r}; give 'python', 'batch', 'native' or None")
        has = {"native": machine.native is not None, "batch": machine.step_batch is not None,
               "python": True}
        kind = kind or next(name for name in has if has[name])
        if not has[kind]:
            raise MachineError(f"machine {machine.name!r} has no {kind} step")
        self.machine = machine
        self.kind = kind
        self.item_bytes = machine.event.itemsize
        self.log_max = max(1, LOG_BYTES_MAX // (self.item_bytes + 16))
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
            self.native = NativeSteps(machine)
        self._take_checkpoint()

    def __dealloc__(self):
        free(self.log_events)
        free(self.log_times)
        free(self.log_sequences)

    @property
    def state(self):
        """A deep copy of the state after the last event."""
        return copy_state(self.steps.state)

    def run(self, events, times=None, first_sequence=None, origins=None):
        """Step over a batch; its output records, or None for a machine without outputs.

        The records stay valid until the next run, or for as long as they are held. Raises
        StepError when a step fails: the state is that before the event, `sequence` its number,
        and `partial` the records of the events before.
        """
        cdef Batch batch
        cdef int64_t begin, end, mark
        if self.running:
            raise MachineError(f"machine {self.machine.name!r}: a step ran its own stepper")
        self._describe(&batch, events, times, origins)
        batch.first_sequence = self.sequence if first_sequence is None else first_sequence
        self.running = True
        try:
            if self.outputs is not None:
                self.outputs.reset()
            begin = 0
            while begin < batch.count:
                end = min(batch.count, begin + min(CHUNK, self.log_max))
                mark = _monotonic()
                self._make_room(end - begin)
                self._fold_chunk(&batch, begin, end, events, times, origins)
                mark = _monotonic() - mark
                self.since_ns += mark
                self.stepping_ns += mark
                begin = end
            return None if self.outputs is None else self.outputs.taken()
        finally:
            self.running = False

    cdef int _describe(self, Batch *batch, events, times, origins) except -1:
        if not isinstance(events, np.ndarray) or events.ndim != 1 or (
                events.dtype != self.machine.event):
            raise MachineError(
                f"machine {self.machine.name!r} steps over one-dimensional arrays of "
                f"{self.machine.event}, not {getattr(events, 'dtype', type(events).__name__)}")
        memset(batch, 0, sizeof(Batch))
        batch.events = <const char *>cnp.PyArray_DATA(events)
        batch.stride = events.strides[0]
        batch.item_bytes = self.item_bytes
        batch.count = len(events)
        for name, array in (("times", times), ("origins", origins)):
            if array is not None and (
                    array.dtype != np.int64 or array.shape != events.shape):
                raise MachineError(f"{name} must be int64, one for each event")
        if times is not None:
            batch.times = <const char *>cnp.PyArray_DATA(times)
            batch.times_stride = times.strides[0]
        if origins is not None:
            batch.origins = <const char *>cnp.PyArray_DATA(origins)
            batch.origins_stride = origins.strides[0]
        return 0

    cdef int _take_checkpoint(self) except -1:
        cdef int64_t begun = _monotonic()
        self.checkpoint = copy_state(self.steps.state)
        self.last_cost_ns = _monotonic() - begun
        self.checkpoint_ns += self.last_cost_ns
        self.checkpoints += 1
        self.log_count = 0
        self.since_ns = 0
        return 0

    cdef int _make_room(self, int64_t more) except -1:
        """Room in the log, after a checkpoint if one is due."""
        cdef int64_t room
        cdef void *grown
        if self.log_count + more > self.log_max or self.since_ns > SPACING * self.last_cost_ns:
            self._take_checkpoint()
        if self.log_count + more <= self.log_room:
            return 0
        room = min(self.log_max, max(2 * self.log_room, self.log_count + more, 1024))
        grown = realloc(self.log_events, room * self.item_bytes)
        if grown == NULL:
            raise MemoryError
        self.log_events = <char *>grown
        grown = realloc(self.log_times, room * 8)
        if grown == NULL:
            raise MemoryError
        self.log_times = <int64_t *>grown
        grown = realloc(self.log_sequences, room * 8)
        if grown == NULL:
            raise MemoryError
        self.log_sequences = <int64_t *>grown
        self.log_room = room
        return 0

    cdef void _log(self, const Batch *batch, int64_t begin, int64_t end) noexcept nogil:
        cdef int64_t index, at = self.log_count
        cdef int64_t size = self.item_bytes
        cdef int64_t first = batch.first_sequence + begin
        cdef int64_t *times = self.log_times + at
        cdef int64_t *sequences = self.log_sequences + at
        if batch.stride == size:
            memcpy(self.log_events + at * size, batch.events + begin * size, (end - begin) * size)
        else:
            for index in range(begin, end):
                memcpy(self.log_events + (at + index - begin) * size,
                       batch.events + index * batch.stride, size)
        # Locals: through `self` the compiler cannot vectorise these.
        if batch.times == NULL:
            memset(times, 0, (end - begin) * 8)
        elif batch.times_stride == 8:
            memcpy(times, batch.times + begin * 8, (end - begin) * 8)
        else:
            for index in range(end - begin):
                times[index] = time_of(batch, begin + index)
        for index in range(end - begin):
            sequences[index] = first + index
        self.log_count = at + end - begin

    cdef int _fold_chunk(
        self, const Batch *batch, int64_t begin, int64_t end, events, times, origins
    ) except -1:
        cdef int64_t before = self.log_count
        cdef int64_t outputs_before = 0 if self.outputs is None else self.outputs.count
        cdef Batch chunk
        self._log(batch, begin, end)
        self._chunk_of(&chunk, batch, begin, end, before)
        try:
            if self.kind == "batch":
                self._fold_numpy(&chunk, events, times, origins, begin, end)
            elif self.native is not None:
                self.native.fold(self.steps.state, &chunk, 0, chunk.count, self.outputs)
            else:
                self.steps.fold(&chunk, 0, chunk.count, self.outputs)
        except BaseException as error:
            self._recover(&chunk, before, outputs_before, error)
        self.sequence = batch.first_sequence + end
        return 0

    cdef void _chunk_of(
        self, Batch *chunk, const Batch *batch, int64_t begin, int64_t end, int64_t at
    ) noexcept:
        """Events [begin, end) of a batch, as they stand in the log: in a row, and private."""
        chunk.events = self.log_events + at * self.item_bytes
        chunk.stride = chunk.item_bytes = self.item_bytes
        chunk.times = <const char *>(self.log_times + at)
        chunk.times_stride = 8
        chunk.origins = NULL
        if batch.origins != NULL:
            chunk.origins = batch.origins + begin * batch.origins_stride
        chunk.origins_stride = batch.origins_stride
        chunk.first_sequence = batch.first_sequence + begin
        chunk.count = end - begin

    cdef int _fold_numpy(
        self, const Batch *chunk, events, times, origins, int64_t begin, int64_t end
    ) except -1:
        part = events[begin:end]
        part.flags.writeable = False
        result = self.machine.step_batch(self.steps.state, part)
        if type(result) is not tuple or len(result) != 2:
            raise OutputError(f"step_batch returns (state, outputs), and returned {result!r}")
        state, made = result
        if made is not None:
            if self.outputs is None:
                raise OutputError("step_batch returned outputs; its machine has no output dtype")
            self._append_made(made, chunk, times, origins, begin, end)
        self.steps.state = state
        return 0

    cdef int _append_made(
        self, made, const Batch *chunk, times, origins, int64_t begin, int64_t end
    ) except -1:
        count = end - begin
        records, of = made if type(made) is tuple and len(made) == 2 else (made, np.arange(count))
        records, of = np.asarray(records), np.asarray(of)
        if of.dtype.kind not in "iu" or of.shape != (len(records),) or (
                len(of) and (of[0] < 0 or of[-1] >= count or (of[1:] < of[:-1]).any())):
            raise OutputError(
                "step_batch gives outputs as (records, of): of[i] is the index of the event that "
                f"made records[i], never going back, below {count}")
        sequences = chunk.first_sequence + np.arange(count)
        self.outputs.append_batch(
            records, of, sequences,
            np.zeros(count, np.int64) if times is None else times[begin:end],
            sequences if origins is None else origins[begin:end])
        return 0

    cdef int _recover(
        self, const Batch *chunk, int64_t before, int64_t outputs_before, error
    ) except -1:
        """Put the state back to that before the failing event; always raises."""
        cdef int64_t failed
        try:
            if self.kind == "batch":
                self._refold(before)
                if self.outputs is not None:
                    self.outputs.count = outputs_before
                failed = 0  # of an interrupt nobody can say at which event it came
                if isinstance(error, Exception):
                    error = self._find_failing(chunk, error)
                    failed = self.steps.done
            else:
                failed = self.steps.done if self.native is None else self.native.done
            self._refold(before)
            self._refold_chunk(chunk, failed, outputs_before)
        except BaseException as again:
            self.steps.state = copy_state(self.checkpoint)
            self.sequence = self.log_sequences[0] if self.log_count else chunk.first_sequence
            self.log_count = 0
            raise MachineError(
                f"machine {self.machine.name!r} ({self.machine.source}) is not deterministic: "
                "folding the same inputs again, after a step had failed, went another way "
                f"({again}); its state is that of the last checkpoint, before event "
                f"{self.sequence}") from error
        self.log_count = before + failed
        self.sequence = chunk.first_sequence + failed
        if not isinstance(error, Exception):
            raise error
        event = FieldTable(self.machine.event).describe(
            <Py_ssize_t>(chunk.events + failed * chunk.stride), self.sequence,
            time_of(chunk, failed))
        raise StepError(
            f"machine {self.machine.name!r} failed at event {self.sequence} {event}: "
            f"{type(error).__name__}: {error} ({self.machine.source}); the state is that before it",
            sequence=self.sequence, event=event, machine=self.machine.name,
            partial=None if self.outputs is None else self.outputs.taken()) from error

    cdef object _find_failing(self, const Batch *chunk, error):
        """Which event of a failed batch it is: the one where the step per event fails."""
        try:
            self.steps.fold(chunk, 0, chunk.count, self.outputs)
        except BaseException as found:
            return found
        raise MachineError(
            f"step_batch raised {error!r}, and the step per event goes through") from error

    cdef int _refold(self, int64_t count) except -1:
        """From the checkpoint over the first `count` inputs of the log; outputs are dropped."""
        cdef Batch again
        cdef int64_t begin = 0, end
        self.steps.state = copy_state(self.checkpoint)
        memset(&again, 0, sizeof(again))
        again.stride = again.item_bytes = self.item_bytes
        again.times_stride = 8
        while begin < count:
            end = begin + 1
            while end < count and end - begin < CHUNK and (
                    self.log_sequences[end] == self.log_sequences[end - 1] + 1):
                end += 1
            again.events = self.log_events + begin * self.item_bytes
            again.times = <const char *>(self.log_times + begin)
            again.first_sequence = self.log_sequences[begin]
            again.count = end - begin
            self._fold_again(&again, again.count)
            begin = end
        return 0

    cdef int _fold_again(self, const Batch *batch, int64_t count) except -1:
        if self.scratch is not None:
            self.scratch.reset()
        if self.native is not None:
            return self.native.fold(self.steps.state, batch, 0, count, self.scratch)
        return self.steps.fold(batch, 0, count, self.scratch)

    cdef int _refold_chunk(self, const Batch *chunk, int64_t count, int64_t at) except -1:
        self._fold_again(chunk, count)
        if self.outputs is not None:
            if self.outputs.taken()[at:].tobytes() != self.scratch.taken().tobytes():
                raise MachineError("other outputs")
        return 0
