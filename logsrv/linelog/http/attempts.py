"""Wrong tokens: a client may try ten at once, then one every six seconds, or has to wait. Sans-IO."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from logsrv.linelog.http.problems import too_many

AT_ONCE = 10
SECONDS_EACH = 6.0
MOST_REMEMBERED = 4096


class Attempts:
    """Wrong tokens by client (see `logsrv.kit.web.hosts.client_of`). `now`: seconds that only grow.

    Stores, for each client, when its last failure expires; when full, the earliest is dropped.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._expires: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._expires)

    def failed(self, client: str) -> None:
        """Note a wrong token. Raise Problem (429) for a client that had to wait before its next attempt."""
        now = self._now()
        wait = self._expires.get(client, 0.0) - now - (AT_ONCE - 1) * SECONDS_EACH
        if wait > 0:
            seconds = ceil(wait)
            raise too_many(f"too many wrong tokens; go on in {seconds} s", seconds)
        begin = max(now, self._expires.pop(client, now))
        if len(self._expires) >= MOST_REMEMBERED:
            del self._expires[min(self._expires, key=self._expires.__getitem__)]
        self._expires[client] = begin + SECONDS_EACH
