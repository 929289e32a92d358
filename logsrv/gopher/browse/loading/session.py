"""A run of the browser: what it remembers and keeps, without a screen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING

from logsrv.gopher.browse.loading.downloads import Downloads, download_directory
from logsrv.gopher.browse.loading.load import Loading
from logsrv.gopher.browse.loading.visits import History, PageCache
from logsrv.gopher.fetch.places import data_directory, pins_path
from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.fetch.trust import PinStore, Trust
from logsrv.gopher.follow.bookmarks import Bookmarks
from logsrv.gopher.local.fileurl import ItemURL
from logsrv.gopher.wire.url import GopherURL

if TYPE_CHECKING:
    from logsrv.gopher.follow.following import Following


class BrowsingSession:
    """History, cache, bookmarks, followed menus, downloads, whom to trust; `environ` says where and how."""

    def __init__(
        self,
        environ: Mapping[str, str],
        options: ConnectionOptions | None = None,
        charset: str | None = None,
    ) -> None:
        """The trust of `options` is for servers without a pin; charset: of what they send."""
        data = data_directory(environ)
        self._options = options or ConnectionOptions()
        self._pins = PinStore(pins_path(environ))
        self.environ = environ
        self.history = History()
        self.cache = PageCache()
        self.bookmarks = Bookmarks(data / "gopher-bookmarks")
        self.downloads = Downloads(download_directory(environ))
        self.charset = charset
        # Servers whose certificate the user decided to trust: the next one they show is pinned.
        self.newly_trusted: set[str] = set()

    @cached_property
    def following(self) -> Following:
        """The followed menus; the first page does not wait for them."""
        from logsrv.gopher.follow.following import Following

        return Following(data_directory(self.environ))

    def options_for(self, url: ItemURL, *, accept_cut: bool = False) -> ConnectionOptions:
        """Return the way to connect to `url`: with trust by pin where the user decided so, else as for all.

        Raises ConfigurationError, OSError.
        """
        trust = self._options.trust
        if (
            isinstance(url, GopherURL)
            and url.tls
            and (url.address in self.newly_trusted or self._pins.knows(url.address))
        ):
            trust = Trust(pins=self._pins)
        if accept_cut:
            trust = trust.replace(accept_cut=True)
        return ConnectionOptions(self._options.timeouts, trust, self._options.proxy)

    def loading(self, url: ItemURL) -> Loading:
        """The page of `url`, to be loaded."""
        options = partial(self.options_for, url, accept_cut=True)
        return Loading(url, options, charset=self.charset)
