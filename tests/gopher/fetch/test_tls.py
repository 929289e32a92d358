"""Encrypted means: with the right server. All front ends, every way to trust."""

import socket

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher import PinStore, Trust
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.wire.errors import TLSError, Truncated
from tests.gopher.fetch.conftest import Fetched
from tests.parts.certificates import certificate_file
from tests.parts.gopher_servers import cut
from tests.parts.ports import free_port


def refused_with(fetched: Fetched, sentence: str) -> None:
    assert isinstance(fetched.error, TLSError)
    assert sentence in str(fetched.error)


async def test_a_certificate_of_a_trusted_authority_is_believed(serve, fetch, certificate):
    large = b"0123456789" * 100_000
    server = serve(large, certificate)
    for host in ("127.0.0.1", "localhost"):
        url = server.url("/9x", "gophers", host)
        assert await fetch(url, trust=Trust(cafile=certificate)) == (large, None)


async def test_any_other_certificate_is_not_believed_and_gets_no_request(
    serve, fetch, certificate, tmp_path
):
    server = serve(b"secret", certificate)
    url = server.url("/0x", "gophers")
    refused_with(await fetch(url), "no authority that is trusted here")
    other = certificate_file(tmp_path / "other.pem", "other.example")
    imposter = serve(b"secret", other)
    fetched = await fetch(imposter.url("/0x", "gophers"), trust=Trust(cafile=other))
    refused_with(fetched, "for other names than 127")
    assert server.requests == imposter.requests == []
    assert (await fetch(url, trust=Trust(insecure=True))).content == b"secret"


async def test_the_first_certificate_is_pinned_and_another_refused(
    serve, fetch, certificate, tmp_path
):
    trust = Trust(pins=PinStore(tmp_path / "pins"))
    server = serve(b"secret", certificate, free_port())
    url = server.url("/0x", "gophers")
    for _ in range(2):
        assert await fetch(url, trust=trust) == (b"secret", None)
    server.close()
    other = certificate_file(tmp_path / "other.pem", "127.0.0.1")
    imposter = serve(b"secret", other, server.port)
    refused_with(await fetch(url, trust=trust), "is not the one that was seen first")
    assert imposter.requests == []


async def test_an_answer_without_the_close_of_tls_is_not_whole(serve, fetch, certificate):
    def end_badly(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"half?")
        cut(connection)

    url = serve(end_badly, certificate).url("/9x", "gophers")
    content, error = await fetch(url, trust=Trust(cafile=certificate))
    assert content == b"half?"
    assert isinstance(error, Truncated) and "the close of TLS is missing" in str(error)
    accepting = Trust(cafile=certificate, accept_cut=True)
    assert await fetch(url, trust=accepting) == (b"half?", None)


async def test_a_plain_server_is_never_talked_to_in_plain_instead(serve, fetch):
    server = serve(b"not encrypted, and long enough for a record of TLS\r\n")
    refused_with(await fetch(server.url("/0x", "gophers")), "does not speak TLS on this port")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory$"),
        ("", "has no certificate in PEM format$"),
        ("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", "cannot be read: "),
    ],
)
def test_a_wrong_ca_file_is_named(tmp_path, content, reason):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=rf"the CA file .*ca\.pem {reason}"):
        _ = ConnectionOptions(trust=Trust(cafile=path)).tls_context


async def test_a_wrong_ca_file_is_said_before_anything_is_sent(serve, fetch, tmp_path):
    server = serve(b"x")
    trust = Trust(cafile=tmp_path / "ca.pem")
    error = (await fetch(server.url("/0x", "gophers"), trust=trust)).error
    assert isinstance(error, ConfigurationError)
    assert server.requests == []
