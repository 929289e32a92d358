"""A Resource of twisted.web as the server of one listener: with the time limits of our own web servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure
from twisted.web.server import Request, Site

from logsrv.kit.connections.source import source_of
from logsrv.kit.framing._own_framing import can_take
from logsrv.kit.protocols._context import RunningService
from logsrv.kit.web.channel import MOST_BODY, Channel, WebFactory, WebRequest

_FAILED = b"the answer failed; the log of the server says why\n"


class ResourceChannel(Channel):
    """A connection that does not close while an answer is awaited."""

    @property
    def working(self) -> bool:
        """Return true while a Resource prepares an answer, or has more to write."""
        return any(request.working for request in self.requests)

    def readConnectionLost(self) -> None:
        self.close_when_answered()

    def close_when_answered(self) -> None:
        if self.working:
            self.persistent = 0
        else:
            self.loseConnection()


class ResourceFactory(WebFactory):
    """The server of one listener. `resource`: a class, called with the service if it takes an argument."""

    channel = ResourceChannel

    def __init__(
        self, service: RunningService, resource: Callable[..., Any], label: str, settings: Any
    ) -> None:
        super().__init__(lambda request: None, service.clock, label, settings)
        self.service = service
        made = resource() if can_take(resource) else resource(service)
        self.site = Site(made, reactor=service.clock)  # type: ignore[no-untyped-call]

    def request(self, channel: Any) -> ResourceRequest:
        channel.site = self.site
        return ResourceRequest(channel, self)


class ResourceRequest(WebRequest, Request):
    """A request that a Resource answers; one whose body is above MOST_BODY is refused."""

    most_kept = MOST_BODY
    parses_forms = True
    working = False

    def __init__(self, channel: Any, factory: ResourceFactory) -> None:
        super().__init__(channel, lambda request: self._answer())
        self._factory = factory
        self._gone = False

    def _answer(self) -> None:
        # Until the channel forgets this request.
        self.working = True
        if refusal := self.refusal:
            self.begin_answer(refusal.status, "text/plain; charset=utf-8")
            for name, value in refusal.headers.items():
                self.setHeader(name, value)
            self.end_answer(f"{refusal.sentence}\n".encode())
            return
        Request.process(self)

    def connectionLost(self, reason: Failure) -> None:
        self._gone = True
        super().connectionLost(reason)

    def finish(self) -> None:
        """End the answer; do nothing if its client has gone, so that a Resource need not look for that."""
        if not self._gone:
            super().finish()

    def processingFailed(self, reason: Failure) -> None:
        """Log and count the error of a Resource; the client gets status 500, or a reset amid the answer."""
        service, label = self._factory.service, self._factory.label
        service.metrics.count("requests_failed_total", listener=label)
        service.failures.report_failure("the resource", source_of(self.transport), reason)
        if self.startedWriting:
            self.browser.abort()
            return
        self.setResponseCode(500)
        self.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        self.setHeader(b"Content-Length", b"%d" % len(_FAILED))
        self.write(_FAILED)
        self.finish()
