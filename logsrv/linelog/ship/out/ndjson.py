"""The target `ndjson+https:`: objects of JSON, one in a line, to whoever takes them (Vector, say)."""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.linelog.ship.encode.ndjson import ndjson
from logsrv.linelog.ship.out.posting import Post, PostingTarget


class NdjsonTarget(PostingTarget):
    """A server that takes NDJSON, at `ndjson+https://HOST[/PATH]`."""

    # Anybody may take this, and not all of them undo gzip.
    requests = Post("/", "application/x-ndjson", packed=False)
    promise = "at least once: a line counts as sent when the server has answered with 200 to 299"

    async def _send(self, lines: Sequence[bytes]) -> None:
        await self._posting.post(ndjson(lines))
