"""Pushes of Loki's clients, JSON or snappy-compressed protobuf: each entry becomes a record (sans-IO).

A record has the keys `time` and `message`, the labels of its stream and its structured metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

from logsrv.linelog.intake.over_http.otlp_keys import meant, records_below
from logsrv.linelog.intake.over_http.structured_body import (
    count_elements,
    import_extra,
    parse_json_object,
    parse_protobuf,
)
from logsrv.linelog.lines.bodies import (
    JSON,
    BodyRules,
    Records,
    Reply,
    RequestRefused,
    body_too_large,
    json_line,
    malformed_body,
    nothing_found,
)
from logsrv.linelog.lines.json_made import (
    NANOSECONDS,
    decode_or_escape,
    free_name,
    nanoseconds_as_rfc3339,
)

# Time in nanoseconds since 1970, line, structured metadata.
Entry: TypeAlias = tuple[int, str, Mapping[str, Any]]

PROTOBUF = ("application/x-protobuf", "application/protobuf", "")
_LABEL = re.compile(r'\s*([^\s=,{}"]+)\s*=\s*"([^"\\]*(?:\\.[^"\\]*)*)"\s*(,|\Z)', re.DOTALL)
# A stream in protobuf whose labels have more bytes is rejected: an escape takes 3 µs. Loki itself takes 15
# labels of 3 KB.
_LONGEST_LABELS = 64 << 10
# Escapes as Go writes them in a quoted string.
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\\"'])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))"
)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NO_PUSH = "the body is no valid push to Loki"
_NO_ENTRY = (
    'the keys are {"streams": [{"stream": {"label": "value"}, "values": [["TIME", "LINE"]]}]}'
)
# Errors raised for a value of an unexpected type.
_DAMAGED = (AttributeError, KeyError, TypeError, ValueError, OverflowError)
_OF_STREAM = ("stream", "values")
# Bytes that a stream in protobuf counts towards the limit for records: it may have only a few itself.
_STREAM = 1000
# A metadata key that is taken already gets underscores before it, until it is free. An entry that needs
# more of them in all is rejected: each one costs a lookup.
_MOST_UNDERSCORES = 1000


def add_loki_entries(body: bytes, rules: BodyRules, records: Records) -> Reply:
    """Add the entries of a push. rules.max_body also limits the body after snappy.

    Invalid entries, and records longer than --max-record, are not stored, and the answer says so.
    Raises RequestRefused.
    """
    try:
        if rules.media == JSON:
            _add_from_json(parse_json_object(body), rules.max_record, records)
        elif rules.media in PROTOBUF:
            _add_from_protobuf(_parse_protobuf_push(body, rules), rules.max_record, records)
        else:
            raise RequestRefused(
                415,
                "the Content-Type of a push to Loki has to be application/json or application/x-protobuf",
            )
    except _DAMAGED:
        raise malformed_body(_NO_PUSH) from None
    damaged = records.reasons["protocol"]
    if not records.refused_count and len(records):
        return Reply(204)
    if not len(records) and records.refused_count == records.reasons["unknown"]:
        raise nothing_found(_NO_ENTRY, records.refused_count)
    if damaged and not len(records):
        raise malformed_body(_NO_PUSH, records.refused_count)
    unknown = records.reasons["unknown"]
    why = f"under keys that are none of Loki's ({_NO_ENTRY}), " if unknown else ""
    why += "invalid, " if damaged else ""
    why += "or " if why else ""
    sentence = (
        f"{records.refused_count} of {records.refused_count + len(records)} entries are {why}longer than"
        f" {rules.max_record} bytes, the limit of --max-record; the others are stored"
    )
    return Reply(400 if damaged or unknown else 413, json_line(error=sentence))


def count_loki_entries(body: bytes, rules: BodyRules) -> int:
    """Return how many entries a valid push has. Raises RequestRefused."""
    if rules.media == JSON:
        return count_elements(parse_json_object(body), ("streams", "values")) or 1
    return sum(len(stream.entries) for stream in _parse_protobuf_push(body, rules).streams) or 1


def _add_from_json(push: dict[str, Any], most: int, records: Records) -> None:
    for key in push.keys() - {"streams"}:
        if meant(key, ("streams",)):
            records.count_unknown(records_below(push[key], 1))
    for stream in push.get("streams", ()):
        if type(stream) is not dict:
            records.count_invalid()
            continue
        _count_entries_elsewhere(stream, records)
        labels, values = stream.get("stream"), stream.get("values") or []
        if type(values) is not list:
            records.count_invalid()
        elif type(labels) is not dict:
            records.count_invalid(len(values))
        else:
            _add_entries(labels, map(_entry_of_json, values), most, records)


def _count_entries_elsewhere(stream: dict[str, Any], records: Records) -> None:
    """Count the entries under other keys than `values`; a stream without any counts as one."""
    lists = [
        value
        for key, value in stream.items()
        if key not in _OF_STREAM and type(value) is list and value
    ]
    if "values" not in stream:
        records.count_unknown(max(map(len, lists), default=1))
        return
    for value in lists:
        records.count_unknown(len(value))


def _entry_of_json(value: Any) -> Entry | None:
    """Return an entry; None for an invalid one."""
    try:
        time, line, *rest = value
        metadata = rest[0] if rest and rest[0] else {}
        if type(line) is str and isinstance(time, (str, int)) and type(metadata) is dict:
            return int(time), line, metadata
    except _DAMAGED:
        pass
    return None


def _add_from_protobuf(push: Any, most: int, records: Records) -> None:
    for stream in push.streams:
        records.count_towards_limit(_STREAM)
        try:
            labels = _parsed_labels(stream.labels)
        except ValueError:
            records.count_invalid(len(stream.entries) or 1)
        else:
            _add_entries(labels, map(_entry_of_protobuf, stream.entries), most, records)


def _entry_of_protobuf(entry: Any) -> Entry:
    time = entry.timestamp.seconds * NANOSECONDS + entry.timestamp.nanos
    metadata = {one.name: decode_or_escape(one.value) for one in entry.metadata}
    return time, decode_or_escape(entry.line), metadata


def _add_entries(
    labels: Mapping[str, Any], entries: Iterable[Entry | None], most: int, records: Records
) -> None:
    """Add the entries of a stream, each with the labels of the stream."""
    names = free_name("time", labels), free_name("message", labels)

    def valid_records() -> Iterator[dict[str, Any]]:
        for entry in entries:
            record = None if entry is None else _entry_record(labels, names, *entry)
            if record is None:
                records.count_invalid()
            else:
                yield record

    records.add_dicts_as_json(valid_records(), most, labels, leave_out=True)


def _entry_record(
    labels: Mapping[str, Any],
    names: tuple[str, str],
    time: int,
    line: str,
    metadata: Mapping[str, Any],
) -> dict[str, Any] | None:
    """Return the record of an entry; None if its metadata keys need too many underscores.

    names: the keys for its time and its line.
    """
    time_name, line_name = names
    found = dict(labels)
    alike = 0
    for name, value in metadata.items():
        while name in found or name in names:
            name = f"_{name}"
            alike += 1
            if alike > _MOST_UNDERSCORES:
                return None
        found[name] = value
    found[time_name] = nanoseconds_as_rfc3339(0, time) or str(time)
    found[line_name] = line
    return found


def _parse_protobuf_push(body: bytes, rules: BodyRules) -> Any:
    """Return the message of a push in snappy. Raises RequestRefused."""
    return parse_protobuf(_push_request_class(), _unpack_snappy(body, rules))


def _unpack_snappy(body: bytes, rules: BodyRules) -> bytes:
    cramjam = import_extra("cramjam", "pushes to Loki in snappy")
    try:
        size = cramjam.snappy.decompress_raw_len(body)
        if size > rules.max_body:
            raise body_too_large(rules.max_body)
        rules.check_unpacked(size)
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError:
        raise malformed_body("the body is not in snappy") from None


def _parsed_labels(found: bytes) -> dict[str, str]:
    """Return the labels in `{name="value", …}`. Raises ValueError."""
    if len(found) > _LONGEST_LABELS:
        raise ValueError("too long")
    text = found.decode().strip()
    if text[:1] != "{" or text[-1:] != "}":
        raise ValueError("no labels")
    text = text[1:-1].strip()
    labels, at = {}, 0
    while at < len(text):
        label = _LABEL.match(text, at)
        if label is None:
            raise ValueError("no label")
        labels[label[1]] = _ESCAPE.sub(_unescape_match, label[2])
        at = label.end()
    return labels


def _unescape_match(found: re.Match[str]) -> str:
    letter = found[1]
    if letter is not None:
        return _LETTERS.get(letter, letter)
    return chr(int(found[2] or found[3] or found[4], 16))


@cache
def _push_request_class() -> Any:
    """Return a message class for logproto.PushRequest with the fields that are read here.

    Texts are `bytes`, because Loki's Go clients do not check that they are UTF-8.
    """
    pool = import_extra("google.protobuf.descriptor_pool", "pushes to Loki in protobuf")
    pb = import_extra("google.protobuf.descriptor_pb2", "pushes to Loki in protobuf")
    factory = import_extra("google.protobuf.message_factory", "pushes to Loki in protobuf")
    kinds = pb.FieldDescriptorProto
    file = pb.FileDescriptorProto(name="logsrv/loki.proto", package="logsrv", syntax="proto3")
    layout = {
        "Time": [("seconds", 1, kinds.TYPE_INT64, ""), ("nanos", 2, kinds.TYPE_INT32, "")],
        "Pair": [("name", 1, kinds.TYPE_STRING, ""), ("value", 2, kinds.TYPE_BYTES, "")],
        "Entry": [
            ("timestamp", 1, kinds.TYPE_MESSAGE, "Time"),
            ("line", 2, kinds.TYPE_BYTES, ""),
            ("metadata", 3, kinds.TYPE_MESSAGE, "*Pair"),
        ],
        "Stream": [
            ("labels", 1, kinds.TYPE_BYTES, ""),
            ("entries", 2, kinds.TYPE_MESSAGE, "*Entry"),
        ],
        "Push": [("streams", 1, kinds.TYPE_MESSAGE, "*Stream")],
    }
    for name, fields in layout.items():
        message = file.message_type.add(name=name)
        for field, number, kind, of in fields:
            label = kinds.LABEL_REPEATED if of[:1] == "*" else kinds.LABEL_OPTIONAL
            made_of = f".logsrv.{of.strip('*')}" if of else None
            message.field.add(name=field, number=number, type=kind, label=label, type_name=made_of)
    found = pool.DescriptorPool()
    found.Add(file)
    return factory.GetMessageClass(found.FindMessageTypeByName("logsrv.Push"))
