"""`headrace simulate`: what it says of runs that pass and of runs that fail, on several cores."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_tools import finish, headrace, in_folder, refused, start

HERE = Path(__file__).parent
APP = """
import headrace as hr
from simulation_tools import Add, Counter, counting


class Scattered(Counter):
    name = "scattered"

    @hr.on.request(Add)
    def add(self, state, request, caller, peers):
        return state, [hr.reply(caller, 0), *[hr.send(to, 1) for to in set(peers)]]

    @hr.on.message(int)
    def heard(self, state, message):
        return state + 1, None


good, bad = counting(), counting(sync=False)
names = ("alpha", "beta", "gamma", "delta")
scattered = hr.Simulation(
    hr.System(dict.fromkeys(names, Scattered()), {"c": hr.Client([Add(1)])})
)
rare = hr.Simulation(
    hr.System({"p": Counter()}, {"c": hr.Client([Add(1)])}, sometimes={"never seen": lambda v: 0})
)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    (tmp_path / "counters.py").write_text(APP)
    with in_folder(tmp_path) as folder:
        yield folder


def test_runs_that_pass() -> None:
    result = headrace("simulate", "counters.py:good", "--runs", 30)
    assert (result.exit_code, result.stderr) == (0, "")
    told = result.stdout
    assert "ok: 30 runs, " in told
    assert "requests: 600: " in told
    assert "faults: Crash " in told
    assert "clients: done after 0." in told
    assert "s, mean; faults for 1.000 s" in told
    assert "inputs: Counter: request Add " in told
    assert "sometimes: has_ten 30" in told


def test_what_was_never_reached_is_told() -> None:
    result = headrace("simulate", "counters.py:rare", "--runs", 3)
    assert result.exit_code == 0
    assert "never: never seen" in result.stdout


def test_a_run_that_fails_is_made_small_and_a_test(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = headrace("simulate", "counters.py:bad", "--runs", 50, "--to-test", "test_it.py")
    assert result.exit_code == 1
    assert "failed: " in result.stdout
    assert "always: keeps_what_it_told does not hold" in result.stdout
    assert "made small: " in result.stdout
    assert "Crash(at_ns=" in result.stdout
    assert "test_it.py: " in result.stderr
    seed = result.stdout.split("found with seed ")[1].split(";")[0]
    assert f"--seed {seed} --runs 1" in result.stdout
    again = headrace("simulate", "counters.py:bad", "--runs", 1, "--seed", seed)
    assert again.stdout.split("\n\n")[1] == result.stdout.split("\n\n")[1]
    code = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # quicker
    failing = subprocess.run(code, cwd=folder, capture_output=True, text=True, check=False)
    assert failing.returncode == 1
    assert "SimulationFailed: always: keeps_what_it_told" in failing.stdout
    mended = (folder / "test_it.py").read_text().replace("counters.py:bad", "counters.py:good")
    (folder / "test_it.py").write_text(mended)
    passing = subprocess.run(code, cwd=folder, capture_output=True, text=True, check=False)
    assert passing.returncode == 0, passing.stdout
    told = refused("simulate", "counters.py:bad", "--to-test", "test_it.py")
    assert "exists already" in told


def test_a_run_that_fails_is_written_as_journals(folder: Path) -> None:
    result = headrace("simulate", "counters.py:bad", "--runs", 50, "--journals", "seen")
    assert result.exit_code == 1
    assert "see it: headrace debug seen/p counters.py:bad.p" in result.stdout
    replayed = headrace("replay", "seen/p", "counters.py:bad.p", "--verify")
    assert replayed.exit_code == 0, replayed.output
    told = refused("simulate", "counters.py:good", "--runs", 1, "--journals", "seen")
    assert "seen: is not empty" in told


def test_seeds_that_failed_are_run_first(folder: Path) -> None:
    first = headrace("simulate", "counters.py:bad", "--known", "seeds.txt", "--no-shrink")
    assert first.exit_code == 1
    seed = first.stdout.split("found with seed ")[1].split(";")[0]
    assert (folder / "seeds.txt").read_text().startswith(f"{seed}  # always: keeps_what")
    again = headrace(
        "simulate", "counters.py:bad", "--known", "seeds.txt", "--no-shrink", "--seed", 5000
    )
    assert f"found with seed {seed};" in again.stdout
    assert "failed: 1 run, 1 failed" in again.stdout
    assert len((folder / "seeds.txt").read_text().splitlines()) == 1
    mended = headrace("simulate", "counters.py:good", "--known", "seeds.txt", "--runs", 3)
    assert "ok: 4 runs" in mended.stdout
    (folder / "seeds.txt").write_text("7\nseven\n")
    told = refused("simulate", "counters.py:good", "--known", "seeds.txt")
    assert "seeds.txt, line 2: 'seven' is no seed" in told


def test_several_processes_come_to_the_same(folder: Path) -> None:
    one = headrace("simulate", "counters.py:good", "--runs", 40, "--seed", 7)
    code, out, err = finish(
        start("simulate", "counters.py:good", "--runs", 40, "--seed", 7, "--jobs", 2), 60
    )
    assert (code, err) == (0, "")
    assert out.splitlines()[1:] == one.stdout.splitlines()[1:]


def test_several_processes_stop_at_a_failure() -> None:
    code, out, _ = finish(
        start("simulate", "counters.py:bad", "--runs", 5000, "--jobs", 2, "--no-shrink"), 60
    )
    assert code == 1
    assert "keeps_what_it_told" in out


def test_all_failures_are_counted() -> None:
    result = headrace("simulate", "counters.py:bad", "--runs", 40, "--keep-going", "--no-shrink")
    assert result.exit_code == 1
    assert "failed: 40 runs, " in result.stdout
    failed = int(result.stdout.split("40 runs, ")[1].split(" failed")[0])
    assert 2 <= failed < 40


@pytest.mark.torture
def test_the_order_of_a_set_is_found() -> None:
    told = refused("simulate", "counters.py:scattered", "--twice", "--runs", 2)
    assert "counters.py:9: seed 0 goes two ways" in told
    assert "the order of a set" in told
    result = headrace("simulate", "counters.py:good", "--twice", "--runs", 2)
    assert result.exit_code == 0
    assert "2 runs went the same way twice" in result.stdout


@pytest.mark.parametrize(
    ("application", "told"),
    [
        ("counters.py", "names no simulation: give module:simulation or file.py:simulation"),
        ("counters.py:god", "did you mean 'good'"),
        ("counters.py:names", "is of type tuple, no simulation"),
        ("nowhere.py:good", "no such file, so there is no simulation in it"),
    ],
)
def test_what_is_no_simulation(application: str, told: str) -> None:
    assert told in refused("simulate", application)


def test_a_worker_that_fails_is_told(folder: Path) -> None:
    (folder / "counters.py").write_text(
        APP + "\nimport sys\nif '--worker' in sys.argv:\n    raise RuntimeError('not here')\n"
    )
    code, out, err = finish(start("simulate", "counters.py:good", "--runs", 40, "--jobs", 2), 60)
    assert (code, out) == (1, "")
    assert "a worker ended with code 2" in err
    assert "RuntimeError: not here" in err
