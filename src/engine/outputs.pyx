"""Output records as they are made: a growing buffer, used again for each batch.

The buffer is NumPy's; a caller that still holds the last batch's records gets to keep them, and
the next batch is written to a new one.
"""

cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject
from libc.stdint cimport int64_t
from libc.string cimport memset

import numpy as np

from headrace.engine.fields cimport FieldTable

from headrace.engine.errors import OutputError

cnp.import_array()

cdef enum:
    ROOM_AT_FIRST = 256
    RECORDS_MAX = 1 << 28       # of one batch: a machine that never stops must not eat all memory


@cython.final
cdef class Outputs:
    """Records of `dtype` (header and payload), appended event by event."""

    def __cinit__(self, dtype, payload):
        self.dtype = dtype
        self.payload = payload
        self.table = FieldTable(payload)
        self.item_bytes = dtype.itemsize
        if self.item_bytes != <int64_t>sizeof(RecordHeader) + payload.itemsize:
            raise OutputError(f"{dtype} is not the record dtype of {payload}")
        self._renew(ROOM_AT_FIRST)

    def _renew(self, room):
        # Zeroed, so that padding never shows what lay in memory before.
        self.buffer = np.zeros(room, self.dtype)
        self.base = <char *>cnp.PyArray_DATA(self.buffer)
        self.room = room

    def reset(self):
        """Start anew; records handed out before stay as they are if somebody holds them."""
        if (<PyObject *>self.buffer).ob_refcnt > 1:
            self._renew(self.room)
        self.count = 0

    cdef int reserve(self, int64_t more) except -1:
        if self.count + more > self.room:
            self.grow(more)
        return 0

    cdef int grow(self, int64_t more) except -1:
        cdef cnp.ndarray old = self.buffer
        if self.count + more > RECORDS_MAX:
            raise OutputError(f"more than {RECORDS_MAX:,} outputs of one batch of events")
        self._renew(max(2 * self.room, self.count + more))
        self.buffer.view(np.uint8)[:self.count * self.item_bytes] = (
            old.view(np.uint8)[:self.count * self.item_bytes])
        return 0

    cdef int append(
        self, int64_t sequence, int64_t time_ns, int64_t origin, object outputs
    ) except -1:
        """Append what a step returned as outputs, but for None; all of it, or nothing."""
        cdef int64_t before = self.count
        cdef int64_t index = 0
        try:
            if isinstance(outputs, list):
                for one in <list>outputs:
                    self.append_one(sequence, index, time_ns, origin, one)
                    index += 1
            elif isinstance(outputs, np.ndarray) and outputs.ndim:
                self.append_array(sequence, time_ns, origin, outputs)
            else:
                self.append_one(sequence, 0, time_ns, origin, outputs)
        except BaseException:
            self.count = before
            raise
        return 0

    cdef int append_one(
        self, int64_t sequence, int64_t index, int64_t time_ns, int64_t origin, object value
    ) except -1:
        cdef char *payload
        self.reserve(1)
        payload = self.begin(sequence, index, time_ns, origin)
        memset(payload, 0, self.item_bytes - sizeof(RecordHeader))
        self.table.store_record(payload, value)
        self.count += 1
        return 0

    def append_array(self, sequence, time_ns, origin, records):
        """Append an array of the output dtype: all outputs of one event."""
        self._check_payload(records)
        self.append_batch(
            records, np.zeros(len(records), np.int64),
            np.array([sequence]), np.array([time_ns]), np.array([origin]))

    def append_made(self, made, sequences, times, origins):
        """Append what step_batch made of the events with these numbers: records, or (them, of)."""
        count = len(sequences)
        records, of = made if type(made) is tuple and len(made) == 2 else (made, np.arange(count))
        records, of = np.asarray(records), np.asarray(of)
        if of.dtype.kind not in "iu" or of.shape != (len(records),) or (
                len(of) and (of.min() < 0 or of.max() >= count or (np.diff(of) < 0).any())):
            raise OutputError(
                "step_batch gives outputs as (records, of): of[i] is the index of the event that "
                f"made records[i], never going back, below {count}")
        self.append_batch(records, of, sequences, times, origins)

    def append_batch(self, records, of, sequences, times, origins):
        """Append the outputs of a batch: records[i] is of event of[i], which never goes back."""
        self._check_payload(records)
        count = len(records)
        self.reserve(count)
        into = self.buffer[self.count:self.count + count]
        into["input_sequence"] = sequences[of]
        into["input_time_ns"] = times[of]
        into["origin"] = origins[of]
        # The index counts from 0 within the outputs of one event.
        starts = np.searchsorted(of, of, side="left")
        into["output_index"] = np.arange(count) - starts
        into.getfield(self.payload, sizeof(RecordHeader))[...] = records
        self.count += count

    def _check_payload(self, records):
        if records.dtype != self.payload or records.ndim != 1:
            raise OutputError(
                f"outputs are an array of {records.dtype} and shape {records.shape}; one "
                f"dimension of {self.payload} is expected")

    cdef object taken(self):
        """The records so far: a view, good until the next batch, or longer while it is held."""
        return self.buffer[:self.count]
