"""The options of the gateway, and of `twistd gopher` as a whole."""

from __future__ import annotations

import attrs

from logsrv.errors import ConfigurationError
from logsrv.gopher.gateway.destinations import HOST_PATTERN, PORTS, Destinations, HostPattern, Ports
from logsrv.gopher.gateway.visitors import VisitorLimits
from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.url import canonical_host
from logsrv.kit.inspect.settings import OperatorSettings
from logsrv.kit.net.endpoints import Endpoint
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import DURATION, FLAG, SIZE, TEXT, Kind, integer
from logsrv.kit.web.endpoints import web_endpoint


def _name(text: str) -> str:
    try:
        return canonical_host(text.removeprefix("[").removesuffix("]")).rstrip(".")
    except BadURL as error:
        raise ValueError(error.reason) from None


HOST_NAME: Kind[str] = Kind(_name, "a host name, such as gopher.example.org", "NAME")


@attrs.frozen(kw_only=True, slots=False)
class GatewaySettings:
    """The gateway's options: where it listens, where it goes, and how much it gives to whom."""

    gateway: tuple[Endpoint, ...] = option(
        (), web_endpoint(8070), "where to be a web gateway, such as tcp:8070:interface=127.0.0.1",
        repeatable=True,
    )  # fmt: skip
    host: tuple[str, ...] = option(
        (), HOST_NAME, "a name of the gateway in browsers, beside localhost", repeatable=True
    )
    allow_host: tuple[HostPattern, ...] = option(
        (), HOST_PATTERN, "a host to visit; with this, no others are visited", repeatable=True
    )
    allow_private: bool = option(
        False, FLAG, "visit private addresses too, this machine's among them"
    )
    allow_port: tuple[Ports, ...] = option(
        (), PORTS, "ports to visit, instead of 70 and those from 1024 on but a few",
        repeatable=True,
    )  # fmt: skip
    max_page: int = option("2MiB", SIZE, "show only so much of a menu or text")
    max_download: int | None = option("1GiB", SIZE, "break off larger downloads", off=True)
    max_requests: int = option(64, integer(1), "how many requests to work on at a time")
    max_requests_per_client: int = option(8, integer(1), "how many of them for one client")
    requests_per_minute: int = option(240, integer(1), "how many requests to take of one client")
    cache_size: int | None = option("16MiB", SIZE, "memory for what was fetched", off=True)
    cache_time: float = option("2m", DURATION, "how long to show what was fetched without a look")

    @property
    def destinations(self) -> Destinations:
        """The same as whoever connects wants it."""
        return Destinations(self.allow_host, self.allow_private, self.allow_port)

    @property
    def visitor_limits(self) -> VisitorLimits:
        """The same as whoever counts wants it."""
        return VisitorLimits(
            at_once=self.max_requests,
            at_once_each=self.max_requests_per_client,
            a_minute=self.requests_per_minute,
        )


@attrs.frozen(kw_only=True, slots=False)
class BrowserSettings(OperatorSettings):
    """The rules for browsers; one opens six connections, and some leave theirs open."""

    max_connections: int | None = option(
        1000, integer(1), "how many connections a listener has at a time", off=True
    )
    max_connections_per_peer: int | None = option(
        64, integer(1), "how many connections one address has at a time", off=True
    )


@attrs.frozen(kw_only=True, slots=False)
class GopherSettings(GatewaySettings, BrowserSettings):
    """The settings of `twistd gopher`, all of them."""

    url: str | None = option(None, TEXT, "what to fetch and print")
    words: str | None = option(None, TEXT, "what to look for there")


def check_wanted(settings: GopherSettings) -> None:
    """Raise ConfigurationError when it is not clear what is wanted."""
    if (settings.url is None) == (not settings.gateway):
        what = "both are" if settings.gateway else "neither is"
        raise ConfigurationError(
            f"gopher: give either a URL to print or --gateway ENDPOINT; {what} there"
        )
