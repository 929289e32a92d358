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
from tests.parts.message_pieces import ACCESS, FILE, HAPROXY, NEW, OLD, PIECES, VHOST

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
NAMES = (
    "user", "status", "status_class", "fields.status_class", "app", "pid",
    "hostname", "severity", "facility", "timestamp", "msgid", "text", "a",
    "a.b", "fields.a", "fields.app", "syslog.app", "syslog.x.a", "x.a", "syslog", "path", "time", "port",
    "client", "client_port", "vhost", "vhost_port", "frontend", "duration_ms", "duration",
    "a b", "\u00e9", "process.pid", "fields.user", "fields.fields.a", "level",
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
