"""SOCKS5 proxies (RFC 1928), such as Tor: their URLs, and the handshake. Bytes in, bytes out."""

from __future__ import annotations

import re
from contextlib import suppress
from socket import AF_INET, AF_INET6, inet_pton
from typing import NamedTuple

from logsrv.errors import ConfigurationError
from logsrv.gopher.wire.errors import ProxyError
from logsrv.gopher.wire.url import canonical_host
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import host_text

_PROXY = r"socks5h?://(?:\[([0-9A-Fa-f:.]+)\]|([^:/\[\]@]+)):(\d{1,5})/?"
_HELLO = b"\5\1\0"
_WELCOME = b"\5\0"
_NAME = b"\3"
# Type of an address in the proxy's reply → its length in bytes; a name (type 3) begins with its length.
_ADDRESS_LENGTHS = {1: 4, 4: 16}
_REFUSALS = {
    1: "it failed, and does not say why",
    2: "its rules do not allow it",
    3: "the network of the server cannot be reached",
    4: "the server cannot be reached, or its name has no address",
    5: "the server refused the connection",
    6: "the server took no connection in time",
}


class Proxy(NamedTuple):
    """A SOCKS5 proxy without a password, such as Tor. It resolves all names: we send no DNS queries."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Proxy:
        """Return the proxy of `socks5://HOST:PORT`. Raises ConfigurationError."""
        found = re.fullmatch(_PROXY, text)
        try:
            if found is None or not 1 <= int(found[3]) <= 65535:
                raise ValueError
            # A wrong host raises BadURL, which is a ValueError.
            return cls(canonical_host(found[1] or found[2]), int(found[3]))
        except ValueError:
            raise ConfigurationError(
                f"“{one_line(text)}” is not a proxy; one is written as socks5://127.0.0.1:9050"
            ) from None

    def __str__(self) -> str:
        return f"socks5://{host_text(self.host, self.port)}"


class SocksHandshake:
    """The SOCKS handshake with a proxy, until it has connected to `host`:

        hello ──► welcome ──► connect ──► reply ──► ready

    welcomed: the proxy speaks SOCKS5 and accepts us. ready: further bytes come from the server itself.
    """

    __slots__ = ("_destination", "_outgoing", "_pending", "_proxy", "ready", "welcomed")

    def __init__(self, proxy: Proxy, host: str, port: int) -> None:
        self._proxy = proxy
        self._destination = _encoded_address(host) + port.to_bytes(2, "big")
        self._pending = b""
        self.welcomed = False
        self.ready = False
        self._outgoing = _HELLO

    def take_outgoing(self) -> bytes:
        """Return the bytes to send to the proxy now; each is returned once."""
        outgoing, self._outgoing = self._outgoing, b""
        return outgoing

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the proxy; return the bytes after its reply, which are the server's.

        Raises ProxyError.
        """
        if self.ready:
            return data
        self._pending += data
        if not self.welcomed:
            if len(self._pending) < len(_WELCOME):
                return b""
            self._accept_welcome()
        reply = self._pending
        if len(reply) < 5:
            return b""
        if reply[0] != 5 or reply[1]:
            raise self.make_error(_REFUSALS.get(reply[1], f"it answers with the error {reply[1]}"))
        end = 6 + (1 + reply[4] if reply[3] == _NAME[0] else _ADDRESS_LENGTHS.get(reply[3], 0))
        if len(reply) < end:
            return b""
        self.ready = True
        return reply[end:]

    def make_error(self, reason: str) -> ProxyError:
        """Return the error that names the proxy, and `reason`."""
        return ProxyError(str(self._proxy), reason)

    def _accept_welcome(self) -> None:
        if self._pending[:1] != b"\5":
            raise self.make_error("it does not speak SOCKS5")
        if self._pending[1:2] != b"\0":
            raise self.make_error("it wants a name and a password")
        self._pending = self._pending[2:]
        self.welcomed = True
        self._outgoing = b"\5\1\0" + self._destination


def _encoded_address(host: str) -> bytes:
    for kind, family in ((b"\1", AF_INET), (b"\4", AF_INET6)):
        with suppress(OSError):
            return kind + inet_pton(family, host)
    name = host.encode("ascii")
    return _NAME + bytes([len(name)]) + name
