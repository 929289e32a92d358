"""Bodies of HTTP requests and their compression: JSON, protobuf, lines, gzip, Zstandard."""

import gzip
import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import islice
from tempfile import TemporaryFile
from typing import Any

from logsrv.linelog.formats.bulk import parse as bulk_bodies
from logsrv.linelog.formats.loki import parse as loki
from logsrv.linelog.formats.ndjson import parse as http_lines
from logsrv.linelog.formats.otlp import parse as otlp
from logsrv.linelog.importing.readable import unpack_file as unpacked_file
from logsrv.linelog.intake.over_http.installed_routes import http_routes
from logsrv.linelog.intake.over_http.parse import coding_to_undo, parse_body, unpacked_body
from logsrv.linelog.intake.over_http.routes import find_route
from logsrv.linelog.intake.over_http.structured_body import (
    element_texts,
    import_extra,
    parse_json_body,
    parse_protobuf,
    value_ends,
)
from logsrv.linelog.intake.parsing import Parsed, ParseOrder, read_answer
from logsrv.linelog.lines.bodies import (
    BodyRules,
    Records,
    Reply,
    RequestRefused,
    parse_json_text,
)
from logsrv.linelog.lines.clean import escaped
from logsrv.linelog.lines.inflated import UnpackingError, inflate_pieces, unpack
from logsrv.linelog.lines.json_made import (
    as_json,
    decode_or_escape,
    json_object_line,
    json_object_lines,
    nanoseconds_as_rfc3339,
    seconds_as_rfc3339,
)
from logsrv.linelog.lines.json_text import count_storable_objects, json_on_one_line
from logsrv.linelog.lines.rules import LineCounts, LineRules
from tests.fuzz.oracles import at_most, safe
from tests.fuzz.target import target
from tests.fuzz.targets.events import kept

MOST, RECORD = 50_000, 500


def checked_here(take: Callable[..., Any], data: bytes, media: str, path: str) -> None:
    """Read a body here and as a worker does: the same is stored and answered; a refusal says why."""
    rules = BodyRules(media, path, RECORD, 4 * MOST, MOST)
    records = Records(rules.max_made)
    try:
        reply = take(data, rules, records)
    except RequestRefused as refusal:
        assert 400 <= refusal.status < 600 and refusal.reason
        safe(str(refusal), "")
        return
    if reply is not None:
        assert isinstance(reply, Reply) and 200 <= reply.status < 600
    at_most(sum(len(line) for line, _ in kept(records, RECORD)), 4 * MOST)


def checked_in_worker(data: bytes, media: str, path: str) -> None:
    """Demand that a worker and the server agree on what is stored."""
    route = find_route(b"POST", path, http_routes())
    assert route.take is not None and route.count is not None
    rules = BodyRules(media, path, RECORD, 4 * MOST, MOST, take=route.take, count=route.count)
    message = ParseOrder(parse_body, data, rules, LineRules(max_line=100))

    def here(counts: LineCounts) -> Parsed:
        return message.parse_here(counts)

    def in_worker(counts: LineCounts) -> Parsed:
        order = ParseOrder.decoded(b"".join(message.encoded()))
        return read_answer(list(order.parse_and_answer()), counts)

    def outcome(parse: Callable[[LineCounts], Parsed]) -> object:
        counts = LineCounts()
        try:
            parsed = parse(counts)
        except RequestRefused as refusal:
            return refusal.status, refusal.reason, refusal.records, str(refusal)
        found = parsed.gathered
        lines = b"".join(map(bytes, found.blocks))
        assert escaped(lines) == lines
        return (
            lines,
            parsed.reply,
            found.closing,
            found.dropped,
            found.as_text,
            found.reasons,
            counts,
        )

    assert outcome(in_worker) == outcome(here)


@target("linelog.formats.ndjson.parse", "linelog.lines.bodies")
def posted(data: bytes) -> None:
    """A body of lines, JSON, JSON lines or a form is stored whole or refused."""
    for media in (
        *("", "text/plain", "application/json", "application/x-ndjson", "application/jsonl"),
        *("application/x-www-form-urlencoded", "application/cloudevents+json", "image/png"),
    ):
        checked_here(http_lines.add_body_records, data, media, "/lines")


@cache
def _takers() -> list[tuple[str, Callable[..., Any]]]:
    places = sorted(http_routes().items())
    return [
        (path, each.take) for path, routes in places for each in routes if each.take is not None
    ]


@target("linelog.formats.hec.parse", "linelog.intake.over_http.structured_body")
def http_formats(data: bytes) -> None:
    """A body for each format of the http input is stored whole or refused, those of later ones too."""
    takers, media = _takers(), ("", "application/json", "application/x-protobuf")
    path, take = takers[data[0] % len(takers)] if data else takers[0]
    checked_here(take, data[2:], media[data[1] % 3] if data[1:] else "", path)


@target("linelog.formats.bulk.parse")
def bulk(data: bytes) -> None:
    """The answer to a bulk request has an item for each of its actions."""
    checked_here(bulk_bodies.add_bulk_documents, data, "application/x-ndjson", "/_bulk")
    checked_here(bulk_bodies.add_bulk_documents, data, "application/json", "/an%20index/_bulk")
    checked_in_worker(data, "application/x-ndjson", "/_bulk")


@target("linelog.formats.loki.parse", "linelog.intake.over_http.parse", "linelog.intake.parsing")
def loki_json(data: bytes) -> None:
    """A push of Loki in JSON."""
    checked_here(loki.add_loki_entries, data, "application/json", "/loki/api/v1/push")
    checked_in_worker(data, "application/json", "/loki/api/v1/push")


@target("linelog.formats.loki.parse", "linelog.intake.over_http.structured_body")
def loki_protobuf(data: bytes) -> None:
    """A push of Loki in protobuf and snappy; the input is also packed here, so that its content
    is parsed.
    """
    import cramjam

    checked_here(loki.add_loki_entries, data, "application/x-protobuf", "/loki/api/v1/push")
    packed = bytes(cramjam.snappy.compress_raw(data))
    checked_here(loki.add_loki_entries, packed, "application/x-protobuf", "/loki/api/v1/push")


@target("linelog.formats.otlp.parse")
def otlp_json(data: bytes) -> None:
    """An export of logs in JSON."""
    checked_here(otlp.add_otlp_records, data, "application/json", "/v1/logs")
    checked_in_worker(data, "application/json", "/v1/logs")


@target("linelog.formats.otlp.parse", "linelog.intake.over_http.structured_body")
def otlp_protobuf(data: bytes) -> None:
    """An export of logs in protobuf."""
    checked_here(otlp.add_otlp_records, data, "application/x-protobuf", "/v1/logs")


def _inflated(data: bytes) -> bytes | None:
    try:
        return unpack(inflate_pieces(data), MOST)
    except UnpackingError:
        return None


@target(
    "linelog.lines.inflated",
    "linelog.intake.over_http.parse",
    "linelog.importing.readable",
)
def packed(data: bytes) -> None:
    """Unpacked bytes never exceed the limit; packed bytes come back."""
    at_most(len(_inflated(data) or b""), MOST)
    assert _inflated(gzip.compress(data, 1)) == data
    assert _inflated(zlib.compress(data)) == data
    for header in ("gzip", "x-gzip", "deflate", "zstd", "", "br", str(data[:20], "latin-1")):
        try:
            how = coding_to_undo(header)
            rules = BodyRules("", "", RECORD, max_body=MOST, coding=how)
            whole = unpacked_body(data, rules) if how else data
        except RequestRefused as refusal:
            assert refusal.status in (400, 413, 415)
            continue
        at_most(len(whole), max(MOST, len(data)))
    with TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        # An imported file may unpack to any size, in pieces of bounded size.
        with suppress(UnpackingError):
            for piece in islice(unpacked_file(file), 4):
                at_most(len(piece), 32 << 20)


@target("linelog.lines.json_text", "linelog.lines.bodies")
def json_text(data: bytes) -> None:
    """JSON becomes a line with the same values, in which nothing needs to be escaped."""
    number = count_storable_objects(data, RECORD)
    if number:
        assert all(isinstance(json.loads(line), dict) for line in data.split(b"\n"))
    try:
        value = parse_json_text(data)
    except ValueError:
        return
    line = json_on_one_line(data)
    assert escaped(line) == line and b"\n" not in line
    if b"\\ud" not in data.lower():
        assert parse_json_text(line) == value or value != value or _numbers(line) == _numbers(data)
    assert json_on_one_line(line) == line


def _numbers(text: bytes) -> Any:
    return json.loads(text, parse_float=str, parse_int=str)


@target("linelog.intake.over_http.structured_body")
def json_body(data: bytes) -> None:
    """The texts of an array's elements have the values of the whole."""
    value_ends(data)
    try:
        value = parse_json_body(data)
    except RequestRefused as refusal:
        assert refusal.status == 400
        return
    if type(value) is list:
        assert [parse_json_text(text) for text in element_texts(data.strip())] == value


@target("linelog.intake.over_http.structured_body")
def protobuf_body(data: bytes) -> None:
    """A message is parsed or refused."""
    kind = import_extra(
        "opentelemetry.proto.collector.logs.v1.logs_service_pb2", "logs"
    ).ExportLogsServiceRequest
    try:
        parse_protobuf(kind, data)
    except RequestRefused as refusal:
        assert refusal.status == 400


@target("linelog.lines.json_made", "linelog.lines.json_made")
def json_made(data: bytes) -> None:
    """Any record becomes a JSON object on one line, alone or together with others."""
    text = data.decode("utf-8", "surrogateescape")
    safe(decode_or_escape(data).replace("\n", ""), "".join(map(chr, range(160))) + "\u2028\u2029")
    record = {text[:5]: text, "n": [text[5:], {"b": data.hex()}], "k": None}
    line = json_object_line(record, {text[:5]: 1, "k": text})
    assert isinstance(json.loads(line), dict) and escaped(line) == line and b"\n" not in line
    assert escaped(as_json(record)) == as_json(record)
    together = json_object_lines([record, {"a": text}], 10_000)
    if together is not None:
        assert escaped(together) == together and together.count(b"\n") == 2
    for digits in text.split()[:5]:
        try:
            number = float(digits)
        except ValueError:
            continue
        seconds_as_rfc3339(number)
        if abs(number) < 1e18:
            nanoseconds_as_rfc3339(int(number), int(number) % 10**9)
