"""Answers in Twisted's reactor, which watches one descriptor for any number of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorFDSet,
    IReactorTime,
    IReadDescriptor,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.fetch.stream import Stream
from logsrv.gopher.fetch.transfers import LOOK_AT_CLOCKS, Transfers
from logsrv.gopher.wire.url import GopherURL


class IClientReactor(IReactorTime, IReactorFDSet):
    """A reactor with all that the client needs."""


@implementer(IReadDescriptor)
class ReactorTransfers:
    """Transfers that go on while the reactor runs; without any, the reactor knows nothing of it."""

    def __init__(
        self,
        reactor: IClientReactor,
        options: ConnectionOptions,
        allow: Callable[[str, int], None] | None = None,
    ) -> None:
        """`allow` as `Transfers` takes it."""
        self._reactor = reactor
        self._transfers = Transfers(options, reactor.seconds, allow=allow)
        self._timer: IDelayedCall | None = None

    def start(self, url: GopherURL, **how: Any) -> Stream:
        """Ask for `url`; `how` is what `Stream` takes."""
        stream = Stream(self._transfers, url, **how)
        self._watch()
        return stream

    def start_again(self, stream: Stream) -> None:
        """Ask once more."""
        stream.start()
        self._watch()

    def close(self, stream: Stream) -> None:
        """Let go of its connection; what was not taken by then is still there."""
        stream.close()
        self._rest()

    def _watch(self) -> None:
        if self._timer is None:
            self._reactor.addReader(self)
            self._timer = self._reactor.callLater(0, self._tick)

    def _tick(self) -> None:
        self._timer = self._reactor.callLater(LOOK_AT_CLOCKS, self._tick)
        self.doRead()

    def _rest(self) -> None:
        if self._timer is not None and not self._transfers.active:
            self._reactor.removeReader(self)
            self._timer.cancel()
            self._timer = None

    # What Twisted calls.

    def fileno(self) -> int:
        return self._transfers.fileno()

    def doRead(self) -> None:
        self._transfers.wait(0)
        self._rest()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends, and everything with it."""

    def logPrefix(self) -> str:
        return "gopher"


async def opened(stream: Stream) -> None:
    """Return when it is certain that `stream` has content, maybe none. Raises the error if it has none."""
    while not stream.opened():
        await _change(stream)


async def next_piece(stream: Stream) -> bytes:
    """Return the next piece, b"" at the end. Raises what ended the answer too early."""
    while (piece := stream.take()) is None:
        await _change(stream)
    return piece


async def _change(stream: Stream) -> None:
    changed: Deferred[None] = Deferred()

    def wake() -> None:
        if not changed.called:
            changed.callback(None)

    stream.wake = wake
    await changed
