"""The replicated store of examples/raft as processes, that are killed and asked meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import headrace as hr
from headrace.errors import WaitTimeout

EXAMPLES = Path(__file__).parents[2] / "examples"
NODES = ("a", "b", "c")
APPENDS = 12  # of each client


class Store:
    """Three nodes, each a process with a journal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.addresses = {name: f"unix:{folder}/{name}.s" for name in NODES}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        addresses = [f"--address={each}={where}" for each, where in self.addresses.items()]
        with open(self.folder / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [
                    *(sys.executable, "-m", "headrace", "serve", "raft:system", "--node", name),
                    *("--dir", str(self.folder / f"{name}.journal"), *addresses),
                ],
                cwd=EXAMPLES,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self, name: str) -> None:
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def logs(self) -> str:
        return "".join((self.folder / f"{name}.log").read_text() for name in NODES)


@contextmanager
def store(folder: Path) -> Iterator[Store]:
    made = Store(folder)
    try:
        for name in NODES:
            made.start(name)
        yield made
    finally:
        made.stop()


def append(store: Store, raft: Any, client: str, history: list[hr.Operation]) -> None:
    """Append numbered letters, one after the other, and remember what was told and when."""
    with hr.connect(store.addresses, client=client, system=raft.system, timeout=15.0) as node:
        for number in range(APPENDS):
            request = raft.Append("log", f"{client}{number};")
            call = time.monotonic()
            try:
                answer = node.call(request)
            except WaitTimeout:
                history.append(hr.Operation(client, call, None, request, None, "info"))
            else:
                history.append(hr.Operation(client, call, time.monotonic(), request, answer))


@pytest.mark.torture
def test_nodes_that_are_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import raft

    histories: list[list[hr.Operation]] = [[], []]
    short = Path(os.path.relpath(tmp_path))  # the path of a socket must not be long
    with store(tmp_path if len(str(tmp_path)) < 80 else short) as nodes:
        clients = [
            threading.Thread(target=append, args=(nodes, raft, client, history))
            for client, history in zip("xy", histories, strict=True)
        ]
        for client in clients:
            client.start()
        for name in NODES:  # whoever leads is among them
            time.sleep(0.5)
            nodes.kill(name)
            time.sleep(0.3)
            nodes.start(name)
        for client in clients:
            client.join(60)
        assert not any(client.is_alive() for client in clients), nodes.logs()[-3000:]
        begun = time.monotonic()
        with hr.connect(nodes.addresses, client="reader", system=raft.system, timeout=15.0) as one:
            read = one.call(raft.Get("log"))
    history = [*histories[0], *histories[1]]
    history.append(hr.Operation("reader", begun, time.monotonic(), raft.Get("log"), read))
    assert hr.linearizable(history, raft.OneServer()).verdict == "ok", (
        history,
        nodes.logs()[-2000:],
    )
    appended = read.value.split(";")[:-1]
    assert len(appended) == len(set(appended))  # none twice
    told = [one.input.value[:-1] for one in history[:-1] if one.status == "ok"]
    assert set(told) <= set(appended)
    assert len(told) >= 2 * APPENDS - 6
    assert "Traceback" not in nodes.logs()
