"""Stored lines as a bulk request of Elasticsearch's, and what its items say (sans-IO).

A document has the names of the Elastic Common Schema: `@timestamp`, `message`, `log.level`, `host.name`,
`service.name`, `source.address`. MESSAGE stays text: fields of it could have another type in the index
than in the line, and then the line would be refused.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from logsrv.kit.text.escape import one_line
from logsrv.linelog.ship.encode.outgoing import Outgoing

# Data streams take nothing else; an index does, too.
_ACTION = b'{"create":{}}\n'
_LATER = 429
_SHOWN = 200


class BulkAnswer(NamedTuple):
    """The items that are not stored, by their numbers.

    later: those to be sent again. refused: those that never will be taken. why: of the first of each, "" if
    there is none.
    """

    later: list[int]
    refused: list[int]
    why_later: str
    why_refused: str


def bulk_request(lines: Outgoing) -> bytes:
    """Return the body of a request."""
    columns = lines.times, lines.texts, lines.levels, lines.hostnames, lines.apps, lines.sources
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


def read_answer(body: bytes, number: int) -> BulkAnswer:
    """Return what the answer says of so many documents. Raises ValueError if it is no such answer."""
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
    for place, item in enumerate(items):
        status, why = _outcome(item)
        if status == _LATER or status >= 500:
            later[place] = why
        elif status >= 300:
            refused[place] = why
    first_later, first_refused = next(iter(later.values()), ""), next(iter(refused.values()), "")
    return BulkAnswer(list(later), list(refused), first_later, first_refused)


def _outcome(item: Any) -> tuple[int, str]:
    try:
        (result,) = item.values()
        status = int(result["status"])
        error = result.get("error") or {}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("an item has no status") from None
    said = error.get("reason") or error.get("type") if isinstance(error, dict) else error
    return status, one_line(f"{status} {said or ''}".strip(), _SHOWN)
