"""The faults of a peer that whoever writes or reads is told. Each is a PeerError, and needs no handling."""

from __future__ import annotations

from logsrv.errors import PeerError


class PeerGone(PeerError):
    """The peer has gone: it reads nothing more. Unhandled, it just ends whoever was told."""


class EndOfStream(PeerError):
    """The peer sent nothing more before all was there that was read for.

    Unhandled, the connection is closed; the peer is told nothing. partial: what there was of it.
    """

    def __init__(self, peer: str, wanted: str, partial: bytes) -> None:
        super().__init__(f"{peer} ended after {len(partial)} bytes of {wanted}")
        self.partial = partial


class PeerTimeout(PeerError, TimeoutError):
    """The peer did not send in time what was read for; nothing of it is lost to a later read.

    Unhandled, the peer is told so and dismissed.
    """

    def __init__(self, peer: str) -> None:
        super().__init__(f"{peer} sent nothing in time")
