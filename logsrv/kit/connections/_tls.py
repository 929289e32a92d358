"""TLS of a connection: records delivered together, handshake and end, and the certificate of the peer.

Private and undocumented parts of Twisted are used here, each with its reason; tests check them with the
oldest and the newest Twisted that we support.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import Certificate
from OpenSSL import SSL
from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.reactor import Timer

# Bytes: a name stands before each line of a peer, so the digest replaces a longer one.
LONGEST_NAME = 128
# Encrypted bytes given to OpenSSL at a time: it keeps a buffer of that size until the connection ends.
MOST_ENCRYPTED = 64 * 1024
# Bytes to send that are taken from OpenSSL at a time: as many as Twisted takes.
MOST_OUTGOING = 32 * 1024
# The most that one record of TLS holds (RFC 8446 section 5.1).
LONGEST_RECORD = 16 * 1024
# Seconds after our goodbye for a peer that sends no goodbye, or reads none of our last bytes.
GOODBYE_SECONDS = 5.0


@attrs.frozen
class PeerCertificate:
    """The verified certificate of a peer; `str()` is the peer's name, as sources have it.

    x509: the certificate as an object of the package cryptography.
    kind: the source of the name: `dns`, `uri`, `email` (the first such alternative name of the
        certificate, in this order), `cn` (the common name of its subject) or `sha256` (the digest of
        the certificate, if it has no other name, or one longer than LONGEST_NAME).
    name: the name as in the certificate, or the digest: any text.
    """

    x509: Certificate
    kind: str
    name: str

    @classmethod
    def of(cls, certificate: Certificate) -> PeerCertificate:
        """Return a certificate with its name."""
        try:
            kind, name = next(_kinds_and_names(certificate))
            if len(name.encode()) <= LONGEST_NAME:
                return cls(certificate, kind, name)
        except (StopIteration, ValueError, x509.DuplicateExtension):
            # The names may be malformed: an authority signs what it likes.
            pass
        return cls(certificate, "sha256", certificate.fingerprint(hashes.SHA256()).hex())

    def __str__(self) -> str:
        return f"{self.kind}={escaped_name(self.name)}"

    @property
    def subject(self) -> str:
        """The name of its owner in the form of RFC 4514: `CN=shop,O=Example`; any text."""
        return self.x509.subject.rfc4514_string()

    @property
    def issuer(self) -> str:
        """The name of the authority that signed it, in the form of RFC 4514; any text."""
        return self.x509.issuer.rfc4514_string()

    @property
    def serial(self) -> int:
        """The serial number that its issuer gave it."""
        return self.x509.serial_number

    @property
    def expires(self) -> datetime:
        """The end of its validity, UTC."""
        return self.x509.not_valid_after_utc

    @property
    def fingerprint(self) -> str:
        """The SHA-256 digest of the certificate, in hexadecimal."""
        return self.x509.fingerprint(hashes.SHA256()).hex()


def _kinds_and_names(certificate: Certificate) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each name in a certificate, the most specific first."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        pass
    else:
        for kind, of in (
            ("dns", x509.DNSName),
            ("uri", x509.UniformResourceIdentifier),
            ("email", x509.RFC822Name),
        ):
            for name in extension.value.get_values_for_type(of):
                if name:
                    yield kind, str(name)
    for attribute in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME):
        if value := attribute.value:
            yield "cn", value if isinstance(value, str) else value.decode("latin-1")


def escaped_name(name: str) -> str:
    """Return `name` as one word, different for each name: spaces, commas, backslashes and all characters
    that are not printable ASCII become the `\\xNN` of their UTF-8.
    """
    return "".join(
        chr(byte) if 0x21 <= byte <= 0x7E and byte not in b",\\" else f"\\x{byte:02x}"
        for byte in name.encode("utf-8", "surrogatepass")
    )


class GatheringTLS(BufferingTLSTransport):
    """Delivers the data of all records in one chunk at once; Twisted delivers each record alone.

    A peer's goodbye is the end of its input, as a half-close of TCP is: a protocol that can half-close is
    told, and closes when it has answered.

    It waits for the peer's goodbye no longer than GOODBYE_SECONDS after its own was sent. No peer has to
    send one (RFC 8446 section 6.1), and Twisted would wait for ever.

    The tickets at the end of a TLS 1.3 handshake are sent with the first bytes that the protocol writes, or
    at the end. A client that only writes never reads them, and when it closes with unread bytes, its kernel
    drops the data that it has not sent yet.
    """

    transport: Any
    # The certificate that the client has shown, and the faults of its certificates by OpenSSL's numbers.
    certificate: PeerCertificate | None = None
    faults: list[tuple[int, x509.Certificate]] | None = None
    _waiting: Timer | None = None
    # None until the handshake is done.
    _tickets: bytes | None = None
    # The protocol has paused reading, which takes effect after the handshake.
    _held = False
    # The peer has said goodbye, and the protocol may still answer it.
    _half_ended = False

    def pauseProducing(self) -> None:
        """Stop reading; but go on until the end of the handshake, before which nothing can be sent."""
        if self._handshakeDone:
            self.transport.pauseProducing()
        else:
            self._held = True

    def resumeProducing(self) -> None:
        self._held = False
        self.transport.resumeProducing()

    def _checkHandshakeStatus(self) -> None:
        super()._checkHandshakeStatus()
        if self._handshakeDone and self._held:
            self.pauseProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause a new producer at once if there is no room: gathered bytes are written only later."""
        super().registerProducer(producer, streaming)
        raw = self.transport
        if isinstance(raw, FileDescriptor) and not raw.producerPaused and raw._isSendBufferFull():
            inner: Any = raw.producer
            raw.producerPaused = True
            inner.pauseProducing()

    def loseConnection(self) -> None:
        """Close it; before the end of the handshake by TCP's usual end, where Twisted would reset."""
        self._aggregator.flush()
        if self._handshakeDone or self._appSendBuffer or not self.connected:
            super().loseConnection()
        else:
            self.disconnecting = True
            self.transport.loseConnection()

    def _shutdownTLS(self) -> None:
        super()._shutdownTLS()
        if self._waiting is None and not self._aborted:
            self._waiting = Timer(self.factory._clock)
            self._waiting.start(GOODBYE_SECONDS, self._close_or_wait, -1)

    def _close_or_wait(self, before: int) -> None:
        """Close if all is sent; abort if the peer took nothing since the last look; else look again later.

        before: the number of unsent bytes at the last look.
        """
        transport = self.transport
        # Bytes in the transport, because the system does not take them.
        unsent = 0
        if isinstance(transport, FileDescriptor):
            unsent = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
        if not unsent:
            transport.loseConnection()
        elif unsent == before:
            self.abortConnection()
        elif self._waiting is not None:
            self._waiting.start(GOODBYE_SECONDS, self._close_or_wait, unsent)

    def stop_awaiting_goodbye(self) -> None:
        """Wait no longer for the peer's goodbye, if its own has been sent."""
        if self._waiting is not None:
            self._close_or_wait(-1)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._waiting is not None:
            self._waiting.stop()
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        if self._half_ended:
            # OpenSSL would keep what follows a goodbye.
            return
        if not self._handshakeDone or self._appSendBuffer:
            # Twisted calls `_flushReceiveBIO` in the end, too.
            super().dataReceived(data)
        else:
            self._decrypt_and_deliver(data)

    def _flushReceiveBIO(self) -> None:
        if not self._lostTLSConnection:
            self._decrypt_and_deliver(b"")

    def _decrypt_and_deliver(self, encrypted: bytes) -> None:
        texts: list[bytes] = []
        end = self._decrypt(memoryview(encrypted), texts)
        if texts and not self._aborted:
            ProtocolWrapper.dataReceived(self, texts[0] if len(texts) == 1 else b"".join(texts))
        if end is None:
            self._send_tls_answer()
        elif not self._lostTLSConnection and not self._half_ended:
            goodbye = end.check(SSL.ZeroReturnError)
            if goodbye:
                # An answer to what came with it.
                self._aggregator.flush()
                if self._may_half_close():
                    self._half_ended = True
                    half_closeable: Any = self.wrappedProtocol
                    half_closeable.readConnectionLost()
                    return
                self._shutdownTLS()
            self._tlsShutdownFinished(None if goodbye else end)

    def _may_half_close(self) -> bool:
        """Return whether the protocol may go on to send after the peer's goodbye (RFC 8446 section 6.1)."""
        protocol = self.wrappedProtocol
        return (
            not (self.disconnecting or self._aborted)
            and IHalfCloseableProtocol.providedBy(protocol)
            and getattr(protocol, "half_close", True)
        )

    def _send_tls_answer(self) -> None:
        """Send the answer of OpenSSL to the bytes received, unless it is only tickets."""
        if self._tickets is None:
            # Before TLS 1.3 these bytes end the handshake, and the client waits for them.
            has_tickets = self._tlsConnection.get_protocol_version() >= SSL.TLS1_3_VERSION
            self._tickets = self._take_outgoing() if has_tickets else b""
        self._flushSendBIO()

    def _flushSendBIO(self) -> None:
        said = self._take_outgoing()
        if said:
            self.transport.write((self._tickets or b"") + said)
            self._tickets = self._tickets and b""

    def _take_outgoing(self) -> bytes:
        try:
            return self._tlsConnection.bio_read(MOST_OUTGOING)
        except SSL.WantReadError:
            return b""

    def _decrypt(self, encrypted: memoryview, texts: list[bytes]) -> Failure | None:
        """Append the decrypted data to `texts`; return the failure that ended the connection, if any."""
        connection = self._tlsConnection
        for at in range(0, len(encrypted) or 1, MOST_ENCRYPTED):
            if encrypted:
                connection.bio_write(encrypted[at : at + MOST_ENCRYPTED])
            try:
                while True:
                    texts.append(connection.recv(LONGEST_RECORD))
            except SSL.WantReadError:
                pass
            except SSL.Error as error:
                # Without its traceback, which would make a reference cycle with the caller's frame.
                return Failure(error.with_traceback(None))
        return None


@implementer(IHandshakeListener)
class HandshakeStandIn(Protocol):
    """A stand-in for a protocol until the end of the TLS handshake.

    Then the protocol takes its place, so that receiving costs nothing more. Twisted would connect the
    protocol before it is known whether the handshake succeeds.
    """

    transport: Any

    def __init__(
        self,
        protocol: Any,
        done: Callable[[], None],
        begin: Callable[[Any], bool] = lambda transport: True,
    ) -> None:
        """`begin` gets the transport, and returns whether the connection may go on. `done` is called
        after the handshake.
        """
        self._protocol = protocol
        self._done = done
        self._begin = begin
        self._refused = False

    def makeConnection(self, transport: Any) -> None:
        self.transport = transport
        self._refused = not self._begin(transport)

    def handshakeCompleted(self) -> None:
        if self._refused:
            return
        note_certificate(self.transport)
        self.transport.wrappedProtocol = self._protocol
        self._done()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._protocol.connectionLost(reason)


def note_certificate(tls: Any) -> None:
    """Make the certificate that a peer has shown in its handshake known to `certificate_of`."""
    found = tls._tlsConnection.get_peer_certificate(as_cryptography=True)
    if found is not None:
        tls.certificate = PeerCertificate.of(found)


class GatheringTLSFactory(TLSMemoryBIOFactory):
    """Makes GatheringTLS; the wrapped factory can refuse a connection by building no protocol.

    The port then closes the connection at once. Twisted would wrap None; to abort the connection instead
    would keep its descriptor until all waiting peers have been accepted.
    """

    protocol = GatheringTLS

    def buildProtocol(self, addr: Any) -> Any:
        protocol = self.wrappedFactory.buildProtocol(addr)
        return None if protocol is None else self.protocol(self, protocol)


def tls_under(transport: Any) -> TLSMemoryBIOProtocol | None:
    """Return the TLS that `transport` is, or that is somewhere under it; None if there is none.

    A wrapper such as that of `haproxy:` may be above or below TLS, and takes attributes that it lacks from
    the transport below: so only the `__dict__` of each layer is read.
    """
    while transport is not None:
        if isinstance(transport, TLSMemoryBIOProtocol):
            return transport
        transport = getattr(transport, "__dict__", {}).get("transport")
    return None


def is_encrypted(transport: Any) -> bool:
    """Return true if there is TLS somewhere under `transport`."""
    return tls_under(transport) is not None


def certificate_of(transport: Any) -> PeerCertificate | None:
    """Return the verified certificate of a peer; None if it was not asked for one, or has none.

    Behind a proxy (`haproxy:`) there is none: the proxy's certificate is not the client's.
    """
    return getattr(tls_under(transport), "certificate", None)


def tls_of_failed_handshake(transport: Any) -> GatheringTLS | None:
    """Return the TLS under a transport if its handshake was never completed; otherwise None."""
    tls = tls_under(transport)
    return tls if isinstance(tls, GatheringTLS) and not tls._handshakeDone else None
