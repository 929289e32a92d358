"""Bulk requests of Elasticsearch's clients: a line for the action, one for the document (sans-IO)."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO
from typing import Any

from logsrv.linelog.lines.bodies import (
    BodyRules,
    Records,
    Reply,
    RequestRefused,
    fits_in_record,
    malformed_body,
    nothing_found,
    parse_json_text,
    record_too_long,
)
from logsrv.linelog.lines.json_made import as_json, free_name
from logsrv.linelog.lines.json_text import json_on_one_line

HEADERS = {"X-Elastic-Product": "Elasticsearch"}
_ABOUT = {
    "name": "logsrv",
    "cluster_name": "logsrv",
    "cluster_uuid": "_na_",
    "version": {
        "number": "9.0.0",
        "build_flavor": "default",
        "minimum_wire_compatibility_version": "8.18.0",
        "minimum_index_compatibility_version": "8.0.0",
    },
    "tagline": "You Know, for Search",
}
_LICENSE = {
    "license": {
        "status": "active",
        "uid": "00000000-0000-0000-0000-000000000000",
        "type": "basic",
        "issue_date": "1970-01-01T00:00:00.000Z",
        "issue_date_in_millis": 0,
        "max_nodes": 1,
        "max_resource_units": None,
        "issued_to": "logsrv",
        "issuer": "logsrv",
        "start_date_in_millis": -1,
    }
}
ABOUT = Reply(200, as_json(_ABOUT) + b"\n")
"""The answer about the server: clients ask first, and some want a version not older than their own."""
LICENSE = Reply(200, as_json(_LICENSE) + b"\n")
"""The answer about the license: Beats and Logstash send nothing to a server without an active one."""
_HEALTH = {
    "cluster_name": "logsrv",
    "status": "green",
    "timed_out": False,
    "number_of_nodes": 1,
    "number_of_data_nodes": 1,
    **dict.fromkeys(
        (
            "active_primary_shards", "active_shards", "relocating_shards", "initializing_shards",
            "unassigned_shards", "delayed_unassigned_shards", "number_of_pending_tasks",
            "number_of_in_flight_fetch", "task_max_waiting_in_queue_millis",
        ),
        0,
    ),
    "active_shards_percent_as_number": 100.0,
}  # fmt: skip
# Bytes that an action counts towards the limit for records: its item in the answer, without the index.
_ITEM = 100
_CREATED = (
    b'"_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},'
    b'"_seq_no":%d,"_primary_term":1,"status":201'
)
# A line with an action that has more bytes refuses the request.
_LONGEST_ACTION = 256 << 10
_STORING = ("index", "create")
# By the status of an item: the type of the error of a document that is not stored.
_KINDS = {400: "document_parsing_exception", 413: "document_too_large"}
_WITHOUT_DOCUMENT = ("delete",)
_ACTIONS = (*_STORING, "update", *_WITHOUT_DOCUMENT)


def cluster_health() -> Reply:
    """Return the answer about the health of a cluster that takes documents."""
    return Reply(200, as_json(_HEALTH) + b"\n")


def cat_health(now: float) -> Reply:
    """Return the same on one line, as `_cat` does. now: seconds since 1970."""
    clock = datetime.fromtimestamp(now, UTC).strftime("%H:%M:%S")
    line = f"{now:.0f} {clock} logsrv green 1 1 0 0 0 0 0 0 - 100.0%\n"
    return Reply(200, line.encode(), "text/plain; charset=UTF-8")


def add_bulk_documents(body: bytes, rules: BodyRules, records: Records) -> Reply:
    """Add the documents of a bulk request, each with its `_index`; the answer has an item for each action.

    rules.path: `/_bulk` or `/INDEX/_bulk`. Raises RequestRefused, and nothing is stored: 400 for an invalid
    request, 413 for records or an answer over the limit.
    """
    usual = rules.path.removesuffix("/_bulk").strip("/")
    items: list[bytes] = []
    size = 0
    for action, meta, document in _parse_actions(body):
        index = meta.get("_index", usual)
        # Each item of the answer may repeat the index of the path, which may be long.
        records.count_towards_limit(_ITEM + len(usual) if index is usual else _ITEM)
        names = _index_and_id_json(index, meta)
        try:
            if action not in _STORING:
                raise RequestRefused(400, "only the actions index and create are stored here")
            record = _document_record(document, index, rules.max_record)
        except RequestRefused as refusal:
            records.reasons[refusal.reason] += 1
            kind = _KINDS[refusal.status] if action in _STORING else "illegal_argument_exception"
            error = as_json({"type": kind, "reason": str(refusal)})
            outcome = b'"status":%d,"error":%b' % (refusal.status, error)
        else:
            records.add(record)
            outcome = _CREATED % len(items)
        items.append(b'{"%b":{%b,%b}}' % (action.encode(), names, outcome))
        size += len(items[-1])
        if size > rules.max_body:
            why = f"the answer has more than {rules.max_body} bytes: send fewer actions at once"
            raise RequestRefused(413, why)
    if not items:
        raise nothing_found(
            'the body has no action: a line such as {"index": {}}, then its document'
        )
    errors = b"true" if records.refused_count else b"false"
    return Reply(200, b'{"took":0,"errors":%b,"items":[%b]}\n' % (errors, b",".join(items)))


def count_bulk_documents(body: bytes, rules: BodyRules) -> int:
    """Return how many actions a valid bulk request has. Raises RequestRefused."""
    return sum(1 for _ in _parse_actions(body))


def _index_and_id_json(index: Any, meta: dict[str, Any]) -> bytes:
    """Return the members `_index` and `_id` of an item as JSON, without braces."""
    if meta.keys() <= {"_index"}:
        return _json_member("_index", index)
    more = {"_id": meta["_id"]} if "_id" in meta else {}
    return as_json({"_index": index, **more})[1:-1]


def _json_member(name: str, index: Any) -> bytes:
    return (
        _cached_json_member(name, index) if isinstance(index, str) else as_json({name: index})[1:-1]
    )


@lru_cache(maxsize=64)
def _cached_json_member(name: str, index: str) -> bytes:
    return as_json({name: index})[1:-1]


def _parse_actions(body: bytes) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """Yield each action: its name, its metadata, its document."""
    # Not a list: there may be as many lines as bytes.
    lines = (line.rstrip(b"\r\n") for line in BytesIO(body.removeprefix(BOM_UTF8)))
    numbered = enumerate(lines, 1)
    for number, line in numbered:
        if not line.strip():
            continue
        if len(line) > _LONGEST_ACTION:
            raise malformed_body(f"line {number}, an action, has more than {_LONGEST_ACTION} bytes")
        try:
            actions = parse_json_text(line)
        except ValueError as error:
            raise malformed_body(f"line {number}, an action, is no JSON: {error}") from None
        if not isinstance(actions, dict) or len(actions) != 1:
            raise malformed_body(
                f"line {number} is not an action, which is a JSON object with one key"
            )
        ((action, meta),) = actions.items()
        if action not in _ACTIONS or not isinstance(meta, dict):
            raise malformed_body(f"line {number} is none of the actions {', '.join(_ACTIONS)}")
        yield action, meta, b"" if action in _WITHOUT_DOCUMENT else next(numbered, (0, b""))[1]


def _document_record(document: bytes, index: object, most: int) -> bytes:
    """Return a document on one line, with its index, if any, as the last member. Raises RequestRefused."""
    if not fits_in_record(len(document), most):
        raise record_too_long(most, "the document")
    try:
        value = parse_json_text(document)
    except ValueError as error:
        raise RequestRefused(400, f"the document is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise RequestRefused(400, "the document is no JSON object")
    record = json_on_one_line(document)
    if index:
        kept = _json_member(free_name("_index", value), index)
        record = b"%b%b%b}" % (record[:-1].rstrip(), b"," if value else b"", kept)
    if len(record) > most:
        raise record_too_long(most, "the document")
    return record
