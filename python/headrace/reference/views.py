"""What memory may do between threads: three levels of detail, for the walk in `explore`.

VALUES: sequential consistency, slots included. Shows lost, double and overwritten events.

ORDER: atomic actions are sequentially consistent, and what happens before what is followed by
views, as ThreadSanitizer does by vector clocks. A view counts, for each slot, the writes, and the
reads of each thread, that happened before. A release puts the thread's view next to the value it
stores, an acquire joins the one it finds there, relaxed does neither. Reading or writing a slot
without having the last write in view, or writing it without having all reads in view, is a data
race: so an acquire or release that became relaxed is caught, whatever the processor does.

WEAK: besides, a load may return an old value, as long as neither the thread itself nor anything
that it acquired has seen a newer one. Views then count the stores to each location, too, and a
sequentially consistent fence joins the thread's view with that of all fences before it. This is the
C11 model in its view-based form (Kang, Hur, Lahav, Vafeiadis, Dreyer: A promising semantics, 2017),
without promises, with stores placed last in the order of their location. It shows store buffering.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from headrace.reference.memory import Action, ModelViolation, apply_rmw

_LOADS = {"load", "read", "add", "or", "and", "cas", "sleep", "resume"}
_STORES = {"store", "write", "add", "or", "and", "cas", "sleep", "wake"}
_ACQUIRES = {"acquire", "acq_rel", "seq_cst"}
_RELEASES = {"release", "acq_rel", "seq_cst"}

Outcomes = list[tuple[Any, tuple[int, ...]]]


class Detail(enum.Enum):
    """How much of the memory model is followed."""

    VALUES = "values"
    ORDER = "order"
    WEAK = "weak"


class Restart(Exception):
    """A thread touches a location in a way not known when the walk began: begin again."""


class _Access:
    """Who loads and who stores a location, as far as known."""

    def __init__(self) -> None:
        self.loaded: set[int] = set()
        self.stored: set[int] = set()

    def matters_to_others(self, thread: int, action: Action) -> bool:
        rivals = set(self.stored)
        if action.kind in _STORES:
            rivals |= self.loaded
        return bool(rivals - {thread})


class ModelMemory:
    """Memory as part of a state: small integers that stand for interned entries and views.

    A state is: a node for each thread | an entry for each location | for each thread a view and
    one that an acquire fence would join, and a view of its last release fence | that of all fences.
    """

    def __init__(self, threads: int, words: Mapping[str, Any], detail: Detail) -> None:
        self._threads = threads
        self._words = words
        self._detail = detail
        self._access: defaultdict[str, _Access] = defaultdict(_Access)
        self._fences_release = False  # somebody stores relaxed what somebody loads
        self.initial_state()

    # What is shared by whom. -------------------------------------------------------------------

    def meet(self, thread: int, action: Action) -> None:
        """Note that `thread` may do `action`; raises Restart if that changes what is visible."""
        for name in self._locations_of(action):
            access = self._access[name]
            before = (len(access.loaded), len(access.stored))
            if action.kind in _LOADS:
                access.loaded.add(thread)
            if action.kind in _STORES:
                access.stored.add(thread)
            if before != (len(access.loaded), len(access.stored)) or name not in self._index:
                raise Restart
        if action.order == "relaxed" and action.kind in _STORES and not self._fences_release:
            self._fences_release = True
            raise Restart

    @staticmethod
    def _locations_of(action: Action) -> list[str]:
        if action.kind == "sleep":
            return [action.location, f"{action.location}.sleepers"]
        if action.kind in ("wake", "resume"):
            return [f"{action.location}.sleepers"]
        return [action.location] if action.location else []

    def is_visible(self, thread: int, action: Action) -> bool:
        """Whether the order of this action and those of other threads can matter."""
        if action.kind == "fence":
            return self._detail is Detail.WEAK
        if action.kind in ("sleep", "wake", "resume"):
            return True
        if action.kind in ("read", "write") and self._detail is not Detail.VALUES:
            return False  # a race shows whatever the order; without races the order is no matter
        return self._access[action.location].matters_to_others(thread, action)

    # Entries and views, interned. --------------------------------------------------------------

    def initial_state(self) -> tuple[int, ...]:
        """The memory's part of the first state."""
        self._index: dict[str, int] = {name: at for at, name in enumerate(self._access)}
        self._entries: list[Any] = []
        self._entry_ids: dict[Any, int] = {}
        self._part: dict[str, int] = {}  # where a location's counts begin in a view
        parts = 0
        for name in self._index:
            self._part[name] = parts
            parts += 1 + self._threads if name.startswith("slot[") else 1
        self._is_atomic_part = [False] * parts
        if self._detail is Detail.WEAK:
            for name, part in self._part.items():
                self._is_atomic_part[part] = not name.startswith("slot[")
        self._views: list[tuple[int, ...]] = [(0,) * parts]
        self._view_ids: dict[tuple[int, ...], int] = {self._views[0]: 0}
        self._joins: dict[tuple[int, int], int] = {}
        entries = []
        for name in self._index:
            value = self._words.get(name, 0)
            if self._detail is Detail.VALUES:
                entries.append(self._intern(value))
            elif name.startswith("slot["):
                entries.append(self._intern((value, 0, (0,) * self._threads)))
            else:
                entries.append(self._intern(((0, value, 0),)))
        self._words_at = self._threads
        self._views_at = self._threads + len(entries)
        views = 0 if self._detail is Detail.VALUES else 3 * self._threads + 1
        return (*entries, *([0] * views))

    def _intern(self, entry: Any) -> int:
        known = self._entry_ids.get(entry)
        if known is None:
            known = self._entry_ids[entry] = len(self._entries)
            self._entries.append(entry)
        return known

    def _view_id(self, view: tuple[int, ...]) -> int:
        known = self._view_ids.get(view)
        if known is None:
            known = self._view_ids[view] = len(self._views)
            self._views.append(view)
        return known

    def _join(self, one: int, other: int) -> int:
        if one == other or other == 0:
            return one
        if one == 0:
            return other
        key = (one, other)
        known = self._joins.get(key)
        if known is None:
            view = tuple(map(max, self._views[one], self._views[other]))
            known = self._joins[key] = self._view_id(view)
        return known

    def _with_count(self, view: int, part: int, count: int) -> int:
        counts = self._views[view]
        if counts[part] == count:
            return view
        return self._view_id((*counts[:part], count, *counts[part + 1 :]))

    def _atomic_parts(self, view: int) -> int:
        counts = self._views[view]
        kept = (c if atomic else 0 for c, atomic in zip(counts, self._is_atomic_part, strict=True))
        return self._view_id(tuple(kept))

    # Looking at a state. -----------------------------------------------------------------------

    def newest(self, state: tuple[int, ...], name: str) -> Any:
        """The value that a location holds, last store first."""
        at = self._index.get(name)
        if at is None:
            return self._words.get(name, 0)
        entry = self._entries[state[self._words_at + at]]
        if self._detail is Detail.VALUES:
            return entry
        return entry[0] if name.startswith("slot[") else entry[-1][1]

    def any_changed(
        self, state: tuple[int, ...], waits: Iterable[tuple[str, bool, Any]]
    ) -> bool:
        """Whether a wait is over; each is (location, whether it has to hold, that value)."""
        return any((self.newest(state, name) == value) != held for name, held, value in waits)

    # Actions. ----------------------------------------------------------------------------------

    def perform(self, state: tuple[int, ...], thread: int, action: Action) -> Outcomes:
        """All that the action may return, each with the state after it; none: not possible now."""
        kind = action.kind
        if kind in ("sleep", "wake", "resume"):
            return self._futex(state, thread, action)
        if kind == "fence":
            return [(None, self._fence(state, thread, action.order))]
        at = self._words_at + self._index[action.location]
        if self._detail is Detail.VALUES:
            return self._perform_on_value(state, at, action)
        if kind in ("read", "write"):
            return [self._perform_on_slot(state, at, thread, action)]
        if kind == "load":
            return self._load(state, at, thread, action)
        return [self._store(state, at, thread, action)]

    def _perform_on_value(self, state: tuple[int, ...], at: int, action: Action) -> Outcomes:
        held = self._entries[state[at]]
        if action.kind in ("load", "read"):
            return [(held, state)]
        returned = None
        value = action.value
        if action.kind not in ("store", "write"):
            value, returned = apply_rmw(action, held)
        if not self._access[action.location].loaded:
            return [(returned, state)]
        return [(returned, (*state[:at], self._intern(value), *state[at + 1 :]))]

    def _perform_on_slot(
        self, state: tuple[int, ...], at: int, thread: int, action: Action
    ) -> tuple[Any, tuple[int, ...]]:
        value, writes, reads = self._entries[state[at]]
        part = self._part[action.location]
        view_at = self._views_at + 3 * thread
        view = state[view_at]
        seen = self._views[view]
        if seen[part] < writes:
            raise ModelViolation(
                f"data race on {action.location}: this {action.kind} and an earlier write")
        if action.kind == "read":
            count = reads[thread] + 1
            reads = (*reads[:thread], count, *reads[thread + 1 :])
            view = self._with_count(view, part + 1 + thread, count)
            returned = value
        else:
            for other, count in enumerate(reads):
                if other != thread and seen[part + 1 + other] < count:
                    raise ModelViolation(
                        f"data race on {action.location}: this write and an earlier read")
            value, writes, returned = action.value, writes + 1, None
            view = self._with_count(view, part, writes)
        changed = list(state)
        changed[at] = self._intern((value, writes, reads))
        changed[view_at] = view
        changed[view_at + 1] = self._join(changed[view_at + 1], view)
        return returned, tuple(changed)

    def _load(self, state: tuple[int, ...], at: int, thread: int, action: Action) -> Outcomes:
        messages = self._entries[state[at]]
        view_at = self._views_at + 3 * thread
        part = self._part[action.location]
        outcomes: Outcomes = []
        if self._detail is Detail.ORDER:
            messages = messages[-1:]
        else:
            oldest = self._views[state[view_at]][part]
            messages = [message for message in messages if message[0] >= oldest]
        for count, value, message_view in messages:
            changed = list(state)
            self._observe(changed, view_at, part, count, message_view, action.order)
            outcomes.append((value, self._forget(changed)))
        return outcomes

    def _observe(
        self, changed: list[int], view_at: int, part: int, count: int, found: int, order: str
    ) -> None:
        view = changed[view_at]
        if self._detail is Detail.WEAK:
            view = self._with_count(view, part, count)
        if order in _ACQUIRES:
            view = self._join(view, found)
        changed[view_at] = view
        changed[view_at + 1] = self._join(self._join(changed[view_at + 1], view), found)

    def _store(
        self, state: tuple[int, ...], at: int, thread: int, action: Action
    ) -> tuple[Any, tuple[int, ...]]:
        """A store, or a read-modify-write, which reads the newest value."""
        messages = self._entries[state[at]]
        count, held, found = messages[-1]
        view_at = self._views_at + 3 * thread
        part = self._part[action.location]
        changed = list(state)
        value, returned, inherited = action.value, None, 0
        if action.kind != "store":
            value, returned = apply_rmw(action, held)
            self._observe(changed, view_at, part, count, found, action.order)
            inherited = found  # a release sequence goes on through a read-modify-write
            if action.kind == "cas" and not returned:
                return returned, self._forget(changed)
        if not self._access[action.location].loaded:
            return returned, tuple(changed)
        count += 1
        if self._detail is Detail.WEAK:
            changed[view_at] = self._with_count(changed[view_at], part, count)
            changed[view_at + 1] = self._join(changed[view_at + 1], changed[view_at])
            stamp = (part, count)
        else:
            count, stamp = 0, None
        attached = changed[view_at] if action.order in _RELEASES else changed[view_at + 2]
        if stamp is not None:
            attached = self._with_count(attached, *stamp)
        attached = self._join(attached, inherited)
        kept = messages if self._detail is Detail.WEAK else ()
        changed[at] = self._intern((*kept, (count, value, attached)))
        return returned, self._forget(changed)

    def _forget(self, changed: list[int]) -> tuple[int, ...]:
        """Drop the messages that no thread that loads the location can return any more."""
        if self._detail is Detail.WEAK:
            for name, index in self._index.items():
                entry = self._entries[changed[self._words_at + index]]
                if len(entry) < 2 or name.startswith("slot["):
                    continue
                part = self._part[name]
                oldest = min(
                    self._views[changed[self._views_at + 3 * thread]][part]
                    for thread in self._access[name].loaded
                )
                if entry[0][0] < oldest:
                    kept = tuple(message for message in entry if message[0] >= oldest)
                    changed[self._words_at + index] = self._intern(kept)
        return tuple(changed)

    def _fence(self, state: tuple[int, ...], thread: int, order: str) -> tuple[int, ...]:
        if self._detail is Detail.VALUES:
            return state
        changed = list(state)
        threads = range(self._threads) if order == "heavy" else (thread,)
        everyone_at = self._views_at + 3 * self._threads
        for one in threads:
            view_at = self._views_at + 3 * one
            changed[view_at] = self._join(changed[view_at], changed[view_at + 1])
            if self._detail is Detail.WEAK:
                own = self._atomic_parts(changed[view_at])
                changed[everyone_at] = self._join(changed[everyone_at], own)
        for one in threads:
            view_at = self._views_at + 3 * one
            changed[view_at] = self._join(changed[view_at], changed[everyone_at])
            changed[view_at + 1] = self._join(changed[view_at + 1], changed[view_at])
            if self._fences_release:
                changed[view_at + 2] = changed[view_at]
        return self._forget(changed)

    def _futex(self, state: tuple[int, ...], thread: int, action: Action) -> Outcomes:
        """The kernel looks at the newest value, and keeps its list of sleepers in order."""
        at = self._words_at + self._index[f"{action.location}.sleepers"]
        sleepers = self.newest(state, f"{action.location}.sleepers")
        if action.kind == "resume":
            return [] if sleepers >> thread & 1 else [(None, state)]
        if action.kind == "wake":
            sleepers, returned = 0, None
        elif self.newest(state, action.location) != action.expected:
            return [(0, state)]
        else:
            sleepers, returned = sleepers | 1 << thread, 1
        entry = sleepers if self._detail is Detail.VALUES else ((0, sleepers, 0),)
        return [(returned, (*state[:at], self._intern(entry), *state[at + 1 :]))]
