"""TLS between nodes and clients, with certificates that are made for the test."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from live_tools import COUNTER, COUNTERS, Add, Total, client_of, eventually, quick, serving

from headrace.errors import UsageError, WaitTimeout
from headrace.live import TLS, AsyncClient

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the files")


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities, one of which has signed a certificate for 127.0.0.1."""
    where = tmp_path_factory.mktemp("tls")
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for name in ("ca", "other"):
        files = ("-keyout", f"{where}/{name}.key", "-out", f"{where}/{name}.pem")
        openssl(*new, *files, "-subj", f"/CN={name}", "-days", "2")
    openssl(
        *new,
        *("-keyout", f"{where}/node.key", "-out", f"{where}/node.pem", "-subj", "/CN=node"),
        *("-CA", f"{where}/ca.pem", "-CAkey", f"{where}/ca.key", "-days", "2"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"),
    )
    return where


def tls(folder: Path, ca: str = "ca", cert: str = "node") -> TLS:
    return TLS(f"{folder}/{cert}.pem", f"{folder}/{cert}.key", f"{folder}/{ca}.pem")


def test_nodes_and_clients_with_certificates(folder: Path) -> None:
    async def run() -> None:
        limits = quick(idle_s=5.0, handshake_s=3.0)
        async with serving(COUNTERS, tls=tls(folder), limits=limits) as servers:
            # The addresses are known only now; the first attempts went to port 0.
            await eventually(lambda: servers["a"].peers["b"].connected)
            await eventually(lambda: servers["b"].peers["a"].connected)
            async with client_of(servers, tls=tls(folder)) as client:
                assert await client.call(Add(1)) == Total(1, 1)
            wrong = [
                None,  # no TLS at all
                TLS(ca=f"{folder}/ca.pem"),  # no certificate
                tls(folder, ca="other"),  # the node's is of somebody else
                tls(folder, cert="other"),  # the client's is
            ]
            for each in wrong:
                async with client_of(servers, tls=each) as client:
                    with pytest.raises(WaitTimeout):
                        await client.call(Add(1), timeout=0.5)
            async with client_of(servers, tls=tls(folder)) as client:
                assert (await client.call(Add(1))).times <= 2

    asyncio.run(run())


def test_the_host_must_be_the_one_in_the_certificate(folder: Path) -> None:
    async def run() -> None:
        shown = TLS(f"{folder}/node.pem", f"{folder}/node.key")
        async with serving(tls=shown) as servers:
            address = servers["a"].address
            assert address is not None
            known = TLS(ca=f"{folder}/ca.pem")
            async with AsyncClient(str(address), system=COUNTER, tls=known) as client:
                assert await client.call(Add(1)) == Total(1, 1)
            named = f"localhost:{address.port}"
            async with AsyncClient(named, system=COUNTER, tls=known) as client:
                with pytest.raises(WaitTimeout, match=r"CERTIFICATE_VERIFY_FAILED|certificate"):
                    await client.call(Add(1), timeout=1.0)

    asyncio.run(run())


def test_files_that_cannot_be_used(folder: Path) -> None:
    with pytest.raises(UsageError, match="a node with TLS shows a certificate"):
        _ = TLS(ca=f"{folder}/ca.pem").server
    with pytest.raises(UsageError, match=r"TLS with .*nothing\.pem"):
        _ = TLS(f"{folder}/nothing.pem").client
