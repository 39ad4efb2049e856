"""What runs in the processes of test_supervision_processes.py; as a script, supervises some."""

from __future__ import annotations

import logging
import signal
import sys
import time
from pathlib import Path

FOR_EVER_S = 600.0


def sleep(folder: str = "", name: str = "") -> None:
    """Says that it runs, and in the end, if it is asked to stop, that it was."""
    try:
        if folder:
            Path(folder, f"{name} runs").touch()
        time.sleep(FOR_EVER_S)
    finally:
        if folder:
            Path(folder, f"{name} stopped").touch()


def deaf(folder: str) -> None:
    """Does not stop when it is asked to."""
    signal.signal(signal.SIGTERM, lambda *_: Path(folder, "asked").touch())
    Path(folder, "deaf").touch()
    while True:
        time.sleep(FOR_EVER_S)


def fails() -> None:
    raise SystemExit(3)


def through() -> None:
    pass


def main(how: str, folder: str) -> None:
    import headrace as hr
    from headrace.supervision import process

    logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)
    names = ("a", "b", "c")
    children = [hr.Child(name, process(sleep, folder, name, method="fork")) for name in names]
    tree = hr.Supervisor("one_for_one", children, name="top").run()
    while not all(Path(folder, f"{name} runs").exists() for name in names):
        time.sleep(0.01)
    sys.stdout.write("all run\n")
    sys.stdout.flush()
    if how == "waits":
        with tree:
            tree.wait()
    # else it forgets to stop the tree


if __name__ == "__main__":
    main(*sys.argv[1:])
