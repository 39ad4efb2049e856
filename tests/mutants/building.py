"""Builds copies of the sources, with and without a planted bug, and runs tests against them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mutants.planting import ROOT, Planted, plant

SOURCES = ("src", "python", "setup.py", "pyproject.toml")
NOT_COPIED = shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info")
BUILD_SECONDS_MAX = 600
TEST_SECONDS_MAX = 60
LEAVE_SECONDS = 2  # after a failure: threads that the bug left stuck may hold the process
RESULT = re.compile(r"^(tests/\S+::.*?) (PASSED|FAILED|ERROR|SKIPPED)\b", re.M)


@dataclass(frozen=True)
class Result:
    """What a run of tests came to."""

    passed: list[str]
    failed: list[str]
    others: list[str]  # errors outside a test, and skipped ones: they say nothing
    text: str


def copy_sources(tree: Path) -> None:
    """What is needed to build, and nothing that was built."""
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=NOT_COPIED)
        else:
            shutil.copy2(ROOT / name, tree / name)


def build(tree: Path, **variables: str) -> None:
    """Build what has changed, quickly rather than well; raises RuntimeError with the output.

    `variables`: more of the environment, which setup.py looks at.
    """
    environment = {**os.environ, "CFLAGS": "-O1 -g0 -w", **variables}
    environment.pop("HEADRACE_SANITIZE", None)
    finished = subprocess.run(
        [sys.executable, "setup.py", "-q", "build"],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_SECONDS_MAX,
        check=False,
    )
    if finished.returncode:
        raise RuntimeError(f"does not build:\n{finished.stdout}")


def build_with(bug: Planted, base: Path, tree: Path) -> None:
    """A copy of a built tree with one bug in it."""
    shutil.copytree(base, tree, symlinks=True)
    plant(bug, tree)
    build(tree)


def assemble(tree: Path) -> None:
    """A tree as if built: a copy of the plain Python files; what is compiled is this tree's own."""
    folder = tree / "build" / "lib.plain"
    shutil.copytree(ROOT / "python", folder, ignore=NOT_COPIED)
    for compiled in ("ringbuffer", "engine"):
        (folder / "headrace" / compiled).symlink_to(ROOT / "src" / compiled)
    (tree / "python").symlink_to(folder)


def library(tree: Path) -> Path:
    """The folder of a built tree to import the package from."""
    (folder,) = tree.glob("build/lib.*")
    return folder


def environment_for(folder: Path, *, bytecode: bool = True) -> dict[str, str]:
    """In which Python imports the package from `folder`, before any that is installed.

    `bytecode`: keep compiled what all runs have in common. The first one compiles everything then,
    also what is installed; but to compile the tests anew each time takes longer than to run them.
    """
    kept = str(folder.parents[2] / "bytecode") if bytecode else ""
    return {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "" if bytecode else "1",
        "PYTHONPYCACHEPREFIX": kept,
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder.parent / "hypothesis"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # they take a second to import, and one is used
        "HYPOTHESIS_FOUND_IS_ENOUGH": "1",  # to make an example small takes longer than a test may
    }


def imported_from(folder: Path) -> Path:
    """Where the package that tests in that environment import lies."""
    said = subprocess.run(
        [sys.executable, "-c", "import headrace; print(headrace.__file__)"],
        env=environment_for(folder),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Path(said.stdout.strip()).parent


def run_tests(
    tests: list[str], folder: Path, *, stop: bool = True, bytecode: bool = True
) -> Result:
    """Run tests of this tree against the package in `folder`, in a process of their own."""
    scratch = folder.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    options = ["-v", "-p", "no:cacheprovider", "-p", "pytest_timeout", "--timeout=20"]
    options += ["-m", "", "--tb=short"]
    options += [f"--basetemp={scratch / 'pytest'}", *(["-x"] if stop else [])]
    output = scratch / "output.txt"
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=ROOT,
            env=environment_for(folder, bytecode=bytecode),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _wait_for(process, output, stop)
    text = output.read_text()
    found = RESULT.findall(text)
    return Result(
        [test for test, outcome in found if outcome == "PASSED"],
        [test for test, outcome in found if outcome == "FAILED"],
        [f"{test} {outcome}" for test, outcome in found if outcome in ("ERROR", "SKIPPED")],
        text,
    )


def _wait_for(process: subprocess.Popen[bytes], output: Path, stop: bool) -> None:
    """Until it is over, or its time is; then it goes, with all that its tests have started."""
    deadline = time.monotonic() + TEST_SECONDS_MAX * (1 if stop else 10)
    while process.poll() is None:
        if stop and " FAILED" in output.read_text():
            deadline = min(deadline, time.monotonic() + LEAVE_SECONDS)
            stop = False
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def check_all_pass(bugs: Iterable[Planted], sources: Path) -> None:
    """Without a bug every test that the tables name passes, and is the one in `sources`."""
    assert imported_from(sources) == sources / "headrace"
    named = sorted({test for bug in bugs for test in bug.tests})
    result = run_tests(named, sources, stop=False)
    assert not result.failed, result.text
    assert not result.others, result.text
    for test in named:
        assert any(passed.startswith(test) for passed in result.passed), test
