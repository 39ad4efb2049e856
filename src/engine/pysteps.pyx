"""Stepping over events one by one in Python.

The loop decodes the fields that the step names into an array of arguments and calls it through
the vectorcall protocol: no tuple, no dict, no attribute look-up for an event.
"""

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.stdint cimport int64_t

from headrace.engine.batch cimport Batch, event_of, origin_of, sequence_of, time_of
from headrace.engine.cursor cimport EventCursor
from headrace.engine.fields cimport Field, FieldTable
from headrace.engine.outputs cimport Outputs

from headrace.engine.errors import MachineError, OutputError

cdef extern from "Python.h":
    const size_t PY_VECTORCALL_ARGUMENTS_OFFSET
    PyObject *Py_None
    PyObject *PyObject_Vectorcall(
        PyObject *function, PyObject **arguments, size_t count, PyObject *names) except NULL
    bint PyTuple_CheckExact(PyObject *value)
    Py_ssize_t PyTuple_GET_SIZE(PyObject *value)
    PyObject *PyTuple_GET_ITEM(PyObject *value, Py_ssize_t index)
    void Py_DECREF(PyObject *value)


@cython.final
cdef class PythonSteps:
    """The state of a machine and its Python step."""

    def __cinit__(self, machine):
        self.step = machine.step
        self.table = FieldTable(machine.event)
        self.wanted = None
        if machine.parameters is not None:
            if len(machine.parameters) > PARAMETERS_MAX:
                raise MachineError(
                    f"machine {machine.name!r}: its step names {len(machine.parameters)} fields; "
                    f"with more than {PARAMETERS_MAX} take the event instead")
            self.wanted = FieldTable(machine.event, machine.parameters)
            self.timed = "time_ns" in machine.parameters
        self.cursor = EventCursor(self.table)

    cdef int fold(self, const Batch *batch, int64_t begin, int64_t end, Outputs outputs) except -1:
        """Step over events [begin, end) of a batch; `done` says how far it got, if it raises."""
        if self.wanted is None:
            return self.fold_cursor(batch, begin, end, outputs)
        return self.fold_fields(batch, begin, end, outputs)

    cdef int fold_fields(
        self, const Batch *batch, int64_t begin, int64_t end, Outputs outputs
    ) except -1:
        cdef Call call
        call.loaded = 0
        try:  # once a batch, not once an event
            self.call_each(&call, batch, begin, end, outputs)
        finally:
            while call.loaded > 0:
                call.loaded -= 1
                Py_XDECREF(call.arguments[call.loaded + 2])
        return 0

    cdef int call_each(
        self, Call *call, const Batch *batch, int64_t begin, int64_t end, Outputs outputs
    ) except -1:
        """References are counted by hand here: what Cython adds costs as much as the call."""
        cdef int count = self.wanted.count
        cdef const Field *fields = self.wanted.fields
        cdef FieldTable table = self.wanted
        cdef PyObject *step = <PyObject *>self.step
        cdef PyObject *result
        cdef PyObject *state
        cdef const char *record
        cdef int64_t index, time_ns = 0
        cdef int field
        cdef size_t flags = (count + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET
        cdef object owned
        for index in range(begin, end):
            self.done = index
            record = event_of(batch, index)
            if self.timed and batch.times != NULL:
                time_ns = time_of(batch, index)
            for field in range(count):
                call.arguments[field + 2] = table.load_new(
                    &fields[field], record, sequence_of(batch, index), time_ns)
                call.loaded += 1
            call.arguments[1] = <PyObject *>self.state
            result = PyObject_Vectorcall(step, &call.arguments[1], flags, NULL)
            call.loaded = 0
            for field in range(count):
                Py_DECREF(call.arguments[field + 2])
            if PyTuple_CheckExact(result) and PyTuple_GET_SIZE(result) == 2 and (
                    PyTuple_GET_ITEM(result, 1) == Py_None):
                state = PyTuple_GET_ITEM(result, 0)
                if state != <PyObject *>self.state:
                    self.state = <object>state
                Py_DECREF(result)
            else:
                owned = <object>result
                Py_DECREF(result)
                self.take_result(owned, batch, index, outputs)
        self.done = end
        return 0

    cdef int fold_cursor(
        self, const Batch *batch, int64_t begin, int64_t end, Outputs outputs
    ) except -1:
        cdef int64_t index
        cdef object result
        cdef object step = self.step
        cdef EventCursor cursor = self.cursor
        self.done = begin
        try:
            for index in range(begin, end):
                cursor.record = event_of(batch, index)
                cursor.at_sequence = sequence_of(batch, index)
                cursor.at_time_ns = time_of(batch, index)
                result = step(self.state, cursor)
                if (<PyObject *>cursor).ob_refcnt > 2:  # ours and the attribute's
                    cursor.record = NULL
                    self.cursor = cursor = EventCursor(self.table)
                self.take_result(result, batch, index, outputs)
                self.done = index + 1
        finally:
            cursor.record = NULL
            if (<PyObject *>cursor).ob_refcnt > 2:
                self.cursor = EventCursor(self.table)
        return 0

    cdef int take_result(
        self, object result, const Batch *batch, int64_t index, Outputs outputs
    ) except -1:
        """Check (state, outputs), append the outputs, and only then move to the state."""
        cdef object made
        if type(result) is not tuple or len(<tuple>result) != 2:
            raise OutputError(
                f"a step returns (state, outputs), and this one returned {result!r}; without "
                "outputs return (state, None)")
        made = (<tuple>result)[1]
        if made is not None and outputs is not None:
            outputs.append(
                sequence_of(batch, index), time_of(batch, index), origin_of(batch, index), made)
        elif made is not None and made != []:
            raise OutputError(
                f"the step returned the output {made!r}, but its machine has no output dtype")
        self.state = (<tuple>result)[0]
        return 0
