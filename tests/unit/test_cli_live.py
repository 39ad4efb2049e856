"""What `headrace serve` and `headrace call` make of their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import live_tools
import pytest
from cli_tools import refused
from live_tools import COUNTERS, SECRET, Add, Lead, Total

from headrace.cli.call import read_request
from headrace.cli.serve import addresses_of, read_secret, tls_of
from headrace.errors import UsageError
from headrace.live import TLS

FILE = live_tools.__file__
APPLICATION = f"{FILE}:COUNTERS"


def test_addresses_of_the_command_line_and_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "peers"
    file.write_text("# where they are\n\na = h:1  # the first\n")
    assert addresses_of(COUNTERS, ["b=unix:x=y"], str(file)) == {"a": "h:1", "b": "unix:x=y"}
    for given, told in [
        (["a"], "--address: 'a' is no address of a node"),
        (["c=h:1"], "--address: there is no node 'c'; there are a, b"),
        (["a=h:1", "a=h:2"], "--address: node 'a' has another address already, h:1"),
    ]:
        with pytest.raises(UsageError) as raised:
            addresses_of(COUNTERS, given, None)
        assert str(raised.value).startswith(told)
    file.write_text("\na=h:1\nb\n")
    with pytest.raises(UsageError, match=r"peers, line 3: 'b' is no address"):
        addresses_of(COUNTERS, None, str(file))


def test_secrets_and_certificates(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(SECRET + b"\n")
    assert read_secret(str(file)) == SECRET
    assert read_secret(None) is None
    assert tls_of(None, None, None) is None
    assert tls_of("c", "k", None) == TLS("c", "k", None)


def test_requests_are_read_and_not_run() -> None:
    assert read_request(COUNTERS, " Add(5, note='x') ") == Add(5, "x")
    assert read_request(COUNTERS, "Lead(to=None)") == Lead(None)
    assert read_request(COUNTERS, "(1, Total(2, times=-3))") == (1, Total(2, -3))
    for text in (
        "",
        "Add(",
        "Add()",
        "Nothing(1)",
        "Add(1 + __import__('os').getpid())",
        "Add.__class__",
        "Add(**{'amount': 1})",
        "(lambda: 5)()",
        "[Add(1)][0]",
    ):
        with pytest.raises(UsageError, match="is no request"):
            read_request(COUNTERS, text)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serve", APPLICATION, "-n", "c", "-d", "j"], "there is no node 'c'; there are a, b"),
        (["serve", APPLICATION, "-n", "a", "-d", "j"], "node 'a' has no address"),
        (["serve", f"{FILE}:COUNT", "-n", "a", "-d", "j"], "has no 'COUNT'"),
        (["serve", f"{FILE}:Add", "-n", "a", "-d", "j"], "no system"),
        (["serve", APPLICATION, "-n", "a", "-d", "j", "--peers", "gone"], "its lines are NODE="),
        (["call", APPLICATION, "Add(", "-aa=h:1"], "is no request"),
        (["call", APPLICATION, "Add(1)"], "give the address of at least one node"),
        (["call", APPLICATION, "Add(1)", "-aa=h"], "'h' is no address"),
    ],
)
def test_wrong_use_is_told(arguments: Any, told: str) -> None:
    assert told in refused(*arguments)
