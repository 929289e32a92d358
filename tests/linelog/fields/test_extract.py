"""All fields of many lines at once: the same that a record says of each."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.fields.extract import read_fields
from logsrv.linelog.fields.json_values import LONGEST_NAME
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stamps import StampedLines
from tests.linelog.fields.engines import ENGINES, split_by
from tests.parts.examples import more
from tests.parts.message_pieces import HAPROXY
from tests.parts.mixed_lines import (
    AUDITS,
    BEHIND,
    EVENTS,
    HEADERS,
    LINES,
    LOGINS,
    OBJECTS,
    PAIRS,
    PREFIXES,
    STAMP,
    WHOLE,
    fields_of_records,
)
from tests.parts.one_and_many import check_columns, fields_of_columns


@more(8)
@given(ENGINES, LINES, st.sampled_from([(), ("text", "a"), ("service", "time", "status", "app")]))
@example("Arrow", [STAMP + b'{"a":[1', STAMP + b'{"b":2}]}', STAMP + b'{"x":1},{"y":2}'], ())
def test_columns_have_the_fields_of_records(engine, lines, skip):
    lines = [line.replace(b"\n", b"") for line in lines]
    with split_by(engine):
        check_columns(lines, skip)


def test_devices_among_usual_headers_keep_their_own():
    usual = STAMP + b"<13>Nov 20 06:18:42 web1 cron[7]: ran\0"
    devices = [
        STAMP + b"<166>Nov 20 06:18:42 fw1 : %ASA-6-302013: Built inbound connection",
        STAMP + b"<189>41: Nov 20 06:18:42.123: %SYS-5-CONFIG_I: Configured from console",
    ]
    found, _ = fields_of_columns([usual, *devices, usual])
    assert found["text"][0] == "ran" and {1, 2} <= found["app"].keys()
    check_columns([usual, *devices, usual])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["Arrow", "Python"])
@pytest.mark.parametrize("header", [b"", *HEADERS, *PREFIXES])
def test_all_known_kinds_of_lines_in_one_text(header, engine):
    contents = [
        *OBJECTS,
        *PAIRS,
        *LOGINS,
        *BEHIND,
        *EVENTS,
        *AUDITS,
        HAPROXY,
        *(WHOLE if not header else ()),
    ]
    for lines in (
        [STAMP + header + content for content in contents],
        [header + c for c in contents],
    ):
        with split_by(engine):
            check_columns(lines)
            check_columns(lines * 40, ("msg", "text"))


_ACCESS = b'10.0.0.1 - bob [20/Nov/2026:06:18:42 +0000] "GET /a HTTP/1.1" 200 12 "-" "curl"'


def access(
    before: bytes, request: bytes = b"GET /a HTTP/1.1", behind: bytes = b' "-" "curl"'
) -> bytes:
    return b'%s [20/Nov/2026:06:18:42 +0000] "%s" 200 12%s' % (before, request, behind)


@pytest.mark.parametrize("engine", ["Arrow", "Python"])
@pytest.mark.parametrize(
    "contents",
    [
        [access(b"10.0.0.1 - ")],
        [_ACCESS, access(b"10.0.0.1 - ")],
        [access(b"10.0.0.1  bob")],
        [access(b"10.0.0.1 - ", behind=b"")],
        [access(b"10.0.0.1 bob", b" GET /a HTTP/1.1")],
        [access(b"10.0.0.1 - bob", b" GET /a HTTP/1.1")],
        [access(b"10.0.0.1 - bob", b"GET /a HTTP/1.1 ")],
        [access(b"10.0.0.1 - bob", b"GET  HTTP/1.1")],
        [access(b"shop.example:80 10.0.0.1 - ")],
        [access(b"shop.example:80 10.0.0.1 -", b" GET /a HTTP/1.1")],
        [access(b"shop.example 10.0.0.1  bob")],
        [access(b"shop.example  - bob")],
        [access(b"] - -", b" T / HTTP/1")],
        [b"\xef\xbb\xbf" + _ACCESS],
        [_ACCESS + b' rt=0.1 x="a b"', _ACCESS + b' "fwd" 12', _ACCESS + b" ", _ACCESS + b"  a=1"],
        [b"a=1 b=2"] * 3 + [b"a=1 b=2 x=3"],
        [b"a=1 message=2"] * 3 + [b"a=1 message=2 user=bob", b"a=1 message=2 x="],
        [b"level=info message=a"] * 3 + [b'level=info message="cut of'],
        [b"a= message="] * 3 + [b's a= message="'],
        [b"a= b="] * 3 + [b"a= x= b="],
        [b"xa=1 a=2 aa=3", b"a=1 xa=2 aa=3"],
        [b'a=1, b=2, c="x",', b"a=1 b=2 c=3"],
        [b'a=x"y z" b=2', b'a="x"y b=2', b'a="x\\"y" b=2'],
        [b"a=1\x1f b=2", b"a=1 b=2", b"a=1\r b=2"],
        [b'{"a":1.5,"b":{"a":1}}', b'{"a":18446744073709551616,"n":1e-3}', b'{"a":2.50}'],
    ],
)  # fmt: skip
def test_lines_of_one_form_and_a_few_that_only_seem_to_have_it(engine, contents):
    """Of lines that are all alike, some things need not be looked for one by one."""
    with split_by(engine):
        check_columns([STAMP + content for content in contents * 3])
        check_columns([STAMP + content for content in contents * 3], ("message", "a", "user"))


@pytest.mark.parametrize("name", ["client", "user", "status_class"])
def test_one_field_of_logins_behind_headers_beside_an_access_log(name):
    """Only contents that may have the field are read."""
    login = b"Accepted publickey for ann from 203.0.113.9 port 48462 ssh2"
    contents = [
        _ACCESS,
        b"<78>Nov 20 23:59:59 edge4 sshd[8913]: " + login,
        b"<38>1 2026-11-20T06:18:42Z edge5 sshd 9 - - Failed password for bob from 10.0.0.7 port 2 ssh2",
        b"Nov 20 23:59:59 edge4 sshd[8913]: Invalid user webmaster from 10.0.0.8 port 22",
        b"cron: nothing",
    ]
    lines = [STAMP + content for content in contents]
    found = read_fields(StampedLines(b"".join(line + b"\n" for line in lines)), [name])[name]
    assert found is not None
    values = [None if code < 0 else found.texts[code] for code in found.codes.tolist()]
    assert values == [ParsedLine(line).get(name) for line in lines]


def test_decimals_behind_headers_of_two_forms_stay_in_their_lines():
    check_columns(
        [
            STAMP + b'Nov 20 06:18:42 web1 shop[12]: {"took":1.5}',
            STAMP + b'<134>1 2026-11-20T06:18:42Z web2 pay 9 - - {"took":9001.5}',
            STAMP + b'2026-11-20T06:18:42Z stdout F {"took":7.25}',
            STAMP + b'Nov 20 06:18:42 web1 shop[12]: {"took":2.5}',
            STAMP + b'<134>1 2026-11-20T06:18:42Z web2 pay 9 - - {"took":1e400}',
        ]
    )


def test_a_field_with_both_a_list_and_its_text_is_left_out():
    lines = [STAMP + b'{"a":[1,2],"b":[1.50,"x"]}', STAMP + b'{"a":"[1,2]","b":"c"}']
    assert check_columns(lines).left_out == {"a"}


def test_a_name_that_is_too_long_is_no_column():
    name = b"n" * (LONGEST_NAME + 1)
    nested = b'{"b":1,"' + b'":{"'.join([b"n" * 300] * 4) + b'":1}}}}'
    for line in (b"%s=1 b=2" % name, b'{"%s":1,"b":2}' % name, nested):
        read = check_columns([STAMP + line])
        assert read.fields.keys() == {"b"}
        assert not read.complete


@pytest.mark.slow
def test_of_very_many_names_the_frequent_ones_are_columns():
    lines = [b'{"k%d":%d,"level":"info","a":{"b%d":1,"c":2}}' % (n, n, n) for n in range(3000)]
    read = check_columns([STAMP + line for line in lines])
    assert {"a.c"} < read.fields.keys()
    assert len(read.fields) <= 1000
    assert not read.complete


def test_decimals_keep_their_text_however_they_are_written():
    written = ["0.120", "1e3", "1E-3", "0.00001", "0.1234567890123456789", "1763619522.1234567", "-0.0",
               "5.0", "10.50", "1763619522.123456", "0.8444218515250481", "100000000000000000000.5",
               "12345678901234567890", "-9223372036854775809", "1.5", "0.1", "1e400"]  # fmt: skip
    for form in (
        '{"a":%s}',
        '{"a": {"b": %s , "s":"t 1.50, "}}',
        '{"a":[%s,"x"]}',
        '{"a":[[%s]],"c":1}',
    ):
        check_columns([STAMP + (form % text).encode() for text in written])


def test_objects_nested_deeper_than_python_recurses_and_lines_of_a_megabyte_are_read():
    deep = b'{"a":' * 600 + b"1.50" + b"}" * 600
    lists = b'{"a":' + b"[" * 900 + b"1.50" + b"]" * 900 + b"}"
    wide = b'{"a":"' + b"x" * (1 << 20) + b'","b":1.50}'
    check_columns(
        [STAMP + line for line in (deep, lists, wide, b"a=1 b=" + b"y" * (1 << 20), b'{"b":2.5}')]
    )


def test_texts_without_lines_or_fields_have_no_columns():
    assert check_columns([]).fields == check_columns([STAMP, b"", STAMP + b"plain"]).fields == {}


@pytest.mark.parametrize(
    "line",
    [
        b'{"u7":1,"host":"web2","service":"cart","process.pid":9}',
        b'{"_HOSTNAME":"web2","SYSLOG_IDENTIFIER":"cart","_PID":"9","PRIORITY":"3"}',
        b'{"log.logger":"cart","host.name":"web2","@timestamp":"2026-11-20T06:18:42Z","level":"error"}',
        b'{"name":"cart","severity":"warn","process":{"pid":9}}',
        b'<11>1 2026-11-20T06:18:42Z web2 cart 9 - - status=503 host=other service="x y"',
        b'10.0.0.9 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 503 5 "-" "curl"',
    ],
)
def test_beside_a_thousand_names_others_are_still_made_of_all_they_are_made_of(line):
    many = STAMP + b"{%s}" % b",".join(b'"k%d":%d' % (n, n) for n in range(1100))
    read = check_columns([many, *[STAMP + line] * 3])
    assert not read.complete
    found = fields_of_records([STAMP + line])
    assert {"hostname", "app", "pid", "timestamp", "status_class"} & {*found} <= {*read.fields}
