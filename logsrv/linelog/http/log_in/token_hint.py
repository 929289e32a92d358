"""The hint of the log-in page: where the token is, and the command that prints an address with a code.

A path is no secret, but names users and programs of the machine, so only clients on it get the hint.
"""

from __future__ import annotations

import shlex

import attrs
from twisted.web.http import Request

from logsrv.kit.web.access import LOOPBACK_NAMES, host_in_header, is_loopback
from logsrv.linelog.http.http_settings import HttpSettings

PACKAGED_TOKEN = "/etc/logsrv/token"  # noqa: S105 - a path
"""The file of the token in the package for Debian."""
_OF_PROXIES = (b"X-Forwarded-For", b"X-Forwarded-Host", b"X-Real-IP", b"Forwarded", b"Via")


@attrs.frozen
class TokenHint:
    """A hint of the log-in page.

    file: the path of the token; None if no file has it. command: for a shell.
    """

    file: str | None
    command: str


def token_hint(request: Request, settings: HttpSettings) -> TokenHint | None:
    """Return the hint for a client; None for one that may be on another machine.

    None also if only readers with names have tokens: `logsrv open` makes no code of these.

    A proxy on this machine makes all clients local. It adds a header, takes the name of its site as Host,
    or speaks HTTP/1.0.
    """
    if settings.reader and settings.http_token is None and settings.http_token_file is None:
        return None
    host = request.getHost()
    is_local = not hasattr(host, "host") or is_loopback(
        getattr(request.getClientAddress(), "host", None)
    )
    name = host_in_header(request.getHeader(b"Host") or b"")
    by_proxy = (
        request.clientproto == b"HTTP/1.0"
        or any(request.getHeader(one) is not None for one in _OF_PROXIES)
        or name not in LOOPBACK_NAMES
    )
    if not is_local or by_proxy:
        return None
    file = None if settings.http_token_file is None else str(settings.http_token_file)
    words = ["logsrv", "open"]
    if file is not None and file != PACKAGED_TOKEN and hasattr(host, "host"):
        words += ["--http", _page_of(request, settings), "--http-token-file", file]
    return TokenHint(file, shlex.join(words))


def _page_of(request: Request, settings: HttpSettings) -> str:
    """Return the endpoint at which the request has arrived, as an option."""
    host = request.getHost()
    if request.isSecure():
        # Not without the rest: `logsrv open` refuses an endpoint whose key is missing.
        for one in settings.http:
            if one.port == host.port:
                return str(one)
    return f"{'ssl' if request.isSecure() else 'tcp'}:{host.port}:interface={host.host}"
