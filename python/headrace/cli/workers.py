"""Processes that run seeds of a simulation, each its share, and tell of them in lines of JSON."""

from __future__ import annotations

import contextlib
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import IO

import msgspec

from headrace.errors import EnvironmentFailure, InternalError
from headrace.simulation.coverage import Coverage

JOBS_MAX = 256
STOP_SECONDS = 5.0
_ERROR_BYTES = 4000


class Workers:
    """Processes, of which each runs every `jobs`-th seed; iterate over what they report."""

    def __init__(
        self, application: str, runs: int, seed: int, jobs: int, keep_going: bool
    ) -> None:
        self._shares = [
            (seed + place, len(range(place, runs, jobs))) for place in range(min(jobs, runs))
        ]
        self._application, self._jobs, self._keep_going = application, jobs, keep_going
        self._processes: list[subprocess.Popen[bytes]] = []
        self._errors: list[IO[bytes]] = []

    def __enter__(self) -> Workers:
        try:
            for first, count in self._shares:
                self._processes.append(self._start(first, count))
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def __iter__(self) -> Iterator[Coverage]:
        """What the workers have done since their last report, until all are through."""
        decoder = msgspec.json.Decoder(Coverage)
        with selectors.DefaultSelector() as selector:
            rests: dict[int, bytes] = {}
            for place, process in enumerate(self._processes):
                assert process.stdout is not None
                rests[place] = b""
                selector.register(process.stdout, selectors.EVENT_READ, place)
            while rests:
                for key, _ in selector.select():
                    place = key.data
                    stream = self._processes[place].stdout
                    assert stream is not None
                    data = stream.read1(1 << 20)
                    if not data:
                        selector.unregister(stream)
                        del rests[place]
                        self._ended(place)
                        continue
                    *lines, rests[place] = (rests[place] + data).split(b"\n")
                    for line in lines:
                        try:
                            yield decoder.decode(line)
                        except msgspec.MsgspecError as error:
                            raise InternalError(f"a worker told {line[:200]!r}: {error}") from None

    def _start(self, first: int, count: int) -> subprocess.Popen[bytes]:
        options = ["--runs", str(count), "--seed", str(first), "--jobs", str(self._jobs)]
        if self._keep_going:
            options.append("--keep-going")
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when all are stopped
        self._errors.append(errors)
        return subprocess.Popen(
            [sys.executable, "-m", "headrace", "simulate", self._application, *options, "--worker"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )

    def _ended(self, place: int) -> None:
        code = self._processes[place].wait()
        if code:
            self._errors[place].seek(0)
            told = self._errors[place].read()[-_ERROR_BYTES:].decode(errors="replace").strip()
            told = told or "it said nothing"
            raise EnvironmentFailure(f"a worker ended with code {code}: {told}")

    def _stop(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        for errors in self._errors:
            errors.close()
