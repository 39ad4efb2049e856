"""`headrace call`: one request to a live system, and its reply."""

from __future__ import annotations

import ast
from typing import Annotated, Any

import typer

from headrace.errors import RequestFailed, RequestRefused, UsageError, WaitTimeout
from headrace.live import connect
from headrace.state import steady_repr
from headrace.system import System

from .console import FAILED, complain, reported, stdout
from .loading import load_system
from .serve import (
    Addresses,
    Authority,
    Cert,
    Key,
    PeersFile,
    SecretFile,
    addresses_of,
    read_secret,
    tls_of,
)


def call(
    application: Annotated[
        str,
        typer.Argument(metavar="APP", help="The system: `module:system` or `file.py:system`."),
    ],
    request: Annotated[
        str, typer.Argument(metavar="REQUEST", help="As in Python: 'Put(key=\"x\", value=1)'.")
    ],
    address: Addresses = None,
    peers: PeersFile = None,
    secret_file: SecretFile = None,
    tls_cert: Cert = None,
    tls_key: Key = None,
    tls_ca: Authority = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long to try.")] = 10.0,
) -> None:
    """The command; its help text is in helptext.py."""
    with reported():
        system = load_system(application)
        value = read_request(system, request)
        places = addresses_of(system, address, peers)
        with connect(
            places,
            system=system,
            secret=read_secret(secret_file),
            tls=tls_of(tls_cert, tls_key, tls_ca),
        ) as client:
            try:
                reply = client.call(value, timeout)
            except (RequestRefused, RequestFailed, WaitTimeout) as error:
                complain(str(error))
                raise typer.Exit(FAILED) from None
            stdout().print(steady_repr(reply), markup=False)


def read_request(system: System, text: str) -> Any:
    """A request as it is written in Python, of the system's types; nothing is evaluated.

    Raises UsageError.
    """
    kinds = {kind.__name__: kind for kind in system.codec.kinds if isinstance(kind, type)}
    try:
        return _value(ast.parse(text.strip(), mode="eval").body, kinds)
    except (SyntaxError, ValueError, TypeError) as error:
        raise UsageError(
            f"{text!r} is no request: {error}; write one of its types with plain values, such as "
            f"{_example(system)}"
        ) from None


def _value(node: ast.expr, kinds: dict[str, type]) -> Any:
    if not isinstance(node, ast.Call):
        if isinstance(node, ast.Tuple):
            return tuple(_value(each, kinds) for each in node.elts)
        return ast.literal_eval(node)
    if not isinstance(node.func, ast.Name) or node.func.id not in kinds:
        raise ValueError(f"{ast.unparse(node.func)} is no type of this system")
    named = {}
    for each in node.keywords:
        if each.arg is None:
            raise ValueError("** is no plain value")
        named[each.arg] = _value(each.value, kinds)
    return kinds[node.func.id](*[_value(each, kinds) for each in node.args], **named)


def _example(system: System) -> str:
    for each in system.nodes.values():
        for table in each.table.by_mode.values():
            for kind, key in table:
                if kind == "request" and key is not None:
                    return f"{key.__name__}(...)"
    return "Put(key='x')"
