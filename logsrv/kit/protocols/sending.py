"""The sending half of a connection: gathers what is sent, notices who does not read, ends politely.

What holds a connection back are the bits of `_busy`. While one of the first two is set nothing is
read from the peer; after the third nothing more is given to the plugin.

    WORKING   the plugin has not finished with what it got (`async def line_received`)
    UNREAD    the peer lets our answers lie: the transport said so (IPushProducer)
    CLOSING   the connection is being closed, or gone
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from zope.interface import implementer

from logsrv.errors import PeerError
from logsrv.kit.protocols.listening import Side

WORKING, UNREAD, CLOSING = 1, 2, 4

# Answers of one chunk are gathered into one write, but no more than this.
GATHERED = 64 * 1024
# Last words and the end of the connection go out in one packet instead of two (Linux; tcp(7)).
MORE = getattr(socket, "MSG_MORE", 0)
# A peer that does not read its last words is cut off then.
LAST_WORDS_SECONDS = 30.0


class PeerGone(PeerError):
    """The peer has closed the connection before it read what was written to it."""


@implementer(IPushProducer)
class SendingProtocol(Protocol):
    """What a plugin says to one peer; `logsrv.kit.protocols.peer` is the rest of a connection.

    encoding: of the text that is sent. ending: what `send_line` puts behind a line.
    max_unsent: a peer that does not read is cut off when more than this many bytes are written to
        it after its transport was full.
    """

    encoding = "utf-8"
    ending = "\r\n"
    max_unsent = 1024 * 1024

    factory: Side  # type: ignore[assignment]
    # Whatever the endpoint has; Twisted declares less than all of them offer.
    transport: Any
    later: Callable[..., Any]
    _run: Callable[[], None]
    _settle: Callable[[], None]

    _busy = 0
    _paused = False
    _producing = False
    _unread = 0
    _gathered = 0
    _out: list[str] | None = None
    _farewell: bytes | None = None
    _drained: list[Deferred[None]] | None = None

    @property
    def log(self) -> Logger:
        """A Logger whose every message begins with the peer."""
        raise NotImplementedError

    def send_line(self, text: str) -> None:
        """Send `text` and a line ending. What is sent to a peer that has gone is dropped."""
        out = self._out
        if out is None:
            self.write((text + self.ending).encode(self.encoding, "replace"))
            return
        out.append(text)
        self._gathered += len(text)
        if self._gathered > GATHERED:
            self._flush()

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self._out:
            self._flush()
        if self._busy & CLOSING:
            return
        transport = self.transport
        self._start_producing()
        if self._busy & UNREAD:
            self._unread += len(data)
            if self._unread > self.max_unsent:
                self._cut_off("unread", "it does not read what is sent to it")
                return
        transport.write(data)
        if not self._busy & UNREAD:
            self._let_close()

    def drain(self) -> Deferred[None]:
        """Fires when the peer has read enough for more to be written.

        Fails with PeerGone, which needs no handling, if it goes away instead.
        """
        if not self._busy & UNREAD:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._drained = [*(self._drained or ()), waiting]
        return waiting

    def close(self, last_words: str | None = None) -> None:
        """Send `last_words`, if any, and all that was sent before, then close the connection.

        Nothing more is given to the plugin but `connection_lost`.
        """
        if self._busy & CLOSING:
            return
        out = self._out
        words = [*(out or ()), *(() if last_words is None else (last_words,))]
        if out is not None:
            self._out = []
        self._farewell = self._encoded(words)
        self._busy |= CLOSING
        if out is None:
            self._part()

    def pauseProducing(self) -> None:
        self._busy |= UNREAD
        if self._out is None:
            self._settle()

    def resumeProducing(self) -> None:
        self._busy &= ~UNREAD
        self._unread = 0
        drained, self._drained = self._drained or (), None
        for waiting in drained:
            waiting.callback(None)
        if self._busy & WORKING:
            self._stay_open()
        elif not self._busy:
            self._run()
            self._let_close()

    def stopProducing(self) -> None:
        """The transport is going; `connectionLost` says the rest."""

    def _flush(self) -> None:
        lines, self._out, self._gathered = self._out or [], None, 0
        try:
            self.write(self._encoded(lines))
        finally:
            self._out = []

    def _encoded(self, lines: list[str]) -> bytes:
        if not lines:
            return b""
        try:
            return (self.ending.join(lines) + self.ending).encode(self.encoding, "replace")
        except TypeError as error:
            raise TypeError(f"send_line takes str: {error}") from None

    def _part_at_once(self) -> None:
        """`_part` without a turn of the reactor in between, if the system takes all we have to say.

        Only when the plugin's code has returned: it is not to hear of the end within its own call.
        """
        transport, farewell = self.transport, self._farewell or b""
        if self._producing or not isinstance(transport, FileDescriptor):
            self._part()
            return
        # Nothing was written before: whoever writes is a producer.
        try:
            sent = transport.getHandle().send(farewell, MORE) if farewell else 0  # type: ignore[attr-defined]
        except OSError:
            # Full, or gone: the transport will find out.
            sent = 0
        if sent == len(farewell):
            self._farewell = None
            transport.connectionLost(connectionDone)
        else:
            self._farewell = farewell[sent:]
            self._part()

    def _part(self) -> None:
        """Say the last words and let the transport close when they are out."""
        transport = self.transport
        transport.write(self._farewell or b"")
        self._farewell = None
        if self._producing:
            self._stop_producing()
        if self._paused:
            # TLS says goodbye in both directions.
            self._paused = False
            transport.resumeProducing()
        transport.loseConnection()

    def _start_producing(self) -> None:
        if not self._producing:
            self._producing = True
            self.transport.registerProducer(self, True)

    def _stay_open(self) -> None:
        """Have the transport wait for us if it is told to close, by a stop of the service, say."""
        if isinstance(self.transport, FileDescriptor):
            self._start_producing()
            # So it takes us for one who has more to write and was asked to wait.
            self.transport.producerPaused = True

    def _let_close(self) -> None:
        """Nothing is under way: if the transport was told to close, it may."""
        if not self._producing or self._busy & (WORKING | UNREAD):
            return
        if not isinstance(self.transport, FileDescriptor):
            # Under TLS a producer, even an idle one, is always waited for.
            self._stop_producing()
            return
        self.transport.producerPaused = False
        if self.transport.disconnecting:
            self._stop_producing()

    def _stop_producing(self) -> None:
        self._producing = False
        self.transport.unregisterProducer()
        if self._busy & UNREAD:
            self.later(LAST_WORDS_SECONDS, self.transport.abortConnection)

    def _cut_off(self, reason: str, sentence: str) -> None:
        self._busy |= CLOSING
        self.factory.count_cut(reason)
        self.log.warn("cut off: {sentence}", sentence=sentence)
        self.transport.abortConnection()
