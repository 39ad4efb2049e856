"""Every error that headrace raises on purpose, in three families.

`UsageError`: the caller's mistake; the call changed nothing. `EnvironmentFailure`: the machine
failed (memory, disk, a damaged segment). `InternalError`: our own bug, please report it.
"""

from __future__ import annotations

from typing import Any


class HeadraceError(Exception):
    """Base of all errors of this library. Can be sent to other processes, as pools do."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _make_error, (type(self), self.args, vars(self))


def _make_error(kind: type[HeadraceError], args: tuple[Any, ...], said: dict[str, Any]) -> Any:
    error = kind.__new__(kind)
    error.args = args
    vars(error).update(said)
    return error


class UsageError(HeadraceError):
    """The caller asked for something that cannot be done; nothing was changed."""


class EnvironmentFailure(HeadraceError):
    """The operating system or the hardware did not do what was asked of it."""


class InternalError(HeadraceError):
    """An invariant of this library does not hold: a bug in headrace."""


class DtypeError(UsageError, TypeError):
    """The dtype cannot be an event format, or events do not have the ring's dtype."""


class CapacityError(UsageError, ValueError):
    """The capacity is no power of two, or is out of range."""


class ClaimError(UsageError, ValueError):
    """A claim is longer than the ring, not positive, or another one is still open."""


class ConsumerError(UsageError):
    """Something is wrong with a consumer's name or dependencies."""


class UnknownConsumer(ConsumerError, KeyError):
    """No consumer of that name is registered."""

    __str__ = Exception.__str__  # KeyError would quote the message


class DuplicateConsumer(ConsumerError, ValueError):
    """A living owner already consumes under that name."""


class CyclicDependency(ConsumerError, ValueError):
    """`after` names the consumer itself, directly or through others."""


class ProducerError(UsageError):
    """A second producer on a single-producer ring, or no room for one more."""


class RingNotFound(UsageError, FileNotFoundError):
    """No ring of that name exists."""


class RingExists(UsageError, FileExistsError):
    """A ring of that name exists already."""


class RingFormatError(EnvironmentFailure, ValueError):
    """The segment is no ring of this version, is truncated, or is damaged."""


class BoardNotFound(UsageError, FileNotFoundError):
    """No board of that name exists."""


class BoardExists(UsageError, FileExistsError):
    """A board of that name exists already."""


class BoardFormatError(EnvironmentFailure, ValueError):
    """The segment is no board of this version, is truncated, or is damaged."""


class RingClosed(UsageError):
    """The ring was closed in this process."""


class RingEnded(UsageError):
    """The ring was ended: nothing can be published to it any more."""


class WaitTimeout(HeadraceError, TimeoutError):
    """The time given was over before there was room or data; nothing was changed."""


class Fenced(UsageError):
    """A producer or consumer was declared dead while its process was paused; make a new one."""


class StaleView(UsageError):
    """A view was used, or still held, after its slots had been released."""


class ForkedHandle(UsageError):
    """A producer or consumer made before a fork was used in the child."""
