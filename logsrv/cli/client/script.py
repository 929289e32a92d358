"""Talking by standard input and output: what comes in there is sent, what is heard goes out there."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import attrs
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.threads import blockingCallFromThread

from logsrv.cli.client.peer import Peer
from logsrv.cli.client.wire import Wire

CHUNK = 64 * 1024
QUIET_SECONDS = 1.0
"""Seconds to listen after the end of the input when the peer cannot notice that end."""


def read_all(
    descriptor: int, take: Callable[[bytes], Coroutine[Any, Any, None]], reactor: Any
) -> Deferred[None]:
    """Read a file descriptor in a thread, so of any kind of file, and have each chunk taken before the
    next. Fires after the last one.
    """
    ended: Deferred[None] = Deferred()

    def read() -> None:
        with contextlib.suppress(OSError):
            while data := os.read(descriptor, CHUNK):
                blockingCallFromThread(reactor, begin, data)
        reactor.callFromThread(ended.callback, None)

    def begin(data: bytes) -> Any:
        return Deferred.fromCoroutine(take(data))

    # A daemon: nothing wakes a thread that reads a terminal or a silent pipe.
    threading.Thread(target=read, daemon=True, name="standard input").start()
    return ended


@attrs.define(eq=False, kw_only=True)
class Script:
    """A run by standard input and output: all that comes in is sent, all that is heard is written out.

    wait: end after so many seconds of silence, counted from the end of the input.
    """

    _wait: float | None
    _reactor: Any
    _output_error: OSError | None = None
    _silence: Any = None
    _peer: Peer | None = None

    def show(self, data: bytes) -> None:
        """Write it out; blocks as long as the reader of our output does."""
        if self._silence is not None and self._silence.active():
            self._silence.reset(self._wait)
        try:
            while data and self._output_error is None:
                data = data[os.write(1, data) :]
        except OSError as error:
            self._output_error = error
            if self._peer is not None:
                self._peer.close()

    async def converse(self, peer: Peer, wire: Wire) -> None:
        """Go on until the peer closes, or silence. Raises ConnectionFailed, and OSError of our output."""

        async def take(data: bytes) -> None:
            for piece in wire.read(data):
                peer.send(piece)
                await peer.room()

        self._peer = peer
        said = read_all(0, take, self._reactor)
        await DeferredList([said, peer.ended], fireOnOneCallback=True)
        if not peer.ended.called:
            for piece in wire.finish():
                peer.send(piece)
                await peer.room()
            if not peer.end_input() and self._wait is None:
                self._wait = QUIET_SECONDS
            await self._listen(peer)
        await peer.ended
        if self._output_error is not None:
            raise self._output_error
        if peer.failure is not None:
            raise peer.failure

    async def _listen(self, peer: Peer) -> None:
        over: Deferred[None] = Deferred()
        if self._wait is not None:
            self._silence = self._reactor.callLater(self._wait, over.callback, None)
        await DeferredList([over, peer.ended], fireOnOneCallback=True)
        if over.called:
            peer.close()
        elif self._silence is not None:
            self._silence.cancel()
