"""Twisted's transports: sending at once, what waits in them, their producers and protocols."""

from __future__ import annotations

import array
import fcntl
import socket
import termios
from contextlib import suppress
from typing import Any, TypeVar

from twisted.internet import tcp
from twisted.internet.abstract import FileDescriptor
from twisted.internet.endpoints import _WrappingProtocol
from twisted.internet.protocol import connectionDone

from logsrv.kit.net.twisted.twisted_tls import tls_under

Connected = TypeVar("Connected")
# Last words and the end of a connection go out in one packet instead of two (Linux; tcp(7)).
MORE = getattr(socket, "MSG_MORE", 0)


def send_undelayed(sock: socket.socket) -> None:
    """Have the system send at once what is written, though the peer has not acknowledged what is before it.

    Else it waits for that (Nagle's algorithm), and the peer's delays it for 40 ms.
    """
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        # Some systems refuse it where the peer has gone.
        pass


def undelayed(protocol: Connected) -> Connected:
    """Do so for what an endpoint has connected; for `addCallback`."""
    # UNIX sockets have no such option, some transports of other packages no such method.
    with suppress(OSError, AttributeError):
        protocol.transport.setTcpNoDelay(True)  # type: ignore[attr-defined]
    return protocol


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


def unsent(transport: object) -> int:
    """Return how many bytes wait in a transport until its peer takes them; 0 when it cannot tell.

    A transport that has no kernel under it may have an `unsent` of its own.
    """
    own = getattr(transport, "unsent", None)
    if own is not None:
        return int(own())
    tls = tls_under(transport)
    # Bytes written before the handshake was done.
    early = 0 if tls is None else sum(map(len, tls._appSendBuffer))
    while not isinstance(transport, FileDescriptor):
        transport = getattr(transport, "transport", None)
        if transport is None:
            return early
    return early + len(transport.dataBuffer) - transport.offset + transport._tempDataLen


def unacknowledged(transport: object) -> int:
    """Return how many bytes the system of the peer has not acknowledged; those of `unsent` included.

    Where the system does not tell (Linux does, by TIOCOUTQ), only those.
    """
    return unsent(transport) + asked(transport, termios.TIOCOUTQ)


def asked(transport: object, what: int) -> int:
    """Return a number of bytes that the kernel knows of a transport; 0 when it does not."""
    count = array.array("i", [0])
    try:
        fcntl.ioctl(descriptor(transport), what, count)
    except (OSError, ValueError):
        return 0
    return count[0]


def descriptor(transport: object) -> int:
    """The file descriptor under a transport, through layers such as TLS; -1 when it has none."""
    try:
        # The layers of Twisted pass on what they don't have to the transport under them.
        number = transport.fileno()  # type: ignore[attr-defined]
    except AttributeError:
        return -1
    return number if isinstance(number, int) else -1


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
    # A pull producer is never idle. TLS puts a layer around it.
    pushes = getattr(transport, "streamingProducer", True) is not False
    return pushes and producer is not None and (producer is transport or producer is protocol)


def _producer_of(transport: Any) -> Any:
    tls: Any = tls_under(transport)
    if tls is None:
        return getattr(transport, "producer", None)
    # Twisted puts a layer of its own around it.
    return getattr(tls._producer, "_producer", None)
