"""Two pinned processes that carry records again and again, when told to.

A channel is a module here with `prepare(batch, stack)`, called once in the parent, whose result
goes to both processes; and two classes, `Sender(prepared, batch)` and `Receiver(prepared, batch)`,
with `transfer(count)` and `close()`. A receiver of records has an `area`, and its transfer returns
how many came and its position in the area. The processes stay alive between runs, asleep, so that
channels can take turns without being set up anew.
"""

from __future__ import annotations

import importlib
import multiprocessing
import time
import traceback
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import Any

from bench.cores import pin
from bench.measure import Sample, Unavailable, rate_sample
from bench.peers import records

SECONDS_MAX = 20  # a run that takes longer is given up


def work(channel: str, role: str, prepared: Any, batch: int, pipe: Connection) -> None:
    """The life of one of the two processes."""
    try:
        pin(0 if role == "Sender" else 1)
        module = importlib.import_module(f"bench.peers.{channel}")
        side = getattr(module, role)(prepared, batch)
        area = getattr(side, "area", None)
        pipe.send(("ready", None))
        while True:
            command, argument = pipe.recv()
            if command == "close":
                break
            if command == "prepare":
                if area is not None:
                    area.rewind()
                pipe.send(("prepared", None))
                continue
            begin = time.monotonic_ns()
            outcome = side.transfer(argument)
            end = time.monotonic_ns()
            answer = outcome if area is None else area.answer(*outcome)
            pipe.send(("done", (begin, end, answer)))
        side.close()
    except EOFError:
        pass
    except BaseException:
        pipe.send(("failed", traceback.format_exc()))


class Pair:
    """Both processes of a channel; a context manager by way of ExitStack.callback(close)."""

    def __init__(self, channel: str, batch: int, stack: ExitStack) -> None:
        self._channel = channel
        module = importlib.import_module(f"bench.peers.{channel}")
        prepared = module.prepare(batch, stack)
        context = multiprocessing.get_context("spawn")
        self._processes: list[Any] = []
        self._pipes: list[Connection] = []
        stack.callback(self.close)
        for role in ("Receiver", "Sender"):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=work, args=(channel, role, prepared, batch, theirs), daemon=True
            )
            process.start()
            theirs.close()
            self._processes.append(process)
            self._pipes.append(ours)
            self._hear(ours)

    def _hear(self, pipe: Connection) -> Any:
        if not pipe.poll(SECONDS_MAX):
            raise RuntimeError(f"{self._channel} was given up after {SECONDS_MAX} s")
        try:
            kind, content = pipe.recv()
        except EOFError:
            raise RuntimeError(f"a process of {self._channel} has died") from None
        if kind == "failed":
            if "Unavailable" in content.splitlines()[-1]:
                raise Unavailable(content.splitlines()[-1].split(": ", 1)[1])
            raise RuntimeError(f"{self._channel} failed:\n{content}")
        return content

    def transfer(self, argument: int) -> list[Any]:
        """Run both sides with `argument`: (begin, end, answer) of the receiver and the sender."""
        for pipe in self._pipes:
            pipe.send(("prepare", None))
            self._hear(pipe)
        for pipe in self._pipes:
            pipe.send(("transfer", argument))
        return [self._hear(pipe) for pipe in self._pipes]

    def run(self, count: int) -> Sample:
        """`count` records, from the sender's begin to the receiver's end."""
        received, sent = self.transfer(count)
        seconds = (received[1] - sent[0]) / 1e9
        return rate_sample(count, seconds, received[2], records.expected(count))

    def close(self) -> None:
        """End both processes, by force if they do not listen."""
        for pipe in self._pipes:
            try:
                pipe.send(("close", None))
            except OSError:
                continue
        for process in self._processes:
            process.join(3)
            if process.is_alive():
                process.kill()
                process.join()
        for pipe in self._pipes:
            pipe.close()
