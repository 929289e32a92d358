"""Access: which requests are answered, by the name they ask for, where they come from, their token.

A page somewhere else can make a browser send requests here. It cannot read the answers of another
origin, unless it gives its own name our address (DNS rebinding): then Host has that name. Nor can it
hide that it sends them: browsers say so in Origin and Sec-Fetch-Site.

Of wrong tokens a client may try ten at once, then one every six seconds, or has to wait.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from math import ceil

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.web.http import Request

from logsrv.kit.web.hosts import LOOPBACK_NAMES, client_of, foreign, is_loopback, name_in
from logsrv.linelog.http.problems import Problem, too_many

# Thirty days, for which a browser keeps it.
COOKIE_SECONDS = 30 * 86400
AT_ONCE = 10
SECONDS_EACH = 6.0
MOST_REMEMBERED = 4096


class Attempts:
    """Wrong tokens by client (see `logsrv.kit.web.hosts.client_of`). `now`: seconds that only grow.

    Stores, for each client, when its last failure expires; when full, the earliest is dropped.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._expires: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._expires)

    def failed(self, client: str) -> None:
        """Note a wrong token. Raise Problem (429) for a client that had to wait before its next attempt."""
        now = self._now()
        wait = self._expires.get(client, 0.0) - now - (AT_ONCE - 1) * SECONDS_EACH
        if wait > 0:
            seconds = ceil(wait)
            raise too_many(f"too many wrong tokens; go on in {seconds} s", seconds)
        begin = max(now, self._expires.pop(client, now))
        if len(self._expires) >= MOST_REMEMBERED:
            del self._expires[min(self._expires, key=self._expires.__getitem__)]
        self._expires[client] = begin + SECONDS_EACH


class Access:
    """The rules of one set of settings.

    names: hosts that are ours beside the addresses. token: None if none is asked for.
    """

    def __init__(self, names: tuple[str, ...], token: str | None, attempts: Attempts) -> None:
        self._names = frozenset(names)
        self._token = None if token is None else token.encode()
        self._attempts = attempts
        # Not the token itself: a browser keeps it in a file. Another token, another cookie.
        key = hmac.new(self._token or b"", b"logsrv: cookie of the page", sha256).hexdigest()
        # Cookies of one host are shared by all of its ports, so of several loggers.
        self._cookie_name, self._cookie = f"logsrv-{key[:8]}".encode(), key[8:].encode()

    def lets_in_as(self, other: Access) -> bool:
        """Tell whether both go by the same token."""
        return self._token == other._token

    def check_host(self, request: Request) -> None:
        """Raise Problem (400, 403) for a request that was meant for another host."""
        given = request.requestHeaders.getRawHeaders(b"Host", [])
        if len(given) > 1:
            raise Problem(400, "the request has more than one Host header")
        local = request.getHost()
        if not given or not hasattr(local, "host"):
            # Every browser sends Host, and none connects to a UNIX socket.
            return
        name = name_in(given[0])
        if name is None or not self._is_ours(name, str(local.host)):
            raise Problem(
                403,
                "the Host of this request is not one of this server; --http-host NAME makes it one",
            )

    def _is_ours(self, name: str, address: str) -> bool:
        if name in LOOPBACK_NAMES or name in self._names or name == address.partition("%")[0]:
            return True
        # An address cannot be forged by DNS rebinding. Loopback has only its own names.
        is_address = isIPAddress(name) or isIPv6Address(name)
        return is_address and not is_loopback(address)

    def check_origin(self, request: Request, *, page: bool) -> None:
        """Raise Problem (403) for what a page of another site has sent.

        page: this is a page to look at, and a link from elsewhere may lead to it.
        """
        why = foreign(request.getHeader, link=page)
        if why is not None:
            raise Problem(403, why)

    def check_token(self, request: Request) -> None:
        """Raise Problem (401, 429) if a token is needed and the request has not the right one."""
        if self._token is None:
            return
        cookie = request.getCookie(self._cookie_name)
        # Nobody guesses 56 digits of a hash: a client that has logged in gets in even while another one
        # behind the same address is guessing.
        if cookie is not None and hmac.compare_digest(cookie, self._cookie):
            return
        scheme, _, given = (request.getHeader(b"Authorization") or b"").partition(b" ")
        if scheme.lower() != b"bearer":
            raise _unauthorized("a token is needed: Authorization: Bearer TOKEN")
        self.log_in(request, given.strip())

    def log_in(self, request: Request, given: bytes) -> bytes:
        """Return the cookie, as Set-Cookie has it, for a token that is right. Raises Problem."""
        if self._token is None:
            raise Problem(404, "no token is needed here")
        # A right token is looked at first, and let in even if others behind the same address guess.
        if not hmac.compare_digest(given, self._token):
            self._attempts.failed(client_of(getattr(request.getClientAddress(), "host", None)))
            raise _unauthorized("the token is wrong")
        return self._set_cookie(request, self._cookie, COOKIE_SECONDS)

    def log_out(self, request: Request) -> bytes:
        """Return the cookie that ends the other."""
        return self._set_cookie(request, b"", 0)

    def _set_cookie(self, request: Request, value: bytes, seconds: int) -> bytes:
        secure = b"; Secure" if request.isSecure() else b""
        return b"%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s" % (
            self._cookie_name,
            value,
            seconds,
            secure,
        )


def _unauthorized(sentence: str) -> Problem:
    return Problem(401, sentence, {"WWW-Authenticate": 'Bearer realm="logsrv"'})
