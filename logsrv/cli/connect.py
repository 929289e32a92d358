r"""Send standard input to a server, and write out what comes back.

ENDPOINT is where the server listens:

  HOST:PORT         TCP, as tcp:HOST:PORT; the port may be a service's name
  tls:HOST:PORT     TCP with TLS; the server's certificate is checked
  unix:PATH         a UNIX socket

[::1]:1234 is IPv6. After the port, tls: takes :cafile=FILE, authorities to trust instead of the system's;
:hostname=NAME, the name in the certificate, if that is not HOST; :certKey=FILE and :privateKey=FILE, a
certificate to show.

At the end of the input (Ctrl-D) our half of the connection is closed. The command ends when the server
closes; over TLS, where no half can be closed, also when the server has been silent for a second. Ctrl-C
ends at once.

On a terminal, control characters of the server are shown escaped. Files and pipes get its bytes unchanged.

Examples:

  logsrv connect logs.example.org:1234
  journalctl -o cat | logsrv connect tls:logs.example.org:6514:cafile=ca.pem

Exit status: 0 when the server closed, 1 when there was no connection or it broke.
"""

from __future__ import annotations

import argparse
import codecs
import io
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from select import select
from typing import Any

from twisted.internet import defer, error
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.threads import blockingCallFromThread
from twisted.logger import globalLogBeginner
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.cli.arguments import tell
from logsrv.cli.command import Command
from logsrv.errors import LogsrvError
from logsrv.kit.connections.transports import Backpressure, with_no_delay
from logsrv.kit.net.remote import ARGUMENTS, RemotePlace, parse_remote, remote_endpoint
from logsrv.kit.observe.peer_log import OTHER_NAME, UNTRUSTED, failure_sentence
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.gone import gone_sentence
from logsrv.kit.text.escape import one_line, printable
from logsrv.kit.text.words import shown

command = Command("connect", "send standard input to a server, and show its answers", __name__)

CHUNK = 64 * 1024
CONNECT_SECONDS = 10.0
SILENT_SECONDS = 1.0
"""Seconds of silence before the end, over TLS and after the end of the input."""

HINTS = {
    UNTRUSTED: "; cafile=FILE names that authority",
    OTHER_NAME: "; hostname=NAME says for which",
}


class ConnectionFailed(LogsrvError):
    """Raised when a connection fails or breaks."""


def declare(parser: Parser) -> None:
    parser.add_argument(
        "endpoint", metavar="ENDPOINT", type=parse_place, help="where the server listens"
    )


def parse_place(text: str) -> RemotePlace:
    """Return the place for an endpoint string or for HOST:PORT, which is TCP. Raises ValueError."""
    scheme = text.partition(":")[0]
    if gone := gone_sentence("logsrv connect", f"{scheme}:"):
        raise ValueError(f"{shown(text)}: {scheme}: is {gone}")
    # The colons of [::1] are escaped as in Twisted's endpoint strings.
    text = re.sub(r"\[([^\[\]]*)\]", lambda found: found[1].replace(":", r"\:"), text)
    if scheme not in ARGUMENTS and re.fullmatch(r"(\\.|[^\\:])*:[^:]+", text, re.DOTALL):
        text = f"tcp:{text}"
    return parse_remote(text)


def run(arguments: argparse.Namespace) -> int:
    """Talk to the server, in a reactor of its own. Raises as `talk` does."""
    from twisted.internet import reactor

    # Drop Twisted's log, which is not part of the conversation.
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    # Not in the background of a shell, where Ctrl-C is ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))
    outcome: list[Any] = []

    def begin() -> None:
        talking = Deferred.fromCoroutine(talk(arguments.endpoint, reactor))
        talking.addBoth(outcome.append).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run(installSignalHandlers=False)  # type: ignore[call-arg]
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
    return 0


async def talk(place: RemotePlace, reactor: Any) -> None:
    """Send standard input to a server until it closes. Raises LogsrvError; OSError of our output."""
    client = Client()
    try:
        connecting = connectProtocol(remote_endpoint(place, reactor, CONNECT_SECONDS), client)
        connecting.addCallback(with_no_delay).addCallback(lambda _: client.ready)
        await connecting.addTimeout(CONNECT_SECONDS, reactor)
        if os.isatty(0):
            tell(f"connected to {one_line(place.label)}; Ctrl-D ends your input, Ctrl-C all")
        either: list[Deferred[Any]] = [read_all(0, client.send, reactor), client.ended]
        await DeferredList(either, fireOnOneCallback=True)
        if not client.ended.called:
            client.end_input(reactor)
        reason = await client.ended
        if not isinstance(reason, error.ConnectionDone):
            raise reason
    except Exception as failed:
        if sentence := why_disconnected(failed):
            raise ConnectionFailed(f"{one_line(place.label)}: {sentence}") from failed
        raise


def read_all(
    descriptor: int, take: Callable[[bytes], Coroutine[Any, Any, None]], reactor: Any
) -> Deferred[None]:
    """Read a file of any kind in a thread, and await `take` for each chunk before reading the next.

    The Deferred fires after the last chunk.
    """
    ended: Deferred[None] = Deferred()

    def read() -> None:
        with suppress(OSError):
            # Another program may have made it non-blocking.
            while select([descriptor], [], []) and (data := os.read(descriptor, CHUNK)):
                blockingCallFromThread(reactor, begin, data)
        reactor.callFromThread(ended.callback, None)

    def begin(data: bytes) -> Any:
        return Deferred.fromCoroutine(take(data))

    # A daemon thread, because nothing can interrupt its read of a terminal or a silent pipe.
    threading.Thread(target=read, daemon=True, name="standard input").start()
    return ended


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class Client(Protocol):
    """A connection whose bytes are written to standard output.

    ready: fires when data may be sent, over TLS after the handshake. ended: fires at the end with its
    reason.
    """

    transport: Any

    def __init__(self) -> None:
        self.ready: Deferred[None] = Deferred()
        self.ended: Deferred[Any] = Deferred()
        self._room = Backpressure()
        self._silence: Any = None
        self._decoder = terminal_decoder() if os.isatty(1) else None

    def connectionMade(self) -> None:
        self.transport.registerProducer(self._room, True)
        if not isinstance(self.transport, TLSMemoryBIOProtocol):
            self.ready.callback(None)

    def handshakeCompleted(self) -> None:
        self.ready.callback(None)

    def dataReceived(self, data: bytes) -> None:
        if self._silence is not None and self._silence.active():
            self._silence.reset(SILENT_SECONDS)
        if self._decoder is not None:
            data = printable(self._decoder.decode(data)).encode()
        try:
            # This blocks while the reader of our output does not read.
            while data:
                select([], [1], [])
                data = data[os.write(1, data) :]
        except OSError as failed:
            self.ended.callback(failed)
            self.transport.abortConnection()

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait until there is room for more."""
        self.transport.write(data)
        await self._room.wait_for_room()

    def end_input(self, reactor: Any) -> None:
        """Close our half; over TLS, which Twisted cannot half-close, close all after silence."""
        # While a producer is registered, the transport would not close.
        self.transport.unregisterProducer()
        if isinstance(self.transport, TLSMemoryBIOProtocol):
            self._silence = reactor.callLater(SILENT_SECONDS, self.transport.loseConnection)
        else:
            self.transport.loseWriteConnection()

    def writeConnectionLost(self) -> None:
        pass

    def readConnectionLost(self) -> None:
        """End. Not over TLS.

        The reactor may have seen of a reset that there was something, and not yet what: its poll says
        so first, and Twisted takes that for the server's close. The socket tells.
        """
        try:
            self.transport.getHandle().recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            self.ended.callback(error.ConnectionLost())
        else:
            self.ended.callback(error.ConnectionDone())
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._room.resumeProducing()
        if not self.ready.called:
            self.ready.errback(reason)
        elif not self.ended.called:
            # Many servers do not answer our close of TLS with their own.
            is_ours = self._silence is not None and not self._silence.active()
            is_cut = reason.check(error.ConnectionLost) is not None
            self.ended.callback(error.ConnectionDone() if is_ours and is_cut else reason.value)


def terminal_decoder() -> io.IncrementalNewlineDecoder:
    """Return a decoder of UTF-8 that escapes other bytes; CR LF and CR become LF."""
    return io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder("utf-8")("backslashreplace"), translate=True
    )


def why_disconnected(failed: Exception) -> str:
    """Return why a connection failed or broke; empty if the error is not the connection's."""
    match failed:
        case error.DNSLookupError():
            return "there is no host of that name"
        case LogsrvError() | OSError():
            return ""
        case error.TimeoutError() | defer.TimeoutError() | error.ConnectingCancelledError():
            return f"no answer in {CONNECT_SECONDS:g} s"
        case error.ConnectError(osError=int(number)):
            return os.strerror(number)
        case error.ConnectionLost():
            return "the connection broke off; what came may not be all"
    why = failure_sentence(Failure(failed))
    return why + HINTS.get(why, "")
