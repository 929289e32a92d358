"""Listeners that a test starts, protocols that note what comes, and the rules that they go by."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from logsrv.kit.connections.guard import GuardPolicy, PeerLimits
from logsrv.kit.connections.source import source_of
from logsrv.kit.net.kept_sockets import KeptSockets
from logsrv.kit.net.listen import Listener, listener_for
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.observe.metrics import Metrics
from tests.parts.reactor import REACTOR

KIB = 1024
LOOPBACK = "tcp:0:interface=127.0.0.1"


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

    @property
    def listeners(self) -> list[Any]:
        return self._started

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
