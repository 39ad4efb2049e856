"""Fields of a runtime dtype: from bytes at an address to Python values, and back.

A field is a kind, an offset and a size. Kinds with a C type of their own are decoded right here,
in a switch; everything else (other byte order, half floats, dates, subarrays, nested structures)
is of kind GENERIC and goes through NumPy.
"""

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)
from libc.string cimport memcpy

cdef extern from "Python.h":
    PyObject *PyLong_FromLongLong(long long value) except NULL
    PyObject *PyFloat_FromDouble(double value) except NULL

cdef enum Kind:
    GENERIC
    BOOL
    INT8
    INT16
    INT32
    INT64
    UINT8
    UINT16
    UINT32
    UINT64
    FLOAT32
    FLOAT64
    BYTES
    TEXT
    SEQUENCE    # not in the record: the event's sequence
    TIME_NS     # not in the record: its ingest time

ctypedef struct Field:
    Kind kind
    Py_ssize_t offset
    Py_ssize_t size
    int index                   # in the table, for what only Python knows of it


@cython.final
cdef class FieldTable:
    cdef Field *fields
    cdef readonly int count
    cdef readonly tuple names
    cdef readonly tuple dtypes  # of each field; None for SEQUENCE and TIME_NS
    cdef readonly Py_ssize_t item_bytes

    cdef object load_slow(self, const Field *field, const char *record)
    cdef int store(self, const Field *field, char *record, object value) except -1
    cdef int store_slow(self, const Field *field, char *record, object value) except -1
    cdef int store_record(self, char *record, object value) except -1
    cdef object refuse(self, const Field *field, object value, str why)

    cdef inline PyObject *load_new(
        self, const Field *field, const char *record, int64_t sequence, int64_t time_ns
    ) except NULL:
        """The same as `load`, as a reference that the caller owns."""
        cdef const char *at = record + field.offset
        cdef int64_t i8
        cdef int32_t i4
        cdef double f8
        cdef object value
        if field.kind == INT64:
            memcpy(&i8, at, 8)
            return PyLong_FromLongLong(i8)
        elif field.kind == FLOAT64:
            memcpy(&f8, at, 8)
            return PyFloat_FromDouble(f8)
        elif field.kind == INT32:
            memcpy(&i4, at, 4)
            return PyLong_FromLongLong(i4)
        elif field.kind == INT8:
            return PyLong_FromLongLong((<int8_t *>at)[0])
        elif field.kind == UINT8:
            return PyLong_FromLongLong((<uint8_t *>at)[0])
        value = self.load(field, record, sequence, time_ns)
        Py_INCREF(value)
        return <PyObject *>value

    cdef inline object load(
        self, const Field *field, const char *record, int64_t sequence, int64_t time_ns
    ):
        """The field as a plain Python value; `record` may be unaligned."""
        cdef const char *at = record + field.offset
        cdef int64_t i8
        cdef uint64_t u8
        cdef int32_t i4
        cdef uint32_t u4
        cdef int16_t i2
        cdef uint16_t u2
        cdef double f8
        cdef float f4
        if field.kind == INT64:
            memcpy(&i8, at, 8)
            return i8
        elif field.kind == FLOAT64:
            memcpy(&f8, at, 8)
            return f8
        elif field.kind == INT32:
            memcpy(&i4, at, 4)
            return i4
        elif field.kind == INT16:
            memcpy(&i2, at, 2)
            return i2
        elif field.kind == INT8:
            return (<int8_t *>at)[0]
        elif field.kind == UINT8:
            return (<uint8_t *>at)[0]
        elif field.kind == UINT16:
            memcpy(&u2, at, 2)
            return u2
        elif field.kind == UINT32:
            memcpy(&u4, at, 4)
            return u4
        elif field.kind == UINT64:
            memcpy(&u8, at, 8)
            return u8
        elif field.kind == FLOAT32:
            memcpy(&f4, at, 4)
            return <double>f4
        elif field.kind == BOOL:
            return at[0] != 0
        elif field.kind == SEQUENCE:
            return sequence
        elif field.kind == TIME_NS:
            return time_ns
        return self.load_slow(field, record)
