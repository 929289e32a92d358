"""Logs over OTLP/HTTP, JSON or protobuf: each log record becomes a record (sans-IO)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from logsrv.linelog.intake.over_http.otlp_keys import (
    UnknownKeys,
    camel_case,
    has_unknown_fields,
    with_known_keys,
)
from logsrv.linelog.intake.over_http.structured_body import (
    count_elements,
    import_extra,
    parse_json_body,
    parse_protobuf,
)
from logsrv.linelog.lines.bodies import (
    JSON,
    BodyRules,
    Records,
    Reply,
    RequestRefused,
    json_line,
    malformed_body,
    nothing_found,
)
from logsrv.linelog.lines.json_made import nanoseconds_as_rfc3339

PROTOBUF = "application/x-protobuf"
# A JSON value that is nested deeper is invalid; protobuf itself has this limit.
DEEPEST = 100
# Bytes that a resource, or a scope, in protobuf counts towards the limit for records: an empty one has two.
_CONTAINER = 1000
# A log record is rejected if the keys of a flattened value have more bytes, as each key repeats all names
# above it; or if more of its keys become equal.
_MOST_KEYS = 16 << 20
_MOST_EQUAL_KEYS = 100
_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_SERVICE = "opentelemetry.proto.collector.logs.v1.logs_service_pb2"
_NO_LOGS = "the body has no valid log record of OTLP"
_EMPTY = "the body has no log records: there is none under resourceLogs"
# Errors raised for a value of an unexpected type.
_DAMAGED = (AttributeError, TypeError, ValueError, OverflowError, KeyError)
# A log record as keys and values, before `json_object_line`.
Record: TypeAlias = dict[str, Any]


def add_otlp_records(body: bytes, rules: BodyRules, records: Records) -> Reply:
    """Add the log records of an export request; invalid and too long ones are rejected in the answer.

    Raises RequestRefused.
    """
    unknown = UnknownKeys(records)
    try:
        return _add_otlp_records(body, rules, records, unknown)
    except RequestRefused as refusal:
        if not unknown.sentence:
            raise
        why = f"{refusal}: {unknown.sentence}"
        raise RequestRefused(
            refusal.status, why, refusal.headers, refusal.reason, refusal.records
        ) from None


def count_otlp_records(body: bytes, rules: BodyRules) -> int:
    """Return how many log records a valid export request has. Raises RequestRefused."""
    if rules.media == JSON:
        path = ("resourceLogs", "scopeLogs", "logRecords")
        return count_elements(_parse_json_request(body), path) or 1
    scopes = (scope for logs in _parse_request(body).resource_logs for scope in logs.scope_logs)
    return sum(len(scope.log_records) for scope in scopes) or 1


def _add_otlp_records(
    body: bytes, rules: BodyRules, records: Records, unknown: UnknownKeys
) -> Reply:
    try:
        if rules.media == JSON:
            _add_from_json(_parse_json_request(body), rules.max_record, unknown)
        elif rules.media == PROTOBUF:
            _add_from_protobuf(_parse_request(body), rules.max_record, unknown)
        else:
            raise RequestRefused(
                415,
                "the Content-Type of logs over OTLP has to be application/json or application/x-protobuf",
            )
    except _DAMAGED:
        raise malformed_body(_NO_LOGS) from None
    if records.reasons["protocol"] and not len(records):
        raise malformed_body(_NO_LOGS, records.refused_count)
    if body and unknown.foreign and not len(records):
        raise nothing_found(_NO_LOGS, records.refused_count)
    if not (len(records) or records.refused_count):
        # OTLP: a request without telemetry succeeds; but it is rarely what its sender meant.
        records.count_unknown()
    return _export_reply(records, rules, unknown)


def _export_reply(records: Records, rules: BodyRules, unknown: UnknownKeys) -> Reply:
    """Return the answer; one without any record says so."""
    rejected = records.refused_count - records.reasons["unknown"]
    whys = [unknown.sentence] if unknown.sentence else []
    if rejected:
        what = "invalid, or " if records.reasons["protocol"] else ""
        whys.append(f"{what}longer than {rules.max_record} bytes, the limit of --max-record")
    why = "; ".join(whys) or ("" if len(records) else _EMPTY)
    if rules.media == JSON:
        partial = {"rejectedLogRecords": str(rejected), "errorMessage": why} if why else {}
        return Reply(200, json_line(partialSuccess=partial))
    answer = _import_service().ExportLogsServiceResponse()
    if why:
        answer.partial_success.rejected_log_records = rejected
        answer.partial_success.error_message = why
    return Reply(200, answer.SerializeToString(), PROTOBUF)


def _import_service() -> Any:
    return import_extra(_SERVICE, "logs over OTLP in protobuf")


def _parse_json_request(body: bytes) -> dict[str, Any]:
    """Return the object of a body. An empty list and null are empty ones. Raises RequestRefused."""
    value = parse_json_body(body)
    if value is None or value == []:
        return {}
    if type(value) is not dict:
        raise malformed_body("the body is no JSON object")
    return value


def _parse_request(body: bytes) -> Any:
    return parse_protobuf(_import_service().ExportLogsServiceRequest, body)


def _add_from_protobuf(request: Any, most: int, unknown: UnknownKeys) -> None:
    records = unknown.records
    unknown.note_fields(request, request.resource_logs)
    for logs in request.resource_logs:
        records.count_towards_limit(_CONTAINER)
        unknown.note_fields(logs, logs.scope_logs)
        resource = _resource_keys(_dict_of_pairs, logs.resource.attributes)
        found = _records_of_protobuf(logs, resource, unknown)
        records.add_dicts_as_json(found, most, resource or {}, leave_out=True)


def _records_of_protobuf(
    logs: Any, resource: Record | None, unknown: UnknownKeys
) -> Iterator[Record]:
    for scope_logs in logs.scope_logs:
        unknown.records.count_towards_limit(_CONTAINER)
        unknown.note_fields(scope_logs, scope_logs.log_records)
        for one in scope_logs.log_records:
            if not (one.time_unix_nano or one.HasField("body")) and has_unknown_fields(one):
                unknown.note_foreign_record()
                continue
            try:
                record = _record_of_message(one, scope_logs, resource)
            except _DAMAGED:
                unknown.records.count_invalid()
            else:
                yield record


def _resource_keys(read: Callable[[Any], dict[str, Any]], attributes: Any) -> Record | None:
    """Return the flat keys of a resource; None if it is invalid: then all its records are rejected."""
    found: Record = {}
    try:
        if pairs := read(attributes):
            _flatten_into("resource", pairs, found)
    except _DAMAGED:
        return None
    return found


def _record_of_message(one: Any, scope_logs: Any, resource: Record | None) -> Record:
    return _flat_record(
        one.time_unix_nano or one.observed_time_unix_nano,
        (one.severity_number, one.severity_text),
        _value_of_message(one.body),
        _dict_of_pairs(one.attributes),
        (resource, scope_logs.scope.name),
        (one.trace_id.hex(), one.span_id.hex(), getattr(one, "event_name", "")),
    )


def _dict_of_pairs(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value_of_message(pair.value) for pair in pairs}


def _value_of_message(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value_of_message(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return _dict_of_pairs(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)


def _add_from_json(request: dict[str, Any], most: int, unknown: UnknownKeys) -> None:
    unknown.note_keys(request, 0)
    for logs in _list_under_key(request, "resourceLogs"):
        unknown.note_keys(logs, 1)
        resource = _resource_keys(_resource_attributes, logs)
        found = _records_of_json(logs, resource, unknown)
        unknown.records.add_dicts_as_json(found, most, resource or {}, leave_out=True)


def _records_of_json(logs: Any, resource: Record | None, unknown: UnknownKeys) -> Iterator[Record]:
    for scope_logs in _list_under_key(logs, "scopeLogs"):
        unknown.note_keys(scope_logs, 2)
        for one in _list_under_key(scope_logs, "logRecords"):
            try:
                record = _record_of_object(one, scope_logs, resource)
            except _DAMAGED:
                unknown.records.count_invalid()
            else:
                yield record


def _list_under_key(holder: Any, key: str) -> Sequence[Any]:
    """Return the list under `key` of `holder`; an invalid list, or holder, counts as one element."""
    if not isinstance(holder, dict):
        return [holder]
    found = holder.get(key) or ()
    return found if isinstance(found, (list, tuple)) else [found]


def _resource_attributes(logs: dict[str, Any]) -> dict[str, Any]:
    return _dict_of_json_pairs((logs.get("resource") or {}).get("attributes"))


def _record_of_object(
    one: dict[str, Any], scope_logs: dict[str, Any], resource: Record | None
) -> Record:
    one, others = with_known_keys(one)
    found = _flat_record(
        int(one.get("timeUnixNano") or 0) or int(one.get("observedTimeUnixNano") or 0),
        (_severity_number(one.get("severityNumber") or 0), one.get("severityText") or ""),
        _value_of_json(one.get("body"), 1),
        _dict_of_json_pairs(one.get("attributes")),
        (resource, (scope_logs.get("scope") or {}).get("name") or ""),
        tuple((one.get(key) or "") for key in ("traceId", "spanId", "eventName")),
    )
    for key, value in others.items():
        _flatten_into(key, value, found)
    return found


def _dict_of_json_pairs(pairs: Sequence[Any] | None, depth: int = 1) -> dict[str, Any]:
    return {
        _require_text_key(pair["key"]): _value_of_json(_value_of_pair(pair), depth)
        for pair in pairs or ()
    }


def _value_of_pair(pair: dict[str, Any]) -> Any:
    """Return the value of a pair; without one, its other members, so that none is lost."""
    if "value" in pair:
        return pair["value"]
    return {key: value for key, value in pair.items() if key != "key"}


def _require_text_key(key: Any) -> str:
    """Return a key. Raises TypeError for a number: a dict of chosen, colliding numbers takes minutes."""
    if isinstance(key, str):
        return key
    raise TypeError("a key is no text")


def _value_of_json(value: Mapping[str, Any] | None, depth: int) -> Any:
    """Return an AnyValue as a Python value; None for an empty one; an unknown kind stays as it is."""
    if depth > DEEPEST:
        raise ValueError("a value is nested too deep")
    for name, found in (value or {}).items():
        kind = camel_case(name)
        if kind == "arrayValue":
            return [_value_of_json(one, depth + 1) for one in found.get("values") or ()]
        if kind == "kvlistValue":
            return _dict_of_json_pairs(found.get("values"), depth + 1)
        if kind == "intValue":
            return int(found)
        if kind == "bytesValue":
            return base64.b64decode(found)
        if kind in ("stringValue", "boolValue", "doubleValue"):
            return found
    return value or None


def _severity_number(severity: int | str) -> int:
    """Return the number of a severity given as number or name; 0 for an unknown name."""
    if isinstance(severity, int) or severity.isdigit():
        return int(severity)
    name = severity.removeprefix("SEVERITY_NUMBER_")
    return next((number for number in range(1, 25) if _severity_name(number) == name), 0)


def _severity_name(severity: int) -> str:
    if not 1 <= severity <= 24:
        return ""
    level, more = divmod(severity - 1, 4)
    return _LEVELS[level] + (str(more + 1) if more else "")


def _flat_record(
    time: int,
    severity: tuple[int, str],
    body: Any,
    attributes: Mapping[str, Any],
    origin: tuple[Record | None, str],
    ids: tuple[str, ...],
) -> Record:
    """Return a log record with flat keys, without those that have no value.

    time: nanoseconds since 1970, or 0. severity: number and text. origin: the flat keys of the resource,
    None if it is invalid, and the name of the scope. ids: trace ID, span ID, name of the event.
    """
    number, text = severity
    resource, scope = origin
    if resource is None:
        raise ValueError("the resource is invalid")
    found: Record = {"time": nanoseconds_as_rfc3339(0, time) or str(time)} if time else {}
    if text or number:
        found["severity"] = text or _severity_name(number) or str(number)
    if number:
        found["severity_number"] = number
    if body is not None:
        _flatten_into("body", body, found)
    if attributes:
        _flatten_into("attributes", attributes, found)
    found |= resource
    rest = zip(("scope", "trace_id", "span_id", "event_name"), (scope, *ids), strict=True)
    found |= {name: value for name, value in rest if value}
    return found


def _flatten_into(prefix: str, value: Any, found: Record) -> None:
    """Put a value into `found` with flat keys: nested maps become keys with dots, such as `body.user.name`.

    Raises ValueError if the keys are too long, or too many become equal.
    """
    size = 0
    for key, one in _flat_items(prefix, value):
        size += len(key)
        if size > _MOST_KEYS:
            raise ValueError("the keys with dots are too long")
        for _ in range(_MOST_EQUAL_KEYS):
            if key not in found:
                break
            key = f"_{key}"
        else:
            raise ValueError("too many keys become the same one")
        found[key] = one


def _flat_items(key: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield each value inside nested maps with its key; an empty map is a value. Raises ValueError."""
    if depth > 2 * DEEPEST:
        raise ValueError("a value is nested too deep")
    if isinstance(value, dict) and value:
        for name, one in value.items():
            yield from _flat_items(f"{key}.{name}", one, depth + 1)
    else:
        yield key, value
