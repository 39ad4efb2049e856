"""`Ring`: creating, attaching, looking at, ending and closing a ring buffer in shared memory.

After the LMAX Disruptor (Thompson, Farley, Barker, Gee, Stewart 2011), moved into shared memory.
"""

import os
import weakref
from dataclasses import dataclass

from libc.stdint cimport INT64_MAX, int64_t

from headrace.ringbuffer.atomics cimport fetch_or_seq_cst_u32
from headrace.ringbuffer.handle cimport Handle
from headrace.ringbuffer.layout cimport HR_DATA_PARKED, HR_ENDED, HR_SPACE_PARKED
from headrace.ringbuffer.parking cimport has_ended, wake_parked
from headrace.ringbuffer.segment cimport Segment
from headrace.ringbuffer.sequencer cimport gating_sequence, published_prefix, slot_address
from headrace.ringbuffer.views cimport ViewPool

from headrace.ringbuffer import burial, liveness, membership
from headrace.ringbuffer.consumer import Consumer
from headrace.ringbuffer.errors import RingClosed, UsageError
from headrace.ringbuffer.producer import Producer


@dataclass(frozen=True)
class ConsumerInfo:
    """A consumer as seen from outside, at one moment."""

    name: str
    sequence: int       # all below is released
    depth: int          # events that it may read and has not released
    after: tuple        # names of the consumers that it comes after
    pid: int            # 0: its owner has gone
    alive: bool         # not gone: stopped processes live
    state: str          # of its owner: "alive", "stopped" (SIGSTOP, a debugger) or "gone"


@dataclass(frozen=True)
class ProducerInfo:
    """A producer as seen from outside, at one moment."""

    pid: int
    alive: bool         # not gone: stopped processes live
    state: str          # of its owner: "alive", "stopped" (SIGSTOP, a debugger) or "gone"
    claim: tuple | None  # [begin, end) that it is claiming or writing to; None also: cannot be told
    fenced: bool        # declared dead


cdef class Ring:
    """A ring buffer of fixed-size events in shared memory.

    Made by `Ring.create` or `Ring.attach`. One `Ring` may be used from any thread; the producers
    and consumers it makes belong to one thread each. Usable as a context manager: leaving closes.
    `segment` is internal.
    """

    def __init__(self):
        raise UsageError("use Ring.create(dtype, capacity) or Ring.attach(name)")

    @staticmethod
    def create(dtype, capacity, name=None, producers="single", *, timestamps=False,
               first_sequence=0):
        """A new, empty ring of `capacity` events (a power of two) of a NumPy `dtype`.

        With a `name` any process of this user can attach to it, until its creator closes it or
        ends; without one it is shared with forked children only. `producers`: "single" or
        "multi". `timestamps`: keep an ingest time for each event. `first_sequence`: of the first
        event, where counting goes on from something earlier; rings of a single producer only.
        Raises DtypeError, CapacityError, RingExists, UsageError, EnvironmentFailure.
        """
        if producers not in ("single", "multi"):
            raise UsageError(f"producers must be 'single' or 'multi', not {producers!r}")
        if type(first_sequence) is not int or not 0 <= first_sequence < 1 << 61:
            raise UsageError(f"first_sequence must be an integer from 0, not {first_sequence!r}")
        if first_sequence and producers == "multi":
            raise UsageError("only a ring of a single producer can begin at a first_sequence")
        cdef Ring self = Ring.__new__(Ring)
        self.segment = Segment.create(
            dtype, capacity, name, producers == "multi", bool(timestamps), first_sequence)
        self.handles = weakref.WeakSet()
        return self

    @staticmethod
    def attach(name):
        """The ring that another process (or this one) created under `name`.

        Everything about it is read from its header, which is checked first. Raises RingNotFound,
        RingFormatError, UsageError, EnvironmentFailure.
        """
        return _attach(name)

    cdef int check_open(self) except -1:
        if self.closed:
            raise RingClosed("this ring is closed in this process; attach to it again by name")
        return 0

    def producer(self, wait=None):
        """A new `Producer` that waits for room by `wait` (default: Backoff()).

        Raises ProducerError if the one producer, or all 64, are taken by living processes.
        """
        self.check_open()
        producer = Producer(self.segment, wait)
        self.handles.add(producer)
        return producer

    def consumer(self, name, after=None, wait=None, *, strict=False):
        """A new `Consumer` under `name`, seeing what is published from now on.

        Where a consumer of that name is left by an owner that has gone, it is resumed from its
        last released sequence instead. `after`: names of consumers to stay behind. `strict`:
        raise StaleView, instead of a warning, when a released batch is still referenced. Raises
        DuplicateConsumer, UnknownConsumer, CyclicDependency, ConsumerError.
        """
        self.check_open()
        consumer = Consumer(self.segment, name, after, wait, strict)
        self.handles.add(consumer)
        return consumer

    def end(self):
        """Say that nothing more will be published: consumers drain what there is, then stop.

        From any process, any number of times; call it after the last commit. Blocked producers
        get RingEnded.
        """
        self.check_open()
        fetch_or_seq_cst_u32(
            &self.segment.at.header.parking.flags, HR_ENDED | HR_DATA_PARKED | HR_SPACE_PARKED)
        wake_parked(&self.segment.at.header.parking, HR_DATA_PARKED | HR_SPACE_PARKED)

    def evict(self, name):
        """Take out a consumer whose owner is gone, so that it gates the producers no more.

        Raises UnknownConsumer, and DuplicateConsumer while its owner lives.
        """
        self.check_open()
        membership.evict_consumer(self.segment, name)

    def declare_dead(self, name):
        """Take consumer `name` away from its owner, a process that is paused or stuck.

        Its place stays, and gates, until a successor takes it (`ring.consumer(name)`) or
        `ring.evict(name)` takes it out; returns the sequence where a successor begins. Should the
        old owner wake up, its next poll, release or turn of a loop raises Fenced, and it can
        neither move its successor nor hold up producers. What it had released without an error
        counts; what it was working on is done again. Nothing happens where the owner is gone
        anyway. From any process; does not wait for the owner. Raises UnknownConsumer;
        ConsumerError, when no entry of the ring is free to move the place to; EnvironmentFailure,
        when the paused process itself holds the registration lock (it must be ended).
        """
        self.check_open()
        return membership.declare_consumer_dead(self.segment, name)

    def declare_producer_dead(self, pid, timeout=5.0):
        """Stop the producers of process `pid`, which is paused or stuck, for good.

        One of several producers with no claim open is fenced: when it wakes up, its next claim or
        publish raises Fenced. Where it may be writing to slots (`claim` in `producer_handles`), or
        is a ring's single producer, nothing but its end keeps it from writing: then the whole
        process is killed (SIGKILL, by pidfd, so that no other of the same number is hit) and
        waited for, at most `timeout` seconds; what it had claimed becomes tombstones. Raises
        UsageError: it has no producer here, or is this very process; EnvironmentFailure: it cannot
        be killed from here, or is not gone in time. From any process.
        """
        self.check_open()
        burial.declare_producer_dead(self.segment, pid, timeout)

    def close(self):
        """Close this process's producers and consumers; the creator also removes the name.

        Threads that wait on them get RingClosed. Memory is unmapped when the last view of it is
        gone. Closing twice is allowed.
        """
        cdef Handle handle
        if not self.closed:
            self.closed = True
            handles = list(self.handles)
            for handle in handles:  # all first: what one gives up must not be taken by another
                handle.shut()
            for handle in handles:
                handle.close()
            self.segment.unlink()

    def unlink(self):
        """Remove the name now, keeping the ring for those attached; only the creator can."""
        self.check_open()
        if self.segment.name is not None and self.segment.owner_pid != os.getpid():
            raise UsageError(
                f"ring {self.segment.name!r} was created by process {self.segment.owner_pid}; "
                "only that one removes its name (headrace rings --clean, if it is gone)")
        self.segment.unlink()

    @property
    def name(self):
        """The name to attach by; None for an anonymous ring."""
        return self.segment.name

    @property
    def dtype(self):
        """The events' dtype."""
        return self.segment.dtype

    @property
    def capacity(self):
        """How many events producers may be ahead of the slowest consumer."""
        return self.segment.at.capacity

    @property
    def producers(self):
        """"single" or "multi"."""
        return "single" if self.segment.at.availability == NULL else "multi"

    @property
    def timestamps(self):
        """Whether each event has an ingest time."""
        return self.segment.at.times != NULL

    @property
    def ended(self):
        """Whether `end` was called."""
        return has_ended(&self.segment.at.header.parking)

    @property
    def cursor(self):
        """How many events were published so far: the sequence of the next one."""
        cdef int64_t claimed = self.segment.published()
        cdef int64_t known = claimed - self.segment.at.capacity
        if self.segment.at.availability == NULL:
            return claimed
        return published_prefix(&self.segment.at, known if known > 0 else 0, claimed)

    @property
    def remaining(self):
        """How many events can be claimed before a producer would have to wait."""
        cdef int64_t begin = self.segment.published()
        cdef int64_t free = gating_sequence(&self.segment.at, self.cursor) - begin
        return max(0, min(self.segment.at.capacity, free + self.segment.at.capacity))

    def depth(self, name):
        """How many events consumer `name` could read now and has not released.

        Raises UnknownConsumer.
        """
        for consumer in self.consumers:
            if consumer.name == name:
                return consumer.depth
        return membership.entry_of(self.segment, name)  # raises, naming those there are

    def released(self, name):
        """The released sequence of consumer `name`: it has let go of all events below.

        Cheap enough for a loop: no look at who owns it, nor whether that lives. A moment's truth
        while the consumer runs; never goes back. From any process and thread; does not block.
        Raises UnknownConsumer.
        """
        return membership.released_of(self.segment, name)

    def newest(self):
        """A copy of the newest published event, an array of length 1; None if there is none.

        For who takes the place of a producer that is gone, and wants to know how far it came: what
        a living producer does meanwhile can make it a mixture. Of a ring that begins at a
        first_sequence, and has nothing yet, it is zeros. Raises UsageError on a ring of several
        producers.
        """
        cdef int64_t cursor
        self.check_open()
        if self.segment.at.availability != NULL:
            raise UsageError("the newest event of several producers is not one event")
        cursor = self.segment.published()
        if cursor == 0:
            return None
        pool = ViewPool(
            self.segment.dtype, self.segment.mapping, False, <Py_ssize_t>self.segment.at.slots)
        return pool.make(slot_address(&self.segment.at, cursor - 1), 1).copy()

    @property
    def consumers(self):
        """All consumers, a tuple of `ConsumerInfo`; from any process, at any time."""
        described = membership.describe_consumers(self.segment)
        sequences = {name: sequence for name, sequence, _, _, _ in described}
        cursor = self.cursor
        infos = []
        for name, sequence, after, pid, state in described:
            end = min([cursor] + [sequences.get(other, cursor) for other in after])
            depth = max(0, end - sequence)
            alive = state != liveness.GONE
            infos.append(ConsumerInfo(name, sequence, depth, after, pid, alive, state))
        return tuple(infos)

    @property
    def producer_handles(self):
        """All producers, a tuple of `ProducerInfo`; from any process, at any time.

        One that was killed is listed until another takes its entry.
        """
        return tuple(
            ProducerInfo(pid, state != liveness.GONE, state, claim, fenced)
            for pid, state, claim, fenced in burial.describe_producers(self.segment))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __repr__(self):
        state = "closed" if self.closed else f"cursor {self.cursor}"
        return (f"<Ring {self.name or '(anonymous)'}: {self.capacity} events of "
                f"{self.dtype.itemsize} bytes, {self.producers} producer, {state}>")

    def __reduce__(self):
        if self.segment.name is None:
            raise TypeError(
                "an anonymous ring cannot be sent to another process; create it with a name, or "
                "fork")
        return _attach, (self.segment.name,)


def _attach(name, double patience_seconds=1.0):
    """`Ring.attach`, where pickle finds it; waits that long for a ring that is being created."""
    cdef Ring ring = Ring.__new__(Ring)
    ring.segment = Segment.attach(name, patience_seconds)
    ring.handles = weakref.WeakSet()
    return ring
