"""Encrypted means: with the right server. Both clients, every way to trust."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher import GopherClient, PinStore, Timeouts, Trust, urlopen
from logsrv.gopher.wire.errors import TimedOut, TLSError, Truncated
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import Serve
from tests.gopher.servers import certificate_file, cut
from tests.ports import free_port


async def both(reactor: Any, trust: Trust, url: str, connect: float = PATIENCE) -> bytes:
    """The text at `url` as both clients have it; an error has to be the same one."""
    client = GopherClient(reactor, trust=trust, timeouts=Timeouts(connect=connect))
    try:
        text = (await client.text(url)).content
    except (TLSError, Truncated, TimedOut, ConfigurationError) as error:
        with pytest.raises(type(error)):
            urlopen(url, connect, trust=trust).read()
        raise
    with urlopen(url, trust=trust) as file:
        assert file.read() == text
    return text


async def test_a_certificate_of_a_trusted_authority_is_believed(
    reactor: Any, serve: Serve, certificate: Path
) -> None:
    server = serve(b"secret", certificate)
    for host in ("127.0.0.1", "localhost"):
        url = server.url("/0x", "gophers", host)
        assert await both(reactor, Trust(cafile=certificate), url) == b"secret"


async def test_any_other_certificate_is_not_and_gets_no_request(
    reactor: Any, serve: Serve, certificate: Path, tmp_path: Path
) -> None:
    server = serve(b"secret", certificate)
    url = server.url("/0x", "gophers")
    with pytest.raises(TLSError, match="no authority that is trusted here"):
        await both(reactor, Trust(), url)
    other = certificate_file(tmp_path / "other.pem", "other.example")
    imposter = serve(b"secret", other)
    with pytest.raises(TLSError, match="for other names than 127"):
        await both(reactor, Trust(cafile=other), imposter.url("/0x", "gophers"))
    assert server.requests == imposter.requests == []


async def test_trust_on_first_use(
    reactor: Any, serve: Serve, certificate: Path, tmp_path: Path
) -> None:
    trust = Trust(pins=PinStore(tmp_path / "pins"))
    server = serve(b"secret", certificate, free_port())
    url = server.url("/0x", "gophers")
    assert await both(reactor, trust, url) == b"secret"
    server.close()
    other = certificate_file(tmp_path / "other.pem", "127.0.0.1")
    imposter = serve(b"secret", other, server.port)
    with pytest.raises(TLSError, match="is not the one that was seen first"):
        await both(reactor, trust, url)
    assert imposter.requests == []


async def test_insecure_takes_anything(reactor: Any, serve: Serve, certificate: Path) -> None:
    url = serve(b"secret", certificate).url("/0x", "gophers", "localhost")
    assert await both(reactor, Trust(insecure=True), url) == b"secret"


async def test_an_answer_without_the_close_of_tls_is_not_whole(
    reactor: Any, serve: Serve, certificate: Path
) -> None:
    def end_badly(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"half?")
        cut(connection)

    url = serve(end_badly, certificate).url("/0x", "gophers")
    with pytest.raises(Truncated, match="the close of TLS is missing"):
        await both(reactor, Trust(cafile=certificate), url)
    accepting = Trust(cafile=certificate, accept_cut=True)
    assert await both(reactor, accepting, url) == b"half?"


async def test_a_plain_server_is_never_talked_to_in_plain_instead(
    reactor: Any, serve: Serve
) -> None:
    server = serve(b"not encrypted, and long enough for a record of TLS\r\n")
    with pytest.raises(TLSError, match="does not speak TLS on this port"):
        await both(reactor, Trust(), server.url("/0x", "gophers"))


async def test_a_handshake_that_hangs_is_left(reactor: Any, serve: Serve) -> None:
    def hang(_: socket.socket, __: bytes) -> None:
        server.hang()

    server = serve(hang)
    with pytest.raises(TimedOut) as caught:
        await both(reactor, Trust(), server.url("/0x", "gophers"), connect=0.5)
    assert caught.value.phase == "connect"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory$"),
        ("", "has no certificate in PEM format$"),
        ("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", "cannot be read: "),
    ],
)
async def test_a_wrong_ca_file_is_said_before_anything_is_sent(
    reactor: Any, serve: Serve, tmp_path: Path, content: str | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    server = serve(b"x")
    with pytest.raises(ConfigurationError, match=rf"the CA file .*ca\.pem {reason}"):
        await both(reactor, Trust(cafile=tmp_path / "ca.pem"), server.url("/0x", "gophers"))
    assert server.requests == []
