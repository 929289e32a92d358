"""Fields of many lines at once: the same that a record says of each."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.fields import reader as many
from logsrv.linelog.fields.forms.contents.wanted import wanted_in_lines
from logsrv.linelog.fields.parsed_line import ALIASES, ParsedLine
from logsrv.linelog.fields.reader import FieldReader
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.values import elements_of_value, text_of_value
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
    records = list(map(ParsedLine, lines))
    return [[written(record.get(name, as_written=True)) for record in records] for name in names]


def written(value: Any) -> Any:
    return None if value is None else [*map(text_of_value, elements_of_value(value))]


def read(lines: list[bytes], names: list[str]) -> list[list[object]]:
    columns = FieldReader(names).read(StampedLines(b"".join(line + b"\n" for line in lines)))
    return [[*map(written, column)] for column in columns]


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
    assert read(lines, names) == expected(lines, names)


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
    monkeypatch.delattr(many, "ParsedLine")
    assert read([line] * 3, [name]) == known


@pytest.mark.parametrize(
    "message",
    [
        *(b"user=bob a=1", b'a=1 msg="a user b" user="b c"', b"a=1\tuser= ", b"a=1 user=b=c"),
        *(b"user=bob", b'msg="a user=bob b=1"', b'"a b=" user=bob c=1', b"a=1 user=bob user=eve"),
        *(b'a=1 user="b\\"c"', b'a=1 user="bob', b"a=1 [x] user=bob", b"a=1 superuser=bob"),
        *(b'{"a":[1,2],"user":1.50}', b'{"user":', b'{"user":NaN}', b'{"\\u0075ser":1}', b"{}"),
        *(b"<192>Nov 20 06:18:42 web sshd[77]: user=a b=1", b"<34>sshd[77]: user=a b=1", b"<34>"),
        *(OLD + b'{"user":"x"}', NEW + b'- {"user":"x"}', NEW + b'[x user="1"] user=2'),
        *(b"Failed password for bob from 1.2.3.4 port 22 ssh2", b"Failed to open a file"),
        HAPROXY.replace(b"GET", b"user=a b=1 GET"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["user", "fields.user", "syslog.user", "x.user", "absent"])
def test_one_name_is_read_in_every_form(name, message):
    lines = [STAMP + message, STAMP + b"text"]
    assert read(lines, [name]) == expected(lines, [name])


@pytest.mark.parametrize(
    ("name", "message", "may_be_there"),
    [
        ("status", b'{"a":1}', False),
        ("http.status", b'{"http":{"status":1}}', True),
        ("status", b'{"\\u0073tatus":1}', True),
        ("name", b"hostname=x filename=y", False),
        ("app", b"service=x a=1", True),
        ("user", b"text", False),
        ("client", ACCESS, True),
        ("frontend", HAPROXY, True),
        ("duration", b"LOG:  duration: 12.345 ms", True),
        ("user", OLD.replace(b"app", b"sshd") + b"Failed password for bob", True),
    ],
)
def test_texts_without_a_name_are_not_parsed(name, message, may_be_there):
    stamps = StampedLines(STAMP + message + b"\n")
    wanted = wanted_in_lines(frozenset((name, *ALIASES.get(name, ()))), stamps)
    assert wanted.in_contents == may_be_there
