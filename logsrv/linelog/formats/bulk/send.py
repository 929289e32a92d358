"""Stored lines as a bulk request to Elasticsearch, and the reading of its answer (sans-IO).

A document has the names of the Elastic Common Schema: `@timestamp`, `message`, `log.level`, `host.name`,
`service.name`, `source.address`. MESSAGE stays text: Elasticsearch would refuse a line with a field whose
type differs from that in the index.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from logsrv.kit.text.escape import one_line
from logsrv.linelog.fields.outgoing import OutgoingLines

# `create`, because data streams accept nothing else; an index accepts it, too.
_ACTION = b'{"create":{}}\n'
_LATER = 429
_SHOWN = 200


class BulkAnswer(NamedTuple):
    """The documents that were not stored, by their indexes in the request.

    later: documents to send again. refused: documents that will never be stored. why_later, why_refused:
    the reason for the first of each; "" if there is none.
    """

    later: list[int]
    refused: list[int]
    why_later: str
    why_refused: str


def bulk_request(lines: OutgoingLines) -> bytes:
    """Return the body of a request."""
    columns = (
        lines.times,
        lines.message_texts,
        lines.levels,
        lines.hostnames,
        lines.apps,
        lines.sources,
    )
    parts: list[bytes] = []
    for time, text, level, host, app, source in zip(*columns, strict=True):
        document: dict[str, Any] = {"@timestamp": time, "message": text}
        if level:
            document["log"] = {"level": level}
        if host:
            document["host"] = {"name": host}
        if app:
            document["service"] = {"name": app}
        if source:
            document["source"] = {"address": source}
        parts += _ACTION, orjson.dumps(document), b"\n"
    return b"".join(parts)


def read_bulk_answer(body: bytes, number: int) -> BulkAnswer:
    """Return the result for `number` documents. Raises ValueError if the body is no answer for these."""
    answer = orjson.loads(body)
    if not isinstance(answer, dict) or "errors" not in answer:
        raise ValueError("no answer to a bulk request")
    if not answer["errors"]:
        return BulkAnswer([], [], "", "")
    items = answer.get("items")
    if not isinstance(items, list) or len(items) != number:
        raise ValueError("not an item for each document")
    later: dict[int, str] = {}
    refused: dict[int, str] = {}
    for index, item in enumerate(items):
        status, why = _status_and_reason(item)
        if status == _LATER or status >= 500:
            later[index] = why
        elif status >= 300:
            refused[index] = why
    first_later, first_refused = next(iter(later.values()), ""), next(iter(refused.values()), "")
    return BulkAnswer(list(later), list(refused), first_later, first_refused)


def _status_and_reason(item: Any) -> tuple[int, str]:
    try:
        (result,) = item.values()
        status = int(result["status"])
        error = result.get("error") or {}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("an item has no status") from None
    said = error.get("reason") or error.get("type") if isinstance(error, dict) else error
    return status, one_line(f"{status} {said or ''}".strip(), _SHOWN)
