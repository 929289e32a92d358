"""The two sides of a connection as it sees them: the author's protocol object, and a reader of bytes."""

from __future__ import annotations

from typing import Any, Protocol

from logsrv.kit.net.tls.peer_certificate import PeerCertificate
from logsrv.kit.protocols.connection.context import ListenerContext


class Author(Protocol):
    """The protocol object whose code the connection calls, and how it wants text to be sent."""

    transport: Any
    factory: ListenerContext
    max_unsent: int
    patience: float
    encoding: str
    ending: str
    half_close: bool

    @property
    def peer(self) -> str: ...

    @property
    def certificate(self) -> PeerCertificate | None: ...

    @property
    def encrypted(self) -> bool: ...

    @property
    def can_start_tls(self) -> bool: ...

    def know_peer(self) -> None: ...

    def connection_made(self) -> object: ...

    def connection_lost(self, reason: str) -> object: ...


class Reader(Protocol):
    """A reader: makes something for the author of what the peer sends.

    spent: nothing of it is left here or was dropped, and that it ends is nothing to the author.
    waits_by_itself: the author's code is not given anything, but asks for it.
    """

    waits_by_itself: bool

    @property
    def spent(self) -> bool: ...

    @property
    def waiting(self) -> bool:
        """Return true if the author's code waits for more from the peer."""

    @property
    def exhausted(self) -> bool:
        """Return true if the author's code has got all that it is to get one after another."""

    @property
    def ahead(self) -> bool:
        """Return true if the peer has sent more than the author's code has got."""

    def received(self, data: bytes) -> None:
        """Take what the peer sent, while the connection is open."""

    def advance(self) -> None:
        """Give the author what there is, until there is nothing left or the connection is `held`."""

    def lost(self) -> None:
        """Let go of what the peer sent: the connection is gone."""
