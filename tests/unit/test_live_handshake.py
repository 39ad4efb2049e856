"""The handshake without a socket: who gets in, and what the others are told."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.errors import HandshakeFailed, UsageError
from headrace.live.handshake import Door, Hello, Visitor, check_secret
from headrace.live.wire import FrameReader, encode_frame

SECRET = b"correct horse battery"


def shake(visitor: Visitor, door: Door) -> tuple[bytes, bytes]:
    """All that the two say to each other."""
    readers = FrameReader(1024), FrameReader(1024)
    said = [visitor.hello, b""]
    to_door = visitor.hello
    while to_door:
        (frame,) = readers[0].feed(to_door)
        answer = door.take(frame)
        said[1] += answer
        (frame,) = readers[1].feed(answer)
        to_door = visitor.take(frame)
        said[0] += to_door
    return said[0], said[1]


def visitor(secret: bytes = SECRET, **options: Any) -> Visitor:
    return Visitor("client", "c", secret, **options)


def door(secret: bytes = SECRET, admit: Any = lambda hello: None) -> Door:
    return Door("a", secret, "shop", admit)


@pytest.mark.parametrize("secret", [SECRET, b""])
def test_who_has_the_secret_gets_in(secret: bytes) -> None:
    came, there = visitor(secret, to="a", system="shop"), door(secret)
    shake(came, there)
    assert came.done
    assert there.done
    assert came.met == "a"
    assert isinstance(there.guest, Hello)
    assert (there.guest.role, there.guest.name) == ("client", "c")


def test_the_secret_is_not_said_and_nothing_is_said_twice() -> None:
    first, second = shake(visitor(), door()), shake(visitor(), door())
    for said in (*first, *second):
        assert SECRET not in said
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_another_secret() -> None:
    for one, other in [(b"", SECRET), (SECRET, b""), (SECRET, SECRET + b"!")]:
        there = door(other)
        with pytest.raises(HandshakeFailed, match="the secret is another one"):
            shake(visitor(one), there)
        assert not there.done


def test_a_door_that_only_says_that_it_has_the_secret() -> None:
    class Liar(Door):
        def take(self, frame: Any) -> bytes:
            return super().take(frame) if self.guest is None else encode_frame(4, bytes(32))

    came = visitor()
    with pytest.raises(HandshakeFailed, match="does not know the secret"):
        shake(came, Liar("a", b"", "shop", lambda hello: None))
    assert not came.done


def test_a_proof_that_was_overheard_is_of_no_use() -> None:
    said, _ = shake(visitor(), door())
    hello, proof = FrameReader(1024).feed(said)
    there = door()
    there.take(hello)
    with pytest.raises(HandshakeFailed, match="the secret is another one"):
        there.take(proof)


def test_the_wrong_place() -> None:
    with pytest.raises(HandshakeFailed, match="node 'a' is here, and not 'b'"):
        shake(visitor(to="b"), door())
    with pytest.raises(HandshakeFailed, match="of system 'shop', and not of 'bank'"):
        shake(visitor(system="bank"), door())
    with pytest.raises(HandshakeFailed, match="too many"):
        shake(visitor(), door(admit=lambda hello: "too many"))


def test_secrets_that_can_be_guessed() -> None:
    assert check_secret(None) == b""
    assert check_secret(SECRET) == SECRET
    for wrong in (b"", b"short", "text" * 9):
        with pytest.raises(UsageError, match="at least 16 bytes"):
            check_secret(wrong)  # type: ignore[arg-type]
