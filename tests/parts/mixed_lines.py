"""Stored lines of all kinds, and what their records say of them."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from logsrv.linelog.fields.record import ALIASES, ALWAYS, Record
from logsrv.linelog.fields.values import text_of_value
from tests.parts.header_forms import DEVICES, WORDS
from tests.parts.loghub import SYSTEMS
from tests.parts.message_pieces import ACCESS, FILE, HAPROXY, NEW, OLD, PIECES, VHOST
from tests.parts.sample_lines import KINDS

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
OBJECTS = [
    b'{"level":"info","a":1,"b":{"c":"x","d":{"e":2.5}},"name":"shop","time":"2026-11-20"}',
    b'{"level":"warn","a":2,"b":{"c":"y","d":{"e":0.1}},"name":"shop","time":"2026-11-21"}',
    b'{"a":"1","b":true,"name":"no level","host":"h","list":[1,null,"x",{"y":1.50},[2]]}',
    b'{"a":null,"b":{},"list":[],"empty":""}',
    b'{"a":1.0,"b":1.10,"d":1e5,"e":-0.0,"f":-0,"g":1E400,"h":0.00001,"i":123456789012345678.5}',
    b'{"a":12345678901234567890123,"b":-9223372036854775808,"c":18446744073709551615}',
    b'{"a.b":1,"a":{"b":2}}',
    b'{"a":{"b":2},"a.b":null}',
    b'{"a":{"b.c":1,"b":{"c":2}},"":{"":3},"x.":{"y":4}}',
    b'{"a":1,"a":{"b":1}}',
    b'{"a":NaN,"b":[Infinity,1.50],"c":-Infinity}',
    b'{"a":"tab\there","b":"\\ud800","c":["\\ud800","\xff"]}',
    b'{"a":"x\xffy","\xff":1}',
    b'{"a":[1,2]}',
    b'{"a":"[1,2]"}',
    b'{"a":[1',
    b'{"b":2}]}',
    b'{"x":1},{"y":2}',
    b'{"status":404,"message":"m","level":30,"severity":"x"}',
    b'{"status":"500","status_class":null,"fields":{"a":1},"syslog":{"app":"y"}}',
    b'{"time":1,"name":"n","lvl":"err","process":{"pid":4},"service":{"name":"s"}}',
    b'{"@timestamp":"t","resource":{"service.name":"r","host.name":"q"},"PRIORITY":3,"name":"z"}',
    b'{"\\u0061":"\\u001b[31mred"}',
    b'{"a":"\x1b[31mred\x1b[0m"}',
    b' {"a":1} ',
    b'{"a":true,"b":false,"c":1}',
    b'{"a":1,"b":0,"c":true}',
]  # fmt: skip
PAIRS = [
    b'ts=1 level=info msg="a b" user=bob',
    b'ts=2 level=warn msg="c \\"d\\" \\u00e9" user=eve,',
    b'ts=3 level=info msg="" user=',
    b"words before ts=4 user=5 words after",
    b'ts=5 "quoted a=1" user=6',
    b"ts=6 ts=7 user=8 a.b=9",
    b'a=1 b=2] " 200',
    b"a=\xff b=\xc3\xa9 \xff=1",
    b'a="x - - [20/Nov/2026:06:18:42 +0000] " b=" 200 5 " c=d',
    b"service=shop host=h pid=7 process=8 time=9 status=404",
]
LOGINS = [
    b"Failed password for invalid user bob from 1.2.3.4 port 22 ssh2",
    b"Accepted publickey for eve from ::1 port 5 ssh2 a=1 b=2",
    b"2026-11-20 06:00:00.123 UTC [1234] LOG:  duration: 12.345 ms  statement: SELECT a = 1 AND b = 2",
]
BEHIND = [
    ACCESS + b" rt=0.1 user=eve",
    ACCESS.replace(b"bob", b"-") + b' rt="0.25", user=eve',
    VHOST + b" service=shop bytes=7",
    ACCESS.replace(b"GET /a HTTP/1.1", b'\\x16\\x03 \\"q\\" '),
    ACCESS.replace(b"GET /a HTTP/1.1", b'GET /a b\\"c HTTP/2'),
    ACCESS.replace(b'"-"', b'"http://e.example/%20"'),
    ACCESS.replace(b"GET /a", b"GET \x1c/a"),
    b"bob " + ACCESS,
]
HEADERS = [OLD, NEW + b"- ", NEW + b'[x@1 a="1" user="\\"2"][y z="-"] \xef\xbb\xbf', FILE, b"<13>"]
PREFIXES = [
    b"2026-11-20T06:18:42.123456789Z stdout F ",
    b"web-1  | ",
    b"[pod/shop-1/web] ",
    b"2026-11-20T06:18:42Z ",
    b"2026-11-20T06:18:42.5+01:00 host app[1]: ",
]
CONTENTS = st.one_of(
    st.sampled_from([*OBJECTS, *PAIRS, *LOGINS, *BEHIND, HAPROXY, b"plain text", b""]),
    st.lists(PIECES, max_size=7).map(b"".join),
)
WHOLE = [
    *KINDS,
    *(line.rsplit("|", 5)[0].encode() for line in (DEVICES + WORDS).splitlines()),
    *(message.encode() for said in SYSTEMS.values() for _, message in said),
]  # fmt: skip
MESSAGES = st.one_of(
    CONTENTS,
    st.sampled_from(WHOLE),
    st.builds(bytes.__add__, st.sampled_from([*HEADERS, *PREFIXES]), CONTENTS),
    st.builds(bytes.__add__, CONTENTS, st.sampled_from([b"\0", b"\\x00", b" ", b"\x1b[0m"])),
)
LINES = st.lists(st.builds(bytes.__add__, st.sampled_from([STAMP, STAMP, b""]), MESSAGES))


def fields_of_records(lines: Sequence[bytes]) -> dict[str, dict[int, Any]]:
    """Return the values of each field as records have them, by the number of the line."""
    found: dict[str, dict[int, Any]] = {}
    for number, record in enumerate(map(Record, lines)):
        names = {*record.fields, *(record.header.fields if record.header else ()), *ALIASES}
        for name in names | {"status_class"}:
            value = record.get(name, as_written=True)
            if name in ALWAYS or name.startswith(("fields.", "syslog.")) or value is None:
                continue
            if isinstance(value, list):
                value = [*map(text_of_value, value)]
            else:
                value = text_of_value(value)
            found.setdefault(name, {})[number] = value
    return found
