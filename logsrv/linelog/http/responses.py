"""Responses as they leave the web server: with the headers that all of them have, and counted by status."""

from __future__ import annotations

import re
from http import HTTPStatus

from twisted.web.http import CACHED

from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.web.channel import WebRequest
from logsrv.kit.web.hosts import HEADERS
from logsrv.kit.web.monitor import POLICY
from logsrv.linelog.http.endpoints import JSON
from logsrv.linelog.http.page import assets
from logsrv.linelog.http.problems import Problem

_REFUSED = re.compile(rb"\s*q\s*=\s*0(\.0*)?\s*")


class Responses:
    """The responses of a server, counted in `metrics`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def head(self, request: WebRequest, status: int, type_: str, policy: str = POLICY) -> None:
        """Say the status and the headers; the content is the caller's."""
        self._metrics.count("http_requests_total", status=str(status))
        request.setResponseCode(status, HTTPStatus(status).phrase.encode())
        for name, value in HEADERS.items():
            request.setHeader(name, value)
        request.setHeader("Content-Type", type_)
        request.setHeader("Content-Security-Policy", policy)
        request.setHeader("Cache-Control", "no-store")
        # nginx would hold back what comes in small pieces.
        request.setHeader("X-Accel-Buffering", "no")

    def send(self, request: WebRequest, status: int, body: bytes, type_: str = JSON) -> None:
        self.head(request, status, type_)
        self._finish(request, body)

    def send_asset(
        self, request: WebRequest, asset: assets.Asset, caching: str, problem: Problem | None = None
    ) -> None:
        """Send a file of the page, or the page that asks for the token because of a problem."""
        status = 200 if problem is None else problem.status
        self.head(request, status, asset.content_type, assets.POLICY)
        request.setHeader("Cache-Control", caching)
        if problem is not None:
            for name, value in problem.headers.items():
                request.setHeader(name, value)
            self._finish(request, asset.body)
            return
        body, tag = asset.body, asset.tag
        if asset.packed:
            request.setHeader("Vary", "Accept-Encoding")
            if takes_gzip(request.getHeader(b"Accept-Encoding") or b""):
                request.setHeader("Content-Encoding", "gzip")
                body, tag = asset.packed, f'{tag[:-1]}-gzip"'
        if request.setETag(tag.encode()) is CACHED:
            request.finish()
        else:
            self._finish(request, body)

    def redirect(self, request: WebRequest, cookie: bytes, view: str = "") -> None:
        """Lead to the page at `view`, the query of a link: behind the log-in stands what it names."""
        self.head(request, 303, JSON)
        request.setHeader("Set-Cookie", cookie)
        request.setHeader("Location", f"/?{view}" if view else "/")
        request.setHeader("Content-Length", "0")
        request.finish()

    def fail(self, request: WebRequest, problem: Problem) -> None:
        """Send a problem, if its client is there and nothing was sent yet; else end the connection."""
        if request.channel is None:
            # Its client has gone meanwhile.
            return
        if request.startedWriting:
            request.browser.abort()
            return
        for name, value in problem.headers.items():
            request.setHeader(name, value)
        self.send(request, problem.status, problem.body)

    def _finish(self, request: WebRequest, body: bytes) -> None:
        request.setHeader("Content-Length", str(len(body)))
        request.write(body)
        request.finish()


def takes_gzip(accepted: bytes) -> bool:
    """Return whether a client that sent this Accept-Encoding takes gzip (RFC 9110, section 12.5.3)."""
    for coding in accepted.split(b","):
        name, _, weight = coding.partition(b";")
        if name.strip().lower() == b"gzip":
            return not _REFUSED.fullmatch(weight)
    return False
