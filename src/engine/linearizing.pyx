"""Looking for an order in which a machine, one operation at a time, gives the answers there were.

The search of Wing and Gong with Lowe's memory of configurations: at each point any operation may be
next that is open. A configuration is the set of operations in the order, and the state that they
lead to; what follows depends on nothing else, so each is visited once. What else is left out:

- A configuration that differs from a visited one only in that more of those operations are used up
  that need not be: whatever it can do, the other can.
- Among open operations of equal input and answer those behind the first to return; and one that may
  never have taken effect, if a certain one of equal input answers right: they can change places.
- What does not follow at once, if an operation answers right and changes nothing, now or later. A
  sweep says which never do. Without one that is supposed until it turns out wrong, and then the
  search begins anew. It would turn out: whoever puts the operation in later goes through the same
  states as the search, in each of which it is asked for what the operations around would do there.
- With a sweep: where an operation that has to come can not, as no state in which it answers right
  can be reached any more.

The order in which they are tried is the caller's: `rank`, the smallest first.
"""

cimport cython
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy

from headrace.engine.histories cimport clear_bit, has_bit, push, set_bit


@cython.final
cdef class Linearizer:
    """A search for an order of all operations before number `goal`.

    `rank`: a number for each operation. `sweep`: of the same problem, complete, or None. `horizon`:
    operations from here on are not looked at for whether they still can come.
    """

    def __init__(self, Problem problem, list rank, int goal, int horizon, Sweep sweep=None):
        self.problem, self.sweep, self.goal, self.horizon = problem, sweep, goal, horizon
        self.words = problem.slots // 64 + 1
        self.info_words = (problem.total - problem.count + 63) // 64
        for value in rank:
            push(&self._rank, value)
        for _ in range(problem.kinds):
            push(&self._kind_seen, 0)
            push(&self._kind_by, 0)
        for _ in range(problem.inputs):
            push(&self._input_seen, 0)
        self._changes = <char *>calloc(problem.kinds + 1, 1)
        self._taken = <char *>calloc(problem.kinds + 1, 1)
        self._heads_room = 1 << 10
        self._heads = <int32_t *>calloc(self._heads_room, sizeof(int32_t))
        if self._changes == NULL or self._taken == NULL or self._heads == NULL:
            raise MemoryError()
        if sweep is not None:
            memcpy(self._changes, sweep.changes, problem.kinds)
        self._begin()

    def __dealloc__(self):
        for address in (
            <size_t>self.low.items, <size_t>self.state.items, <size_t>self.parent.items,
            <size_t>self.by.items, <size_t>self.link.items, <size_t>self.sets,
            <size_t>self.waiting.items, <size_t>self._heads, <size_t>self._changes,
            <size_t>self._taken, <size_t>self._rank.items, <size_t>self._kind_seen.items,
            <size_t>self._kind_by.items, <size_t>self._input_seen.items,
            <size_t>self._children.items,
        ):
            free(<void *><size_t>address)

    cdef int _begin(self) except -1:
        cdef Py_ssize_t at
        self.low.count = self.state.count = self.parent.count = self.by.count = 0
        self.link.count = self.waiting.count = 0
        self._groups, self._wrong, self.done, self.low_max = 0, False, -1, 0
        for at in range(self._heads_room):
            self._heads[at] = 0
        self._insert_first()
        return 0

    cdef int _insert_first(self) except -1:
        cdef int at
        self._set_room(1)
        for at in range(self.words + self.info_words):
            self.sets[at] = 0
        self._insert(0, self.problem.initial, -1, -1)
        push(&self.waiting, 0)
        return 0

    cdef int _set_room(self, Py_ssize_t count) except -1:
        cdef uint64_t *more
        cdef Py_ssize_t each = self.words + self.info_words
        if count <= self._sets_room:
            return 0
        count = max(1024, 2 * self._sets_room)
        more = <uint64_t *>realloc(self.sets, count * each * sizeof(uint64_t))
        if more == NULL:
            raise MemoryError()
        self.sets, self._sets_room = more, count
        return 0

    def run(self, int most) -> bool:
        """Search through so many configurations more; whether that was all there is to do."""
        cdef int at
        while self.waiting.count and most > 0:
            most -= 1
            self.waiting.count -= 1
            at = self.waiting.items[self.waiting.count]
            if self.low.items[at] >= self.goal:
                self.done = at
                return True
            self._expand(at)
            if self._wrong:
                self._begin()
        return self.waiting.count == 0

    def visited(self) -> int:
        """How many configurations there are."""
        return self.low.count

    def state_of(self, int at) -> int:
        """The state that a configuration leads to."""
        return self.state.items[at]

    def order(self, int at) -> list[int]:
        """The operations, in order, that lead to a configuration."""
        cdef list numbers = []
        while self.parent.items[at] >= 0:
            numbers.append(self.by.items[at])
            at = self.parent.items[at]
        numbers.reverse()
        return numbers

    def furthest(self) -> tuple[list[int], list[int]]:
        """The longest order of those that got furthest, and all states there."""
        cdef int at, size, longest = 0, size_max = -1, place
        cdef Py_ssize_t each = self.words + self.info_words
        states = {}
        for at in range(self.low.count):
            if self.low.items[at] != self.low_max:
                continue
            states[self.state.items[at]] = None
            size = 0
            for place in range(each):
                size += int(self.sets[at * each + place]).bit_count()
            if size > size_max:
                longest, size_max = at, size
        return self.order(longest), list(states)

    cdef int _expand(self, int at) except -1:
        """Visit what follows a configuration."""
        cdef Problem problem = self.problem
        cdef int low = self.low.items[at], state = self.state.items[at]
        cdef Py_ssize_t each = self.words + self.info_words
        cdef int place, number, kind, after, answer
        cdef const int32_t *found
        self._round += 1
        self._children.count = 0
        for place in range(problem.open_begin.items[low], problem.open_begin.items[low + 1]):
            number = problem.open_.items[place]
            if has_bit(self.sets + at * each, problem.slot.items[number]):
                continue
            if not self._is_in(problem.after.items[number], at):
                continue
            kind = problem.kind.items[number]
            if self._kind_seen.items[kind] == self._round and self._may_wait(number, at):
                continue
            found = problem.step(state, problem.given.items[number])
            after, answer = found[0], found[1]
            if answer != problem.expected.items[number]:
                continue
            if self._kind_seen.items[kind] != self._round:
                self._kind_seen.items[kind] = self._round
                self._kind_by.items[kind] = number
            self._input_seen.items[problem.given.items[number]] = self._round
            if after != state:
                if not self._changes[kind]:
                    self._changes[kind] = 1
                    self._wrong = self._wrong or self._taken[kind]
            elif not self._changes[kind]:
                self._taken[kind] = 1
                self._children.count = 0
                push(&self._children, number)
                push(&self._children, after)
                self._visit(number, after, at)
                return 0
            push(&self._children, number)
            push(&self._children, after)
        for place in range(problem.info_open.items[low]):
            number = problem.count + place
            if has_bit(self.sets + at * each + self.words, place):
                continue
            if self._input_seen.items[problem.given.items[number]] == self._round:
                continue
            if problem.twin.items[number] >= 0 and not has_bit(
                self.sets + at * each + self.words, problem.twin.items[number]
            ):
                continue
            if not self._is_in(problem.after.items[number], at):
                continue
            after = problem.step(state, problem.given.items[number])[0]
            if after >= 0 and after != state:
                push(&self._children, number)
                push(&self._children, after)
        self._sort()
        for place in range(self._children.count // 2 - 1, -1, -1):  # the first is tried first
            self._visit(self._children.items[2 * place], self._children.items[2 * place + 1], at)
        return 0

    cdef bint _may_wait(self, int number, int at) noexcept:
        """Whether one of its kind, which is free, can come first: it does not return later.

        At the same time is not enough if another has to come right behind this one.
        """
        cdef Problem problem = self.problem
        cdef int first = self._kind_by.items[problem.kind.items[number]]
        return (
            problem.return_.items[first] < problem.return_.items[number]
            or not problem.followed.items[number]
        )

    cdef bint _is_in(self, int number, int at) noexcept:
        cdef Py_ssize_t each = self.words + self.info_words
        return number < self.low.items[at] or has_bit(
            self.sets + at * each, self.problem.slot.items[number]
        )

    cdef int _sort(self) except -1:
        """The children by rank; there are few."""
        cdef int32_t *items = self._children.items
        cdef Py_ssize_t at, to
        cdef int32_t number, state
        for at in range(1, self._children.count // 2):
            number, state = items[2 * at], items[2 * at + 1]
            to = at
            while to > 0 and self._rank.items[items[2 * to - 2]] > self._rank.items[number]:
                items[2 * to], items[2 * to + 1] = items[2 * to - 2], items[2 * to - 1]
                to -= 1
            items[2 * to], items[2 * to + 1] = number, state
        return 0

    cdef int _visit(self, int number, int state, int parent) except -1:
        """The configuration behind an operation, if it is new, and not lost."""
        cdef Problem problem = self.problem
        cdef Py_ssize_t each = self.words + self.info_words
        cdef int low = self.low.items[parent], before = self.state.items[parent], at
        cdef uint64_t *made
        at = self.low.count
        self._set_room(at + 1)
        made = self.sets + at * each
        memcpy(made, self.sets + parent * each, each * sizeof(uint64_t))
        if number >= problem.count:
            set_bit(made + self.words, problem.slot.items[number])
        else:
            set_bit(made, problem.slot.items[number])
            while low < problem.count and has_bit(made, problem.slot.items[low]):
                clear_bit(made, problem.slot.items[low])
                low += 1
        if not self._insert(low, state, parent, number):
            return 0
        if self.sweep is None:
            if state != before:
                self._check_taken(at)
        elif state != before and self.sweep.is_lost(
            low, state, before, made, made + self.words, self.horizon
        ):
            return 0  # it stays, so that it need not be looked at again
        push(&self.waiting, at)
        self.low_max = max(self.low_max, low)
        return 1

    cdef int _insert(self, int low, int state, int parent, int by) except -1:
        """Add the configuration whose set lies behind the last; 0: it need not be visited."""
        cdef Py_ssize_t each = self.words + self.info_words
        cdef int at = self.low.count, place, other, head
        cdef Py_ssize_t slot
        cdef bint same
        push(&self.low, low)
        push(&self.state, state)
        slot = self._hash(at) & (self._heads_room - 1)
        while self._heads[slot] != 0:
            head = self._heads[slot] - 1
            if (
                self.low.items[head] == low and self.state.items[head] == state
                and memcmp(self.sets + head * each, self.sets + at * each, self.words * 8) == 0
            ):
                break
            slot = (slot + 1) & (self._heads_room - 1)
        other = self._heads[slot] - 1
        while other >= 0:
            same = True
            for place in range(self.words, each):
                if self.sets[other * each + place] & ~self.sets[at * each + place]:
                    same = False
                    break
            if same:
                self.low.count -= 1
                self.state.count -= 1
                return 0
            other = self.link.items[other]
        push(&self.parent, parent)
        push(&self.by, by)
        push(&self.link, self._heads[slot] - 1)
        self.count += 1
        if self._heads[slot] == 0:
            self._groups += 1
        self._heads[slot] = at + 1
        if 2 * self._groups > self._heads_room:
            self._grow_heads()
        return 1

    cdef uint64_t _hash(self, int at) noexcept:
        cdef Py_ssize_t each = self.words + self.info_words
        cdef uint64_t key = <uint64_t>self.low.items[at] << 32 | <uint64_t>self.state.items[at]
        cdef int place
        for place in range(self.words):
            key = (key ^ (key >> 29)) * <uint64_t>0x9E3779B97F4A7C15
            key ^= self.sets[at * each + place]
        key = (key ^ (key >> 32)) * <uint64_t>0xBF58476D1CE4E5B9
        return key ^ (key >> 27)

    cdef int _grow_heads(self) except -1:
        cdef Py_ssize_t room = 2 * self._heads_room, at, slot
        cdef int32_t *heads = <int32_t *>calloc(room, sizeof(int32_t))
        if heads == NULL:
            raise MemoryError()
        for at in range(self._heads_room):
            if self._heads[at] == 0:
                continue
            slot = self._hash(self._heads[at] - 1) & (room - 1)
            while heads[slot] != 0:
                slot = (slot + 1) & (room - 1)
            heads[slot] = self._heads[at]
        free(self._heads)
        self._heads, self._heads_room = heads, room
        return 0

    cdef int _check_taken(self, int at) except -1:
        """Whether one that was taken as soon as it answered right would change this state.

        Asked of those that are done and can have overlapped with what led here.
        """
        cdef Problem problem = self.problem
        cdef Py_ssize_t each = self.words + self.info_words
        cdef int low = self.low.items[at], first = problem.overlaps.items[self.by.items[at]]
        cdef int number, place
        self._round += 1
        for number in range(first, low):
            self._check_one(number, self.state.items[at])
        if low < problem.count:
            for place in range(problem.open_begin.items[low], problem.open_begin.items[low + 1]):
                number = problem.open_.items[place]
                if has_bit(self.sets + at * each, problem.slot.items[number]):
                    self._check_one(number, self.state.items[at])
        return 0

    cdef int _check_one(self, int number, int state) except -1:
        cdef Problem problem = self.problem
        cdef int kind = problem.kind.items[number]
        cdef const int32_t *found
        if not self._taken[kind] or self._changes[kind]:
            return 0
        if self._kind_seen.items[kind] == self._round:
            return 0
        self._kind_seen.items[kind] = self._round
        found = problem.step(state, problem.given.items[number])
        if found[1] == problem.expected.items[number] and found[0] != state:
            self._changes[kind] = 1
            self._wrong = True
        return 0
