"""What a user of the library might compile: events through a ring, all in C."""

from libc.stdint cimport int64_t

from headrace.ringbuffer.barrier cimport poll_batch, release_batch
from headrace.ringbuffer.consumer cimport Consumer
from headrace.ringbuffer.producer cimport Producer
from headrace.ringbuffer.sequencer cimport commit, slot_address, try_claim


def sum_through(Producer producer not None, Consumer consumer not None, int64_t count):
    """Send 0, 1, ... count - 1 through a ring of int64, as many at once as fit; their sum."""
    cdef int64_t sent = 0, received = 0, total = 0, batch, index
    with nogil:
        while received < count:
            while sent < count and try_claim(&producer.core, 1):
                (<int64_t *>slot_address(&producer.core.at, producer.core.next))[0] = sent
                commit(&producer.core)
                sent += 1
            batch = poll_batch(&consumer.core, count)
            if batch <= 0:
                break
            for index in range(batch):
                total += (<int64_t *>slot_address(&consumer.core.at, consumer.core.next + index))[0]
            release_batch(&consumer.core, batch)
            received += batch
    return total, received
