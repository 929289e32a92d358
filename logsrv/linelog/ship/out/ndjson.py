"""The target `ndjson+https:`: objects of JSON, one in a line, to whoever takes them (Vector, say)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from logsrv.linelog.ship.encode.ndjson import ndjson
from logsrv.linelog.ship.out.posting import Post, Posting
from logsrv.linelog.ship.registry import TargetSettings
from logsrv.linelog.ship.target import SentLines

# Anybody may take this, and not all of them undo gzip.
_POST = Post("/", "application/x-ndjson", packed=False)


def make_target(settings: TargetSettings, reactor: Any) -> NdjsonTarget:
    """Make the target of `ndjson+https://HOST[/PATH]`. Raises ConfigurationError."""
    return NdjsonTarget(Posting(settings, reactor, _POST))


class NdjsonTarget:
    """A server that takes NDJSON."""

    promise = "at least once: a line counts as sent when the server has answered with 200 to 299"
    most_lines = 5000
    most_bytes = 1 << 20

    def __init__(self, posting: Posting) -> None:
        self._posting = posting

    def send(self, lines: SentLines) -> Deferred[None]:
        """Post lines; fires when the server has taken them."""
        return Deferred.fromCoroutine(self._send(lines))

    def close(self) -> Deferred[None]:
        """Let go of the connections."""
        return self._posting.close()

    async def _send(self, lines: SentLines) -> None:
        if lines.lines:
            await self._posting.post(ndjson(lines.lines))
