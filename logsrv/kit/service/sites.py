"""Sites: a place where a service listens, what serves it there, its guard and its settings, as one.

A reload compares the sites that are there with those that the new settings want. One that stays is
given the new settings; one that is new is made with them; one that is gone drains. What becomes of a
site, and when:

    state     event     next      what happens
    MADE      bind      BOUND     its place is taken; raises when it is not free
    MADE      close     CLOSING
    BOUND     open      OPEN      peers are let in
    BOUND     close     CLOSING
    OPEN      apply     OPEN      it goes by other settings, its peers stay
    OPEN      close     CLOSING   no new peers; what has arrived is taken in
    CLOSING   vacate    VACATED   its place is free for another
    VACATED   end       CLOSED    its last peer has gone; its counts stay in the sums

`check` may come in any state before CLOSING: it raises when the site could not be bound just now, or
not go on as its files are now. Everything that can fail stands before the first thing that a peer
notices: so a reload is refused as a whole, or done as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoints import Endpoint
from logsrv.kit.net.listen import Listener, listener_for
from logsrv.kit.observe.metrics import Metrics, Part

log = Logger()


@attrs.frozen
class Wanted:
    """A site as the settings want it.

    key: what makes it the same site after a reload. label: its name in logs and metrics.
    settings: the rules of its guard (a GuardPolicy), and whatever its `Served` needs.
    """

    key: str
    endpoint: Endpoint
    label: str
    settings: Any


class Served(Protocol):
    """The part that serves the peers of one site: made with the settings of its listener."""

    @property
    def takes(self) -> Any:
        """A factory of protocols, or for datagrams a receiver; None if it cannot serve such a place."""

    def listening(self, listener: Listener) -> None:
        """Know the listener, which is not bound yet."""

    def apply(self, settings: Any) -> None:
        """Go by other settings for the peers to come."""

    def close(self) -> None:
        """The last peer has gone."""


class SiteState(Enum):
    """The stages of a site."""

    MADE = "made"
    BOUND = "bound"
    OPEN = "open"
    CLOSING = "closing"
    VACATED = "vacated"
    CLOSED = "closed"


NEXT = {
    (old, event): SiteState[new]
    for old, event, new in re.findall(r"^    ([A-Z]+) +([a-z]+) +([A-Z]+)\b", __doc__, re.MULTILINE)
}


class Site:
    """A site of a service, from its making to its end."""

    def __init__(
        self,
        wanted: Wanted,
        serve: Callable[[Wanted, Part], Served],
        reactor: Any,
        metrics: Metrics,
    ) -> None:
        """Open nothing yet. Raises ConfigurationError for a place that cannot be served."""
        self.key = wanted.key
        self.label = wanted.label
        self.endpoint = wanted.endpoint
        self.state = SiteState.MADE
        self._vacated: Deferred[None] = Deferred()
        self._part = metrics.part()
        try:
            self._served = serve(wanted, self._part)
            self._listener = listener_for(
                wanted.endpoint,
                factory=self._served.takes,
                receiver=self._served.takes,
                label=wanted.label,
                policy=wanted.settings,
                reactor=reactor,
                metrics=self._part,
            )
        except BaseException:
            self._part.end()
            raise
        self._served.listening(self._listener)

    @property
    def address(self) -> str:
        """The place where it listens, as bound: `127.0.0.1:1234`, a path; "" before."""
        return self._listener.address

    def _go(self, event: str) -> None:
        self.state = NEXT[self.state.name, event]

    def check(self) -> None:
        """Raise ListenError for what would keep it from being bound, or from going on."""
        self._listener.check()

    def bind(self) -> None:
        """Take its place; `open` has to follow in the same turn. Raises ListenError."""
        self._listener.bind()
        self._go("bind")

    def open(self) -> None:
        """Let peers in."""
        self._listener.open()
        self._go("open")

    def apply(self, wanted: Wanted) -> None:
        """Go by other settings; who is connected stays."""
        self._go("apply")
        for apply in (self._listener.apply, self._served.apply):
            try:
                apply(wanted.settings)
            except Exception:
                # The reload is done already; one site that fails must not undo it for the others.
                log.failure("{listener} failed to apply the new settings", listener=self.label)

    async def vacated(self) -> None:
        """Return when the place of a site that is closing is free."""
        await self._vacated

    async def close(self, seconds: float) -> int:
        """Take in what has arrived, for so many seconds at most; then end.

        Gives how many peers were cut off. A failure is logged: it hinders no other site.
        """
        self._go("close")
        listener = self._listener
        await self._do(listener.stop_listening)
        if self.endpoint.kind == "stream":
            self._vacate()
        cut = await self._do(lambda: listener.drain(seconds))
        # Only now: what was taken in last may have had to be answered.
        await self._do(self._served.close)
        if self.state is SiteState.CLOSING:
            self._vacate()
        self._part.end()
        self._go("end")
        return cut or 0

    def _vacate(self) -> None:
        self._go("vacate")
        self._vacated.callback(None)

    async def _do(self, step: Callable[[], Any]) -> Any:
        try:
            return await maybeDeferred(step)
        except Exception:
            log.failure("{listener} failed to stop", listener=self.label)


def check_place(new: Wanted, others: Iterable[Site]) -> None:
    """Raise ConfigurationError when `new` wants a place that one of `others` has.

    The kernel would say so as well, but not that the other program is this one.
    """
    for other in others:
        if new.endpoint.overlaps(other.endpoint):
            raise ConfigurationError(
                f"{new.endpoint}: this server's own {other.endpoint} is at that place; one reload "
                "cannot change it there: take the old one out, reload, then put the new one in"
            )
