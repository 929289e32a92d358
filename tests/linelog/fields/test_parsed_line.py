"""The rules by which a line's fields get their names and values."""

import pytest

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.values import text_of_value

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "


def record(message: bytes) -> ParsedLine:
    return ParsedLine(STAMP + message)


def test_every_line_has_the_fields_of_its_stamp_and_message():
    line = ParsedLine(STAMP + b"ERROR hello", "17:52311")
    names = ("time", "source", "name", "host", "port", "position", "message", "level")
    assert [line.get(name) for name in names] == [
        "2026-11-20T06:18:42.123456Z",
        *("web@tcp:10.0.0.1:51234", "web", "10.0.0.1", 51234),
        *("17:52311", "ERROR hello", "error"),
    ]


def test_what_there_is_none_of_is_missing():
    line = ParsedLine(b"2026-11-20T06:18:42.123456Z unix:uid=0,pid=7 x")
    assert [line.get(name) for name in ("name", "host", "port", "position", "level")] == [None] * 5


@pytest.mark.parametrize(
    "line", [b"", b"hello", b"2026-11-20T06:18:42.123456Z tcp:1", b"2026-11-20 x y", STAMP[:-1]]
)
def test_a_line_without_a_stamp_is_all_message(line):
    found = ParsedLine(line)
    assert found.body == line and found.message.encode() == line
    assert (found.time, found.source, found.host) == (None, None, None)


def test_an_empty_message_has_an_empty_body():
    assert (record(b"").body, record(b"").source) == (b"", "web@tcp:10.0.0.1:51234")


_CLASHING = (
    b'<34>1 - - su - - - {"app":"x","host":"h","level":"warn",'
    b'"syslog":{"app":"own"},"fields":{"a":1}}'
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("app", "x"),
        ("fields.app", "x"),
        ("syslog.app", "su"),
        ("fields.syslog.app", "own"),
        ("host", "10.0.0.1"),
        ("fields.host", "h"),
        ("level", "warning"),
        ("fields.level", "warn"),
        ("facility", "auth"),
        ("fields.facility", "auth"),
        ("syslog.host", None),
        ("fields.fields.a", 1),
        ("fields.a", 1),
        ("a", None),
        ("App", None),
    ],
)
def test_names_in_both_header_and_content_have_their_order(name, value):
    assert record(_CLASHING).get(name) == value


def test_a_null_of_the_content_uncovers_the_header():
    assert record(b'<34>1 - - su - - - {"app":null}').get("app") == "su"


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (b'{"a":1}', "json"),
        (b'<13>app: {"a":1}', "json"),
        (b'{"a":1} x=1 y=2', "logfmt"),
        (b'1.2.3.4 - - [20/Nov/2026:06:18:42 +0000] "GET /?a=1 b=2 HTTP/1.1" 200 1', "access"),
        (b"x a=1 b=2", "logfmt"),
        (b"plain", None),
    ],
)
def test_the_first_shape_that_fits(message, kind):
    assert record(message).kind == kind


@pytest.mark.parametrize(
    ("message", "level"),
    [
        (b"<11>ERROR", "error"),
        (b"<14>[crit] x", "info"),
        (b"<14>level=warn x=1", "warning"),
        (b'<14>{"msg":"ERROR"}', "info"),
        (b'{"msg":"ERROR"}', None),
        (b'{"msg":"x","severity":"INFO2","severity_number":10}', "info"),
        (b"level=banana x=1 ERROR", "error"),
        (b"level=warn, x=1", "warning"),
        (b"x" * 70 + b" ERROR", None),
    ],
)
def test_where_the_level_comes_from(message, level):
    assert record(message).level == level


def test_fields_has_all_values_by_dotted_names():
    line = record(b'<13>app: {"a":{"b":1.5},"text":"t","big":18446744073709551617,"app":null}')
    assert line.fields == {
        "facility": "user",
        "severity": "notice",
        "app": "app",
        "text": "t",
        "a.b": 1.5,
        "big": 2**64 + 1,
    }


def test_decimals_keep_their_digits_where_text_is_wanted():
    line = record(b'{"a":1.10,"b":[2.50,"x"]}')
    assert line.get("a") == 1.1
    written = line.get("a", as_written=True)
    assert isinstance(written, float) and text_of_value(written) == "1.10"
    listed = line.get("b", as_written=True)
    assert isinstance(listed, list) and [text_of_value(item) for item in listed] == ["2.50", "x"]


def test_bytes_that_are_no_text():
    line = record(b'{"a":"\xff\xc3\xa9","b":["\xfe"]}')
    assert line.fields == {"a": "\\xffé", "b": ["\\xfe"]} and "\\xff" in line.message
    assert line.get("a") == "\udcffé" and line.get("message") == line.body.decode(
        "utf-8", "surrogateescape"
    )


@pytest.mark.parametrize(
    "message",
    [
        b'a="' * 180_000,
        b' k="\\' * 150_000,
        b"<13>1 - - - - - [" + b'a b="' * 150_000,
        b'<13>1 - - - - - [x a="' + b'\\"' * 300_000,
        b'a b c [20/Nov/2026:06 +0000] "' * 24_000,
        b'a b c [20/Nov/2026:06 +0000] "' + b"\\" * 600_000,
        b"Connection user " * 60_000,
        b"Failed x for " + b" from 1.2.3.4" * 60_000,
        b"1.2.3.4:5 [06/Feb/2009:12:14:14.655] " + b"a/" * 300_000,
        b"[" * 600_000,
        b"{" * 600_000,
        b'{"a":' * 120_000 + b"}" * 120_000,
        b"<13>Nov 20 06:23:18 " + b" " * 600_000 + b"x" * 1000,
        b"ERRO" * 150_000,
    ],
)
def test_a_nasty_line(message):
    """It takes milliseconds; the square of its length, longer than tests/hangs.py lets a test."""
    line = record(message)
    _ = (line.level, line.fields, line.get("a.b"))


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("9007199254740993.0", 9007199254740993),
        ("-9007199254740993.0", -9007199254740993),
        ("9007199254740993.1", "9007199254740993.1"),
        ("9007199254740992.0", 9007199254740992.0),
        ("1.10", 1.1),
        ("1e23", 1e23),
        ("1e999", "1e999"),
    ],
)
def test_a_decimal_that_no_float_has_is_shown_with_its_digits(number, shown):
    for template in ('{"x":%s}', '{"x":[%s]}'):
        value = ParsedLine(
            b"2026-11-20T06:18:42.123456Z tcp:127.0.0.1:51234 " + (template % number).encode()
        ).fields["x"]
        assert [value, type(value)] in ([shown, type(shown)], [[shown], list])
