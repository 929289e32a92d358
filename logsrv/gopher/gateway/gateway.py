"""The gateway as a service: it checks, counts and answers web requests.

It is not in the module of the settings, because `twistd gopher URL` needs those, but not listeners and TLS.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IConsumer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import PeerError
from logsrv.gopher.fetch.client import GopherResponse
from logsrv.gopher.gateway.answers import AnswerMaker, WebAnswer, error_answer, failure_answer
from logsrv.gopher.gateway.gateway_settings import GopherSettings, check_url_or_gateway
from logsrv.gopher.gateway.visitors import RequestDenied, Visitors
from logsrv.gopher.wire.errors import GopherError
from logsrv.kit.connections.transports import Backpressure
from logsrv.kit.observe.metrics import Metric, Metrics, MetricsPart
from logsrv.kit.service.service import ListeningService
from logsrv.kit.service.sites import SiteServer, SiteSpec
from logsrv.kit.web.access import SANDBOX_POLICY, client_key, is_allowed_host, is_loopback
from logsrv.kit.web.channel import WebFactory, WebRequest

log = Logger()

# Seconds: a browser that reads nothing for that long is given up.
STALLED_AFTER = 60.0

POLICY = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)

METRICS = (
    Metric("gateway_requests_total", "counter", "Web requests answered.", ("status",)),
    Metric("gateway_requests_open", "gauge", "Web requests being worked on."),
    Metric("gateway_sent_bytes_total", "counter", "Bytes of Gopher content passed on unchanged."),
    Metric("gateway_broken_total", "counter", "Downloads that broke off.", ("reason",)),
    Metric("gateway_cache_hits_total", "counter", "Menus and texts taken from the cache."),
)


class ClientStalled(PeerError):
    """The client does not read."""


class ResponseWriter(Backpressure):
    """Writes to `request`, and waits while its transport is full: a slow browser slows down the fetch.

    sent: bytes written.
    """

    def __init__(self, request: IConsumer, clock: IReactorTime) -> None:
        super().__init__()
        self._request = request
        self._clock = clock
        self.sent = 0
        request.registerProducer(self, True)

    async def send(self, data: bytes) -> None:
        """Write `data`; return when more may be sent. Raises ClientStalled."""
        self._request.write(data)
        self.sent += len(data)
        if self.full:
            # The coroutine is cancelled here if the request ends.
            await self.wait_for_room().addTimeout(STALLED_AFTER, self._clock, _raise_stalled)

    def close(self) -> None:
        """Send nothing more."""
        self._request.unregisterProducer()


def _raise_stalled(result: object, seconds: float) -> None:
    raise ClientStalled(f"the client took nothing for {seconds:g} s")


class Gateway(ListeningService[GopherSettings]):
    """The service with the listeners for browsers, which call `handle` for each request."""

    def __init__(
        self, settings: GopherSettings, *, load: Callable[[], GopherSettings], reactor: Any
    ) -> None:
        metrics = Metrics(METRICS)
        super().__init__("gopher", settings, load=load, reactor=reactor, metrics=metrics)
        self._visitors = Visitors(settings, reactor.seconds)
        self._answers = AnswerMaker(settings, reactor, metrics)
        metrics.watch("gateway_requests_open", lambda: self._visitors.open_requests)

    def wanted_sites(self, settings: GopherSettings) -> list[SiteSpec]:
        check_url_or_gateway(settings)
        return [
            SiteSpec(str(one), one, one.label, settings, sentence="gateway at {url}/")
            for one in settings.gateway
        ]

    def make_server(self, wanted: SiteSpec, metrics: MetricsPart) -> SiteServer:
        return WebFactory(self.handle, self.clock, wanted.label, wanted.settings)

    def apply(self, settings: GopherSettings) -> None:
        """Use these settings from the next request on, with an empty cache."""
        self._visitors.limits = settings
        self._answers = AnswerMaker(settings, self._reactor, self.metrics)

    def stopping(self) -> Deferred[None]:
        # Wait until all requests are answered: then the kit closes silent connections, and would also close
        # one that waits for its answer.
        return self._visitors.drain()

    def handle(self, request: WebRequest) -> None:
        work = Deferred.fromCoroutine(self._answer_request(request))
        # A client that has disconnected needs no answer: cancel its fetch.
        request.notifyFinish().addErrback(lambda _: work.cancel())
        work.addErrback(self._answer_failure, request).addErrback(self._disconnect, request)

    async def _answer_request(self, request: WebRequest) -> None:
        view = None
        with ExitStack() as at_end:
            try:
                self._check_request(request)
                answer = self._answers.own_page(request.path)
                if answer is None:
                    view = self._answers.parse_target(request.uri)
                    address = request.getClientAddress()
                    client = client_key(getattr(address, "host", None))
                    at_end.callback(self._visitors.begin_request(client))
                    if view is None:
                        answer = self._answers.redirect_to_typed(request.uri)
                    else:
                        answer = await self._answers.answer_for(view)
            except (GopherError, RequestDenied) as error:
                answer = error_answer(error, view)
            await self._send_answer(request, answer)

    def _check_request(self, request: WebRequest) -> None:
        if refusal := request.refusal:
            raise RequestDenied(refusal.status, refusal.sentence, **refusal.headers)
        headers = request.requestHeaders.getRawHeaders(b"Host", [])
        local = is_loopback(getattr(request.getHost(), "host", None))
        if not is_allowed_host(headers[0] if headers else None, self._answers.settings.host, local):
            raise RequestDenied(
                421, "start the gateway with --host NAME to let it be known by this name"
            )
        if request.method not in (b"GET", b"HEAD"):
            raise RequestDenied(405, "it answers GET and HEAD only", Allow="GET, HEAD")
        if request.has_body:
            raise RequestDenied(413, "a request for a page has no content of its own")

    async def _send_answer(self, request: WebRequest, answer: WebAnswer) -> None:
        self.metrics.count("gateway_requests_total", status=str(answer.status))
        # Content from servers may run no scripts and send no requests, wherever it is opened.
        policy = POLICY if answer.rest is None else SANDBOX_POLICY
        request.begin_answer(answer.status, answer.content_type, policy)
        length = len(answer.body) if answer.rest is None else answer.rest.length
        headers = {
            **({"Cache-Control": f"public, max-age={answer.age}"} if answer.age else {}),
            **({} if length is None else {"Content-Length": str(length)}),
            **answer.headers,
        }
        for name, value in headers.items():
            request.setHeader(name, value)
        if answer.rest is not None:
            await self._send_stream(request, answer.body, answer.rest)
            return
        if request.has_body:
            request.browser.persistent = 0
            request.setHeader("Connection", "close")
        request.write(answer.body)
        request.finish()

    async def _send_stream(self, request: WebRequest, start: bytes, rest: GopherResponse) -> None:
        outflow = ResponseWriter(request, self.clock)
        try:
            async with rest:
                await outflow.send(start)
                if request.method != b"HEAD":
                    async for chunk in rest:
                        await outflow.send(chunk)
        except (GopherError, ClientStalled) as error:
            # The status is sent already: only an abrupt close tells the browser that the answer is
            # incomplete.
            reason = error.code if isinstance(error, GopherError) else "stalled"
            self.metrics.count("gateway_broken_total", reason=reason)
            log.info("a download broke off: {error}", error=str(error))
            request.browser.abort()
            return
        finally:
            self.metrics.count("gateway_sent_bytes_total", outflow.sent)
        outflow.close()
        request.finish()

    def _answer_failure(self, failure: Failure, request: WebRequest) -> Deferred[None] | None:
        if failure.check(CancelledError):
            return None
        log.failure("answering a request failed", failure)
        if request.startedWriting:
            request.browser.abort()
            return None
        return Deferred.fromCoroutine(self._send_answer(request, failure_answer()))

    def _disconnect(self, failure: Failure, request: WebRequest) -> None:
        """Close the connection of a client that will get no answer."""
        log.failure("sending the error page of a failed request has failed, too", failure)
        request.browser.abort()
