"""This library's ring in C loops: the same events, waits and checks as in bench/yardstick.

Compiled against an installed headrace, as a user's own Cython code would be. Each loop works on a
copy of the producer's or consumer's core and puts it back at the end: a core whose address nobody
else has can live in registers. That counts: a producer at batch 1 is as fast as its store buffer
drains, and a register that is spilled takes a place there. So the loops of a single producer also
say so (try_claim_single), and how long a slot is.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint64_t

from headrace.ringbuffer.barrier cimport ConsumerCore, poll_batch, release_batch
from headrace.ringbuffer.consumer cimport Consumer
from headrace.ringbuffer.producer cimport Producer
from headrace.ringbuffer.sequencer cimport (
    ProducerCore,
    commit,
    commit_single,
    slot_address,
    try_claim,
    try_claim_single,
)

cdef extern from "bench.h" nogil:
    ctypedef struct outcome_t:
        int64_t ns
        int64_t count
        uint64_t sum
        uint64_t wrong
    ctypedef struct waiting_t:
        pass
    ctypedef struct start_line_t:
        int missing
    waiting_t waiting(int64_t pauses, int64_t yield_after)
    bint wait_more(waiting_t *wait)
    void start_together(start_line_t *line)
    void pin(int core)
    int64_t now_ns()
    void write_events(uint64_t *at, int64_t first, int64_t count, int words)
    void read_events(const uint64_t *at, int64_t first, int64_t count, int words,
                     uint64_t *sum, uint64_t *wrong)

cdef enum:
    NUMBER_SHIFT = 48       # as in yardstick/multi.c
    PRODUCERS_MAX = 8


cdef class StartLine:
    """Where `threads` threads meet before they start."""

    cdef start_line_t line

    def __cinit__(self, int threads):
        self.line.missing = threads


cdef inline uint64_t *slot(const ProducerCore *core) noexcept nogil:
    return <uint64_t *>slot_address(&core.at, core.next)


cdef inline int64_t send(
    ProducerCore *shared, int64_t count, int64_t batch, int words, int64_t yield_after
) noexcept nogil:
    cdef ProducerCore core = shared[0]
    cdef waiting_t wait = waiting(1, yield_after)
    cdef int64_t begin = core.next, end = core.next + count
    while core.next < end:
        if batch > end - core.next:
            batch = end - core.next
        while not try_claim_single(&core, batch):
            if not wait_more(&wait):
                shared[0] = core
                return core.next - begin
        write_events(<uint64_t *>core.at.slots + (core.next & core.at.index_mask) * words,
                     core.next, batch, words)
        commit_single(&core)
    shared[0] = core
    return count


cdef inline outcome_t receive(
    ConsumerCore *shared, int64_t count, int words, int64_t pauses, int64_t yield_after
) noexcept nogil:
    cdef ConsumerCore core = shared[0]
    cdef waiting_t wait = waiting(pauses, yield_after)
    cdef outcome_t outcome
    cdef int64_t batch, begin = now_ns()
    cdef uint64_t total = 0, wrong = 0
    while core.next < count:
        batch = poll_batch(&core, INT64_MAX)
        if batch <= 0:
            if not wait_more(&wait):
                break
            continue
        read_events(<uint64_t *>slot_address(&core.at, core.next), core.next, batch, words,
                    &total, &wrong)
        release_batch(&core, batch)
    shared[0] = core
    outcome.ns = now_ns() - begin
    outcome.count = core.next
    outcome.sum = total
    outcome.wrong = wrong
    return outcome


def produce(Producer producer not None, StartLine start not None, int core, int words,
            int64_t count, int64_t batch, int64_t yield_after=0):
    """Publish `count` events of `words` (1 or 8) 64-bit words; how many were published."""
    cdef int64_t done
    with nogil:
        pin(core)
        start_together(&start.line)
        if words == 1:
            done = send(&producer.core, count, batch, 1, yield_after)
        else:
            done = send(&producer.core, count, batch, 8, yield_after)
    return done


def consume(Consumer consumer not None, StartLine start not None, int core, int words,
            int64_t count, int64_t pauses, int64_t yield_after=0):
    """Read events until `count` are through: (ns, count, sum of the words, wrong bits)."""
    cdef outcome_t outcome
    with nogil:
        pin(core)
        start_together(&start.line)
        if words == 1:
            outcome = receive(&consumer.core, count, 1, pauses, yield_after)
        else:
            outcome = receive(&consumer.core, count, 8, pauses, yield_after)
    return outcome.ns, outcome.count, outcome.sum, outcome.wrong


# Round trips.

cdef inline bint put_one(ProducerCore *core, int64_t number, waiting_t *wait) noexcept nogil:
    while not try_claim(core, 1):
        if not wait_more(wait):
            return False
    write_events(slot(core), number, 1, 8)
    commit(core)
    return True


cdef inline bint take_one(ConsumerCore *core, int64_t number, outcome_t *outcome,
                          waiting_t *wait) noexcept nogil:
    while poll_batch(core, 1) <= 0:
        if not wait_more(wait):
            return False
    read_events(<uint64_t *>slot_address(&core.at, core.next), number, 1, 8, &outcome.sum,
                &outcome.wrong)
    release_batch(core, 1)
    outcome.count += 1
    return True


cdef void ask(ProducerCore *ping_, ConsumerCore *pong_, int64_t count, int64_t *trips_ns,
              outcome_t *outcome) noexcept nogil:
    cdef ProducerCore ping = ping_[0]
    cdef ConsumerCore pong = pong_[0]
    cdef waiting_t wait = waiting(0, 0)
    cdef int64_t number, now, before = now_ns()
    for number in range(count):
        if not put_one(&ping, number, &wait) or not take_one(&pong, number, outcome, &wait):
            break
        now = now_ns()
        trips_ns[number] = now - before
        before = now
    ping_[0] = ping
    pong_[0] = pong


cdef void reply(ConsumerCore *ping_, ProducerCore *pong_, int64_t count,
                outcome_t *outcome) noexcept nogil:
    cdef ConsumerCore ping = ping_[0]
    cdef ProducerCore pong = pong_[0]
    cdef waiting_t wait = waiting(0, 0)
    cdef int64_t number
    for number in range(count):
        if not take_one(&ping, number, outcome, &wait) or not put_one(&pong, number, &wait):
            break
    ping_[0] = ping
    pong_[0] = pong


def make_trips(Producer ping not None, Consumer pong not None, StartLine start not None, int core,
               int64_t[::1] trips_ns):
    """Send an event and wait for its answer, len(trips_ns) times: (count, sum, wrong bits)."""
    cdef outcome_t outcome = outcome_t(0, 0, 0, 0)
    with nogil:
        pin(core)
        start_together(&start.line)
        ask(&ping.core, &pong.core, trips_ns.shape[0], &trips_ns[0], &outcome)
    return outcome.count, outcome.sum, outcome.wrong


def answer_trips(Consumer ping not None, Producer pong not None, StartLine start not None,
                 int core, int64_t count):
    """The other side of make_trips: (count, sum, wrong bits)."""
    cdef outcome_t outcome = outcome_t(0, 0, 0, 0)
    with nogil:
        pin(core)
        start_together(&start.line)
        reply(&ping.core, &pong.core, count, &outcome)
    return outcome.count, outcome.sum, outcome.wrong


# Several producers: each numbers its own events, and puts its own number on top of word 0.

cdef int64_t send_numbered(ProducerCore *shared, uint64_t number, int64_t count, int64_t batch,
                           int64_t yield_after) noexcept nogil:
    cdef ProducerCore core = shared[0]
    cdef waiting_t wait = waiting(1, yield_after)
    cdef int64_t index, done = 0
    cdef uint64_t *at
    while done < count:
        if batch > count - done:
            batch = count - done
        while not try_claim(&core, batch):
            if not wait_more(&wait):
                shared[0] = core
                return done
        at = slot(&core)
        write_events(at, done, batch, 8)
        for index in range(batch):
            at[index * 8] |= number << NUMBER_SHIFT
        commit(&core)
        done += batch
    shared[0] = core
    return done


cdef outcome_t receive_numbered(ConsumerCore *shared, int64_t count, int64_t pauses,
                                int64_t yield_after) noexcept nogil:
    cdef ConsumerCore core = shared[0]
    cdef waiting_t wait = waiting(pauses, yield_after)
    cdef outcome_t outcome
    cdef int64_t[PRODUCERS_MAX] wanted
    cdef int64_t batch, index, mine, begin = now_ns()
    cdef uint64_t number, total = 0, wrong = 0
    cdef const uint64_t *at
    for index in range(PRODUCERS_MAX):
        wanted[index] = 0
    while core.next < count:
        batch = poll_batch(&core, INT64_MAX)
        if batch <= 0:
            if not wait_more(&wait):
                break
            continue
        at = <uint64_t *>slot_address(&core.at, core.next)
        for index in range(batch):
            number = (at[0] >> NUMBER_SHIFT) % PRODUCERS_MAX
            mine = wanted[number]
            wanted[number] = mine + 1
            wrong |= at[0] ^ (<uint64_t>mine | number << NUMBER_SHIFT)
            total += <uint64_t>mine
            read_events(at + 1, mine + 1, 1, 7, &total, &wrong)
            at += 8
        release_batch(&core, batch)
    shared[0] = core
    outcome.ns = now_ns() - begin
    outcome.count = core.next
    outcome.sum = total
    outcome.wrong = wrong
    return outcome


def produce_numbered(Producer producer not None, StartLine start not None, int core, int number,
                     int64_t count, int64_t batch, int64_t yield_after):
    """Publish `count` events of 64 bytes as producer `number`; how many were published."""
    cdef int64_t done
    with nogil:
        pin(core)
        start_together(&start.line)
        done = send_numbered(&producer.core, number, count, batch, yield_after)
    return done


def consume_numbered(Consumer consumer not None, StartLine start not None, int core, int64_t count,
                     int64_t pauses, int64_t yield_after):
    """Read the events of several producers: (ns, count, sum of the words, wrong bits)."""
    cdef outcome_t outcome
    with nogil:
        pin(core)
        start_together(&start.line)
        outcome = receive_numbered(&consumer.core, count, pauses, yield_after)
    return outcome.ns, outcome.count, outcome.sum, outcome.wrong
