"""The fields of servers' lines: access logs of nginx, Apache and HAProxy, sshd's logins, PostgreSQL."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.extract import read_all_fields
from logsrv.linelog.fields.forms.access.one import REQUEST_AND_ANSWER, parse_access
from logsrv.linelog.fields.forms.programs.one import parse_program_message
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.reader import FieldReader
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse, phrase_of
from tests.parts.examples import more
from tests.parts.stores import line

_COMMON = b'10.0.0.1 - bob [20/Nov/2026:06:18:42 +0000] "%b" 404 %b'


def test_a_line_of_a_combined_access_log_has_its_fields():
    line = _COMMON % (b"GET /a?b=1 HTTP/1.1", b"12") + b' "https://x/" "curl \\"8\\""'
    assert parse_access(line.decode()) == {
        "client": "10.0.0.1",
        "user": "bob",
        "method": "GET",
        "path": "/a?b=1",
        "protocol": "HTTP/1.1",
        "status": "404",
        "bytes": "12",
        "referer": "https://x/",
        "agent": 'curl "8"',
    }


@pytest.mark.parametrize(
    ("request_line", "size", "fields"),
    [
        (b"GET / HTTP/1.0", b"-", {"method": "GET", "path": "/", "protocol": "HTTP/1.0"}),
        (
            b"GET /a b HTTP/1.0",
            b"0",
            {"method": "GET", "path": "/a b", "protocol": "HTTP/1.0", "bytes": "0"},
        ),
        (b"GET /old", b"0", {"method": "GET", "path": "/old", "bytes": "0"}),
        (b"-", b"0", {"bytes": "0"}),
        (b"\\x16\\x03", b"0", {"bytes": "0"}),
        (b"", b"0", {"bytes": "0"}),
    ],
)
def test_common_with_requests_of_all_kinds(request_line, size, fields):
    common = {"client": "10.0.0.1", "user": "bob", "status": "404"}
    text = (_COMMON % (request_line, size)).decode()
    assert parse_access(text) == common | fields
    # The page parts a line with a request by this expression.
    found = re.search(REQUEST_AND_ANSWER, text)
    assert (found is not None) == ("path" in fields)
    assert found is None or found[0] == f'"{request_line.decode()}" 404 {size.decode()}'


def test_dashes_are_missing_and_empty_texts_are_there():
    found = parse_access(
        ((_COMMON % (b"GET / HTTP/1.1", b"1")).replace(b"bob", b"-") + b' "-" "" 0.12').decode()
    )
    assert found is not None and found["agent"] == ""
    assert "user" not in found and "referer" not in found


@pytest.mark.parametrize(
    "line", [b"", b"GET / HTTP/1.1", _COMMON % (b"GET /", b"x"), b'a - - [x] "y" 200 1']
)
def test_lines_that_are_no_access_log_have_no_fields(line):
    assert parse_access(line.decode()) is None


_TAIL = '[20/Nov/2026:06:18:42 +0000] "GET /a HTTP/1.1" 404 12'
_TIMES = (
    *(":42.123 +0000", ":42,123 +0000", ":42.123", ":42.123456 +01:00", ":42.123Z"),
    *(":42  +0000", ":42 UTC"),
)
_case = pytest.param
_OF_TAIL = {
    "client": "10.0.0.1",
    "method": "GET",
    "path": "/a",
    "protocol": "HTTP/1.1",
    "status": "404",
    "bytes": "12",
}
_ODD = [
    _case(f"10.0.0.1 - Bob Smith {_TAIL}", {"user": "Bob Smith"}, id="a user of two words"),
    _case(
        f"10.0.0.1 - Bob A [x] {_TAIL} rt=1", {"user": "Bob A [x]", "rt": "1"}, id="a bracket in it"
    ),
    _case(
        f"shop:80 10.0.0.1 - Bob Smith {_TAIL}",
        {"user": "Bob Smith", "vhost": "shop", "vhost_port": "80"},
        id="behind a virtual host",
    ),
    _case(f"10.0.0.1 -  {_TAIL}", {}, id="an empty user"),
    _case(f"10.0.0.1 - {_TAIL}", {}, id="no user"),
    _case(
        f"10.0.0.1  -  bob  {_TAIL}".replace("] ", "]   "),
        {"user": "bob"},
        id="two spaces before the request",
    ),
    _case(
        f"10.0.0.1 - bob {_TAIL}".replace('" ', '"  ').replace(" 12", "   12"),
        {"user": "bob"},
        id="two spaces behind it",
    ),
    _case(
        f"10.0.0.1 - bob {_TAIL}".replace(" /a ", "  /a  "), {"user": "bob"}, id="two spaces in it"
    ),
    _case(
        f'10.0.0.1 - bob {_TAIL}  "-"  "curl 8"',
        {"user": "bob", "agent": "curl 8"},
        id="two spaces at the end",
    ),
    *(
        _case(
            f"10.0.0.1 - bob {_TAIL.replace(':42 +0000', time)}",
            {"user": "bob"},
            id=f"a time with {time}",
        )
        for time in _TIMES
    ),
    _case(
        f"10.0.0.1 - bob {_TAIL.replace(':06', ' 06')}",
        {"user": "bob"},
        id="a space before the clock",
    ),
]


@pytest.mark.parametrize(
    "header", ["", "<190>Nov 20 06:18:42 web nginx: ", "Nov 20 06:18:42 web nginx: "]
)
@pytest.mark.parametrize(("text", "fields"), _ODD)
def test_odd_lines_of_access_logs_have_their_fields_for_every_reader(header, text, fields):
    stored = line(header + text)
    lines, record = stored * 3, ParsedLine(stored[:-1])
    every = read_all_fields(StampedLines(lines)).fields
    for name, value in (_OF_TAIL | fields).items():
        assert record.get(name) == value
        assert [every[name].texts[code] for code in every[name].codes.tolist()] == [value] * 3
        assert FieldReader([name]).read(StampedLines(lines)) == [[value] * 3]
        for query in (f"{name}={phrase_of(value)}", f"{name}:{phrase_of(value[:3])}", f"{name}=*"):
            assert make_matcher(parse(query)).count(lines) == 3, query
    assert make_matcher(parse("status>=400 bytes<13 status_class=4xx")).count(lines) == 3
    assert {OF_NUMBERS[one] for one in level_numbers(lines).tolist()} == {record.level}


@pytest.mark.parametrize(
    "text",
    [f"10.0.0.1 id Bob Smith {_TAIL}", f"nginx: 10.0.0.1 - - {_TAIL}", f"a b c d {_TAIL}",
     f'10.0.0.1 - a" b {_TAIL}', f"10.0.0.1 - {'a ' * 200}{_TAIL}", f"10.0.0.1 {_TAIL}"],
)  # fmt: skip
def test_other_words_before_the_time_are_no_access_log(text):
    assert parse_access(text) is None


@pytest.mark.parametrize(
    "text",
    ["a " * 30_000 + " [20/N", "x - " + "b" * 60_000 + " [20/N", "GET" + " " * 60_000 + "[20/N",
     '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET ' + " " * 60_000 + '" 200 5',
     "a - " + "[20/Nov/2026:1 " * 4000, "a.b " * 20_000 + " [20/N", "- " * 60_000 + " [20/Nov/2026:06",
     '10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET /' + "  HTTP/1" * 10_000 + '" 200 5'],
    ids=lambda text: text[:9] + text[-9:],
)  # fmt: skip
def test_long_lines_like_those_of_access_logs_take_linear_time(text):
    parse_access(text)


_HAPROXY = (
    "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in~ static/srv1 10/0/30/69/109 200 2750"
    " - - ---- 1/1/1/1/0 0/0"
)


@pytest.mark.parametrize("captured", ["", " {1wt.eu}", " {a b|} {x}"])
def test_a_line_of_haproxy_has_its_fields(captured):
    assert parse_access(f'{_HAPROXY}{captured} "GET /a HTTP/1.1"') == {
        "client": "10.0.1.2",
        "client_port": "33317",
        "frontend": "http-in~",
        "backend": "static",
        "server": "srv1",
        "duration_ms": "109",
        "status": "200",
        "bytes": "2750",
        "termination": "----",
        "method": "GET",
        "path": "/a",
        "protocol": "HTTP/1.1",
    }


NAMES = (
    "vhost",
    "vhost_port",
    "client",
    "user",
    "method",
    "path",
    "protocol",
    "status",
    "bytes",
    "referer",
    "agent",
)
PARTS = st.tuples(
    st.sampled_from(["1.2.3.4", "shop.example:443 ::1", "_ localhost", "a b", "- [::1]:7", "w: ::1",
                     "{", "{x", "<11>", "[error]", "é", "\udcff", "ERROR"]),
    st.sampled_from(["-", "bob", "ERROR", "[warn]", "\\", "Bob Smith", "", "bob ", "a  b", "a ERROR b"]),
    st.sampled_from(["20/Nov/2026:06:00:02 +0000", "20/Nov/2026:06:00:02", "20/Nov/2026:error", "x",
                     "20/Nov/2026:06:00:02.123 +0000", "20/Nov/2026 06:00:02 Z"]),
    st.sampled_from(["GET /a HTTP/1.1", "GET /a b", "", "-", 'P \\"q\\" HTTP/2', "\\", "GET /[error] x",
                     "GET  /a  HTTP/1.1"]),
    st.sampled_from(["200 5", "404 -", " 404  5", "20 5", "500 12x", "500"]),
    st.sampled_from(["", ' "-" "-"', ' "" "a \\\\ b"', ' "r" "a" more', ' "r"', "x", ' "r" "a"x',
                     " rt=b", ' "r" "a" rt="b c" user=x', ' "r" "a" "z rt=1"', ' z, rt=, x=1',
                     ' "r" "a" "rt=1 rt="']),
)  # fmt: skip
MESSAGES = st.one_of(
    PARTS.map(lambda part: '{} - {} [{}] "{}" {}{}'.format(*part)),
    st.sampled_from(["", "text", '{"status": 5}', "status=5 user=x", "<11>1 - - a - - - b"]),
)


@pytest.mark.slow
@more(3)
@given(st.lists(MESSAGES, min_size=1, max_size=6), st.sets(st.sampled_from(NAMES), min_size=1))
def test_fields_are_those_of_records(messages, chosen):
    every = [line(message.encode("utf-8", "surrogateescape")) for message in messages]
    names = [*sorted(chosen), "rt", "syslog.a"]
    found = FieldReader(names).read(StampedLines(b"".join(every)))
    for number, stored in enumerate(every):
        known = [ParsedLine(stored[:-1]).get(name) for name in names]
        assert [column[number] for column in found] == [
            value if value is None else str(value) for value in known
        ]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("Failed password for invalid user bob from 1.2.3.4 port 22 ssh2", ("bob", "1.2.3.4", "22")),
        ("Failed none for invalid user  from 1.2.3.4 port 22 ssh2", (None, "1.2.3.4", "22")),
        ("Failed x for a from 6.6.6.6 port 6 from ::1 port 2", ("a from 6.6.6.6 port 6", "::1", "2")),
        ("Accepted publickey for bob from fe80::1%e0 port 5 ssh2: RSA x", ("bob", "fe80::1%e0", "5")),
        ("Invalid user bob from 1.2.3.4", ("bob", "1.2.3.4", None)),
        ("Invalid user bob from 1.2.3.4 port 22", ("bob", "1.2.3.4", "22")),
        ("Connection reset by authenticating user a 1.2.3.4 port 22 [preauth]", ("a", "1.2.3.4", "22")),
        ("Disconnecting invalid user bob 1.2.3.4 port 22:14: Too many", ("bob", "1.2.3.4", "22")),
        ("Disconnected from user bob 1.2.3.4 port 22", ("bob", "1.2.3.4", "22")),
        ("Received disconnect from 1.2.3.4: 11: Bye Bye [preauth]", (None, "1.2.3.4", None)),
        ("Connection closed by peer", (None, None, None)),
        ("Failed to open a file", (None, None, None)),
    ],
)  # fmt: skip
def test_sshd_logins_have_user_and_client(text, fields):
    wanted = zip(("user", "client", "client_port"), fields, strict=True)
    expected = {name: value for name, value in wanted if value is not None}
    assert parse_program_message(text, "sshd") == parse_program_message(text, None) == expected
    assert parse_program_message(text, "cron") == {}


def test_durations_of_postgresql_are_a_field():
    text = "2026-11-20 06:00:00.123 UTC [7] a@b LOG:  duration: 12.345 ms  statement: SELECT 1"
    assert parse_program_message(text, "postgres") == {"duration": "12.345 ms"}
    assert parse_program_message("the duration: 5 ms", None) == {}
