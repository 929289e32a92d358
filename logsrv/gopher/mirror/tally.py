"""The limits of a run, and the sum of it."""

from __future__ import annotations

from logsrv.gopher.wire.url import GopherURL
from logsrv.gopher.wire.value import Value


class Manners(Value):
    """Limits of a run. connections: at a time, None for a few; delay: seconds from one request to the next;
    items, bytes: of the whole mirror; item_bytes: of one answer.
    """

    connections: int | None = None
    delay: float = 0.0
    items: int = 100_000
    bytes: int = 10 * 1024**3
    item_bytes: int | None = None
    ignore_robots: bool = False


class MirrorTally:
    """The sum of a run. fetched: answers; kept: what was there and is not asked for.

    changed, same: of an update, what of before is another now, and the same.
    unlisted: what no menu lists any more, and stays. removed: what does not. withheld: all stays because a
    new menu that may list it could not be had.
    failed: what went wrong, by URL; stays: what has a copy of before all the same.
    stopped: the limit that ended it.
    """

    fetched = kept = changed = same = 0
    withheld = False
    stopped: str | None = None

    def __init__(self) -> None:
        self.failed: dict[GopherURL, Exception] = {}
        self.stays: set[GopherURL] = set()
        self.unlisted: list[GopherURL] = []
        self.removed: list[GopherURL] = []
