"""States that differ only by who is who, taken for one: the least of all that renaming makes of it.

Which is the least does not matter, as long as it is the same for all of them; here it is that whose
words come first. What a local state and an input become when nodes change their names is asked of
Python once each.
"""

cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy

from headrace.engine.words cimport push, release_words, reserve

cdef enum:
    UNKNOWN = 0xFFFFFFFFU


@cython.final
cdef class Symmetry:
    """The renamings of a system's nodes, without the one that leaves all as it is.

    `renamings`: for each, whose place every endpoint takes. `image_of_local(renaming, local)` and
    `image_of_input(renaming, input)` give the numbers of what these become.
    """

    def __init__(self, Transitions transitions, int64_t head, list renamings, image_of_local,
                 image_of_input):
        cdef int64_t renaming, endpoint, endpoints = transitions.endpoints
        self.transitions = transitions
        self.head = head
        self.count = len(renamings)
        self.image_of_local = image_of_local
        self.image_of_input = image_of_input
        self.places = <uint32_t *>PyMem_Calloc(self.count * endpoints, sizeof(uint32_t))
        self.locals = <Words *>PyMem_Calloc(self.count, sizeof(Words))
        self.inputs = <Words *>PyMem_Calloc(self.count, sizeof(Words))
        if not (self.places and self.locals and self.inputs):
            raise MemoryError
        for renaming in range(self.count):
            for endpoint in range(endpoints):
                self.places[renaming * endpoints + endpoint] = renamings[renaming][endpoint]

    def __dealloc__(self):
        cdef int64_t renaming
        for renaming in range(self.count):
            if self.locals:
                release_words(&self.locals[renaming])
            if self.inputs:
                release_words(&self.inputs[renaming])
        PyMem_Free(self.places)
        PyMem_Free(self.locals)
        PyMem_Free(self.inputs)
        release_words(&self.image)
        release_words(&self.best)

    cdef int canonical(self, Words *state) except -1:
        """Put the least of a state's images in its place."""
        cdef int64_t renaming
        self.best.count = 0
        reserve(&self.best, state.count)
        memcpy(self.best.items, state.items, state.count * sizeof(uint32_t))
        self.best.count = state.count
        for renaming in range(self.count):
            if self.make_image(renaming, state) and comes_first(&self.image, &self.best):
                self.best, self.image = self.image, self.best
        memcpy(state.items, self.best.items, state.count * sizeof(uint32_t))
        return 0

    cdef int make_image(self, int64_t renaming, const Words *state) except -1:
        """What renaming makes of a state; 0 if that was seen not to be the least on the way."""
        cdef int64_t at, place, endpoints = self.transitions.endpoints
        cdef const uint32_t *places = self.places + renaming * endpoints
        cdef uint32_t word, order
        self.image.count = 0
        reserve(&self.image, state.count)
        for at in range(endpoints):
            self.image.items[places[at]] = self.local_image(renaming, state.items[at])
        for at in range(endpoints):
            if self.image.items[at] != self.best.items[at]:
                if self.image.items[at] > self.best.items[at]:
                    return 0
                break
        for at in range(endpoints, self.head):
            self.image.items[at] = state.items[at]
        for at in range(self.head, state.count):
            word = self.input_image(renaming, state.items[at])
            order = self.transitions.orders.items[word]
            place = at
            while place > self.head and (
                    self.transitions.orders.items[self.image.items[place - 1]] > order):
                self.image.items[place] = self.image.items[place - 1]
                place -= 1
            self.image.items[place] = word
        self.image.count = state.count
        return 1

    cdef uint32_t local_image(self, int64_t renaming, uint32_t local) except? 0xFFFFFFFE:
        cdef Words *known = &self.locals[renaming]
        while known.count <= local:
            push(known, UNKNOWN)
        if known.items[local] == UNKNOWN:
            image = self.image_of_local(renaming, local)
            self.locals[renaming].items[local] = image
        return known.items[local]

    cdef uint32_t input_image(self, int64_t renaming, uint32_t given) except? 0xFFFFFFFE:
        cdef Words *known = &self.inputs[renaming]
        while known.count <= given:
            push(known, UNKNOWN)
        if known.items[given] == UNKNOWN:
            image = self.image_of_input(renaming, given)
            self.inputs[renaming].items[given] = image
        return known.items[given]


cdef bint comes_first(const Words *one, const Words *other) noexcept:
    cdef int64_t at
    for at in range(one.count):
        if one.items[at] != other.items[at]:
            return one.items[at] < other.items[at]
    return False
