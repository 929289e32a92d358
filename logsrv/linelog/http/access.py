"""Access: requests are checked by their Host, their origin and their token.

A page of another site can make a browser send requests here. It can read the answers only if its owner
makes the name of the site point to our address (DNS rebinding), and then Host contains that name. It cannot
hide the origin of a request: browsers send it in Origin and Sec-Fetch-Site.

A client may try ten wrong tokens at once, then one every six seconds.

Readers have tokens, and cookies of these. A proxy on this machine that has authenticated somebody says who
it is in a header. It shows by a secret that it is the proxy, as everybody on this machine can connect to
loopback.

Without a token, TCP within this machine is for the user of the server and root: others could not read the
files of the store either.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from math import ceil
from operator import itemgetter
from typing import NamedTuple

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.web.http import Request

from logsrv.kit.connections.rates import TokenBuckets
from logsrv.kit.net.peer_user import UserOfPeer, user_name, user_of_unix_peer
from logsrv.kit.text.words import shown
from logsrv.kit.web.access import (
    LOOPBACK_NAMES,
    client_key,
    foreign_page_refusal,
    host_in_header,
    is_loopback,
)
from logsrv.linelog.http.log_in.one_time_codes import CodeState, OneTimeCodes
from logsrv.linelog.http.problems import Problem, too_many_problem
from logsrv.linelog.http.readers.reader import ANYBODY, Reader
from logsrv.linelog.http.readers.token_file import KnownToken

# A browser keeps the cookie for thirty days.
COOKIE_SECONDS = 30 * 86400
# The milliseconds since 1970 in a cookie have no more digits.
_MOST_DIGITS = 16
# Wrong tokens of a client.
AT_ONCE = 10
SECONDS_EACH = 6.0
_UNKNOWN_USER = -1
PROXY_SECRET = b"Logsrv-Proxy-Secret"
"""The header in which a proxy sends its secret."""


class UnknownReaderError(Problem):
    """A proxy has named somebody who is no reader. name: as the proxy gave it."""

    def __init__(self, name: str) -> None:
        super().__init__(403, f"{shown(name)} is no reader of this server")
        self.name = name


class TrustedProxy(NamedTuple):
    """A proxy that says who asks. user_header: where it names the reader. secret: in PROXY_SECRET."""

    user_header: str
    secret: str


class AccessRules:
    """The checks of requests, by one version of the settings.

    names: accepted names in Host, besides the server's addresses. readers: all that there are; without any,
    no token is needed. attempts: how many wrong tokens each client may still try now (see
    `logsrv.kit.web.access.client_key`). user_of: tells whose a connection is; None if every user of this
    machine may ask. proxy: None if no header is believed. code_token: of which `logsrv open` makes
    addresses, that of --http-token.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        readers: Sequence[Reader],
        attempts: TokenBuckets,
        user_of: UserOfPeer | None = None,
        proxy: TrustedProxy | None = None,
        code_token: str | None = None,
    ) -> None:
        self._user_of = user_of
        self._names = frozenset(names)
        self._readers = tuple(readers)
        self._attempts = attempts
        self._proxy = proxy
        self._code_token = None if code_token is None else code_token.encode()

    def why_gone(self, reader: Reader) -> str:
        """Return why there is no such reader; "" if there is one with the same name, token and lines."""
        readers = self._readers or (ANYBODY,)
        if any(one.reads_like(reader) for one in readers):
            return ""
        # Readers whom a proxy names have no token: there the name tells who it is.
        if any(
            one.token == reader.token and (one.token is not None or one.name == reader.name)
            for one in readers
        ):
            return "this reader has another name now, or sees other lines"
        return "the token has changed"

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
                "the Host of this request is not a name of this server; --http-host NAME adds a name",
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
        if self._readers or not self._is_within(request):
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
        if self._user_of is None:
            return None
        if not hasattr(host, "host") or not hasattr(peer, "host"):
            handle = getattr(request.channel.transport, "getHandle", None)
            return None if handle is None else user_of_unix_peer(handle())
        try:
            return self._user_of((peer.host, peer.port), (host.host, host.port))
        except OSError as error:
            raise Problem(503, f"cannot tell whose this connection is: {error.strerror}") from None

    def reader_of(self, request: Request) -> Reader:
        """Return who asks. Raises Problem: 401, 429 without the right token; 403 for a proxy's fault."""
        if not self._readers:
            return ANYBODY
        by_proxy = self._reader_of_proxy(request)
        if by_proxy is not None:
            return by_proxy
        # Nobody can guess 64 digits of a hash, so a right cookie is accepted even while another client
        # with the same address guesses tokens.
        by_cookie = self._reader_by_cookie(request)
        if by_cookie is not None:
            return by_cookie
        scheme, _, given = (request.getHeader(b"Authorization") or b"").partition(b" ")
        if scheme.lower() != b"bearer":
            raise _unauthorized("a token is needed: Authorization: Bearer TOKEN")
        return self.reader_with(request, given.strip())

    def is_logged_in(self, request: Request) -> bool:
        """Return whether a request has the cookie of a log-in."""
        return self._reader_by_cookie(request) is not None

    def _reader_by_cookie(self, request: Request) -> Reader | None:
        """Return the reader of the last log-in; None without a right cookie.

        A browser may have several cookies: from a page of another site it sends none, so a log-in by such a
        link cannot remove those of others.
        """
        found: list[tuple[int, Reader]] = []
        for reader in self._readers:
            cookie = reader.token and request.getCookie(reader.token.cookie_name)
            if reader.token and cookie:
                value, moment = _value_and_moment(cookie)
                if reader.token.is_of_cookie(value):
                    found.append((moment, reader))
        return max(found, key=itemgetter(0))[1] if found else None

    def reader_with(self, request: Request, given: bytes) -> Reader:
        """Return the reader with a token.

        Raises Problem: 401 for a wrong one, 429 after too many, 404 if none is needed.
        """
        if not self._readers:
            raise Problem(404, "no token is needed here")
        for reader in self._readers:
            if reader.token is not None and reader.token.is_of(given):
                # A right token is accepted even while others with the same address guess tokens.
                return reader
        self._count_wrong_token(request)
        raise _unauthorized("the token is wrong")

    def _reader_of_proxy(self, request: Request) -> Reader | None:
        """Return the reader that a proxy names; None for a request without the proxy's secret.

        The header with the name proves nothing by itself: from anybody else it is ignored, and the request
        has to have a token. A wrong secret is refused, because somebody tries to be the proxy.
        """
        secrets = request.requestHeaders.getRawHeaders(PROXY_SECRET, [])
        if self._proxy is None or not secrets:
            return None
        address = getattr(request.getClientAddress(), "host", None)
        if address is not None and not is_loopback(address):
            raise Problem(
                403,
                "a proxy may name the reader only from this machine, over loopback or a UNIX socket",
            )
        secret = self._proxy.secret.encode()
        if len(secrets) > 1 or not hmac.compare_digest(secrets[0], secret):
            self._count_wrong_token(request)
            raise Problem(403, "the secret of the proxy is wrong")
        names = request.requestHeaders.getRawHeaders(self._proxy.user_header.encode(), [])
        if len(names) != 1 or not names[0]:
            raise Problem(
                403,
                f"the proxy has not named the reader: exactly one {self._proxy.user_header} is needed",
            )
        name = names[0].decode("utf-8", "replace")
        found = next((one for one in self._readers if one.name == name), None)
        if found is None:
            raise UnknownReaderError(name)
        return found

    def log_in_cookies(self, request: Request, given: bytes, now: float) -> list[bytes]:
        """Return the values of Set-Cookie for a right token. Raises Problem as `reader_with` does.

        The cookies of other readers are removed: a browser is one reader at a time. now: the seconds
        since 1970.
        """
        token = self.reader_with(request, given).token
        assert token is not None
        return self._cookies_of(request, token, given, now)

    def _cookies_of(
        self, request: Request, token: KnownToken, given: bytes, now: float
    ) -> list[bytes]:
        name = token.cookie_name
        value = b"%s.%d" % (token.cookie(given), now * 1000)
        header = self._cookie_header(request, name, value, COOKIE_SECONDS)
        return [*self._removed_cookies(request, but=name), header]

    def code_cookies(
        self, request: Request, code: str, codes: OneTimeCodes, now: float
    ) -> list[bytes]:
        """Return the values of Set-Cookie for a one-time code, which is used up then.

        Raises Problem: 401 for one that is not right, 429 after too many wrong ones, 404 if none is needed.
        """
        if self._code_token is None:
            raise Problem(
                404, "this server has no general token, so it makes no addresses that log in"
            )
        uid = self._uid_of(request)
        if uid is None and self._is_within(request):
            # The client has closed the connection and gets no cookie, so it must not use up the code.
            uid = _UNKNOWN_USER
        state = codes.spend(code, self._code_token, now, uid)
        if state is CodeState.WRONG:
            self._count_wrong_token(request)
        if state is not CodeState.RIGHT:
            raise _unauthorized(state.value)
        token = KnownToken.of(self._code_token.decode())
        return self._cookies_of(request, token, self._code_token, now)

    def _count_wrong_token(self, request: Request) -> None:
        """Count a wrong token. Raises Problem (429), uncounted, if the client should have waited."""
        client = client_key(getattr(request.getClientAddress(), "host", None))
        bucket = self._attempts.filled_bucket(client, 1 / SECONDS_EACH, AT_ONCE)
        if bucket.left < 1:
            seconds = ceil((1 - bucket.left) * SECONDS_EACH)
            raise too_many_problem(f"too many wrong tokens; try again in {seconds} s", seconds)
        bucket.left -= 1

    def has_cookie(self, request: Request) -> bool:
        """Return whether a log-out would remove a cookie."""
        return bool(self._removed_cookies(request))

    def log_out_cookies(self, request: Request) -> list[bytes]:
        """Return the values of Set-Cookie that remove the cookies of this server."""
        return self._removed_cookies(request)

    def _removed_cookies(self, request: Request, but: bytes = b"") -> list[bytes]:
        names = [reader.token.cookie_name for reader in self._readers if reader.token is not None]
        return [
            self._cookie_header(request, name, b"", 0)
            for name in names
            if name != but and request.getCookie(name) is not None
        ]

    def _cookie_header(self, request: Request, name: bytes, value: bytes, seconds: int) -> bytes:
        secure = b"; Secure" if request.isSecure() else b""
        return b"%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s" % (
            name,
            value,
            seconds,
            secure,
        )


def _value_and_moment(cookie: bytes) -> tuple[bytes, int]:
    """Return what proves the token in a cookie, and the milliseconds of the log-in; 0 if it has none.

    The moment proves nothing: it only orders the right cookies of one browser.
    """
    value, _, moment = cookie.partition(b".")
    return value, int(moment) if moment.isdigit() and len(moment) <= _MOST_DIGITS else 0


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
