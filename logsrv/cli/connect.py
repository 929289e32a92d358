r"""Send standard input to a server, and write out what comes back.

ENDPOINT is where the server listens:

  HOST:PORT         TCP, as tcp:HOST:PORT; the port may be a service's name
  tls:HOST:PORT     TCP with TLS; the server's certificate is checked
  unix:PATH         a UNIX socket

[::1]:1234 is IPv6. After the port, tls: takes :cafile=FILE, authorities to trust instead of the system's;
:hostname=NAME, the name in the certificate, if that is not HOST; :certKey=FILE and :privateKey=FILE, a
certificate to show.

At the end of the input (Ctrl-D) our half of the connection is closed. The command ends when the server
closes; over TLS, where no half can be closed, also when the server has been silent for a second. Input that
comes within a second after the server has closed is still sent: if the server has closed only its half, the
command ends with the input. Ctrl-C ends at once.

On a terminal, control characters of the server are shown escaped. Files and pipes get its bytes unchanged.

Examples:

  logsrv connect logs.example.org:1234
  journalctl -o cat | logsrv connect tls:logs.example.org:6514:cafile=ca.pem

Exit status: 0 when the server closed, 1 when there was no connection, it broke, or input was left.
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
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.cli.arguments import tell
from logsrv.cli.command import Command
from logsrv.errors import LogsrvError
from logsrv.kit.connections.keepalive import keep_alive
from logsrv.kit.connections.transports import Backpressure, unacknowledged_bytes, with_no_delay
from logsrv.kit.net.remote import ARGUMENTS, RemoteAddress, parse_remote, remote_endpoint
from logsrv.kit.observe.peer_log import OTHER_NAME, UNTRUSTED, failure_sentence
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.escape import one_line, printable
from logsrv.kit.text.words import shown
from logsrv.reactor import Timer, chosen_reactor

command = Command("connect", "send standard input to a server, and show its answers", __name__)

CHUNK = 64 * 1024
CONNECT_SECONDS = 10.0
SILENT_SECONDS = 1.0
"""Seconds of silence before the end: of the server over TLS, after the end of the input; of the input,
after the server has closed."""
LOOK_SECONDS = 0.02
"""Seconds between two looks whether the server has acknowledged all."""
# Programs for endpoints without connections.
_OF_NETCAT = {"udp": "nc -u HOST PORT", "unixgram": "nc -uU PATH"}

HINTS = {
    UNTRUSTED: "; cafile=FILE names that authority",
    OTHER_NAME: "; hostname=NAME says for which",
}


class InputLeft(Exception):
    """The reason of an end if the server closed and did not get all of the input."""


class ConnectionFailed(LogsrvError):
    """Raised when a connection fails or breaks."""


def declare(parser: Parser) -> None:
    parser.add_argument(
        "endpoint", metavar="ENDPOINT", type=parse_address, help="where the server listens"
    )


def parse_address(text: str) -> RemoteAddress:
    """Return the address for an endpoint string or for HOST:PORT, which is TCP. Raises ValueError."""
    scheme = text.partition(":")[0]
    if scheme in _OF_NETCAT:
        raise ValueError(f"{shown(text)}: {scheme}: is for {_OF_NETCAT[scheme]}")
    # The colons of [::1] are escaped as in Twisted's endpoint strings.
    text = re.sub(r"\[([^\[\]]*)\]", lambda found: found[1].replace(":", r"\:"), text)
    if scheme not in ARGUMENTS and re.fullmatch(r"(\\.|[^\\:])*:[^:]+", text, re.DOTALL):
        text = f"tcp:{text}"
    return parse_remote(text)


def run(arguments: argparse.Namespace) -> int:
    """Talk to the server, in a reactor of its own. Raises as `talk` does."""
    reactor = chosen_reactor()
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
    reactor.run(installSignalHandlers=False)
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
    return 0


async def talk(address: RemoteAddress, reactor: Any) -> None:
    """Send standard input to a server until it closes. Raises LogsrvError; OSError of our output."""
    client = (TLSClient if address.scheme == "ssl" else PlainClient)(reactor)
    try:
        connecting = connectProtocol(remote_endpoint(address, reactor, CONNECT_SECONDS), client)
        connecting.addCallback(with_no_delay).addCallback(lambda _: client.ready)
        await connecting.addTimeout(CONNECT_SECONDS, reactor)
        keep_alive(client.transport)
        if os.isatty(0):
            tell(f"connected to {one_line(address.label)}; Ctrl-D ends your input, Ctrl-C all")
        either: list[Deferred[Any]] = [read_all(0, client.send, reactor), client.ended]
        await DeferredList(either, fireOnOneCallback=True)
        if not client.ended.called:
            client.end_input()
        reason = await client.ended
        if not isinstance(reason, error.ConnectionDone):
            raise reason
    except Exception as failed:
        if sentence := why_disconnected(failed):
            raise ConnectionFailed(f"{one_line(address.label)}: {sentence}") from failed
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


class Client(Protocol):
    """A connection whose bytes are written to standard output.

    ready: fires when data may be sent, over TLS after the handshake. ended: fires at the end with its
    reason.
    """

    transport: Any

    def __init__(self, reactor: Any) -> None:
        self.ready: Deferred[None] = Deferred()
        self.ended: Deferred[Any] = Deferred()
        self._room = Backpressure()
        self._input_ended = self._server_closed = False
        self._timer = Timer(reactor)
        self._decoder = terminal_decoder() if os.isatty(1) else None

    def connectionMade(self) -> None:
        self.transport.registerProducer(self._room, True)

    def dataReceived(self, data: bytes) -> None:
        if self._decoder is not None:
            data = printable(self._decoder.decode(data)).encode()
        try:
            # This blocks while the reader of our output does not read.
            while data:
                select([], [1], [])
                data = data[os.write(1, data) :]
        except OSError as failed:
            self._end(failed)
            self.transport.abortConnection()

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait until there is room for more."""
        # After the server has closed: if it takes this, it has closed only its half, and may take the rest.
        self._timer.stop()
        was_closed = self._server_closed
        self.transport.write(data)
        await self._room.wait_for_room()
        if self._server_closed and not was_closed:
            self._end_input_after_silence()

    def end_input(self) -> None:
        """Let the transport close when all was sent: it would not while it has a producer."""
        self._input_ended = True
        self.transport.unregisterProducer()

    def _end_input_after_silence(self) -> None:
        """End the input after the server has closed, at a terminal at once."""
        self._timer.start(0 if os.isatty(0) else SILENT_SECONDS, self.end_input)

    def _end(self, reason: BaseException | None) -> None:
        self._timer.stop()
        if not self.ended.called:
            self.ended.callback(reason)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._room.resumeProducing()
        if not self.ready.called:
            self.ready.errback(reason)
        else:
            self._end(InputLeft() if self._server_closed else reason.value)


@implementer(IHalfCloseableProtocol)
class PlainClient(Client):
    """A connection of which each side closes its half.

    Only a client of TLS listens to a handshake: of these two interfaces, Twisted's endpoints pass on one.
    """

    _half_closed = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self.ready.callback(None)

    def end_input(self) -> None:
        """Close our half."""
        super().end_input()
        self.transport.loseWriteConnection()

    def writeConnectionLost(self) -> None:
        self._half_closed = True
        if self._server_closed:
            self._end_when_acknowledged()

    def readConnectionLost(self) -> None:
        """End after the input.

        The reactor may have seen of a reset that there was something, and not yet what: its poll says
        so first, and Twisted takes that for the server's close. The socket tells.
        """
        try:
            self.transport.getHandle().recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            self._end(error.ConnectionLost())
            self.transport.abortConnection()
            return
        self._server_closed = True
        if self._half_closed:
            self._end_when_acknowledged()
        elif not (self._input_ended or self._room.full):
            self._end_input_after_silence()

    def _end_when_acknowledged(self) -> None:
        is_reset = self.transport.getHandle().getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # The close of our half counts as a byte.
        if not is_reset and unacknowledged_bytes(self.transport) > 1:
            self._timer.start(LOOK_SECONDS, self._end_when_acknowledged)
            return
        self._end(InputLeft() if is_reset else error.ConnectionDone())
        self.transport.loseConnection()


@implementer(IHandshakeListener)
class TLSClient(Client):
    """A connection over TLS, of which Twisted closes no half."""

    def handshakeCompleted(self) -> None:
        self.ready.callback(None)

    def dataReceived(self, data: bytes) -> None:
        if self._timer.running:
            self._timer.start(SILENT_SECONDS, self.transport.loseConnection)
        super().dataReceived(data)

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait until there is room for more."""
        if self._server_closed:
            self._end(InputLeft())
        else:
            await super().send(data)

    def end_input(self) -> None:
        """Close the connection after silence of the server."""
        super().end_input()
        if self._server_closed:
            self._end(error.ConnectionDone())
        else:
            self._timer.start(SILENT_SECONDS, self.transport.loseConnection)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._input_ended and not self._timer.running and reason.check(error.ConnectionLost):
            # Many servers do not answer our close of TLS with their own.
            reason = Failure(error.ConnectionDone())
        elif self.ready.called and reason.check(error.ConnectionDone) and not self._input_ended:
            self._server_closed = True
            if not self._room.full:
                self._end_input_after_silence()
                return
        super().connectionLost(reason)


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
        case InputLeft():
            return "the server closed before it had all of the input"
        case error.TimeoutError() | defer.TimeoutError() | error.ConnectingCancelledError():
            return f"no answer in {CONNECT_SECONDS:g} s"
        case error.ConnectError(osError=int(number)):
            return os.strerror(number)
        case error.ConnectionLost():
            return "the connection broke off; the answer may be incomplete"
    why = failure_sentence(Failure(failed))
    return why + HINTS.get(why, "")
