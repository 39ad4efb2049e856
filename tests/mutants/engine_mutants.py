"""Planted bugs of the compiled engine: what is changed, why that is wrong, what catches it."""

from __future__ import annotations

from mutants.planting import ENGINE, Planted

STEPPER = "unit/test_stepper.py::test_"
NATIVE_STEPS = "unit/test_stepper_native.py::test_"
NATIVE = "unit/test_native.py::test_"
RECOVERY = "unit/test_engine_recovery.py::test_"
FOLD = "property/test_stepper_differential.py::test_stepper_equals_plain_fold"
CORNERS = "unit/test_engine_corners.py::test_"

(COPYING, CURSOR, FIELDS, INPUTLOG, NATIVE_PYX, OUTPUTS, PYSTEPS, SHARING, STEPPER_PYX) = (
    ENGINE + name for name in (
        "copying.pyx", "cursor.pyx", "fields.pxd", "inputlog.pyx", "native.pyx", "outputs.pyx",
        "pysteps.pyx", "sharing.pyx", "stepper.pyx"))  # fmt: skip

ENGINE_MUTANTS = [
    Planted(
        "outputs all of index 0", "an effect is taken for another one, and left out", OUTPUTS,
        "                    index += 1\n", "                    pass\n",
        FOLD),
    Planted(
        "outputs of a batch counted on", "an output's index does not begin at its event", OUTPUTS,
        '        into["output_index"] = np.arange(count) - starts\n',
        '        into["output_index"] = np.arange(count)\n',
        CORNERS + "indexes_begin_anew_with_each_event"),
    Planted(
        "some outputs of a failing event", "what came before the output that fails is kept",
        OUTPUTS,
        "            self.count = before\n", "            pass\n",
        CORNERS + "outputs_before_one_that_does_not_fit"),
    Planted(
        "records of the last batch", "records that somebody holds are written over", OUTPUTS,
        "        if (<PyObject *>self.buffer).ob_refcnt > 1:\n", "        if False:\n",
        CORNERS + "records_stay_as_they_are_while_held"),
    Planted(
        "state before outputs", "a step whose outputs are refused has moved the state", PYSTEPS,
        "        made = (<tuple>result)[1]\n        if made is not None and outputs is not None:\n",
        "        made = (<tuple>result)[1]\n        self.done = index + 1\n"
        "        if made is not None and outputs is not None:\n",
        STEPPER + "outputs_that_do_not_fit_change_nothing"),
    Planted(
        "event valid for ever", "a step that keeps the event reads memory that is others'", PYSTEPS,
        "                    cursor.record = NULL\n                    self.cursor = cursor",
        "                    self.cursor = cursor",
        STEPPER + "kept_event_is_stale"),
    Planted(
        "sequence of the batch", "each event of a batch is told the first one's number", PYSTEPS,
        "                cursor.at_sequence = sequence_of(batch, index)\n",
        "                cursor.at_sequence = batch.first_sequence\n",
        CORNERS + "sequence_and_time_of_each_event"),
    Planted(
        "time of the event before", "an event is told the ingest time of another one", PYSTEPS,
        "            if self.timed and batch.times != NULL:\n"
        "                time_ns = time_of(batch, index)\n",
        "            if self.timed and batch.times != NULL and index > begin:\n"
        "                time_ns = time_of(batch, index - 1)\n",
        CORNERS + "sequence_and_time_of_each_event"),
    Planted(
        "refold one too many", "the failing event is stepped over once more", STEPPER_PYX,
        "            self._refold(batch, failed)\n            self._compare_outputs(error)\n",
        "            self._refold(batch, failed + 1)\n            self._compare_outputs(error)\n",
        STEPPER + "failing_step_leaves_state_and_can_be_skipped"),
    Planted(
        "refold one too few", "the event before the failing one is forgotten", STEPPER_PYX,
        "            self._refold(batch, failed)\n            self._compare_outputs(error)\n",
        "            self._refold(batch, failed - 1 if failed else 0)\n",
        STEPPER + "failing_step_leaves_state_and_can_be_skipped"),
    Planted(
        "no refold", "the state stays as the failing step left it", STEPPER_PYX,
        "            self._refold(batch, failed)\n            self._compare_outputs(error)\n", "",
        STEPPER + "failing_step_leaves_state_and_can_be_skipped"),
    Planted(
        "checkpoint shares state", "steps that work in place change the checkpoint too",
        STEPPER_PYX,
        "        if not self._copied_in_place():\n"
        "            self.checkpoint = self._copied(self.steps.state) if kept is None else kept\n",
        "        if not self._copied_in_place():\n"
        "            self.checkpoint = self.steps.state if kept is None else kept\n",
        STEPPER + "failing_step_leaves_state_and_can_be_skipped"),
    Planted(
        "checkpoint given away", "the state after a failure is the checkpoint itself", STEPPER_PYX,
        "        cdef int64_t run, begin = 0\n"
        "        self.steps.state = copy_state(self.checkpoint)\n",
        "        cdef int64_t run, begin = 0\n        self.steps.state = self.checkpoint\n",
        RECOVERY + "every_state_comes_back"),
    Planted(
        "log kept after a checkpoint", "inputs are folded that the checkpoint has already",
        STEPPER_PYX,
        "        self.checkpoints += 1\n        self.log.clear()\n",
        "        self.checkpoints += 1\n",
        RECOVERY + "every_state_comes_back"),
    Planted(
        "log left out", "after a failure the inputs since the checkpoint are lost", STEPPER_PYX,
        "        for run in range(self.log.run_count):\n", "        for run in range(0):\n",
        RECOVERY + "every_state_comes_back"),
    Planted(
        "last run of the log left out", "the newest inputs before the batch are lost", STEPPER_PYX,
        "        for run in range(self.log.run_count):\n",
        "        for run in range(self.log.run_count - 1):\n",
        RECOVERY + "every_state_comes_back"),
    Planted(
        "runs joined over gaps", "events after one that was passed over get its number", INPUTLOG,
        "            if last.first_sequence + last.count == first_sequence:\n",
        "            if True:\n",
        CORNERS + "folded_again_with_the_same_sequences"),
    Planted(
        "state handed out", "who looks at the state can change it", STEPPER_PYX,
        "        return self._copied(self.steps.state)\n", "        return self.steps.state\n",
        "unit/test_engine.py::test_state_is_a_copy"),
    Planted(
        "found failing event not believed", "a failed chunk is skipped as a whole", STEPPER_PYX,
        "                failed = self.steps.done\n            self._refold",
        "            self._refold",
        STEPPER + "batch_step_finds_the_failing_event"),
    Planted(
        "one object becomes two", "a step that changes it in place changes only one of them",
        COPYING,
        "    if found is not None:\n        return found\n", "",
        RECOVERY + "every_state_comes_back"),
    Planted(
        "nested values shared", "a checkpoint's inner containers are those of the state", COPYING,
        "        if type(<object>item) not in ATOMS:\n            result[<object>key] = "
        "_copy(<object>item, memo)\n",
        "        pass\n",
        RECOVERY + "every_state_comes_back"),
    Planted(
        "what is in slots shared", "a checkpoint has the containers of the state's own dataclasses",
        COPYING,
        "setattr(result, name, one if type(one) in ATOMS else _copy(one, memo))",
        "setattr(result, name, one)",
        "unit/test_state.py::test_dataclasses_with_slots_are_copied_as_deepcopy_does"),
    Planted(
        "native outputs_max unchecked", "a step that writes more than it said is believed",
        NATIVE_PYX,
        "                if index == end or count < 0 or count > most:\n",
        "                if index == end or count < 0:\n",
        NATIVE + "too_many_outputs_are_refused"),
    Planted(
        "native refusal ignored", "a refused event counts as stepped over", NATIVE_PYX,
        "            if count < 0:\n"
        "                self._refused(count, sequence_of(batch, index))\n",
        "            if count < 0:\n                return 0\n",
        NATIVE_STEPS + "refused_event_changes_nothing"),
    Planted(
        "native strides ignored", "the function gets the bytes between the events", NATIVE_PYX,
        "                self.step_batch != NULL and batch.stride != size):\n",
        "                False):\n",
        NATIVE_STEPS + "native_equals_python"),
    Planted(
        "native outputs in place", "each output of an event is its first", NATIVE_PYX,
        "                        made + each * size, size)\n",
        "                        made, size)\n",
        NATIVE_STEPS + "native_equals_python"),
    Planted(
        "native part from the start", "every part of a batch is its first", NATIVE_PYX,
        "        part.events = batch.events + first * batch.stride\n",
        "        part.events = batch.events\n",
        CORNERS + "native_steps_over_many_parts"),
    Planted(
        "NULs of keys", "what is behind a key's last word changes its shard", SHARING,
        "        if (!last)\n",
        "        if (0)\n",
        "property/test_keys_differential.py::test_places_of_a_shard"),
    Planted(
        "fields as signed", "large unsigned values come out negative", FIELDS,
        "            return PyLong_FromLongLong((<uint8_t *>at)[0])\n",
        "            return PyLong_FromLongLong((<int8_t *>at)[0])\n",
        "property/test_fields_differential.py::test_fields_are_read_alike"),
]  # fmt: skip
