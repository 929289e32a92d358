"""The rules of a server, asked for before anything else: its `robots.txt` and `caps.txt`."""

from __future__ import annotations

from logsrv.gopher.fetch.settings import Timeouts
from logsrv.gopher.fetch.transfers.transfers import Transfers
from logsrv.gopher.mirror.disk.sinks import MemorySink
from logsrv.gopher.mirror.robots import Robots, parse_robots, path_delimiter
from logsrv.gopher.wire.url import GopherURL

_LARGEST = 512 * 1024


class ServerRules:
    """Rules of the server of `root`, known once all of them have come."""

    def __init__(self, root: GopherURL, transfers: Transfers, ignore_robots: bool) -> None:
        """ignore_robots: do not even ask for these."""
        self._caps = MemorySink()
        self._robots = [] if ignore_robots else [MemorySink(), MemorySink()]
        names = (b"caps.txt", b"/robots.txt", b"robots.txt")
        self._sinks = [self._caps, *self._robots]
        for selector, sink in zip(names, self._sinks, strict=False):
            url = root.replace(item_type="0", selector=selector)
            transfers.start(url, sink, most_bytes=_LARGEST, most_seconds=Timeouts().whole)

    @property
    def have_come(self) -> bool:
        """Return true if nothing is waited for any more, whether it is there or not."""
        return all(sink.ended for sink in self._sinks)

    @property
    def size(self) -> int:
        """Return how many bytes they are."""
        return sum(len(sink.content) for sink in self._sinks)

    @property
    def path_delimiter(self) -> bytes:
        """Return what parts a selector."""
        return path_delimiter(self._caps.content)

    @property
    def robots(self) -> Robots:
        """Return those of the first file that has some for us."""
        found = (parse_robots(sink.content) for sink in self._robots)
        return next((each for each in found if each != Robots()), Robots())
