"""The event as a step sees it: a read-only cursor that is moved from record to record.

It is valid during the call. One that the step kept is cut off afterwards, and says so when used.
"""

cimport cython

from headrace.engine.fields cimport FieldTable

from headrace.engine.errors import StaleEvent


@cython.final
cdef class EventCursor:
    """An event during a step: its fields, `sequence` and `time_ns` as read-only attributes."""

    def __cinit__(self, FieldTable table not None):
        self.table = table
        self.places = {name: index for index, name in enumerate(table.names)}
        self.record = NULL

    def __getattribute__(self, name):
        place = self.places.get(name)
        if place is None and name != "sequence" and name != "time_ns":
            return self._other(name)
        if self.record == NULL:
            raise StaleEvent(
                f"event.{name}: this event's call is over, and its memory belongs to others; keep "
                "the field's value instead of the event")
        if place is None:
            return self.at_sequence if name == "sequence" else self.at_time_ns
        return self.table.load(
            &self.table.fields[<int>place], self.record, self.at_sequence, self.at_time_ns)

    cdef object _other(self, name):
        if name.startswith("__"):
            return object.__getattribute__(self, name)
        raise AttributeError(
            f"the event has no field {name!r}; it has {', '.join(self.places)}, sequence and "
            "time_ns")

    def __setattr__(self, name, value):
        raise AttributeError(f"event.{name} cannot be set: events are read-only")

    def __repr__(self):
        if self.record == NULL:
            return "<event, whose call is over>"
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.places)
        return f"<event {self.at_sequence}: {values}>"

    def __reduce__(self):
        raise StaleEvent("an event cannot be copied or pickled; keep its fields' values instead")
