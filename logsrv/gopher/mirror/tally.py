"""The limits of a run, and the sum of it."""

from __future__ import annotations

import attrs

from logsrv.gopher.wire.url import GopherURL


@attrs.define(frozen=True, slots=True)
class Manners:
    """Limits of a run. connections: at a time; delay: seconds from one request
    to the next; items, bytes: of the whole mirror; item_bytes: of one answer.
    """

    connections: int = 4
    delay: float = 0.0
    items: int = 100_000
    bytes: int = 10 * 1024**3
    item_bytes: int | None = None
    ignore_robots: bool = False


@attrs.define(slots=True)
class Tally:
    """The sum of a run. fetched: answers; kept: what was there and is not asked for.

    changed, same, gone: of an update, what of before is another now, the same, dropped.
    failed: what went wrong, by URL; stopped: the limit that ended it.
    """

    fetched: int = 0
    kept: int = 0
    changed: int = 0
    same: int = 0
    gone: int = 0
    failed: dict[GopherURL, Exception] = attrs.field(factory=dict)
    stopped: str | None = None
