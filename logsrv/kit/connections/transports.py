"""Functions for Twisted's transports: they count unsent bytes, wait for room to write, and find producers
and protocols.

Private parts of Twisted are used here; tests check them with the oldest and the newest Twisted that we
support.
"""

from __future__ import annotations

import array
import fcntl
import socket
import termios
from contextlib import suppress
from typing import Any, TypeVar

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import _WrappingProtocol
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from logsrv.kit.connections._tls import tls_under

Connected = TypeVar("Connected")


def set_no_delay(sock: socket.socket) -> None:
    """Let the system send written bytes at once (TCP_NODELAY).

    By Nagle's algorithm it would wait until the peer has acknowledged earlier bytes, which the peer's
    system delays for 40 ms.
    """
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        # Some systems refuse it if the peer is gone.
        pass


def with_no_delay(protocol: Connected) -> Connected:
    """Set TCP_NODELAY for a protocol that an endpoint has connected, and return the protocol; for use with
    `addCallback`.
    """
    # UNIX sockets have no such option, some transports of other packages no such method.
    with suppress(OSError, AttributeError):
        protocol.transport.setTcpNoDelay(True)  # type: ignore[attr-defined]
    return protocol


def protocol_of(transport: Any) -> Any:
    """Return the protocol that a transport calls; if an endpoint of a client has wrapped it, the protocol
    in the wrapper.

    `wrappedProtocol` comes first: TLS and `haproxy:` take names that they lack from the transport below.
    """
    called = getattr(transport, "wrappedProtocol", None) or getattr(transport, "protocol", None)
    return called._wrappedProtocol if isinstance(called, _WrappingProtocol) else called


def can_half_close(transport: object) -> bool:
    """Return true if a transport can close one direction alone; with TLS, this is impossible."""
    return isinstance(transport, FileDescriptor)


def delay_close_for_producer(transport: object) -> None:
    """Let a transport wait for its producer to finish before the transport closes, for example when the
    service stops.

    TLS waits for any producer. Other transports close in spite of an idle producer, so it is marked as
    paused: a producer that has more to write and was asked to wait.
    """
    # Not after `end_output`: no more will be written, and the producer would hold up the end.
    if isinstance(transport, FileDescriptor) and not transport._writeDisconnecting:
        transport.producerPaused = True


def end_output(transport: Any) -> bool:
    """Close the sending direction as soon as all output is sent. Return False where that cannot be done, as
    over TLS.
    """
    if not hasattr(type(transport), "loseWriteConnection"):
        return False
    if isinstance(transport, FileDescriptor):
        # `delay_close_for_producer` has set this.
        transport.producerPaused = False
    transport.loseWriteConnection()
    return True


def undo_close_delay(transport: object) -> bool:
    """Undo `delay_close_for_producer`. Return whether the producer still has to be unregistered."""
    if not isinstance(transport, FileDescriptor):
        if getattr(transport, "disconnecting", False):
            # TLS gathers small writes for a turn of the reactor, and this flushes them.
            transport.loseConnection()  # type: ignore[attr-defined]
        return True
    transport.producerPaused = False
    return bool(transport.disconnecting)


def unsent_bytes(transport: object) -> int:
    """Return how many bytes wait in a transport to be sent; 0 if the transport cannot tell.

    A transport without a socket may have an `unsent_bytes` of its own.
    """
    own = getattr(transport, "unsent", None)
    if own is not None:
        return int(own())
    tls = tls_under(transport)
    # Bytes that were written before the end of the handshake.
    early = 0 if tls is None else sum(map(len, tls._appSendBuffer))
    found = _lowest_transport(transport)
    if not isinstance(found, FileDescriptor):
        return early
    return early + len(found.dataBuffer) - found.offset + found._tempDataLen


def bytes_to_slow_peer(transport: object, most: int) -> int:
    """Return the number of unsent bytes; if it is larger than `most`, first send as many bytes as the
    system accepts.

    What is written in one turn of the reactor waits until the next, however fast the peer reads.
    """
    waiting = unsent_bytes(transport)
    send = getattr(_lowest_transport(transport), "send_waiting", None)
    if waiting <= most or send is None:
        return waiting
    send()
    return unsent_bytes(transport)


def takes_nothing(transport: object, before: int | None) -> tuple[bool, int | None]:
    """Return two values: whether bytes wait although the peer has taken none since `before`, and how many
    bytes it has taken in all.

    before: the second result of an earlier call. None: the transport does not know.
    """
    taken: int | None = getattr(_lowest_transport(transport), "taken_bytes", None)
    return taken is not None and taken == before and unsent_bytes(transport) > 0, taken


def _lowest_transport(transport: object) -> object:
    """Return the transport with the socket, or one that has no other below it."""
    while not isinstance(transport, FileDescriptor):
        below = getattr(transport, "transport", None)
        if below is None:
            break
        transport = below
    return transport


def unacknowledged_bytes(transport: object) -> int:
    """Return how many bytes the peer's system has not acknowledged, including the `unsent_bytes`.

    Linux tells this, by TIOCOUTQ. Where the system does not, these are the bytes of `unsent_bytes` alone.
    """
    return unsent_bytes(transport) + ioctl_byte_count(transport, termios.TIOCOUTQ)


def unread_bytes(transport: object) -> int:
    """Return how many received bytes of a transport are still in the kernel (FIONREAD); 0 if the system
    cannot tell.

    Bytes in TLS do not count: it holds back an incomplete record at most. A transport without a socket may
    have a method `unread`.
    """
    own = getattr(transport, "unread", None)
    if own is not None:
        return int(own())
    return ioctl_byte_count(transport, termios.FIONREAD)


def ioctl_byte_count(transport: object, what: int) -> int:
    """Return a number of bytes that ioctl(2) tells about a transport's socket; 0 if unknown. what: the
    request, such as FIONREAD.
    """
    count = array.array("i", [0])
    try:
        fcntl.ioctl(descriptor(transport), what, count)
    except (OSError, ValueError):
        return 0
    return count[0]


def descriptor(transport: object) -> int:
    """Return the file descriptor of a transport, also below layers such as TLS; -1 if there is none."""
    try:
        # Twisted's layers take attributes that they lack from the transport under them.
        number = transport.fileno()  # type: ignore[attr-defined]
    except AttributeError:
        return -1
    return number if isinstance(number, int) else -1


def has_more_to_write(transport: Any, protocol: object) -> bool:
    """Return whether a transport has a producer that may have more to write.

    A producer may have more until it is unregistered. But a protocol, or the transport itself, may be
    registered only to hear when to pause: it counts as having more while bytes wait to be sent.
    """
    producer = _producer_of(transport)
    if _is_own_producer(producer, transport, protocol):
        return bool(unsent_bytes(transport))
    return producer is not None


def unregister_own_producer(transport: Any, protocol: object) -> None:
    """Unregister the producer if it is the protocol or the transport itself, because it would delay the
    close.
    """
    if _is_own_producer(_producer_of(transport), transport, protocol):
        transport.unregisterProducer()


def _is_own_producer(producer: object | None, transport: Any, protocol: object) -> bool:
    # A pull producer is never idle, even if it is the transport or the protocol: it always has more to
    # write.
    pushes = getattr(transport, "streamingProducer", True) is not False
    return pushes and producer is not None and (producer is transport or producer is protocol)


def _producer_of(transport: Any) -> Any:
    tls: Any = tls_under(transport)
    if tls is None:
        return getattr(transport, "producer", None)
    # Twisted's TLS puts a wrapper around the producer.
    return getattr(tls._producer, "_producer", None)


@implementer(IPushProducer)
class Backpressure:
    """A streaming producer to register with a transport; code that writes to the transport waits here until
    there is room.

    full: the transport has enough to send.
    """

    __slots__ = ("_waiting", "full")

    def __init__(self) -> None:
        self.full = False
        self._waiting: list[Deferred[None]] = []

    def wait_for_room(self) -> Deferred[None]:
        """Return a Deferred that fires when there is room; if there is room now, it fires at once."""
        return self.wait_until_resumed() if self.full else succeed(None)

    def wait_until_resumed(self) -> Deferred[None]:
        """Return a Deferred that fires when there is room again, or fails when `fail_waits` is called."""
        self._waiting.append(Deferred())
        return self._waiting[-1]

    def fail_waits(self, reason: Exception) -> None:
        """Fail all waits with this reason, because there will be no room any more."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.errback(reason)

    def pauseProducing(self) -> None:
        self.full = True

    def resumeProducing(self) -> None:
        self.full = False
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def stopProducing(self) -> None:
        """Do nothing: the protocol hears of the connection's end, and calls `fail_waits`."""
