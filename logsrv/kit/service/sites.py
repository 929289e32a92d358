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

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoint import NOT_AT_ONCE, Endpoint, TakenPlaces
from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.listen import Listener, listener_for
from logsrv.kit.net.listening import LISTENING
from logsrv.kit.observe.metrics import Metrics, MetricsPart
from logsrv.kit.text.transitions import transitions

log = Logger()


@attrs.frozen
class SiteSpec:
    """A site as the settings want it.

    key: what makes it the same site after a reload. label: its name in logs and metrics.
    settings: the rules of its guard (a GuardPolicy), and whatever its SiteServer needs.
    make: makes its SiteServer; None: the service does. sentence: how the log says that it listens, with
    {place} or {url} in it.
    """

    key: str
    endpoint: Endpoint
    label: str
    settings: Any
    make: Callable[[SiteSpec, MetricsPart], SiteServer] | None = None
    sentence: str = LISTENING


class SiteServer(Protocol):
    """The part that serves the peers of one site: made with the settings of its listener."""

    @property
    def receiver(self) -> Any:
        """A factory of protocols, or for datagrams a receiver; None if it cannot serve such a place."""

    def attach(self, listener: Listener) -> None:
        """Know the listener, which is not bound yet."""

    def apply(self, settings: Any) -> None:
        """Go by other settings for the peers to come."""

    def close(self) -> None:
        """The last peer has gone."""


NEXT = transitions(__doc__)


class Site:
    """A site of a service, from its making to its end; `state` is one of the table's.

    is_own: it is the service's, not one of its protocols. policy: the rules of its guard.
    server: the part that serves its peers.
    """

    def __init__(
        self,
        wanted: SiteSpec,
        make_server: Callable[[SiteSpec, MetricsPart], SiteServer],
        reactor: Any,
        metrics: Metrics,
        make_listener: Callable[..., Listener] = listener_for,
    ) -> None:
        """Open nothing yet. Raises ConfigurationError for a place that cannot be served."""
        self.key = wanted.key
        self.label = wanted.label
        self.endpoint = wanted.endpoint
        self.is_own = wanted.make is not None
        self.policy: GuardPolicy = wanted.settings
        self.state = "MADE"
        self.vacated: Deferred[None] = Deferred()
        """Fires when it is closing and its place is free."""
        self._part = MetricsPart(metrics)
        try:
            self.server = (wanted.make or make_server)(wanted, self._part)
            self._listener = make_listener(
                wanted.endpoint,
                self.server.receiver,
                label=wanted.label,
                policy=wanted.settings,
                reactor=reactor,
                metrics=self._part,
            )
        except BaseException:
            self._part.end()
            raise
        self._listener.sentence = wanted.sentence
        self.server.attach(self._listener)

    @property
    def address(self) -> str:
        """The place where it listens, as bound: `127.0.0.1:1234`, a path; "" before."""
        return self._listener.address

    @property
    def protocols(self) -> Sequence[Any]:
        """The protocols of the connections at this place."""
        return self._listener.protocols

    def _go(self, event: str) -> None:
        self.state = NEXT[self.state, event]

    def check(self) -> None:
        """Raise ListenError for what would keep it from being bound, or from going on."""
        self._listener.check()

    def bind(self) -> None:
        """Take its place; peers wait until `open`. Raises ListenError."""
        self._listener.bind()
        self._go("bind")

    def open(self) -> None:
        """Let peers in."""
        self._listener.open()
        self._go("open")

    def apply(self, wanted: SiteSpec) -> None:
        """Go by other settings; connections stay."""
        self._go("apply")
        self.policy = wanted.settings
        for apply in (self._listener.apply, self.server.apply):
            try:
                apply(wanted.settings)
            except Exception:
                # The reload is done already; one site that fails must not undo it for the others.
                log.failure("{listener} failed to apply the new settings", listener=self.label)

    async def close(self, seconds: float) -> int:
        """Take in the input that has arrived, for at most `seconds`; then end.

        Return how many peers were cut off. A failure is logged, and does not stop the other sites.
        """
        self._go("close")
        listener = self._listener
        await self._do(listener.stop_listening)
        if self.endpoint.kind == "stream":
            self._vacate()
        cut = await self._do(lambda: listener.drain(seconds))
        # Only now: what was taken in last may have had to be answered.
        await self._do(self.server.close)
        if self.state == "CLOSING":
            self._vacate()
        self._part.end()
        self._go("end")
        return cut or 0

    def _vacate(self) -> None:
        self._go("vacate")
        self.vacated.callback(None)

    async def _do(self, step: Callable[[], Any]) -> Any:
        try:
            return await maybeDeferred(step)
        except Exception:
            log.failure("{listener} failed to stop", listener=self.label)


def check_not_ours(new: SiteSpec, taken: TakenPlaces) -> None:
    """Raise ConfigurationError when `new` wants a place that is taken by this server.

    The kernel would say so as well, but not that the other program is this one.
    """
    if (other := taken.in_the_way_of(new.endpoint)) is not None:
        raise ConfigurationError(
            f"{new.endpoint}: this server's own {other} is at that place; {NOT_AT_ONCE}"
        )
