"""`headrace serve`: one node of a system, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path
from typing import Annotated

import typer

from headrace.errors import UsageError
from headrace.journal import Journal
from headrace.live import TLS, Server
from headrace.system import System

from .console import reported, stdout
from .loading import load_system

SNAPSHOT_EVERY = 100_000  # inputs; so a restart steps over no more than that

Addresses = Annotated[
    list[str] | None,
    typer.Option(
        "--address",
        "-a",
        metavar="NODE=ADDRESS",
        help="Where a node listens: a=HOST:PORT or a=unix:PATH. Once for each node.",
    ),
]
PeersFile = Annotated[
    str | None,
    typer.Option("--peers", metavar="FILE", help="The same as lines of a file, NODE=ADDRESS."),
]
SecretFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="A secret that all nodes and clients share, at least 16 bytes."
    ),
]
Cert = Annotated[str | None, typer.Option(metavar="FILE", help="TLS: a certificate, in PEM.")]
Key = Annotated[str | None, typer.Option(metavar="FILE", help="TLS: the certificate's key.")]
Authority = Annotated[
    str | None, typer.Option(metavar="FILE", help="TLS: who must have signed the other side's.")
]


def serve(
    application: Annotated[
        str,
        typer.Argument(metavar="APP", help="The system: `module:system` or `file.py:system`."),
    ],
    node: Annotated[str, typer.Option("--node", "-n", metavar="NAME", help="Which node of it.")],
    folder: Annotated[
        str, typer.Option("--dir", "-d", metavar="DIR", help="The folder of the node's journal.")
    ],
    address: Addresses = None,
    peers: PeersFile = None,
    secret_file: SecretFile = None,
    tls_cert: Cert = None,
    tls_key: Key = None,
    tls_ca: Authority = None,
    journal_level: Annotated[
        str, typer.Option(metavar="LEVEL", help="fsync, os or none: when an input is safe.")
    ] = "fsync",
    keep: Annotated[
        str,
        typer.Option(metavar="WHAT", help="all inputs, or those behind the oldest of snapshots."),
    ] = "all",
) -> None:
    """The command; its help text is in helptext.py."""
    with reported():
        system = load_system(application)
        server = Server(
            system,
            node,
            addresses_of(system, address, peers),
            journal=Journal(folder, level=journal_level, keep=keep, snapshot_every=SNAPSHOT_EVERY),
            secret=read_secret(secret_file),
            tls=tls_of(tls_cert, tls_key, tls_ca),
        )
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
        asyncio.run(_run(server))


async def _run(server: Server) -> None:
    """Serve until SIGTERM or Ctrl-C; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def stop(number: int) -> None:
        told.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    await server.start()
    try:
        recovery = server.host.engine.recovery
        inputs = 0 if recovery is None else server.host.engine.sequence
        stdout().print(
            f"node {server.name} listens on {server.address}; {inputs:,} events in its journal",
            markup=False,
        )
        waiting = asyncio.create_task(server.wait())
        stopping = asyncio.create_task(told.wait())
        await asyncio.wait((waiting, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if waiting.done():
            waiting.result()
        waiting.cancel()
    finally:
        await server.stop()


def addresses_of(system: System, given: list[str] | None, file: str | None) -> dict[str, str]:
    """Addresses by node, from the command line and from a file. Raises UsageError, OSError."""
    lines = [(each, "--address") for each in given or ()]
    if file is not None:
        try:
            text_of_file = Path(file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"--peers {file}: cannot be read ({error}); its lines are NODE=ADDRESS, such as "
                "a=127.0.0.1:7001"
            ) from None
        for number, line in enumerate(text_of_file.splitlines(), 1):
            text = line.partition("#")[0].strip()
            if text:
                lines.append((text, f"{file}, line {number}"))
    found: dict[str, str] = {}
    for text, where in lines:
        name, equals, address = text.partition("=")
        name, address = name.strip(), address.strip()
        if not equals or not address:
            raise UsageError(f"{where}: {text!r} is no address of a node; write NODE=HOST:PORT")
        if name not in system.nodes:
            raise UsageError(
                f"{where}: there is no node {name!r}; there are {', '.join(system.nodes)}"
            )
        if found.setdefault(name, address) != address:
            raise UsageError(f"{where}: node {name!r} has another address already, {found[name]}")
    return found


def read_secret(file: str | None) -> bytes | None:
    """A secret from a file, without the end of its line. Raises OSError."""
    return None if file is None else Path(file).read_bytes().strip()


def tls_of(cert: str | None, key: str | None, ca: str | None) -> TLS | None:
    """The files of TLS, if there are any."""
    return TLS(cert, key, ca) if cert or key or ca else None
