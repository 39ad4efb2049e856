"""What a call to a disk comes to, so that two disks can be compared."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returned, or the number of its OSError."""
    try:
        return call()
    except OSError as error:
        return f"OSError {errno.errorcode.get(error.errno or 0, error)}"
