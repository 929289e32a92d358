"""Links: connections to other servers, which reconnect for as long as the service runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint

from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.observe.metrics import Metrics
from logsrv.lazy_names import later_module

if TYPE_CHECKING:
    from logsrv.kit._protocol_plugin import reconnecting
    from logsrv.kit._protocol_plugin.reconnecting import ReconnectingLink
else:
    reconnecting = later_module("logsrv.kit._protocol_plugin.reconnecting")


@attrs.define(eq=False)
class Links:
    """The links of one service."""

    _clock: Any
    _metrics: Metrics
    _policy: Callable[[], GuardPolicy]
    _links: list[ReconnectingLink] = attrs.field(factory=list)
    _begun: bool = False

    def __iter__(self) -> Iterator[ReconnectingLink]:
        return iter(tuple(self._links))

    def add_link(
        self, label: str, endpoint: IStreamClientEndpoint, factory: IProtocolFactory
    ) -> ReconnectingLink:
        """Connect to `endpoint`, now or when the reactor runs."""
        link = reconnecting.ReconnectingLink(
            label, endpoint, factory, self._clock, self._metrics, self._policy()
        )
        self._links.append(link)
        if self._begun:
            link.start_connecting()
        return link

    def connect_all(self) -> None:
        """Connect all links: the reactor runs."""
        self._begun = True
        for link in self:
            link.start_connecting()

    def apply(self, policy: GuardPolicy) -> None:
        """Use other rules for all links."""
        for link in self:
            link.apply(policy)

    async def drain_all(self, seconds: float) -> int:
        """Drain all links, for at most `seconds`. Return how many were cut off."""
        draining = [Deferred.fromCoroutine(link.drain(seconds)) for link in self]
        return sum([await one for one in draining])


def dial_policy(settings: Any) -> GuardPolicy:
    """Return the rules of links and dialled connections: of the settings, only keepalive is for them."""
    return GuardPolicy(keepalive=settings.keepalive)
