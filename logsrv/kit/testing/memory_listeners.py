"""Listeners in memory: the real listeners with their guards, but without sockets."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol

from logsrv.kit.connections.guarded_connection import GuardedConnection
from logsrv.kit.connections.source import Sender
from logsrv.kit.net.datagrams import DatagramListener, DatagramReceiver
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.kernel_datagrams import Group
from logsrv.kit.net.stream_listener import StreamListener
from logsrv.kit.testing.memory_peers import MemorySender


class MemoryListener:
    """The common part of listeners in memory. Nobody else can take their place."""

    endpoint: Endpoint
    opened = False

    @property
    def address(self) -> str:
        return f"memory:{self.endpoint}"

    def check_and_reload(self) -> None:
        """Do nothing: a place in memory is always free."""

    def open(self) -> None:
        self.opened = True


class MemoryStreams(MemoryListener, StreamListener):
    """A listener for connections that a test makes; its guard may refuse them."""

    def bind(self) -> None:
        self._guarded.doStart()

    async def stop_listening(self) -> None:
        self.opened = False

    def build(self, address: IAddress) -> Protocol | GuardedConnection | None:
        """Return the protocol for a new connection; None if it is refused."""
        protocol: Protocol | GuardedConnection | None = self._guarded.buildProtocol(address)
        return protocol


class ArrivedDatagrams:
    """Datagrams that have arrived and were not read yet, as in the kernel's buffer of a socket."""

    cut_bytes = 0

    def __init__(self) -> None:
        self._waiting: list[Group] = []

    def add(self, datagram: bytes, address: Hashable) -> None:
        self._waiting.append(([datagram], address))

    def read(self) -> tuple[list[Group], bool]:
        waiting, self._waiting = self._waiting, []
        return waiting, False

    def address(self, key: Hashable) -> Any:
        return key


class MemoryDatagrams(MemoryListener, DatagramListener):
    """A listener for datagrams of senders in memory, which also get its answers."""

    def __init__(self, endpoint: Any, receiver: DatagramReceiver, **how: Any) -> None:
        super().__init__(endpoint, receiver, **how)
        self._arrived = self._receive = ArrivedDatagrams()
        # No kernel counts drops here, so nobody has to ask for the count.
        self._losses.known = False
        self._memory_senders: dict[Sender, MemorySender] = {}

    def bind(self) -> None:
        # Answers go through this object instead of a socket.
        context: Any = getattr(self._receiver, "context", self._receiver)
        context.answers = self

    async def drain(self, seconds: float) -> int:
        self.opened = False
        self._deliver_kept(self._reactor.seconds())
        return int(bool(self._kept))

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if not self._paused:
            self._receive_some()

    def sender(self, address: Hashable) -> MemorySender:
        """Return the sender at an address, which has the form of the socket module."""

        def deliver(datagram: bytes) -> None:
            self._arrived.add(datagram, address)
            if self.opened and not self._paused:
                self._receive_some()

        sender = self._senders.known_sender(address, self._arrived.address)
        if sender not in self._memory_senders:
            self._memory_senders[sender] = MemorySender(sender, deliver)
        return self._memory_senders[sender]

    def send(self, data: bytes, peer: Sender) -> bool:
        """Answer a sender, as an AnswerSocket does."""
        if peer not in self._memory_senders:
            return False
        self._memory_senders[peer].take(bytes(data))
        return True

    def close(self) -> None:
        """Do nothing: there is no socket to close."""
