"""Answers in Twisted's reactor, which watches one descriptor for any number of them."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorFDSet, IReactorTime, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.fetch.transfers.transfers import LOOK_AT_CLOCKS, Transfers
from logsrv.timer import Timer


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
        self.transfers = Transfers(options, reactor.seconds, allow=allow)
        self._timer = Timer(reactor)

    def watch(self) -> None:
        """Let the reactor know that there is something to do."""
        if not self._timer.running:
            self._reactor.addReader(self)
            self._timer.start(0, self._tick)

    def _tick(self) -> None:
        self._timer.start(LOOK_AT_CLOCKS, self._tick)
        self.doRead()

    def rest(self) -> None:
        """Let the reactor forget it, if there is nothing left to do."""
        if self._timer.running and not self.transfers.active:
            self._reactor.removeReader(self)
            self._timer.stop()

    # IReadDescriptor, which Twisted calls.

    def fileno(self) -> int:
        return self.transfers.fileno()

    def doRead(self) -> None:
        self.transfers.wait(0)
        self.rest()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends, and everything with it."""

    def logPrefix(self) -> str:
        return "gopher"
