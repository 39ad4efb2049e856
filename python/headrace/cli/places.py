"""Places in the user's own code, found in tracebacks that also run through libraries."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

import headrace.engine
import headrace.errors
import headrace.ringbuffer

_LIBRARIES = [
    Path(folder).resolve()
    for name in ("stdlib", "platstdlib", "purelib", "platlib")
    if (folder := sysconfig.get_path(name))
]
_HEADRACE = [
    Path(folder).resolve()
    for folder in (
        str(Path(headrace.errors.__file__).parent),
        *headrace.ringbuffer.__path__,
        *headrace.engine.__path__,
    )
]


def raised_at(error: BaseException) -> str | None:
    """Where the user's code raised the error, or called what did; None if it was not at work.

    Of a syntax error, the place in the text.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frame = _own_frame(error)
    if frame is None:
        return None
    line = f": {frame.line}" if frame.line else ""
    within = f", in {frame.name}" if not frame.name.startswith("<") else ""
    return f"{frame.filename}:{frame.lineno}{within}{line}"


def _own_frame(error: BaseException) -> traceback.FrameSummary | None:
    """The innermost frame outside of libraries; where there is none, outside of headrace."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and not frame.filename.endswith(".pyx")
    ]
    others = [frame for frame in frames if not _is_in(frame.filename, _HEADRACE)]
    own = [frame for frame in others if not _is_in(frame.filename, _LIBRARIES)]
    found = own or others
    return found[-1] if found else None


def _is_in(file: str, folders: list[Path]) -> bool:
    path = Path(file).resolve()
    return any(path.is_relative_to(folder) for folder in folders)
