"""What is on its way in a simulated world: virtual time, the queue, and the network.

What is sent is a kind (a message, a request, a reply, a timer) and a payload, from one endpoint to
another, by their numbers. Everything that happens is told, counted, and goes into a digest.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t

from headrace.engine.chance cimport mix
from headrace.engine.eventqueue cimport EventQueue
from headrace.engine.happening cimport CORRUPTED, CUT, DUPLICATED, LOST
from headrace.engine.links cimport Fate, Links

cdef enum:  # purposes of numbers
    FOR_LINK = 1
    FOR_TIE = 2

_EVENTS_MAX = 10_000_000


cdef class Wire:
    """Time, the queue, and the network between the endpoints of these names."""

    def __cinit__(self, seed, tuple names, nodes, node_count, disks, network, kit):
        cdef uint64_t start = seed & 0xFFFFFFFFFFFFFFFF
        self.names = names
        self.count = len(names)
        self.queue = EventQueue(_EVENTS_MAX)
        self.tie_seed = mix(start, FOR_TIE)
        self.links = Links(self.count, mix(start, FOR_LINK), network)
        self.waiting = []

    def set_network(self, network):
        """From now on the network is like this."""
        self.links.set_network(network)

    def lose(self, int32_t source, int32_t to, count):
        """Lose the message of that number (from 1) on that link."""
        self.links.lost.add((source * self.count + to, count))

    def block(self, int32_t source, int32_t to, int32_t by):
        """Block a link once more (1), or once less (-1): what is sent on a blocked one is lost."""
        self.links.blocked[source * self.count + to] += by

    def clog(self, int32_t source, int32_t to, int32_t by):
        """Clog a link once more, or once less: what is sent on a clogged one waits for its end."""
        cdef int64_t link = source * self.count + to
        self.links.clogged[link] += by
        if not self.links.clogged[link]:
            waiting, self.waiting = self.waiting, []
            for one in waiting:
                if one[0] == link:
                    self.push(self.now_ns + one[1], one[2], one[3], one[4], one[5], one[6])
                else:
                    self.waiting.append(one)

    def sent(self, int32_t source, int32_t to):
        """How many messages were sent on a link so far, whatever became of them."""
        return self.links.sent[source * self.count + to]

    @property
    def counts(self):
        """How often each thing happened, by its number in What."""
        return [self.numbers[what] for what in range(32)]

    cdef int push(
        self, int64_t time_ns, int32_t what, int32_t to, int32_t source, int64_t number,
        object payload
    ) except -1:
        self.pushed += 1
        return self.queue.push(
            time_ns, mix(self.tie_seed, self.pushed), what, to, source, number, payload)

    cdef int transmit(
        self, int32_t what, int32_t source, int32_t to, int64_t number, object payload
    ) except -1:
        cdef int64_t link = source * self.count + to
        cdef Fate fate = self.links.fate(link)
        if source == to:
            return self.push(self.now_ns, what, to, source, number, payload)
        if fate.what:
            self.tell(fate.what, to, source, number, payload)
        if fate.what == CUT or fate.what == LOST:
            return 0
        if fate.what == CORRUPTED:
            if self.links.checksums or self.corrupt is None:
                return 0
            payload = self.corrupt(payload, fate.corruption)
            if payload is None:
                return 0
        self.depart(link, fate.delay_ns, what, to, source, number, payload)
        if fate.is_doubled:
            self.tell(DUPLICATED, to, source, number, payload)
            self.depart(link, fate.double_ns, what, to, source, number, payload)
        return 0

    cdef int depart(
        self, int64_t link, int64_t delay_ns, int32_t what, int32_t to, int32_t source,
        int64_t number, object payload
    ) except -1:
        if self.links.clogged[link]:
            self.waiting.append((link, delay_ns, what, to, source, number, payload))
            return 0
        return self.push(
            self.links.arrival_ns(link, self.now_ns + delay_ns), what, to, source, number, payload)

    cdef int tell(
        self, int32_t what, int32_t to, int32_t source, int64_t number, object payload
    ) except -1:
        cdef uint64_t place = (
            <uint64_t>what | <uint64_t>to << 8 | <uint64_t>source << 24
            | (<uint64_t>number & 0xFFFFFF) << 40)
        self.numbers[what] += 1
        self.digest = mix(mix(self.digest, self.now_ns), place)
        if self.note is not None:
            self.note(what, to, source, number, payload)
        return 0
