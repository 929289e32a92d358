"""A shipper's connection to a server over TCP or TLS, for many requests.

The caller cancels a wait that takes too long, and then aborts the connection. Certificates are read for
each connection, so that a renewed one is used.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.client_tls import tls_connection_creator
from logsrv.kit.connections.keepalive import keep_alive
from logsrv.kit.connections.transports import unacknowledged_bytes, with_no_delay
from logsrv.kit.observe.peer_log import UNTRUSTED, failure_sentence
from logsrv.kit.text.escape import one_line
from logsrv.linelog.ship.targets.target import Unavailable
from logsrv.linelog.ship.targets.target_plugin import TargetSettings

STEP = 2048
"""The lines that are encoded together; meanwhile the server works on the lines before them."""
_FIRST_LOOK, _NEXT_LOOKS = 0.001, 0.02
_MOST_UNREAD = 1 << 20
"""With more unread bytes from a server, the connection is aborted; the answers to a full window of RELP
have 160 KB."""


@implementer(IHandshakeListener)
class ServerConnection(Protocol):
    """A connection to a server: write to it, and wait for its bytes.

    hung_up: whether the server has ended the connection. Only one caller may wait at a time. A wait fails
    with Unavailable when the connection ends, or is aborted because the server sends too much.
    """

    transport: Any

    def __init__(self, who: str, *, tls: bool, clock: Any, answers: bool) -> None:
        """answers: whether to keep the bytes that the server sends; otherwise they are dropped."""
        self._who = who
        self._answers = answers
        self._clock = clock
        self._came = bytearray()
        self._ready = not tls
        self._end: Unavailable | None = None
        self.hung_up = False
        self._waiting: Deferred[None] | None = None

    @property
    def ended(self) -> bool:
        """True when the connection has ended."""
        return self._end is not None

    def handshakeCompleted(self) -> None:
        self._ready = True
        self.wake()

    def dataReceived(self, data: bytes) -> None:
        if self._answers and self._end is None:
            self._came += data
            if len(self._came) > _MOST_UNREAD:
                self._came.clear()
                self._abort_with(Unavailable(f"{self._who} sends more than it was asked for"))
            else:
                self.wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.hung_up = self._end is None
        self._note_end(unreachable_error(self._who, reason))

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    async def write_and_yield(self, data: bytes) -> None:
        """Write, and give the reactor one turn, so that sending begins before the caller encodes more."""
        self.write(data)
        await self._sleep(0)

    async def wait_for_handshake(self) -> None:
        """Wait for the end of the TLS handshake, if there is one."""
        while not self._ready:
            await self._wait_for_wake()

    async def wait_for_bytes(self) -> bytes:
        """Wait for bytes, or for `wake`; return the bytes, b"" if there are none."""
        if not self._came:
            await self._wait_for_wake()
        came, self._came = bytes(self._came), bytearray()
        return came

    async def wait_until_acknowledged(self) -> None:
        """Wait until the server's operating system has acknowledged all written bytes."""
        pause, left = _FIRST_LOOK, 1
        while left:
            await self._sleep(pause)
            pause, left = min(2 * pause, _NEXT_LOOKS), unacknowledged_bytes(self.transport)

    async def _sleep(self, seconds: float) -> None:
        await deferLater(self._clock, seconds)
        if self._end is not None:
            raise self._end

    def close(self) -> None:
        """Close the connection after all written bytes were sent."""
        self.transport.loseConnection()

    def abort(self) -> None:
        """Close the connection at once; unsent bytes are lost."""
        self._abort_with(Unavailable(f"the connection to {self._who} was broken off"))

    def _abort_with(self, why: Unavailable) -> None:
        going = self._end is None
        self._note_end(why)
        if going and self.transport is not None:
            self.transport.abortConnection()

    async def _wait_for_wake(self) -> None:
        """Wait for `wake` or the end of the connection; the caller checks what has changed."""
        if self._end is None:
            self._waiting = Deferred()
            try:
                await self._waiting
            finally:
                self._waiting = None
        if self._end is not None:
            raise self._end

    def _note_end(self, why: Unavailable) -> None:
        if self._end is None:
            self._end = why
            self.wake()

    def wake(self) -> None:
        """Wake the caller that waits for a change."""
        if self._waiting is not None and not self._waiting.called:
            self._waiting.callback(None)


async def connect_to_server(
    settings: TargetSettings, reactor: Any, *, answers: bool = True
) -> ServerConnection:
    """Return a new connection, after its TLS handshake. answers: False to drop the bytes from the server.

    Raises Unavailable.
    """
    url, who = settings.url, one_line(settings.url.loggable_url)
    factory = Factory.forProtocol(
        lambda: ServerConnection(who, tls=url.tls, clock=reactor, answers=answers)
    )
    factory.noisy = False
    try:
        connection: ServerConnection = await connect(settings, reactor, factory)
    except CancelledError:
        raise
    except Exception as error:
        raise unreachable_error(who, Failure(error)) from error
    try:
        await connection.wait_for_handshake()
    except CancelledError:
        connection.abort()
        raise
    return connection


async def connect(settings: TargetSettings, reactor: Any, factory: IProtocolFactory) -> Any:
    """Return the protocol of a new connection to a server; reads the certificate files now.

    Raises ConfigurationError, and the errors of Twisted's endpoints.
    """
    url = settings.url
    endpoint: Any = HostnameEndpoint(reactor, url.host, url.port)
    if url.tls:
        endpoint = wrapClientTLS(tls_connection_creator(settings.tls, url.host), endpoint)
    protocol = with_no_delay(await endpoint.connect(factory))
    keep_alive(protocol.transport, settings.keepalive)
    return protocol


def unreachable_error(who: str, *failures: Failure) -> Unavailable:
    """Return the error for a server that cannot be reached. who: the server, as subject of a sentence."""
    if failures[0].check(ConnectionDone):
        return Unavailable(f"{who} closed the connection")
    why = failure_sentence(failures[0])
    if why == UNTRUSTED:
        why += ": name that authority with ship-ca"
    return Unavailable(f"{who} cannot be reached: {why}", settled=any(map(_is_permanent, failures)))


def _is_permanent(failure: Failure) -> bool:
    """Return whether a failure is about certificates or settings, which waiting does not change."""
    error: Any = failure.value
    if isinstance(error, VerificationError | ConfigurationError):
        return True
    # Only an error with a list of reasons: OpenSSL's error for a broken connection has none.
    return isinstance(error, SSL.Error) and bool(error.args) and isinstance(error.args[0], list)
