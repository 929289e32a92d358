"""The gateway: web requests are checked, counted and answered, and the answers sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from http import HTTPStatus

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.gopher.fetch.on_twisted import IClientReactor
from logsrv.gopher.gateway import pages
from logsrv.gopher.gateway.answers import HEADINGS, PLAIN, Answer, Answers, Stream, error_answer
from logsrv.gopher.gateway.outflow import Outflow, Stalled
from logsrv.gopher.gateway.paths import WebPlace, parse_path
from logsrv.gopher.gateway.settings import GopherSettings
from logsrv.gopher.gateway.visitors import RequestDenied, Visitors, too_much
from logsrv.gopher.wire.errors import GopherError
from logsrv.kit.observe.metrics import Metric, Metrics
from logsrv.kit.web.channel import WebRequest
from logsrv.kit.web.hosts import HEADERS, client_of, is_for_us, is_loopback

log = Logger()

POLICY = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
# What servers sent is handed on under this one: it may do nothing at all, wherever it is opened.
SANDBOX_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"

METRICS = (
    Metric("gateway_requests_total", "counter", "Web requests answered.", ("status",)),
    Metric("gateway_requests_open", "gauge", "Web requests being worked on."),
    Metric(
        "gateway_sent_bytes_total", "counter", "Bytes of Gopher content handed on as they came."
    ),
    Metric("gateway_broken_total", "counter", "Downloads that broke off.", ("reason",)),
    Metric("gateway_cache_hits_total", "counter", "Menus and texts that were remembered."),
)


class Gateway:
    """Answers web requests; `handle` is called for each."""

    def __init__(
        self, settings: GopherSettings, *, reactor: IClientReactor, metrics: Metrics
    ) -> None:
        self._reactor = reactor
        self._metrics = metrics
        self._visitors = Visitors(settings, reactor.seconds)
        self._hits = 0
        self._stopping: Deferred[None] | None = None
        self._settings = settings
        self._answers = Answers(settings, self._reactor)
        metrics.watch("gateway_requests_open", lambda: self._visitors.open)
        metrics.watch("gateway_cache_hits_total", lambda: self._hits + self._answers.hits)

    def apply(self, settings: GopherSettings) -> None:
        """Go by these settings from the next request on; what was fetched before is forgotten."""
        self._hits += self._answers.hits
        self._settings = settings
        self._visitors.limits = settings
        self._answers = Answers(settings, self._reactor)

    def stop(self) -> Deferred[None]:
        """Answer no new requests; fires when those that are open have been answered."""
        self._stopping = Deferred()
        if not self._visitors.open:
            self._stopping.callback(None)
        return self._stopping

    def handle(self, request: WebRequest) -> None:
        work = Deferred.fromCoroutine(self._serve(request))
        # Whoever went away needs no answer: what is fetched for them ends.
        request.notifyFinish().addErrback(lambda _: work.cancel())
        work.addErrback(self._failed, request).addErrback(self._given_up, request)

    async def _serve(self, request: WebRequest) -> None:
        place: WebPlace | None = None
        with ExitStack() as at_end:
            at_end.callback(self._left)
            try:
                self._check(request)
                answer: Answer | Stream | None = self._answers.own(request.path)
                if answer is None and request.path != b"/go":
                    place = parse_path(request.uri)
                    place = attrs.evolve(place, charset=place.charset or self._settings.charset)
                if answer is None:
                    at_end.callback(self._enter(request))
                    if place is None:
                        answer = self._answers.go(request.uri.partition(b"?")[2])
                    else:
                        answer = await self._answers.gopher(place)
            except (GopherError, RequestDenied) as error:
                answer = error_answer(error, place)
            if isinstance(answer, Answer):
                self._send(request, answer)
            else:
                await self._hand_on(request, answer)

    def _enter(self, request: WebRequest) -> Callable[[], None]:
        if self._stopping is not None:
            raise too_much(503, "the gateway is being stopped", 10)
        address = request.getClientAddress()
        return self._visitors.enter(client_of(getattr(address, "host", None)))

    def _left(self) -> None:
        if self._stopping is not None and not self._stopping.called and not self._visitors.open:
            self._stopping.callback(None)

    def _check(self, request: WebRequest) -> None:
        headers = request.requestHeaders.getRawHeaders(b"Host", [])
        if len(headers) > 1:
            raise RequestDenied(400, "the request has more than one Host header")
        local = is_loopback(getattr(request.getHost(), "host", None))
        if not is_for_us(headers[0] if headers else None, self._settings.host, local):
            raise RequestDenied(
                421, "start the gateway with --host NAME to let it be known by this name"
            )
        if request.method not in (b"GET", b"HEAD"):
            raise RequestDenied(405, "it answers GET and HEAD only", Allow="GET, HEAD")
        if request.has_body:
            raise RequestDenied(413, "a request for a page has no content of its own")

    def _send(self, request: WebRequest, answer: Answer) -> None:
        self._begin(request, answer.status, POLICY, answer.headers, answer.age)
        if answer.status != 303:
            request.setHeader("Content-Type", answer.content_type)
        request.setHeader("Content-Length", str(len(answer.body)))
        if request.has_body:
            request.browser.persistent = 0
            request.setHeader("Connection", "close")
        request.write(answer.body)
        request.finish()

    async def _hand_on(self, request: WebRequest, stream: Stream) -> None:
        age = int(self._settings.cache_time)
        self._begin(request, 200, SANDBOX_POLICY, stream.headers, age)
        if stream.response.length is not None:
            request.setHeader("Content-Length", str(stream.response.length))
        outflow = Outflow(request, self._reactor)
        try:
            async with stream.response as response:
                await outflow.send(stream.start)
                if request.method != b"HEAD":
                    async for chunk in response:
                        await outflow.send(chunk)
        except (GopherError, Stalled) as error:
            # Too late for another status: what can be said is that this was not all.
            reason = error.code if isinstance(error, GopherError) else "stalled"
            self._metrics.count("gateway_broken_total", reason=reason)
            log.info("a download broke off: {error}", error=str(error))
            request.browser.abort()
            return
        finally:
            self._metrics.count("gateway_sent_bytes_total", outflow.sent)
        outflow.close()
        request.finish()

    def _begin(
        self, request: WebRequest, status: int, policy: str, headers: Mapping[str, str], age: int
    ) -> None:
        self._metrics.count("gateway_requests_total", status=str(status))
        request.setResponseCode(status, HTTPStatus(status).phrase.encode())
        request.setHeader("Content-Security-Policy", policy)
        request.setHeader("Cache-Control", f"public, max-age={age}" if age else "no-store")
        for name, value in {**HEADERS, **headers}.items():
            request.setHeader(name, value)

    def _failed(self, failure: Failure, request: WebRequest) -> None:
        if failure.check(CancelledError):
            return
        log.failure("answering a request failed", failure)
        if request.startedWriting:
            request.browser.abort()
        else:
            self._send(request, _failure_answer())

    def _given_up(self, failure: Failure, request: WebRequest) -> None:
        """Who gets no answer at all should not wait for it."""
        log.failure("answering that a request failed has failed, too", failure)
        request.browser.abort()


def _failure_answer() -> Answer:
    """Return the answer for what should not happen, without a page if that cannot be made either."""
    sentence = "The operator finds the reason in the log."
    try:
        return Answer(pages.error_page(HEADINGS[500], sentence), status=500)
    except Exception:  # a template that is broken or gone, of which the log has the first failure
        return Answer(f"{HEADINGS[500]}. {sentence}\n".encode(), PLAIN, status=500)
