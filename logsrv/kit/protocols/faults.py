"""Errors at a connection: faults of peers, and mistakes of authors.

Faults are told to whoever writes or reads; each is a PeerError, and needs no handling. Sentences about
mistakes are raised where an author's code gave the wrong thing.
"""

from __future__ import annotations

from inspect import iscoroutine

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


def check_text(text: object, taker: str) -> None:
    """Raise TypeError, with a sentence, for what is no text; `taker` is the function that was given it."""
    if not isinstance(text, str):
        raise TypeError(f"{taker} takes str, not {mistaken(text)}")


def bytes_of(data: object) -> bytes:
    """Return what looks like bytes as bytes. Raises TypeError, with a sentence, for anything else."""
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise TypeError(f"write takes bytes, not {mistaken(data)}")


def mistaken(value: object) -> str:
    """Return how a sentence calls what an author gave by mistake."""
    if iscoroutine(value):
        # It is said here; Python need not warn of it once more.
        value.close()
        return f"the coroutine of {value.__qualname__}: `await` it first"
    return f"{value!r:.60}"
