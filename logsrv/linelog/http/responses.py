"""Responses of the web server: whole ones, and those of a searching process as fast as the client reads.

All have the same headers, and are counted by status.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.web.http import CACHED
from zope.interface import implementer

from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.web.access import SANDBOX_POLICY
from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http import assets
from logsrv.linelog.http.endpoints import JSON
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.searching.shared_answer import AnswerReader
from logsrv.reactor import Timer

API_VERSION = "1"
"""The version of the API, in each of its answers. It rises if a program of before would misread one."""

# Seconds: a connection is aborted if its client reads nothing for STALLED_AFTER, and always after LONGEST.
STALLED_AFTER = 30.0
LONGEST = 600.0
# Bytes of an answer: of fewer, most are headers.
_LEAST_PACKED = 1000
HINT = "Logsrv-Hint"
"""The header of an answer with hints: sentences on a query that probably means something else.

The query is answered all the same. The live page, the form of an alert and programs show them.
"""


def set_hints(request: WebRequest, hints: Sequence[str]) -> None:
    """Send these sentences with the answer; without one there is no such header."""
    if hints:
        # Escaped, because a header must be ASCII.
        request.setHeader(HINT, "; ".join(hints).encode("ascii", "backslashreplace"))


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
        if request.path.startswith(b"/api/"):
            request.setHeader("Logsrv-Api", API_VERSION)
        # Otherwise nginx would hold back small pieces of an answer.
        request.setHeader("X-Accel-Buffering", "no")

    def send_body(self, request: WebRequest, status: int, body: bytes, type_: str = JSON) -> None:
        self.begin_response(request, status, type_)
        if len(body) >= _LEAST_PACKED:
            request.pack()
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
        if asset.packed and request.begin_gzip():
            body, tag = asset.packed, f'{tag[:-1]}-gzip"'
        if request.setETag(tag.encode()) is CACHED:
            request.finish()
        else:
            request.end_answer(body)

    def redirect_to_page(
        self, request: WebRequest, cookies: Sequence[bytes] = (), view: str = "/"
    ) -> None:
        """Redirect to a page. view: the link that the user opened before the log-in."""
        self.begin_response(request, 303, JSON)
        request.responseHeaders.setRawHeaders(b"Set-Cookie", cookies)
        request.setHeader("Location", view)
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


@implementer(IPushProducer)
@attrs.define(eq=False)
class SearchAnswer:
    """The sender of a search's answer to the client of `request`.

    Nothing is sent before the first bytes of the answer, so a failure before them is sent with its own
    status.
    begin_response: sends status 200 and the headers. fail: answers with a problem and nothing else.
    """

    _request: WebRequest
    _clock: IReactorTime
    _begin_response: Callable[[WebRequest], object]
    _fail: Callable[[WebRequest, Problem], object]
    _begun: bool = False
    # False while a line is cut: a process may be killed in the middle of one.
    _at_line_start: bool = True
    _search: AnswerReader | None = None
    _ended: bool = False
    _stalled: Timer = attrs.Factory(lambda self: Timer(self._clock), takes_self=True)
    _longest: Timer = attrs.Factory(lambda self: Timer(self._clock), takes_self=True)

    def set_search(self, search: AnswerReader) -> None:
        """Set the search whose answer is sent. It may wait for its turn, and others may get its answer."""
        self._search = search
        self._longest.start(LONGEST, self._abort_connection)
        self._request.notifyFinish().addBoth(lambda _: self._end_search())

    def receive_missing(self, missing: str) -> None:
        self._request.setHeader("Logsrv-Missing", missing.encode("ascii", "backslashreplace"))

    def receive_data(self, data: bytes) -> None:
        if not self._begun:
            self._start_response()
        self._at_line_start = data.endswith(b"\n")
        self._request.write(data)

    def _start_response(self) -> None:
        self._begun = True
        self._begin_response(self._request)
        self._request.registerProducer(self, True)

    def receive_end(self, problem: Problem | None) -> None:
        if self._ended:
            return
        if problem is not None and not self._begun:
            self._fail(self._request, problem)
            return
        if not self._begun:
            self._start_response()
        if problem is not None:
            self._request.write(problem.body if self._at_line_start else b"\n" + problem.body)
        self._request.unregisterProducer()
        self._request.finish()

    def pauseProducing(self) -> None:
        if not self._stalled.running and self._search is not None and not self._ended:
            self._search.pause()
            self._stalled.start(STALLED_AFTER, self._abort_connection)

    def resumeProducing(self) -> None:
        if self._search is not None and not self._ended:
            self._stalled.stop()
            self._search.resume()

    def stopProducing(self) -> None:
        """Do nothing: `notifyFinish` of the request reports a lost connection."""

    def close(self, why: str) -> None:
        """End the answer with a problem; if a part of it is sent, that is its last line."""
        if not self._ended:
            self.receive_end(Problem(401, why))
            self._end_search()

    def _abort_connection(self) -> None:
        self._request.browser.abort()
        self._end_search()

    def _end_search(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._stalled.stop()
        self._longest.stop()
        if self._search is not None:
            self._search.kill()
