"""Connecting: a target becomes a connection that is written to, and that shows what it hears."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from twisted.internet import error, protocol
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    UNIXClientEndpoint,
    clientFromString,
    wrapClientTLS,
)
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.cli.client.display import Display
from logsrv.cli.client.failures import ConnectionFailed, connection_failed
from logsrv.cli.client.target import Target
from logsrv.cli.client.tls import TLSOptions, tls_creator
from logsrv.errors import ConfigurationError
from logsrv.kit.values import shown

Show = Callable[[bytes], None]
RETRY_SECONDS = 0.01
ANY_IPV6 = "::"
LONGEST = 256 * 1024
"""Bytes of a datagram; a UNIX socket's may be longer than those of UDP."""


class Peer(Protocol):
    """The other end, as those who type see it.

    ended: fires when the conversation is over, however; it never fails.
    failure: why it broke, then; None when the peer, or `close`, closed it.
    """

    ended: Deferred[None]
    failure: ConnectionFailed | None

    def send(self, data: bytes) -> None: ...

    async def room(self) -> None:
        """Wait until the peer has taken enough of what was sent that more may be sent."""

    def end_input(self) -> bool:
        """Say that no more comes. Whether the peer can notice, and so may be expected to close."""

    def close(self) -> None: ...


@implementer(IPushProducer)
class Room:
    """What a transport tells that has enough to send, or again has not; and waiting for it."""

    def __init__(self) -> None:
        self._full = False
        self._waiting: list[Deferred[None]] = []

    def pauseProducing(self) -> None:
        self._full = True

    def resumeProducing(self) -> None:
        self._full = False
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def stopProducing(self) -> None:
        self.resumeProducing()

    async def wait(self) -> None:
        if self._full:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class Stream(protocol.Protocol):
    """A connection."""

    transport: Any

    def __init__(self, target: Target, display: Display, show: Show, timeout: float) -> None:
        self.ended: Deferred[None] = Deferred()
        self.failure: ConnectionFailed | None = None
        self.established: Deferred[Stream] = Deferred()
        self.encrypted = target.scheme == "tls"
        self._target = target
        self._timeout = timeout
        self._display = display
        self._show = show
        self._room = Room()

    def connectionMade(self) -> None:
        self.transport.registerProducer(self._room, True)
        if not self.encrypted:
            self.established.callback(self)

    def handshakeCompleted(self) -> None:
        if not self.established.called:
            self.established.callback(self)

    def dataReceived(self, data: bytes) -> None:
        self._show(self._display.received(data))
        answers = self._display.answers()
        if answers:
            self.send(answers)

    def send(self, data: bytes) -> None:
        self._show(self._display.sent(data))
        self.transport.write(data)

    async def room(self) -> None:
        await self._room.wait()

    def end_input(self) -> bool:
        # Twisted's TLS cannot close one side only.
        if isinstance(self.transport, TLSMemoryBIOProtocol):
            return False
        self._unregister()
        self.transport.loseWriteConnection()
        return True

    def _unregister(self) -> None:
        # A transport does not close as long as it has a producer.
        self.transport.unregisterProducer()
        self._room.resumeProducing()

    def readConnectionLost(self) -> None:
        self.close()

    def writeConnectionLost(self) -> None:
        """We have said all; the peer may go on."""

    def close(self) -> None:
        self._unregister()
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self._room.resumeProducing()
        self._show(self._display.finish())
        if not self.established.called:
            self.established.errback(reason)
        else:
            if not reason.check(error.ConnectionDone):
                self.failure = connection_failed(value_of(reason), self._target, self._timeout)
            self.ended.callback(None)


class Datagrams(protocol.ConnectedDatagramProtocol):
    """A socket whose datagrams all go to, and come from, one peer."""

    transport: Any

    def __init__(self, target: Target, display: Display, show: Show, clock: IReactorTime) -> None:
        self.ended: Deferred[None] = Deferred()
        self.failure: ConnectionFailed | None = None
        self.path: Path | None = None
        self._target = target
        self._display = display
        self._show = show
        self._clock = clock
        self._unsent: list[bytes] = []
        self._room = Room()

    def datagramReceived(self, datagram: bytes, addr: Any = None) -> None:
        self._show(self._display.received(datagram))

    def send(self, data: bytes) -> None:
        self._show(self._display.sent(data))
        self._unsent.append(data)
        if len(self._unsent) == 1:
            self._flush()

    def _flush(self) -> None:
        while self._unsent and not self.ended.called:
            try:
                taken = self.transport.write(self._unsent[0])
            except BlockingIOError:
                taken = None
            except (OSError, error.MessageLengthError) as failed:
                self._fail(failed)
                return
            if taken is None:
                # A UNIX socket's receiver is slower than we are, and there is no event for that.
                self._room.pauseProducing()
                self._clock.callLater(RETRY_SECONDS, self._flush)
                return
            self._unsent.pop(0)
        self._room.resumeProducing()

    async def room(self) -> None:
        await self._room.wait()

    def end_input(self) -> bool:
        return False

    def close(self) -> None:
        if self.ended.called:
            return
        self.ended.callback(None)
        self._room.resumeProducing()
        if self.transport is not None:
            self.transport.stopListening()
        if self.path:
            self.path.unlink(missing_ok=True)
            self.path.parent.rmdir()

    def connectionRefused(self) -> None:
        self._fail(error.ConnectionRefusedError())

    def connectionFailed(self, failure: Failure) -> None:
        self._fail(value_of(failure))

    def stopProtocol(self) -> None:
        # An answer "port unreachable" (ICMP) makes epoll report an error, on which Twisted closes.
        self._fail(error.ConnectionRefusedError())

    def _fail(self, reason: BaseException) -> None:
        if not self.ended.called:
            self.failure = connection_failed(reason, self._target, 0)
            self.close()


def value_of(failure: Failure) -> BaseException:
    """The exception of a failure."""
    return failure.value or RuntimeError("no reason given")


async def dial(
    target: Target, options: TLSOptions, display: Display, show: Show, timeout: float, reactor: Any
) -> Peer:
    """Connect, within `timeout` seconds. Raises ConfigurationError or ConnectionFailed."""
    if options.given and target.scheme != "tls":
        raise ConfigurationError(
            f"{shown(target.text)} is not encrypted; certificates go with tls:HOST:PORT"
        )
    try:
        if target.is_datagram:
            return await _datagrams(
                target, Datagrams(target, display, show, reactor), timeout, reactor
            )
        stream = Stream(target, display, show, timeout)
        return await _connected(
            _endpoint(target, options, timeout, reactor), stream, timeout, reactor
        )
    except ConfigurationError:
        raise
    except Exception as failed:
        raise connection_failed(failed, target, timeout) from failed


async def _connected(
    endpoint: IStreamClientEndpoint, stream: Stream, timeout: float, reactor: Any
) -> Stream:
    factory = Factory.forProtocol(lambda: stream)  # type: ignore[arg-type]
    factory.noisy = False
    # In one clock: name, connection and TLS together are what one waits for.
    connecting = endpoint.connect(factory)
    connecting.addTimeout(timeout, reactor)
    await connecting
    stream.established.addTimeout(timeout, reactor)
    try:
        return await stream.established
    except BaseException:
        stream.transport.abortConnection()
        raise


def _endpoint(
    target: Target, options: TLSOptions, timeout: float, reactor: Any
) -> IStreamClientEndpoint:
    if target.scheme == "twisted":
        try:
            endpoint: IStreamClientEndpoint = clientFromString(reactor, target.text)
            return endpoint
        except Exception as wrong:
            sentence = shown(str(wrong) or type(wrong).__name__)
            raise ConfigurationError(f"{shown(target.text)}: {sentence}") from None
    if target.scheme == "unix":
        return UNIXClientEndpoint(reactor, target.path, timeout)
    by_name = HostnameEndpoint(reactor, target.host, target.port, timeout)
    if target.scheme == "tls":
        return wrapClientTLS(tls_creator(options, target.host), by_name)
    return by_name


async def _datagrams(
    target: Target, datagrams: Datagrams, timeout: float, reactor: Any
) -> Datagrams:
    if target.scheme == "unixgram":
        # Bound to a path of its own: else the peer could not answer.
        directory = tempfile.mkdtemp(prefix="logsrv-connect-")
        datagrams.path = Path(directory, "socket")
        try:
            reactor.connectUNIXDatagram(
                target.path, datagrams, maxPacketSize=LONGEST, bindAddress=str(datagrams.path)
            )
        except BaseException:
            datagrams.path.unlink(missing_ok=True)
            os.rmdir(directory)
            raise
        return datagrams
    address = await _resolved(target, timeout, reactor)
    port = reactor.listenUDP(
        0, datagrams, interface=ANY_IPV6 if ":" in address else "", maxPacketSize=LONGEST
    )
    try:
        datagrams.transport.connect(address, target.port)
    except BaseException:
        await port.stopListening()
        raise
    return datagrams


async def _resolved(target: Target, timeout: float, reactor: Any) -> str:
    from socket import SOCK_DGRAM, gaierror, getaddrinfo

    from twisted.internet.threads import deferToThreadPool

    looking = deferToThreadPool(
        reactor, reactor.getThreadPool(), getaddrinfo, target.host, target.port, type=SOCK_DGRAM
    )
    try:
        found = await looking.addTimeout(timeout, reactor)
    except gaierror:
        raise error.DNSLookupError(target.host) from None
    # A service on this machine is more often bound to 127.0.0.1 alone than to ::1 alone.
    addresses = [str(entry[4][0]) for entry in found]
    return min(addresses, key=lambda address: ":" in address)
