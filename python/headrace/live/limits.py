"""What a live node lets others do to it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from headrace.errors import UsageError

_MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds of a live node, so that nobody outside can use it up. Times are seconds.

    `message_bytes_max`: of a message, request or reply. `connections_max`: clients that are
    connected. `strangers_max`: connections that have not proved yet who they are; one more, and the
    oldest of them ends. `handshake_s`: how long that may take. `idle_s`: how long a connection may
    bring no whole frame. `queue_bytes_max`: what waits to be sent on one connection; a client that
    does not read its replies is let go then, and messages to a peer are lost. `inputs_max`: inputs
    that wait for the node; while there are more, nothing is read from clients or peers.
    `retry_s`: from one attempt to reach a peer to the next, the first and the longest.

    Raises UsageError.
    """

    message_bytes_max: int = _MIB
    connections_max: int = 1000
    strangers_max: int = 64
    handshake_s: float = 5.0
    idle_s: float = 60.0
    queue_bytes_max: int = 8 * _MIB
    inputs_max: int = 4096
    retry_s: tuple[float, float] = (0.02, 2.0)

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            least = value[0] if each.name == "retry_s" else value
            if not isinstance(least, int | float) or least <= 0:
                raise UsageError(f"limits: {each.name} must be more than 0, not {value!r}")
        if self.queue_bytes_max < self.message_bytes_max:
            raise UsageError("limits: queue_bytes_max must hold a message of message_bytes_max")

    @property
    def payload_bytes_max(self) -> int:
        """Of a frame: a message, and what is around it."""
        return self.message_bytes_max + 64
