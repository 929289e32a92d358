"""A listener to which nobody connects: its receiver goes and gets what there is elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from logsrv.errors import ConfigurationError
from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.endpoint import Endpoint


class FetchingReceiver(Protocol):
    """A receiver that gets what it takes in by itself."""

    def check(self, endpoint: Endpoint) -> None:
        """Look at its files and the like, and fetch nothing. Raises ConfigurationError."""

    def begin(self, endpoint: Endpoint) -> None:
        """Begin to fetch, from where its text says."""

    def end(self) -> Deferred[None]:
        """Fetch no more; fires when what has come is taken in, or given up."""


class FetchedListener:
    """A receiver that fetches, from `open` to `drain`."""

    address = ""
    # Nobody is let in here, so nothing is said.
    sentence = ""
    protocols: Sequence[Any] = ()

    def __init__(
        self,
        endpoint: Endpoint,
        receiver: FetchingReceiver,
        *,
        label: str,
        policy: object,
        reactor: Any,
        metrics: object,
        kept: object = None,
    ) -> None:
        self.endpoint = endpoint
        self._receiver = receiver
        self._reactor = reactor
        self._open = False

    def check(self) -> None:
        try:
            self._receiver.check(self.endpoint)
        except ConfigurationError as error:
            raise ListenError(f"{self.endpoint}: {error}") from None

    def bind(self) -> None:
        """Do what `check` does: there is no place to be taken."""
        self.check()

    def open(self) -> None:
        self._open = True
        self._receiver.begin(self.endpoint)

    def apply(self, policy: object) -> None:
        """Do nothing: there are no peers to let in."""

    async def stop_listening(self) -> None:
        """Do nothing: `drain` does it all."""

    async def drain(self, seconds: float) -> int:
        """Take in what has come, then end. Gives 1 if that was cut off after `seconds`."""
        if not self._open:
            return 0
        self._open = False
        cut: list[bool] = []
        ending = self._receiver.end().addTimeout(
            seconds, self._reactor, onTimeoutCancel=lambda *_: cut.append(True)
        )
        await ending
        return len(cut)
