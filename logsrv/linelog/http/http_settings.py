"""The options of the web interface."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.options.declare import option, tables
from logsrv.kit.options.files import SECRET, SECRET_FILE, read_secret
from logsrv.kit.options.kinds import DURATION, FLAG, NEW_FILE, Kind, integer
from logsrv.kit.web.access import host_in_header, is_private, web_endpoint_kind
from logsrv.linelog.http.readers.reader_settings import ReaderSettings

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


_HEADER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}", re.ASCII)
# Headers with a meaning of their own, or that others set.
_TAKEN_HEADERS = frozenset(
    ("authorization", "cookie", "host", "origin", "referer", "user-agent", "logsrv-proxy-secret")
)


def _parse_header_name(text: str) -> str:
    if not _HEADER_NAME.fullmatch(text):
        raise ValueError("no name of a header")
    if text.lower() in _TAKEN_HEADERS or text.lower().startswith(("sec-", "x-forwarded-for")):
        raise ValueError("this header has another meaning")
    return text


HEADER: Kind[str] = Kind(
    _parse_header_name, "the name of a header, such as X-Auth-Request-User or Remote-User", "NAME"
)


@attrs.frozen(kw_only=True, slots=False)
class HttpSettings:
    """The options of the web interface: its endpoints, who may use it, and its limits.

    Raises ConfigurationError if other machines can reach an endpoint, and there is no token; and for
    readers that cannot be told apart.
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
        False,
        FLAG,
        "without a token, let all users of this machine read, not only root and the service's user",
    )
    reader: tuple[ReaderSettings, ...] = tables(
        ReaderSettings, "readers with names, who may see only some lines or change nothing"
    )
    http_user_header: str | None = option(
        None, HEADER, "the header in which a proxy names the reader that it has authenticated"
    )
    http_proxy_secret_file: Path | None = option(
        None, SECRET_FILE, "a file with the secret that this proxy sends as Logsrv-Proxy-Secret"
    )
    audit: bool = option(
        False, FLAG, "log each query, download, change, log-in and refusal, with the reader"
    )
    http_host: tuple[str, ...] = option(
        (), HOST_NAME, "a name of this server in browsers, besides its address", repeatable=True
    )
    http_searches: int = option(8, integer(1), "the most searches at a time; further ones wait")
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

        self._check_readers()

    def _check_readers(self) -> None:
        names = [one.name for one in self.reader]
        for one in self.reader:
            if names.count(one.name) > 1:
                raise ConfigurationError(
                    f"two readers are called {one.name}; give one another name"
                )
            if one.token_file is None and self.http_user_header is None:
                raise ConfigurationError(
                    f"reader {one.name} has no token-file, and without --http-user-header no proxy names it"
                )
        has_header, has_secret = (
            one is not None for one in (self.http_user_header, self.http_proxy_secret_file)
        )
        if has_header and not has_secret:
            raise ConfigurationError(
                "--http-user-header needs --http-proxy-secret-file: else anybody who can connect could "
                "name any reader"
            )
        if has_secret and not has_header:
            raise ConfigurationError(
                "--http-proxy-secret-file is for the proxy of --http-user-header, which is not there"
            )
        if has_header and not self.reader:
            raise ConfigurationError("--http-user-header names a [[reader]], and there is none")

    @property
    def has_token(self) -> bool:
        """Return whether a token is asked for, or a proxy has to name the reader."""
        return (self.http_token, self.http_token_file) != (None, None) or bool(self.reader)


def read_proxy_secret(settings: HttpSettings) -> str | None:
    """Return the secret of the proxy; None without a proxy. Raises ConfigurationError."""
    return read_secret("http-proxy-secret", None, settings.http_proxy_secret_file)


def read_http_token(settings: HttpSettings) -> str | None:
    """Return the token, from its option or its file; None if there is none. Raises ConfigurationError."""
    return read_secret("http-token", settings.http_token, settings.http_token_file)
