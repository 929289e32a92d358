"""The options of the web interface."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.options.declare import option
from logsrv.kit.options.files import SECRET, SECRET_FILE, read_secret
from logsrv.kit.options.kinds import DURATION, FLAG, NEW_FILE, Kind, integer
from logsrv.kit.web.access import host_in_header, is_private, web_endpoint_kind

# The most connections of a web listener; further ones are refused. A browser opens six for a page; a screen
# on a wall keeps one open for months.
MOST_CONNECTIONS = 4000


def _parse_host_name(text: str) -> str:
    name = host_in_header(text.encode("ascii", "replace"))
    if name is None or name != text.lower().strip("[]").rstrip("."):
        raise ValueError("not a name, or one with a port")
    return name


HOST_NAME: Kind[str] = Kind(
    _parse_host_name, "the name of a host, such as logs.example.org", "NAME"
)


@attrs.frozen(kw_only=True, slots=False)
class HttpSettings:
    """The options of the web interface: its endpoints, who may use it, and its limits.

    Raises ConfigurationError if other machines can reach an endpoint, and there is no token.
    """

    help_group: ClassVar[str] = "The live page and the API"
    goes_with: ClassVar[str] = "http"

    http: tuple[Endpoint, ...] = option(
        (), web_endpoint_kind(8080), repeatable=True,
        help="serve the live page and the API here",
    )  # fmt: skip
    http_token: str | None = option(
        None, SECRET, "the token for --http; visible in the process list"
    )
    http_token_file: Path | None = option(None, SECRET_FILE, "a file with the token for --http")
    http_any_user: bool = option(
        False, FLAG, "without a token, let every user of this machine read, not its own and root"
    )
    http_host: tuple[str, ...] = option(
        (), HOST_NAME, "a name of this server in browsers, besides its address", repeatable=True
    )
    http_searches: int = option(8, integer(1), "searches at a time at most; further ones wait")
    http_search_time: float = option("1m", DURATION, "end a search after this time")
    saved: Path | None = option(
        None, NEW_FILE, "a JSON file of searches and boards that readers share"
    )

    def __attrs_post_init__(self) -> None:
        for endpoint in self.http:
            if not self.has_token and not is_private(endpoint):
                raise ConfigurationError(
                    f"--http {endpoint} can be reached by others: give --http-token-file FILE, or "
                    "listen on tcp:PORT:interface=127.0.0.1 or unix:PATH"
                )

    @property
    def has_token(self) -> bool:
        """Return whether a token is asked for."""
        return (self.http_token, self.http_token_file) != (None, None)


def read_http_token(settings: HttpSettings) -> str | None:
    """Return the token, from its option or its file; None if there is none. Raises ConfigurationError."""
    return read_secret("http-token", settings.http_token, settings.http_token_file)
