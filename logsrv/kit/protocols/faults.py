"""Errors at a connection: faults of peers, and mistakes of authors.

A fault is raised in code that reads or writes; it is a PeerError, and needs no handling. A mistake raises
TypeError in the author's code that gave a wrong value.
"""

from __future__ import annotations

from inspect import iscoroutine

from logsrv.errors import PeerError


class PeerGone(PeerError):
    """The peer has gone: it reads nothing more. Unhandled, it ends the waiting code, without a log line."""


class EndOfStream(PeerError):
    """The peer ended the stream before a read had all the bytes that it needs.

    Unhandled, it closes the connection without a word to the peer. partial: the bytes that came.
    """

    def __init__(self, peer: str, wanted: str, partial: bytes) -> None:
        super().__init__(f"{peer} ended after {len(partial)} bytes of {wanted}")
        self.partial = partial


class PeerTimeout(PeerError, TimeoutError):
    """The peer sent too little within the time-out of a read; a later read gets the bytes that have
    arrived.

    Unhandled, it tells the peer so and closes the connection.
    """

    def __init__(self, peer: str) -> None:
        super().__init__(f"{peer} sent nothing in time")


def check_text(text: object, taker: str) -> None:
    """Raise TypeError, with a sentence, if `text` is not a str. taker: the function that was called with
    `text`.
    """
    if not isinstance(text, str):
        raise TypeError(f"{taker} takes str, not {wrong_value_text(text)}")


def bytes_of(data: object) -> bytes:
    """Return a bytes-like object as bytes. Raises TypeError, with a sentence, for anything else."""
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise TypeError(f"write takes bytes, not {wrong_value_text(data)}")


def wrong_value_text(value: object) -> str:
    """Return a description of an author's wrong value, for a sentence."""
    if iscoroutine(value):
        # Closed, so that Python does not warn of it as well.
        value.close()
        return f"the coroutine of {value.__qualname__}: `await` it first"
    return f"{value!r:.60}"
