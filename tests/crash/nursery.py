"""Starts processes of `headrace` quickly: imports all of it once, and forks for each.

Reads commands as lines of JSON: {"run": [arguments], "log": file} starts one whose output goes to
the file, and answers its pid; {"wait": pid} waits for its end, and answers how it ended. It has no
threads itself, so that a fork of it is as good as a new process.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from headrace.cli import main


def run(arguments: list[str], log: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(opened, 1)
    os.dup2(opened, 2)
    code = 1
    try:
        main(arguments)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def answer(command: dict[str, Any]) -> int:
    if "run" in command:
        return run(command["run"], command["log"])
    _, status = os.waitpid(command["wait"], 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    for line in sys.stdin:
        print(answer(json.loads(line)), flush=True)
