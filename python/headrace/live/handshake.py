"""Who is let in: the first four frames of a connection, without a socket.

    visitor   HELLO      who I am, whom I want to talk to, a number drawn by chance
    door      CHALLENGE  who I am, another such number
    visitor   PROOF      HMAC-SHA256 of these two payloads, under the secret
    door      WELCOME    the same under another label: who answers has the secret as well

The secret itself never leaves either side, and what is overheard is of no use for another
connection. The visitor proves first, so that the door tells a stranger nothing to guess at. Without
a secret both use an empty one. What follows is not encrypted and not signed: on a network that
others can write to, that is for TLS.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from headrace.errors import HandshakeFailed, MessageError, UsageError, WireError
from headrace.live.wire import (
    AWAY,
    BYE,
    CHALLENGE,
    HELLO,
    PROOF,
    WELCOME,
    Frame,
    encode_frame,
)
from headrace.system.events import encode_name

HANDSHAKE_BYTES_MAX = 1024  # of a payload, until the visitor is let in
SECRET_BYTES_MIN = 16
_NONCE_BYTES = 32

T = TypeVar("T")


class Hello(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Who comes. `role`: node or client. `to`: the node that is expected here; "": any."""

    role: str
    name: str
    system: str
    to: str
    nonce: bytes


class Challenge(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Who is here."""

    name: str
    nonce: bytes


def check_secret(secret: bytes | None) -> bytes:
    """The key for proofs. Raises UsageError for one that could be guessed."""
    if secret is None:
        return b""
    if not isinstance(secret, bytes) or len(secret) < SECRET_BYTES_MIN:
        raise UsageError(
            f"a secret is at least {SECRET_BYTES_MIN} bytes, as `openssl rand -hex 32` makes them"
        )
    return secret


def decode(payload: bytes, kind: type[T]) -> T:
    """A payload of MessagePack. Raises WireError for one that is none."""
    try:
        return msgspec.msgpack.decode(payload, type=kind)
    except (msgspec.MsgspecError, ValueError) as error:
        raise WireError(f"the payload of a frame is wrong: {error}") from None


def _proof(secret: bytes, label: bytes, hello: bytes, challenge: bytes) -> bytes:
    parts = b"".join(len(part).to_bytes(4, "little") + part for part in (label, hello, challenge))
    return hmac.digest(secret, parts, "sha256")


def _expect(frame: Frame, kind: int) -> bytes:
    if frame.kind in (BYE, AWAY):
        told = frame.payload.decode("utf-8", "replace")
        raise HandshakeFailed(f"not let in: {told}") if frame.kind == AWAY else WireError(told)
    if frame.kind != kind:
        raise HandshakeFailed(f"a frame of kind {frame.kind} where kind {kind} had to come")
    return frame.payload


class Visitor:
    """The side that connects. `hello` is what it says first; `take` then gives its answers."""

    def __init__(self, role: str, name: str, secret: bytes, *, system: str = "", to: str = ""):
        self._secret = secret
        self._to = to
        self._hello = msgspec.msgpack.encode(
            Hello(role, name, system, to, secrets.token_bytes(_NONCE_BYTES))
        )
        self._challenge: bytes | None = None
        self.hello = encode_frame(HELLO, self._hello)
        self.met: str = ""  # the node at the other side
        self.done = False

    def take(self, frame: Frame) -> bytes:
        """What to say to a frame; nothing any more when it is `done`. Raises WireError."""
        if self._challenge is None:
            self._challenge = _expect(frame, CHALLENGE)
            self.met = decode(self._challenge, Challenge).name
            if self._to not in ("", self.met):
                raise HandshakeFailed(f"node {self.met!r} is there, and not {self._to!r}")
            mine = _proof(self._secret, b"visitor", self._hello, self._challenge)
            return encode_frame(PROOF, mine)
        theirs = _expect(frame, WELCOME)
        right = _proof(self._secret, b"door", self._hello, self._challenge)
        if not hmac.compare_digest(theirs, right):
            raise HandshakeFailed("who answers there does not know the secret")
        self.done = True
        return b""


class Door:
    """The side that is connected to. `admit`: what a guest is turned away for, or None."""

    def __init__(
        self, name: str, secret: bytes, system: str, admit: Callable[[Hello], str | None]
    ) -> None:
        self._name = name
        self._secret = secret
        self._system = system
        self._admit = admit
        self._hello = b""
        self._challenge = b""
        self.guest: Hello | None = None
        self.done = False

    def take(self, frame: Frame) -> bytes:
        """What to say to a frame; the guest is in when it is `done`. Raises WireError."""
        if self.guest is None:
            self._hello = _expect(frame, HELLO)
            guest = decode(self._hello, Hello)
            self._check(guest)
            self.guest = guest
            self._challenge = msgspec.msgpack.encode(
                Challenge(self._name, secrets.token_bytes(_NONCE_BYTES))
            )
            return encode_frame(CHALLENGE, self._challenge)
        theirs = _expect(frame, PROOF)
        right = _proof(self._secret, b"visitor", self._hello, self._challenge)
        if not hmac.compare_digest(theirs, right):
            raise HandshakeFailed("the secret is another one")
        reason = self._admit(self.guest)  # only who knows the secret is told
        if reason is not None:
            raise HandshakeFailed(reason)
        self.done = True
        return encode_frame(WELCOME, _proof(self._secret, b"door", self._hello, self._challenge))

    def _check(self, guest: Hello) -> None:
        try:
            encode_name(guest.name)
        except MessageError as error:
            raise HandshakeFailed(str(error)) from None
        if guest.role not in ("node", "client") or len(guest.nonce) != _NONCE_BYTES:
            raise HandshakeFailed("the first frame is no hello")
        if guest.to not in ("", self._name):
            raise HandshakeFailed(f"node {self._name!r} is here, and not {guest.to!r}")
        if guest.system not in ("", self._system):
            raise HandshakeFailed(
                f"this is a node of system {self._system!r}, and not of {guest.system!r}"
            )


def pack(value: Any) -> bytes:
    """A payload of MessagePack."""
    return msgspec.msgpack.encode(value)
