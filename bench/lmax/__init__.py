"""LMAX Disruptor in a Java process that is told what to run, its threads pinned by name."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from bench import build, yardstick
from bench.cores import cores
from bench.measure import Sample, Unavailable, rate_sample

JARS = Path("/usr/share/java")  # where Debian and its descendants put them
JAR_VARIABLE = "HEADRACE_BENCH_DISRUPTOR"
RING_SIZE = 65536  # that of its own throughput tests; whoever is compared with it gets the same
SECONDS_MAX = 30
READERS = {"single": 1, "pipeline": 3, "multicast": 3, "diamond": 3}
# As in bench/native: the producer on the first core, consumers in turns from the second on.
ROLES = {"producer": 0, "consumer-0": 1, "consumer-1": 0, "consumer-2": 1}


def find_jar() -> Path:
    """The Disruptor's jar; Unavailable says how to get it."""
    named = os.environ.get(JAR_VARIABLE)
    found = [Path(named)] if named else sorted(JARS.glob("disruptor*.jar"))
    if not found or not found[0].exists():
        raise Unavailable(
            f"no LMAX Disruptor: apt install libdisruptor-java, or {JAR_VARIABLE}=/path/to.jar"
        )
    for tool in ("java", "javac"):
        if shutil.which(tool) is None:
            raise Unavailable(f"no {tool}: apt install default-jdk-headless")
    return found[0]


class Disruptor:
    """The Java process; a context manager."""

    def __init__(self, waiting: str = "yield", ring_size: int = RING_SIZE) -> None:
        jar = find_jar()
        classes = build.java_classes(jar)
        command = ["java", "-Xms256m", "-Xmx256m", "-XX:+UseSerialGC"]
        command += ["-cp", f"{classes}{os.pathsep}{jar}", "LmaxBench", str(ring_size), waiting]
        if shutil.which("taskset"):
            mask = ",".join(str(core) for core in cores())
            command = ["taskset", "-c", mask, *command]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        try:
            self._read_line()
            self._pin_threads()
        except BaseException:
            self.close()
            raise

    def _read_line(self) -> str:
        """The next line of output; at most SECONDS_MAX later."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(SECONDS_MAX):
                self._process.kill()
                raise RuntimeError(f"the Disruptor was silent for {SECONDS_MAX} s")
        line = self._process.stdout.readline()
        if not line:
            raise Unavailable(f"java ended with exit code {self._process.wait()}")
        return line

    def _pin_threads(self) -> None:
        """Each role to its core. Thread names show in /proc a moment after the start."""
        tasks = Path(f"/proc/{self._process.pid}/task")
        missing = set(ROLES)
        deadline = time.monotonic() + 2
        while missing and time.monotonic() < deadline and tasks.is_dir():
            for task in tasks.iterdir():
                with contextlib.suppress(OSError):
                    role = (task / "comm").read_text().strip()
                    if role in missing:
                        core = cores()[ROLES[role] % len(cores())]
                        os.sched_setaffinity(int(task.name), {core})
                        missing.discard(role)
        if missing:
            raise Unavailable("the Disruptor's threads cannot be pinned here")

    def run(self, topology: str, batch: int, count: int) -> Sample:
        """`count` events through a topology, published `batch` at a time."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{topology} {count} {batch}\n")
        self._process.stdin.flush()
        ns, read, total, wrong = (int(word) for word in self._read_line().split())
        answer = yardstick.answer(read, total, wrong & yardstick.WORD_MASK)
        wanted = yardstick.expected(count, 1, readers=READERS[topology])
        return rate_sample(count, ns / 1e9, answer, wanted)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> Disruptor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def opened(stack: ExitStack, waiting: str = "yield") -> Disruptor:
    """A Disruptor that lives as long as `stack`."""
    return stack.enter_context(Disruptor(waiting))
