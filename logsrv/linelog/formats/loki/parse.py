"""Pushes of Loki's clients, JSON or snappy-compressed protobuf: each entry becomes a record (sans-IO).

A record has the keys `time` and `message`, the labels of its stream and its structured metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any, TypeAlias

from logsrv.linelog.formats.http.content_encoding import body_too_large
from logsrv.linelog.formats.http.json_parts import count_elements, object_parts
from logsrv.linelog.formats.http.otlp_keys import meant, records_below
from logsrv.linelog.formats.http.protobuf_parts import (
    count_fields,
    import_extra,
    message_parts,
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
from logsrv.linelog.lines.json_made import decode_or_escape, free_name, json_object_line
from logsrv.linelog.lines.times import NANOSECONDS, nanoseconds_as_rfc3339

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
# The most entries that become lines in one call, and the most bytes of their labels.
_AT_ONCE = 512
_MOST_AT_ONCE = 1 << 20
_OF_STREAM = ("stream", "values")
_OF_PUSH = ("streams", "values")
# The field numbers of `streams`, and of `entries` inside it.
_STREAMS_ENTRIES = (1, 2)
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
            _add_from_json(body, rules.max_record, records)
        elif rules.media in PROTOBUF:
            _add_from_protobuf(_unpack_snappy(body, rules.max_body), rules.max_record, records)
        else:
            raise RequestRefused(
                415, "a push to Loki is application/json or application/x-protobuf"
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
        return count_elements(body, _OF_PUSH, rules.max_record)
    unpacked = memoryview(_unpack_snappy(body, rules.max_body))
    return count_fields(unpacked, _STREAMS_ENTRIES)


def _add_from_json(body: bytes, most: int, records: Records) -> None:
    at_start = True
    beside: dict[str, Any] = {}
    for push in object_parts(body, _OF_PUSH, most, records):
        if push is not None and at_start:
            # Each part of a large push repeats what stands beside its streams.
            at_start = False
            for key in push.keys() - {"streams"}:
                if meant(key, ("streams",)):
                    records.count_unknown(records_below(push[key], 1))
        streams = push.get("streams", ()) if push is not None else ()
        for stream in streams:
            if type(stream) is dict and "values" not in stream:
                records.count_unknown(_entries_elsewhere(stream))
                continue
            if type(stream) is dict:
                beside = _count_entries_beside(stream, beside, records)
            labels, values = _labels_and_entries(stream)
            if type(labels) is dict:
                _add_entries(labels, map(_parse_entry, values), most, records)
            else:
                records.count_invalid(len(values))


def _entries_elsewhere(stream: dict[str, Any]) -> int:
    """Return how many entries a stream has under other keys than its own; one if it has none."""
    return max((len(value) for value in stream.values() if type(value) is list), default=1) or 1


def _count_entries_beside(
    stream: dict[str, Any], before: dict[str, Any], records: Records
) -> dict[str, Any]:
    """Count the entries under other keys than `values`, and return these members of a stream.

    before: those of the stream before. The parts of a large stream share them: each counts once.
    """
    beside = {
        key: value
        for key, value in stream.items()
        if key not in _OF_STREAM and type(value) is list and value
    }
    for key, value in beside.items():
        if value is not before.get(key):
            records.count_unknown(len(value))
    return beside


def _labels_and_entries(stream: Any) -> tuple[Any, list[Any]]:
    """Return the labels and the entries of a stream; an invalid stream counts as one entry."""
    if type(stream) is not dict:
        return None, [stream]
    values = stream.get("values") or []
    return (stream.get("stream"), values) if type(values) is list else (None, [values])


def _parse_entry(value: Any) -> Entry | None:
    """Return an entry; None for an invalid one."""
    try:
        time, line, *rest = value
        metadata = rest[0] if rest and rest[0] else {}
        if type(line) is str and isinstance(time, (str, int)) and type(metadata) is dict:
            return int(time), line, metadata
    except _DAMAGED:
        pass
    return None


def _add_entries(
    labels: Mapping[str, Any], entries: Iterator[Entry | None], most: int, records: Records
) -> None:
    """Add the entries of a stream, each with the labels of the stream."""
    many = max(1, min(_AT_ONCE, _MOST_AT_ONCE // len(json_object_line(labels, {}))))
    names = free_name("time", labels), free_name("message", labels)
    while some := list(islice(entries, many)):
        made_of = (_entry_record(labels, names, *entry) for entry in some if entry is not None)
        found = [record for record in made_of if record is not None]
        if len(found) < len(some):
            records.count_invalid(len(some) - len(found))
        records.add_dicts_as_json(found, most)


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


def _unpack_snappy(body: bytes, most: int) -> bytes:
    cramjam = import_extra("cramjam", "pushes to Loki in snappy")
    try:
        if cramjam.snappy.decompress_raw_len(body) > most:
            raise body_too_large(most)
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError:
        raise malformed_body("the body is not in snappy") from None


def _add_from_protobuf(body: bytes, most: int, records: Records) -> None:
    for part in message_parts(body, _STREAMS_ENTRIES, most, records):
        if part is None:
            continue
        for stream in parse_protobuf(_push_request_class(), part).streams:
            records.count_towards_limit(_STREAM)
            try:
                labels = _parsed_labels(stream.labels)
            except ValueError:
                records.count_invalid(len(stream.entries) or 1)
                continue
            _add_entries(labels, map(_entry_of_protobuf, stream.entries), most, records)


def _entry_of_protobuf(entry: Any) -> Entry:
    time = entry.timestamp.seconds * NANOSECONDS + entry.timestamp.nanos
    metadata = {one.name: decode_or_escape(one.value) for one in entry.metadata}
    return time, decode_or_escape(entry.line), metadata


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
