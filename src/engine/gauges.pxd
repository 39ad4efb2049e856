"""What a stage of a topology tells of itself, in shared memory; and recording it without the GIL.

A slot is written by the one worker that has the stage, and read by anybody at any time: each field
is an aligned word of 64 bits, so a reader sees an old or a new value of it, never half of one. What
others than the worker may count (errors, dead letters, dropped events) lies apart and is added to
atomically. A slot that begins anew gets a higher epoch: a worker that was taken for dead and wakes
up later finds that it no longer has the slot, and changes nothing.

Histograms are log-linear, as HdrHistogram's: every value below 128 has a bucket of its own; above,
each power of two is cut into 64 buckets of equal width. The middle of a bucket is at most 1/128 =
0.8 % off. Values from 2**42 on (73 minutes in ns) are counted in the last bucket.
`headrace.metrics.histogram` says the same in plain Python.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from headrace.ringbuffer.atomics cimport (
    load_acquire_u64,
    load_relaxed_i64,
    load_relaxed_u64,
    store_relaxed_i64,
    store_release_i64,
)

cdef extern from * nogil:
    """
    #include <stdint.h>
    #include <stddef.h>
    #ifndef HEADRACE_GAUGES
    #define HEADRACE_GAUGES
    #define HR_CUTS_BITS 6
    #define HR_VALUE_BITS 42
    #define HR_BUCKETS ((HR_VALUE_BITS - HR_CUTS_BITS + 1) << HR_CUTS_BITS)
    #define HR_GAUGE_PAIR __attribute__((aligned(128)))

    typedef struct {
        HR_GAUGE_PAIR uint64_t epoch;    /* how many workers had the slot so far */
        int64_t state;
        int64_t pid;                     /* 0: none yet, or about to change */
        int64_t start;
        int64_t batches;                 /* stored last: who sees it sees what it counts */
        int64_t events;
        int64_t outputs;
        int64_t batch_last;
        int64_t busy_ns;
        int64_t service_ps;              /* for each event, a moving average; 0: none yet */
        int64_t stepped_ns;              /* when the last batch ended */
        HR_GAUGE_PAIR uint64_t errors;   /* these three by anybody, atomically */
        uint64_t dead_letters;
        uint64_t dropped;
        HR_GAUGE_PAIR int64_t latencies[HR_BUCKETS];
        int64_t batch_sizes[HR_BUCKETS];
    } hr_gauge;

    _Static_assert(offsetof(hr_gauge, errors) == 128, "the worker's words are one pair of lines");
    _Static_assert(offsetof(hr_gauge, latencies) == 256, "version 1 of a board");
    _Static_assert(HR_BUCKETS == 2368, "version 1 of a board");
    _Static_assert(sizeof(hr_gauge) == 256 + 2 * 2368 * 8, "version 1 of a board");
    static inline int hr_highest_bit(uint64_t value) { return 63 - __builtin_clzll(value); }
    #endif
    """
    enum:
        HR_CUTS_BITS
        HR_VALUE_BITS
        HR_BUCKETS

    ctypedef struct hr_gauge:
        uint64_t epoch
        int64_t state
        int64_t pid
        int64_t start
        int64_t batches
        int64_t events
        int64_t outputs
        int64_t batch_last
        int64_t busy_ns
        int64_t service_ps
        int64_t stepped_ns
        uint64_t errors
        uint64_t dead_letters
        uint64_t dropped
        int64_t *latencies
        int64_t *batch_sizes

    int highest_bit "hr_highest_bit"(uint64_t value) noexcept


cdef enum:
    STARTING = 0
    RUNNING = 1
    WAITING = 2
    RESTARTING = 3
    DEAD = 4
    ENDED = 5
    SAMPLES_BITS = 7
    SAMPLES_MAX = 1 << SAMPLES_BITS     # latencies recorded of one batch
    SERVICE_EVENTS = 256                # how many events the average of service times looks back


cdef inline int64_t bucket_of(int64_t value) noexcept nogil:
    """Below 128 a bucket for each value; above, the top 7 bits and their position."""
    cdef int shift
    if value < 2 << HR_CUTS_BITS:
        return value if value > 0 else 0
    if value >> HR_VALUE_BITS:
        return HR_BUCKETS - 1
    shift = highest_bit(value) - HR_CUTS_BITS
    return (<int64_t>shift << HR_CUTS_BITS) + (value >> shift)


cdef inline void add(int64_t *word, int64_t more) noexcept nogil:
    """For words that one thread writes: no locked instruction."""
    store_relaxed_i64(word, load_relaxed_i64(word) + more)


cdef inline bint has_slot(const hr_gauge *slot, uint64_t epoch) noexcept nogil:
    """Whether the worker of this epoch still has the slot; 0: one that never began, and may write.
    """
    return epoch == 0 or load_relaxed_u64(&slot.epoch) == epoch


ctypedef struct Times:
    const char *first       # ingest stamps, int64 in ns; need not be aligned
    int64_t stride          # bytes from one to the next
    int64_t count


cdef inline void add_latency(
    hr_gauge *slot, Times times, int64_t index, int64_t end_ns, int64_t weight
) noexcept nogil:
    cdef int64_t stamp_ns
    memcpy(&stamp_ns, times.first + index * times.stride, sizeof(stamp_ns))
    add(&slot.latencies[bucket_of(end_ns - stamp_ns)], weight)


cdef inline void record_latencies(
    hr_gauge *slot, Times times, int64_t end_ns
) noexcept nogil:
    """Time from each ingest stamp to `end_ns`; of long batches, of 128 evenly spread events.

    Sample j stands for the events [j * count / 128, (j + 1) * count / 128) and is the one in their
    middle, so that weights add up to `count`.
    """
    cdef int64_t j, begin, end
    if times.count <= SAMPLES_MAX:
        for j in range(times.count):
            add_latency(slot, times, j, end_ns, 1)
        return
    begin = 0
    for j in range(1, SAMPLES_MAX + 1):
        end = j * times.count >> SAMPLES_BITS
        add_latency(slot, times, (begin + end) >> 1, end_ns, end - begin)
        begin = end


cdef inline void record_batch(
    hr_gauge *slot, int64_t events, int64_t outputs, int64_t begin_ns, int64_t end_ns,
    Times times
) noexcept nogil:
    """Count a batch. The caller has the slot; there may be no times."""
    cdef int64_t took_ns = end_ns - begin_ns
    cdef int64_t before_ps, now_ps
    if took_ns < 0:
        took_ns = 0     # the clock was set back
    elif took_ns >> 53:
        took_ns = <int64_t>1 << 53      # 104 days: in picoseconds it still fits
    if events > 0:
        now_ps = <int64_t>(1000.0 * <double>took_ns / <double>events)
        before_ps = load_relaxed_i64(&slot.service_ps)
        if before_ps > 0:
            # A batch weighs as its events would one by one, to the first order.
            now_ps = before_ps + <int64_t>(
                <double>(now_ps - before_ps) * <double>events
                / <double>(events + SERVICE_EVENTS - 1))
        store_relaxed_i64(&slot.service_ps, now_ps if now_ps > 0 else 1)
        add(&slot.events, events)
        store_relaxed_i64(&slot.batch_last, events)
        add(&slot.batch_sizes[bucket_of(events)], 1)
    record_latencies(slot, times, end_ns)
    add(&slot.outputs, outputs)
    add(&slot.busy_ns, took_ns)
    store_relaxed_i64(&slot.stepped_ns, end_ns)
    # Release: pairs with the acquire load in read_counts.
    store_release_i64(&slot.batches, load_relaxed_i64(&slot.batches) + 1)


cdef class StageGauge:
    cdef hr_gauge *slot             # its memory is kept by `memory`; NULL: only `looked_at`
    cdef const hr_gauge *looked_at
    cdef uint64_t epoch             # 0: this object never began
    cdef object memory
    cdef readonly str stage

    cdef hr_gauge *writable(self) except NULL
