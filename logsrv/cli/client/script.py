"""Talking by standard input and output: what comes in there is sent, what is heard goes out there."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred

from logsrv.cli.client.peer import Peer
from logsrv.cli.client.wire import Wire

CHUNK = 64 * 1024
QUIET_SECONDS = 1.0
"""How long to listen after the end of the input when the peer cannot notice that end."""


class StandardInput:
    """Reads a file descriptor in a thread, so for any kind of file; one chunk at a time.

    ended: fires after the last chunk has been taken.
    """

    def __init__(
        self,
        descriptor: int,
        take: Callable[[bytes], Coroutine[Any, Any, None]],
        reactor: Any,
    ) -> None:
        self.ended: Deferred[None] = Deferred()
        self._descriptor = descriptor
        self._take = take
        self._reactor = reactor
        self._taken = threading.Semaphore(1)

    def start(self) -> None:
        # A daemon: nothing wakes a thread that reads a terminal or a silent pipe.
        threading.Thread(target=self._read, daemon=True, name="standard input").start()

    def _read(self) -> None:
        data = b"."
        while data:
            self._taken.acquire()
            try:
                data = os.read(self._descriptor, CHUNK)
            except OSError:
                data = b""
            self._reactor.callFromThread(self._deliver, data)

    def _deliver(self, data: bytes) -> None:
        if data:
            taking = Deferred.fromCoroutine(self._take(data))
            taking.addCallback(lambda taken: self._taken.release())
        else:
            self.ended.callback(None)


class Script:
    """A run by standard input and output: all that comes in is sent, all that is heard is written out."""

    def __init__(self, *, wait: float | None, reactor: Any, output: int = 1) -> None:
        """wait: end after so many seconds of silence, counted from the end of the input."""
        self._wait = wait
        self._reactor = reactor
        self._output = output
        self._output_error: OSError | None = None
        self._silence: Any = None
        self._peer: Peer | None = None

    def show(self, data: bytes) -> None:
        """Write it out; blocks as long as the reader of our output does."""
        if self._silence is not None and self._silence.active():
            self._silence.reset(self._wait)
        try:
            while data and self._output_error is None:
                data = data[os.write(self._output, data) :]
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
        source = StandardInput(0, take, self._reactor)
        source.start()
        await first(source.ended, peer.ended)
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
        await first(over, peer.ended)
        if over.called:
            peer.close()
        elif self._silence is not None:
            self._silence.cancel()


async def first(*these: Deferred[None]) -> None:
    """Wait until one of them, none of which fails, has fired."""
    over: Deferred[None] = Deferred()

    def fired(result: None) -> None:
        if not over.called:
            over.callback(None)

    for each in these:
        each.addCallback(fired)
    await over
