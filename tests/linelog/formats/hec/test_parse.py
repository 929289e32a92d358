"""Events for an HTTP Event Collector: the stored records, and the answers in Splunk's words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.formats.hec.parse import add_hec_events, add_hec_lines
from logsrv.linelog.lines.bodies import BodyRules
from tests.parts.records import Taken, lines_of, taken_by

BASE = "/services/collector"
TIME, AT = 1795155522.25, "2026-11-20T06:18:42.25Z"
SUCCESS = {"text": "Success", "code": 0}
# Bodies that senders make: of a driver for containers, of a collector, of a router of logs.
DRIVER = (
    rb'{"event":{"line":"GET /?a=1\u0026b=2","source":"stdout","tag":"shop/1f"},"time":"1795155522.250000",'
    rb'"host":"web1","source":"/run","sourcetype":"containers"}'
)
COLLECTOR = (
    b'{"time":1795155522.25,"host":"web1","source":"shop",'
    b'"event":{"log":"out of stock","level":"error"}}'
)
ROUTER = (
    b'{"event":"out of stock","fields":{"severity":"error","service":"shop"},"time":1795155522.25,'
    b'"host":"web1","index":"main"}'
)


def events(body: bytes, most: int = 1 << 20) -> Taken:
    return taken_by(add_hec_events, body, BodyRules("", BASE, most))


def raw(body: bytes, most: int = 1 << 20, **query: str) -> Taken:
    return taken_by(add_hec_lines, body, BodyRules("", f"{BASE}/raw", most, query=query))


def stored(found: Taken) -> list[Any]:
    return [json.loads(line) for line in lines_of(found.records)]


def record_of(event: Any, **others: Any) -> Any:
    """Return the record of one event, and demand that it is a success."""
    found = events(json.dumps({"event": event, **others}).encode())
    assert json.loads(found.reply.body) == SUCCESS
    (record,) = stored(found)
    return record


@pytest.mark.parametrize(
    ("event", "others", "record"),
    [
        ("text", {}, {"message": "text"}),
        ("two\nlines, ü", {"index": "main"}, {"message": "two\nlines, ü", "index": "main"}),
        ({"level": "info", "n": {"a": [1]}}, {}, {"level": "info", "n": {"a": [1]}}),
        (42, {}, {"event": 42}),
        (False, {}, {"event": False}),
        ([1, "a"], {}, {"event": [1, "a"]}),
        ("a", {"host": "", "source": None}, {"message": "a"}),
        ("a", {"fields": {"x": "1"}}, {"message": "a", "x": "1"}),
        ({"x": 1}, {"fields": {"x": "2", "y": 3}}, {"x": 1, "fields": {"x": "2", "y": 3}}),
        ("a", {"fields": "b"}, {"message": "a", "fields": "b"}),
        ({"host": "a", "time": "b"}, {"host": "c", "time": 0},
         {"host": "a", "time": "b", "_host": "c", "_time": "1970-01-01T00:00:00Z"}),
    ],
)  # fmt: skip
def test_a_record_has_the_keys_of_the_event_then_fields_then_metadata(event, others, record):
    assert record_of(event, **others) == record


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (TIME, AT),
        (1795155522, "2026-11-20T06:18:42Z"),
        ("1795155522", "2026-11-20T06:18:42Z"),
        ("1795155522.123456789", "2026-11-20T06:18:42.123456789Z"),
        (" 1795155522.250000 ", AT),
        (1795155522250, AT),
        ("1795155522250", AT),
        (1795155522250000, AT),
        ("1795155522123456", "2026-11-20T06:18:42.123456Z"),
        (1795155522250000000, AT),
        ("1795155522123456789", "2026-11-20T06:18:42.123456789Z"),
        ("1795155522000000001", "2026-11-20T06:18:42.000000001Z"),
        (1.79515552225e18, AT),
        ("1795155522250.5", "2026-11-20T06:18:42.2505Z"),
        (10**11 - 1, "5138-11-16T09:46:39Z"),
        (10**11, "1973-03-03T09:46:40Z"),
        (10**14, "1973-03-03T09:46:40Z"),
        (10**17, "1973-03-03T09:46:40Z"),
        ("9" * 21, "9" * 21),
        (0.5, "1970-01-01T00:00:00.5Z"),
        ("2026-11-20T06:18:42+01:00", "2026-11-20T06:18:42+01:00"),
        ("yesterday", "yesterday"),
        (-1, -1),
        (1e300, 1e300),
        (True, True),
        ([], []),
    ],
)
def test_a_time_in_s_ms_us_or_ns_becomes_rfc_3339_and_any_other_stays(time, text):
    assert record_of("a", time=time)["time"] == text


@pytest.mark.parametrize("body", [DRIVER, COLLECTOR, ROUTER])
def test_records_are_found_by_time_host_and_program(body):
    (line,) = lines_of(events(body).records)
    record = ParsedLine.of_message(line)
    assert record.get("hostname") == "web1"
    assert str(record.get("app")).partition("/")[0] == "shop"
    assert record.get("timestamp") == AT
    assert record.get("level") == (None if body is DRIVER else "error")


@pytest.mark.parametrize(
    ("event", "source", "sourcetype", "app"),
    [
        ("a", "shop", "_json", "shop"),
        ("a", "/var/log/nginx/a.log", "nginx", "nginx"),
        ("a", r"C:\logs\a.log", "iis", "iis"),
        ("a", "", "nginx", "nginx"),
        ("a", 1, None, None),
        ({"service": {"name": "cart"}}, "shop", "", "cart"),
        ({"app": "cart"}, "shop", "", "cart"),
    ],
)
def test_the_program_is_the_events_own_or_its_source_or_sourcetype(event, source, sourcetype, app):
    found = events(
        json.dumps({"event": event, "source": source, "sourcetype": sourcetype}).encode()
    )
    (line,) = lines_of(found.records)
    assert ParsedLine.of_message(line).get("app") == app


def test_severities_of_opentelemetry_are_levels():
    found = record_of(
        "a", fields={"otel.log.severity.text": "WARN", "otel.log.severity.number": 13}
    )
    assert found == {"message": "a", "severity": "WARN", "severity_number": 13}


def test_long_numbers_keep_their_digits():
    digits = b"12345678901234567890123, 0.12345678901234567890, 1795155522.123456789"
    (line,) = lines_of(events(b'{"event":{"n":[%b]},"time":1.5}' % digits).records)
    assert line == b'{"n":[%b],"time":"1970-01-01T00:00:01.5Z"}' % digits.replace(b" ", b"")


def test_long_numbers_beside_half_a_surrogate_pair_are_stored_all_the_same():
    found = events(rb'{"event":{"n":12345678901234567890123,"s":"\ud800"}}')
    assert stored(found) == [{"n": 1.2345678901234568e22, "s": r"\xed\xa0\x80"}]


def about(code: int, number: int) -> dict[str, Any]:
    """Return the answer that names an invalid event."""
    texts = {
        6: "Invalid data format",
        12: "Event field is required",
        13: "Event field cannot be blank",
    }
    return {"text": texts[code], "code": code, "invalid-event-number": number}


NO_DATA = {"text": "No data", "code": 5}
TOO_LARGE = {"text": "Request entity too large", "code": 27}


@pytest.mark.parametrize(
    ("body", "status", "answer", "messages"),
    [
        (b"", 400, NO_DATA, []),
        (b" \r\n", 400, NO_DATA, []),
        (b"hello", 400, about(6, 0), []),
        (b'{"event":"a"', 400, about(6, 0), []),
        (b'[{"event":"a"}]', 400, about(6, 0), []),
        (b'{"event":"a"},{"event":"b"}', 400,
         about(6, 1), ["a"]),
        (b'{"event":"a"}{"event":"\xff"}{"event":"b"}', 400,
         about(6, 1), ["a"]),
        (b'{"event":"a"}}{"event":"b"}', 400,
         about(6, 1), ["a"]),
        (b'{"event":"a"}{"evnt":"b"}{"event":"c"}', 400,
         about(12, 1), ["a", "c"]),
        (b'{"evnt":"a"}{"event":"b"}{', 400, about(12, 0), ["b"]),
        (b'{"event":null}', 400, about(12, 0), []),
        (b'{"event":" "}{"event":{}}', 400,
         about(13, 0), []),
        (b'{"event":"%b"}{"event":"a"}' % (b"x" * 2000), 413, TOO_LARGE,
         ["a"]),
    ],
)  # fmt: skip
def test_the_answer_names_the_first_invalid_event_and_good_ones_are_stored(
    body, status, answer, messages
):
    found = events(body, most=1000)
    assert (found.reply.status, json.loads(found.reply.body)) == (status, answer)
    assert [one["message"] for one in stored(found)] == messages
    assert found.records.refused_count > 0


@pytest.mark.parametrize(
    ("query", "records"),
    [
        ({}, [b"one", b" two", b'{"level":"info"}']),
        ({"channel": "a"}, [b"one", b" two", b'{"level":"info"}']),
        ({"host": "web1", "sourcetype": "nginx"},
         [b'{"message":"one","app":"nginx","host":"web1","sourcetype":"nginx"}',
          b'{"message":" two","app":"nginx","host":"web1","sourcetype":"nginx"}',
          b'{"level":"info","app":"nginx","host":"web1","sourcetype":"nginx"}']),
    ],
)  # fmt: skip
def test_each_raw_line_is_a_record_with_the_metadata_of_the_query(query, records):
    found = raw(b'one\r\n\n two\n{"level":"info"}\n \n', **query)
    assert json.loads(found.reply.body) == SUCCESS
    assert lines_of(found.records) == records


def test_raw_lines_that_are_too_long_or_no_text_are_answered():
    found = raw(b"a\n%b\n\xff\n" % (b"x" * 2000), most=1000, host="h")
    assert (found.reply.status, json.loads(found.reply.body)["code"]) == (413, 27)
    assert [one["message"] for one in stored(found)] == ["a", r"\xff"]
    assert json.loads(raw(b"\n \n").reply.body) == NO_DATA


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
OBJECTS = st.lists(
    st.builds(
        lambda event, others: json.dumps({**others, "event": event}, ensure_ascii=False).encode(),
        JSON,
        st.dictionaries(st.sampled_from(["time", "host", "source", "fields", "x"]), JSON),
    ),
    max_size=5,
)


@given(OBJECTS, st.sampled_from(["", " ", "\n", "\r\n", "\t \n\n"]))
def test_events_are_the_same_however_they_are_joined(objects, between):
    alone = [line for one in objects for line in lines_of(events(one).records)]
    assert lines_of(events(between.encode().join(objects)).records) == alone
