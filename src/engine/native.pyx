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
        self.packed = self.packed_times = self.places = None
        self.alignment = machine.event.alignment

    cdef int fold(
        self, cnp.ndarray state, const Batch *batch, int64_t begin, int64_t end, Outputs outputs
    ) except -1:
        """Step over events [begin, end); `done` says how far it got, if it raises."""
        cdef int64_t chunk = min(CHUNK, max(1, CHUNK_OUTPUTS // max(1, self.outputs_max)))
        cdef int64_t upto
        cdef Batch part
        if not (cnp.PyArray_IS_C_CONTIGUOUS(state) and cnp.PyArray_ISWRITEABLE(state)):
            raise MachineError("a native step needs a writable, C-contiguous array as its state")
        self.done = begin
        while begin < end:
            upto = min(end, begin + chunk)
            if batch.select != NULL:
                upto = self.end_of_selection(batch, begin, upto)
            if outputs is not None:
                outputs.reserve((upto - begin) * self.outputs_max)
            if batch.select == NULL:
                self.pack(batch, begin, upto, &part)
            else:
                self.pack_selection(batch, begin, upto, &part)
            if part.select != NULL or self.step_batch == NULL:
                self.fold_events(cnp.PyArray_DATA(state), &part, begin, outputs)
            else:
                self.fold_batch(cnp.PyArray_DATA(state), &part, begin, outputs)
            begin = upto
        return 0

    cdef int64_t end_of_selection(self, const Batch *batch, int64_t begin, int64_t end) noexcept:
        """Up to where selected events lie within a chunk; without gaps, if batches are stepped."""
        cdef const int64_t *select = batch.select
        cdef int64_t upto = begin + 1
        while upto < end and select[upto] - select[begin] < CHUNK and (
                self.step != NULL or select[upto] == select[upto - 1] + 1):
            upto += 1
        return upto

    cdef int pack_selection(
        self, const Batch *batch, int64_t begin, int64_t end, Batch *part
    ) except -1:
        """As `pack`, of the selected events [begin, end): the places count from the first one."""
        cdef int64_t first = batch.select[begin], last = batch.select[end - 1], index
        cdef int64_t *places
        cdef Batch whole = batch[0]
        whole.select = NULL
        self.pack(&whole, first, last + 1, part)
        if self.step == NULL:
            return 0
        if self.places is None:
            self.places = np.zeros(CHUNK, np.int64)
        places = <int64_t *>cnp.PyArray_DATA(self.places)
        for index in range(begin, end):
            places[index - begin] = batch.select[index] - first
        part.select = places
        part.count = end - begin
        return 0

    cdef int pack(self, const Batch *batch, int64_t begin, int64_t end, Batch *part) except -1:
        """Make `part` of events [begin, end), as native functions want them.

        They get aligned events, and batches also get everything in a row; what is not so (records
        of the stage in front) is copied.
        """
        cdef int64_t index, count = end - begin
        cdef int64_t size = batch.item_bytes
        cdef const char *events = batch.events + begin * batch.stride
        part[0] = batch[0]
        part.count = count
        part.first_sequence = batch.first_sequence + begin
        part.events = events
        if batch.origins != NULL:
            part.origins = batch.origins + begin * batch.origins_stride
        if batch.times != NULL:
            part.times = batch.times + begin * batch.times_stride
        if (<size_t>events | <size_t>batch.stride) % self.alignment or (
                self.step_batch != NULL and batch.stride != size):
            if self.packed is None:
                self.packed = np.zeros(CHUNK * size, np.uint8)
            for index in range(count):
                memcpy(<char *>cnp.PyArray_DATA(self.packed) + index * size,
                       events + index * batch.stride, size)
            part.events = <const char *>cnp.PyArray_DATA(self.packed)
            part.stride = size
        if batch.times == NULL:
            part.times = <const char *>cnp.PyArray_DATA(self.no_times)
            part.times_stride = 8
        elif batch.times_stride != 8 or <size_t>part.times % 8:
            if self.packed_times is None:
                self.packed_times = np.zeros(CHUNK, np.int64)
            for index in range(count):
                (<int64_t *>cnp.PyArray_DATA(self.packed_times))[index] = time_of(part, index)
            part.times = <const char *>cnp.PyArray_DATA(self.packed_times)
            part.times_stride = 8
        return 0

    def _refused(self, int64_t code, int64_t sequence):
        raise NativeStepError(
            f"the native step of machine {self.machine.name!r} refused event {sequence} with "
            f"code {code}", code)

    cdef int fold_events(
        self, void *state, const Batch *batch, int64_t begin, Outputs outputs
    ) except -1:
        """Step over a part that begins at event `begin` of its batch."""
        cdef native_step step = self.step
        cdef char *made = <char *>cnp.PyArray_DATA(self.made)
        cdef int64_t most = self.outputs_max
        cdef int64_t size = 0 if outputs is None else outputs.payload.itemsize
        cdef bint without = outputs is None
        cdef const char *event = batch.events
        cdef const int64_t *times = <const int64_t *>batch.times
        cdef int64_t stride = batch.stride, end = batch.count, first = batch.first_sequence
        cdef int64_t index = 0, each, count = 0
        if without:
            most = 0
            made = NULL
        with nogil:
            while True:
                if batch.select == NULL:
                    index = step_while_silent(
                        step, state, event, stride, first, times, index, end, made, &count)
                else:
                    index = step_selected_while_silent(
                        step, state, event, stride, first, times, batch.select, index, end, made,
                        &count)
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
        self, void *state, const Batch *batch, int64_t begin, Outputs outputs
    ) except -1:
        """Step over a part that begins at event `begin` of its batch."""
        cdef int64_t *of = <int64_t *>cnp.PyArray_DATA(self.made_of)
        cdef char *made = <char *>cnp.PyArray_DATA(self.made)
        cdef bint without = outputs is None
        cdef int64_t size = 0 if without else outputs.payload.itemsize
        cdef int64_t stepped, index, each, count = batch.count
        if not without:
            memset(of, 0, count * 8)
        with nogil:
            stepped = self.step_batch(
                state, batch.events, count, batch.first_sequence, <const int64_t *>batch.times,
                NULL if without else made, NULL if without else of)
        if stepped < 0 or stepped > count:
            raise NativeStepError(f"step_batch returned {stepped} for {count} events", stepped)
        if not without:
            for index in range(stepped):
                if of[index] < 0 or of[index] > self.outputs_max:
                    self.done = begin + index
                    raise OutputError(
                        f"step_batch says that an event has {of[index]} outputs; 0 to "
                        f"{self.outputs_max} are possible")
                for each in range(of[index]):
                    memcpy(
                        outputs.begin(
                            batch.first_sequence + index, each, time_of(batch, index),
                            origin_of(batch, index)),
                        made, size)
                    made += size
                    outputs.count += 1
        self.done = begin + stepped
        if stepped < count:
            self._refused(
                -1 if without or of[stepped] >= 0 else of[stepped], batch.first_sequence + stepped)
        return 0
