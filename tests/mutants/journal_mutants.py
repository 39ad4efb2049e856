"""Planted bugs of what writes a journal: its bytes, its files, its snapshots, the disk below."""

from __future__ import annotations

from mutants.planting import PYTHON, Planted

FILES = "unit/test_journal_files.py::test_"
WRITING = "unit/test_journal_writing.py::test_"
GOLDEN = "unit/test_journal_golden.py::test_"
CHECK = "unit/test_journal_check.py::test_"
STATES = "unit/test_journal_states.py::test_"
ENGINE = "unit/test_engine_journal.py::test_"
INTERRUPTED = "unit/test_journal_interrupted.py::test_"
CUTS = "crash/test_journal_power_cuts.py::test_"
KILLS = "crash/test_journal_kills.py::test_"
AFTER_KILLS = "crash/test_journal_after_kills.py::test_"
FAULTS = "crash/test_engine_disk_faults.py::test_"
DAMAGE = "crash/test_engine_damage.py::test_"
RECORDED = "unit/test_recorder.py::test_"
LOCAL_DISK = "unit/test_local_disk.py::test_"
CONTRACT = "property/test_disk_contract.py::test_"

LAYOUT, WRITER, SNAPSHOTS, NOTES, FOLDER, ENCODING = (
    f"{PYTHON}journal/{name}.py"
    for name in ("layout", "writer", "snapshots", "notes", "folder", "states")
)
LOCAL = PYTHON + "ports/local_disk.py"

JOURNAL_MUTANTS = [
    # -- bytes -----------------------------------------------------------------------------------
    Planted(
        "checksums without a seed", "a frame fits wherever it lies", LAYOUT,
        "    return xxhash.xxh3_64_intdigest(data, seed)\n",
        "    return xxhash.xxh3_64_intdigest(data)\n",
        FILES + "every_flipped_byte_is_found_or_harmless"),
    Planted(
        "frames of any journal", "headers of frames do not know of which journal they are", LAYOUT,
        "    return checksum(journal_id, 0)\n", "    return 0\n",
        GOLDEN + "it_is_still_written_so"),
    Planted(
        "frame's header unchecked", "a header that is damaged is believed", LAYOUT,
        "    if magic != FRAME_MAGIC or checksum(data[offset : offset + _FRAME_CHECKED], seed)"
        " != check:\n",
        "    if magic != FRAME_MAGIC:\n",
        CHECK + "damage_in_the_middle_and_what_is_behind_it"),
    Planted(
        "segment's header unchecked", "a header that is damaged is believed", LAYOUT,
        "        checksum(text, checksum(data[:_SEGMENT_CHECKED], 0)) != check\n",
        "        False\n",
        FILES + "a_damaged_segment_header"),
    Planted(
        "segment of any version", "bytes of a later format are read as if they were of this",
        LAYOUT,
        "    if version != FORMAT_VERSION:\n", "    if version < 1:\n",
        FILES + "a_damaged_segment_header"),
    Planted(
        "times are not in the checksum", "a time that is damaged is believed", LAYOUT,
        "    for part in body:\n", "    for part in body[1:]:\n",
        GOLDEN + "it_is_still_written_so"),
    Planted(
        "damaged notes of a known kind", "what cannot be read is passed over like a new kind",
        NOTES,
        "                raise\n", "                continue\n",
        FILES + "notes_of_unknown_kinds_are_passed_over"),
    # -- writing ---------------------------------------------------------------------------------
    Planted(
        "notes one frame late", "the note of a frame's last input stands behind that frame", WRITER,
        "            behind = self.sequence + self._count_max\n",
        "            behind = self.sequence + self._count_max - 1\n",
        WRITING + "every_note_of_a_batch_stands_with_its_input"),
    Planted(
        "synced at once, whatever was before", "only these bytes are on the disk, not all before",
        WRITER,
        "        at_once = sync and self._safe == self.position and", "        at_once = sync and",
        WRITING + "a_write_with_sync_is_of_all_before_it"),
    Planted(
        "synced at once in name only", "what is acknowledged is in memory only", WRITER,
        "parts, sync=sync)", "parts)",
        WRITING + "a_write_with_sync_is_of_all_before_it"),
    Planted(
        "frame says that it is synced", "what a tear is told from damage by is untrue", WRITER,
        "            synced_sequence=self.synced_sequence,\n            previous=at.previous,\n"
        "            seed",
        "            synced_sequence=at.sequence,\n            previous=at.previous,\n"
        "            seed",
        FILES + "unsynced_frames_behind_a_hole_are_a_tear"),
    Planted(
        "segment says that all is synced", "what a tear is told from damage by is untrue", WRITER,
        "            synced_sequence=self.synced_sequence,\n            item_bytes",
        "            synced_sequence=at.sequence,\n            item_bytes",
        INTERRUPTED + "cutting_several_segments_off_may_be_interrupted"),
    Planted(
        "synced before the sync", "a sync that fails has been promised", WRITER,
        "        self._fill_block()\n        try:\n",
        "        self._fill_block()\n        self.synced_sequence = self.position.sequence\n"
        "        try:\n",
        FILES + "nothing_is_written_after_a_failure"),
    Planted(
        "never synced", "what is acknowledged is in memory only", WRITER,
        "            if self._file is not None:\n                self._file.sync()\n", "",
        CUTS + "every_operation"),
    Planted(
        "full segments never synced", "what is acknowledged is in memory only", WRITER,
        "            self._behind[0].sync()\n", "",
        WRITING + "a_sync_is_of_all_segments"),
    Planted(
        "full segment listed twice", "an interrupt comes in between, and its second sync fails",
        WRITER,
        "            self._behind += [self._file]\n",
        "            self._behind.append(self._file)\n",
        RECORDED + "an_interrupt_at_each_moment"),
    Planted(
        "tried again after a failure", "the second sync says that all is well, and it is not",
        WRITER,
        "        if self._failed is not None:\n            raise", "        if False:\n"
        "            raise",
        FILES + "nothing_is_written_after_a_failure"),
    Planted(
        "full disk passed over", "inputs are acknowledged that are not there", WRITER,
        '            raise self._fail("written to and synced"',
        "            if error.errno not in NO_SPACE:\n"
        '                raise self._fail("written to and synced"',
        FILES + "nothing_is_written_after_a_failure"),
    Planted(
        "quota is no full disk", "the user is told to replace a disk", WRITER,
        "NO_SPACE = {errno.ENOSPC, errno.EDQUOT}", "NO_SPACE = {errno.ENOSPC}",
        FAULTS + "a_write_or_a_sync_fails"),
    Planted(
        "sync does not end the block", "what is written next may damage what was safe", WRITER,
        "        self._fill_block()\n", "",
        WRITING + "what_comes_behind_a_sync_begins_on_a_block"),
    Planted(
        "goes on in a safe block", "what is written next may damage what was safe", WRITER,
        "            if at.offset % self._alignment:\n", "            if False:\n",
        FILES + "what_was_safe_is_not_written_again"),
    Planted(
        "seal before the sync", "it does not say that what is before it was safe", WRITER,
        "        self.sync()\n        self.append(*self._nothing, [note])\n",
        "        self.append(*self._nothing, [note])\n",
        WRITING + "a_seal_says_that_all_before_it_is_safe"),
    Planted(
        "frame grows over the end", "a segment is longer than it was made", WRITER,
        "+ aligned(used, self._alignment) > self._size:", "+ used > self._size + BLOCK_BYTES:",
        WRITING + "segments_are_as_long_as_they_say"),
    # -- segments --------------------------------------------------------------------------------
    Planted(
        "segment named before it is synced", "a name without a header", WRITER,
        "            file.write(0, [data])\n            file.sync()\n",
        "            file.write(0, [data])\n",
        CUTS + "every_operation"),
    Planted(
        "segment named before it is written", "a name without a header", WRITER,
        "            file.write(0, [data])\n            file.sync()\n"
        "            self._disk.rename(making, self.path)\n",
        "            self._disk.rename(making, self.path)\n            file.write(0, [data])\n"
        "            file.sync()\n",
        CUTS + "every_operation"),
    Planted(
        "segment's name not synced", "the file is gone, with what was acknowledged", WRITER,
        "            self._disk.rename(making, self.path)\n"
        "            self._disk.sync_folder(self._folder)\n",
        "            self._disk.rename(making, self.path)\n",
        CUTS + "every_operation"),
    Planted(
        "spare segment of any size", "the segment has another length than it says", WRITER,
        "            if file.size == size and not", "            if not",
        WRITING + "a_spare_segment_of_another_length_is_not_used"),
    Planted(
        "spare one not waited for", "a failure to make the segment ahead of time is one", WRITER,
        "            return False  # whoever", "            raise  # whoever",
        WRITING + "a_spare_segment_that_cannot_be_made_is_no_failure"),
    Planted(
        "unfinished files stay", "what a dead writer was making is in the way", WRITER,
        "                remove_unfinished(disk, folder)\n", "",
        AFTER_KILLS + "a_segment_that_was_being_made_is_not_taken_for_one"),
    Planted(
        "one segment too many dropped", "the first input behind a snapshot goes as well", WRITER,
        "        if behind > sequence:\n", "        if first > sequence:\n",
        WRITING + "segments_that_are_wanted_stay"),
    Planted(
        "segments dropped, not for good", "one of them is back, and the ones behind it are not",
        WRITER,
        "        disk.remove(join(folder, segment_name(number, first)))\n"
        "        disk.sync_folder(folder)\n",
        "        disk.remove(join(folder, segment_name(number, first)))\n",
        WRITING + "segments_are_dropped_for_good_one_after_the_other"),
    # -- snapshots -------------------------------------------------------------------------------
    Planted(
        "snapshot named before it is synced", "a name without a state", SNAPSHOTS,
        "        file.sync()\n", "",
        CUTS + "every_operation"),
    Planted(
        "snapshot's name not synced", "the inputs that it stands for are dropped, and it is gone",
        SNAPSHOTS,
        "    disk.rename(making, path)\n    disk.sync_folder(folder)\n",
        "    disk.rename(making, path)\n",
        WRITING + "a_snapshot_is_there_for_good"),
    Planted(
        "snapshot's state unchecked", "a state that never was", SNAPSHOTS,
        "    if checksum(body, 0) != check:\n", "    if False:\n",
        ENGINE + "a_damaged_snapshot_is_passed_over"),
    Planted(
        "snapshot of another journal", "a state of other inputs", SNAPSHOTS,
        "        if journal_id is not None and of != journal_id:\n", "        if False:\n",
        WRITING + "a_snapshot_that_is_of_another_journal"),
    Planted(
        "snapshot under another name", "inputs are stepped over twice, or left out", SNAPSHOTS,
        "        if at != sequence:\n", "        if False:\n",
        WRITING + "a_snapshot_under_another_name"),
    Planted(
        "oldest snapshot", "all that is behind it is stepped over again", SNAPSHOTS,
        "    for sequence in reversed(list_snapshots(disk, folder)):\n",
        "    for sequence in list_snapshots(disk, folder):\n",
        ENGINE + "snapshots"),
    Planted(
        "one snapshot too many dropped", "there is none for the one that is damaged", SNAPSHOTS,
        "    for sequence in sequences[:-kept]:\n", "    for sequence in sequences[: 1 - kept]:\n",
        ENGINE + "snapshots"),
    Planted(
        "one object is written as two", "what is changed through one name is not seen by the other",
        ENCODING,
        "        if again is not None:\n", "        if False:\n",
        STATES + "one_object_in_two_places_stays_one"),
    Planted(
        "fields by position", "a state of an older class is read into the wrong fields", ENCODING,
        "        if names != have:\n", "        if len(names) != len(have):\n",
        STATES + "a_class_that_changed"),
    # -- the disk --------------------------------------------------------------------------------
    Planted(
        "lock that two may hold", "two engines write one journal", LOCAL,
        "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB",
        FILES + "one_writer"),
    Planted(
        "child keeps the lock", "nobody can go on when its parent is dead", LOCAL,
        "os.register_at_fork(after_in_child=_give_up_locks)\n", "",
        KILLS + "a_child_does_not_hold_the_journal_of_a_dead_parent"),
    Planted(
        "rest of a short write lost", "a frame is written in part, and acknowledged", LOCAL,
        "            self._write_rest(offset + done,", "            (offset + done,",
        LOCAL_DISK + "short_writes_are_gone_on_with"),
    Planted(
        "rest of a short write not synced", "what is acknowledged is in memory only", LOCAL,
        "(not _DSYNC or done < size)", "not _DSYNC",
        LOCAL_DISK + "short_writes_are_gone_on_with"),
    Planted(
        "folder that was there not synced", "whoever made it has died, and it is gone", LOCAL,
        "                self.sync_folder(str(folder.parent))\n", "                pass\n",
        LOCAL_DISK + "new_folders_are_safe"),
    Planted(
        "file synced in name only", "what is acknowledged is in memory only", LOCAL,
        "        _sync_data(self._fd)\n", "        pass\n",
        LOCAL_DISK + "a_sync_is_one"),
    Planted(
        "write that does not sync", "what is acknowledged is in memory only", LOCAL,
        "_DSYNC if sync else 0", "0",
        LOCAL_DISK + "a_write_with_sync_is_synced"),
    Planted(
        "folder synced in name only", "the file is gone, with what was acknowledged", LOCAL,
        "            os.fsync(fd)\n", "            pass\n",
        LOCAL_DISK + "a_sync_of_a_folder_is_one"),
    Planted(
        "new folder not synced", "the journal is gone, with what was acknowledged", LOCAL,
        "                raise\n        self.sync_folder(str(folder.parent))\n",
        "                raise\n",
        LOCAL_DISK + "new_folders_are_safe"),
    Planted(
        "file made over another", "what stood there is gone", LOCAL,
        "os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC", "os.O_RDWR | os.O_CREAT",
        CONTRACT + "a_name_is_given_once"),
    Planted(
        "gap between segments", "inputs are missing, and nothing tells it", FOLDER,
        "        if behind != number + 1:\n", "        if behind <= number:\n",
        FILES + "a_missing_segment"),
    Planted(
        "lock not taken", "two engines write one journal", FOLDER,
        "    if isinstance(lock, str):\n        raise JournalLocked(",
        "    if isinstance(lock, str):\n        JournalLocked(",
        FILES + "one_writer"),
]  # fmt: skip
