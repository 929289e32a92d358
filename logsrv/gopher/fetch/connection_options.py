"""Settings of a fetch: time-outs, limits in bytes, TLS trust and proxy."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.fetch.trust import Trust
from logsrv.gopher.wire.menu import LONGEST_LINE, MOST_ITEMS
from logsrv.value import Value

if TYPE_CHECKING:
    from ssl import SSLContext


def _check_positive(settings: Value, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(settings, name) <= 0:
            raise ValueError(f"{name} must be more than 0")


class Timeouts(Value):
    """Seconds until TimedOut.

    connect: for name lookup, connection and TLS handshake together. first_byte: from the request to the
    first byte. between: from one reception to the next. whole: from the request to the end of a menu or a
    text, against servers that send a byte now and then; streams and downloads have no such limit. least:
    not seconds, but the bytes that must arrive in each minute, for downloads that nobody watches; 0 for no
    minimum.
    """

    connect: float = 15.0
    first_byte: float = 30.0
    between: float = 30.0
    whole: float = 300.0
    least: int = 0

    def __post_init__(self) -> None:
        _check_positive(self, ("connect", "first_byte", "between", "whole"))


class Limits(Value):
    """Bytes until TooBig. line: bytes after which a line of a menu is shortened. items: lines of a menu."""

    menu: int = 16 * 1024 * 1024
    text: int = 64 * 1024 * 1024
    download: int | None = None
    line: int = LONGEST_LINE
    items: int = MOST_ITEMS

    def __post_init__(self) -> None:
        _check_positive(self, ("menu", "text", "line", "items"))


class ConnectionOptions(Value):
    """The way to connect: time-outs, trust in certificates, and the proxy."""

    timeouts: Timeouts = Timeouts()
    trust: Trust = Trust()
    proxy: Proxy | None = None

    @cached_property
    def tls_context(self) -> SSLContext:
        """Return the TLS context for `trust`. Raises ConfigurationError for a wrong CA file."""
        # Only here is `ssl` loaded: that takes as long as the rest of the start, and most URLs are without
        # TLS.
        from logsrv.gopher.fetch.tls import tls_context

        return tls_context(self.trust)
