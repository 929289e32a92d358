"""Requests for items: those that wait, and the few that are running, each with a sink for its answer.

The rules of the server, its `robots.txt`, are requested first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.stream import RetryPolicy
from logsrv.gopher.fetch.transfers import SocketTransfer, Transfers
from logsrv.gopher.mirror.journal import ItemCopy
from logsrv.gopher.mirror.paths import CopyPath, MirrorFolders
from logsrv.gopher.mirror.scope import Key, RobotRules, parse_robots
from logsrv.gopher.mirror.sinks import FileSink
from logsrv.gopher.wire.content import Content
from logsrv.gopher.wire.itemtypes import AnswerKind, item_type
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.url import GopherURL

# The longest wait for an event, in seconds.
IDLE = 0.2


class MirrorItem:
    """An item of the mirror.

    url: for items of the root's server, always with the same name of that server. key: the item's identity.
    depth: number of menus from the root to it. old: its copy from before an update. path: that of its copy;
    for a menu, set when it is copied. has_copy: whether there is a copy. tries: requests sent so far.
    pause: seconds before the next one.
    """

    def __init__(self, url: GopherURL, key: Key, depth: int, old: ItemCopy | None = None) -> None:
        self.url = url
        self.key = key
        self.depth = depth
        self.old = old
        self.path: CopyPath | None = None
        self.has_copy = False
        self.tries = 0
        self.pause = 0.0


class EndedRequest(NamedTuple):
    """The end of a request for an item: what came, None if it could not be sent, and the error, if any."""

    item: MirrorItem
    got: Content | FileSink | None
    error: Exception | None


RETRIES = 4
# Bytes of a robots.txt, the one answer that is limited as a text.
_LARGEST_RULES = 512 * 1024


def mirror_limits(usual: Limits, max_size: int | None) -> Limits:
    """Return the limits of a mirror's requests. max_size: bytes of one item."""
    return usual.replace(menu=max_size or usual.menu, text=_LARGEST_RULES, download=max_size)


class CrawlOptions(NamedTuple):
    """The limits and options of a run.

    The fields are the options of `gopher mirror` of these names. connections: at once. delay: seconds
    between two requests. update: whether to request existing copies again.
    """

    # Some servers, such as pygopherd, queue only five connections.
    connections: int = 4
    delay: float = 0.0
    max_items: int = 100_000
    max_bytes: int = 10 * 1024**3
    ignore_robots: bool = False
    update: bool = False


class ItemRequests:
    """Requests items, a few at a time, and returns the requests that have ended.

    A request that waits for its pause, or for the delay between two requests, counts as running.
    """

    def __init__(self, transfers: Transfers, folders: MirrorFolders, manners: CrawlOptions) -> None:
        self._transfers = transfers
        self._folders = folders
        self._connections = manners.connections
        self._delay = 0.0
        self._next_start = 0.0
        self.slow_down(manners.delay)
        self._retries = RetryPolicy(RETRIES)
        self._waiting: deque[MirrorItem] = deque()
        self._running: dict[SocketTransfer, EndedRequest] = {}
        self._ended: deque[EndedRequest] = deque()

    def add(self, item: MirrorItem, *, first: bool = False) -> None:
        """Put an item at the end of the queue, or at its front."""
        if first:
            self._waiting.appendleft(item)
        else:
            self._waiting.append(item)

    def retry(self, item: MirrorItem, error: Exception) -> bool:
        """Request an item again, after a pause, if another try may help; else return false."""
        pause = self._retries.pause_before_retry(item.url, error, item.tries, afresh=True)
        if pause is None:
            return False
        item.pause = pause
        self.add(item, first=True)
        return True

    def slow_down(self, delay: float) -> None:
        """Leave at least `delay` seconds between two requests."""
        if delay > self._delay:
            # A single connection is enough with a pause between requests.
            self._delay, self._connections = delay, 1

    def start_waiting(self) -> None:
        """Start requests until all connections are in use."""
        while self._can_start:
            item = self._waiting.popleft()
            try:
                self._start(item)
            except (LogsrvError, OSError) as error:
                self._ended.append(EndedRequest(item, None, error))

    def wait_for_end(self, *, busy: bool) -> None:
        """Wait until a transfer ends: at most IDLE seconds, not at all if there is something to do."""
        busy = busy or bool(self._ended) or self._can_start or not self._transfers.active
        self._note_ended(self._transfers.run_round(0.0 if busy else IDLE))

    def take_ended(self) -> Iterator[EndedRequest]:
        """Yield the requests that have ended. A file that came is not yet stored."""
        while self._ended:
            yield self._ended.popleft()

    def collect_ended(self) -> None:
        """Collect the transfers that have ended, for `take_ended`; for a run that stops early."""
        self._note_ended(self._transfers.take_ended())

    def close(self) -> None:
        """Remove the files of unfinished answers."""
        self.collect_ended()
        # Remove the files that came and were not stored, for example because the disk is full.
        for ended in self.take_ended():
            if ended.got is not None:
                ended.got.abort()
        self._transfers.close()

    @property
    def _can_start(self) -> bool:
        return bool(self._waiting) and len(self._running) < self._connections

    def _start(self, item: MirrorItem) -> None:
        """Request an item after its pause. Raises LinkInTheWay, OSError."""
        now = self._transfers.clock()
        start = max(now + item.pause, self._next_start) if self._delay else now + item.pause
        self._next_start = start + self._delay
        item.tries += 1
        kind = item_type(item.url.item_type).transfer
        sink: Content | FileSink
        if kind == "menu":
            sink = Content("menu")
        else:
            assert item.path is not None
            path = self._folders.checked_path(item.path)
            sink = FileSink(path, text=kind == "text", known=item.old is not None)
        limited_as: AnswerKind | None = "menu" if kind == "menu" else None
        transfer = self._transfers.start(item.url, sink, limited_as, start - now)
        self._running[transfer] = EndedRequest(item, sink, None)

    def _note_ended(self, transfers: list[SocketTransfer]) -> None:
        for transfer in transfers:
            # Requests for the server's rules, such as robots.txt, have no item.
            request = self._running.pop(transfer, None)
            if request is None:
                continue
            if transfer.error is None:
                self._retries.note_answered(transfer.url.host)
            self._ended.append(request._replace(error=transfer.error))


class ServerRules:
    """The rules of the root's server, requested by the constructor. Use them when `requests_have_ended`."""

    def __init__(self, root: GopherURL, transfers: Transfers, ignore_robots: bool) -> None:
        """ignore_robots: whether to request no robots.txt."""
        self._sinks = [] if ignore_robots else [Content("text"), Content("text")]
        for selector, sink in zip((b"/robots.txt", b"robots.txt"), self._sinks, strict=False):
            url = root.replace(item_type="0", selector=selector)
            transfers.start(url, sink, "text")

    @property
    def requests_have_ended(self) -> bool:
        """Return true if all requests for rules have ended, also those that failed."""
        return all(sink.ended for sink in self._sinks)

    @property
    def size(self) -> int:
        """Return the size of the rules in bytes."""
        return sum(len(sink.content) for sink in self._sinks)

    @property
    def robots(self) -> RobotRules:
        """Return the rules of the first robots.txt that has any for us."""
        found = (parse_robots(sink.content) for sink in self._sinks)
        return next((each for each in found if each != RobotRules()), RobotRules())
