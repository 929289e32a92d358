"""A shipper's connections to an HTTP server, which are used again, and what its answers mean.

No request is repeated automatically: the caller decides whether to repeat it, and cancels a request that
takes too long. The size of an answer is limited. Certificates are read for each new connection, so that a
renewed one is used.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from io import BytesIO
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web.client import (
    URI,
    Agent,
    FileBodyProducer,
    RequestTransmissionFailed,
    ResponseNeverReceived,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from logsrv import __version__
from logsrv.errors import LogsrvError
from logsrv.kit.text.escape import one_line
from logsrv.kit.web.http_client import NOT_HTTP, BoundedBody, HeadTooLarge, limited_head_pool
from logsrv.linelog.ship.targets.server_connection import connect, unreachable_error
from logsrv.linelog.ship.targets.target import RefusedForGood, TooMuchAtOnce, Unavailable
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from logsrv.reactor import time_of_day

LARGEST_ANSWER = 1 << 20
_IDLE = 30


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class _ServerEndpoint:
    """The endpoint of the server; it reads the operator's TLS files for each connection."""

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        self._settings = settings
        self._reactor = reactor

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        return self

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        return Deferred.fromCoroutine(connect(self._settings, self._reactor, protocolFactory))


class HttpClient:
    """A client of one server. Several requests may run at once, each on its own connection."""

    def __init__(
        self,
        settings: TargetSettings,
        reactor: Any,
        authorization: str | None = None,
        *,
        connections: int = 1,
    ) -> None:
        """authorization: this header of each request. connections: how many are kept open."""
        url = settings.url
        self._origin = f"http{'s' if url.tls else ''}://{url.netloc}"
        self._headers = {"User-Agent": f"logsrv/{__version__}"}
        if authorization is not None:
            self._headers["Authorization"] = authorization
        self._reactor = reactor
        self._who = one_line(url.loggable_url)
        self._pool = limited_head_pool(reactor)
        self._pool.cachedConnectionTimeout = _IDLE
        self._pool.maxPersistentPerHost = connections
        self._agent = Agent.usingEndpointFactory(
            reactor, _ServerEndpoint(settings, reactor), self._pool
        )

    async def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        accepted: Collection[int] = (),
    ) -> HttpAnswer:
        """Send a request; return the answer if its status is 2xx or in `accepted`.

        target: path and query. Raises Unavailable, TooMuchAtOnce and RefusedForGood.
        """
        url = (self._origin + target).encode("ascii")
        named = {**self._headers, **(headers or {})}
        # In one piece, because each piece would take a turn of the reactor.
        sending = None if body is None else FileBodyProducer(BytesIO(body), readSize=len(body) + 1)
        receiving = BoundedBody(LARGEST_ANSWER)
        try:
            response = await self._agent.request(
                method.encode(), url, Headers({one: [named[one]] for one in named}), sending
            )
            response.deliverBody(receiving)
            whole = await receiving.done
        except LogsrvError as error:
            raise Unavailable(str(error), settled=True) from None
        except Exception as error:
            raise self._unavailable(error) from error
        found = {
            name.decode("latin-1").lower(): values[-1].decode("latin-1")
            for name, values in response.headers.getAllRawHeaders()
        }
        answer = HttpAnswer(response.code, found, receiving.body, whole)
        raise_unless_success(answer, self._who, time_of_day(self._reactor), accepted)
        return answer

    async def close(self) -> None:
        """Close the idle connections."""
        await self._pool.closeCachedConnections()

    def _unavailable(self, error: Exception) -> Unavailable:
        failures = getattr(error, "reasons", None) or [Failure(error)]
        endless = next((one for one in failures if one.check(HeadTooLarge)), None)
        if endless is not None:
            return Unavailable(f"{self._who}: {endless.getErrorMessage()}")
        if any(failure.check(*NOT_HTTP) for failure in failures):
            return Unavailable(f"{self._who} does not answer in HTTP")
        found = unreachable_error(self._who, *failures)
        # Such an error means that there was a connection, but no answer.
        ended = isinstance(error, RequestTransmissionFailed | ResponseNeverReceived)
        found.hung_up = ended and not found.settled
        return found


LONGEST_PAUSE = 600.0
"""The longest pause in seconds: if Retry-After asks for more, this one is used."""
_SHOWN = 200
_SECONDS = re.compile(r"[0-9]{1,9}")
_SOON = (408, 425)


@attrs.frozen
class HttpAnswer:
    """An answer: its headers by lower-case name, and its body up to a limit.

    whole: whether the body is complete.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(default=b"", repr=False)
    whole: bool = True


def raise_unless_success(
    answer: HttpAnswer, who: str, now: float, accepted: Collection[int] = ()
) -> None:
    """Raise the error for an answer, unless its status is in `accepted`, or 2xx and the body is complete.

        2xx                    taken; later if the body is not complete
        400, 422               never: the request is wrong
        413                    smaller
        429, 5xx               later, after the time in Retry-After if the answer has one
        408, 425               later
        401, 403, 3xx, others  later; the cause does not pass by itself. Redirects are not followed,
                               because lines go only where the operator said

    who: the server, as the subject of a sentence. now: seconds since 1970. Raises Unavailable,
    TooMuchAtOnce and RefusedForGood.
    """
    status = answer.status
    if status in accepted:
        return
    if 200 <= status < 300:
        if not answer.whole:
            raise Unavailable(f"{who} answered with {status}; the answer broke off or is too long")
        return
    sentence = f"{who} answered with {_status_text(status)}{_body_excerpt(answer)}"
    if status in (400, 422):
        raise RefusedForGood(sentence)
    if status == 413:
        raise TooMuchAtOnce(sentence)
    if status == 429 or status >= 500:
        raise Unavailable(
            sentence,
            after=parse_retry_after(answer.headers.get("retry-after", ""), now),
            busy=status in (429, 503),
        )
    if status in _SOON:
        raise Unavailable(sentence)
    redirect = ", and redirects are not followed" if 300 <= status < 400 else ""
    raise Unavailable(sentence + redirect, settled=True)


def parse_retry_after(text: str, now: float) -> float | None:
    """Return the seconds in a Retry-After, at most LONGEST_PAUSE; None if it is no number and no date.

    now: seconds since 1970.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_PAUSE)
    try:
        date = parsedate_to_datetime(text)
        moment = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return min(max(0.0, moment - now), LONGEST_PAUSE)


def _status_text(status: int) -> str:
    try:
        return f"{status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return str(status)


def _body_excerpt(answer: HttpAnswer) -> str:
    """Return the beginning of the body, for a message; "" if that is not plain text or JSON."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("text/plain", "application/json"):
        return ""
    text = one_line(answer.body[: 4 * _SHOWN].decode("utf-8", "replace").strip(), _SHOWN)
    return f": {text}" if text else ""
