"""All sites of a service: made, bound, opened, changed and closed together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoint import TakenPlaces
from logsrv.kit.service.sites import Site, SiteSpec, check_place_not_ours

log = Logger()


def specs_by_key(wanted: Iterable[SiteSpec]) -> dict[str, SiteSpec]:
    """Return sites by their keys. Raises ConfigurationError for two at one place."""
    found: dict[str, SiteSpec] = {}
    taken = TakenPlaces()
    for one in wanted:
        if one.key in found:
            if one.make is not None:
                raise ConfigurationError(f"--{one.key} is asked for twice")
            first = [*found].index(one.key) + 1
            raise ConfigurationError(
                f"{one.key} is asked for twice: by listeners {first} and {len(found) + 1}, in the order "
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
    """The sites of the present settings, in their order, and those that drain.

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
        """Return the sites of the settings, and those that drain."""
        return [*self._sites.values(), *self._leaving]

    def bind_all(self, wanted: Mapping[str, SiteSpec]) -> None:
        """Make and bind the sites of the start. After an error, `close_all` frees the bound ones."""
        for key, one in wanted.items():
            self._sites[key] = self._make(one)
            self._sites[key].bind()

    def open(self, *, own: bool) -> None:
        """Let peers in: at the service's own sites (--metrics, --inspect), or at all others."""
        for site in self:
            if site.is_own == own:
                site.open()

    async def wait_until_vacated(self) -> None:
        """Wait until the sites that an earlier reload removed have left their places."""
        for site in list(self._leaving):
            await site.vacated

    def bind_new(self, wanted: Mapping[str, SiteSpec], added: dict[str, Site]) -> None:
        """Make the new sites, and bind them when all sites are checked. An error in it refuses the reload.

        added: gets the new sites, for `apply_change` or `close_added`.
        """
        taken = TakenPlaces(site.endpoint for site in self)
        for key in [key for key in wanted if key not in self._sites]:
            check_place_not_ours(wanted[key], taken)
            added[key] = self._make(wanted[key])
        for site in (*self, *added.values()):
            if site.key in wanted:
                site.check()
        for site in added.values():
            site.bind()

    def close_added(self, added: Mapping[str, Site]) -> None:
        """End the added sites, because the reload was refused."""
        for site in added.values():
            self._begin_close(site, 0)

    def apply_change(
        self, wanted: Mapping[str, SiteSpec], added: Mapping[str, Site], seconds: float
    ) -> int:
        """Apply the checked change. Return how many sites are gone; they drain for at most `seconds`."""
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
        """Close all sites; fires when all are closed."""
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
                "{listener} was removed: {cut} connections cut off", listener=site.label, cut=cut
            )
