"""The options of the gateway, and of `twistd gopher` as a whole."""

from __future__ import annotations

import attrs

from logsrv.errors import ConfigurationError
from logsrv.gopher.gateway.connecting import Connecting
from logsrv.gopher.gateway.destinations import HOST_NAME, Destinations
from logsrv.gopher.gateway.visitors import VisitorLimits
from logsrv.kit.inspect.settings import OperatorSettings
from logsrv.kit.net.endpoints import Endpoint
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import DURATION, SIZE, TEXT, integer
from logsrv.kit.web.endpoints import web_endpoint


@attrs.frozen(kw_only=True, slots=False)
class GopherSettings(VisitorLimits, Connecting, Destinations, OperatorSettings):
    """The settings of `twistd gopher`, all of them: where to listen, where to go, what to give whom."""

    gateway: tuple[Endpoint, ...] = option(
        (), web_endpoint(8070), "where to be a web gateway, such as tcp:8070:interface=127.0.0.1",
        repeatable=True,
    )  # fmt: skip
    host: tuple[str, ...] = option(
        (), HOST_NAME, "a name of the gateway in browsers, beside localhost", repeatable=True
    )
    max_page: int = option("2MiB", SIZE, "show only so much of a menu or text")
    max_download: int | None = option("1GiB", SIZE, "break off larger downloads", off=True)
    cache_size: int | None = option("16MiB", SIZE, "memory for what was fetched", off=True)
    cache_time: float = option("2m", DURATION, "how long to show what was fetched without a look")
    # A browser opens six connections, and some leave theirs open.
    max_connections: int | None = option(
        1000, integer(1), "how many connections a listener has at a time", off=True
    )
    max_connections_per_peer: int | None = option(
        64, integer(1), "how many connections one address has at a time", off=True
    )
    url: str | None = option(None, TEXT, "what to fetch and print")
    words: tuple[str, ...] = option(
        (), TEXT, "a link by its number, or what to search for", repeatable=True
    )


def check_wanted(settings: GopherSettings) -> None:
    """Raise ConfigurationError when it is not clear what is wanted."""
    if (settings.url is None) == (not settings.gateway):
        what = "both are" if settings.gateway else "neither is"
        raise ConfigurationError(f"give either a URL to print or --gateway ENDPOINT; {what} there")
    settings.trust  # noqa: B018  says what is wrong with it
