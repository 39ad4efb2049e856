"""Producing and consuming without the GIL, so that a sanitizer sees the ring's own ordering.

Python's lock orders what threads do between two calls; it would hide a missing acquire or release.
Here each thread stays in C from the first event to the last. Every event carries its producer's
number and its count, so that what is lost, doubled, torn or out of order is noticed as well.
"""

from libc.signal cimport SIGKILL, raise_ as raise_signal
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from headrace.ringbuffer.atomics cimport cpu_pause, load_acquire_u32, store_relaxed_i64
from headrace.ringbuffer.barrier cimport poll_batch, release_batch
from headrace.ringbuffer.consumer cimport Consumer
from headrace.ringbuffer.layout cimport HR_DATA_PARKED, HR_SPACE_PARKED, hr_parking
from headrace.ringbuffer.parking cimport prepare_to_park
from headrace.ringbuffer.producer cimport Producer
from headrace.ringbuffer.sequencer cimport abort_claim, commit, slot_address, try_claim

cdef extern from "<sched.h>" nogil:
    int sched_yield()

# Loops give up after so many empty looks in a row; nothing here may hang.
cdef int64_t LOOKS_MAX = 5_000_000
cdef int64_t LOOKS_TO_YIELD = 1000      # while the other side is expected within a microsecond
cdef double TURN_SECONDS_MAX = 20.0     # for one turn of the other side


cdef struct Event:          # the dtype of stress.py
    int64_t producer
    int64_t count
    uint64_t scrambled      # a function of the others: shows a torn event


cdef inline uint64_t scramble(int64_t producer, int64_t count) noexcept nogil:
    return (<uint64_t>count * 0x9E3779B97F4A7C15u) ^ <uint64_t>producer


cdef void fill(Producer producer, int64_t number, int64_t first, int64_t size) noexcept nogil:
    cdef int64_t index
    cdef Event *event
    for index in range(size):
        event = <Event *>slot_address(&producer.core.at, producer.core.next + index)
        event.producer = number
        event.count = first + index
        event.scrambled = scramble(number, first + index)


def produce(
    Producer producer not None, int64_t number, int64_t count, int64_t size, int64_t abort_every=0
):
    """Publish `count` events in claims of `size`; how many were published.

    With `abort_every` n each n-th claim is filled with what nobody may see, and aborted.
    """
    cdef int64_t done = 0, looks = 0, claims = 0, piece
    with nogil:
        while done < count and looks < LOOKS_MAX:
            piece = size if size < count - done else count - done
            if not try_claim(&producer.core, piece):
                looks += 1
                sched_yield()
                continue
            looks = 0
            claims += 1
            if abort_every and claims % abort_every == 0:
                fill(producer, -1, 0, piece)
                abort_claim(&producer.core)
                continue
            fill(producer, number, done, piece)
            commit(&producer.core)
            done += piece
    return done


cdef int64_t wrong_events(
    Consumer consumer, int64_t batch, int64_t producers, int64_t *expected
) noexcept nogil:
    """How many of the batch that was just polled are torn or out of order; -1 expects any count."""
    cdef int64_t index, wrong = 0
    cdef int64_t first = consumer.core.batch_end - batch
    cdef Event *event
    for index in range(batch):
        event = <Event *>slot_address(&consumer.core.at, first + index)
        if not 0 <= event.producer < producers or (
                event.scrambled != scramble(event.producer, event.count)):
            wrong += 1
            continue
        if expected[event.producer] >= 0:
            wrong += event.count != expected[event.producer]
        expected[event.producer] = event.count + 1
    return wrong


def consume(Consumer consumer not None, int64_t producers, int64_t count, bint from_start=True):
    """Read `count` events, releasing each batch: how many were missing, and how many wrong.

    Without `from_start` the first one of each producer may be any.
    """
    cdef int64_t received = 0, looks = 0, wrong = 0, batch, index
    cdef int64_t *expected = <int64_t *>calloc(producers, sizeof(int64_t))
    if expected == NULL:
        raise MemoryError
    for index in range(producers):
        expected[index] = 0 if from_start else -1
    with nogil:
        while received < count and looks < LOOKS_MAX:
            batch = poll_batch(&consumer.core, INT64_MAX)
            if batch <= 0:
                looks += 1
                sched_yield()
                continue
            looks = 0
            wrong += wrong_events(consumer, batch, producers, expected)
            release_batch(&consumer.core, consumer.core.batch_end - consumer.core.next)
            received += batch
    free(expected)
    return count - received if received < count else 0, wrong


# -- sleeping and waking, in strict turns: whoever is woken must find what it was woken for ---------


cdef double seconds() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


cdef bint is_given_up(int64_t looks, double *since) noexcept nogil:
    """Whether a wait is over that nothing ended; the other side may have to wait for a core."""
    if looks % LOOKS_TO_YIELD:
        return False
    sched_yield()
    if looks == LOOKS_TO_YIELD:
        since[0] = seconds()
    return seconds() - since[0] > TURN_SECONDS_MAX


cdef bint is_announced(hr_parking *parking, uint32_t bit) noexcept nogil:
    cdef int64_t looks = 0
    cdef double since = 0
    while not load_acquire_u32(&parking.flags) & bit:
        looks += 1
        if is_given_up(looks, &since):
            return False
    return True


cdef bint is_woken(uint32_t *word, uint32_t seen) noexcept nogil:
    cdef int64_t looks = 0
    cdef double since = 0
    while load_acquire_u32(word) == seen:
        cpu_pause()
        looks += 1
        if is_given_up(looks, &since):
            return False
    return True


def publish_in_turns(Producer producer not None, int64_t turns):
    """In a ring of one: publish when somebody sleeps for it, then sleep for room; (turns, early).

    `early`: how often there was no room although the word had moved.
    """
    cdef hr_parking *parking = &producer.core.at.header.parking
    cdef int64_t done = 0, early = 0, looks
    cdef uint32_t word
    with nogil:
        while done < turns and is_announced(parking, HR_DATA_PARKED):
            if done == 0 and not try_claim(&producer.core, 1):
                break
            fill(producer, 0, done, 1)
            commit(&producer.core)
            done += 1
            if done == turns:
                break
            word = prepare_to_park(parking, HR_SPACE_PARKED)
            if not is_woken(&parking.space_word, word):
                break
            looks = 0
            while not try_claim(&producer.core, 1) and looks < LOOKS_MAX:
                looks += 1
            early += looks > 0
    return done, early


def consume_in_turns(Consumer consumer not None, int64_t turns):
    """The other side: sleep for an event, release when somebody sleeps for room; (turns, early)."""
    cdef hr_parking *parking = &consumer.core.at.header.parking
    cdef int64_t done = 0, early = 0, looks
    cdef uint32_t word
    with nogil:
        while done < turns:
            word = prepare_to_park(parking, HR_DATA_PARKED)
            if not is_woken(&parking.data_word, word):
                break
            looks = 0
            while poll_batch(&consumer.core, 1) != 1 and looks < LOOKS_MAX:
                looks += 1
            early += looks > 0
            done += 1
            if done < turns and not is_announced(parking, HR_SPACE_PARKED):
                break
            release_batch(&consumer.core, 1)
    return done, early


# -- planted bugs, and a death -----------------------------------------------------------------------


def die_with_a_claim(Producer producer not None, int64_t number, int64_t count, int64_t size):
    """Publish `count` events, claim `size` slots more, and be killed."""
    cdef int64_t looks = 0
    produce(producer, number, count, 1)
    with nogil:
        while not try_claim(&producer.core, size) and looks < LOOKS_MAX:
            looks += 1
            sched_yield()
        fill(producer, -1, 0, size)
        raise_signal(SIGKILL)


def produce_without_release(Producer producer not None, int64_t number, int64_t count, int64_t size):
    """`produce` with a planted bug: the cursor is stored relaxed. A sanitizer has to notice."""
    cdef int64_t done = 0, looks = 0
    with nogil:
        while done < count and looks < LOOKS_MAX:
            if not try_claim(&producer.core, 1):
                looks += 1
                sched_yield()
                continue
            looks = 0
            fill(producer, number, done, 1)
            store_relaxed_i64(&producer.core.at.header.cursor.value, producer.core.claim_end)
            producer.core.next = producer.core.claim_end
            done += 1
    return done


def read_past_end(int64_t size):
    """A planted bug: the first byte behind an allocation is read."""
    cdef char *memory = <char *>calloc(size, 1)
    if memory == NULL:
        raise MemoryError
    cdef char behind = memory[size]
    free(memory)
    return behind


def shift_too_far(int64_t bits):
    """A planted bug: a shift by as many bits as there are, which C leaves undefined."""
    return <int64_t>1 << bits
