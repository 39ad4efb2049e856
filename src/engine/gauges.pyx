"""`StageGauge`: one stage's slot of a board. What it means and costs stands in gauges.pxd."""

from dataclasses import dataclass

import numpy as np

cimport cython
cimport numpy as cnp
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint64_t, uintptr_t

from headrace.ringbuffer.atomics cimport (
    fetch_add_seq_cst_u64,
    load_acquire_i64,
    load_acquire_u64,
    load_relaxed_i64,
    load_relaxed_u64,
    store_release_i64,
)

from headrace.ringbuffer.errors import UsageError

cnp.import_array()

STATES = ("starting", "running", "waiting", "restarting", "dead", "ended")
GAUGE_BYTES = sizeof(hr_gauge)
CUTS_BITS = HR_CUTS_BITS
VALUE_BITS = HR_VALUE_BITS
LATENCY_SAMPLES_MAX = SAMPLES_MAX
SERVICE_EVENTS_SPAN = SERVICE_EVENTS


@dataclass(frozen=True)
class StageReading:
    """What a stage's slot said at one moment.

    `state`: as the slot says, "" where it is damaged; whether the process `pid` that started at
    `start` still lives is not looked at. `epoch` counts the workers that took the slot.
    `service_ns`: moving average of the time for one event, 0.0: none yet. `latencies` and
    `batch_sizes`: int64 arrays, one count for each bucket of `headrace.metrics.histogram`.
    """

    stage: str
    state: str
    pid: int
    start: int
    epoch: int
    events: int
    outputs: int
    batches: int
    batch_last: int
    busy_ns: int
    service_ns: float
    stepped_ns: int     # when the last batch ended, ns since 1970; 0: none yet
    errors: int
    dead_letters: int
    dropped: int
    latencies: object
    batch_sizes: object

    @property
    def restarts(self):
        """How often a worker took the slot over from one before."""
        return max(0, self.epoch - 1)


cdef class StageGauge:
    """One stage's slot of a board; made by `Board.stage`.

    What counts batches and says the state is called by the stage's own thread only; it costs no
    system call and no lock. After another worker began, this one's calls change nothing. Not
    usable in a child after a fork unless the child begins. `errors`, `dead_letters`, `dropped`,
    and `read` may be called from anywhere. `stage` is its name. Raises UsageError where the board
    was attached to read-only.
    """

    def __init__(self, memory, size_t offset, stage, bint read_only=False):
        cdef Py_buffer view
        PyObject_GetBuffer(memory, &view, PyBUF_SIMPLE)
        address = <uintptr_t>view.buf
        size = <size_t>view.len
        PyBuffer_Release(&view)
        if offset > size or size - offset < sizeof(hr_gauge):
            raise UsageError(f"stage {stage!r} does not lie in the board's memory")
        if (address + offset) % 128:
            raise UsageError(f"stage {stage!r} does not lie at a multiple of 128 bytes")
        self.memory = memoryview(memory)  # keeps it mapped
        self.looked_at = <const hr_gauge *><uintptr_t>(address + offset)
        self.slot = NULL if read_only else <hr_gauge *><uintptr_t>(address + offset)
        self.stage = stage

    cdef hr_gauge *writable(self) except NULL:
        if self.slot == NULL:
            raise UsageError(f"stage {self.stage!r}: the board was attached to read-only")
        return self.slot

    def begin(self, int64_t pid, int64_t start):
        """Take the slot for the worker `pid` that started at `start` (`liveness.myself()`).

        The state is "running"; from the second worker on it counts as a restart. What was counted
        before stays.
        """
        cdef hr_gauge *slot = self.writable()
        self.epoch = fetch_add_seq_cst_u64(&slot.epoch, 1) + 1
        # Release, each: pairs with the acquire loads in read_owner, which reads them the other way
        # round, so that no pid goes with another's start.
        store_release_i64(&slot.pid, 0)
        store_release_i64(&slot.start, start)
        store_release_i64(&slot.pid, pid)
        store_release_i64(&slot.state, RUNNING)

    def stepped(self, int64_t events, int64_t outputs, int64_t begin_ns, int64_t end_ns,
                cnp.ndarray times):
        """Count a batch of `events` that gave `outputs`, stepped from `begin_ns` to `end_ns`.

        `times`: the ingest times of its events, an int64 array of one dimension, with any stride,
        in ns since 1970 as the other two; or None. Latencies run from there to `end_ns`. Of more
        than 128 events, 128 evenly spread ones are recorded, each with the weight of those around
        it. Takes some 0.1 us for one event, less than 1 us for any batch. Raises UsageError for
        other arrays.
        """
        cdef hr_gauge *slot = self.writable()
        cdef Times stamps
        stamps.first, stamps.stride, stamps.count = NULL, 0, 0
        if times is not None:
            if (cnp.PyArray_TYPE(times) != cnp.NPY_INT64 or cnp.PyArray_NDIM(times) != 1
                    or not cnp.PyArray_ISNOTSWAPPED(times)):
                raise UsageError(
                    f"stage {self.stage!r}: times must be an int64 array of one dimension, not "
                    f"{times.dtype} of shape {np.shape(times)}")
            stamps.first = <const char *>cnp.PyArray_DATA(times)
            stamps.stride = cnp.PyArray_STRIDE(times, 0)
            stamps.count = cnp.PyArray_DIM(times, 0)
        if has_slot(slot, self.epoch):
            record_batch(slot, events, outputs, begin_ns, end_ns, stamps)

    def waiting(self):
        """Say that the stage has nothing to do."""
        set_state(self.writable(), self.epoch, WAITING)

    def running(self):
        """Say that the stage is at work."""
        set_state(self.writable(), self.epoch, RUNNING)

    def restarting(self):
        """Say that the worker is gone and another will begin; for its supervisor."""
        set_state(self.writable(), self.epoch, RESTARTING)

    def dead(self):
        """Say that the worker is gone and none will follow; for its supervisor."""
        set_state(self.writable(), self.epoch, DEAD)

    def ended(self):
        """Say that the stage has done all its work."""
        set_state(self.writable(), self.epoch, ENDED)

    def errors(self, uint64_t n=1):
        """Count steps that raised; from any thread or process."""
        fetch_add_seq_cst_u64(&self.writable().errors, n)

    def dead_letters(self, uint64_t n=1):
        """Count events that were put aside; from any thread or process."""
        fetch_add_seq_cst_u64(&self.writable().dead_letters, n)

    def dropped(self, uint64_t n=1):
        """Count events that found no room; from any thread or process."""
        fetch_add_seq_cst_u64(&self.writable().dropped, n)

    def read(self):
        """What the slot says now, a `StageReading`; from any thread or process, never blocks.

        Each number is whole; they need not be of the same moment, except that the histograms have
        all batches that `batches` counts.
        """
        cdef const hr_gauge *slot = self.looked_at
        cdef int64_t pid, start, state, batches
        cdef cnp.ndarray latencies = np.empty(HR_BUCKETS, np.int64)
        cdef cnp.ndarray batch_sizes = np.empty(HR_BUCKETS, np.int64)
        read_owner(slot, &pid, &start)
        state = load_acquire_i64(&slot.state)
        # Acquire: pairs with the release store at the end of record_batch.
        batches = load_acquire_i64(&slot.batches)
        copy_counts(slot.latencies, <int64_t *>cnp.PyArray_DATA(latencies))
        copy_counts(slot.batch_sizes, <int64_t *>cnp.PyArray_DATA(batch_sizes))
        return StageReading(
            stage=self.stage,
            state=STATES[state] if 0 <= state < len(STATES) else "",
            pid=pid,
            start=start,
            epoch=load_acquire_u64(&slot.epoch),
            events=load_relaxed_i64(&slot.events),
            outputs=load_relaxed_i64(&slot.outputs),
            batches=batches,
            batch_last=load_relaxed_i64(&slot.batch_last),
            busy_ns=load_relaxed_i64(&slot.busy_ns),
            service_ns=load_relaxed_i64(&slot.service_ps) / 1000.0,
            stepped_ns=load_relaxed_i64(&slot.stepped_ns),
            errors=load_relaxed_u64(&slot.errors),
            dead_letters=load_relaxed_u64(&slot.dead_letters),
            dropped=load_relaxed_u64(&slot.dropped),
            latencies=latencies,
            batch_sizes=batch_sizes,
        )

    def __reduce__(self):
        raise TypeError("a gauge cannot be sent to another process; attach to its board by name")

    def __repr__(self):
        return f"<StageGauge {self.stage}>"


cdef inline void set_state(hr_gauge *slot, uint64_t epoch, int64_t state) noexcept nogil:
    if has_slot(slot, epoch):
        store_release_i64(&slot.state, state)


cdef void read_owner(const hr_gauge *slot, int64_t *pid, int64_t *start) noexcept nogil:
    """A pid with its own start; 0 where the two would not come to rest."""
    cdef int attempt
    for attempt in range(64):
        pid[0] = load_acquire_i64(&slot.pid)
        start[0] = load_acquire_i64(&slot.start)
        if pid[0] and load_acquire_i64(&slot.pid) == pid[0]:
            return
    pid[0] = start[0] = 0


cdef void copy_counts(const int64_t *counts, int64_t *copy) noexcept nogil:
    cdef int64_t index
    for index in range(HR_BUCKETS):
        copy[index] = load_relaxed_i64(&counts[index])


def bucket_index(int64_t value):
    """The bucket that a value is counted in; what `headrace.metrics.histogram` is compared with."""
    return bucket_of(value)
