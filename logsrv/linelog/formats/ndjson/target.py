"""The target `ndjson+https:`: JSON objects, one per line."""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.linelog.formats.ndjson.send import encode_ndjson
from logsrv.linelog.ship.targets.posting_target import PostingTarget


class NdjsonTarget(PostingTarget):
    """A receiver of JSON objects, one per line (such as Vector), at `ndjson+https://HOST[/PATH]`."""

    media = "application/x-ndjson"
    # Not every receiver of JSON lines unpacks gzip.
    packed = False
    promise = "at least once: a line counts as sent when the server has answered with 200 to 299"

    def encode(self, lines: Sequence[bytes]) -> bytes:
        return encode_ndjson(lines)
