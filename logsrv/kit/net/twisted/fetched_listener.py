"""A listener to which nobody connects: its receiver fetches data from another server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import attrs
from twisted.internet.defer import Deferred

from logsrv.errors import ConfigurationError
from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.endpoint import Endpoint


class FetchingReceiver(Protocol):
    """A receiver that fetches its data by itself."""

    def check_endpoint(self, endpoint: Endpoint) -> None:
        """Check an endpoint's options and the files that they name. Raises ConfigurationError."""

    def begin_fetching(self, endpoint: Endpoint) -> None:
        """Begin to fetch, from the place that the endpoint's text names."""

    def stop_fetching(self) -> Deferred[None]:
        """Stop fetching; fires when the data that has come is taken in or given up."""


@attrs.define(eq=False, slots=False)
class FetchedListener:
    """A listener whose receiver fetches, from `open` to `drain`."""

    address = ""
    # Nobody can connect, so the log does not say that it listens.
    sentence = ""
    protocols: ClassVar[Sequence[Any]] = ()

    endpoint: Endpoint
    _receiver: FetchingReceiver
    label: str
    policy: object
    _reactor: Any
    metrics: object
    kept: object = None
    _open: bool = attrs.field(init=False, default=False)

    def check_and_reload(self) -> None:
        try:
            self._receiver.check_endpoint(self.endpoint)
        except ConfigurationError as error:
            raise ListenError(f"{self.endpoint}: {error}") from None

    def bind(self) -> None:
        """Only check: there is no place to bind."""
        self.check_and_reload()

    def open(self) -> None:
        self._open = True
        self._receiver.begin_fetching(self.endpoint)

    def apply(self, policy: object) -> None:
        """Do nothing: there are no peers to admit."""

    async def stop_listening(self) -> None:
        """Do nothing: `drain` ends the fetching."""

    async def drain(self, seconds: float) -> int:
        """Take in the data that has come, then end. Return 1 if that was cut off after `seconds`."""
        if not self._open:
            return 0
        self._open = False
        cut: list[bool] = []
        ending = self._receiver.stop_fetching().addTimeout(
            seconds, self._reactor, onTimeoutCancel=lambda *_: cut.append(True)
        )
        await ending
        return len(cut)
