"""Stepping over events by native functions, without the GIL.

The functions write bare payloads; the loop puts each behind the header of its record.
"""

cimport cython
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memcpy

import numpy as np

from headrace.engine.batch cimport Batch, origin_of, time_of
from headrace.engine.outputs cimport Outputs

from headrace.engine.errors import MachineError, NativeStepError, OutputError

cnp.import_array()

cdef enum:
    CHUNK = 4096                # events between two looks at the room for outputs
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

    cdef int fold(
        self, cnp.ndarray state, const Batch *batch, int64_t begin, int64_t end, Outputs outputs
    ) except -1:
        """Step over events [begin, end); `done` says how far it got, if it raises."""
        cdef int64_t chunk = min(CHUNK, max(1, CHUNK_OUTPUTS // max(1, self.outputs_max)))
        cdef int64_t upto
        cdef bint whole = batch.stride == batch.item_bytes and batch.times_stride == 8
        if not (cnp.PyArray_IS_C_CONTIGUOUS(state) and cnp.PyArray_ISWRITEABLE(state)):
            raise MachineError("a native step needs a writable, C-contiguous array as its state")
        self.done = begin
        while begin < end:
            upto = min(end, begin + chunk)
            if outputs is not None:
                outputs.reserve((upto - begin) * self.outputs_max)
            if self.step_batch != NULL and (whole or self.step == NULL):
                if not whole:
                    raise MachineError("step_batch needs events that follow each other in memory")
                self.fold_batch(cnp.PyArray_DATA(state), batch, begin, upto, outputs)
            else:
                self.fold_events(cnp.PyArray_DATA(state), batch, begin, upto, outputs)
            begin = upto
        return 0

    def _refused(self, int64_t code, int64_t sequence):
        raise NativeStepError(
            f"the native step of machine {self.machine.name!r} refused event {sequence} with "
            f"code {code}", code)

    cdef int fold_events(
        self, void *state, const Batch *batch, int64_t begin, int64_t end, Outputs outputs
    ) except -1:
        cdef native_step step = self.step
        cdef char *made = <char *>cnp.PyArray_DATA(self.made)
        cdef int64_t most = self.outputs_max
        cdef int64_t size = 0 if outputs is None else outputs.payload.itemsize
        cdef bint without = outputs is None
        cdef int64_t index, each, sequence, time_ns, count = 0
        index = begin
        with nogil:
            while index < end:
                sequence = batch.first_sequence + index
                time_ns = time_of(batch, index)
                count = step(
                    state, batch.events + index * batch.stride, sequence, time_ns,
                    NULL if without else made)
                if count < 0 or count > (0 if without else most):
                    break
                for each in range(count):
                    memcpy(
                        outputs.begin(sequence, each, time_ns, origin_of(batch, index)),
                        made + each * size, size)
                    outputs.count += 1
                index += 1
        self.done = index
        if index < end:
            if count < 0:
                self._refused(count, batch.first_sequence + index)
            raise OutputError(
                f"the native step says it wrote {count} outputs; there is room for "
                f"{0 if without else most}")
        return 0

    cdef int fold_batch(
        self, void *state, const Batch *batch, int64_t begin, int64_t end, Outputs outputs
    ) except -1:
        cdef int64_t *of = <int64_t *>cnp.PyArray_DATA(self.made_of)
        cdef char *made = <char *>cnp.PyArray_DATA(self.made)
        cdef bint without = outputs is None
        cdef int64_t size = 0 if without else outputs.payload.itemsize
        cdef int64_t stepped, index, each, count = end - begin
        self.made_of[:count] = 0
        with nogil:
            stepped = self.step_batch(
                state, batch.events + begin * batch.stride, count, batch.first_sequence + begin,
                <const int64_t *>(batch.times + begin * 8),
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
                            batch.first_sequence + begin + index, each,
                            time_of(batch, begin + index), origin_of(batch, begin + index)),
                        made, size)
                    made += size
                    outputs.count += 1
        self.done = begin + stepped
        if stepped < count:
            self._refused(
                -1 if without or of[stepped] >= 0 else of[stepped],
                batch.first_sequence + begin + stepped)
        return 0
