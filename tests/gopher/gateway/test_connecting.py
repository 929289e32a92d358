"""The gateway's way to servers: through a proxy, with pins and a CA file, in a character set of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.gateway.connecting import CHARSET, PROXY, Connecting, is_public_name
from logsrv.gopher.gateway.destinations import NotAllowed
from logsrv.gopher.gateway.fetching import Fetcher
from logsrv.gopher.gateway.settings import GopherSettings, check_wanted
from logsrv.gopher.wire.errors import TLSError
from logsrv.gopher.wire.text import Text
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.net.endpoints import parse_endpoint
from tests.gopher.conftest import Serve
from tests.gopher.gateway.test_fetching import fetcher
from tests.gopher.servers import SocksProxy, cut


@pytest.fixture
def proxy(serve: Serve) -> Iterator[SocksProxy]:
    """One that leads everything to a server that says where it is."""
    started = SocksProxy(serve(b"behind it\r\n.\r\n").port)
    yield started
    started.close()


async def said(found: Fetcher, url: GopherURL) -> bytes:
    text, missing = await found.content(url)
    assert isinstance(text, Text) and not missing
    return text.content


@pytest_twisted.ensureDeferred
async def test_names_are_left_to_the_proxy(reactor: Any, proxy: SocksProxy) -> None:
    found = fetcher(reactor, proxy=Proxy("127.0.0.1", proxy.port))
    assert await said(found, GopherURL.parse("gopher://far.onion/0/a")) == b"behind it\r\n"
    assert proxy.asked == [(b"far.onion", 70)]


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.7", "127.1", "0x7f.1", "[::1]", "localhost"])
async def test_nobody_gets_behind_the_proxy_into_a_private_network(
    reactor: Any, proxy: SocksProxy, host: str
) -> None:
    found = fetcher(reactor, proxy=Proxy("127.0.0.1", proxy.port))
    with pytest.raises(NotAllowed):
        await found.content(GopherURL.parse(f"gopher://{host}/0/a"))
    assert proxy.asked == []


@pytest_twisted.ensureDeferred
async def test_a_server_is_trusted_by_file_or_pin(
    reactor: Any,
    serve: Serve,
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    url = GopherURL.parse(serve(b"secret\r\n.\r\n", certificate).url("/0/a", "gophers"))
    with pytest.raises(TLSError):
        await fetcher(reactor, allow_private=True).content(url)
    for ways in ({"cafile": certificate}, {"pin": True}, {"insecure": True}):
        found = fetcher(reactor, allow_private=True, **ways)
        assert await said(found, url) == b"secret\r\n"
    assert url.address in (tmp_path / "logsrv" / "gopher-pins").read_text()


@pytest_twisted.ensureDeferred
async def test_a_server_that_never_ends_tls_is_accepted_if_wanted(
    reactor: Any, serve: Serve, certificate: Path
) -> None:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"all")
        cut(connection)

    url = GopherURL.parse(serve(script, certificate).url("/0/a", "gophers"))
    strict = fetcher(reactor, allow_private=True, cafile=certificate)
    lenient = fetcher(reactor, allow_private=True, cafile=certificate, accept_cut=True)
    assert "close of TLS is missing" in (await strict.content(url))[1]
    assert (await lenient.content(url))[1] == ""


def test_two_ways_to_trust_are_one_too_many() -> None:
    settings = GopherSettings(
        gateway=(parse_endpoint("tcp:8070"),), cafile=Path("ca.pem"), pin=True
    )
    with pytest.raises(ConfigurationError, match="choose one"):
        check_wanted(settings)


def test_values_that_are_none() -> None:
    with pytest.raises(ValueError, match="no SOCKS5 proxy"):
        PROXY.parse("http://x")
    with pytest.raises(ValueError, match="no character set"):
        CHARSET.parse("klingon")


def test_the_same_options_for_the_command() -> None:
    settings = Connecting(charset="cp437", proxy=Proxy("h", 9), cafile=Path("f"), pin=True)
    assert settings.as_words == [
        *("--charset=cp437", "--proxy=socks5://h:9", "--cafile=f", "--pin"),
    ]
    lenient = Connecting(insecure=True, accept_cut=True)
    assert lenient.as_words == ["--insecure", "--accept-cut"]
    assert Connecting().as_words == []


@pytest.mark.parametrize(
    "name", ["printer.local", "box.lan", "intranet", "a.localhost.", "2130706433"]
)
def test_names_of_one_network(name: str) -> None:
    assert not is_public_name(name)
