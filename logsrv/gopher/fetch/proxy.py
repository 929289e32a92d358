"""SOCKS5 proxies, such as Tor: their spelling, and the way through one for a plain socket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logsrv.errors import ConfigurationError
from logsrv.gopher.wire.errors import ProxyError
from logsrv.gopher.wire.url import GopherURL, canonical_host
from logsrv.gopher.wire.value import Value

if TYPE_CHECKING:
    import socket

_PROXY = re.compile(r"socks5h?://(?:\[([0-9A-Fa-f:.]+)\]|([^:/\[\]@]+)):(\d{1,5})/?")


class Proxy(Value):
    """A SOCKS5 proxy without a password, such as Tor. It resolves the names: nothing leaks."""

    __slots__ = ("host", "port")

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port

    @classmethod
    def parse(cls, text: str) -> Proxy:
        """The proxy of `socks5://HOST:PORT`. Raises ConfigurationError."""
        found = _PROXY.fullmatch(text)
        if found is None or not 1 <= int(found[3]) <= 65535:
            raise ConfigurationError(
                f"“{text}” is not a proxy; one is written as socks5://127.0.0.1:9050"
            )
        return cls(canonical_host(found[1] or found[2]), int(found[3]))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"socks5://{host}:{self.port}"

    def connect(self, url: GopherURL, timeout: float) -> socket.socket:
        """A connection to the server of `url`; blocks for at most `timeout` seconds a step.

        Raises ProxyError, ConfigurationError.
        """
        # txtorcon, which the client in a reactor uses, is of no use without one.
        try:
            import python_socks
            import python_socks.sync
        except ImportError:
            raise ConfigurationError(
                f"the proxy {self} needs python-socks: pip install 'logsrv[socks]'"
            ) from None
        way = python_socks.sync.Proxy(
            python_socks.ProxyType.SOCKS5, self.host, self.port, rdns=True
        )
        try:
            return way.connect(url.host, url.port, timeout)
        except (python_socks.ProxyError, OSError) as error:
            raise ProxyError(str(self), str(error)) from error
