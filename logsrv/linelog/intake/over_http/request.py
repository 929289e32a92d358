"""A request to the HTTP input: checked by its headers, taken in, answered when its records are safe.

A refused request is answered at once, and its connection closed. But if the rest of its body is short, that
is discarded first, and the connection stays open.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request

from logsrv.errors import StoreError
from logsrv.installation import how_to_install
from logsrv.kit.text.escape import one_line
from logsrv.kit.web.access import foreign_page_refusal, http_refusal
from logsrv.kit.web.channel import host_and_target, request_line
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.over_http.body import (
    Body,
    QuestionBody,
    RequestHead,
    check_body_size,
    media_type,
    require_open_store,
)
from logsrv.linelog.intake.over_http.kept_body import (
    MOST_KEPT_TEXT,
    KeptBody,
    ShortTextBody,
    TextBody,
)
from logsrv.linelog.intake.over_http.long_answer import PIECE, LongAnswer
from logsrv.linelog.intake.over_http.parse import coding_to_undo
from logsrv.linelog.intake.over_http.routes import (
    METHODS,
    NO_ROUTE,
    Route,
    Routes,
    challenges,
    check_token,
    find_route,
    refusal_reply,
    request_path,
    request_query,
    route_for,
    route_of_any_token,
    routes_at,
)
from logsrv.linelog.intake.unfinished import NO_ROOM
from logsrv.linelog.lines.bodies import Reply, RequestRefused, busy_refusal
from logsrv.reactor import Timer
from logsrv.state_table import state_table

log = Logger()


@cache
def _remedy() -> str:
    """Return what the log adds for a missing extra. Senders get no path of the server."""
    return f": {how_to_install('senders')}"


# A refused body of at most this many bytes is read to its end: then the connection can stay open.
MOST_DISCARDED = 1 << 20
# A longer one is discarded for this many seconds, so that its sender reads the answer; then the connection
# is aborted.
LINGER_SECONDS = 5
# A request that is not safe after this many seconds is refused as busy: most senders give up after ten.
ANSWER_SECONDS = 8
_CLOSED = "the store accepts nothing at the moment"
_SLOW = "the store has not written it in time"
NEXT = state_table(
    {
        "HEADERS": {"accept": "COMING", "discard": "DISCARDING", "cut": "CUT", "lose": "GONE"},
        # The body is being received.
        "COMING": {"whole": "WORKING", "cut": "CUT", "lose": "GONE"},
        # Refused: the rest of the body is discarded before the answer.
        "DISCARDING": {"finish": "ANSWERED", "lose": "GONE"},
        # Refused and answered; its sender has a moment to read that.
        "CUT": {"finish": "ANSWERED", "lose": "GONE"},
        # The body is unpacked, parsed and stored, until it is safe.
        "WORKING": {"worked": "SAFE", "finish": "OVERDUE", "lose": "LEFT"},
        # Safe, or refused.
        "SAFE": {"finish": "ANSWERED", "send": "SENDING", "lose": "GONE"},
        # The answer is long, and written as its sender reads it.
        "SENDING": {"finish": "ANSWERED", "lose": "GONE"},
        # Answered already, because it took too long.
        "OVERDUE": {"worked": "ANSWERED", "lose": "LEFT"},
        "ANSWERED": {"lose": "GONE"},
        # The connection has ended; the body is stored all the same.
        "LEFT": {"worked": "GONE"},
        "GONE": {},
    }
)
"""The states: for each the events, and the state after each event. `lose` is the end of the connection."""
# The body of a request until its headers are checked, or if they are refused.
_NO_BODY = Body()
_UNANSWERED = ("DISCARDING", "WORKING", "SENDING")


class InputRequest(Request):
    """A request. state: one of NEXT. routes: the routes of each path."""

    def __init__(self, channel: Any, intake: Intake, routes: Routes) -> None:
        super().__init__(channel)
        self.state = "HEADERS"
        # Twisted drops its own reference to the channel with the answer.
        self._channel = channel
        self._intake = intake
        self._routes = routes
        self._route = NO_ROUTE
        self._head: RequestHead | None = None
        self._body = _NO_BODY
        self._refusal: RequestRefused | None = None
        self._timer = Timer(intake.clock)
        self._since = intake.moment

    @property
    def working(self) -> bool:
        """Return true while a stop must wait for this request.

        A stop does not wait for more of a journal's upload, which may be silent for hours.
        """
        coming = self.state == "COMING" and not self._body.endless
        return coming or self.state in _UNANSWERED

    def _advance_state(self, event: str) -> None:
        self.state = NEXT[self.state][event]

    # Called by the channel: headers, body, end of the body, end of the connection.

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()
        self.method, self.uri, self.clientproto = request_line(self._channel)
        host, self.uri = host_and_target(self.uri)
        try:
            self._require_http(host)
            self._body = self._choose_body(length)
        except RequestRefused as refusal:
            self._refuse_rest(refusal, length)
            return
        self._advance_state("accept")
        if self._body.endless:
            self._channel.setTimeout(None)
        if self._body.at_once:
            # The valve may pause this request at once.
            self._intake.valve.add(self)

    def handleContentChunk(self, data: bytes) -> None:
        self._channel.resetTimeout()
        if self.state != "COMING":
            return
        try:
            self._body.receive(data)
        except RequestRefused as refusal:
            self._refuse_rest(refusal, None)

    def missing_bytes(self) -> int:
        """Return how many of the next body bytes need little work, and may be parsed in one step."""
        return self._body.missing_bytes()

    def store_whole(self) -> None:
        """Store the whole records of an unfinished body."""
        if self.state == "COMING":
            self._body.store_whole()

    def process(self) -> None:
        if self.state == "COMING":
            self._advance_state("whole")
            # The body is whole: it must not give way for unfinished bytes while it waits for the disk.
            self._intake.unfinished.forget(self)
            work = Deferred.fromCoroutine(self._body.finish())
            work.addBoth(self._work_ended).addErrback(self._answer_failed)
            if not self._body.waits_to_store:
                self.storing()
            return
        if self.state == "DISCARDING":
            assert self._refusal is not None
            self._answer_refusal(self._refusal)
        self._end_request()

    def connectionLost(self, reason: Failure) -> None:
        if self.state == "COMING" and self._body.unfinished:
            why = "the connection ended in the middle of a request, whose rest is not stored"
            self._intake.drop(self._channel.source, "unfinished", why)
        self._advance_state("lose")
        self._timer.stop()
        if self.state != "LEFT":
            self._release_body()
        super().connectionLost(reason)

    # Taking in.

    def _require_http(self, host: bytes | None) -> None:
        """Raise RequestRefused for a request that no server answers. host: that of its URI."""
        hosts = self.requestHeaders.getRawHeaders(b"host", []) if host is None else [host]
        refusal = http_refusal(self.method, self.clientproto, hosts, METHODS)
        if refusal is not None:
            raise RequestRefused(refusal.status, refusal.sentence, refusal.headers)

    def _choose_body(self, length: int | None) -> Body:
        """Return the Body for this request, by its headers. Raises RequestRefused."""
        intake = self._intake
        path, source = request_path(self.uri), self._channel.source
        there = routes_at(path, self._routes)
        # Each refusal is in the words of the path's format.
        self._route = (*there, NO_ROUTE)[0]
        why = foreign_page_refusal(self.getHeader)
        if why is not None:
            raise RequestRefused(403, why)
        route = self._find_route(path, there)
        check_body_size(length or 0, intake)
        if route.ready is not None:
            require_open_store(intake)
        answer = route.about or route.ready
        if answer is not None:
            return QuestionBody(succeed(answer), intake)
        query = request_query(self.uri)
        head = self._head = RequestHead(
            intake, source, self._header_text, path, length, query, self, self._since
        )
        own = None if route.own is None else route.own(head)
        if own is not None:
            return own
        coding = coding_to_undo(head.header("Content-Encoding"), route.coding)
        text = route.is_text is not None and route.is_text(head.media)
        require_open_store(intake)
        if text and not coding and (length is None or length > MOST_KEPT_TEXT):
            return TextBody(head)
        intake.unfinished.check_room(length or 0)
        if text and not coding:
            return ShortTextBody(head)
        return KeptBody(head, route, coding)

    def _header_text(self, name: str) -> str | None:
        """Return the value of a header; Twisted's own text of it raises for what is not UTF-8."""
        value: bytes | None = self.getHeader(name.encode())
        return None if value is None else value.decode("latin-1")

    def _find_route(self, path: str, there: Sequence[Route]) -> Route:
        """Return the route, once the token is checked. Raises RequestRefused (401, 404, 405)."""
        route = route_for(self.method, there)
        self._route = route or self._route
        if route is None or not route.open:
            asked = self._route if there else route_of_any_token(self._routes)
            check_token(self.getHeader, self._intake.secrets.tokens, asked)
        return route or find_route(self.method, path, self._routes)

    def _work_ended(self, result: Reply | Failure) -> None:
        before = self.state
        self._advance_state("worked")
        outcome = result.value if isinstance(result, Failure) else result
        if isinstance(outcome, StoreError):
            # Its sender repeats the request, and records may be stored twice.
            outcome = busy_refusal(f"{outcome}; send it again")
        elif isinstance(result, Failure) and not isinstance(outcome, RequestRefused):
            outcome = self._intake.failed("taking in a request", self._channel.source, result)
        if before != "WORKING":
            self._release_body()
        elif isinstance(outcome, Reply):
            self._send_answer(outcome)
        elif isinstance(outcome, RequestRefused):
            self._refuse_whole(outcome)

    # Back-pressure: text and journals are stored while they arrive, so a busy store pauses their senders.

    def pauseProducing(self) -> None:
        self._channel.hold_reading(self)
        if not self._body.endless:
            self._timer.start(ANSWER_SECONDS, self._refuse_late, _CLOSED)

    def storing(self) -> None:
        self._intake.valve.remove(self)
        if self.state == "WORKING":
            self._timer.start(ANSWER_SECONDS, self._refuse_late, _SLOW)

    def resumeProducing(self) -> None:
        self._timer.stop()
        if not (self._body.waits or self._intake.valve.holds(self)):
            self._channel.resume_reading(self)

    def stopProducing(self) -> None:
        """Do nothing: the channel is notified of the connection's end itself."""

    def _refuse_late(self, why: str) -> None:
        """Refuse to acknowledge what took too long, so that the sender repeats it."""
        refusal = busy_refusal(f"{why}; send it again")
        if self.state == "WORKING":
            self._refuse_whole(refusal)
        elif self.state == "COMING":
            self._refuse_rest(refusal, None)

    def refuse(self, refusal: RequestRefused) -> None:
        """Refuse the rest of an upload, between two pieces of it."""
        if self.state == "COMING":
            self._refuse_rest(refusal, None)

    def give_way(self) -> None:
        """Refuse the upload, because all connections together keep too many unfinished bytes."""
        self._refuse_rest(
            busy_refusal("too many unfinished records are in memory; send it again"), None
        )

    # Answers.

    def _answer_failed(self, failure: Failure) -> None:
        log.failure("answering a request failed", failure)
        self._channel.abort()

    def _send_answer(self, reply: Reply) -> None:
        self._timer.stop()
        if self._route.done is not None and self._head is not None:
            reply = self._route.done(reply, self._head)
        if len(reply.body) <= PIECE:
            self._write_answer(reply)
            self._end_request()
        else:
            self._advance_state("send")
            self._set_answer_headers(reply)
            body = memoryview(reply.body)
            LongAnswer(self, body, self._timer, self._end_request, self._channel.abort)

    def _refuse_rest(self, refusal: RequestRefused, length: int | None) -> None:
        """Refuse the rest of the request. length: bytes of the body if all of it is to come, else None."""
        self._note_refusal(refusal)
        waits = length and self.requestHeaders.hasHeader(b"Expect")
        if length is not None and length <= MOST_DISCARDED and not waits:
            self._refusal = refusal
            self._advance_state("discard")
            return
        # The sender must get neither "100 Continue" nor a connection for a further request.
        self.requestHeaders.removeHeader(b"Expect")
        self._channel.persistent = 0
        self.setHeader("Connection", "close")
        self._answer_refusal(refusal)
        self._advance_state("cut")
        self._timer.start(LINGER_SECONDS, self._channel.abort)

    def _refuse_whole(self, refusal: RequestRefused) -> None:
        """Refuse a request whose body has arrived whole."""
        self._note_refusal(refusal)
        self._answer_refusal(refusal)
        self._end_request()

    def _note_refusal(self, refusal: RequestRefused) -> None:
        self._release_body()
        self._intake.request_refused(refusal)
        if refusal.status != HTTPStatus.SERVICE_UNAVAILABLE or refusal.reason == NO_ROOM:
            # The store logs itself that it is busy.
            about = f"{refusal.reason} {refusal.status}"
            remedy = _remedy() if refusal.status == HTTPStatus.NOT_IMPLEMENTED else ""
            said = one_line(f"refused: {refusal}{remedy}")
            self._intake.complain(self._channel.source, said, about)

    def _answer_refusal(self, refusal: RequestRefused) -> None:
        if refusal.status == 401:
            found = challenges(self._route.schemes)
            self.responseHeaders.setRawHeaders("WWW-Authenticate", found)
        media = media_type(self._header_text("Content-Type"))
        self._write_answer(refusal_reply(self._route, refusal, media))

    def _write_answer(self, reply: Reply) -> None:
        self._set_answer_headers(reply)
        self.write(reply.body)

    def _set_answer_headers(self, reply: Reply) -> None:
        for name, value in {**self._route.headers, **reply.headers}.items():
            self.setHeader(name, value)
        self.setResponseCode(reply.status, HTTPStatus(reply.status).phrase.encode())
        if reply.status != 204:
            self.setHeader("Content-Type", reply.type)
            self.setHeader("Content-Length", str(len(reply.body)))
        self.setHeader("X-Content-Type-Options", "nosniff")

    def _end_request(self) -> None:
        self._advance_state("finish")
        self._release_body()
        if self._body.endless:
            self._channel.restart_timeout()
        self.finish()

    def _release_body(self) -> None:
        self._timer.stop()
        self._intake.valve.remove(self)
        self._channel.resume_reading(self)
        self._body.let_go()
