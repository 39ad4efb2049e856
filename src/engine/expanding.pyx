"""What comes next: all that can happen in a global state.

A global state is a string of words: the local state of each endpoint, then what is left of each
budget, then the messages on their way, in the order that their inputs say. What comes next is put
together from the steps of single nodes, each of which is taken once (transitions.pyx).
"""

from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy

from headrace.engine.transitions cimport CRASHED, DOWN, FAILED, NEW, UP, Transitions, start_of
from headrace.engine.words cimport Words, push, release_words, reserve

START, DELIVER, DUPLICATE, LOSE, TIMER, CRASH, RESTART = range(7)


cdef class Expansion:
    """Expands states, one at a time. What becomes of what comes next is for subclasses.

    `node_count`: how many of the endpoints are nodes, which may crash. `head`: words of a state
    before its messages. `losses`, `duplications`, `crashes`: numbers of budgets; -1: free, -2:
    never. `ordered`: messages stand by links, and only the first of each can be taken.
    """

    def __init__(self, Transitions transitions, *, int64_t node_count, int64_t head,
                 int64_t losses, int64_t duplications, int64_t crashes, bint ordered):
        self.transitions = transitions
        self.endpoints = transitions.endpoints
        self.nodes = node_count
        self.head = head
        self.losses, self.duplications, self.crashes = losses, duplications, crashes
        self.ordered = ordered

    def __dealloc__(self):
        release_words(&self.current)
        release_words(&self.built)

    cdef int emit(self, Action action, uint32_t given, int64_t outcome, uint32_t label) except -1:
        """A state that comes next was built. `outcome`: -1 if no node takes anything."""
        return 0

    cdef int fail(self, Action action, uint32_t given, int64_t outcome) except -1:
        """A handler raised."""
        return 0

    cdef int expand(self) except -1:
        """All that can happen in the current state."""
        cdef Transitions steps = self.transitions
        cdef int64_t to, place
        cdef uint32_t status, word, order
        self.is_cut = False
        for to in range(self.endpoints):
            if steps.statuses.items[self.current.items[to]] == NEW:
                return self.step(_START, to, to, -1, FREE, to)
        place = self.head
        while place < self.current.count and not self.is_over:
            word = self.current.items[place]
            order = steps.orders.items[word]
            self.expand_message(place, word, order)
            while place < self.current.count and (
                    steps.orders.items[self.current.items[place]] == order):
                place += 1
        for to in range(self.endpoints):
            status = steps.statuses.items[self.current.items[to]]
            if status == DOWN:
                self.step(_RESTART, to, self.endpoints + to, -1, FREE, self.endpoints + to)
            else:
                self.expand_timers(to, self.current.items[to])
                if to < self.nodes and self.can_pay(self.crashes):
                    self.step(_CRASH, to, 2 * self.endpoints + to, -1, self.crashes, NONE)
        return 0

    cdef int expand_message(self, int64_t place, uint32_t word, uint32_t order) except -1:
        cdef Transitions steps = self.transitions
        cdef int64_t to = steps.tos.items[word]
        cdef uint32_t label = order | LINK if self.ordered else word
        cdef bint is_up = steps.statuses.items[self.current.items[to]] == UP
        cdef bint can_fail = <int64_t>steps.sources.items[word] != to
        if is_up:
            self.step(_DELIVER, to, word, place, FREE, label)
            if can_fail and self.can_pay(self.duplications):
                self.step(_DUPLICATE, to, word, -1, self.duplications, NONE)
        else:
            self.build(-1, 0, place, FREE)
            self.emit(_DELIVER, word, -1, label)
        if can_fail and self.can_pay(self.losses):
            self.build(-1, 0, place, self.losses)
            self.emit(_LOSE, word, -1, NONE)
        return 0

    cdef int expand_timers(self, int64_t to, uint32_t local) except -1:
        cdef Transitions steps = self.transitions
        cdef int64_t at, end = steps.timer_ends.items[local], budget
        cdef uint32_t name, given
        for at in range(start_of(&steps.timer_ends, local), end):
            name = steps.timers.items[at]
            budget = <int>steps.timer_budgets.items[name]
            if self.can_pay(budget):
                given = steps.timer_inputs.items[name] + to
                self.step(_TIMER, to, given, -1, budget, given)
            else:
                self.is_cut = True
        return 0

    cdef bint can_pay(self, int64_t budget) noexcept:
        return budget == FREE or (
            budget != NEVER and self.current.items[self.endpoints + budget] > 0)

    cdef int step(self, Action action, int64_t to, uint32_t given, int64_t removed, int64_t budget,
                  uint32_t label) except -1:
        """An endpoint takes an input, with each outcome that this has."""
        cdef Transitions steps = self.transitions
        cdef int64_t number, outcome, first
        cdef uint32_t flag
        if self.is_over:
            return 0
        number = steps.find(self.current.items[to], given)
        first = start_of(&steps.outcome_ends, number)
        for outcome in range(first, steps.outcome_ends.items[number]):
            flag = steps.flags.items[outcome]
            if flag == FAILED:
                self.fail(action, given, outcome - first)
                continue
            if flag == CRASHED and not self.can_pay(self.crashes):
                continue
            self.build(to, outcome, removed, budget)
            if flag == CRASHED and self.crashes >= 0:
                self.built.items[self.endpoints + self.crashes] -= 1
            self.emit(action, given, outcome - first, NONE if flag == CRASHED else label)
        return 0

    cdef int build(self, int64_t to, int64_t outcome, int64_t removed, int64_t budget) except -1:
        """Put together the state after an outcome of endpoint `to`; -1: of nobody."""
        cdef Transitions steps = self.transitions
        cdef int64_t at, count
        self.built.count = 0
        reserve(&self.built, self.current.count)
        count = self.current.count if removed < 0 else removed
        memcpy(self.built.items, self.current.items, count * sizeof(uint32_t))
        if removed >= 0:
            memcpy(self.built.items + removed, self.current.items + removed + 1,
                   (self.current.count - removed - 1) * sizeof(uint32_t))
        self.built.count = self.current.count - (removed >= 0)
        if budget >= 0:
            self.built.items[self.endpoints + budget] -= 1
        if to >= 0:
            self.built.items[to] = steps.locals_after.items[outcome]
            for at in range(start_of(&steps.send_ends, outcome), steps.send_ends.items[outcome]):
                self.put(steps.sends.items[at])
        return 0

    cdef int put(self, uint32_t word) except -1:
        """Put a message where it belongs: behind those that are of the same order."""
        cdef uint32_t *orders = self.transitions.orders.items
        cdef int64_t place
        push(&self.built, word)
        place = self.built.count - 1
        while place > self.head and orders[self.built.items[place - 1]] > orders[word]:
            self.built.items[place] = self.built.items[place - 1]
            place -= 1
        self.built.items[place] = word
        return 0
