"""The address of the page for a browser on this machine, by an endpoint of --http."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from logsrv.kit.net.endpoint import Endpoint

# A browser of this machine reaches a server that listens everywhere at these.
_LOOPBACKS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@attrs.frozen
class PageAddress:
    """An address that a browser opens. host, port: where the server is reached from this machine."""

    scheme: str
    name: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """Return the URL without a path."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        usual = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{name}" + ("" if self.port == usual else f":{self.port}")


def page_address(endpoints: Iterable[Endpoint], names: Iterable[str] = ()) -> PageAddress | None:
    """Return the address of the first endpoint that a browser of this machine can open by its text.

    names: those of --http-host; the first stands in an address with TLS, whose certificate names it. None
    if there is no such endpoint: a UNIX socket, port 0, a socket of systemd, or only behind a proxy.
    """
    for one in endpoints:
        if one.proxied or not one.port or one.scheme not in ("tcp", "tcp6", "ssl", "tls"):
            continue
        host = _LOOPBACKS.get(one.interface, one.interface)
        if one.scheme in ("ssl", "tls"):
            return PageAddress("https", next(iter(names), "localhost"), host, one.port)
        return PageAddress("http", host, host, one.port)
    return None
