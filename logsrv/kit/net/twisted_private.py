"""The private and undocumented parts of Twisted that we use, each with why it is needed.

test_twisted_private.py and test_twisted_tls.py in tests/kit/net say by behaviour what is relied on, and
run with the oldest and the newest Twisted that we support.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from OpenSSL import SSL
from twisted.internet import main, tcp, unix
from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IDelayedCall,
    IFileDescriptorReceiver,
    IProtocolNegotiationFactory,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from logsrv.kit.net.bind import file_of_socket
from logsrv.kit.net.certificates import RenewableCertificate

# Received at a time: the most from when the least was not enough until little came. 256 KiB take half
# the CPU time per line that 64 do. But memory for it has to be had before it is known how little has
# arrived, and glibc has the kernel map and unmap that for each call, unless it was told otherwise.
LEAST_RECEIVED = 64 * 1024
MOST_RECEIVED = 256 * 1024
LITTLE = 4 * 1024
# Encrypted bytes given to OpenSSL at a time: it keeps a buffer as large for as long as a connection.
ENCRYPTED = 64 * 1024
# Last words and the end of a connection go out in one packet instead of two (Linux; tcp(7)).
MORE = getattr(socket, "MSG_MORE", 0)
# A peer that reads nothing of what is still there for it gets as long.
GOODBYE_SECONDS = 5.0
# Errors of a connection that accept(2) hands on as its own.
BROKEN_BEFORE = frozenset(
    getattr(errno, name)
    for name in (
        "ENETDOWN", "EPROTO", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "EOPNOTSUPP",
        "ENETUNREACH",
    )
    if hasattr(errno, name)
)  # fmt: skip
# The most that one record of TLS holds (RFC 8446 section 5.1).
RECORD = 16 * 1024


class ReceivingTCP(tcp.Server):
    """A `tcp.Server` that receives more at a time while there is much to receive.

    `bufferSize` would do as well if it were not also how much may wait to be sent.
    """

    _most = LEAST_RECEIVED

    def doRead(self) -> ConnectionDone | ConnectionLost | None:  # type: ignore[override]
        most = self._most
        try:
            data = self.socket.recv(most)
        except BlockingIOError:
            return None
        except OSError:
            return main.CONNECTION_LOST
        if not data:
            return main.CONNECTION_DONE
        received = len(data)
        if received == LEAST_RECEIVED:
            self._most = MOST_RECEIVED
        elif received < LITTLE and most > LEAST_RECEIVED:
            self._most = LEAST_RECEIVED
        self.protocol.dataReceived(data)
        return None


class AcceptedTCP(ReceivingTCP):
    """Waits for input only when its protocol has been connected.

    Twisted's own does so before, which costs one that says something and closes two epoll_ctl(2) for
    nothing, a fifth of all its work.
    """

    _connected_protocol = False
    _wants_input = False

    def startReading(self) -> None:
        if self._connected_protocol:
            super().startReading()
        else:
            self._wants_input = True

    def stopReading(self) -> None:
        if self._connected_protocol:
            super().stopReading()
        else:
            self._wants_input = False

    def protocol_connected(self) -> None:
        """`connectionMade` has returned: watch for input, unless the protocol said otherwise."""
        self._connected_protocol = True
        if self._wants_input:
            super().startReading()


class ReceivingUNIX(unix.Server):
    """The same for a UNIX socket. Descriptors sent to one who takes none are closed by the kernel."""

    _most = LEAST_RECEIVED

    def doRead(self) -> Any:
        if IFileDescriptorReceiver.providedBy(self.protocol):
            return super().doRead()
        return ReceivingTCP.doRead(self)  # type: ignore[arg-type]


class GatheringTLS(BufferingTLSTransport):
    """Hands on what was decrypted from one chunk at once, where Twisted does so for each record.

    It waits for the peer's goodbye no longer than GOODBYE_SECONDS after its own has gone out. Nobody
    has to send one (RFC 8446 section 6.1), and Twisted would wait for ever.
    """

    _waiting: IDelayedCall | None = None
    _unsent = 0

    def _shutdownTLS(self) -> None:
        super()._shutdownTLS()
        if self._waiting is None and not self._aborted:
            self._unsent = -1
            self._wait()

    def _wait(self) -> None:
        self._waiting = self.factory._clock.callLater(GOODBYE_SECONDS, self._waited)  # type: ignore[union-attr]

    def _waited(self) -> None:
        transport: Any = self.transport
        unsent, before = unsent_by(transport), self._unsent
        if not unsent:
            transport.loseConnection()
        elif unsent == before:
            self.abortConnection()
        else:
            self._unsent = unsent
            self._wait()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._waiting is not None and self._waiting.active():
            self._waiting.cancel()
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        if not self._handshakeDone or self._appSendBuffer:
            # In the end this, too, calls `_flushReceiveBIO`.
            super().dataReceived(data)
        else:
            self._receive(data)

    def _flushReceiveBIO(self) -> None:
        if not self._lostTLSConnection:
            self._receive(b"")

    def _receive(self, encrypted: bytes) -> None:
        texts: list[bytes] = []
        end = self._decrypt(memoryview(encrypted), texts)
        if texts and not self._aborted:
            ProtocolWrapper.dataReceived(self, texts[0] if len(texts) == 1 else b"".join(texts))
        if end is None:
            self._flushSendBIO()
        elif not self._lostTLSConnection:
            goodbye = end.check(SSL.ZeroReturnError)
            if goodbye:
                self._shutdownTLS()
            self._tlsShutdownFinished(None if goodbye else end)

    def _decrypt(self, encrypted: memoryview, texts: list[bytes]) -> Failure | None:
        """Append to `texts` what can be read; gives what ended the connection, if anything did."""
        connection = self._tlsConnection
        at = 0
        while True:
            if at < len(encrypted):
                connection.bio_write(encrypted[at : at + ENCRYPTED])
                at += ENCRYPTED
            try:
                while True:
                    texts.append(connection.recv(RECORD))
            except SSL.WantReadError:
                if at >= len(encrypted):
                    return None
            except SSL.Error:
                return Failure()


def unsent_by(transport: Any) -> int:
    """Return how many bytes a transport keeps because the system does not take them."""
    if not isinstance(transport, FileDescriptor):
        return 0
    return len(transport.dataBuffer) - transport.offset + transport._tempDataLen


class AcceptingSocket(socket.socket):
    """A listening socket for which a connection that broke before it was accepted was never there.

    accept(2) says to take these errors for EAGAIN; Twisted logs a traceback for each.
    """

    __slots__ = ()

    def accept(self) -> tuple[socket.socket, Any]:
        try:
            return super().accept()
        except OSError as error:
            if error.errno in BROKEN_BEFORE:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from error
            raise


TRANSPORTS = {tcp.Server: ReceivingTCP, unix.Server: ReceivingUNIX}


def make_ours(port: Any, *, layered: bool) -> None:
    """Let a port that listens make the transports of this module, if it would make Twisted's.

    layered: there is a protocol between each transport and ours, such as that of TLS.
    """
    if isinstance(port, unix.Port) and not isinstance(port, KeptUNIXPort):
        keep_files_of_others(port)
    if type(getattr(port, "socket", None)) is socket.socket:
        port.socket.__class__ = AcceptingSocket
    made = getattr(port, "transport", None)
    if made is tcp.Server and not layered:
        port.transport = AcceptedTCP
    elif made in TRANSPORTS:
        port.transport = TRANSPORTS[made]
    factory = getattr(port, "factory", None)
    if isinstance(factory, TLSMemoryBIOFactory):
        refuse_before_tls(factory)
        if factory.protocol is BufferingTLSTransport:
            factory.protocol = GatheringTLS


def refuse_before_tls(factory: TLSMemoryBIOFactory) -> None:
    """Let the factory under that of TLS refuse a connection by building no protocol.

    The port then closes it at once. Twisted would wrap None, and what is aborted instead keeps its
    descriptor until all who wait have been accepted.
    """

    def build(address: Any) -> Any:
        protocol = factory.wrappedFactory.buildProtocol(address)
        return None if protocol is None else factory.protocol(factory, protocol)

    factory.buildProtocol = build  # type: ignore[method-assign, assignment]


def keep_files_of_others(port: unix.Port) -> None:
    """Let a port that has just been bound remove its file when it ends, but no other of that name.

    Twisted removes whatever is there by then: the socket of the program that came after us, say.
    """
    path = port.getHost().name
    ours = file_of_socket(path)

    def end(reason: Any) -> None:
        if ours is None or file_of_socket(path) == ours:
            unix.Port.connectionLost(port, reason)
            return
        if port.lockFile is not None:
            port.lockFile.unlock()
        tcp.Port.connectionLost(port, reason)

    port.connectionLost = end  # type: ignore[method-assign]


def close_shared_socket(port: Any) -> None:
    """Close our descriptor of a listening socket, and nothing more: others have it as well.

    `stopListening` would shut a UNIX socket down for all of them and delete its file.
    """
    port.stopReading()
    port.socket.close()


def close_socket(port: Any) -> None:
    """Close the socket of a port whose `stopListening` raised before it came to that."""
    port.socket.close()


def is_encrypted(transport: Any) -> bool:
    """Return true if there is TLS somewhere under `transport`.

    A wrapper such as that of `haproxy:` may stand on either side of it, and passes on attributes that
    it lacks: so only its own are asked.
    """
    while transport is not None:
        if isinstance(transport, TLSMemoryBIOProtocol):
            return True
        transport = getattr(transport, "__dict__", {}).get("transport")
    return False


def certified(endpoint: Any, parse: Callable[[], Any]) -> RenewableCertificate | None:
    """Let an `ssl:` endpoint go by a certificate that can be renewed; None for any other endpoint.

    It serves clients whatever protocols they offer (ALPN, RFC 7301): Twisted ends the handshake of
    every client that offers protocols where none of them is wanted, with an "internal error", and
    most of what we serve has no registered name.

    parse: makes such an endpoint anew, which reads the files of key and certificate.
    """
    if not hasattr(endpoint, "_sslContextFactory"):
        return None

    def load() -> SSL.Context:
        context: SSL.Context = parse()._sslContextFactory.getContext()
        context.set_alpn_select_callback(select)
        return context

    endpoint._sslContextFactory = certificate = RenewableCertificate(load)
    return certificate


def select(connection: SSL.Connection, offered: Sequence[bytes]) -> Any:
    """The first protocol that the listener's factory wants and the client offers, if there is one."""
    factory = connection.get_app_data().factory
    while isinstance(factory, WrappingFactory):
        factory = factory.wrappedFactory
    negotiation = IProtocolNegotiationFactory(factory, None)
    for wanted in negotiation.acceptableProtocols() if negotiation is not None else ():
        if wanted in offered:
            return wanted
    return SSL.NO_OVERLAPPING_PROTOCOLS


def can_half_close(transport: object) -> bool:
    """Return true if one side can be closed alone; under TLS it cannot."""
    return isinstance(transport, FileDescriptor)


def keep_open(transport: object) -> None:
    """Have a transport wait for its producer if it is told to close, by a stop of the service, say.

    Under TLS that is done by having a producer. Others close in spite of one that is idle: they have
    to take it for one who has more to write and was asked to wait.
    """
    if isinstance(transport, FileDescriptor):
        transport.producerPaused = True


def stop_keeping(transport: object) -> bool:
    """Undo `keep_open`; whether the producer has to be taken away for the transport to close."""
    if not isinstance(transport, FileDescriptor):
        if getattr(transport, "disconnecting", False):
            # TLS gathers small writes for a turn of the reactor, and lets go of them only for this.
            transport.loseConnection()  # type: ignore[attr-defined]
        return True
    transport.producerPaused = False
    return bool(transport.disconnecting)


def close_at_once(transport: object, data: bytes) -> bytes | None:
    """Send `data` and close, in one packet and now; gives what is left if that was not possible.

    Only for a transport that has nothing to write and no producer. Its protocol hears of the end
    before this returns.
    """
    if not isinstance(transport, FileDescriptor):
        return data
    try:
        sent = transport.getHandle().send(data, MORE) if data else 0  # type: ignore[attr-defined]
    except OSError:
        # Full, or gone: the transport will find out.
        sent = 0
    if sent < len(data):
        return data[sent:]
    transport.connectionLost(connectionDone)
    return None


class KeptUNIXPort(unix.Port):
    """Leaves its socket, and the file of it, as they are when it ends: another process serves them."""

    _shouldShutdown = False

    def connectionLost(self, reason: Any) -> None:
        tcp.Port.connectionLost(self, reason)

    @classmethod
    def adopt(
        cls, reactor: Any, descriptor: int, factory: Any, mode: int, backlog: int
    ) -> KeptUNIXPort:
        """A port for a socket that is there: what `adoptStreamPort` does, but of this class."""
        port: KeptUNIXPort = cls._fromListeningDescriptor(reactor, descriptor, factory)
        port.mode = mode
        port.backlog = backlog
        return port

    def socket_for_others(self) -> socket.socket:
        """The listening socket once more."""
        return self.socket.dup()
