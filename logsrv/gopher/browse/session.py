"""A run of the browser: what it remembers and keeps, without a screen."""

from __future__ import annotations

from collections.abc import Mapping

from logsrv.gopher.browse.bookmarks import Bookmarks
from logsrv.gopher.browse.downloads import Downloads
from logsrv.gopher.browse.load import TIMEOUTS, Loading
from logsrv.gopher.browse.places import download_directory
from logsrv.gopher.browse.visits import Cache, History
from logsrv.gopher.fetch.places import data_directory, pins_path
from logsrv.gopher.fetch.settings import Timeouts
from logsrv.gopher.fetch.trust import PinStore, Trust
from logsrv.gopher.wire.url import GopherURL


class Session:
    """History, cache, bookmarks, downloads, whom to trust; `environ` says where and how."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        timeouts: Timeouts = TIMEOUTS,
        trust: Trust | None = None,
    ) -> None:
        """`trust` is for servers without a pin; by default the authorities of the system."""
        data = data_directory(environ)
        self._timeouts = timeouts
        self._trust = trust or Trust()
        self._pins = PinStore(pins_path(environ))
        self.environ = environ
        self.history = History()
        self.cache = Cache()
        self.bookmarks = Bookmarks(data / "gopher-bookmarks")
        self.downloads = Downloads(download_directory(environ), timeouts)
        self.charset: str | None = None
        # Servers whose certificate the user decided to trust and that have not been asked since.
        self.newly_trusted: set[str] = set()

    def trust_for(self, url: GopherURL) -> Trust:
        """Trust by pin where the user decided so, else as for all. Raises ConfigurationError, OSError."""
        if not url.tls:
            return self._trust
        if url.address in self.newly_trusted or self._pins.knows(url.address):
            return Trust(pins=self._pins)
        return self._trust

    def loading(self, url: GopherURL) -> Loading:
        """The page of `url`, to be loaded. Raises ConfigurationError, OSError."""
        trust = self.trust_for(url).replace(accept_cut=True)
        return Loading(url, trust, timeouts=self._timeouts, charset=self.charset)
