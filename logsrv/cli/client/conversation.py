"""A conversation: standard input goes to the peer, its answers go to standard output."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import attrs
from twisted.internet import error
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.threads import blockingCallFromThread

from logsrv.cli.client.display import Display
from logsrv.cli.client.failures import connection_failed
from logsrv.cli.client.peer import DatagramPeer, StreamPeer
from logsrv.cli.client.target import Target
from logsrv.cli.client.wire import DatagramInputEncoder, StreamInputEncoder

CHUNK = 64 * 1024
QUIET_SECONDS = 1.0
"""Seconds of silence before the end, if a person types, or the peer cannot notice the end of the input."""


def read_all(
    descriptor: int, take: Callable[[bytes], Coroutine[Any, Any, None]], reactor: Any
) -> Deferred[None]:
    """Read a file of any kind in a thread, and await `take` for each chunk before reading the next.

    The Deferred fires after the last chunk.
    """
    ended: Deferred[None] = Deferred()

    def read() -> None:
        with contextlib.suppress(OSError):
            while data := os.read(descriptor, CHUNK):
                blockingCallFromThread(reactor, begin, data)
        reactor.callFromThread(ended.callback, None)

    def begin(data: bytes) -> Any:
        return Deferred.fromCoroutine(take(data))

    # A daemon thread, because nothing can interrupt its read of a terminal or a silent pipe.
    threading.Thread(target=read, daemon=True, name="standard input").start()
    return ended


@attrs.define(eq=False, kw_only=True)
class LineConversation:
    """A conversation with one peer.

    wait: seconds of silence, after the end of the input, that end it; None: only the peer ends it.
    is_typed: whether a person types the input. ended: fires at the end, with the reason.
    """

    display: Display
    wire: StreamInputEncoder | DatagramInputEncoder
    wait: float | None
    is_typed: bool
    reactor: Any
    ended: Deferred[BaseException] = attrs.field(factory=Deferred)
    _peer: StreamPeer | DatagramPeer | None = None
    _output_error: OSError | None = None
    _silence: Any = None

    def show_received(self, data: bytes) -> bytes:
        """Show bytes of the peer; return the bytes that must be sent in answer."""
        self._write_output(self.display.received(data))
        answers = self.display.answers()
        self._write_output(self.display.sent(answers))
        return answers

    def end_conversation(self, reason: BaseException) -> None:
        """End the conversation: the peer has closed, or `close` was called."""
        self._write_output(self.display.finish())
        self.ended.callback(reason)

    def _write_output(self, data: bytes) -> None:
        """Write to standard output. This blocks while the reader of our output does not read."""
        if self._silence is not None and self._silence.active():
            self._silence.reset(self.wait)
        try:
            while data and self._output_error is None:
                data = data[os.write(1, data) :]
        except OSError as failed:
            self._output_error = failed
            if self._peer is not None:
                self._peer.close()

    async def converse(self, peer: StreamPeer | DatagramPeer, target: Target) -> None:
        """Exchange lines until the peer closes, or is silent for `wait` seconds after the end of the input.

        Raises ConnectionFailed; OSError of our output.
        """
        self._peer = peer

        async def take(data: bytes) -> None:
            await self._send_pieces(self.wire.encode(data))

        said = read_all(0, take, self.reactor)
        either: list[Deferred[Any]] = [said, self.ended]
        await DeferredList(either, fireOnOneCallback=True)
        if not self.ended.called:
            await self._send_pieces(self.wire.encode_rest())
        # The connection may have ended meanwhile; Twisted fails to half-close it then.
        if not self.ended.called:
            if (not peer.end_input() or self.is_typed) and self.wait is None:
                self.wait = QUIET_SECONDS
            if self.wait is not None:
                self._silence = self.reactor.callLater(self.wait, peer.close)
        reason = await self.ended
        if self._silence is not None and self._silence.active():
            self._silence.cancel()
        if self._output_error is not None:
            raise self._output_error
        if not isinstance(reason, error.ConnectionDone):
            raise connection_failed(reason, target, 0)

    async def _send_pieces(self, pieces: list[bytes]) -> None:
        assert self._peer is not None
        for piece in pieces:
            self._write_output(self.display.sent(piece))
            await self._peer.send(piece)
