"""What can be said of a history by going through it once, without trying any order.

For each `low` it keeps the states in which the machine may be, and for each state two sets: the open
operations that are done on all ways that lead there, and those that are done on some. That is more
than there can be, never less. So what it finds is certain: a `low` that is done on no way can be in
no order; an operation of which all states are known in which it answers right, and all operations
that lead into those, is lost when none of them is left; and what changes no state that there may be
can be put in as soon as it answers right.

Good where a machine has few states at a time, as registers do. It gives up where there are more.
"""

cimport cython
from libc.stdlib cimport calloc, free, qsort, realloc
from libc.string cimport memcpy, memset

from headrace.engine.histories cimport clear_bit, has_bit, push, set_bit


cdef enum:
    LOST_LOOKS_MAX = 64     # operations that are looked at, where a state is left


cdef int by_number(const void *one, const void *other) noexcept nogil:
    return (<const int32_t *>one)[0] - (<const int32_t *>other)[0]


cdef void put_in_order(Numbers *numbers) noexcept nogil:
    if numbers.count > 1:  # without any, it has no memory, which qsort must be given
        qsort(numbers.items, numbers.count, sizeof(int32_t), &by_number)


cdef Py_ssize_t first_from(const Numbers *numbers, int low) noexcept nogil:
    """The place of the first that is `low` or more; they are in order."""
    cdef Py_ssize_t begin = 0, end = numbers.count, middle
    while begin < end:
        middle = (begin + end) // 2
        if numbers.items[middle] < low:
            begin = middle + 1
        else:
            end = middle
    return begin


@cython.final
cdef class Sweep:
    """A walk through a problem; `run` walks. Gives up where there are over `states_max` states."""

    def __init__(self, Problem problem, int states_max):
        cdef Py_ssize_t room = states_max + 1
        self.problem, self._states_max = problem, states_max
        self.bad_at = -1
        self._words = problem.slots // 64 + 1
        self.changes = <char *>calloc(problem.kinds + 1, 1)
        self.right = <Numbers *>calloc(problem.count + 1, sizeof(Numbers))
        self._is_waiting = <char *>calloc(room, 1)
        self._all = <uint64_t *>calloc(room * self._words, sizeof(uint64_t))
        self._some = <uint64_t *>calloc(room * self._words, sizeof(uint64_t))
        self._seen_room = 1 << 12
        self._seen = <uint64_t *>calloc(self._seen_room, sizeof(uint64_t))
        if (
            self.changes == NULL or self.right == NULL or self._is_waiting == NULL
            or self._all == NULL or self._some == NULL or self._seen == NULL
        ):
            raise MemoryError()

    def __dealloc__(self):
        cdef Py_ssize_t at
        if self.right != NULL:
            for at in range(self.problem.count):
                free(self.right[at].items)
        for at in range(self.states):
            free(self.into[at].items)
            free(self.right_there[at].items)
        for address in (
            <size_t>self.right, <size_t>self.into, <size_t>self.right_there,
            <size_t>self._is_waiting, <size_t>self._all, <size_t>self._some, <size_t>self._seen,
            <size_t>self._now.items, <size_t>self._waiting.items, <size_t>self._place.items,
            <size_t>self.changes,
        ):
            free(<void *><size_t>address)

    def run(self, object stop) -> None:
        """Walk, until `stop()` says so. Afterwards it is complete, or not, and then says nothing."""
        cdef int low
        self._room_for(self.problem.initial)
        self._place.items[self.problem.initial] = 0
        push(&self._now, self.problem.initial)
        for low in range(self.problem.count):
            if stop():
                return
            if not self._close(low):
                return
            if self._now.count == 0:
                self.bad_at = low
                break
        for low in range(self.states):
            put_in_order(&self.into[low])
            put_in_order(&self.right_there[low])
        self.complete = True

    cdef int _close(self, int low) except -1:
        """All states with `low`, then those of them in which it is done. 0: there are too many."""
        cdef Py_ssize_t at
        cdef int place, kept = 0, state, slot = self.problem.slot.items[low]
        cdef int words = self._words
        self._waiting.count = 0
        for at in range(self._now.count):
            push(&self._waiting, at)
            self._is_waiting[at] = 1
        while self._waiting.count:
            self._waiting.count -= 1
            place = self._waiting.items[self._waiting.count]
            self._is_waiting[place] = 0
            if not self._from(place, low):
                return 0
        for at in range(self._now.count):
            state = self._now.items[at]
            self._place.items[state] = -1
            if not has_bit(self._some + at * words, slot):
                continue
            memcpy(self._all + kept * words, self._all + at * words, words * sizeof(uint64_t))
            memcpy(self._some + kept * words, self._some + at * words, words * sizeof(uint64_t))
            clear_bit(self._all + kept * words, slot)
            clear_bit(self._some + kept * words, slot)
            self._now.items[kept] = state
            self._place.items[state] = kept
            kept += 1
        self._now.count = kept
        return 1

    cdef int _from(self, int place, int low) except -1:
        """What follows a state. 0: there are too many states."""
        cdef Problem problem = self.problem
        cdef int state = self._now.items[place], number, slot, after, answer, at
        cdef const int32_t *found
        for at in range(problem.open_begin.items[low], problem.open_begin.items[low + 1]):
            number = problem.open_.items[at]
            slot = problem.slot.items[number]
            if has_bit(self._all + place * self._words, slot):
                continue
            found = problem.step(state, problem.given.items[number])
            after, answer = found[0], found[1]
            if answer != problem.expected.items[number]:
                continue
            self._note(number, state, after)
            if not self._arrive(after, place, slot):
                return 0
        for at in range(problem.info_open.items[low]):
            number = problem.count + at
            found = problem.step(state, problem.given.items[number])
            after = found[0]
            if after < 0 or after == state:
                continue
            self._note(number, state, after)
            if not self._arrive(after, place, -1):
                return 0
        return 1

    cdef int _note(self, int number, int state, int after) except -1:
        cdef uint64_t at = <uint64_t>number << 33
        self._room_for(max(state, after))
        if number < self.problem.count and self._is_new(at + 2 * <uint64_t>state + 2):
            push(&self.right[number], state)
            push(&self.right_there[state], number)
        if state != after:
            if number < self.problem.count:
                self.changes[self.problem.kind.items[number]] = 1
            if self._is_new(at + 2 * <uint64_t>after + 3):
                push(&self.into[after], number)
        return 0

    cdef int _arrive(self, int state, int place, int slot) except -1:
        """Into a state, from the one at `place`, with `slot` done. 0: there are too many."""
        cdef int to = self._place.items[state], words = self._words, at
        cdef uint64_t all_, some
        cdef bint changed = False
        if to < 0:
            if self._now.count > self._states_max:
                return 0
            to = self._now.count
            push(&self._now, state)
            self._place.items[state] = to
            self._is_waiting[to] = 0
            memset(self._all + to * words, 255, words * sizeof(uint64_t))
            memset(self._some + to * words, 0, words * sizeof(uint64_t))
            changed = True
        for at in range(words):
            all_, some = self._all[place * words + at], self._some[place * words + at]
            if slot >= 0 and slot >> 6 == at:
                all_ |= <uint64_t>1 << (slot & 63)
                some |= <uint64_t>1 << (slot & 63)
            all_ &= self._all[to * words + at]
            some |= self._some[to * words + at]
            if all_ != self._all[to * words + at] or some != self._some[to * words + at]:
                self._all[to * words + at], self._some[to * words + at] = all_, some
                changed = True
        if changed and not self._is_waiting[to]:
            self._is_waiting[to] = 1
            push(&self._waiting, to)
        return 1

    cdef int _room_for(self, int state) except -1:
        cdef int room
        cdef Numbers *more
        while self._place.count <= state:
            push(&self._place, -1)
        if state < self.states:
            return 0
        room = max(2 * self.states, state + 16)
        more = <Numbers *>realloc(self.into, room * sizeof(Numbers))
        if more == NULL:
            raise MemoryError()
        self.into = more
        more = <Numbers *>realloc(self.right_there, room * sizeof(Numbers))
        if more == NULL:
            raise MemoryError()
        self.right_there = more
        memset(self.into + self.states, 0, (room - self.states) * sizeof(Numbers))
        memset(self.right_there + self.states, 0, (room - self.states) * sizeof(Numbers))
        self.states = room
        return 0

    cdef bint _is_new(self, uint64_t key) except -1:
        cdef Py_ssize_t mask = self._seen_room - 1, at, old
        cdef uint64_t *seen
        at = (key * <uint64_t>0x9E3779B97F4A7C15 >> 24) & mask
        while self._seen[at] != 0:
            if self._seen[at] == key:
                return False
            at = (at + 1) & mask
        self._seen[at] = key
        self._seen_count += 1
        if 2 * self._seen_count > self._seen_room:
            seen, old = self._seen, self._seen_room
            self._seen = <uint64_t *>calloc(2 * old, sizeof(uint64_t))
            if self._seen == NULL:
                self._seen = seen
                raise MemoryError()
            self._seen_room, self._seen_count = 2 * old, 0
            for at in range(old):
                if seen[at] != 0:
                    self._is_new(seen[at])
            free(seen)
        return True

    cdef bint is_lost(
        self, int low, int state, int before, const uint64_t *done, const uint64_t *info, int end
    ) except -1:
        """Whether one that answers right in the state that was left, `before`, cannot come any more.

        It is open or will be, its answer is wrong now, and nothing is left that leads to where it
        is right. `done`, `info`: what is in the order. Operations from `end` on are not looked at.
        """
        cdef Problem problem = self.problem
        cdef Numbers *there
        cdef int number, looks = 0
        cdef Py_ssize_t place
        if before >= self.states:
            return False
        there = &self.right_there[before]
        for place in range(first_from(there, low), there.count):
            number = there.items[place]
            if number >= end or looks == LOST_LOOKS_MAX:
                return False
            looks += 1
            if problem.is_open(number, low) and has_bit(done, problem.slot.items[number]):
                continue
            if (
                problem.step(state, problem.given.items[number])[1]
                != problem.expected.items[number]
                and not self._has_source(number, low, done, info)
            ):
                return True
        return False

    cdef bint _has_source(
        self, int number, int low, const uint64_t *done, const uint64_t *info
    ) except -1:
        """Whether something is left that leads to where an operation answers right."""
        cdef Problem problem = self.problem
        cdef Numbers *states = &self.right[number]
        cdef Numbers *into
        cdef int by
        cdef Py_ssize_t place, one
        for place in range(states.count):
            into = &self.into[states.items[place]]
            for one in range(first_from(into, low), into.count):
                by = into.items[one]
                if by == number or problem.call.items[by] > problem.return_.items[number]:
                    continue
                if by >= problem.count:
                    if not has_bit(info, by - problem.count):
                        return True
                elif not (problem.is_open(by, low) and has_bit(done, problem.slot.items[by])):
                    return True
        return False
