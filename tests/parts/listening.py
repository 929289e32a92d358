"""What the tests of listening share: waiting in the reactor, a log that is kept, protocols that note."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import attrs
import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet import reactor
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, eventAsText, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.manager.sockets import KeptSockets
from logsrv.kit.net.guard.guard import GuardPolicy, PeerLimits
from logsrv.kit.net.listen import Listener, listener_for
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.net.source import source_of
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.plugin.logger_settings import LoggerSettings
from logsrv.linelog.plugin.service import LoggerService, Options

Test = TypeVar("Test", bound=Callable[..., Any])

# It has the types that pytest-twisted lacks.
reactor_fixture: Callable[[Test], Test] = pytest_twisted.async_yield_fixture

REACTOR: Any = reactor
KIB = 1024
LOOPBACK = "tcp:0:interface=127.0.0.1"


async def until(look: Callable[[], object], what: str, deadline: float = PATIENCE) -> None:
    """Let the reactor run until `look()` is true."""
    end = REACTOR.seconds() + deadline
    while not look():
        if REACTOR.seconds() > end:
            raise AssertionError(f"waited {deadline:g} s in vain for {what}")
        await deferLater(REACTOR, 0.002)


@contextmanager
def logged(*, tracebacks: bool = False) -> Iterator[list[str]]:
    """The messages logged meanwhile."""
    messages: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        messages.append(eventAsText(event) if tracebacks else formatEvent(event))

    globalLogPublisher.addObserver(observe)
    try:
        yield messages
    finally:
        globalLogPublisher.removeObserver(observe)


class Reactor:
    """Notes which descriptors are watched."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def addReader(self, reader: object) -> None:
        self.calls.append("add")

    def removeReader(self, reader: object) -> None:
        self.calls.append("remove")

    def addWriter(self, writer: object) -> None:
        pass

    removeWriter = addWriter


class Noted(Protocol):
    """Notes in its factory what happens to it."""

    source = ""

    def connectionMade(self) -> None:
        self.source = source_of(self.transport)
        self.factory.made.append(self)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.factory.data += data  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.lost.append(self)  # type: ignore[union-attr]


class Chunks(Protocol):
    """Notes what it receives, and how that ended; `each` is called after every chunk."""

    def __init__(self, each: Callable[[Chunks], object] = lambda self: None) -> None:
        self.chunks: list[bytes] = []
        self.ended: list[Failure] = []
        self.each = each

    def dataReceived(self, data: bytes) -> None:
        self.chunks.append(data)
        self.each(self)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.ended.append(reason)


class NotingFactory(Factory):
    noisy = False
    protocol: Any = Noted

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.lost: list[Any] = []
        self.data = b""


class NotingReceiver:
    """Notes groups of datagrams; calls `each` after every group."""

    def __init__(self, each: Callable[[], object] = lambda: None) -> None:
        self.groups: list[tuple[list[bytes], str]] = []
        self._each = each

    def datagrams_received(self, payloads: Sequence[bytes], source: IAddress) -> None:
        self.groups.append((list(payloads), source_of(source)))
        self._each()

    @property
    def payloads(self) -> list[bytes]:
        return [payload for group, _ in self.groups for payload in group]

    def by_sender(self) -> dict[str, list[bytes]]:
        """The datagrams of each sender, in order."""
        found: dict[str, list[bytes]] = {}
        for group, source in self.groups:
            found.setdefault(source, []).extend(group)
        return found


class Site:
    """Listeners that a test starts, and that are stopped after it."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.factory = NotingFactory()
        self.receiver = NotingReceiver()
        self._started: list[Any] = []

    def make(
        self,
        endpoint: str,
        kept: KeptSockets | None = None,
        *,
        reactor: Any = REACTOR,
        **policy: Any,
    ) -> Listener:
        parsed = parse_endpoint(endpoint)
        return listener_for(
            parsed,
            self.receiver if parsed.kind == "datagram" else self.factory,
            label="test",
            policy=GuardPolicy(**policy),
            reactor=reactor,
            metrics=self.metrics,
            kept=kept,
        )

    def start(self, endpoint: str, **policy: Any) -> Any:
        return self.run(self.make(endpoint, **policy))

    def run(self, listener: Any) -> Any:
        self._started.append(listener)
        listener.bind()
        listener.open()
        return listener

    async def stop(self) -> None:
        for listener in self._started:
            await listener.drain(0)
        # Sockets that were aborted are closed by the next turn.
        await deferLater(REACTOR, 0)

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.value(name, **labels)


def unverified() -> ssl.SSLContext:
    """What a client goes by that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def port_of(listener: Listener) -> int:
    return int(listener.address.rpartition(":")[2])


@attrs.frozen(kw_only=True)
class Policy(GuardPolicy, PeerLimits):
    """The rules of what serves lines."""


def settings(*words: str) -> LoggerSettings:
    options = Options()
    options.parseOptions(words)
    return options.settings


def service(*words: str) -> LoggerService:
    return LoggerService(settings(*words), load=lambda: settings(*words), reactor=REACTOR)
