"""HTTP connections of our web servers: they have time limits and small bodies only, and answer one request
after another.

Private parts of Twisted's HTTPChannel are used here: bad requests, pipelined bytes, body and request line.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from typing import Any, cast

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IProtocolNegotiationFactory,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request, _ChunkedTransferDecoder
from zope.interface import implementer

from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.connections.linger import linger_at_close
from logsrv.kit.connections.source import source_of
from logsrv.kit.net.listen import ServerAndReceiver
from logsrv.kit.observe.peer_log import ConnectionLog, connection_log, end_sentence
from logsrv.kit.web.access import HEADERS, SANDBOX_POLICY, HttpRefusal, http_refusal

REQUEST_SECONDS = 60
"""The most seconds from the end of one answer to the last header of the next request."""
ABORT_SECONDS = 15
# Pipelined requests that are answered before other connections get a turn: a chunk may contain thousands.
MOST_IN_A_TURN = 16
# Bytes after the request that is being answered: with more, nothing is read until the next answer.
MOST_PIPELINED = 16 * 1024
# Bytes of a body: one longer than MOST_BODY is refused. Only MOST_KEPT bytes of it are kept, enough for a
# form.
MOST_BODY = 64 * 1024
MOST_KEPT = 4 * 1024
# Digits of a Content-Length; one of more is too large. Python refuses to parse thousands of digits.
MOST_DIGITS = 20
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
_REFUSED = re.compile(rb"\s*q\s*=\s*0(\.0*)?\s*")


def _last_answer(status: bytes, sentence: bytes) -> bytes:
    """Return a whole answer, after which the connection ends."""
    return (
        b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n%s\n" % (status, len(sentence) + 1, sentence)
    )


_TOO_LARGE = _last_answer(
    b"413 Content Too Large", b"the content of this request is longer than 64 KiB"
)
_TOO_MANY_DIGITS = _last_answer(
    b"413 Content Too Large",
    b"the Content-Length of this request has more than %d digits" % MOST_DIGITS,
)
_TOO_LONG = _last_answer(
    b"431 Request Header Fields Too Large",
    b"the address or a header of this request is longer than 16 KiB; make it shorter",
)


class MalformedRequestHook:
    """A mix-in for an HTTPChannel: it calls `note_malformed` whenever Twisted itself answers with status
    400.
    """

    def note_malformed(self) -> None:
        """Note that the received bytes are not a request; the connection then ends."""

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.note_malformed()
        super()._respondToBadRequestAndDisconnect()  # type: ignore[misc]


def pipelined_bytes(channel: Any) -> int:
    """Return how many received bytes of an HTTPChannel belong to requests after the one that is being
    answered.

    Twisted's limit on them is not enough: the channel stops reading when more bytes come, but not for bytes
    that came with the request, and reads on with each answer.
    """
    return sum(map(len, channel._dataBuffer))


def take_pipelined(channel: Any) -> bytes:
    """Remove from the channel the bytes that follow the request that is being answered, and return these
    bytes.
    """
    behind, channel._dataBuffer = channel._dataBuffer, []
    return b"".join(behind)


def body_bytes_left(channel: Any) -> int:
    """Return how many bytes of the present request's body an HTTPChannel still expects; in a chunked body,
    only of the present chunk.
    """
    decoder = channel._transferDecoder
    if isinstance(decoder, _ChunkedTransferDecoder):
        return decoder.length if decoder.state == "BODY" else 0
    return 0 if decoder is None else decoder.contentLength or 0


def request_line(channel: Any) -> tuple[bytes, bytes, bytes]:
    """Return the method, the target and the version of the request whose headers are complete.

    A Request of Twisted Web gets them only at the end of its body: too late to refuse the body.
    """
    return channel._command, channel._path, channel._version


def host_and_target(uri: bytes) -> tuple[bytes | None, bytes]:
    """Return the host and the target in a request's URI: the host is None if the URI has none, and the
    target begins with `/`.

    Proxies send a URI with a host. That host counts, not the Host header (RFC 9112, section 3.2.2).
    """
    found = _ABSOLUTE.fullmatch(uri)
    if found is None:
        return None, uri
    return found[1], found[2] if found[2].startswith(b"/") else b"/" + found[2]


def accepts_gzip(accepted: bytes) -> bool:
    """Return whether an Accept-Encoding header names gzip with a weight above 0; `*` and `x-gzip` do not
    count.
    """
    for coding in accepted.split(b","):
        name, _, weight = coding.partition(b";")
        if name.strip().lower() == b"gzip":
            return not _REFUSED.fullmatch(weight)
    return False


class WebRequest(Request):
    """A request. browser: its connection. has_body: whether it has a body.

    body_size: the bytes of the body. content: its beginning. most_kept: the most bytes of `content`.
    parses_forms: whether Twisted parses the body of a form into `args`. It trips over some Content-Types.
    """

    most_kept = MOST_KEPT
    parses_forms = False

    def __init__(self, channel: Channel, handle: Callable[[WebRequest], object]) -> None:
        super().__init__(channel, parsePOSTFormSubmission=self.parses_forms)
        self.browser = channel
        self._handle = handle
        self.body_size = 0
        self._too_large = False
        self.has_body = False
        self._packer: Any = None

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()
        self.has_body = length != 0
        if request_line(self.browser)[1].partition(b"?")[0] in self.browser.factory.whole_bodies:
            self.most_kept = MOST_BODY
        if length is not None and length > MOST_BODY:
            self._answer_too_large()

    def handleContentChunk(self, data: bytes) -> None:
        self.body_size += len(data)
        if self.body_size <= self.most_kept:
            assert self.content is not None
            self.content.write(data)
        if self.body_size > MOST_BODY:
            self._answer_too_large()

    def _answer_too_large(self) -> None:
        if not self._too_large:
            self._too_large = True
            self.browser.write(_TOO_LARGE)
            self.browser.loseConnection()

    def process(self) -> None:
        if self._too_large:
            return
        host, self.uri = host_and_target(self.uri)
        if host is not None:
            self.requestHeaders.setRawHeaders(b"host", [host])
            self.path = self.uri.partition(b"?")[0]
        self._handle(self)

    @property
    def refusal(self) -> HttpRefusal | None:
        """Return why no server may answer this request; None for usual requests."""
        hosts = self.requestHeaders.getRawHeaders(b"host", [])
        return http_refusal(self.method, self.clientproto, hosts)

    def begin_answer(self, status: int, type_: str, policy: str = SANDBOX_POLICY) -> None:
        """Set the status and the headers that every answer has. policy: the Content-Security-Policy for
        browsers that open the answer.
        """
        self.setResponseCode(status, HTTPStatus(status).phrase.encode())
        own = {
            "Content-Type": type_,
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
        }
        for name, value in {**HEADERS, **own}.items():
            self.setHeader(name, value)

    def begin_gzip(self) -> bool:
        """Announce that the content is in gzip, if the client accepts gzip; return whether the client
        does.
        """
        self.setHeader("Vary", "Accept-Encoding")
        takes = accepts_gzip(self.getHeader(b"Accept-Encoding") or b"")
        if takes:
            self.setHeader("Content-Encoding", "gzip")
        return takes

    def pack(self) -> None:
        """Compress the output, if the client accepts gzip; the client can unpack each write at once."""
        if self.begin_gzip():
            self._packer = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)

    def write(self, data: bytes) -> None:
        if self._packer is not None:
            data = self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        super().write(data)

    def finish(self) -> None:
        packer, self._packer = self._packer, None
        if packer is not None:
            self.write(packer.flush())
        super().finish()

    def end_answer(self, body: bytes) -> None:
        """Send the whole content, and end the answer."""
        packer, self._packer = self._packer, None
        if packer is not None:
            body = packer.compress(body) + packer.flush()
        self.setHeader("Content-Length", str(len(body)))
        self.write(body)
        self.finish()


@implementer(IHalfCloseableProtocol)
class Channel(MalformedRequestHook, HTTPChannel):
    """An HTTP connection from a browser, a scraper, or a sender of logs."""

    factory: ChannelFactory
    _ending: IDelayedCall | None = None
    _done = 0

    def connectionMade(self) -> None:
        super().connectionMade()
        self._source = source_of(self.transport)
        if self.factory.connection_log is not None:
            self.factory.connection_log.log_connect(self._source)

    def dataReceived(self, data: bytes) -> None:
        # Not HTTPChannel's method, which would start the time limit again with each byte of the headers.
        LineReceiver.dataReceived(self, data)
        if pipelined_bytes(self) > MOST_PIPELINED:
            # Read nothing more until the next answer. Twisted reads on after each answer: without this
            # pause, one more chunk would be read and kept for each waiting request.
            cast(ITCPTransport, self.transport).pauseProducing()  # type: ignore[attr-defined]

    def headerReceived(self, line: bytes) -> bool:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and len(value.strip()) > MOST_DIGITS:
            self.note_malformed()
            self.write(_TOO_MANY_DIGITS)
            self.loseConnection()
            return False
        return bool(super().headerReceived(line))

    def loseConnection(self) -> None:
        # A refused client may go on sending its body, and lose the answer.
        linger_at_close(self.transport)
        super().loseConnection()

    def lineLengthExceeded(self, line: bytes) -> None:
        self.note_malformed()
        self.write(_TOO_LONG)
        self.loseConnection()

    def readConnectionLost(self) -> None:
        """Send the answers, then close: a client that closes its half may wait for them."""
        self.timeoutConnection()

    def writeConnectionLost(self) -> None:
        """Do nothing: we never close our half alone."""

    def requestDone(self, request: Request) -> None:
        self._done += 1
        if self._done % MOST_IN_A_TURN:
            self.read_next_request(request)
        else:
            self.factory.clock.callLater(0, self._read_next_if_connected, request)

    def read_next_request(self, request: Request) -> None:
        """Read the next request, because `request` has been answered."""
        super().requestDone(request)

    def _read_next_if_connected(self, request: Request) -> None:
        if self.connected:
            self.read_next_request(request)

    def timeoutConnection(self) -> None:
        if self._ending is None:
            self._ending = self.callLater(ABORT_SECONDS, self.abort)
        self.loseConnection()

    def abort(self) -> None:
        """Reset the connection, so that the client knows that its answer is not complete."""
        cast(ITCPTransport, self.transport).abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connected = 0
        if self._ending is not None and self._ending.active():
            self._ending.cancel()
        if self.factory.connection_log is not None:
            self.factory.connection_log.log_disconnect(self._source, end_sentence(reason))
        super().connectionLost(reason)


@implementer(IProtocolNegotiationFactory)
class ChannelFactory(Factory[Channel]):
    """A factory of channels. A subclass sets `channel`, the class of its channels, and overrides `request`.

    It does not log requests; the code that answers them counts them.
    """

    noisy = False
    channel: type[Channel] = Channel
    refuses_tls = True
    sends_text = False
    connection_log: ConnectionLog | None = None
    whole_bodies: frozenset[bytes] = frozenset()
    """Paths whose requests keep up to MOST_BODY bytes of their bodies."""

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock

    def request(self, channel: Any) -> Request:
        """Return a new request for a channel."""
        raise NotImplementedError(f"{type(self).__name__} has no method request")

    def buildProtocol(self, addr: IAddress | None) -> Channel:
        # HTTPChannel takes all this as attributes.
        channel: Any = self.channel()
        channel.factory = self
        channel.timeOut = REQUEST_SECONDS
        channel.callLater = self.clock.callLater
        channel.requestFactory = lambda channel, queued=None: self.request(channel)
        return cast(Channel, channel)

    def acceptableProtocols(self) -> list[bytes]:
        """Return the protocols for clients that use ALPN in TLS; without it Twisted fails for them."""
        return [b"http/1.1"]

    def log(self, request: Any) -> None:
        """Do nothing: Twisted calls this for each answered request."""


class WebFactory(ServerAndReceiver, ChannelFactory):
    """The server of one listener: `handle` is called with each request, and answers it."""

    def __init__(
        self,
        handle: Callable[[WebRequest], object],
        clock: IReactorTime,
        label: str,
        settings: GuardPolicy,
        whole_bodies: frozenset[bytes] = frozenset(),
    ) -> None:
        super().__init__(clock)
        self._handle = handle
        self.label = label
        self.whole_bodies = whole_bodies
        self.apply(settings)

    def apply(self, settings: GuardPolicy) -> None:
        """Start or stop the logging of new connections, as `settings` say."""
        self.connection_log = connection_log(settings, self.label, self.clock)

    def close(self) -> None:
        if self.connection_log is not None:
            self.connection_log.flush()

    def request(self, channel: Any) -> WebRequest:
        return WebRequest(channel, self._handle)
