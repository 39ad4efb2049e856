"""Producing and consuming without the GIL, so that a sanitizer sees the ring's own ordering.

Python's lock orders what threads do between two calls; it would hide a missing acquire or release.
Here each thread stays in C from the first event to the last. Every event carries its producer's
number and its count, so that what is lost, doubled, torn or out of order is noticed as well.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.stdlib cimport calloc, free

from headrace.ringbuffer.atomics cimport store_relaxed_i64
from headrace.ringbuffer.barrier cimport poll_batch, release_batch
from headrace.ringbuffer.consumer cimport Consumer
from headrace.ringbuffer.producer cimport Producer
from headrace.ringbuffer.sequencer cimport commit, slot_address, try_claim

cdef extern from "<sched.h>" nogil:
    int sched_yield()

# Loops give up after so many empty looks in a row; nothing here may hang.
cdef int64_t LOOKS_MAX = 20_000_000


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


def produce(Producer producer not None, int64_t number, int64_t count, int64_t size):
    """Publish `count` events in claims of `size`; how many were published."""
    cdef int64_t done = 0, looks = 0, piece
    with nogil:
        while done < count and looks < LOOKS_MAX:
            piece = size if size < count - done else count - done
            if not try_claim(&producer.core, piece):
                looks += 1
                sched_yield()
                continue
            looks = 0
            fill(producer, number, done, piece)
            commit(&producer.core)
            done += piece
    return done


def consume(Consumer consumer not None, int64_t producers, int64_t count):
    """Read `count` events, releasing each batch; what was wrong: (missing, out of order, torn)."""
    cdef int64_t received = 0, looks = 0, misplaced = 0, torn = 0, batch, index
    cdef Event *event
    cdef int64_t *expected = <int64_t *>calloc(producers, sizeof(int64_t))
    if expected == NULL:
        raise MemoryError
    with nogil:
        while received < count and looks < LOOKS_MAX:
            batch = poll_batch(&consumer.core, INT64_MAX)
            if batch <= 0:
                looks += 1
                sched_yield()
                continue
            looks = 0
            for index in range(batch):
                event = <Event *>slot_address(&consumer.core.at, consumer.core.next + index)
                if not 0 <= event.producer < producers or (
                        event.scrambled != scramble(event.producer, event.count)):
                    torn += 1
                    continue
                misplaced += event.count != expected[event.producer]
                expected[event.producer] = event.count + 1
            release_batch(&consumer.core, batch)
            received += batch
    free(expected)
    return count - received, misplaced, torn


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
