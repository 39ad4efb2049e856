"""The links of a simulated network: what happens to each message on its way."""

cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport int32_t, int64_t, uint64_t

from headrace.engine.chance cimport mix
from headrace.engine.happening cimport CORRUPTED, CUT, LOST

QUANTILES = 4096  # so that 12 bits choose one
cdef enum:
    QUANTILE_SHIFT = 64 - 12


@cython.final
cdef class Links:
    """The links between `endpoints` endpoints; all that befalls a message follows from the seed."""

    def __cinit__(self, int64_t endpoints, uint64_t seed, network):
        cdef int64_t link
        self.count = endpoints * endpoints
        self.seeds = <uint64_t *>PyMem_Calloc(self.count, sizeof(uint64_t))
        self.sent = <uint64_t *>PyMem_Calloc(self.count, sizeof(uint64_t))
        self.last_ns = <int64_t *>PyMem_Calloc(self.count, sizeof(int64_t))
        self.blocked = <int32_t *>PyMem_Calloc(self.count, sizeof(int32_t))
        self.clogged = <int32_t *>PyMem_Calloc(self.count, sizeof(int32_t))
        self.delays_ns = <int64_t *>PyMem_Calloc(QUANTILES, sizeof(int64_t))
        if not (self.seeds and self.sent and self.last_ns and self.blocked and self.clogged
                and self.delays_ns):
            raise MemoryError
        for link in range(self.count):
            self.seeds[link] = mix(seed, link)
        self.lost = set()
        self.set_network(network)

    def __dealloc__(self):
        PyMem_Free(self.seeds)
        PyMem_Free(self.sent)
        PyMem_Free(self.last_ns)
        PyMem_Free(self.blocked)
        PyMem_Free(self.clogged)
        PyMem_Free(self.delays_ns)

    def set_network(self, network):
        """From now on the network is like this."""
        if network.delay is not self.delay:  # weather mostly leaves it as it is
            self.delay = network.delay
            for index, delay_ns in enumerate(network.delay.quantiles_ns):
                if index < QUANTILES:
                    self.delays_ns[<int64_t>index] = delay_ns
        self.loss = round(network.loss * 2.0**53)
        self.duplication = round(network.duplication * 2.0**53)
        self.corruption = round(network.corruption * 2.0**53)
        self.ordered = network.ordered
        self.checksums = network.checksums

    cdef Fate fate(self, int64_t link):
        """What happens to the next message on a link."""
        cdef Fate fate
        cdef uint64_t drawn
        self.sent[link] += 1
        drawn = mix(self.seeds[link], self.sent[link])
        fate.what = 0
        fate.is_doubled = False
        fate.double_ns = fate.corruption = 0
        fate.delay_ns = self.delays_ns[mix(drawn, 0) >> QUANTILE_SHIFT]
        if self.blocked[link]:
            fate.what = CUT
        elif self.loss and mix(drawn, 1) >> 11 < self.loss:
            fate.what = LOST
        elif self.lost and (link, self.sent[link]) in self.lost:
            fate.what = LOST
        elif self.corruption and mix(drawn, 2) >> 11 < self.corruption:
            fate.what = CORRUPTED
            fate.corruption = mix(drawn, 5)
        if self.duplication and mix(drawn, 3) >> 11 < self.duplication:
            fate.is_doubled = True
            fate.double_ns = self.delays_ns[mix(drawn, 4) >> QUANTILE_SHIFT]
        return fate

    cdef int64_t arrival_ns(self, int64_t link, int64_t time_ns) noexcept:
        """When a message that would come then comes, behind those before it if there is an order."""
        if self.ordered:
            time_ns = max(time_ns, self.last_ns[link] + 1)
            self.last_ns[link] = time_ns
        return time_ns
