"""The target `ndjson+https:`: objects of JSON, one in a line, to whoever takes them (Vector, say)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from logsrv.linelog.ship.encode.ndjson import ndjson
from logsrv.linelog.ship.out.posting import Post, Posting, PostingTarget
from logsrv.linelog.ship.registry import TargetSettings

# Anybody may take this, and not all of them undo gzip.
_POST = Post("/", "application/x-ndjson", packed=False)


def make_target(settings: TargetSettings, reactor: Any) -> NdjsonTarget:
    """Make the target of `ndjson+https://HOST[/PATH]`. Raises ConfigurationError."""
    return NdjsonTarget(Posting(settings, reactor, _POST))


class NdjsonTarget(PostingTarget):
    """A server that takes NDJSON."""

    promise = "at least once: a line counts as sent when the server has answered with 200 to 299"

    async def _send(self, lines: Sequence[bytes]) -> None:
        await self._posting.post(ndjson(lines))
