"""Messages for every input: valid ones, those in which nothing of its protocol is, and half of each.

`sent` is how many records a message has; one that has none of its protocol counts as one, and so does the
rest of one in which no more records can be found.
"""

import gzip
import json
import pickle
import struct
import zlib
from codecs import BOM_UTF8
from typing import Any

import attrs
import msgpack
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as otlp_logs

JSON, NDJSON, PROTOBUF = "application/json", "application/x-ndjson", "application/x-protobuf"
TEXT, ENTRIES = "text/plain", "application/vnd.fdo.journal"


@attrs.frozen
class Message:
    """What a connection sends to an input. kind: what it is like. sent: how many records it has."""

    input: str
    kind: str
    data: bytes
    sent: int

    @property
    def name(self) -> str:
        return f"{self.input}-{self.kind}"

    @property
    def valid(self) -> bool:
        return self.kind.startswith("valid")


def posted(path: str, media: str, body: Any) -> bytes:
    """Return a request; media: the Content-Type, and behind a space the Content-Encoding."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    media, _, coding = media.partition(" ")
    if coding:
        data, media = gzip.compress(data), f"{media}\r\nContent-Encoding: {coding}"
    return b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        path.encode(), media.encode(), len(data), data,
    )  # fmt: skip


def relp(*commands: bytes) -> bytes:
    """Return a session. A command: its name, a space, and its data."""
    sent = b"1 open 0\n"
    for number, command in enumerate(commands, 2):
        name, _, data = command.partition(b" ")
        sent += b"%d %b %d%b\n" % (number, name, len(data), b" " + data if data else b"")
    return sent


def event(sequence: int, text: bytes) -> bytes:
    """Return an event of Lumberjack."""
    return b"2J" + struct.pack(">II", sequence, len(text)) + text


def window(*events: bytes, number: int | None = None) -> bytes:
    """Return a window of Lumberjack. number: how many events it announces."""
    frames = [event(place, one) for place, one in enumerate(events, 1)]
    return b"2W" + struct.pack(">I", len(events) if number is None else number) + b"".join(frames)


def packed(frames: bytes, level: int = 6) -> bytes:
    """Return frames of Lumberjack as a compressed one."""
    data = zlib.compress(frames, level)
    return b"2C" + struct.pack(">I", len(data)) + data


def pickled(value: Any) -> bytes:
    """Return a pickle as SocketHandler sends it; bytes are taken as the pickle."""
    data = value if isinstance(value, bytes) else pickle.dumps(value, 1)
    return struct.pack(">I", len(data)) + data


def forward(*event: Any) -> bytes:
    return bytes(msgpack.packb(event))


ACKED = {"chunk": "c"}
EVENT = forward("tag", [[1, {"a": "b"}], [2, {"a": "c"}]], ACKED)
LUMBERJACK = window(b'{"a":"b"}', b'{"a":"c"}')
GELF = b'{"version":"1.1","host":"h","short_message":"m"}'
LOG_RECORD = {"name": "n", "msg": "m %s", "args": ("x",), "levelname": "INFO", "created": 1.5}
OTLP_RECORD = {"timeUnixNano": "1", "body": {"stringValue": "m"}}
OTLP = {"resourceLogs": [{"scopeLogs": [{"logRecords": [OTLP_RECORD] * 2}]}]}
LOKI = {"streams": [{"stream": {"a": "b"}, "values": [["1", "m"], ["2", "m"]]}]}
BULK = b'{"index":{}}\n{"a":"b"}\n{"create":{}}\n{"a":"c"}\n'
ENTRY = b"MESSAGE=m\nPRIORITY=6\n\n"
_LOKI, _OTLP = "/loki/api/v1/push", "/v1/logs"
LONG = {"a": "x" * (1 << 20)}


def _protobuf() -> bytes:
    request = otlp_logs.ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=1)
    return bytes(request.SerializeToString())


def _entries(kind: str, sent: int, body: bytes) -> tuple[str, int, bytes]:
    return kind, sent, posted("/upload", ENTRIES, body)


def _packed_entries(kind: str, sent: int, body: bytes) -> tuple[str, int, bytes]:
    return kind, sent, posted("/upload", f"{ENTRIES} gzip", body)


def _http(kind: str, sent: int, path: str, media: str, body: Any) -> tuple[str, int, bytes]:
    return kind, sent, posted(path, media, body)


# For each input: the kind, how many records are sent, the bytes.
_ALL: dict[str, list[tuple[str, int, bytes]]] = {
    "lines": [
        ("valid", 2, b"one\ntwo\n"),
        ("object", 1, b"{}\n"),
        ("array", 1, b"[]\n"),
        ("other", 1, EVENT.replace(b"\n", b"") + b"\n"),
        ("misspelt", 1, b'{"Messag":"m"}\n'),
        ("half", 2, b"one\n\n"),
        ("empty", 1, b"\n"),
        ("valid-bom", 2, BOM_UTF8 + b"one\ntwo\n"),
    ],
    "syslog": [
        ("valid", 2, b"<13>one\n<13>two\n"),
        ("valid-counted", 2, b"7 <13>one7 <13>two"),
        ("object", 1, b"{}\n"),
        ("array", 1, b"[]\n"),
        ("other", 1, GELF + b"\n"),
        ("misspelt", 1, b"<999>one\n"),
        ("half", 3, b"<13>one\nno priority\n<13>two\n"),
        ("valid-bom", 2, BOM_UTF8 + b"<13>one\n<13>two\n"),
    ],
    "relp": [
        ("valid", 2, relp(b"syslog <13>one", b"syslog <13>two\n")),
        ("object", 1, relp(b"syslog {}")),
        ("array", 1, relp(b"syslog []")),
        ("other", 1, b"<13>one\n"),
        ("other-forward", 1, EVENT),
        ("misspelt", 1, relp(b"SYSLOG <13>one")),
        ("misspelt-log", 2, relp(b"log <13>one", b"syslog <13>two")),
        ("half", 2, relp(b"syslog <13>one", b"syslog")),
        ("empty", 1, relp(b"syslog")),
        ("empty-end", 1, relp(b"syslog \r\n")),
        ("unopened", 1, b"1 syslog 7 <13>one\n"),
        ("bom", 1, relp(b"syslog " + BOM_UTF8 + b"<13>one")),
    ],
    "gelf": [
        ("valid", 2, GELF + b"\0" + GELF + b"\0"),
        ("object", 1, b"{}\0"),
        ("array", 1, b"[]\0"),
        ("null", 1, b"null\0"),
        ("other", 1, json.dumps(LOKI).encode() + b"\0"),
        ("misspelt", 1, b'{"Short_Message":"m"}\0'),
        ("half", 2, GELF + b"\0text\0"),
        ("empty", 1, b"\0"),
        ("empty-end", 1, b"\n\0"),
        ("bom-alone", 1, BOM_UTF8 + b"\0"),
        ("valid-bom", 1, BOM_UTF8 + GELF + b"\0"),
    ],
    "forward": [
        ("valid", 2, EVENT),
        ("valid-packed", 1, forward("tag", msgpack.packb([1, {"a": "b"}]), ACKED)),
        ("valid-message", 1, forward("tag", 1, {"a": "b"}, ACKED)),
        ("object", 1, bytes(msgpack.packb({}))),
        ("object-entries", 1, forward("tag", {})),
        ("array", 1, forward("tag", [], ACKED)),
        ("array-alone", 1, forward()),
        ("other", 1, LUMBERJACK),
        ("other-text", 1, b"hello world\n"),
        ("misspelt", 1, bytes(msgpack.packb({"Tag": "tag", "Entries": [[1, {"a": "b"}]]}))),
        ("half", 4, forward("tag", [[1, {"a": "b"}], 5, [1], [1, None]], ACKED)),
        ("records-only", 2, forward("tag", [{"a": "b"}, {"a": "c"}], ACKED)),
        ("no-map", 2, forward("tag", [[1, "text"], [1, ["a"]]], ACKED)),
        ("empty", 1, forward("tag", b"", ACKED)),
        ("empty-gzip", 1, forward("tag", gzip.compress(b""), {"compressed": "gzip", **ACKED})),
        ("empty-record", 1, forward("tag", [[1, ""]], ACKED)),
        ("unacked", 1, forward("tag", [])),
        ("traces", 3, forward("tag", [[1, {"a": "b"}]] * 3, {"fluent_signal": 2, **ACKED})),
        ("metrics-packed", 2, forward("tag", msgpack.packb([1, {}]) * 2, {"fluent_signal": 1})),
        ("options", 2, forward("tag", [[1, {"a": "b"}], [2, {}]], 5)),
        ("tag", 4, forward(None, [[1, {"a": "b"}]] * 4)),
        ("parts", 3, forward("tag", [1, 2, 3], {}, {})),
        ("compressed", 1, forward("tag", msgpack.packb([1, {}]) * 2, {"compressed": "lz4"})),
        ("no-gzip", 1, forward("tag", msgpack.packb([1, {}]) * 2, {"compressed": "gzip"})),
        ("garbage", 1, forward("tag", b"garbage!", ACKED)),
        ("garbage-utf8", 1, forward("tag", "größer".encode(), ACKED)),
        ("garbage-long", 1, forward("tag", b"x" * 60_000, ACKED)),
        ("bom", 1, BOM_UTF8 + EVENT),
    ],
    "lumberjack": [
        ("valid", 2, LUMBERJACK),
        ("valid-packed", 1, b"2W\0\0\0\1" + packed(window(b'{"a":"b"}')[6:])),
        ("object", 1, window(b"{}")),
        ("array", 1, window(b"[]")),
        ("text", 2, window(b"text", b"null")),
        ("other", 1, EVENT),
        ("misspelt", 1, window(b'{"Message":"m"}')),
        ("half", 2, window(b'{"a":"b"}', b"")),
        ("short", 1, window(b'{"a":"b"}', number=2)),
        ("empty", 1, window()),
        ("empty-event", 1, window(b"")),
        ("empty-packed", 1, b"2W\0\0\0\1" + packed(b"")),
        ("empty-frame", 1, b"2W\0\0\0\1" + b"2C\0\0\0\0"),
        ("garbage-packed", 1, b"2W\0\0\0\1" + packed(b"garbage")),
        ("garbage-many", 3, b"2W\0\0\0\3" + packed(b"garbage")),
        ("no-zlib", 4, b"2W\0\0\0\4" + b"2C\0\0\0\4text"),
        ("half-window", 3, window(b'{"a":"b"}', number=3) + b"text"),
        ("older-window", 2, window(b'{"a":"b"}', number=2) + b"1D\0\0\0\1"),
        ("valid-bom", 1, window(BOM_UTF8 + b'{"a":"b"}')),
    ],
    "journal": [
        _entries("valid", 2, ENTRY + ENTRY),
        _entries("valid-binary", 1, b"MESSAGE\n\1\0\0\0\0\0\0\0m\n\n"),
        _entries("object", 1, b"{}\n"),
        _entries("array", 1, b"[]"),
        _entries("other", 1, json.dumps(OTLP).encode()),
        _entries("misspelt", 1, b"messag=m\n\n"),
        _entries("no-message", 1, b"PRIORITY=6\n\n"),
        _entries("half", 2, ENTRY + b"hello\n"),
        _entries("empty", 1, b""),
        _packed_entries("valid-packed", 2, ENTRY + ENTRY),
        _packed_entries("half-packed", 3, ENTRY + ENTRY + b"hello\n"),
        _packed_entries("other-packed", 1, b"hello\n"),
        _entries("empty-lines", 1, b"\n\n\n"),
        _entries("bom-alone", 1, BOM_UTF8 + b"\n"),
        _entries("valid-bom", 1, BOM_UTF8 + ENTRY),
        ("other-type", 1, posted("/upload", JSON, b"{}")),
    ],
    "python": [
        ("valid", 2, pickled(LOG_RECORD) * 2),
        ("object", 1, pickled({})),
        ("array", 1, pickled([])),
        ("list", 1, pickled([LOG_RECORD])),
        ("other", 1, LUMBERJACK),
        ("other-http", 1, posted("/", TEXT, b"x")),
        ("misspelt", 1, pickled({"Msg": "m", "LevelName": "INFO"})),
        ("other-dict", 1, pickled({"module": "m", "levelno": 20, "filename": "f"})),
        ("half", 2, pickled(LOG_RECORD) + pickled(5)),
        ("empty", 1, pickled(b"")),
        ("empty-pickle", 1, pickled(b".")),
        ("bom", 1, pickled(BOM_UTF8 + pickle.dumps(LOG_RECORD, 1))),
    ],
    "http": [
        _http("valid", 2, "/", JSON, [{"a": "b"}, {"a": "c"}]),
        _http("valid-text", 2, "/lines", TEXT, b"one\ntwo"),
        _http("valid-form", 1, "/", "application/x-www-form-urlencoded", b"a=b"),
        _http("object", 1, "/", JSON, {}),
        _http("array", 1, "/", JSON, []),
        _http("null", 1, "/", JSON, None),
        _http("other", 1, "/", JSON, LOKI),
        _http("other-media", 1, "/", PROTOBUF, b"x"),
        _http("misspelt", 1, "/", JSON, {"Messag": "m"}),
        _http("half", 2, "/", JSON, [{"a": "b"}, ""]),
        _http("half-lines", 2, "/", NDJSON, b'{"a":"b"}\n{\n'),
        _http("long", 3, "/", JSON, [{"a": "b"}, LONG, {"a": "c"}]),
        _http("long-alone", 1, "/", JSON, LONG),
        _http("long-lines", 4, "/", NDJSON, b"{}\n\n%b\n[\n{}" % json.dumps(LONG).encode()),
        _http("long-sequence", 2, "/", "application/json-seq",
              b"\x1e%b\n\x1e{}\n\x1e\n" % json.dumps(LONG).encode()),
        _http("long-form", 1, "/", "application/x-www-form-urlencoded", b"a=" + b"x" * (1 << 21)),
        _http("broken", 2, "/", JSON, b'[{"a":"b"},{"a":'),
        _http("broken-element", 1, "/", JSON, b'["a","b","c",5e,"d"]'),
        _http("many-lines", 6_000_000, "/", f"{TEXT} gzip", b"\n" * 6_000_000),
        _http("empty", 1, "/", JSON, b""),
        _http("empty-text", 1, "/lines", TEXT, b""),
        _http("empty-lines", 1, "/", NDJSON, b"\n\n"),
        _http("empty-strings", 2, "/", JSON, ["", ""]),
        _http("bom-alone", 1, "/", TEXT, BOM_UTF8),
        _http("valid-bom", 1, "/", JSON, BOM_UTF8 + b'{"a":"b"}'),
        _http("valid-bom-text", 2, "/", TEXT, BOM_UTF8 + b"one\ntwo\n"),
        _http("loki-valid", 2, _LOKI, JSON, LOKI),
        _http("loki-invalid", 3, _LOKI, JSON, {"streams": [{"stream": {}, "values": [5, ["x"], {}]}]}),
        _http("loki-labels", 2, _LOKI, JSON, {"streams": [{**LOKI["streams"][0], "stream": "{}"}]}),
        _http("loki-entries", 3, _LOKI, JSON, {"streams": [{"labels": "{}", "entries": [1, 2, 3]}]}),
        _http("loki-half", 3, _LOKI, JSON, {"streams": [*LOKI["streams"], {"entries": [1]}]}),
        _http("otlp-valid", 2, _OTLP, JSON, OTLP),
        _http("otlp-valid-protobuf", 1, _OTLP, PROTOBUF, _protobuf()),
        _http("otlp-other", 2, _OTLP, JSON, LOKI),
        _http("otlp-misspelt", 2, _OTLP, JSON, {"resource_logs": OTLP["resourceLogs"]}),
        _http("otlp-half", 4, _OTLP, JSON, {**OTLP, "ResourceLogs": OTLP["resourceLogs"]}),
        _http("otlp-half-record", 2, _OTLP, JSON,
              {"resourceLogs": [{"scopeLogs": [{"logRecords": [OTLP_RECORD, 5]}]}]}),
        _http("otlp-invalid", 3, _OTLP, JSON,
              {"resourceLogs": [{"scopeLogs": [{"logRecords": [5, "x", {"timeUnixNano": "now"}]}]}]}),
        _http("otlp-resource", 2, _OTLP, JSON,
              {"resourceLogs": [{**OTLP["resourceLogs"][0], "resource": 5}]}),
        _http("otlp-none", 1, _OTLP, PROTOBUF, b""),
        _http("otlp-object", 1, _OTLP, JSON, {}),
        _http("otlp-array", 1, _OTLP, JSON, []),
        _http("otlp-null", 1, _OTLP, JSON, {"resourceLogs": None}),
        _http("otlp-empty", 1, _OTLP, JSON, b""),
        _http("bulk-valid", 2, "/_bulk", NDJSON, BULK),
        _http("bulk-misspelt", 1, "/_bulk", NDJSON, b'{"Index":{}}\n{"a":"b"}\n'),
        _http("bulk-half", 2, "/_bulk", NDJSON, b'{"index":{}}\n{"a":"b"}\n{"index":{}}\n{\n'),
        _http("bulk-broken", 3, "/_bulk", NDJSON, BULK + b"no action\n"),
        _http("bulk-documents", 2, "/_bulk", NDJSON, b'{"index":{}}\n5\n{"create":{}}\n{\n'),
    ],
}  # fmt: skip
MESSAGES = [
    Message(name, kind, data, sent) for name, some in _ALL.items() for kind, sent, data in some
]


def promises_all(message: Message, answer: bytes) -> bool:
    """Return whether an answer says that all of a message is safe, and nothing beside that."""
    if message.input in ("http", "journal"):
        return (
            answer.startswith(b"HTTP/1.1 2")
            and b"errorMessage" not in answer
            and b"the body has no log records" not in answer
            and b'"errors":true' not in answer
            and b'"accepted": 0' not in answer
        )
    return {
        "relp": b"200 OK\n" in answer.partition(b"commands=syslog\n")[2] and b" 500 " not in answer,
        "lumberjack": b"2A" in answer,
        "forward": b"\xa3ack" in answer,
    }.get(message.input, False)
