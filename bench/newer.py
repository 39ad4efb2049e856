"""A newer interpreter beside this one, in which all contestants of a figure run in turns.

Some peers need a newer Python than the one that runs `python -m bench`. Then ours runs there too,
in the same process as they do. Each run is asked for by a line of JSON, and answered by one.

    {"module": "bench.simulating", "run": "ping_pong", "count": 1000}
    {"sample": {"count": 1000, "seconds": 0.001, ...}}, {"unavailable": why} or {"failed": trace}
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import select
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from bench.cores import pin
from bench.measure import Contestant, Open, Sample, Unavailable

ROOT = Path(__file__).resolve().parents[1]
NEEDED = (3, 12)
PEERS = ("seedloop", "simloom")
SECONDS_MAX = 60  # a run that takes longer is given up
HOW = "`make bench-newer` prepares one in .venvs if Python 3.12 or newer is installed"


def is_needed() -> bool:
    """Whether this interpreter is too old for the peers."""
    return sys.version_info < NEEDED


def environments() -> list[Path]:
    """The environments in .venvs that are new enough, the newest first."""
    found = []
    for path in (ROOT / ".venvs").glob("3.*"):
        version = tuple(int(part) for part in path.name.split(".") if part.isdecimal())
        if version >= NEEDED and os.access(path / "bin" / "python", os.X_OK):
            found.append((version, path))
    return [path for _, path in sorted(found, reverse=True)]


def find() -> Path:
    """The newest environment whose library is built of these sources. Raises Unavailable."""
    changed = max(source.stat().st_mtime for source in _sources())
    for path in environments():
        stamp = ROOT / "build" / f"built-.venvs-{path.name}"
        if stamp.exists() and stamp.stat().st_mtime >= changed:
            return path
    raise Unavailable(f"no environment of Python 3.12 or newer is up to date: {HOW}")


def _sources() -> Iterator[Path]:
    for ending in ("pyx", "pxd"):
        yield from ROOT.glob(f"src/*/*.{ending}")


class Newer:
    """The other interpreter while it lives; `about` says what it is."""

    def __init__(self, stack: ExitStack, environment: Path | None = None) -> None:
        path = environment or find()
        self._name = f"{path.parent.name}/{path.name}"
        self._process = subprocess.Popen(
            [path / "bin" / "python", "-m", "bench.newer"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
        stack.callback(self.close)
        try:
            self.about: dict[str, str] = self._hear()["about"]
        except RuntimeError as error:
            raise Unavailable(f"{error}: {HOW}") from None

    def run(self, module: str, name: str, count: int) -> Sample:
        """One run there. Raises Unavailable, or RuntimeError if it broke down."""
        assert self._process.stdin is not None
        request = {"module": module, "run": name, "count": count}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._hear()
        if "unavailable" in answer:
            raise Unavailable(answer["unavailable"])
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return Sample(**answer["sample"])

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], SECONDS_MAX)[0]:
            self._process.kill()
            raise RuntimeError(f"the interpreter of {self._name} was given up")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the interpreter of {self._name} has ended")
        return json.loads(line)

    def close(self) -> None:
        """End it, by force if it does not listen."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_shared = lru_cache(maxsize=2)(Newer)


def run_here(module: str, name: str, count: int) -> Sample:
    """One run in this process."""
    sample: Sample = getattr(importlib.import_module(module), name)(count)
    return sample


def ours(module: str, name: str, **limits: Any) -> Open:
    """A contestant of ours: where the peers run, and here if there is no such place."""

    def open_one(stack: ExitStack) -> Contestant:
        try:
            return peer(module, name, **limits)(stack)
        except Unavailable:
            return Contestant(lambda count: run_here(module, name, count), **limits)

    return open_one


def peer(module: str, name: str, **limits: Any) -> Open:
    """A contestant that needs the newer interpreter; alive as long as the figure."""

    def open_one(stack: ExitStack) -> Contestant:
        if not is_needed():
            return Contestant(lambda count: run_here(module, name, count), **limits)
        there = _shared(stack)
        return Contestant(lambda count: there.run(module, name, count), **limits)

    return open_one


def about() -> dict[str, str]:
    """The Python and the peers of this process."""
    found = {"python": f"{platform.python_implementation()} {platform.python_version()}"}
    for name in PEERS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@cache
def about_where_peers_run() -> dict[str, str]:
    """The same of the interpreter in which they run; empty if there is none."""
    if not is_needed():
        return about()
    try:
        with ExitStack() as stack:
            return Newer(stack).about
    except Unavailable:
        return {}


def serve() -> None:
    """Answer the lines that come, until there are no more."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a peer prints is no answer
    pin(0)
    answers.write(json.dumps({"about": about()}).encode() + b"\n")
    for line in sys.stdin.buffer:
        try:
            answer: dict[str, Any] = {"sample": asdict(run_here(*json.loads(line).values()))}
        except Unavailable as why:
            answer = {"unavailable": str(why)}
        except Exception:
            answer = {"failed": traceback.format_exc()}
        answers.write(json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    serve()
