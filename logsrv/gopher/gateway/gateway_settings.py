"""The options of the gateway, and of `twistd gopher` as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.connection_options import PinStore, Trust, pins_path
from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.gateway.destinations import HOST_NAME, Destinations
from logsrv.gopher.gateway.visitors import VisitorLimits
from logsrv.gopher.wire.text import checked_charset
from logsrv.kit.inspect.inspect_settings import OperatorSettings
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import DURATION, FILE, FLAG, SIZE, TEXT, Kind, integer
from logsrv.kit.web.access import web_endpoint_kind


def _parse_proxy(text: str) -> Proxy:
    try:
        return Proxy.parse(text)
    except ConfigurationError:
        raise ValueError("no SOCKS5 proxy") from None


def _parse_charset(text: str) -> str:
    try:
        return checked_charset(text)
    except ConfigurationError:
        raise ValueError("no character set that is known here") from None


PROXY: Kind[Proxy] = Kind(_parse_proxy, "a SOCKS5 proxy, such as socks5://127.0.0.1:9050", "PROXY")
CHARSET: Kind[str] = Kind(_parse_charset, "a character set, such as cp437", "CHARSET")


@attrs.frozen(kw_only=True, slots=False)
class ConnectionSettings:
    """The connection to servers: proxy, trust and character set.

    The command `gopher` has the same options under the same names.
    """

    charset: str | None = option(
        None,
        CHARSET,
        "character set of texts and menus; by default UTF-8, else Latin-1, for each line",
    )
    proxy: Proxy | None = option(
        None, PROXY, "connect through this proxy; Tor's is socks5://127.0.0.1:9050"
    )
    cafile: Path | None = option(
        None, FILE, "trust the certificates in this file for TLS, not the system's"
    )
    pin: bool = option(False, FLAG, "trust the certificate that a server showed first")
    insecure: bool = option(False, FLAG, "trust every certificate")
    accept_cut: bool = option(False, FLAG, "accept answers that end without a TLS close")

    @property
    def trust(self) -> Trust:
        """Return the trust for connections. Raises ConfigurationError for more than one kind."""
        pins = PinStore(pins_path(os.environ)) if self.pin else None
        return Trust(self.cafile, pins, self.insecure, self.accept_cut)

    @property
    def as_command_words(self) -> list[str]:
        """Return these settings as options of the command `gopher`."""
        named = {each.name: getattr(self, each.name) for each in attrs.fields(ConnectionSettings)}
        return [
            f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
            for name, value in named.items()
            if value is not None and value is not False
        ]


@attrs.frozen(kw_only=True, slots=False)
class GopherSettings(VisitorLimits, ConnectionSettings, Destinations, OperatorSettings):
    """The settings of `twistd gopher`: where to listen, which hosts to visit, limits for clients."""

    gateway: tuple[Endpoint, ...] = option(
        (), web_endpoint_kind(8070), "serve a web gateway here",
        repeatable=True,
    )  # fmt: skip
    host: tuple[str, ...] = option(
        (), HOST_NAME, "a name of the gateway in browsers, besides localhost", repeatable=True
    )
    max_page: int = option("2MiB", SIZE, "show at most this much of a menu or text")
    max_download: int | None = option("1GiB", SIZE, "break off larger downloads", off=True)
    cache_size: int | None = option("16MiB", SIZE, "memory for fetched pages", off=True)
    cache_time: float = option("2m", DURATION, "show a fetched page again for this long")
    # A browser opens six connections, and some leave theirs open.
    max_connections: int | None = option(
        1000, integer(1), "the most open connections of a listener", off=True
    )
    max_connections_per_peer: int | None = option(
        64, integer(1), "the most open connections of one address", off=True
    )
    url: str | None = option(None, TEXT, "fetch and print this")
    words: tuple[str, ...] = option(
        (), TEXT, "a link by its number, or what to search for", repeatable=True
    )


def check_url_or_gateway(settings: GopherSettings) -> None:
    """Raise ConfigurationError unless exactly one of URL and --gateway is given, with one way to trust."""
    if (settings.url is None) == (not settings.gateway):
        what = "both are" if settings.gateway else "neither is"
        raise ConfigurationError(f"give either a URL to print or --gateway ENDPOINT; {what} there")
    settings.trust  # noqa: B018  raises if it is invalid
