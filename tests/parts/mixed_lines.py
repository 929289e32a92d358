"""Stored lines of all kinds, and what their records say of them."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from logsrv.linelog.fields.continuations.first_lines import first_lines
from logsrv.linelog.fields.parsed_line import ALIASES, ALWAYS, ParsedLine
from logsrv.linelog.fields.stamps import StampedLines
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
    ACCESS.replace(b"bob", b"Bob  A Smith"),
    VHOST.replace(b"- -", b"- Bob Smith") + b" rt=1",
    ACCESS.replace(b" ", b"  ") + b"  rt=0.5",
    ACCESS.replace(b"bob ", b""),
    ACCESS.replace(b":42 +", b":42.123 +"),
    VHOST.replace(b'] "', b']   "').replace(b'" ', b'"  '),
]
EVENTS = [
    b"CEF:0|Sec\\|urity|threat\\\\manager|1.0|100|worm \\= stopped|10|src=::1 msg=a value x\\=1 user=bob",
    b"CEF:0|Sec|tm|1.0|101|login|Very-High|level=error user=ann  act=blocked host=h name=n deviceVendor=x ",
    b"CEF:0|Sec|tm|1.0|101|level=error a=1 b=2|3|severity=3 happened user=ann  act=blocked ad.x[0]=1",
    b"CEF: 0|Fortinet|Fortigate|v5.6|ERROR|x|3|app=HTTPS cs1Label=a b cs1= level=warning x=1",
    b"CEF:0|a|b|c|d|e|f",
    b"CEF:0|a|b|c level=error x=1 status=500",
    b"CEF:1.2||||||| a=1",
    b"LEEF:1.0|QRadar|QRM|1.0|NEW_PORT|src=172.5.6.67\tdst=1.2.3.4\tmsg=a b=c\tuser=bob",
    b"LEEF:2.0|QRadar|QRM|1.0|ID|^|src=1^msg=a b=2^^level=info^sev=5",
    b"LEEF:2.0|QRadar|QRM|1.0|ID|x5E|src=1^msg=a\\=2\\|",
    b"LEEF:2.0|QRadar|QRM|1.0|ID|\\x01|user=eve\\x01a=3\\x01level=error",
    b"LEEF:2.0|QRadar|QRM|1.0|ID|user=eve a=4 status=404",
    b"LEEF:1.0|QRadar|QRM|1.0|ID|user=eve#011a=5 6",
]
AUDITS = [
    b'type=USER_AUTH msg=audit(17.1:4): pid=7 msg=\'op=x acct="root" res=failed\'\\x1dUID="root" A="b"',
    b'type=SYSCALL msg=audit(1795155522.123:457): key=(null)\x1dARCH=x86_64 UID="root" level=error a=1',
    b"USER_LOGIN pid=78 msg='op=login level=error res=success'",
    b"a='b=1 c=2 user=5",
    b"a='b=1' c='d=2 e=3' f=4",
    b"a='level=error b=1' x='y=",
    b"a='b=\"c' d\" level=error e=1'",
]
HEADERS = [OLD, NEW + b"- ", NEW + b'[x@1 a="1" user="\\"2"][y z="-"] \xef\xbb\xbf', FILE, b"<13>"]
PREFIXES = [
    b"Nov 20 06:18:42 web ",
    b"<34>Nov 20 06:18:42 web ",
    b"<34>Nov 20 06:18:42 ",
    b"2026-11-20 06:18:42,123 web x ",
    b"2026-11-20T06:18:42.123456789Z stdout F ",
    b"web-1  | ",
    b"[pod/shop-1/web] ",
    b"2026-11-20T06:18:42Z ",
    b"2026-11-20T06:18:42.5+01:00 host app[1]: ",
]
CONTENTS = st.one_of(
    st.sampled_from(
        [*OBJECTS, *PAIRS, *LOGINS, *BEHIND, *EVENTS, *AUDITS, HAPROXY, b"plain text", b""]
    ),
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


def records_of(lines: Sequence[bytes]) -> list[ParsedLine]:
    """The lines of a store, with the first lines of their records."""
    whole = StampedLines(b"".join(line + b"\n" for line in lines))
    whole.first_lines = first_lines(whole)
    return [ParsedLine(line, None, whole.first_line(row)) for row, line in enumerate(lines)]


def fields_of_records(lines: Sequence[bytes | ParsedLine]) -> dict[str, dict[int, Any]]:
    """Return the values of each field as records have them, by the number of the line."""
    found: dict[str, dict[int, Any]] = {}
    # A line that comes again is not parsed again.
    known: dict[bytes, dict[str, Any]] = {}
    for number, one in enumerate(lines):
        if isinstance(one, bytes) and one not in known:
            known[one] = _fields_of(ParsedLine(one))
        fields = known[one] if isinstance(one, bytes) else _fields_of(one)
        for name, value in fields.items():
            found.setdefault(name, {})[number] = value
    return found


def _fields_of(record: ParsedLine) -> dict[str, Any]:
    found: dict[str, Any] = {}
    names = {*record.fields, *(record.header.fields if record.header else ()), *ALIASES}
    for name in names | {"status_class"}:
        value = record.get(name, as_written=True)
        if name in ALWAYS or name.startswith(("fields.", "syslog.")) or value is None:
            continue
        if isinstance(value, list):
            found[name] = [*map(text_of_value, value)]
        else:
            found[name] = text_of_value(value)
    return found
