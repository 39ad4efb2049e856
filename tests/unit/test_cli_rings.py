"""`headrace rings`: what it lists, what it removes, and what it never touches.

The machine's other rings are none of these tests' business: the command is made to see only those
whose names start with this test's own.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from cli_tools import headrace, refused, succeeds
from ring_tools import expect_line, finish, kill, path_of, read_field, start, write_bytes

from headrace.errors import EnvironmentFailure, RingNotFound, UsageError
from headrace.ringbuffer import Ring, files, remove_ring

OWNER = """
    import headrace as hr, sys
    rings = [hr.Ring.create(TICK, 1024, name, producers="multi") for name in sys.argv[1:]]
    consumers = []
    for ring in rings:
        first, second = ring.consumer("risk"), ring.consumer("pnl", after=["risk"])
        consumers += [first, second]
        ring.producer().publish(ticks(1000))
        first.poll(); first.release(500)
    print("up", flush=True)
    sys.stdin.read()
"""


class Rings:
    """Rings whose names start alike, in this process and in others."""

    def __init__(self) -> None:
        self.start = f"cli-{os.getpid()}-{uuid4().hex[:8]}"
        self._owners: list[subprocess.Popen[str]] = []
        self._own: list[Ring] = []

    def name(self, end: str) -> str:
        return f"{self.start}-{end}"

    def own(self, end: str) -> str:
        """Make a ring of this process, which lives; its name."""
        self._own.append(Ring.create("i8", 1024, self.name(end)))
        return self.name(end)

    def owner(self, *ends: str) -> subprocess.Popen[str]:
        """Start a process that owns rings."""
        process = start(OWNER, *map(self.name, ends))
        self._owners.append(process)
        expect_line(process, "up")
        return process

    def dead(self, *ends: str) -> int:
        """Make rings whose owner was killed; its pid."""
        process = self.owner(*ends)
        kill(process)
        return process.pid

    def broken(self, end: str, data: bytes = b"") -> str:
        """Make a segment that is no ring; its name."""
        with open(path_of(self.name(end)), "wb") as file:
            file.write(data)
        return self.name(end)

    def left(self) -> str:
        """The ends of the names that are still there."""
        return " ".join(name[len(self.start) + 1 :] for name in files.list_names())

    def remove(self) -> None:
        for ring in self._own:
            ring.close()
        for process in self._owners:
            if process.poll() is None:
                kill(process)
        for name in files.list_names():
            os.unlink(path_of(name))


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rings]:
    made = Rings()
    list_all = files.list_names
    monkeypatch.setattr(
        files,
        "list_names",
        lambda kind=files.RING: [name for name in list_all(kind) if name.startswith(made.start)],
    )
    yield made
    made.remove()


CLEAN_HINT = "note: `headrace rings --clean` removes {} of dead owners\n"
DAMAGED_HINT = (
    "note: `headrace rings --clean --damaged` removes {} that cannot be read; make sure first "
    "that no other version of headrace is using them\n"
)


# -- listing ---------------------------------------------------------------------------------


def test_no_rings(rings: Rings) -> None:
    assert succeeds("rings").stdout == "no rings in shared memory on this machine\n"
    assert json.loads(succeeds("rings", "--json").stdout) == []
    assert "nothing to remove" in succeeds("rings", "--clean").stdout


def test_ring_of_a_living_owner(rings: Rings) -> None:
    pid = rings.owner("a").pid
    lines = succeeds("rings").stdout.splitlines()
    assert re.fullmatch(rf"{rings.name('a')}: \d+ KiB, owner {pid} alive", lines[0])
    assert lines[1:] == [
        "  1,024 events of 16 B [('id', '<i8'), ('price', '<f8')], multi producer",
        "  1,000 published",
        f"  consumer risk: 500 unread, owner {pid} alive",
        f"  consumer pnl after risk: 500 unread, owner {pid} alive",
    ]


def test_ring_of_this_process_that_has_ended(rings: Rings) -> None:
    with Ring.create("i8", 4, rings.name("own")) as ring:
        ring.end()
        lines = succeeds("rings").stdout.splitlines()
    assert lines[0].endswith(f", owner {os.getpid()} alive")
    assert lines[1:] == ["  4 events of 8 B int64, single producer", "  0 published, ended"]


def test_dead_and_damaged_ones_are_told_apart(rings: Rings) -> None:
    alive, pid, empty = rings.own("a"), rings.dead("b"), rings.broken("c")
    result = headrace("rings")
    assert result.exit_code == 0
    assert f"{alive}: " in result.stdout
    assert re.search(rf"^{rings.name('b')}: \d+ KiB, owner {pid} dead$", result.stdout, re.M)
    assert f"  consumer risk: 500 unread, owner {pid} dead\n" in result.stdout
    assert f"{empty}: 0 B, cannot be read\n  " in result.stdout
    assert result.stderr == CLEAN_HINT.format("1 ring") + DAMAGED_HINT.format("1 segment")


def test_json(rings: Rings) -> None:
    alive, pid, broken = rings.own("a"), rings.dead("b"), rings.broken("c", b"x" * 100_000)
    one, two, three = json.loads(succeeds("rings", "--json").stdout)
    assert (one["name"], two["name"], three["name"]) == (alive, rings.name("b"), broken)
    assert (one["owner_pid"], one["owner_alive"]) == (os.getpid(), True)
    assert (two["owner_pid"], two["owner_alive"]) == (pid, False)
    assert (two["capacity"], two["cursor"], two["item_size"]) == (1024, 1000, 16)
    assert (two["bytes"], two["producers"]) == (read_field(two["name"], "segment_bytes"), "multi")
    assert [(c["name"], c["depth"], c["after"]) for c in two["consumers"]] == [
        ("risk", 500, []),
        ("pnl", 500, ["risk"]),
    ]
    assert (one["damaged"], two["damaged"]) == (None, None)
    assert (three["bytes"], broken in three["damaged"]) == (100_000, True)


def _replace(path: str, make: Callable[[str], None]) -> None:
    os.unlink(path)
    make(path)


DAMAGE: dict[str, Callable[[str], None]] = {
    "checksum": lambda name: write_bytes(name, 104, b"\0\0\0\0"),
    "emptied": lambda name: os.truncate(path_of(name), 0),
    "folder": lambda name: _replace(path_of(name), os.mkdir),
    "link": lambda name: _replace(path_of(name), lambda path: os.symlink("/dev/null", path)),
    "magic": lambda name: write_bytes(name, 0, b"NOTARING"),
    "truncated": lambda name: os.truncate(path_of(name), 5000),
    "version": lambda name: write_bytes(name, 8, b"\xff\xff\xff\xff"),
}


def test_damaged_segments_do_not_hide_the_others(rings: Rings) -> None:
    alive = rings.own("a")
    rings.dead(*DAMAGE)
    for end, damage in DAMAGE.items():
        damage(rings.name(end))
    try:
        result = headrace("rings")
        assert result.exit_code == 0
        assert f"{alive}: " in result.stdout
        for end in DAMAGE:
            assert re.search(rf"^{rings.name(end)}: .*cannot be read\n  \S", result.stdout, re.M)
        assert result.stderr == DAMAGED_HINT.format("7 segments")
        # Whose they are is not known, so they are nothing to remove without being asked to.
        result = headrace("rings", "--clean")
        assert result.stdout == "nothing to remove: no ring or board has a dead owner\n"
        assert result.stderr == DAMAGED_HINT.format("7 segments")
        assert rings.left() == " ".join(["a", *DAMAGE])
    finally:
        os.rmdir(path_of(rings.name("folder")))


# -- removing --------------------------------------------------------------------------------


def test_clean_removes_leftovers_only(rings: Rings) -> None:
    alive, pid = rings.own("a"), rings.dead("b", "c")
    lines = succeeds("rings", "--clean").stdout.splitlines()
    for line, end in zip(lines[:2], "bc", strict=True):
        assert re.fullmatch(rf"removed {rings.name(end)}: \d+ KiB, owner {pid} is dead", line)
    assert re.fullmatch(r"removed 2 rings, \d+ KiB", lines[2])
    assert rings.left() == "a"
    again = succeeds("rings", "--clean").stdout
    assert again == "nothing to remove: no ring or board has a dead owner\n"
    with Ring.attach(alive) as ring:
        assert ring.capacity == 1024


def test_ring_is_no_leftover_before_its_owner_dies(rings: Rings) -> None:
    owner = rings.owner("a")
    owner.send_signal(signal.SIGSTOP)  # stopped is not dead
    succeeds("rings", "--clean")
    assert rings.left() == "a"
    kill(owner)
    succeeds("rings", "--clean")
    assert rings.left() == ""


def test_users_of_a_dead_owner_keep_what_they_have(rings: Rings) -> None:
    owner = rings.owner("a")
    with Ring.attach(rings.name("a")) as ring:
        kill(owner)
        succeeds("rings", "--clean")
        assert rings.left() == ""
        assert ring.cursor == 1000
        consumer = ring.consumer("risk")
        assert len(consumer.poll()) == 500


def test_dry_run(rings: Rings) -> None:
    rings.dead("b")
    empty = rings.broken("c")
    result = headrace("rings", "--clean", "--dry-run")
    assert f"would remove {rings.name('b')}: " in result.stdout
    assert "would remove 1 ring, " in result.stdout
    assert result.stderr == DAMAGED_HINT.format("1 segment")
    result = succeeds("rings", "--clean", "--dry-run", "--damaged")
    assert f"would remove {empty}: 0 B, cannot be read\n" in result.stdout
    assert "would remove 2 rings, " in result.stdout
    assert rings.left() == "b c"


def test_damaged_ones_too(rings: Rings) -> None:
    rings.own("a")
    empty, scribbled = rings.broken("b"), rings.broken("c", b"x" * 100_000)
    result = succeeds("rings", "--clean", "--damaged")
    assert result.stdout.splitlines() == [
        f"removed {empty}: 0 B, cannot be read",
        f"removed {scribbled}: 97.7 KiB, cannot be read",
        "removed 2 rings, 97.7 KiB",
    ]
    assert rings.left() == "a"


def test_clean_in_json(rings: Rings) -> None:
    rings.own("a")
    rings.dead("b")
    rings.broken("c")
    removed = json.loads(headrace("rings", "--clean", "--json").stdout)
    assert [info["name"] for info in removed] == [rings.name("b")]
    assert rings.left() == "a c"
    assert json.loads(succeeds("rings", "--clean", "--json").stdout) == []


@pytest.mark.parametrize("options", [["--dry-run"], ["--damaged"], ["--dry-run", "--damaged"]])
def test_options_that_go_with_clean(options: list[str], rings: Rings) -> None:
    rings.broken("a")
    assert "--dry-run and --damaged go with --clean" in refused("rings", *options)
    assert rings.left() == "a"


# -- what may come between listing and removing ----------------------------------------------


def test_somebody_else_was_faster(rings: Rings, monkeypatch: pytest.MonkeyPatch) -> None:
    rings.dead("a")

    def gone(name: str) -> None:
        raise RingNotFound(name)

    monkeypatch.setattr("headrace.cli.rings.remove_ring", gone)
    assert succeeds("rings", "--clean").stdout == ""


@pytest.mark.parametrize("error", [UsageError("it lives again"), EnvironmentFailure("not yours")])
def test_one_that_cannot_be_removed(
    error: Exception, rings: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rings.dead("a", "b")

    def refuse_first(name: str) -> None:
        if name == rings.name("a"):
            raise error
        remove_ring(name)

    monkeypatch.setattr("headrace.cli.rings.remove_ring", refuse_first)
    result = headrace("rings", "--clean")
    assert result.exit_code == 1
    assert result.stderr == f"error: {rings.name('a')} was not removed: {error}\n"
    assert f"removed {rings.name('b')}: " in result.stdout
    assert "removed 1 ring, " in result.stdout
    assert rings.left() == "a"


def test_owner_that_ends_well_leaves_nothing(rings: Rings) -> None:
    finish(rings.owner("a"))
    assert "no rings" in succeeds("rings").stdout
