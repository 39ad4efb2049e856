"""Planted bugs of what reads a journal: where it ends, what is cut off, and how it is mended."""

from __future__ import annotations

from mutants.planting import PYTHON, Planted

FILES = "unit/test_journal_files.py::test_"
READING = "unit/test_journal_reading.py::test_"
ENGINE = "unit/test_engine_journal.py::test_"
INTERRUPTED = "unit/test_journal_interrupted.py::test_"
CHECK = "unit/test_journal_check.py::test_"
REPAIR = "unit/test_journal_repair.py::test_"
REPLAY = "unit/test_replay.py::test_"
OUTPUT_CUTS = "crash/test_output_journal_power_cuts.py::test_"
CUTS = "crash/test_journal_power_cuts.py::test_"
AFTER_KILLS = "crash/test_journal_after_kills.py::test_"
DAMAGE = "crash/test_engine_damage.py::test_"
FUZZ = "property/test_journal_fuzz.py::test_"

SEGMENT, READER, RECOVERY, INDEX, SCAN, MENDING, CHECKING, REPAIRING = (
    f"{PYTHON}journal/{name}.py"
    for name in
    ("segment", "reader", "recovery", "index", "scan", "mending", "check", "repair")
)  # fmt: skip

RECOVERY_MUTANTS = [
    # -- frames ----------------------------------------------------------------------------------
    Planted(
        "body unchecked", "other inputs than were written", SEGMENT,
        "        if check != header.body_checksum:\n", "        if False:\n",
        FILES + "every_flipped_byte_is_found_or_harmless"),
    Planted(
        "notes unchecked", "a call is taken for another", SEGMENT,
        "        check = checksum(self.data[notes : notes + header.notes_bytes], check)\n", "",
        FILES + "what_is_written_is_read"),
    Planted(
        "frame before it unchecked", "a frame that was left over is taken for one of these",
        SEGMENT,
        "        if header.previous != position.previous:\n", "        if False:\n",
        READING + "a_frame_that_was_written_behind_another_one"),
    Planted(
        "sequence may leave a gap", "inputs are missing, and nothing tells it", SEGMENT,
        "        if header.first_sequence != position.sequence:\n",
        "        if header.first_sequence < position.sequence:\n",
        READING + "a_frame_whose_inputs_do_not_come_next"),
    Planted(
        "name of a segment unchecked", "segments in the wrong order are read in that", SEGMENT,
        "        if (header.number, header.first_sequence) != (number, first_sequence):\n",
        "        if False:\n",
        READING + "a_segment_under_another_name"),
    # -- the end ---------------------------------------------------------------------------------
    Planted(
        "tear taken for damage", "an engine does not open after a crash", READER,
        "        if synced > position.sequence:\n", "        if synced >= position.sequence:\n",
        FILES + "a_torn_tail_is_told_from_damage"),
    Planted(
        "damage taken for a tear", "what was safe is cut off", READER,
        "        if synced > position.sequence:\n", "        if False:\n",
        FILES + "a_torn_tail_is_told_from_damage"),
    Planted(
        "last safe input may be missing", "what was safe is cut off", READER,
        "        if synced > position.sequence:\n",
        "        if synced > position.sequence + 1:\n",
        READING + "one_input_that_was_safe_is_not_cut_off"),
    Planted(
        "only this segment is asked", "what was safe is cut off", READER,
        "        for name in self._names[index:]:\n",
        "        for name in self._names[index : index + 1]:\n",
        DAMAGE + "a_hole_in_each_segment"),
    Planted(
        "headers of segments not asked", "what was safe is cut off", READER,
        "                found.insert(0, (0, here.header.synced_sequence))\n",
        "                pass\n",
        READING + "the_header_of_the_next_segment_is_asked_as_well"),
    Planted(
        "short file is the end", "inputs are missing, and nothing tells it", READER,
        "        if len(segment.data) < segment.header.segment_bytes:\n", "        if False:\n",
        FILES + "a_truncated_segment"),
    Planted(
        "next segment by sequence", "a frame of notes is missing, and nothing tells it", READER,
        "                if (first, behind.header.previous) == (position.sequence, position"
        ".previous):\n",
        "                if first == position.sequence:\n",
        READING + "a_frame_of_notes_in_front_of_the_next_segment_is_missed"),
    Planted(
        "next segment whatever is missing", "inputs are missing, and nothing tells it", READER,
        "                if (first, behind.header.previous) == (position.sequence, position"
        ".previous):\n",
        "                if behind.header.previous:\n",
        DAMAGE + "a_hole_in_each_segment"),
    Planted(
        "segment of another journal", "inputs of somebody else", READER,
        "                if found.header.journal_id != other.header.journal_id:\n",
        "                if False:\n",
        FILES + "a_segment_of_another_journal"),
    Planted(
        "segment of other events", "inputs are taken for others", READER,
        "                if found.identity.event != other.identity.event:\n",
        "                if False:\n",
        FILES + "a_segment_of_other_events"),
    Planted(
        "no second look", "what is being written while it is looked at is damage", READER,
        "        if bytes_behind and self._has_come(segment, position):\n", "        if False:\n",
        READING + "what_is_being_written_is_no_tear"),
    Planted(
        "last frame without a look", "what is being written while it is looked at is read", INDEX,
        "            if isinstance(header_behind, str) and isinstance("
        "self.segment.frame_at(self.end), str):\n",
        "            if False:\n",
        READING + "a_frame_that_is_there_in_part_is_not_there_yet"),
    # -- recovery --------------------------------------------------------------------------------
    Planted(
        "beginning may be missing", "the state of the first inputs is left out", RECOVERY,
        "        if sequence < reader.first_sequence and not self._begins_anywhere:\n",
        "        if False:\n",
        DAMAGE + "a_missing_segment"),
    Planted(
        "snapshot's place believed", "reading goes on where nothing is, or too late", RECOVERY,
        "                if name[0] == place.number and name[1] <= place.sequence <= sequence:\n",
        "                if name[0] == place.number:\n",
        READING + "all_inputs_behind_a_snapshot_are_read"),
    Planted(
        "snapshot's place not looked at", "reading goes on where no frame is", RECOVERY,
        "                    if good or place == segment.start:\n",
        "                    if True:\n",
        READING + "all_inputs_behind_a_snapshot_are_read"),
    Planted(
        "snapshot newer than the journal", "what comes takes the place of what was safe", RECOVERY,
        "        if end is not None and end.sequence < start:\n", "        if False:\n",
        DAMAGE + "snapshots_newer_than_the_journal"),
    Planted(
        "snapshots without a journal", "what comes takes the place of what was safe", RECOVERY,
        "            if left:\n", "            if False:\n",
        DAMAGE + "snapshots_newer_than_the_journal"),
    Planted(
        "what is found counts as safe", "what a dead process had not synced is relied on",
        RECOVERY,
        "        doubtful.append(frame)\n", "",
        AFTER_KILLS + "segments_that_nobody_has_synced"),
    Planted(
        "what is found is not synced", "what a dead process had not synced is relied on", RECOVERY,
        "                    file.write(*part)\n                file.sync()\n",
        "                    file.write(*part)\n",
        AFTER_KILLS + "segments_that_nobody_has_synced"),
    Planted(
        "what is found is not written again", "a sync that failed has let it go", RECOVERY,
        "                for part in _pieces(frames):\n                    file.write(*part)\n",
        "",
        AFTER_KILLS + "a_sync_that_fails_and_one_that_says_that_all_is_well"),
    Planted(
        "names that are found are not synced", "a file is gone, with what was relied on", RECOVERY,
        "                file.close()\n        self._disk.sync_folder(self._folder)\n",
        "                file.close()\n",
        AFTER_KILLS + "names_that_nobody_has_synced"),
    Planted(
        "tail not cut", "what is left of it is taken for what is written there", RECOVERY,
        "            cut_file(self._disk, self._folder, tear.file, tear.position.offset)\n", "",
        FILES + "a_tear_is_cut_off_and_kept"),
    Planted(
        "tail cut but for its last byte", "what is left of it is in the way", RECOVERY,
        "[0][-1]) + 1 if data.any()", "[0][-1]) if data.any()",
        FILES + "a_tear_is_cut_off_and_kept"),
    Planted(
        "segments behind a tear stay", "the journal goes on in one that does not follow", RECOVERY,
        "            put_aside_behind(self._disk, self._folder, tear.position.number)\n", "",
        AFTER_KILLS + "several_segments_are_cut_off_one_after_the_other"),
    Planted(
        "segments behind a tear, first one first", "a gap, if that is interrupted", RECOVERY,
        "    for behind, first in reversed(list_segments(disk, folder)):\n",
        "    for behind, first in list_segments(disk, folder):\n",
        AFTER_KILLS + "several_segments_are_cut_off_one_after_the_other"),
    Planted(
        "tail cut before its copy is safe", "what was cut off is nowhere", RECOVERY,
        "        copy.sync()\n", "",
        REPAIR + "a_power_cut_during_a_repair"),
    Planted(
        "name of the copy not synced", "what was cut off is nowhere", RECOVERY,
        "    keep_bytes(disk, name, data[:used].tobytes())\n    disk.sync_folder(kept)\n",
        "    keep_bytes(disk, name, data[:used].tobytes())\n",
        REPAIR + "a_power_cut_during_a_repair"),
    Planted(
        "tail cut without a copy", "what was cut off is nowhere", RECOVERY,
        "    keep_bytes(disk, name, data[:used].tobytes())\n", "",
        FILES + "a_tear_is_cut_off_and_kept"),
    Planted(
        "outputs in front of a cut go", "they would not be made again", RECOVERY,
        "    if count:\n", "    if False:\n",
        OUTPUT_CUTS + "outputs_of_lost_inputs_are_cut_off"),
    Planted(
        "outputs cut without a copy", "what was cut off is nowhere", RECOVERY,
        "    _keep_behind(disk, folder, segment.path, at.offset, segment.data)\n", "",
        OUTPUT_CUTS + "outputs_of_lost_inputs_are_cut_off"),
    Planted(
        "segment made anew, named before it is synced", "outputs in front of the cut are gone",
        RECOVERY,
        "        file.write(0, parts)\n        file.sync()\n", "        file.write(0, parts)\n",
        OUTPUT_CUTS + "power_cuts_while_they_are_cut_off"),
    Planted(
        "segments behind a cut stay", "outputs of lost inputs are there", RECOVERY,
        "    put_aside_behind(disk, folder, at.number)\n", "",
        INTERRUPTED + "outputs_of_lost_inputs_are_cut_off"),
    Planted(
        "copy in an older one's place", "what was cut off earlier is nowhere", RECOVERY,
        "        if not disk.exists(path):\n            break\n", "        break\n",
        REPAIR + "a_power_cut_during_a_repair"),
    # -- scanning and mending --------------------------------------------------------------------
    Planted(
        "scan takes damage for a tear", "a repair cuts off what was safe, and does not say so",
        SCAN,
        "            torn = synced <= each.position.sequence and not each.sure\n",
        "            torn = not each.sure\n",
        CHECK + "a_tail_that_had_been_synced_is_damage"),
    Planted(
        "scan takes a tear for damage", "a crash is told as a loss", SCAN,
        "            torn = synced <= each.position.sequence and not each.sure\n",
        "            torn = synced < each.position.sequence and not each.sure\n",
        CHECK + "a_torn_tail_is_harmless"),
    Planted(
        "snapshots do not count", "that the tail is gone is not told", SCAN,
        "        if self._stop_reason or max([known, *said]) > self.at.sequence:\n",
        "        if self._stop_reason or max([0, *said]) > self.at.sequence:\n",
        CHECK + "the_tail_is_gone_and_a_snapshot_knows"),
    Planted(
        "frames counted twice", "one that was written to another place as well", SCAN,
        "            if header.first_sequence < at.sequence:\n", "            if False:\n",
        CHECK + "a_frame_that_was_written_to_another_place"),
    Planted(
        "snapshot behind the end", "an engine is to go on from it, and cannot", SCAN,
        "stretch.begin <= each.sequence <= stretch.end.sequence", "stretch.begin <= each.sequence",
        REPAIR + "a_snapshot_that_nothing_leads_up_to"),
    Planted(
        "no second look at a frame", "what is being written while it is looked at is damage", SCAN,
        "            if garbage and isinstance(segment.frame_at(self.at), Frame):\n",
        "            if False:\n",
        READING + "what_is_being_written_is_no_damage_to_a_check"),
    Planted(
        "segment that is dropped is damage", "a running engine's journal is told to be damaged",
        SCAN,
        "        except FileNotFoundError:\n            raise\n", "",
        READING + "what_is_dropped_is_no_damage_to_a_check"),
    Planted(
        "snapshots from before the drop", "the beginning is told to be missing", SCAN,
        "    if walk.dropped:", "    if False:",
        READING + "what_is_dropped_is_no_damage_to_a_check"),
    Planted(
        "any header is the one", "a segment is given a header that it never had", MENDING,
        "                exact = first.previous == check\n", "                exact = True\n",
        REPAIR + "a_header_is_put_together_again"),
    Planted(
        "spare one that was begun", "that something was being made is not told", CHECKING,
        "        return any(file.read(0, BLOCK_BYTES))\n", "        return False\n",
        CHECK + "leftovers_and_strangers"),
    Planted(
        "missing outputs are not told", "an engine does not open, and nobody knows why", CHECKING,
        "    if good and good[-1].made > have and not outputs.damages:\n", "    if False:\n",
        CHECK + "outputs_that_a_snapshot_knows_of_are_missing"),
    # -- repair ----------------------------------------------------------------------------------
    Planted(
        "repair deletes", "what it moves aside is nowhere", REPAIRING,
        "        self._disk.rename(path, free_name(self._disk, kept, name))\n",
        "        self._disk.remove(path)\n",
        REPAIR + "damage_before_a_snapshot_costs_the_past_only"),
    Planted(
        "repair overwrites a header", "what stood there is nowhere", REPAIRING,
        "            keep_bytes(disk, free_name(disk, kept, name), file.read(0, len(data)))\n", "",
        REPAIR + "a_header_is_put_together_again"),
    Planted(
        "new header not synced", "a segment that was mended is damaged again", REPAIRING,
        "            file.write(0, [data])\n            file.sync()\n",
        "            file.write(0, [data])\n",
        REPAIR + "a_power_cut_during_a_repair"),
    Planted(
        "outputs of the first input stay", "an output of an input that is lost", REPAIRING,
        'frame.events["input_sequence"] >= end)', 'frame.events["input_sequence"] > end)',
        REPAIR + "outputs_in_one_frame_with_those_that_are_cut"),
    Planted(
        "repair of a journal in use", "an engine and a repair write the same files", REPAIRING,
        "        self._lock = take_lock(disk, folder)\n",
        "        self._lock = type(\"\", (), {\"release\": lambda self: None})()\n",
        REPAIR + "somebody_writes"),
    Planted(
        "newer snapshot stays", "an engine refuses what was repaired", REPAIRING,
        "            elif snapshot.sequence > stretch.end.sequence:\n", "            elif False:\n",
        REPAIR + "a_snapshot_newer_than_the_journal"),
    Planted(
        "losses are not counted", "a repair says that it costs nothing", REPAIRING,
        "        if known <= end:\n", "        if True:\n",
        REPAIR + "damage_in_the_middle_is_cut_there"),
]  # fmt: skip
