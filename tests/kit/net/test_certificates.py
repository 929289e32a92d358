"""A certificate is tried before its listener opens, and a renewed one counts from the reload on."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.threads import deferToThread

from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.certificates import check_certificate
from logsrv.kit.net.endpoints import parse_endpoint
from logsrv.kit.net.guard import GuardPolicy
from logsrv.kit.net.listen import listener_for
from logsrv.kit.observe.metrics import Metrics
from tests.gopher.servers import certificate_file
from tests.kit.net.network import REACTOR, NotingFactory, in_reactor

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


def endpoint(pem: Path, before: str = "") -> Any:
    return parse_endpoint(f"{before}ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}")


def seen(port: int, greeting: bytes = b"") -> bytes | None:
    """The certificate that a client is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), 60)
    with context.wrap_socket(plain) as connection:
        connection.sendall(greeting)
        return connection.getpeercert(binary_form=True)


def test_a_pair_that_is_none_is_said_before_anything_opens(tmp_path: Path) -> None:
    pem = certificate_file(tmp_path / "pem")
    check_certificate(endpoint(pem))
    check_certificate(parse_endpoint("tcp:1"))
    pem.write_text("no key")
    with pytest.raises(ListenError, match="cannot be used"):
        check_certificate(endpoint(pem))
    with pytest.raises(ListenError, match="cannot be used"):
        check_certificate(endpoint(pem, "haproxy:"))


@pytest.mark.parametrize("before", ["", "haproxy:"])
@pytest.mark.parametrize("name", ["privateKey", "certKey", "extraCertChain", "dhParameters"])
def test_a_pipe_in_place_of_a_file_is_refused_at_once(
    name: str, before: str, tmp_path: Path
) -> None:
    """A plain open of it waits for whoever may write there, and all connections with it."""
    pem, pipe = certificate_file(tmp_path / "pem"), tmp_path / "pipe"
    os.mkfifo(pipe)
    files = {"privateKey": pem, "certKey": pem, name: pipe}
    text = ":".join(f"{argument}={path}" for argument, path in files.items())
    with pytest.raises(ListenError, match=f"{name} {pipe}: is a pipe") as caught:
        check_certificate(parse_endpoint(f"{before}ssl:0:{text}"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("before", ["", "haproxy:"])
@in_reactor
async def test_renewed(before: str, tmp_path: Path) -> None:
    """New connections get the new one; one that cannot be used is refused and the old one stays."""
    pem = certificate_file(tmp_path / "pem")
    listener: Any = listener_for(
        endpoint(pem, before), factory=NotingFactory(), receiver=None, label="test",  # type: ignore[arg-type]
        policy=GuardPolicy(), reactor=REACTOR, metrics=Metrics(),
    )  # fmt: skip
    listener.bind()
    listener.open()
    greeting = b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" if before else b""
    try:
        port = int(listener.address.rpartition(":")[2])
        first = await deferToThread(seen, port, greeting)
        shutil.copy(certificate_file(tmp_path / "next"), pem)
        assert await deferToThread(seen, port, greeting) == first
        listener.check()
        listener.apply(GuardPolicy())
        second = await deferToThread(seen, port, greeting)
        assert second not in (first, None)
        pem.write_text("no key")
        with pytest.raises(ListenError, match="cannot be used"):
            listener.check()
        assert await deferToThread(seen, port, greeting) == second
    finally:
        await listener.drain(0)
