"""Sites: a site is an address where a service listens, with its server, guard and settings; `ServedSites`
has all sites of a service.

A reload compares the present sites with those that the new settings want. A site in both gets the new
settings, a new one is made, and one that is no longer wanted drains.

`check` may be called in any state before CLOSING. It raises when the site could not be bound now, or could
not go on with its files as they are now. A reload does everything that can fail before any peer notices it,
so it is refused or done as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.net.endpoint import LISTENING, NOT_AT_ONCE, Endpoint, TakenEndpoints
from logsrv.kit.net.listen import Listener, listener_for
from logsrv.kit.observe.metrics import Metrics, MetricsPart
from logsrv.kit.text.words import counted
from logsrv.state_table import state_table

log = Logger()


@attrs.frozen
class SiteSpec:
    """A site as the settings describe it.

    key: its identity across reloads. label: its name in logs and metrics. settings: the rules of its guard
    (a GuardPolicy), and more that its SiteServer needs. make: returns its SiteServer; None if the service
    makes it. sentence: the log line when it listens, with {place} or {url} in it.
    """

    key: str
    endpoint: Endpoint
    label: str
    settings: Any
    make: Callable[[SiteSpec, MetricsPart], SiteServer] | None = None
    sentence: str = LISTENING


class SiteServer(Protocol):
    """The object that serves the peers of one site; it is made with the settings of the site's listener."""

    @property
    def receiver(self) -> Any:
        """Return a factory of protocols, or a receiver of datagrams; None if this server cannot serve this
        kind of endpoint.
        """

    def attach(self, listener: Listener) -> None:
        """Take the listener of the site, which is not bound yet."""

    def apply(self, settings: Any) -> None:
        """Use other settings for new peers."""

    def close(self) -> None:
        """Clean up after the last peer has gone."""


NEXT = state_table(
    {
        "MADE": {"bind": "BOUND", "close": "CLOSING"},
        # Its address is taken; peers wait.
        "BOUND": {"open": "OPEN", "close": "CLOSING"},
        # Peers are let in. When it gets other settings, its peers stay.
        "OPEN": {"apply": "OPEN", "close": "CLOSING"},
        # No new peers; what has arrived is taken in.
        "CLOSING": {"vacate": "VACATED"},
        # Its address is free for another. After its last peer has gone, its counts stay in the sums.
        "VACATED": {"end": "CLOSED"},
        "CLOSED": {},
    }
)
"""A table of the states of a site: for each state, the possible events, and the next state after each
event.
"""


class Site:
    """A site of a service. state: one of the states in NEXT.

    is_own: true for a site of the service itself (--metrics, --inspect), false for one of its protocols.
    policy: the rules of its guard. server: the part that serves its peers.
    """

    def __init__(
        self,
        wanted: SiteSpec,
        make_server: Callable[[SiteSpec, MetricsPart], SiteServer],
        reactor: Any,
        metrics: Metrics,
        make_listener: Callable[..., Listener] = listener_for,
    ) -> None:
        """Open nothing yet. Raises ConfigurationError for an address that cannot be served."""
        self.key = wanted.key
        self.label = wanted.label
        self.endpoint = wanted.endpoint
        self.is_own = wanted.make is not None
        self.policy: GuardPolicy = wanted.settings
        self.state = "MADE"
        self.vacated: Deferred[None] = Deferred()
        """Fires when it is closing and its address is free."""
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
        """Return the bound address: `127.0.0.1:1234`, a path; "" before it is bound."""
        return self._listener.address

    @property
    def protocols(self) -> Sequence[Any]:
        """Return the protocols of the connections at this address."""
        return self._listener.protocols

    def _change_state(self, event: str) -> None:
        self.state = NEXT[self.state][event]

    def check(self) -> None:
        """Raise ListenError if the site cannot be bound now, or if a bound site cannot continue."""
        self._listener.check_and_reload()

    def bind(self) -> None:
        """Bind the address of the site; peers wait until `open`. Raises ListenError."""
        self._listener.bind()
        self._change_state("bind")

    def open(self) -> None:
        """Let peers in."""
        self._listener.open()
        self._change_state("open")

    def apply(self, wanted: SiteSpec) -> None:
        """Use other settings; connections stay open."""
        self._change_state("apply")
        self.policy = wanted.settings
        for apply in (self._listener.apply, self.server.apply):
            try:
                apply(wanted.settings)
            except Exception:
                # The reload is done already; one site that fails must not undo it for the others.
                log.failure("{listener} failed to apply the new settings", listener=self.label)

    async def close(self, seconds: float) -> int:
        """Read the input that has arrived, for at most `seconds`; then end the site.

        Return how many peers were cut off. A failure is logged, and does not stop the other sites.
        """
        self._change_state("close")
        listener = self._listener
        await self._run_logged(listener.stop_listening)
        if self.endpoint.kind == "stream":
            self._vacate()
        cut = await self._run_logged(lambda: listener.drain(seconds))
        # Only after the drain: the last input may need an answer.
        await self._run_logged(self.server.close)
        if self.state == "CLOSING":
            self._vacate()
        self._part.end()
        self._change_state("end")
        return cut or 0

    def _vacate(self) -> None:
        self._change_state("vacate")
        self.vacated.callback(None)

    async def _run_logged(self, step: Callable[[], Any]) -> Any:
        try:
            return await maybeDeferred(step)
        except Exception:
            log.failure("{listener} failed to stop", listener=self.label)


def check_address_not_ours(new: SiteSpec, taken: TakenEndpoints) -> None:
    """Raise ConfigurationError when another site of this server has the address of `new`.

    The kernel would refuse it too, but would not say that the other program is this one.
    """
    if (other := taken.overlapping_endpoint(new.endpoint)) is not None:
        raise ConfigurationError(
            f"{new.endpoint}: this server's own {other} is at that place; {NOT_AT_ONCE}"
        )


def specs_by_key(wanted: Iterable[SiteSpec]) -> dict[str, SiteSpec]:
    """Return sites by their keys. Raises ConfigurationError for two at one address."""
    found: dict[str, SiteSpec] = {}
    taken = TakenEndpoints()
    for one in wanted:
        if one.key in found:
            if one.make is not None:
                raise ConfigurationError(f"--{one.key} is given twice")
            first = [*found].index(one.key) + 1
            raise ConfigurationError(
                f"{one.key} is given twice: by listeners {first} and {len(found) + 1}, in the order "
                "of --listen or of the tables in the file"
            )
        if (other := taken.overlapping_endpoint(one.endpoint)) is not None:
            raise ConfigurationError(
                f"{one.label} and {other} are one place: only one can be there"
            )
        found[one.key] = one
        taken.add_endpoint(one.endpoint)
    return found


class ServedSites:
    """The sites of the present settings, in the order of the settings, and the removed sites that still
    drain.

    cut: the number of peers that were cut off.
    """

    def __init__(self, make: Callable[[SiteSpec], Site]) -> None:
        self._make = make
        self._sites: dict[str, Site] = {}
        self._leaving: dict[Site, Deferred[None]] = {}
        self.cut = 0

    def __iter__(self) -> Iterator[Site]:
        return iter(tuple(self._sites.values()))

    def __len__(self) -> int:
        return len(self._sites)

    @property
    def all(self) -> list[Site]:
        """Return the sites of the present settings, and the removed sites that still drain."""
        return [*self._sites.values(), *self._leaving]

    def bind_all(self, wanted: Mapping[str, SiteSpec]) -> None:
        """Make and bind all sites when the service starts. After an error, `close_all` frees the bound
        ones.
        """
        for key, one in wanted.items():
            self._sites[key] = self._make(one)
            self._sites[key].bind()

    def open(self, *, own: bool) -> None:
        """Let peers in: if `own` is true, at the service's own sites (--metrics, --inspect), else at all
        other sites.
        """
        for site in self:
            if site.is_own == own:
                site.open()

    async def wait_until_vacated(self) -> None:
        """Wait until the addresses of all sites that a reload or a stop closes are free."""
        for site in list(self._leaving):
            await site.vacated

    def bind_new(self, wanted: Mapping[str, SiteSpec], added: dict[str, Site]) -> None:
        """Make the new sites, check all sites, and then bind the new sites. An error in it refuses the
        reload.

        added: gets the new sites, for `apply_change` or `close_added`.
        """
        taken = TakenEndpoints(site.endpoint for site in self)
        for key in [key for key in wanted if key not in self._sites]:
            check_address_not_ours(wanted[key], taken)
            added[key] = self._make(wanted[key])
        for site in (*self, *added.values()):
            if site.key in wanted:
                site.check()
        for site in added.values():
            site.bind()

    def close_added(self, added: dict[str, Site]) -> None:
        """Close and remove the added sites, because the reload was refused, or because the service
        stops.
        """
        while added:
            self._begin_close(added.popitem()[1], 0)

    def apply_change(
        self, wanted: Mapping[str, SiteSpec], added: Mapping[str, Site], seconds: float
    ) -> int:
        """Apply the new settings, which `bind_new` has checked. Return how many sites are gone; they drain
        for at most `seconds`.
        """
        gone = [site for key, site in self._sites.items() if key not in wanted]
        for site in gone:
            self._begin_close(site, seconds, taken_out=True)
        for key, site in self._sites.items():
            if key in wanted:
                site.apply(wanted[key])
        self._sites = {key: added.get(key) or self._sites[key] for key in wanted}
        for site in added.values():
            site.open()
        return len(gone)

    def close_all(self, seconds: float) -> Deferred[list[None]]:
        """Close all sites; the Deferred fires when all are closed."""
        for site in self:
            self._begin_close(site, seconds)
        self._sites = {}
        return gatherResults(list(self._leaving.values()))

    def _begin_close(self, site: Site, seconds: float, *, taken_out: bool = False) -> None:
        left = Deferred.fromCoroutine(self._close_and_count(site, seconds, taken_out))
        if not left.called:
            self._leaving[site] = left

    async def _close_and_count(self, site: Site, seconds: float, taken_out: bool) -> None:
        cut = await site.close(seconds)
        self._leaving.pop(site, None)
        self.cut += cut
        if cut and taken_out:
            log.warn(
                "{listener} was removed: {connections} cut off",
                listener=site.label,
                cut=cut,
                connections=counted(cut, "connection"),
            )
