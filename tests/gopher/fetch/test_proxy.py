"""Through a proxy everything goes through the proxy, names included, without a reactor too."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher import Proxy, Trust, urlopen
from logsrv.gopher.wire.errors import ProxyError
from tests.gopher.conftest import Serve
from tests.gopher.servers import LOOPBACK, SocksProxy
from tests.ports import free_port


def test_how_a_proxy_is_written() -> None:
    assert Proxy.parse("socks5://localhost:9050") == Proxy("localhost", 9050)
    assert Proxy.parse("socks5h://[::1]:9050/") == Proxy("::1", 9050)
    assert str(Proxy.parse("socks5://[::1]:9050")) == "socks5://[::1]:9050"
    for text in (
        "http://h:1",
        "h:1",
        "socks5://h",
        "socks5://me:pass@h:1",
        "socks5://h:0",
        "socks5://1.?:1",
    ):
        with pytest.raises(ConfigurationError, match=r"socks5://127\.0\.0\.1:9050"):
            Proxy.parse(text)
    with pytest.raises(ConfigurationError) as caught:
        Proxy.parse("socks5://\x1b[2J:1")
    assert "\x1b" not in str(caught.value)


def test_the_proxy_resolves_the_name(serve: Serve) -> None:
    proxy = SocksProxy(serve(b"hidden").port)
    try:
        way = Proxy(LOOPBACK, proxy.port)
        with urlopen("gopher://abcdefghijklmnop.onion:7070/0x", proxy=way) as file:
            assert file.read() == b"hidden"
        assert proxy.asked == [(b"abcdefghijklmnop.onion", 7070)]
    finally:
        proxy.close()


def test_tls_goes_through_the_proxy_to_the_server(serve: Serve, certificate: Path) -> None:
    proxy = SocksProxy(serve(b"hidden", certificate).port)
    try:
        trust, way = Trust(cafile=certificate), Proxy(LOOPBACK, proxy.port)
        with urlopen("gophers://localhost/0x", trust=trust, proxy=way) as file:
            assert file.read() == b"hidden"
    finally:
        proxy.close()


def test_a_proxy_that_refuses_is_named() -> None:
    proxy = SocksProxy(1, reply=5)
    try:
        with pytest.raises(ProxyError, match=f"socks5://127.0.0.1:{proxy.port} makes no"):
            urlopen("gopher://h.example/0x", proxy=Proxy(LOOPBACK, proxy.port))
    finally:
        proxy.close()


def test_no_proxy_there_is_not_no_server_there() -> None:
    port = free_port()
    with pytest.raises(ProxyError):
        urlopen("gopher://h.example/0x", proxy=Proxy(LOOPBACK, port))
