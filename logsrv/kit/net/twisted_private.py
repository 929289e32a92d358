"""The private and undocumented parts of Twisted that we use, each with why it is needed.

Those of TLS are in twisted_tls, ports and transports in twisted_streams. The tests of all three say by
behaviour what is relied on, and run with the oldest and the newest Twisted that we support.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.abstract import FileDescriptor
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, _WrappingProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import globalLogPublisher
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.http import _ChunkedTransferDecoder

from logsrv.kit.net.bind import file_of_socket
from logsrv.kit.net.tls.twisted_tls import improve_tls, tls_under
from logsrv.kit.net.twisted_streams import (
    AcceptedTCP,
    AcceptingPort,
    AcceptingSocket,
    ReceivingTCP,
    ReceivingUNIX,
)

# Last words and the end of a connection go out in one packet instead of two (Linux; tcp(7)).
MORE = getattr(socket, "MSG_MORE", 0)


def make_ours(port: Any, *, layered: bool) -> None:
    """Let a port that listens make the transports of twisted_streams, if it would make Twisted's.

    layered: there is a protocol between each transport and ours, such as that of TLS.
    """
    if isinstance(port, unix.Port) and not isinstance(port, KeptUNIXPort):
        keep_files_of_others(port)
    if type(getattr(port, "socket", None)) is socket.socket:
        port.socket.__class__ = AcceptingSocket
    if type(port) is tcp.Port:
        port.__class__ = AcceptingPort
    made = getattr(port, "transport", None)
    if made is tcp.Server:
        port.transport = ReceivingTCP if layered else AcceptedTCP
    elif made is unix.Server:
        port.transport = ReceivingUNIX
    factory = getattr(port, "factory", None)
    if isinstance(factory, TLSMemoryBIOFactory):
        improve_tls(factory)


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


def close_socket(port: Any) -> None:
    """Close our descriptor of a listening socket, and nothing more: others may have it as well.

    `stopListening` would shut a UNIX socket down for all of them and delete its file; or it has raised
    before it came to the socket.
    """
    port.stopReading()
    port.socket.close()


def keep_inherited(endpoint: Any) -> None:
    """Have an endpoint adopt a duplicate of the descriptor that the service manager gave us.

    Twisted closes the one that an endpoint adopts. Its number then goes to what is opened next, and would
    stand for that when the endpoint is listened on again. Raises OSError.
    """
    if isinstance(endpoint, AdoptedStreamServerEndpoint):
        os.set_inheritable(endpoint.fileno, False)
        endpoint.fileno = os.dup(endpoint.fileno)


def protocol_of(transport: Any) -> Any:
    """Return the protocol that a transport calls, without what a client's endpoint puts around it.

    TLS and `haproxy:` are asked first: they pass on the names that they lack to what is under them.
    """
    called = getattr(transport, "wrappedProtocol", None) or getattr(transport, "protocol", None)
    return called._wrappedProtocol if isinstance(called, _WrappingProtocol) else called


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


def send_at_once(transport: object, data: bytes) -> bytes:
    """Send `data` now, as much of it as the system takes; gives what is left for `transport.write`.

    `write` waits for a turn of the reactor: two epoll_ctl(2) and one more event for each answer.
    """
    if isinstance(transport, tcp.Connection) and _is_clear(transport):
        return _send(transport, data)
    return data


def close_at_once(transport: object, data: bytes) -> bytes | None:
    """Send `data` and close, in one packet and now; gives what is left if that was not possible.

    Only for a transport that has no producer. Its protocol hears of the end before this returns.
    """
    if not (isinstance(transport, tcp.Connection) and _is_clear(transport)):
        return data
    if data and (left := _send(transport, data, MORE)):
        return left
    transport.connectionLost(connectionDone)
    return None


def _send(transport: tcp.Connection, data: bytes, flags: int = 0) -> bytes:
    try:
        sent = transport.socket.send(data, flags)
    except OSError:
        # Full, or gone: the transport will find out.
        return data
    return data[sent:] if sent < len(data) else b""


def _is_clear(transport: tcp.Connection) -> bool:
    """Return whether what is sent now goes out as it is, and before nothing that has to go first."""
    return not (
        transport.dataBuffer
        or transport._tempDataBuffer
        or transport.TLS
        or transport.disconnecting
        or transport._writeDisconnecting
        or not transport.connected
        # Descriptors go with bytes that are written after them.
        or getattr(transport, "_sendmsgQueue", None)
    )


def stop_accepting(port: Any) -> None:
    """Let who connects wait: Twisted begins to accept when it binds.

    A port of another package that cannot accepts all the same.
    """
    getattr(port, "stopReading", lambda: None)()


def start_accepting(port: Any) -> None:
    """Accept from the reactor's next turn on."""
    getattr(port, "startReading", lambda: None)()


# What a daemonized twistd tells its parent, which reads no more than 100 bytes of it.
STARTED = b"0"
LONGEST_STATUS = 100


def start_failed(sentence: str) -> bytes:
    """The message of a daemonized twistd to its parent, which shows it and ends with status 1."""
    return f"1 {sentence}".encode("ascii", "backslashreplace")[:LONGEST_STATUS]


def take_status_pipe(options: Any) -> int | None:
    """Take the pipe to its parent from a daemonized twistd, whose parsed options these are.

    It would say that all is well as soon as it has called startService. None where nobody waits.
    """
    pipe: int | None = options.pop("statusPipe", None) if isinstance(options, dict) else None
    return pipe


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


def unsent(transport: object) -> int:
    """Return how many bytes wait in a transport until its peer takes them; 0 when it cannot tell.

    A transport that has no kernel under it may have an `unsent` of its own.
    """
    own = getattr(transport, "unsent", None)
    if own is not None:
        return int(own())
    tls = tls_under(transport)
    # What is written before the handshake is done.
    early = 0 if tls is None else sum(map(len, tls._appSendBuffer))
    while not isinstance(transport, FileDescriptor):
        transport = getattr(transport, "transport", None)
        if transport is None:
            return early
    return early + len(transport.dataBuffer) - transport.offset + transport._tempDataLen


def gives_more(transport: Any, protocol: object) -> bool:
    """Return whether a transport has a producer that may have more to write.

    One has until it is taken away. A protocol, or the transport itself, may be registered only to hear when
    to pause: it has more as long as something waits to be sent.
    """
    producer = _producer_of(transport)
    if _is_own(producer, transport, protocol):
        return bool(unsent(transport))
    return producer is not None


def release_own(transport: Any, protocol: object) -> None:
    """Take a protocol, or the transport itself, away as the producer: it would not close before."""
    if _is_own(_producer_of(transport), transport, protocol):
        transport.unregisterProducer()


def _is_own(producer: object | None, transport: Any, protocol: object) -> bool:
    # One that is pulled is never idle. TLS has a layer around it.
    pushes = getattr(transport, "streamingProducer", True) is not False
    return pushes and producer is not None and (producer is transport or producer is protocol)


def _producer_of(transport: Any) -> Any:
    tls: Any = tls_under(transport)
    if tls is None:
        return getattr(transport, "producer", None)
    # Twisted puts a layer of its own around it.
    return getattr(tls._producer, "_producer", None)


def wrap_log_observers(wrap: Callable[[Any], Any]) -> None:
    """Put `wrap(observer)` in the place of each observer of the log that there is.

    A publisher tells nobody who its observers are, and twistd's are made before us.
    """
    observers = globalLogPublisher._observers
    observers[:] = [wrap(observer) for observer in observers]


class MalformedRequests:
    """A part of an HTTPChannel: it hears of what is answered with 400 before there is a request."""

    def malformed(self) -> None:
        """Note that what came is no request; the connection ends."""

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.malformed()
        super()._respondToBadRequestAndDisconnect()  # type: ignore[misc]


def pipelined(channel: Any) -> int:
    """Return how many bytes an HTTPChannel has that came behind the request being answered.

    It stops reading when more comes, but not for what came with the request; and goes on with each answer.
    """
    return sum(map(len, channel._dataBuffer))


def body_left(channel: Any) -> int:
    """Return how many bytes an HTTPChannel takes at once: the rest of a body, or of a chunk of one."""
    decoder = channel._transferDecoder
    if isinstance(decoder, _ChunkedTransferDecoder):
        return decoder.length if decoder.state == "BODY" else 0
    return 0 if decoder is None else decoder.contentLength or 0


def next_turn(reactor: Any, call: Callable[[], object]) -> None:
    """Make a call in the reactor's next turn, also if the clock is set back meanwhile.

    Twisted goes by the time of day: `callLater(0)` would wait until that has come so far again. A clock of
    tests has nothing else.
    """
    from_threads = getattr(reactor, "callFromThread", None)
    if from_threads is None:
        reactor.callLater(0, call)
    else:
        from_threads(call)


class NextTurn:
    """A call in the reactor's next turn, however often it is asked for until then."""

    __slots__ = ("_asked", "_call", "_reactor")

    def __init__(self, reactor: Any, call: Callable[[], object]) -> None:
        self._reactor = reactor
        self._call = call
        self._asked = False

    def ask(self) -> None:
        """Have the call made in the next turn."""
        if not self._asked:
            self._asked = True
            next_turn(self._reactor, self._make)

    def _make(self) -> None:
        self._asked = False
        self._call()


def request_line(channel: Any) -> tuple[bytes, bytes, bytes]:
    """Return the method, the target and the version of the request whose headers are through.

    A Request of Twisted Web gets them with the end of its body only, too late to refuse that.
    """
    return channel._command, channel._path, channel._version
