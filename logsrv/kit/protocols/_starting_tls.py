"""Begins TLS on a connection that has been in plain text, for `start_tls` of the kit's protocols.

Plain text after the words that begin TLS may come from anybody between us and the peer (CVE-2011-0411).
So a connection that has received some is refused. The text is not kept, and dropping it would let a peer
that mixes both go on. Text that the kernel still holds goes to TLS, whose handshake then fails.

The transport's own `startTLS` is not used: the transport would stay in its place, and our code that sends,
keeps open and closes would take the connection for one in plain text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory

from logsrv.errors import ConfigurationError
from logsrv.kit.connections._guarded_connection import guarded_connection_of
from logsrv.kit.connections._proxy_protocol import ProxiedTransport
from logsrv.kit.connections._tls import GatheringTLS, HandshakeStandIn, is_encrypted
from logsrv.kit.connections.guard import Refusal
from logsrv.kit.connections.transports import undo_close_delay
from logsrv.kit.protocols import _states as states
from logsrv.kit.protocols._connection import PeerConnection
from logsrv.kit.protocols._context import InputReader
from logsrv.kit.protocols.faults import PeerGone, PeerTimeout

# The certificate to show or, for a link, the name to expect at its other end. Type checkers cannot use a
# zope.interface as a type, so the union has classes that they know.
Certificate: TypeAlias = (
    CertificateOptions | IOpenSSLServerConnectionCreator | IOpenSSLClientConnectionCreator
)
IN_PLAIN_TEXT = Refusal("plain_text", "it sent plain text where TLS should begin")


async def start_tls(
    connection: PeerConnection,
    make_reader: Callable[[], InputReader],
    certificate: object | None,
    timeout: float | None,
) -> None:
    """Begin TLS, and return when its handshake is done.

    make_reader: returns the reader for the time after the handshake.
    """
    author: Any = connection.author
    check_can_start_tls(connection)
    factory = author.factory.tls_factory(certificate)
    before = connection.reader
    connection.reader = reader = HandshakeReader(connection, make_reader)
    # The author's code waits for the peer now, so input that was held back comes in.
    connection.change_state(states.FINISH)
    admitted = guarded_connection_of(author)
    if admitted is not None:
        # The bytes that a limit has held back came in plain text.
        admitted.end_throttle()
    if connection.lines:
        connection.write_gathered()
    if reader.late or (before is not None and before.discard_early_input):
        # It fails when the connection has ended, and nobody waits for it.
        reader.wanted.addErrback(lambda _: None)
        cut_off_early_sender(connection, before)
        raise PeerGone(f"{author.peer} {IN_PLAIN_TEXT.sentence}")
    outflow = connection.state.outflow
    producer = None if outflow is states.UNUSED else connection
    put_tls_under(author, factory, reader.note_handshake_done, producer)
    if outflow in (states.CLOGGED, states.BRIMMING):
        # TLS does not know that its transport is full, and would not tell when it has room.
        connection.change_state(states.ROOM)
    if connection.state.outflow is states.FLOWING:
        connection.let_transport_close()
    if timeout is not None:
        reader.wanted.addTimeout(timeout, author.factory.service.clock)
    try:
        await reader.wanted
    except DeferredTimeout:
        raise PeerTimeout(f"{author.peer} did not begin TLS in time") from None


def check_can_start_tls(connection: PeerConnection) -> None:
    """Raise an error with the reason if TLS cannot begin now."""
    author: Any = connection.author
    if isinstance(connection.reader, HandshakeReader) or is_encrypted(author.transport):
        raise RuntimeError(
            "start_tls was called on a connection that has TLS already; `encrypted` tells"
        )
    if connection.reader is not None and connection.reader.waiting:
        raise RuntimeError("two readers wait for one connection")
    transport = author.transport
    if connection.state.ended or getattr(transport, "disconnecting", False):
        connection.close()
        raise PeerGone(f"{author.peer} sends nothing more")
    if not (isinstance(transport, ProxiedTransport) or hasattr(transport, "protocol")):
        raise ConfigurationError(
            f"{author.factory.label}: TLS cannot be begun over {type(transport).__name__}; `serve` of "
            "logsrv.kit.testing has real connections"
        )


def put_tls_under(
    protocol: Any, factory: TLSMemoryBIOFactory, done: Callable[[], None], producer: object | None
) -> None:
    """Put TLS under a connected protocol; `done` is called after the handshake.

    Bytes that were written before go out in plain text; all bytes that come from now on are for TLS.
    producer: the protocol's producer, which is registered with TLS instead. A handshake that fails ends the
    connection.
    """
    admitted = guarded_connection_of(protocol)
    under = protocol.transport
    proxied = isinstance(under, ProxiedTransport)
    # The protocol, or the wrapper that Twisted's endpoints have put around it.
    outermost = under.wrappedProtocol if proxied else under.protocol
    handshake = HandshakeStandIn(outermost, done)
    # Twisted would not connect it: the protocol is connected already.
    handshake.transport = tls = GatheringTLS(factory, handshake, False)
    if producer is not None:
        under.unregisterProducer()
        undo_close_delay(under)
    if proxied:
        under.deliver_to(tls)
    else:
        under.protocol = tls
    protocol.transport = tls
    tls.makeConnection(under)
    if producer is not None:
        tls.registerProducer(producer, True)
    if admitted is not None:
        admitted.transport = tls
        admitted.apply_rate_limits()


def cut_off_early_sender(connection: PeerConnection, before: InputReader | None) -> None:
    """Cut off a peer that did not wait for TLS."""
    if before is not None:
        # The reader counts the input that the protocol does not get.
        before.lost()
    admitted = guarded_connection_of(connection.author)
    if admitted is not None:
        admitted.count_refusal(IN_PLAIN_TEXT)
    connection.change_state(states.CUT)


class HandshakeReader:
    """Waits for the handshake in the place of the reader.

    wanted: fires when it is done, fails with PeerGone if the connection ends first. Cancelling it ends
    the connection, which cannot go on in plain text. late: bytes that came and were not read.
    """

    __slots__ = ("_connection", "_done", "_make_reader", "late", "wanted")

    # The connection sees a reader that always waits and holds no input.
    exhausted = discard_early_input = waits_by_itself = False
    waiting = True

    def __init__(self, connection: PeerConnection, make_reader: Callable[[], InputReader]) -> None:
        self._connection = connection
        self._make_reader = make_reader
        self._done = False
        self.late = b""
        self.wanted: Deferred[None] = Deferred(self._cut_off)

    def received(self, data: bytes) -> None:
        self.late += data

    def note_handshake_done(self) -> None:
        """The handshake is done."""
        self._done = True
        self._connection.author._forget_peer_name()
        if self._connection.state.ready:
            self._connection.call_author(self.advance, "start_tls")

    def advance(self) -> None:
        if not self._done:
            return
        connection = self._connection
        connection.reader = reader = self._make_reader()
        if connection.work is not None and not reader.waits_by_itself:
            connection.change_state(states.AWAIT)
        if self.late:
            reader.received(self.late)
        self.wanted.callback(None)
        if connection.reader is reader and not connection.state.held:
            reader.advance()

    def lost(self) -> None:
        connection = self._connection
        connection.author.factory.dropped_bytes += len(self.late)
        if not self.wanted.called:
            self.wanted.errback(PeerGone(f"{connection.author.peer} has gone"))

    def _cut_off(self, _: object) -> None:
        self._connection.change_state(states.CUT)
