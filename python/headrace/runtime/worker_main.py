"""What a worker process runs: its stage, and its end with the process that it works for."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import traceback
from multiprocessing.connection import Connection

from headrace.ringbuffer import liveness
from headrace.runtime import messages
from headrace.runtime.elastic_process import ElasticProcess
from headrace.runtime.worker import Worker, WorkerSpec

_PARENT_LOOK_SECONDS = 0.5


def run_worker(spec: WorkerSpec, pipe: Connection, parent: tuple[int, int]) -> None:
    """The main function of a worker; `parent`: pid and start time of whom it ends with."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the engine decides when its workers end
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(
        target=_end_with, args=(parent,), name="headrace-parent", daemon=True
    ).start()
    try:
        kind = Worker if spec.task is None else ElasticProcess
        kind(spec, pipe).run()
    except BaseException as error:
        text = f"{type(error).__name__}: {error}"
        with contextlib.suppress(OSError):
            pipe.send_bytes(messages.encode(messages.Crashed(text, traceback.format_exc())))


def _end_with(parent: tuple[int, int]) -> None:
    """End when the engine's process is gone, also where nobody listens to the pipe yet."""
    while liveness.is_alive(*parent):
        time.sleep(_PARENT_LOOK_SECONDS)
    os._exit(1)
