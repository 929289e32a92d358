"""Fields of many lines at once: the same that a record says of each."""

import numpy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.fields import reader as many
from logsrv.linelog.fields.reader import FieldReader, ServerLineSearch
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stamps import StampedLines
from tests.parts.examples import more

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
ACCESS = b'10.0.0.9 - bob [20/Nov/2026:06:18:42 +0000] "GET /a HTTP/1.1" 200 5 "-" "x=1 user=2"'
HAPROXY = (
    b"10.0.1.2:333 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 503 2750 - - ----"
    b' 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"'
)
VHOST = b'shop.example:443 ::1 - - [20/Nov/2026:06:18:42 +0000] "GET /a HTTP/1.1" 200 5'
OLD = b"<34>Nov 20 06:18:42 web sshd[77]: "
NEW = b"<165>1 2026-11-20T06:18:42Z web shop 77 ID9 "
FILE = b"Nov 20 06:18:42 web sshd[77]: "
NAMES = (
    "user", "status", "status_class", "fields.status_class", "app", "pid",
    "hostname", "severity", "facility", "timestamp", "msgid", "text", "a",
    "a.b", "fields.a", "fields.app", "syslog.app", "syslog.x.a", "x.a", "syslog", "path", "time", "port",
    "client", "client_port", "vhost", "vhost_port", "frontend", "duration_ms", "duration",
    "a b", "\u00e9", "process.pid", "fields.user", "fields.fields.a", "level",
)  # fmt: skip
PIECES = st.sampled_from(
    [OLD, NEW, FILE, ACCESS, HAPROXY, VHOST, VHOST, b"Failed password for bob from ", b"1.2.3.4 port 22",
     b"Connection closed by ", b"user=5, ", b'a="1", ', b"LOG:  duration: ", b"12.5 ms ",
     b"Microsoft Word[7]: ", b"<34>", b"<191>", b"<192>", b"<007>", b"1 ", b"- ", b'[x a="1" user="2"] ',
     b"Nov 20 06:18:42 ", b"Nov  1 06:18:42 ", b"2026-11-20T06:18:42Z ", b"web ", b"ERROR ", b"sshd[77]: ",
     b"sshd: ", b"sshd[]: ", b"sshd[7] ", b"\x00", b"\\x00", b"{", b"}", b'{"a":1}',
     b'{"user":"u","a":{"b":2}}',
     b'{"service":"s","resource":{"service.name":"r"}}', b'{"name":"n","level":"info","app":null}',
     b'{"\\u0061":1.50}', b'{"a":[1,null,{"b":2}]}', b'{"a":123456789012345678901234567890}',
     b'{"a":1,"a":"2"}', b'{"a":007}', b'{"app":true,"a":0.5,"service":{"name":"x"}}',
     b" ", b"\t", b"\r", b"\x0b", b'"', b"\\", b"=", b"a=", b"a=1 ", b"user=", b"user=bob ", b'user="b c" ',
     b'msg="a=3 user=4" ', b'b="\\"" ', b"a.b=5 ", b"fields.a=6 ", b"app=7 ",
     b"service=shop ", b"host=h ", b"name=n ", b"level=info ", b"tag=t, ", b'_pid="4" ',
     b"x.a=8 ", b"syslog.app=9 ",
     b"status=500 ", b"status_class=x ", b'{"status":404}',
     b'{"status":"99"}', b'a=" ', b'foo!="a=1 ', b"\xff", "\u00e9=1 ".encode(), b"[", b"]", b'] "', b"text"]
)  # fmt: skip


def expected(lines: list[bytes], names: list[str]) -> list[list[object]]:
    records = list(map(Record, lines))
    return [[record.get(name) for record in records] for name in names]


@more(2)
@given(
    st.lists(st.tuples(st.booleans(), st.lists(PIECES, max_size=7).map(b"".join)), max_size=4),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True),
)
@example([(True, b'msg="a=3 user=4" b=1')], ["user", "a"])
@example([(True, b'"a b=" user=1"')], ["user"])
@example([(True, b'x="a user=" user=1 b="')], ["user"])
@example([(True, b'{x - - [20/Nov/2026:06:18:42 +0000] "GET /a HTTP/1.1" 200 5')], ["status"])
@example([(False, ACCESS)], ["status"])
@example(
    [(True, ACCESS + b" user=eve a=1"), (True, VHOST + b' user=bob "user=eve" a=1')], ["user", "a"]
)
@example([(True, ACCESS + b" fields.a=1 a=2"), (True, HAPROXY + b" a=2")], ["fields.a", "a"])
@example([(True, OLD + b"a=1 app=x")], ["app"])
@example(
    [(True, b"tag=t service=shop"), (True, b"name=n a=1"), (True, b"level=info name=n")], ["app"]
)
@example(
    [(True, b"<13>service=shop a=1"), (True, VHOST + b" service=shop"), (False, b"host=a ")],
    ["app"],
)
@example([(True, OLD + b'{"app":"x"}')], ["app"])
@example([(True, OLD + b"a=1 user=x\\x00")], ["user"])
@example([(True, FILE + b"a=1 user=x\\x00")], ["user"])
@example([(True, NEW + b'[x a="1"] {"a":2}')], ["a", "app"])
def test_read_gives_the_fields_of_records(messages, names):
    lines = [STAMP * stamped + message for stamped, message in messages]
    text = b"".join(line + b"\n" for line in lines)
    assert FieldReader(names).read(StampedLines(text)) == expected(lines, names)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("user", b'{"time":"2026-11-20","user":"bob","http":{"status":200}}'),
        ("service", b'{"time":"2026-11-20","level":"info"}'),
        ("user", b'level=info msg="a b" user=bob took=3ms'),
        ("took", b'level=info msg="a b" user=bob took=3ms'),
        ("app", OLD + b"Failed password for bob"),
        ("pid", NEW + b"- Failed password for bob"),
        ("severity", b"<34>Nov 20 06:18:42 sshd[77]: local"),
        ("status", ACCESS),
        ("vhost", VHOST),
        ("rt", VHOST + b" rt=0.1"),
        ("rt", ACCESS + b' uct="0.001" rt=0.1'),
        ("status", b"\tat com.example.Shop(Shop.java:7)"),
    ],
)
def test_usual_lines_need_no_record(name, message, monkeypatch):
    line = STAMP + message
    known = expected([line] * 3, [name])
    monkeypatch.delattr(many, "Record")
    assert FieldReader([name]).read(StampedLines((line + b"\n") * 3)) == known


SERVER_LINES = (
    b"10.0.1.2:333 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 503 2750",
    b"Failed password for bob from 1.2.3.4 port 22 ssh2",
    b"Nov 20 06:18:42 web sshd[77]: Failed password for bob from 1.2.3.4 port 22 ssh2",
    b"2026-11-20 06:00:00.123 UTC [1234] LOG:  duration: 12.345 ms",
    b"Nov 20 06:18:42 web cron[77]: x",
    b"plain",
)


@pytest.mark.parametrize(
    ("name", "rows"),
    [("status", {0}), ("frontend", {0}), ("user", {0, 1, 2}), ("duration", {3}), ("app", set())],
)
def test_lines_with_fields_of_servers_are_found(name, rows):
    stamps = StampedLines(b"".join(STAMP + line + b"\n" for line in SERVER_LINES))
    assert ServerLineSearch([name]).find_rows(stamps, numpy.array([2, 4])) == rows
