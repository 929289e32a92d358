"""The limits of a run, and the sum of it."""

from __future__ import annotations

from logsrv.gopher.wire.url import GopherURL
from logsrv.gopher.wire.value import Value


class Manners(Value):
    """Limits of a run. connections: at a time; delay: seconds from one request
    to the next; items, bytes: of the whole mirror; item_bytes: of one answer.
    """

    __slots__ = ("bytes", "connections", "delay", "ignore_robots", "item_bytes", "items")

    def __init__(
        self,
        connections: int = 4,
        delay: float = 0.0,
        items: int = 100_000,
        bytes: int = 10 * 1024**3,
        item_bytes: int | None = None,
        ignore_robots: bool = False,
    ) -> None:
        self.connections = connections
        self.delay = delay
        self.items = items
        self.bytes = bytes
        self.item_bytes = item_bytes
        self.ignore_robots = ignore_robots


class Tally:
    """The sum of a run. fetched: answers; kept: what was there and is not asked for.

    changed, same, gone: of an update, what of before is another now, the same, dropped.
    failed: what went wrong, by URL; stopped: the limit that ended it.
    """

    def __init__(
        self,
        fetched: int = 0,
        kept: int = 0,
        changed: int = 0,
        same: int = 0,
        gone: int = 0,
        failed: dict[GopherURL, Exception] | None = None,
        stopped: str | None = None,
    ) -> None:
        self.fetched = fetched
        self.kept = kept
        self.changed = changed
        self.same = same
        self.gone = gone
        self.failed = failed or {}
        self.stopped = stopped
