"""The machine that is replicated: keys and values, and what each client was last answered."""

from __future__ import annotations

from dataclasses import dataclass, field

from .messages import Answer, Append, Cas, Delete, Entry, Get, Put, Served, Snapshot, Write


@dataclass
class Store:
    """What all entries up to the index `applied` come to.

    `served` is the client table: a client numbers its requests, and waits for each before the next,
    so that its last answer tells a request that comes again.
    """

    applied: int = 0
    values: dict[str, str] = field(default_factory=dict)
    served: dict[str, Served] = field(default_factory=dict)

    def apply(self, entry: Entry) -> Answer | None:
        """Carry the next entry out, if it was not before; what to answer the client."""
        self.applied += 1
        if entry.write is None:
            return None
        last = self.served.get(entry.client)
        if last is not None and entry.number <= last.number:
            return last.answer if entry.number == last.number else None
        answer = self._write(entry.write)
        self.served[entry.client] = Served(entry.client, entry.number, answer)
        return answer

    def read(self, request: Get) -> Answer:
        """What a key holds."""
        return Answer(value=self.values.get(request.key))

    def _write(self, write: Write) -> Answer:
        held = self.values.get(write.key)
        match write:
            case Put(key, value):
                self.values[key] = value
                return Answer()
            case Append(key, value):
                self.values[key] = (held or "") + value
                return Answer(value=self.values[key])
            case Cas(key, expected, value):
                if held != expected:
                    return Answer(ok=False, value=held)
                self.values[key] = value
                return Answer(value=value)
            case Delete(key):
                self.values.pop(key, None)
                return Answer(value=held)

    def snapshot(self, term: int) -> Snapshot:
        """All of it, as a value; `term` is that of the last entry."""
        return Snapshot(
            index=self.applied,
            term=term,
            values=tuple(sorted(self.values.items())),
            served=tuple(self.served[client] for client in sorted(self.served)),
        )


def restored(snapshot: Snapshot) -> Store:
    """The store of which that is a snapshot."""
    return Store(
        applied=snapshot.index,
        values=dict(snapshot.values),
        served={served.client: served for served in snapshot.served},
    )
