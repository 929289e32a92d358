"""A request to the HTTP input: judged by its headers, taken in, answered when its records are safe.

    headers ─ refused? answer, discard the body
            ─ text, not packed ─ each chunk through the framer of lines ─ store ─┐
            ─ the journal, not packed ─ each entry as it is whole ─ store ───────┤
            ─ all else ─ kept up to --max-body ─ unpacked ─ parsed ─ store ──────┴─ durable ─ answer

What is kept is unpacked, parsed and stored in slices, so that others are served meanwhile.

What is refused has no record stored, but for text that turns out too long, or too slow, on its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request

from logsrv.kit.net.twisted.http import request_line
from logsrv.kit.text.escape import one_line
from logsrv.kit.web.channel import host_and_target
from logsrv.kit.web.origin import foreign
from logsrv.linelog.framing.bodies import coded, http_lines
from logsrv.linelog.framing.bodies.bodies import (
    BodyRules,
    Records,
    Reply,
    RequestRefused,
    Steps,
    json_line,
    most_made,
    too_much,
)
from logsrv.linelog.framing.bodies.inflated import Buffer, in_pieces
from logsrv.linelog.framing.events.journal import TAKEN, JournalFramer
from logsrv.linelog.framing.lines.lines import LineFramer
from logsrv.linelog.framing.lines.rules import LineCounts, for_frames
from logsrv.linelog.inputs.http.routes import MethodNotAllowed, Route, path_of, route_of
from logsrv.linelog.inputs.http.token import CHALLENGES, check_token
from logsrv.linelog.inputs.intake.gathering import Gathering
from logsrv.linelog.inputs.intake.intake import Intake

if TYPE_CHECKING:
    from logsrv.linelog.batch import Block

log = Logger()

# A body that is refused is read to its end if it is no longer: then the connection can go on.
MOST_DISCARDED = 1 << 20
# For so long the bodies of others are discarded, so that their senders hear the answer.
LINGER_SECONDS = 5
# A sender that hears nothing gives up by itself after ten seconds, mostly.
ANSWER_SECONDS = 8
# Seconds after which a sender that was refused is to come again.
RETRY_SECONDS = 2
RETRY_AFTER = str(RETRY_SECONDS)
ENTRIES = "application/vnd.fdo.journal"


class Bodies(Protocol):
    """The bodies that a listener keeps; `held` are the bytes of all of them."""

    held: int

    @property
    def most_held(self) -> int: ...

    @property
    def routes(self) -> Mapping[str, Sequence[Route]]: ...


class InputRequest(Request):
    """A request; what is kept of its body belongs to `bodies`."""

    _route: Route | None = None
    _refusal: RequestRefused | None = None
    _framer: LineFramer | None = None
    _entries: JournalFramer | None = None
    _timer: IDelayedCall | None = None

    def __init__(self, channel: Any, intake: Intake, bodies: Bodies) -> None:
        super().__init__(channel)
        self._channel = channel
        self._intake = intake
        self._bodies = bodies
        self._body = BytesIO()
        self._held = 0
        self._size = 0
        self._whole = False
        # Whether it is being unpacked, parsed or stored; and the answer that stands at the end of that.
        self._busy = False
        self._reply: Reply | None = None
        self._lines = 0
        self._ended = True
        self._since = intake.moment
        self._answered = False
        self._gone = False

    # Called by the channel: headers, body, end of the body, end of the connection.

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()
        self._channel.unanswered = True
        self.method, self.uri, self.clientproto = request_line(self._channel)
        self.uri = host_and_target(self.uri)[1]
        try:
            self._judge(length)
        except RequestRefused as refusal:
            self._refuse(refusal, length)

    def handleContentChunk(self, data: bytes) -> None:
        self._channel.resetTimeout()
        if self._refusal is not None:
            return
        self._size += len(data)
        try:
            if self._entries is not None:
                self._store_records(self._entries.receive(data))
                self._intake.unfinished.note(self, self._entries.held, len(data))
                return
            if self._size > self._intake.options.max_body:
                raise coded.too_large(self._intake.options.max_body)
            if self._framer is not None:
                self._take_text(self._framer, data)
            else:
                self._keep(data)
        except RequestRefused as refusal:
            self._refuse(refusal, None)

    def process(self) -> None:
        self._whole = True
        self._channel.unanswered = True
        if self._answered:
            self._finish()
            return
        if self._refusal is not None:
            self._answer_refusal(self._refusal)
            self._finish()
            return
        self._busy = True
        # Nothing of it is unfinished any more, however long it waits for the disk.
        self._intake.unfinished.forget(self)
        self._intake.turns.begin(self._steps(), self._taken_in, again=True)

    def connectionLost(self, reason: Failure) -> None:
        self._gone = True
        if not (self._whole or self._refusal) and self._unfinished:
            self._intake.drop(
                self._channel.source, "unfinished", "a request broke off; its end is not stored"
            )
        if not self._busy:
            self._let_go()
        super().connectionLost(reason)

    @property
    def _unfinished(self) -> bool:
        """Return true if anything has come that is not stored."""
        if self._entries is not None:
            return self._entries.held > 0
        return self._held > 0 if self._framer is None else not self._ended

    def _steps(self) -> Iterator[None]:
        self._reply = yield from self._taken()

    def _taken_in(self, failure: Failure | None) -> None:
        self._busy = False
        if failure is not None and not failure.check(RequestRefused):
            log.failure("taking in a request failed", failure)
        if self._gone or self._answered:
            self._let_go()
        elif failure is None:
            assert self._reply is not None
            self._answer_when_safe(self._reply)
        elif isinstance(failure.value, RequestRefused):
            self._refuse(failure.value, 0)
            self._answer_refusal(failure.value)
            self._finish()
        else:
            self._answer(Reply(500, json_line(error="the server has failed; its log says why")))
            self._finish()

    # Taking in.

    def _judge(self, length: int | None) -> None:
        """Go by what the headers say. Raises RequestRefused."""
        intake, header = self._intake, self.getHeader
        why = foreign(header)
        if why is not None:
            raise RequestRefused(403, "unauthorized", why)
        check_token(header(b"Authorization"), intake.secrets.token)
        self._path = path_of(self.uri)
        route = self._route = route_of(self.method, self._path, self._bodies.routes)
        if route.about is not None:
            return
        if (length or 0) > intake.options.max_body:
            raise coded.too_large(intake.options.max_body)
        self._coding = coded.coding(header(b"Content-Encoding"), route.coding)
        self._media = http_lines.media_type(header(b"Content-Type"))
        if route.entries and self._media not in ("", ENTRIES):
            raise RequestRefused(415, "protocol", f"entries of the journal are {ENTRIES}")
        text = route.by_type and http_lines.kind_of(self._media) is http_lines.BodyKind.TEXT
        if intake.valve.closed_for() > RETRY_SECONDS:
            # In full flow it is closed for a moment again and again; sooner than this it is open again.
            raise busy("the store takes nothing in just now; send it again")
        if text and not self._coding:
            self._framer = self._new_framer()
            intake.valve.add(self)
        elif route.entries and not self._coding:
            entries = self._entries = JournalFramer(self._longest)
            self._channel.at_once = lambda: entries.missing
            # It may follow a journal in which nothing happens, and no stop has to wait for that.
            self._channel.setTimeout(None)
            self._channel.unanswered = False
            intake.valve.add(self)
        elif self._bodies.held + (length or 0) > self._bodies.most_held:
            raise busy("too many bodies are on their way at once; send it again")

    @property
    def _longest(self) -> int:
        return self._intake.structured_rules.max_line

    def _new_framer(self) -> LineFramer:
        return LineFramer(for_frames(self._intake.rules), self._intake.counts)

    def _keep(self, data: bytes) -> None:
        self._body.write(data)
        self._held += len(data)
        self._bodies.held += len(data)
        if self._bodies.held > self._bodies.most_held:
            raise busy("too many bodies are on their way at once; send it again")

    def _take_text(self, framer: LineFramer, data: bytes) -> None:
        self._lines += data.count(b"\n")
        self._ended = data.endswith(b"\n")
        self._store(framer.receive(data))
        if framer.closing:
            raise RequestRefused(413, "oversize", framer.closing)

    def _taken(self) -> Steps:
        """Store all that is not stored yet, and return the answer. Raises RequestRefused."""
        route = self._route
        assert route is not None
        if route.about is not None:
            return route.about()
        if self._framer is not None:
            return self._text_taken(self._framer)
        if self._entries is not None:
            return self._entries_taken(self._entries)
        most = self._intake.options.max_body
        # Taken out of it, not copied.
        kept, self._body = self._body.getvalue(), BytesIO()
        packed = list(in_pieces(kept))
        if route.by_type and http_lines.kind_of(self._media) is http_lines.BodyKind.TEXT:
            yield from self._measured(coded.unpacked(packed, self._coding, most))
            pieces = coded.unpacked(packed, self._coding, most)
            return (yield from self._pieces_of_text_taken(pieces))
        if self._coding:
            # Before there is more of it than a piece.
            yield from coded.check(packed, self._coding, most)
            pieces = coded.unpacked(packed, self._coding, most)
            body = BytesIO()
            for piece in pieces:
                body.write(piece)
                yield
            kept = body.getvalue()
        return (yield from self._records_taken(kept, route, most))

    def _records_taken(self, body: bytes, route: Route, most: int) -> Steps:
        assert route.take is not None
        rules = BodyRules(self._media, self._path, self._longest, most_made(most), most)
        gathered = Gathering(self._intake, Records(rules.max_made))
        reply = yield from gathered.steps(route.take(body, rules, gathered.records))
        if reply is None:
            if self._coding:
                yield from self._measured(in_pieces(body))
            return (yield from self._pieces_of_text_taken(in_pieces(body)))
        del body
        self._start(ANSWER_SECONDS, self._not_safe, None)
        yield from gathered.store(self._channel.source)
        if gathered.closing is not None:
            raise RequestRefused(413, "oversize", gathered.closing)
        return reply

    def _measured(self, pieces: Iterable[Buffer]) -> Iterator[None]:
        """Raise RequestRefused (413), before any is stored, for packed text that becomes too much.

        An empty line is a byte, or less of what was sent, and fifty in the store.
        """
        intake, source = self._intake, self._channel.source
        framer = LineFramer(for_frames(intake.rules), LineCounts())
        most, made = most_made(intake.options.max_body), 0
        for piece in pieces:
            block = framer.receive(bytes(piece))
            if block is not None:
                made += intake.stored_size(block, source)
            if made > most:
                raise too_much(most, "lines, with the time and the source of each,")
            yield

    def _entries_taken(self, entries: JournalFramer) -> Reply:
        self._store_records(entries.finish())
        return TAKEN

    def _pieces_of_text_taken(self, pieces: Iterable[Buffer]) -> Steps:
        framer = self._framer = self._new_framer()
        for piece in pieces:
            self._take_text(framer, bytes(piece))
            yield
        return self._text_taken(framer)

    def _text_taken(self, framer: LineFramer) -> Reply:
        if not self._ended:
            self._lines += 1
        self._store(framer.finish())
        return http_lines.accepted(self._lines)

    def _store_records(self, records: Records) -> None:
        gathered = Gathering(self._intake, records)
        for _ in gathered.store(self._channel.source):
            pass
        if gathered.closing is not None:
            raise RequestRefused(413, "oversize", gathered.closing)

    def _store(self, block: Block | None) -> None:
        if block is not None:
            self._intake.take(block, self._channel.source)
            self._intake.valve.served(self)

    # Back-pressure: text is stored while it comes, so its sender has to wait where the store does.

    def pauseProducing(self) -> None:
        self._channel.hold()
        if self._entries is None:
            self._start(ANSWER_SECONDS, self._waited)

    def resumeProducing(self) -> None:
        self._stop()
        self._channel.go_on()

    def stopProducing(self) -> None:
        """Do nothing: the channel hears of the end of the connection itself."""

    def _waited(self) -> None:
        self._timer = None
        self._refuse(busy("the store takes nothing in just now; send it again"), None)

    # Answers.

    def _answer_when_safe(self, reply: Reply) -> None:
        self._intake.valve.remove(self)
        self._stop()
        route = self._route
        if route is not None and route.about is not None:
            self._answer(reply)
            self._finish()
            return
        safe: Deferred[None] = self._intake.durable(self._since)
        self._start(ANSWER_SECONDS, self._not_safe, None)
        safe.addCallbacks(self._safe, self._not_safe, callbackArgs=(reply,))
        safe.addErrback(lambda failure: log.failure("answering a request failed", failure))

    def _safe(self, _: None, reply: Reply) -> None:
        if not (self._gone or self._answered):
            self._answer(reply)
            self._finish()

    def _not_safe(self, failure: Failure | None) -> None:
        """Answer that nothing is acknowledged; what is stored after all is stored twice then."""
        if failure is None:
            self._timer = None
            why = "the store has not written it in time"
        else:
            why = failure.getErrorMessage()
        if not (self._gone or self._answered):
            self._intake.refused("busy")
            self._answer(refused(busy(f"{why}; send it again")), {"Retry-After": RETRY_AFTER})
            self._finish()

    def _refuse(self, refusal: RequestRefused, length: int | None) -> None:
        """Take nothing more of the request; length: that of its body, as far as it is still to come."""
        self._refusal = refusal
        self._let_go()
        self._intake.refused(refusal.reason)
        if refusal.reason != "busy":
            # That is what the store is like, and the store says so.
            self._intake.complain(self._channel.source, one_line(f"refused: {refusal}"))
        waits = length and self.requestHeaders.hasHeader(b"Expect")
        if length is not None and length <= MOST_DISCARDED and not waits:
            return
        # Nobody is to be told to go on, nor to send another request behind what is discarded.
        self.requestHeaders.removeHeader(b"Expect")
        self._channel.persistent = 0
        self.setHeader("Connection", "close")
        self._answer_refusal(refusal)
        self._channel.unanswered = False
        self._start(LINGER_SECONDS, self._channel.abort)

    def _answer_refusal(self, refusal: RequestRefused) -> None:
        headers = {}
        if refusal.status == 401:
            self.responseHeaders.setRawHeaders("WWW-Authenticate", CHALLENGES)
        if refusal.status == 503:
            headers["Retry-After"] = RETRY_AFTER
        if isinstance(refusal, MethodNotAllowed):
            headers["Allow"] = refusal.allowed
        self._answer(refused(refusal), headers)

    def _answer(self, reply: Reply, headers: dict[str, str] | None = None) -> None:
        self._answered = True
        more = {} if self._route is None else self._route.headers
        for name, value in {**more, **(headers or {})}.items():
            self.setHeader(name, value)
        self.setResponseCode(reply.status, HTTPStatus(reply.status).phrase.encode())
        if reply.status != 204:
            self.setHeader("Content-Type", reply.type)
            self.setHeader("Content-Length", str(len(reply.body)))
        self.setHeader("X-Content-Type-Options", "nosniff")
        self.write(reply.body)

    def _finish(self) -> None:
        self._let_go()
        self._channel.unanswered = False
        if self._entries is not None:
            self._channel.begin_timeout()
        self.finish()

    def give_way(self) -> None:
        """Refuse the upload: all of them hold too much that is unfinished."""
        self._refuse(busy("too much is unfinished at once; send it again"), None)

    def _let_go(self) -> None:
        self._stop()
        self._intake.unfinished.forget(self)
        self._intake.valve.remove(self)
        self._channel.go_on()
        self._bodies.held -= self._held
        self._held, self._body = 0, BytesIO()

    def _start(self, seconds: float, call: Any, *arguments: object) -> None:
        self._stop()
        self._timer = self._intake.clock.callLater(seconds, call, *arguments)

    def _stop(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None


def busy(sentence: str) -> RequestRefused:
    """Return the refusal of what may be sent again soon."""
    return RequestRefused(503, "busy", sentence)


def refused(refusal: RequestRefused) -> Reply:
    """Return the answer that is nothing but a sentence."""
    return Reply(refusal.status, json_line(error=one_line(str(refusal)), status=refusal.status))
