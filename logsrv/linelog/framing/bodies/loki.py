"""Pushes of Loki's clients, JSON or protobuf in snappy: each entry becomes a record (sans-IO).

The labels of its stream and its own structured metadata are keys of it, beside `time` and `message`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

from logsrv.linelog.framing.bodies.bodies import (
    JSON,
    BodyRules,
    Records,
    Reply,
    RequestRefused,
    Steps,
    json_line,
    malformed,
)
from logsrv.linelog.framing.bodies.extras import needed, read_message
from logsrv.linelog.framing.bodies.json_made import made, made_together
from logsrv.linelog.framing.bodies.json_parts import several
from logsrv.linelog.framing.bodies.protobuf_parts import several as parts_of_message
from logsrv.linelog.framing.bodies.times import of_nanoseconds

# Labels, nanoseconds since 1970, the line, structured metadata.
Entry: TypeAlias = tuple[Mapping[str, Any], int, str | bytes, Mapping[str, Any]]

PROTOBUF = ("application/x-protobuf", "application/protobuf", "")
_LABEL = re.compile(r'\s*([^\s=,{}"]+)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|\Z)', re.DOTALL)
# Escapes as Go writes them in a quoted string.
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\\"'])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))"
)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_OURS = ("time", "message")
_NONE = "the body is not what clients of Loki push"
# Errors raised for a value of an unexpected type.
_DAMAGED = (AttributeError, KeyError, TypeError, ValueError, OverflowError)
# Entries that become lines together, and bytes that their labels may have; digits of a time.
_AT_ONCE = 512
_MOST_AT_ONCE = 1 << 20
_DIGITS = 19
# The numbers of those fields.
_STREAMS_ENTRIES = (1, 2)
# Bytes counted for a stream: one of protobuf has only a few.
_STREAM = 1000


def take(body: bytes, rules: BodyRules, records: Records) -> Steps:
    """Take the entries of a push; rules.max_body: bytes that it may have out of snappy.

    Those that are none, or longer than --max-record, are left out, and the answer says so.
    Raises RequestRefused.
    """
    try:
        if rules.media == JSON:
            yield from _from_json(body, rules.max_record, records)
        elif rules.media in PROTOBUF:
            yield from _from_protobuf(
                _out_of_snappy(body, rules.max_body), rules.max_record, records
            )
        else:
            raise RequestRefused(
                415, "protocol", "a push to Loki is application/json or application/x-protobuf"
            )
    except _DAMAGED:
        raise malformed(_NONE) from None
    if not records.refused:
        return Reply(204)
    damaged = records.reasons["protocol"]
    if damaged and not len(records):
        raise malformed(_NONE)
    what = "not what clients of Loki push, or " if damaged else ""
    sentence = (
        f"{records.refused} of {records.refused + len(records)} entries are {what}longer than"
        f" {rules.max_record} bytes, what --max-record allows; the others are stored"
    )
    return Reply(400 if damaged else 413, json_line(error=sentence))


def _from_json(body: bytes, most: int, records: Records) -> Iterator[None]:
    for push in several(body, ("streams", "values"), most, records):
        for stream in push["streams"] if push is not None else ():
            labels, values = _parts_of(stream)
            if type(labels) is not dict:
                records.reject(len(values))
                continue
            # Each entry has the labels.
            many = max(1, min(_AT_ONCE, _MOST_AT_ONCE // len(made(labels, {}))))
            for at in range(0, len(values), many):
                some = values[at : at + many]
                lines = _together(labels, some, most)
                if lines is not None:
                    records.add_lines(lines, len(some))
                else:
                    _one_by_one(labels, some, most, records)
                if records.due:
                    yield
        yield


def _parts_of(stream: Any) -> tuple[Any, list[Any]]:
    """Return the labels of a stream, and its entries; one that is none counts as an entry."""
    if type(stream) is not dict:
        return None, [stream]
    values = stream.get("values") or []
    return (stream.get("stream"), values) if type(values) is list else (None, [values])


def _together(labels: dict[str, Any], values: list[Any], most: int) -> bytes | None:
    """Return entries as lines; None if one of them takes more care."""
    if not labels.keys().isdisjoint(_OURS):
        return None
    found = []
    begin = second = ""
    for value in values:
        if type(value) is not list or not (len(value) == 2 or (len(value) == 3 and not value[2])):
            return None
        time, line = value[0], value[1]
        if type(time) is not str or type(line) is not str or len(time) != _DIGITS:
            return None
        if time[:-9] != begin:
            begin = time[:-9]
            second = (of_nanoseconds(int(begin), 0) or "")[:20] if begin.isdecimal() else ""
        if not (second and time.isdecimal() and time.isascii()):
            return None
        found.append({**labels, "time": f"{second}{time[-9:]}Z", "message": line})
    return made_together(found, most)


def _record(
    labels: Mapping[str, Any], time: int, line: str | bytes, metadata: Mapping[str, Any]
) -> bytes:
    found = dict(labels)
    ours = {"time": of_nanoseconds(0, time) or str(time), "message": line}
    if metadata:
        taken = {*labels, *(_free(name, labels) for name in _OURS)}
        for name, value in metadata.items():
            name = _free(name, taken)
            taken.add(name)
            found[name] = value
    return made(found, ours)


def _free(name: str, taken: Any) -> str:
    while name in taken:
        name = f"_{name}"
    return name


def _one_by_one(labels: dict[str, Any], values: list[Any], most: int, records: Records) -> None:
    for value in values:
        try:
            record = _record(*_entry(labels, value))
        except _DAMAGED:
            records.reject()
        else:
            records.add_unless_longer(record, most)


def _entry(labels: dict[str, Any], value: Any) -> Entry:
    time, line, *metadata = value
    if not isinstance(line, str) or not isinstance(time, (str, int)):
        raise TypeError
    return labels, int(time), line, metadata[0] if metadata else {}


def _out_of_snappy(body: bytes, most: int) -> bytes:
    cramjam = needed("cramjam", "pushes to Loki in snappy")
    try:
        if cramjam.snappy.decompress_raw_len(body) > most:
            raise RequestRefused(
                413,
                "oversize",
                f"the body has more than {most} bytes, what --max-body allows",
            )
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError:
        raise malformed("the body is not in snappy") from None


def _from_protobuf(body: bytes, most: int, records: Records) -> Iterator[None]:
    for part in parts_of_message(body, _STREAMS_ENTRIES, most, records):
        if part is None:
            yield
            continue
        for stream in read_message(_push_request(), part).streams:
            records.made(_STREAM)
            try:
                labels = _labels(stream.labels.decode())
            except ValueError:
                records.reject(len(stream.entries))
                continue
            for entry in stream.entries:
                metadata = {one.name: one.value for one in entry.metadata}
                time = entry.timestamp.seconds * 1_000_000_000 + entry.timestamp.nanos
                record = _record(labels, time, entry.line, metadata)
                records.add_unless_longer(record, most)
                if records.due:
                    yield


def _labels(text: str) -> dict[str, str]:
    """Return the labels in `{name="value", …}`. Raises ValueError."""
    text = text.strip()
    if text[:1] != "{" or text[-1:] != "}":
        raise ValueError("no labels")
    text = text[1:-1].strip()
    labels, at = {}, 0
    while at < len(text):
        found = _LABEL.match(text, at)
        if found is None:
            raise ValueError("no label")
        labels[found[1]] = _ESCAPE.sub(_character, found[2])
        at = found.end()
    return labels


def _character(found: re.Match[str]) -> str:
    letter = found[1]
    if letter is not None:
        return _LETTERS.get(letter, letter)
    return chr(int(found[2] or found[3] or found[4], 16))


@cache
def _push_request() -> Any:
    """Return the class of logproto.PushRequest, as far as it is read here.

    Text is `bytes` in it: Loki's clients are written in Go, which does not look whether it is UTF-8.
    """
    pool = needed("google.protobuf.descriptor_pool", "pushes to Loki in protobuf")
    pb = needed("google.protobuf.descriptor_pb2", "pushes to Loki in protobuf")
    factory = needed("google.protobuf.message_factory", "pushes to Loki in protobuf")
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
