"""What a ring does, as plainly as it can be said: lists, one call after the other, no waiting."""

from __future__ import annotations

from dataclasses import dataclass, field

TOMBSTONE = -1
OPEN = -2  # claimed by one of several producers, and not published yet


@dataclass
class Place:
    """A consumer: [sequence, polled) is out; `out` are the sequences of the events in it."""

    after: set[str]
    sequence: int
    polled: int
    out: list[int] = field(default_factory=list)
    held: bool = True  # by a living owner

    def rewind(self) -> None:
        """Nothing is out any more."""
        self.polled, self.out = self.sequence, []


@dataclass
class RingModel:
    capacity: int
    multi: bool
    slots: list[int] = field(default_factory=list)  # by sequence: an id, TOMBSTONE or OPEN
    places: dict[str, Place] = field(default_factory=dict)
    ended: bool = False

    @property
    def cursor(self) -> int:
        return self.slots.index(OPEN) if OPEN in self.slots else len(self.slots)

    @property
    def gate(self) -> int:
        return min((place.sequence for place in self.places.values()), default=self.cursor)

    @property
    def room(self) -> int:
        return self.gate + self.capacity - len(self.slots)

    def claim(self, count: int) -> list[int]:
        """The sequences claimed; only called when there is room."""
        assert 0 < count <= self.room
        first = len(self.slots)
        self.slots += [OPEN] * count
        return list(range(first, first + count))

    def fill(self, sequences: list[int], ids: list[int]) -> None:
        for sequence, value in zip(sequences, ids, strict=True):
            assert self.slots[sequence] == OPEN
            self.slots[sequence] = value

    def give_up(self, sequences: list[int]) -> None:
        if self.multi:
            self.fill(sequences, [TOMBSTONE] * len(sequences))
        else:
            del self.slots[sequences[0] :]

    def end_for(self, place: Place) -> int:
        """Where what the consumer may read ends."""
        return min([self.cursor] + [self.places[other].sequence for other in place.after])

    def depth(self, name: str) -> int:
        return max(0, self.end_for(self.places[name]) - self.places[name].sequence)

    def readable(self, place: Place) -> tuple[int, list[int]]:
        """Where the next batch begins, behind tombstones, and the sequences it may hold."""
        begin, end = place.polled, self.end_for(place)
        while begin < end and self.slots[begin] == TOMBSTONE:
            begin += 1
        stop = begin
        while stop < end and self.slots[stop] >= 0:
            stop += 1
        return begin, list(range(begin, stop))

    def leave(self, name: str) -> None:
        gone = self.places.pop(name)
        for place in self.places.values():
            if name in place.after:
                place.after = place.after - {name} | gone.after
