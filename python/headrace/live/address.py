"""Where nodes are: `host:port`, or `unix:PATH`; and the certificates of TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import cached_property

from headrace.errors import UsageError

UNIX_PATH_BYTES_MAX = 107  # what Linux has room for


@dataclass(frozen=True)
class Address:
    """A place to listen at or to connect to: a host and a port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    @staticmethod
    def parse(text: str) -> Address:
        """Read `host:port`, `[ipv6]:port` or `unix:PATH`. Raises UsageError."""
        if not isinstance(text, str):
            raise UsageError(f"an address is a text such as '127.0.0.1:7000', not {text!r}")
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if not path or len(path.encode()) > UNIX_PATH_BYTES_MAX or "\0" in path:
                raise UsageError(
                    f"{text!r}: the path of a Unix socket has 1 to {UNIX_PATH_BYTES_MAX} bytes"
                )
            return Address(path=path)
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port.isascii() or not port.isdigit():
            raise UsageError(f"{text!r} is no address; write host:port, or unix:PATH")
        if int(port) > 65535:
            raise UsageError(f"{text!r}: a port is at most 65535")
        return Address(host, int(port))

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class TLS:
    """Files for TLS, in PEM. It is used on TCP, and not on Unix sockets.

    `cert`, `key`: what this side shows. `ca`: who must have signed what the other side shows; with
    it a node also wants a certificate from whoever connects. Files that cannot be used: UsageError.
    """

    cert: str | None = None
    key: str | None = None
    ca: str | None = None

    @cached_property
    def server(self) -> ssl.SSLContext:
        """For those who listen."""
        if self.cert is None:
            raise UsageError("a node with TLS shows a certificate: cert and key")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load(context)
        if self.ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    @cached_property
    def client(self) -> ssl.SSLContext:
        """For those who connect; the other side's certificate must be for the host they name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca is None:
            context.load_default_certs()
        self._load(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            if self.cert is not None:
                context.load_cert_chain(self.cert, self.key)
            if self.ca is not None:
                context.load_verify_locations(self.ca)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(each for each in (self.cert, self.key, self.ca) if each)
            raise UsageError(f"TLS with {files}: {error}") from None
