"""The sending of a searching process's answer to a client, as fast as the client reads."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.interfaces import IPushProducer, IReactorTime
from zope.interface import implementer

from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.searching.searches import AskedSearch
from logsrv.timer import Timer

# Seconds: a connection is aborted if its client reads nothing for STALLED_AFTER, and always after LONGEST.
STALLED_AFTER = 30.0
LONGEST = 600.0


@implementer(IPushProducer)
@attrs.define(eq=False)
class SearchAnswer:
    """The sender of a search's answer to the client of `request`.

    Nothing is sent before the first bytes of the answer, so a failure before them is sent with its own
    status.
    begin_response: sends status and headers. fail: answers with a problem and nothing else.
    """

    _request: WebRequest
    _clock: IReactorTime
    _begin_response: Callable[[WebRequest, int], object]
    _fail: Callable[[WebRequest, Problem], object]
    _status: int = 200
    _begun: bool = False
    _search: AskedSearch | None = None
    _ended: bool = False
    _stalled: Timer = attrs.Factory(lambda self: Timer(self._clock), takes_self=True)
    _longest: Timer = attrs.Factory(lambda self: Timer(self._clock), takes_self=True)

    def set_search(self, search: AskedSearch) -> None:
        """Set the search whose answer is sent. Its process has just received the request."""
        self._search = search
        self._longest.start(LONGEST, self._abort_connection)
        self._request.notifyFinish().addBoth(lambda _: self._end_search())

    def receive_status(self, status: int, missing: str = "") -> None:
        self._status = status
        if missing:
            self._request.setHeader("Logsrv-Missing", missing.encode("ascii", "backslashreplace"))

    def receive_data(self, data: bytes) -> None:
        if not self._begun:
            self._start_response()
        self._request.write(data)

    def _start_response(self) -> None:
        self._begun = True
        self._begin_response(self._request, self._status)
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
            self._request.write(problem.body)
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
