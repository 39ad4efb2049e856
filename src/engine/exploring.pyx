"""Every state of a system that can be reached: the loop of `headrace.exploring`.

A state is expanded (expanding.pyx); each that comes next is found to be new or known, and what holds
of a new one is looked up by its local states, which decide that.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy

from headrace.engine.expanding cimport NONE, Action, Expansion
from headrace.engine.statetable cimport StateTable, length_at, string_at
from headrace.engine.symmetry cimport Symmetry
from headrace.engine.transitions cimport Transitions
from headrace.engine.words cimport Words, push, release_words, reserve

cdef enum Mode:
    SEARCH, PROBE, LIST, GRAPH

cdef enum:
    LOOK_EVERY = 256    # states between two looks at signals and memory

WRONG, RAISED, STATES, BYTES = "always", "raised", "states", "bytes"


@cython.final
cdef class Explorer(Expansion):
    """An exploration under way. Not for several threads.

    `judge(locals)`: a word of 32 bits, of which those in `always` must be set; states in which one
    of `sometimes` is set first are put into `reached`, as (bit, state). `first`: the first state.
    `depth_max`: -1 is none. The rest: see Expansion.
    """

    cdef Symmetry symmetry
    cdef object judge
    cdef bint depth_first
    cdef int64_t depth_max, states_max, bytes_max
    cdef uint32_t always, missing
    cdef StateTable states, views
    cdef Words parents, depths, bits, waiting
    cdef Mode mode
    cdef int64_t at             # the number of the state that is expanded
    cdef list listed
    cdef Words targets, labels
    cdef readonly int64_t generated, expanded, depth, cut_by_depth
    cdef readonly object stopped    # why it ended before its end
    cdef readonly object wrong
    cdef readonly list reached

    def __init__(self, Transitions transitions, *, judge, tuple first, bint depth_first,
                 int64_t depth_max, int64_t states_max, int64_t bytes_max, uint32_t always,
                 uint32_t sometimes, Symmetry symmetry=None, **bounds):
        Expansion.__init__(self, transitions, **bounds)
        self.judge = judge
        self.depth_first = depth_first
        self.depth_max, self.states_max, self.bytes_max = depth_max, states_max, bytes_max
        self.always, self.missing = always, sometimes
        self.symmetry = symmetry
        self.states, self.views = StateTable(), StateTable()
        self.reached = []
        self.at = NONE
        for word in first:
            push(&self.built, word)
        self.take_in()

    def __dealloc__(self):
        release_words(&self.parents)
        release_words(&self.depths)
        release_words(&self.bits)
        release_words(&self.waiting)
        release_words(&self.targets)
        release_words(&self.labels)

    @property
    def unique(self):
        """How many different states there are."""
        return self.states.count

    @property
    def size_bytes(self):
        """How much memory states and steps take, without what the numbers stand for."""
        return (self.states.size_bytes() + self.views.size_bytes() + self.transitions.size_bytes()
                + 4 * (self.parents.room + self.depths.room + self.bits.room + self.waiting.room))

    def state(self, int64_t number):
        """The words of a state. Raises IndexError."""
        return self.states.get(number)

    def path(self, int64_t number):
        """The states from the first one to this one."""
        cdef list path = []
        if not 0 <= number < self.states.count:
            raise IndexError(number)
        while number != NONE:
            path.append(number)
            number = self.parents.items[number]
        return path[::-1]

    # -- the search ------------------------------------------------------------------------------

    def run(self, int64_t count_max):
        """Expand up to so many states; False when there is nothing more to be done."""
        cdef int64_t end = self.expanded + count_max
        self.mode = SEARCH
        while self.expanded < end and self.stopped is None:
            if self.depth_first:
                if not self.waiting.count:
                    return self.probe()
                self.waiting.count -= 1
                self.at = self.waiting.items[self.waiting.count]
            elif self.expanded < self.states.count:
                self.at = self.expanded
            else:
                return self.probe()
            self.expanded += 1
            if self.depths.items[self.at] != self.depth_max:
                self.load(self.at)
                self.expand()
            if self.expanded % LOOK_EVERY == 0:
                PyErr_CheckSignals()
                if self.size_bytes > self.bytes_max:
                    self.stop(BYTES)
        return self.stopped is None

    cdef bint probe(self) except -1:
        """At the end: does anything that is not known come next of the farthest states?

        Not before: depth first, a state may turn out to be nearer than it was when it was found.
        """
        cdef int64_t number
        self.mode = PROBE
        self.cut_by_depth = 0
        for number in range(self.states.count):
            if self.depths.items[number] == self.depth_max:
                self.load(number)
                self.expand()
                if self.cut_by_depth:
                    break
        return False

    cdef int stop(self, why) except -1:
        self.stopped = why
        self.is_over = True
        return 0

    cdef int load(self, int64_t number) except -1:
        cdef int64_t length = length_at(self.states, number)
        self.current.count = 0
        reserve(&self.current, length)
        memcpy(self.current.items, string_at(self.states, number), length * sizeof(uint32_t))
        self.current.count = length
        return 0

    cdef int take_in(self) except -1:
        """The state that was built is one that can be reached."""
        cdef int64_t known = self.states.count, number
        cdef uint32_t depth = 0 if self.at == NONE else self.depths.items[self.at] + 1
        self.generated += 1
        if self.symmetry is not None:
            self.symmetry.canonical(&self.built)
        if known >= self.states_max:
            if self.states.find(self.built.items, self.built.count) < 0:
                self.stop(STATES)
                return 0
        number = self.states.add(self.built.items, self.built.count)
        if number < known:
            if self.depth_first and self.depth_max >= 0 and depth < self.depths.items[number]:
                self.depths.items[number] = depth
                self.parents.items[number] = self.at
                push(&self.waiting, number)
            return 0
        push(&self.parents, self.at)
        push(&self.depths, depth)
        self.depth = max(self.depth, depth)
        if self.depth_first:
            push(&self.waiting, number)
        self.look(number)
        return 0

    cdef int look(self, int64_t number) except -1:
        """Do the properties hold?"""
        cdef uint32_t bits = self.bits_of(&self.built), new = bits & self.missing
        if new:
            self.missing &= ~new
            for bit in range(32):
                if new >> bit & 1:
                    self.reached.append((bit, number))
        if bits & self.always != self.always:
            self.wrong = number
            self.stop(WRONG)
        return 0

    cdef uint32_t bits_of(self, const Words *state) except? 0xFFFFFFFE:
        """What holds of a state; it depends on the local states alone."""
        cdef int64_t known = self.views.count
        cdef int64_t number = self.views.add(state.items, self.endpoints)
        if number == known:
            told = self.judge(tuple([state.items[at] for at in range(self.endpoints)]))
            push(&self.bits, told)
        return self.bits.items[number]

    # -- what becomes of it ----------------------------------------------------------------------

    cdef int emit(self, Action action, uint32_t given, int64_t outcome, uint32_t label) except -1:
        if self.mode == SEARCH:
            return 0 if self.is_over else self.take_in()
        concrete = None
        if self.mode == LIST:
            concrete = tuple([self.built.items[at] for at in range(self.built.count)])
        if self.symmetry is not None:
            self.symmetry.canonical(&self.built)
        cdef int64_t number = self.states.find(self.built.items, self.built.count)
        if self.mode == PROBE:
            self.cut_by_depth += number < 0
        elif self.mode == LIST:
            self.listed.append((<int>action, given, outcome, concrete, number))
        elif number < 0:
            self.is_cut = True
        else:
            push(&self.targets, number)
            push(&self.labels, label)
        return 0

    cdef int fail(self, Action action, uint32_t given, int64_t outcome) except -1:
        """A handler raised."""
        if self.mode == SEARCH and not self.is_over:
            self.wrong = (self.at, <int>action, given, outcome)
            self.stop(RAISED)
        elif self.mode == PROBE:
            self.cut_by_depth += 1
        elif self.mode == GRAPH:
            self.is_cut = True
        elif self.mode == LIST:
            self.listed.append((<int>action, given, outcome, None, -1))
        return 0

    def successors(self, tuple words):
        """What comes next: (action, input, outcome, words, number of the state or -1).

        `outcome`: counted from 0 among those of the step; -1 if no node takes anything. The words
        are None where a handler raises.
        """
        self.is_over = False
        self.listed, self.mode = [], LIST
        self.current.count = 0
        for word in words:
            push(&self.current, word)
        self.expand()
        return self.listed

    def graph(self, uint32_t bit, int64_t edges_max):
        """What comes next of each state in which a property does not hold; None if it is too much.

        Four arrays, as bytes: where the edges of each state end (64 bits), where they go, and what
        has to happen in the end along them (32 bits; all bits set: nowhere of interest, nothing);
        and by state: 1, it does not hold, 2, something comes next that is not known.
        """
        cdef Words ends = Words(NULL, 0, 0)
        cdef int64_t number, at, first, view
        cdef bytearray flags = bytearray(self.states.count)
        self.is_over = False
        self.mode = GRAPH
        self.targets.count = self.labels.count = 0
        never = bytearray(self.states.count)
        for number in range(self.states.count):
            self.load(number)
            never[number] = not self.bits_of(&self.current) & bit
        try:
            for number in range(self.states.count):
                first = self.targets.count
                if never[number]:
                    self.load(number)
                    self.expand()
                    flags[number] = 1 + 2 * self.is_cut
                    for at in range(first, self.targets.count):
                        if not never[self.targets.items[at]]:
                            self.targets.items[at] = NONE
                push(&ends, <uint32_t>(self.targets.count & NONE))
                push(&ends, <uint32_t>(self.targets.count >> 32))
                if self.targets.count > edges_max:
                    return None
                if number % LOOK_EVERY == 0:
                    PyErr_CheckSignals()
            return as_bytes(&ends), as_bytes(&self.targets), as_bytes(&self.labels), bytes(flags)
        finally:
            release_words(&ends)
            release_words(&self.targets)
            release_words(&self.labels)


cdef bytes as_bytes(Words *words):
    return (<const char *>words.items)[:words.count * sizeof(uint32_t)]
