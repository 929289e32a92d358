"""The one rule of what is asked again, and when."""

from __future__ import annotations

from logsrv.gopher.wire.errors import Refused, TimedOut, Truncated
from logsrv.gopher.wire.url import GopherURL

MOST = 3
_FIRST_PAUSE = 0.2
# Only a gateway ever sees more.
_MOST_HOSTS = 1000


class Retries:
    """Decides by what went wrong, and remembers which hosts have answered.

    A request is repeated, after a pause that doubles, where another try may go better: a server with more
    connections than it takes resets them before the first byte, refuses them, or leaves them waiting.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._answered: dict[str, None] = {}

    def answered(self, host: str) -> None:
        """Remember that `host` is there."""
        self._answered.pop(host, None)
        self._answered[host] = None
        if len(self._answered) > _MOST_HOSTS:
            del self._answered[next(iter(self._answered))]

    def pause(
        self, url: GopherURL, error: Exception, tries: int, *, afresh: bool = False
    ) -> float | None:
        """Return how many seconds to wait before asking again after `tries` times; None: not again.

        afresh: what had come is thrown away, so it may have begun.
        """
        if isinstance(error, Truncated):
            may_pass = afresh or error.received == 0
        else:
            is_connecting = isinstance(error, TimedOut) and error.phase == "connect"
            may_pass = url.host in self._answered and (isinstance(error, Refused) or is_connecting)
        return _FIRST_PAUSE * (1 << tries - 1) if may_pass and tries <= self._most else None
