"""Lines over HTTP: to receivers of JSON lines, OTLP and Loki, and as bulk requests to Elasticsearch."""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

import attrs

from logsrv.kit.text.escape import one_line
from logsrv.linelog.fields.outgoing import OutgoingLines
from logsrv.linelog.formats.bulk.send import BulkAnswer, bulk_request, read_bulk_answer
from logsrv.linelog.formats.loki.send import LokiEncoder, count_refused_by_time
from logsrv.linelog.formats.ndjson.send import encode_ndjson
from logsrv.linelog.formats.otlp.send import export_request, rejected_count_and_reason
from logsrv.linelog.ship.http_client import (
    LARGEST_ANSWER,
    HttpAnswer,
    HttpClient,
    raise_unless_success,
)
from logsrv.linelog.ship.target import (
    LineBatch,
    PartlyRefused,
    RefusedForGood,
    TooMuchAtOnce,
    Unavailable,
)
from logsrv.linelog.ship.target_plugin import TargetSettings
from logsrv.reactor import time_of_day

# The level of gzip: 1 takes a third of the time of level 6, and the result has 25 % more bytes.
_LEVEL = 1
# A token that does not begin with one of these words is sent as `Bearer TOKEN`.
_WITH_SCHEME = re.compile(r"(?:Basic|ApiKey|Bearer) [!-~]+", re.IGNORECASE)
_BAD_REQUEST = 400
_BULK = "/_bulk"
_FINE = 200
# Without this filter, an answer has 200 bytes for each document.
_ONLY = "filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"


class PostingTarget:
    """A target of lines over HTTP.

    path: the path of requests if the URL has none. query: a query that is added to that of the URL. media:
    the Content-Type. packed: whether requests are compressed with gzip. accepted: the statuses that
    `check_answer` handles itself, in addition to 2xx.
    """

    path: ClassVar[str] = "/"
    query: ClassVar[str] = ""
    media: ClassVar[str] = "application/json"
    packed: ClassVar[bool] = True
    accepted: ClassVar[Collection[int]] = ()
    promise: str
    most_lines = 5000
    most_bytes = 1 << 20
    ahead = 0

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        url = settings.url
        self.who = one_line(url.loggable_url)
        self._reactor = reactor
        token = settings.token
        if token and not _WITH_SCHEME.fullmatch(token):
            token = f"Bearer {token}"
        self._client = HttpClient(settings, reactor, token)
        query = "&".join(filter(None, (url.query, self.query)))
        self._target = url.path if url.path.strip("/") else self.path
        self._target += f"?{query}" if query else ""
        self._headers = {"Content-Type": self.media}
        if self.packed:
            self._headers["Content-Encoding"] = "gzip"

    async def send(self, batch: LineBatch) -> None:
        """Send lines; return when the server has taken them."""
        self.check_answer(await self.post(self.encode(batch.lines)), batch.lines)

    def encode(self, lines: Sequence[bytes]) -> bytes:
        """Return the body of a request."""
        raise NotImplementedError

    def check_answer(self, answer: HttpAnswer, lines: Sequence[bytes]) -> None:
        """Raise the error for an answer that does not acknowledge all lines."""

    async def post(self, body: bytes) -> HttpAnswer:
        """Send a body. Returns and raises as `HttpClient.request` does."""
        if self.packed:
            body = gzip.compress(body, _LEVEL, mtime=0)
        return await self._client.request(
            "POST", self._target, headers=self._headers, body=body, accepted=self.accepted
        )

    async def close(self) -> None:
        await self._client.close()


class NdjsonTarget(PostingTarget):
    """A receiver of JSON objects, one per line (such as Vector), at `ndjson+https://HOST[/PATH]`."""

    media = "application/x-ndjson"
    # Not every receiver of JSON lines unpacks gzip.
    packed = False
    promise = "at least once: a line counts as sent when the server has answered with 200 to 299"

    def encode(self, lines: Sequence[bytes]) -> bytes:
        return encode_ndjson(lines)


class OtlpTarget(PostingTarget):
    """A receiver of OTLP over HTTP (the OpenTelemetry collector), at `otlp+https://HOST[/PATH]`."""

    path = "/v1/logs"
    promise = (
        "at least once: a line counts as sent when the receiver has answered; records that it rejects"
        " are counted, and never come again"
    )

    def encode(self, lines: Sequence[bytes]) -> bytes:
        return export_request(OutgoingLines(lines))

    def check_answer(self, answer: HttpAnswer, lines: Sequence[bytes]) -> None:
        refused, why = rejected_count_and_reason(answer.body)
        if refused:
            sentence = f"{self.who} rejects records" + (f": {why}" if why else "")
            if refused >= len(lines):
                raise RefusedForGood(sentence)
            raise PartlyRefused(sentence, refused)


class LokiTarget(PostingTarget):
    """A Grafana Loki, at `loki+https://HOST[/PATH]`."""

    path = "/loki/api/v1/push"
    accepted = (_BAD_REQUEST,)
    promise = (
        "at least once: a line counts as sent when Loki has answered; Loki itself drops a line that comes"
        " twice, and refuses lines that are too old for it, which are counted"
    )

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        super().__init__(settings, reactor)
        self._encoder = LokiEncoder()

    def encode(self, lines: Sequence[bytes]) -> bytes:
        return self._encoder.encode_push(OutgoingLines(lines))

    def check_answer(self, answer: HttpAnswer, lines: Sequence[bytes]) -> None:
        if answer.status != _BAD_REQUEST:
            return
        number = count_refused_by_time(answer.body.decode("utf-8", "replace"), OutgoingLines(lines))
        if number:
            why = f"{self.who} refuses lines for their time: too old for it, or too new"
            raise PartlyRefused(why, number)
        raise_unless_success(answer, self.who, time_of_day(self._reactor))


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
        refused = sorted(begun.refused + [begun.left[place] for place in found.refused])
        if found.later:
            left = [begun.left[place] for place in found.later]
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
