"""Tables of fields, made from a dtype once and used for every event."""

cimport cython
cimport numpy as cnp
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_FromKindAndData
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)
from libc.math cimport isinf
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

import sys

import numpy as np

from headrace.engine.errors import OutputError
from headrace.ringbuffer.exact import store_exactly

cnp.import_array()

cdef enum:
    UCS4 = 4

_KINDS = {
    "b1": BOOL, "i1": INT8, "i2": INT16, "i4": INT32, "i8": INT64, "u1": UINT8, "u2": UINT16,
    "u4": UINT32, "u8": UINT64, "f4": FLOAT32, "f8": FLOAT64,
}


def _kind_of(dtype):
    """The kind of a field's dtype; GENERIC for what needs NumPy."""
    if not dtype.isnative or dtype.subdtype is not None or dtype.names is not None:
        return GENERIC
    if dtype.kind == "S":
        return BYTES
    if dtype.kind == "U":
        return TEXT
    return _KINDS.get(dtype.str[1:], GENERIC)


@cython.final
cdef class FieldTable:
    """The fields of `dtype` (a plain one counts as a field "value"), or those in `names`."""

    def __cinit__(self, dtype, names=None):
        cdef int index
        known = {"value": (dtype, 0)} if dtype.names is None else dtype.fields
        self.names = tuple(known if dtype.names is None else dtype.names) if names is None else (
            tuple(names))
        self.count = len(self.names)
        self.item_bytes = dtype.itemsize
        self.fields = <Field *>calloc(max(1, self.count), sizeof(Field))
        if self.fields == NULL:
            raise MemoryError
        dtypes = []
        for index, name in enumerate(self.names):
            self.fields[index].index = index
            if name in known:
                form, offset = known[name][:2]
                dtypes.append(form)
                self.fields[index].kind = _kind_of(form)
                self.fields[index].offset = offset
                self.fields[index].size = form.itemsize
            else:
                dtypes.append(None)
                self.fields[index].kind = SEQUENCE if name == "sequence" else TIME_NS
        self.dtypes = tuple(dtypes)

    def __dealloc__(self):
        free(self.fields)

    cdef object load_slow(self, const Field *field, const char *record):
        cdef const char *at = record + field.offset
        cdef Py_ssize_t size = field.size
        cdef cnp.ndarray copy
        if field.kind == BYTES:
            while size > 0 and at[size - 1] == 0:
                size -= 1
            return PyBytes_FromStringAndSize(at, size)
        if field.kind == TEXT:
            while size >= 4 and at[size - 1] == 0 and at[size - 2] == 0 and (
                    at[size - 3] == 0 and at[size - 4] == 0):
                size -= 4
            return PyUnicode_FromKindAndData(UCS4, <void *>at, size // 4)
        dtype = self.dtypes[field.index]
        copy = np.empty((), dtype.base if dtype.subdtype is None else dtype)
        if dtype.subdtype is not None:
            copy = np.empty(dtype.shape, dtype.base)
        memcpy(cnp.PyArray_DATA(copy), at, field.size)
        if dtype.subdtype is None and dtype.names is None:
            if dtype.kind in "iufcb":
                return copy.item()
            return copy[()]
        copy.flags.writeable = False
        return copy if dtype.subdtype is not None else copy[()]

    cdef object refuse(self, const Field *field, object value, str why):
        raise OutputError(
            f"output field {self.names[field.index]!r} ({self.dtypes[field.index]}) cannot be "
            f"{value!r}: {why}")

    cdef int store(self, const Field *field, char *record, object value) except -1:
        """Write a Python value into a field; OutputError where it does not fit."""
        cdef char *at = record + field.offset
        cdef int64_t i8
        cdef double f8
        cdef float f4
        if field.kind == FLOAT64 and isinstance(value, float):
            f8 = value
            memcpy(at, &f8, 8)
            return 0
        if type(value) is int and INT8 <= field.kind <= INT64:
            try:
                i8 = value
            except OverflowError:
                self.refuse(field, value, "out of range")
            if field.size < 8 and not -(<int64_t>1 << (8 * field.size - 1)) <= i8 < (
                    <int64_t>1 << (8 * field.size - 1)):
                self.refuse(field, value, "out of range")
            memcpy(at, &i8, field.size)  # little end first; checked at import
            return 0
        if field.kind == FLOAT32 and isinstance(value, float):
            f8 = value
            f4 = <float>f8
            if isinf(f4) and not isinf(f8):
                self.refuse(field, value, "out of range")
            memcpy(at, &f4, 4)
            return 0
        return self.store_slow(field, record, value)

    cdef int store_slow(self, const Field *field, char *record, object value) except -1:
        cdef cnp.ndarray one
        dtype = self.dtypes[field.index]
        one = np.zeros((), dtype) if dtype.subdtype is None else np.zeros(dtype.shape, dtype.base)
        try:
            store_exactly(one, value)
        except ValueError as error:
            self.refuse(field, value, str(error))
        memcpy(record + field.offset, cnp.PyArray_DATA(one), field.size)
        return 0

    cdef int store_record(self, char *record, object value) except -1:
        """Write one output, a tuple in the order of the fields, or a scalar for a single field."""
        cdef int index
        if isinstance(value, np.void):
            if value.dtype.names is not None and value.dtype.names != self.names:
                raise OutputError(
                    f"the output {value!r} has the fields {', '.join(value.dtype.names)}, not "
                    f"{', '.join(self.names)}")
            value = value.item()
        if isinstance(value, tuple):
            if len(value) != self.count:
                raise OutputError(
                    f"the output {value!r} has {len(value)} values for the {self.count} fields "
                    f"{', '.join(self.names)}")
            for index in range(self.count):
                self.store(&self.fields[index], record, value[index])
        elif self.count == 1:
            self.store(&self.fields[0], record, value)
        else:
            raise OutputError(
                f"the output {value!r} is no tuple of the fields {', '.join(self.names)} (and "
                "several outputs are a list of such tuples)")
        return 0

    def describe(self, Py_ssize_t address, int64_t sequence, int64_t time_ns):
        """All fields of the record at an address, by name."""
        cdef int index
        return {
            self.names[index]: self.load(
                &self.fields[index], <const char *>address, sequence, time_ns)
            for index in range(self.count)
        }


if sys.byteorder != "little":
    raise ImportError("headrace runs on little-endian machines only")
