"""Access: requests are checked by their Host, their origin and their token.

A page of another site can make a browser send requests here. It can read the answers only if its owner
makes the name of the site point to our address (DNS rebinding), and then Host contains that name. It cannot
hide the origin of a request: browsers send it in Origin and Sec-Fetch-Site.

A client may try ten wrong tokens at once, then one every six seconds.

Without a token, TCP within this machine is for the user of the server and root: others could not read the
files of the store either.
"""

from __future__ import annotations

import hmac
import os
from hashlib import sha256
from math import ceil

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.web.http import Request

from logsrv.kit.connections.rates import TokenBuckets
from logsrv.kit.net.peer_user import UserOfPeer, user_name
from logsrv.kit.web.access import (
    LOOPBACK_NAMES,
    client_key,
    foreign_page_refusal,
    host_in_header,
    is_loopback,
)
from logsrv.linelog.http.log_in.one_time_codes import CodeState, OneTimeCodes
from logsrv.linelog.http.problems import Problem, too_many_problem

# A browser keeps the cookie for thirty days.
COOKIE_SECONDS = 30 * 86400
# Wrong tokens of a client.
AT_ONCE = 10
SECONDS_EACH = 6.0
_UNKNOWN_USER = -1


class AccessRules:
    """The checks of requests, by one version of the settings.

    names: accepted names in Host, besides the server's addresses. token: None if no token is needed.
    attempts: how many wrong tokens each client may still try now (see `logsrv.kit.web.access.client_key`).
    user_of: tells whose a connection is; None if every user of this machine may ask.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        token: str | None,
        attempts: TokenBuckets,
        user_of: UserOfPeer | None = None,
    ) -> None:
        self._user_of = user_of
        self._names = frozenset(names)
        self._token = None if token is None else token.encode()
        self._attempts = attempts
        # The cookie is a hash, not the token, because a browser keeps it in a file. A new token gives a new
        # cookie.
        key = hmac.new(self._token or b"", b"logsrv: cookie of the page", sha256).hexdigest()
        # All ports of a host share its cookies, so several loggers need different names.
        self._cookie_name, self._cookie = f"logsrv-{key[:8]}".encode(), key[8:].encode()

    def has_same_token(self, other: AccessRules) -> bool:
        """Return whether another Access needs the same token."""
        return self._token == other._token

    def check_host(self, request: Request) -> None:
        """Raise Problem (403) if the request's Host is not this server.

        A request without Host, or on a UNIX socket, is accepted.
        """
        given = request.requestHeaders.getRawHeaders(b"Host", [])
        local = request.getHost()
        if not given or not hasattr(local, "host"):
            # Accepted: such a request is not from a browser.
            return
        name = host_in_header(given[0])
        if name is None or not self._is_own_name(name, str(local.host)):
            raise Problem(
                403,
                "the Host of this request is not one of this server; --http-host NAME makes it one",
            )

    def _is_own_name(self, name: str, address: str) -> bool:
        if name in LOOPBACK_NAMES or name in self._names or name == address.partition("%")[0]:
            return True
        # DNS rebinding needs a name, so a Host that is an address is safe. But a request to a loopback
        # address must name loopback.
        is_address = isIPAddress(name) or isIPv6Address(name)
        return is_address and not is_loopback(address)

    def check_origin(self, request: Request, *, page: bool) -> None:
        """Raise Problem (403) for a request that a page of another site has sent.

        page: whether the request is for the page itself, to which other sites may link.
        """
        why = foreign_page_refusal(request.getHeader, link=page)
        if why is not None:
            raise Problem(403, why)

    def check_user(self, request: Request) -> None:
        """Raise Problem (403) for another user of this machine, where a token does not tell who may read.

        Raises Problem (503) if the system fails to tell.
        """
        if self._token is not None or not self._is_within(request):
            return
        uid = self._uid_of(request)
        if uid not in (0, os.geteuid()):
            whose = "a user who has closed the connection" if uid is None else user_name(uid)
            own = os.geteuid()
            readers = f"{user_name(own)} and root" if own else "root"
            raise Problem(
                403,
                f"without a token only {readers} may read here, not {whose}: --http-token-file FILE sets "
                "one, --http-any-user lets all users of this machine read",
            )

    def _is_within(self, request: Request) -> bool:
        """Return whether a connection is within this machine, and the system tells whose it is."""
        client = getattr(request.getClientAddress(), "host", None)
        return (
            self._user_of is not None and hasattr(request.getHost(), "host") and is_loopback(client)
        )

    def _uid_of(self, request: Request) -> int | None:
        """Return the user at the other end of a connection, if the system tells. Raises Problem (503)."""
        peer, host = request.getClientAddress(), request.getHost()
        if self._user_of is None or not hasattr(host, "host") or not hasattr(peer, "host"):
            return None
        try:
            return self._user_of((peer.host, peer.port), (host.host, host.port))
        except OSError as error:
            raise Problem(503, f"cannot tell whose this connection is: {error.strerror}") from None

    def check_token(self, request: Request) -> None:
        """Raise Problem (401, 429) if a token is needed and the request lacks the right one."""
        if self._token is None:
            return
        # Nobody can guess 56 digits of a hash, so a right cookie is accepted even while another client
        # with the same address guesses tokens.
        if self.is_logged_in(request):
            return
        scheme, _, given = (request.getHeader(b"Authorization") or b"").partition(b" ")
        if scheme.lower() != b"bearer":
            raise _unauthorized("a token is needed: Authorization: Bearer TOKEN")
        self.log_in_cookie(request, given.strip())

    def is_logged_in(self, request: Request) -> bool:
        """Return whether a request has the cookie of a log-in."""
        cookie = request.getCookie(self._cookie_name)
        return cookie is not None and hmac.compare_digest(cookie, self._cookie)

    def log_in_cookie(self, request: Request, given: bytes) -> bytes:
        """Return the value of Set-Cookie for a right token.

        Raises Problem: 401 for a wrong one, 429 after too many, 404 if none is needed.
        """
        if self._token is None:
            raise Problem(404, "no token is needed here")
        # A right token is accepted even while others with the same address guess tokens.
        if not hmac.compare_digest(given, self._token):
            self._count_wrong_token(request)
            raise _unauthorized("the token is wrong")
        return self._cookie_header(request, self._cookie, COOKIE_SECONDS)

    def code_cookie(self, request: Request, code: str, codes: OneTimeCodes, now: float) -> bytes:
        """Return the value of Set-Cookie for a one-time code, which is used up then.

        Raises Problem: 401 for one that is not right, 429 after too many wrong ones, 404 if none is needed.
        """
        if self._token is None:
            raise Problem(404, "no token is needed here")
        uid = self._uid_of(request)
        if uid is None and self._is_within(request):
            # The client has closed the connection and gets no cookie, so it must not use up the code.
            uid = _UNKNOWN_USER
        state = codes.spend(code, self._token, now, uid)
        if state is CodeState.WRONG:
            self._count_wrong_token(request)
        if state is not CodeState.RIGHT:
            raise _unauthorized(state.value)
        return self._cookie_header(request, self._cookie, COOKIE_SECONDS)

    def _count_wrong_token(self, request: Request) -> None:
        """Count a wrong token. Raises Problem (429), uncounted, if the client should have waited."""
        client = client_key(getattr(request.getClientAddress(), "host", None))
        bucket = self._attempts.filled_bucket(client, 1 / SECONDS_EACH, AT_ONCE)
        if bucket.left < 1:
            seconds = ceil((1 - bucket.left) * SECONDS_EACH)
            raise too_many_problem(f"too many wrong tokens; go on in {seconds} s", seconds)
        bucket.left -= 1

    def log_out_cookie(self, request: Request) -> bytes:
        """Return the value of Set-Cookie that removes the cookie."""
        return self._cookie_header(request, b"", 0)

    def _cookie_header(self, request: Request, value: bytes, seconds: int) -> bytes:
        secure = b"; Secure" if request.isSecure() else b""
        return b"%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s" % (
            self._cookie_name,
            value,
            seconds,
            secure,
        )


def asking_client(request: Request) -> str:
    """Return whose turn a search of this request takes: its address stands for a client.

    All that comes from a proxy on this machine would be one client, so the address that the proxy has added
    to X-Forwarded-For counts then. Whoever writes a false one wins turns, nothing else.
    """
    host = getattr(request.getClientAddress(), "host", None)
    if host is None or is_loopback(host):
        forwarded = (request.getHeader(b"X-Forwarded-For") or b"").rpartition(b",")[2]
        named = forwarded.strip().decode("latin-1")
        host = named if isIPAddress(named) or isIPv6Address(named) else host
    return client_key(host)


def _unauthorized(sentence: str) -> Problem:
    return Problem(401, sentence, {"WWW-Authenticate": 'Bearer realm="logsrv"'})
