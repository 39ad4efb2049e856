"""The simulators' games: their answers, what is compared, and the interpreter they run in."""

from __future__ import annotations

import os
import sys
import textwrap
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bench import games, newer, simulating
from bench.figures import selected
from bench.measure import Unavailable
from bench.peers import seedloop_games, simloom_games

COUNT = 10 * games.PER_ROUND
GAMES = ("ping_pong", "broadcast")


def test_expected_ping_pong() -> None:
    hops = range(COUNT)
    assert games.ping_pong_answer(COUNT) == (len(hops), sum(hops))


def test_expected_broadcast() -> None:
    to_leaves = [number for number in range(10) for _ in games.LEAVES]
    assert 2 * len(to_leaves) == COUNT
    assert games.broadcast_answer(COUNT) == 2 * (len(to_leaves), sum(to_leaves))


@pytest.mark.parametrize(
    "run", [*GAMES, *(f"bare_{game}" for game in GAMES), "checked_broadcast", "loop_ping_pong"]
)
def test_ours_delivers_what_is_expected(run: str) -> None:
    sample = getattr(simulating, run)(COUNT)
    assert sample.count == COUNT
    assert sample.answer == sample.expected
    assert sample.answer.startswith(f"({COUNT}, ")


def test_a_game_that_ends_early_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    players = dict.fromkeys(games.PLAYERS, simulating.Player(5))
    monkeypatch.setattr(simulating, "_players", lambda count: players)
    sample = simulating.bare_ping_pong(COUNT)
    assert sample.answer == "(5, 5, 10)"
    assert sample.answer != sample.expected


def test_the_property_of_the_broadcast_can_fail() -> None:
    simulation = simulating._simulation(simulating._hub_and_leaves(COUNT), COUNT)
    view = simulation.run(1).check()
    assert simulating.nobody_is_ahead(view)  # type: ignore[arg-type]
    view.states[games.LEAVES[0]][0] += 2
    assert not simulating.nobody_is_ahead(view)  # type: ignore[arg-type]


def test_runs_with_faults_have_some() -> None:
    sample = simulating.chaotic(3)
    assert sample.answer == sample.expected == f"(3, {3 * 2 * simulating.COMMANDS})"
    assert sample.metrics["runs"] > 0


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("module", [seedloop_games, simloom_games])
def test_peers_where_they_are(module: Any, game: str) -> None:
    if newer.is_needed():
        pytest.skip("they need Python 3.12; the figures run them in a newer interpreter")
    try:
        sample = getattr(module, game)(COUNT)
    except Unavailable as why:
        pytest.skip(str(why))
    assert sample.count == COUNT
    assert sample.answer == sample.expected


@pytest.mark.parametrize("module", [seedloop_games, simloom_games])
def test_a_missing_peer_is_said(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    for name in newer.PEERS:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(Unavailable, match=r"pip install (seedloop|simloom)"):
        module.ping_pong(COUNT)


# The other interpreter; here it is this one, under another name.


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    made = tmp_path / "9.9"
    (made / "bin").mkdir(parents=True)
    python = made / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return made


def test_runs_over_there(environment: Path) -> None:
    with ExitStack() as stack:
        there = newer.Newer(stack, environment)
        assert there.about == newer.about()
        for game in GAMES:
            sample = there.run("bench.simulating", game, COUNT)
            assert sample.answer == sample.expected == getattr(simulating, game)(COUNT).answer
        process = there._process
        assert process.pid != os.getpid()
    assert process.returncode == 0


def test_what_breaks_there_is_said_here(environment: Path) -> None:
    with ExitStack() as stack:
        there = newer.Newer(stack, environment)
        with pytest.raises(RuntimeError, match="no attribute 'tennis'"):
            there.run("bench.simulating", "tennis", COUNT)
        if newer.is_needed():
            with pytest.raises(Unavailable, match="seedloop"):
                there.run("bench.peers.seedloop_games", "ping_pong", COUNT)
        assert there.run("bench.simulating", "ping_pong", COUNT).count == COUNT  # it goes on
        there._process.kill()
        with pytest.raises((RuntimeError, BrokenPipeError)):
            there.run("bench.simulating", "ping_pong", COUNT)


def test_an_interpreter_that_does_not_start(environment: Path) -> None:
    (environment / "bin" / "python").write_text("#!/bin/sh\nexit 3\n")
    with ExitStack() as stack, pytest.raises(Unavailable, match=r"has ended.*make bench-newer"):
        newer.Newer(stack, environment)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with one source, and environments of three versions that may be built."""
    monkeypatch.setattr(newer, "ROOT", tmp_path)
    (tmp_path / "src" / "engine").mkdir(parents=True)
    (tmp_path / "build").mkdir()
    (tmp_path / "src" / "engine" / "world.pyx").touch()
    for version in ("3.9", "3.12", "3.13"):
        python = tmp_path / ".venvs" / version / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch(0o755)
    return tmp_path


def _build(root: Path, version: str, seconds: int) -> None:
    stamp = root / "build" / f"built-.venvs-{version}"
    stamp.touch()
    os.utime(stamp, (time := (root / "src/engine/world.pyx").stat().st_mtime + seconds, time))


def test_the_newest_that_is_up_to_date(root: Path) -> None:
    assert [path.name for path in newer.environments()] == ["3.13", "3.12"]
    with pytest.raises(Unavailable, match="make bench-newer"):
        newer.find()
    _build(root, "3.12", 1)
    _build(root, "3.13", -1)
    assert newer.find().name == "3.12"
    _build(root, "3.13", 1)
    assert newer.find().name == "3.13"


def test_ours_runs_here_where_there_is_no_newer(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newer, "is_needed", lambda: True)
    with ExitStack() as stack:
        sample = newer.ours("bench.simulating", "ping_pong")(stack).run(COUNT)
        assert sample.answer == sample.expected
        with pytest.raises(Unavailable, match="make bench-newer"):
            newer.peer("bench.peers.seedloop_games", "ping_pong")(stack)
        assert newer.about_where_peers_run.__wrapped__() == {}


def test_targets() -> None:
    targets = {
        (check.of, check.to, check.target)
        for figure in selected(["simulated-ping-pong", "simulated-broadcast"])
        for check in figure.checks
        if check.target is not None
    }
    assert targets == {("headrace", "seedloop", 3.0), ("headrace", "simloom", 3.0)}
    (alone,) = selected(["simulated-delivered"])
    assert {check.target for check in alone.checks if check.kind == "value"} == {0.6}


def test_makefile_names_the_same_peers() -> None:
    text = (Path(__file__).resolve().parents[2] / "Makefile").read_text()
    assert f"for package in {' '.join(newer.PEERS)};" in textwrap.dedent(text)
