"""The target `es+https:`: bulk requests to Elasticsearch and OpenSearch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from logsrv.linelog.fields.outgoing import OutgoingLines
from logsrv.linelog.formats.bulk.send import BulkAnswer, bulk_request, read_bulk_answer
from logsrv.linelog.ship.targets.http_client import LARGEST_ANSWER
from logsrv.linelog.ship.targets.posting_target import PostingTarget
from logsrv.linelog.ship.targets.target import (
    LineBatch,
    PartlyRefused,
    RefusedForGood,
    TooMuchAtOnce,
    Unavailable,
)
from logsrv.linelog.ship.targets.target_plugin import TargetSettings

_BULK = "/_bulk"
_FINE = 200
# Without this filter, an answer has 200 bytes for each document.
_ONLY = "filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"


@attrs.frozen
class _BulkProgress:
    """The lines of a bulk request, of which some may be stored already.

    left: the indexes of those still to send. refused: the indexes of those that are never taken.
    """

    lines: Sequence[bytes]
    left: list[int]
    refused: list[int]


class ElasticsearchTarget(PostingTarget):
    """An index or a data stream, at `es+https://HOST/INDEX`."""

    query = _ONLY
    media = "application/x-ndjson"
    accepted = (_FINE,)
    promise = (
        "at least once: a line counts as sent when its document is stored; a line that is sent again after"
        " a lost answer is there twice"
    )
    most_bytes = 2 << 20

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        path = settings.url.path.rstrip("/").removesuffix(_BULK) + _BULK
        url = attrs.evolve(settings.url, path=path)
        super().__init__(attrs.evolve(settings, url=url), reactor)
        self._progress: _BulkProgress | None = None

    async def send(self, batch: LineBatch) -> None:
        lines, begun = batch.lines, self._progress
        if begun is None or begun.lines != lines:
            begun = _BulkProgress(lines, list(range(len(lines))), [])
        self._progress = None
        left = [lines[number] for number in begun.left]
        answer = await self.post(bulk_request(OutgoingLines(left)))
        if not answer.whole:
            who, many = self.who, len(answer.body) >= LARGEST_ANSWER
            if many and len(left) > 1:
                # The same lines would get the same long answer again. They are sent in smaller parts,
                # although documents that are stored already may then come twice.
                raise TooMuchAtOnce(f"the answer of {who} for {len(left)} documents is too long")
            raise Unavailable(f"{who} answered with {_FINE}; the answer broke off or is too long")
        try:
            found = read_bulk_answer(answer.body, len(left))
        except ValueError:
            sentence = f"{self.who} does not answer as Elasticsearch does; is its URL right?"
            raise Unavailable(sentence, settled=True) from None
        self._raise_unless_all_stored(begun, found)

    def _raise_unless_all_stored(self, begun: _BulkProgress, found: BulkAnswer) -> None:
        refused = sorted(begun.refused + [begun.left[index] for index in found.refused])
        if found.later:
            left = [begun.left[index] for index in found.later]
            self._progress = _BulkProgress(begun.lines, left, refused)
            raise Unavailable(
                f"{self.who} has no room for {len(left)} of {len(begun.lines)}"
                f" documents: {found.why_later}"
            )
        if refused:
            sentence = f"{self.who} refuses documents: {found.why_refused or 'as before'}"
            if len(refused) == len(begun.lines):
                raise RefusedForGood(sentence)
            raise PartlyRefused(sentence, len(refused), refused)
