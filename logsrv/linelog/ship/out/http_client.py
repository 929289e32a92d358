"""The connection of a shipper to a server over HTTP: kept and used again, bounded in time and size.

Nothing is sent twice by itself: who asked decides that. Certificates are read anew for each new
connection, so that what was renewed is taken.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IConsumer,
    IProtocolFactory,
    IPushProducer,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from twisted.web._newclient import ParseError
from twisted.web.client import (
    URI,
    Agent,
    RequestTransmissionFailed,
    ResponseNeverReceived,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer
from zope.interface import implementer

from logsrv import __version__
from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.kit.net.twisted.agent import BoundedBody, EndlessHead, bounded_pool
from logsrv.kit.net.twisted.client_tls import TLSOptions, tls_creator
from logsrv.kit.net.twisted.transports import undelayed
from logsrv.kit.text.escape import one_line
from logsrv.linelog.ship.address import ShipURL
from logsrv.linelog.ship.out.answers import HttpAnswer, judge
from logsrv.linelog.ship.reaching import unreachable
from logsrv.linelog.ship.target import Unavailable
from logsrv.timer import Timer

Result = TypeVar("Result")
SECONDS = 30.0
"""Time to connect, to take each piece of a body, and to answer."""
LARGEST_ANSWER = 1 << 20
_IDLE = 30
_PIECE = 1 << 16


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class _Server:
    """The server, with TLS by the wishes of the operator, whose files are read for each connection."""

    def __init__(self, url: ShipURL, tls: TLSOptions, *, reactor: Any, seconds: float) -> None:
        self._url = url
        self._tls = tls
        self._reactor = reactor
        self._seconds = seconds

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        return self

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        host, port = self._url.host, self._url.port
        endpoint: Any = HostnameEndpoint(self._reactor, host, port, timeout=self._seconds)
        if self._url.tls:
            try:
                endpoint = wrapClientTLS(tls_creator(self._tls, host), endpoint)
            except ConfigurationError:
                return fail()
        connecting: Deferred[Any] = endpoint.connect(protocolFactory)
        return connecting.addCallback(undelayed)


@implementer(IBodyProducer, IPushProducer)
class _Sending:
    """The body of a request; says with each piece that it goes on.

    Twisted's FileBodyProducer takes a turn of the reactor for each piece: a tenth more CPU time.
    """

    def __init__(self, body: bytes, goes_on: Any) -> None:
        self.length = len(body)
        self._left = memoryview(body)
        self._goes_on = goes_on
        self._done: Deferred[None] = Deferred()
        self._consumer: IConsumer | None = None
        self._paused = False

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        self._consumer = consumer
        self._write()
        return self._done

    def _write(self) -> None:
        while self._left and not self._paused and self._consumer is not None:
            piece, self._left = self._left[:_PIECE], self._left[_PIECE:]
            self._goes_on()
            self._consumer.write(bytes(piece))
        if not self._left and self._consumer is not None:
            self._consumer = None
            self._done.callback(None)

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._write()

    def stopProducing(self) -> None:
        self._consumer = None


class _Patience:
    """The time that one request may take without going on."""

    def __init__(self, clock: Any, seconds: float) -> None:
        self._timer = Timer(clock)
        self._seconds = seconds
        self._waiting: Deferred[Any] | None = None
        self.over = False

    def goes_on(self) -> None:
        if not self.over:
            self._timer.start(self._seconds, self._end)

    async def wait(self, waiting: Deferred[Result]) -> Result:
        self._waiting = waiting
        self.goes_on()
        try:
            return await waiting
        finally:
            self._timer.stop()

    def _end(self) -> None:
        self.over = True
        assert self._waiting is not None
        self._waiting.cancel()


class HttpClient:
    """The requests to one server. There may be several at once, each on a connection of its own."""

    def __init__(
        self,
        url: ShipURL,
        *,
        reactor: Any,
        tls: TLSOptions | None = None,
        token: str | None = None,
        seconds: float = SECONDS,
        connections: int = 1,
    ) -> None:
        """`token` is sent as `Authorization: Bearer`. connections: so many are kept."""
        self._origin = f"http{'s' if url.tls else ''}://{url.netloc}"
        self._target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self._token = token
        self._reactor = reactor
        self._seconds = seconds
        self._who = one_line(url.place)
        self._pool = bounded_pool(reactor)
        self._pool.cachedConnectionTimeout = _IDLE
        self._pool.maxPersistentPerHost = connections
        server = _Server(url, tls or TLSOptions(), reactor=reactor, seconds=seconds)
        self._agent = Agent.usingEndpointFactory(reactor, server, self._pool)
        self._under_way: set[Deferred[HttpAnswer]] = set()

    def request(
        self,
        method: str,
        target: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        also: Collection[int] = (),
    ) -> Deferred[HttpAnswer]:
        """Ask, and fire with the answer, if its status is a 2xx or one of `also`.

        target: path and query, in place of those of the URL. Fails with Unavailable, TooMuchAtOnce or
        RefusedForGood.
        """
        asked = Deferred.fromCoroutine(self._ask(method, target, headers or {}, body, also))
        self._under_way.add(asked)
        return asked.addBoth(self._done, asked)

    def _done(self, answer: HttpAnswer | Failure, asked: Deferred[HttpAnswer]) -> Any:
        self._under_way.discard(asked)
        return answer

    async def close(self) -> None:
        """Break off what is under way, and let go of the connections."""
        for asked in list(self._under_way):
            asked.cancel()
        await self._pool.closeCachedConnections()

    async def _ask(
        self,
        method: str,
        target: str | None,
        headers: Mapping[str, str],
        body: bytes | None,
        also: Collection[int],
    ) -> HttpAnswer:
        patience = _Patience(self._reactor, self._seconds)
        url = self._origin + (self._target if target is None else target)
        sending = None if body is None else _Sending(body, patience.goes_on)
        receiving = BoundedBody(LARGEST_ANSWER)
        try:
            answering = self._agent.request(
                method.encode(), url.encode("ascii"), self._headers(headers), sending
            )
            response = await patience.wait(answering)
            response.deliverBody(receiving)
            whole = await patience.wait(receiving.done)
        except LogsrvError as error:
            raise Unavailable(str(error), settled=True) from None
        except Exception as error:
            raise self._unavailable(error, patience) from error
        found = {
            name.decode("latin-1").lower(): values[-1].decode("latin-1")
            for name, values in response.headers.getAllRawHeaders()
        }
        answer = HttpAnswer(response.code, found, receiving.body, whole)
        judge(answer, self._who, self._reactor.seconds(), also)
        return answer

    def _headers(self, more: Mapping[str, str]) -> Headers:
        headers = {"User-Agent": f"logsrv/{__version__}", **more}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        return Headers({name: [value] for name, value in headers.items()})

    def _unavailable(self, error: Exception, patience: _Patience) -> Unavailable:
        if patience.over:
            return Unavailable(f"{self._who} did not answer within {self._seconds:g} s")
        failures = getattr(error, "reasons", None) or [Failure(error)]
        endless = next((one for one in failures if one.check(EndlessHead)), None)
        if endless is not None:
            return Unavailable(f"{self._who}: {endless.getErrorMessage()}")
        if any(failure.check(ParseError, ValueError) for failure in failures):
            return Unavailable(f"{self._who} does not answer in HTTP")
        found = unreachable(self._who, *failures)
        # There was a connection, and no answer.
        ended = isinstance(error, RequestTransmissionFailed | ResponseNeverReceived)
        found.hung_up = ended and not found.settled
        return found
