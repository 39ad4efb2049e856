"""The steps of nodes, each taken once: what a local state and an input lead to, as numbers.

A local state is all that belongs to one node or client: its state, its timers, its disk. It is a
number here, and so is an input; who asked for them knows what they stand for. A step is taken in
Python the first time it is met, and its outcomes are kept.
"""

cimport cython
from libc.stdint cimport int64_t, uint32_t

from headrace.engine.words cimport push, release_words


@cython.final
cdef class Transitions:
    """The steps of `endpoints` nodes and clients. Not for several threads.

    `outcomes_of(local, input)`: gives a list of (local state after it, inputs sent, flag); flag is
    1 if the node goes down in the middle, 2 if its handler raises.
    """

    def __init__(self, int64_t endpoints, outcomes_of):
        self.endpoints = endpoints
        self.outcomes_of = outcomes_of
        self.known = StateTable()

    def __dealloc__(self):
        release_words(&self.statuses)
        release_words(&self.timer_ends)
        release_words(&self.timers)
        release_words(&self.tos)
        release_words(&self.sources)
        release_words(&self.orders)
        release_words(&self.timer_inputs)
        release_words(&self.timer_budgets)
        release_words(&self.outcome_ends)
        release_words(&self.locals_after)
        release_words(&self.flags)
        release_words(&self.send_ends)
        release_words(&self.sends)

    def add_local(self, uint32_t status, tuple timers):
        """The number of a new local state. `timers`: numbers of the names of those that are set."""
        push(&self.statuses, status)
        for name in timers:
            push(&self.timers, name)
        push(&self.timer_ends, self.timers.count)
        return self.statuses.count - 1

    def add_input(self, uint32_t to, uint32_t source, order=None):
        """The number of a new input. `order`: of messages in a state; None: by their numbers."""
        cdef uint32_t number = self.tos.count
        push(&self.tos, to)
        push(&self.sources, source)
        push(&self.orders, number if order is None else order)
        return number

    def add_timer(self, int64_t budget):
        """The number of a new name of timers, of which each endpoint may have one."""
        push(&self.timer_inputs, self.tos.count)
        push(&self.timer_budgets, <uint32_t>budget)
        for to in range(self.endpoints):
            self.add_input(to, to)
        return self.timer_inputs.count - 1

    def timer_input(self, int64_t name, int64_t endpoint):
        """The number of the input that a timer is when it runs out."""
        if not (0 <= name < self.timer_inputs.count and 0 <= endpoint < self.endpoints):
            raise IndexError(name)
        return self.timer_inputs.items[name] + endpoint

    cdef int64_t find(self, uint32_t local, uint32_t given) except -1:
        """The number of a step; of its outcomes, `outcome_ends` tells."""
        cdef uint32_t[2] key
        cdef int64_t before = self.known.count, number
        key[0] = local
        key[1] = given
        number = self.known.find(key, 2)
        if number >= 0:
            return number
        outcomes = self.outcomes_of(local, given)
        number = self.known.add(key, 2)
        assert number == before, "taking a step took another one"
        for after, sent, flag in outcomes:
            push(&self.locals_after, after)
            push(&self.flags, flag)
            for one in sent:
                push(&self.sends, one)
            push(&self.send_ends, self.sends.count)
        push(&self.outcome_ends, self.locals_after.count)
        return number

    cdef int64_t size_bytes(self) noexcept:
        return self.known.size_bytes() + 4 * (
            self.statuses.room + self.timer_ends.room + self.timers.room + 3 * self.tos.room
            + self.outcome_ends.room + 3 * self.locals_after.room + self.sends.room)
