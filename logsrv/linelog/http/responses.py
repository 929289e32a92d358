"""Responses of the web server, with the headers that all of them have, counted by status."""

from __future__ import annotations

import re

from twisted.web.http import CACHED

from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.web.access import SANDBOX_POLICY
from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.endpoints import JSON
from logsrv.linelog.http.page import assets
from logsrv.linelog.http.problems import Problem

_REFUSED = re.compile(rb"\s*q\s*=\s*0(\.0*)?\s*")


class ResponseSender:
    """The sender of a server's responses, which counts them in `metrics`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def begin_response(
        self, request: WebRequest, status: int, type_: str, policy: str = SANDBOX_POLICY
    ) -> None:
        """Set the status and the headers, and count the response. The caller sends the content."""
        self._metrics.count("http_requests_total", status=str(status))
        request.begin_answer(status, type_, policy)
        # Otherwise nginx would hold back small pieces of an answer.
        request.setHeader("X-Accel-Buffering", "no")

    def send_body(self, request: WebRequest, status: int, body: bytes, type_: str = JSON) -> None:
        self.begin_response(request, status, type_)
        request.end_answer(body)

    def send_asset(
        self, request: WebRequest, asset: assets.Asset, caching: str, problem: Problem | None = None
    ) -> None:
        """Send a file of the page.

        problem: if the file is the log-in page, why it is sent; the problem's status and headers are used.
        """
        status = 200 if problem is None else problem.status
        self.begin_response(request, status, asset.content_type, assets.POLICY)
        request.setHeader("Cache-Control", caching)
        if problem is not None:
            for name, value in problem.headers.items():
                request.setHeader(name, value)
            request.end_answer(asset.body)
            return
        body, tag = asset.body, asset.tag
        if asset.packed:
            request.setHeader("Vary", "Accept-Encoding")
            if accepts_gzip(request.getHeader(b"Accept-Encoding") or b""):
                request.setHeader("Content-Encoding", "gzip")
                body, tag = asset.packed, f'{tag[:-1]}-gzip"'
        if request.setETag(tag.encode()) is CACHED:
            request.finish()
        else:
            request.end_answer(body)

    def redirect_to_page(self, request: WebRequest, cookie: bytes, view: str = "") -> None:
        """Redirect to the page. view: the query of the link that the user opened before the log-in."""
        self.begin_response(request, 303, JSON)
        request.setHeader("Set-Cookie", cookie)
        request.setHeader("Location", f"/?{view}" if view else "/")
        request.end_answer(b"")

    def send_problem(self, request: WebRequest, problem: Problem) -> None:
        """Send a problem. If part of an answer has been sent already, end the connection instead."""
        if request.channel is None:
            # The client has disconnected, so nobody gets the problem.
            return
        if request.startedWriting:
            request.browser.abort()
            return
        for name, value in problem.headers.items():
            request.setHeader(name, value)
        self.send_body(request, problem.status, problem.body)


def accepts_gzip(accepted: bytes) -> bool:
    """Return whether this Accept-Encoding names gzip, not with weight 0; `*` and `x-gzip` do not count."""
    for coding in accepted.split(b","):
        name, _, weight = coding.partition(b";")
        if name.strip().lower() == b"gzip":
            return not _REFUSED.fullmatch(weight)
    return False
