"""Stepping over events by native functions, without the GIL.

The functions write bare payloads; the loop puts each behind the header of its record.
"""

cimport cython
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

import numpy as np

from headrace.engine.batch cimport Batch, origin_of, sequence_of, time_of
from headrace.engine.outputs cimport Outputs

from headrace.engine.errors import MachineError, NativeStepError, OutputError

cnp.import_array()

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    /* Copies a few bytes: what is measured here are records of some words, for which a call of
       memcpy with a size that is not known costs more than the rest of the loop. */
    static inline void hr_copy_few(char *to, const char *from, int64_t size) {
        if (size > 64) { memcpy(to, from, size); return; }
        for (; size >= 8; size -= 8, to += 8, from += 8) memcpy(to, from, 8);
        for (; size > 0; size--) *to++ = *from++; }

    /* Items that lie `stride` bytes apart, one behind the other. */
    __attribute__((noinline)) static void hr_gather(
            char *to, const char *from, int64_t stride, int64_t size, int64_t count) {
        for (int64_t index = 0; index < count; index++, to += size, from += stride)
            hr_copy_few(to, from, size); }

    /* Puts each of the payloads that a batch step made behind the header of its record: for how
       many events, up to the first whose number of outputs is none; and how many records. */
    __attribute__((noinline)) static int64_t hr_put_records(
            char *record, int64_t record_bytes, const char *made, int64_t size, const int64_t *of,
            int64_t count, int64_t most, int64_t first, const int64_t *times, const char *origins,
            int64_t origins_stride, int64_t *records) {
        int64_t index, each, made_count = 0;
        for (index = 0; index < count; index++) {
            int64_t sequence = first + index, origin = sequence;
            if (of[index] < 0 || of[index] > most) break;
            if (origins) memcpy(&origin, origins + index * origins_stride, 8);
            for (each = 0; each < of[index]; each++) {
                /* Word by word: records need not be aligned, and what is stored by words and
                   loaded by pairs of them has to wait for the stores. */
                memcpy(record, &sequence, 8);
                memcpy(record + 8, &each, 8);
                memcpy(record + 16, &times[index], 8);
                memcpy(record + 24, &origin, 8);
                hr_copy_few(record + 32, made, size);
                record += record_bytes, made += size, made_count++; } }
        *records = made_count;
        return index; }

    /* Steps over events from `index` on, up to the first that has outputs or is refused: its index,
       and what the step returned. By itself, so that all of it lives in registers. */
    __attribute__((noinline)) static int64_t hr_step_while_silent(
            int64_t (*step)(void *, const void *, int64_t, int64_t, void *), void *state,
            const char *events, int64_t stride, int64_t first, const int64_t *times, int64_t index,
            int64_t end, void *made, int64_t *returned) {
        for (const char *event = events + index * stride; index < end; index++, event += stride) {
            int64_t count = step(state, event, first + index, times[index], made);
            if (__builtin_expect(count != 0, 0)) { *returned = count; break; }
        }
        return index; }

    /* The same over the events at some places only. */
    __attribute__((noinline)) static int64_t hr_step_selected_while_silent(
            int64_t (*step)(void *, const void *, int64_t, int64_t, void *), void *state,
            const char *events, int64_t stride, int64_t first, const int64_t *times,
            const int64_t *places, int64_t index, int64_t end, void *made, int64_t *returned) {
        for (; index < end; index++) {
            int64_t place = places[index];
            int64_t count = step(
                state, events + place * stride, first + place, times[place], made);
            if (__builtin_expect(count != 0, 0)) { *returned = count; break; }
        }
        return index; }
    """
    void gather "hr_gather"(
        char *to, const char *source, int64_t stride, int64_t size, int64_t count
    ) noexcept nogil
    int64_t put_records "hr_put_records"(
        char *record, int64_t record_bytes, const char *made, int64_t size, const int64_t *of,
        int64_t count, int64_t most, int64_t first, const int64_t *times, const char *origins,
        int64_t origins_stride, int64_t *records
    ) noexcept nogil
    int64_t step_selected_while_silent "hr_step_selected_while_silent"(
        native_step step, void *state, const char *events, int64_t stride, int64_t first,
        const int64_t *times, const int64_t *places, int64_t index, int64_t end, void *made,
        int64_t *returned
    ) noexcept nogil
    int64_t step_while_silent "hr_step_while_silent"(
        native_step step, void *state, const char *events, int64_t stride, int64_t first,
        const int64_t *times, int64_t index, int64_t end, void *made, int64_t *returned
    ) noexcept nogil

cdef enum:
    CHUNK = 16384               # events between two looks at the room for outputs
    CHUNK_OUTPUTS = 1 << 16


@cython.final
cdef class NativeSteps:
    """The native functions of a machine."""

    def __cinit__(self, machine):
        self.machine = machine
        self.step = <native_step><size_t>machine.native.step
        self.step_batch = <native_step_batch><size_t>machine.native.step_batch
        self.outputs_max = machine.native.outputs_max
        room = max(CHUNK_OUTPUTS, self.outputs_max)
        size = 1 if machine.output is None else machine.output.itemsize
        self.made = np.zeros(room * size, np.uint8)
        self.made_of = np.zeros(CHUNK, np.int64)
        self.no_times = np.zeros(CHUNK, np.int64)
        self.no_times_at = <char *>cnp.PyArray_DATA(self.no_times)
        self.packed = self.packed_times = None
        self.places = np.zeros(CHUNK, np.int64)
        self.places_at = <int64_t *>cnp.PyArray_DATA(self.places)
        self.alignment = machine.event.alignment

    cdef int fold(
        self, cnp.ndarray state, const Batch *batch, int64_t begin, int64_t end, Outputs outputs
    ) except -1:
        """Step over events [begin, end); `done` says how far it got, if it raises."""
        cdef int64_t chunk = min(CHUNK, max(1, CHUNK_OUTPUTS // max(1, self.outputs_max)))
        cdef int64_t upto
        if not (cnp.PyArray_IS_C_CONTIGUOUS(state) and cnp.PyArray_ISWRITEABLE(state)):
            raise MachineError("a native step needs a writable, C-contiguous array as its state")
        self.done = begin
        self.make_room(batch)
        while begin < end:
            upto = min(end, begin + chunk)
            if batch.select != NULL:
                upto = self.end_of_selection(batch, begin, upto)
            if outputs is not None:
                outputs.reserve((upto - begin) * self.outputs_max)
            if self.step_batch == NULL or batch.select != NULL and self.step != NULL:
                self.fold_events(cnp.PyArray_DATA(state), batch, begin, upto, outputs)
            else:
                self.fold_batch(cnp.PyArray_DATA(state), batch, begin, upto, outputs)
            begin = upto
        return 0

    cdef int64_t end_of_selection(self, const Batch *batch, int64_t begin, int64_t end) noexcept:
        """Up to where selected events lie within a chunk."""
        cdef const int64_t *select = batch.select
        cdef int64_t upto = begin + 1
        if select[end - 1] - select[begin] < CHUNK:
            return end
        while upto < end and select[upto] - select[begin] < CHUNK:
            upto += 1
        return upto

    cdef int make_room(self, const Batch *batch) except -1:
        """For what `pack` copies."""
        cdef bint apart = self.step_batch != NULL and batch.stride != batch.item_bytes
        if self.packed is None and (
                apart or (<size_t>batch.events | <size_t>batch.stride) % self.alignment):
            self.packed = np.zeros(CHUNK * batch.item_bytes, np.uint8)
            self.packed_at = <char *>cnp.PyArray_DATA(self.packed)
        if self.packed_times is None and batch.times != NULL and (
                batch.times_stride != 8 or <size_t>batch.times % 8):
            self.packed_times = np.zeros(CHUNK, np.int64)
            self.packed_times_at = <char *>cnp.PyArray_DATA(self.packed_times)
        return 0

    cdef void pack(
        self, const Batch *batch, int64_t begin, int64_t end, Batch *part
    ) noexcept nogil:
        """Make `part` of events [begin, end), as native functions want them.

        They get aligned events, and batches also get everything in a row; what is not so (records
        of the stage in front) is copied. Of selected events the places count from the first one.
        """
        cdef const int64_t *select = batch.select
        cdef int64_t first = begin, count = end - begin, size = batch.item_bytes, index
        if select != NULL:
            first, count = select[begin], select[end - 1] + 1 - select[begin]
        part[0] = batch[0]
        part.count = end - begin
        part.first_sequence = batch.first_sequence + first
        part.events = batch.events + first * batch.stride
        if batch.origins != NULL:
            part.origins = batch.origins + first * batch.origins_stride
        if batch.times == NULL:
            part.times = self.no_times_at
            part.times_stride = 8
        else:
            part.times = batch.times + first * batch.times_stride
        if (<size_t>part.events | <size_t>batch.stride) % self.alignment or (
                self.step_batch != NULL and batch.stride != size):
            gather(self.packed_at, part.events, batch.stride, size, count)
            part.events = self.packed_at
            part.stride = size
        if part.times_stride != 8 or <size_t>part.times % 8:
            gather(self.packed_times_at, part.times, part.times_stride, 8, count)
            part.times = self.packed_times_at
            part.times_stride = 8
        if select != NULL and self.step != NULL:
            for index in range(begin, end):
                self.places_at[index - begin] = select[index] - first
            part.select = self.places_at
        else:
            part.select = NULL  # of batches: they follow each other

    def _refused(self, int64_t code, int64_t sequence):
        raise NativeStepError(
            f"the native step of machine {self.machine.name!r} refused event {sequence} with "
            f"code {code}", code)

    cdef int fold_events(
        self, void *state, const Batch *whole, int64_t begin, int64_t upto, Outputs outputs
    ) except -1:
        """Step over events [begin, upto), one by one."""
        cdef Batch part
        cdef const Batch *batch = &part
        cdef native_step step = self.step
        cdef char *made = <char *>cnp.PyArray_DATA(self.made)
        cdef int64_t most = self.outputs_max
        cdef int64_t size = 0 if outputs is None else outputs.payload.itemsize
        cdef bint without = outputs is None
        cdef int64_t index = 0, each, end = upto - begin, count = 0
        if without:
            most = 0
            made = NULL
        with nogil:
            self.pack(whole, begin, upto, &part)
            while True:
                if batch.select == NULL:
                    index = step_while_silent(
                        step, state, batch.events, batch.stride, batch.first_sequence,
                        <const int64_t *>batch.times, index, end, made, &count)
                else:
                    index = step_selected_while_silent(
                        step, state, batch.events, batch.stride, batch.first_sequence,
                        <const int64_t *>batch.times, batch.select, index, end, made, &count)
                if index == end or count < 0 or count > most:
                    break
                for each in range(count):
                    memcpy(
                        outputs.begin(
                            sequence_of(batch, index), each, time_of(batch, index),
                            origin_of(batch, index)),
                        made + each * size, size)
                    outputs.count += 1
                index += 1
        self.done = begin + index
        if index < end:
            if count < 0:
                self._refused(count, sequence_of(batch, index))
            raise OutputError(
                f"the native step says it wrote {count} outputs; there is room for {most}")
        return 0

    cdef int fold_batch(
        self, void *state, const Batch *whole, int64_t begin, int64_t upto, Outputs outputs
    ) except -1:
        """Step over events [begin, upto): as many at once as follow each other."""
        cdef Batch part
        cdef const Batch *batch = &part
        cdef int64_t *of = <int64_t *>cnp.PyArray_DATA(self.made_of)
        cdef char *made = <char *>cnp.PyArray_DATA(self.made)
        cdef bint without = outputs is None
        cdef int64_t size = 0 if without else outputs.payload.itemsize
        cdef int64_t record_bytes = 0 if without else outputs.item_bytes
        cdef char *record = NULL if without else outputs.base + outputs.count * record_bytes
        cdef int64_t end, records, made_count = 0, stepped = 0, put = 0, count = 0
        with nogil:
            while begin < upto:
                end = upto if whole.select == NULL else end_of_run(whole.select, begin, upto)
                count = end - begin
                self.pack(whole, begin, end, &part)
                if not without:
                    memset(of, 0, count * 8)
                stepped = self.step_batch(
                    state, batch.events, count, batch.first_sequence, <const int64_t *>batch.times,
                    NULL if without else made, NULL if without else of)
                put = stepped
                if not without and 0 <= stepped <= count:
                    put = put_records(
                        record + made_count * record_bytes, record_bytes, made, size, of, stepped,
                        self.outputs_max, batch.first_sequence, <const int64_t *>batch.times,
                        batch.origins, batch.origins_stride, &records)
                    made_count += records
                if stepped != count or put != stepped:
                    break
                begin = end
        if not without:
            outputs.count += made_count
        self.done = begin
        if begin < upto:
            self._stopped(batch, count, stepped, put, without)
        return 0

    cdef int _stopped(
        self, const Batch *part, int64_t count, int64_t stepped, int64_t put, bint without
    ) except -1:
        """Raise for a part of which a batch step did not do all, or not as it should."""
        cdef int64_t *of = <int64_t *>cnp.PyArray_DATA(self.made_of)
        if stepped < 0 or stepped > count:
            raise NativeStepError(f"step_batch returned {stepped} for {count} events", stepped)
        self.done += put
        if put < stepped:
            raise OutputError(
                f"step_batch says that an event has {of[put]} outputs; 0 to "
                f"{self.outputs_max} are possible")
        self._refused(
            -1 if without or of[stepped] >= 0 else of[stepped], part.first_sequence + stepped)
        return 0


cdef inline int64_t end_of_run(const int64_t *places, int64_t begin, int64_t end) noexcept nogil:
    """Up to where places follow each other."""
    cdef int64_t upto = begin + 1
    while upto < end and places[upto] == places[upto - 1] + 1:
        upto += 1
    return upto
