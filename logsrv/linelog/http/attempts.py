"""Wrong tokens: so many for each client, then one every few seconds, else it is told to wait. Sans-IO."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from logsrv.linelog.http.problems import too_many

AT_ONCE = 10
SECONDS_EACH = 6.0
MOST_REMEMBERED = 4096


class Attempts:
    """Wrong tokens by client (see `logsrv.kit.web.hosts.client_of`). `now`: seconds that only grow.

    Remembered is when all will be forgiven; when too many clients are, the one that is forgiven
    first makes room.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._forgiven: dict[str, float] = {}

    def failed(self, client: str) -> None:
        """Note a wrong token. Raise Problem (429) for a client that had to wait before its next attempt."""
        now = self._now()
        wait = self._forgiven.get(client, 0.0) - now - (AT_ONCE - 1) * SECONDS_EACH
        if wait > 0:
            seconds = ceil(wait)
            raise too_many(f"too many wrong tokens; go on in {seconds} s", seconds)
        begin = max(now, self._forgiven.pop(client, now))
        if len(self._forgiven) >= MOST_REMEMBERED:
            del self._forgiven[min(self._forgiven, key=self._forgiven.__getitem__)]
        self._forgiven[client] = begin + SECONDS_EACH
