"""Stored lines for the tests of encoders: of all inputs, and any that there may be."""

from datetime import datetime

from hypothesis import strategies as st

from logsrv.linelog.lines.clean import escaped

TIME = "2026-11-20T06:18:42.123456Z"
KINDS = [
    b'{"level": "error", "msg": "connection reset", "service": "cache", "ms": 1250}',
    b'{"level": 30, "time": 1763619522000, "pid": 7, "hostname": "web1", "name": "shop", "msg": "a"}',
    b'level=info msg="user logged in" user=bob app=login pid=12',
    b'10.1.2.3 - alice [20/Nov/2026:06:00:00 +0000] "GET /api HTTP/1.1" 200 512 "-" "curl/8"',
    b"2026-11-20 06:18:42 ERROR the disk is full",
    b"[warn] nothing is full",
    b"hello, world",
    "grüße 日本 🙂".encode(),
    b"<html>",
    b"<999>no priority",
    b'<165>1 2026-11-20T06:18:42.003Z host app 12 ID47 [x@1 a="b\\"]c"][y@1 z="1"] \xef\xbb\xbftext',
    b"<34>1 2026-11-20T06:18:42+01:00 host su - - - failed",
    b"<34>1 - - su - - - failed",
    b"<13>Nov 20 06:18:42 host app[12]: text",
    b"<13>Nov 20 06:18:42 app: text without a host",
    b"<13>text without anything",
    b"<13>app[7]: text of a tag",
    b"<190>Nov  2 06:18:42 router %LINK-3-UPDOWN: Interface down",
    b"Nov 20 06:18:42 host app[12]: of a file",
]
SOURCES = [
    "tcp:10.0.0.1:51234",
    "web@tls:[::1]:5,dns=a.example",
    "unix:uid=0,pid=77",
    "a.b@udp:h:1",
]
TIMES = st.datetimes(
    min_value=datetime(1970, 1, 1),
    max_value=datetime(2200, 1, 1),
).map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}Z")


def line(message: bytes, source: str = SOURCES[0], time: str = TIME) -> bytes:
    """Return the line of a message."""
    return f"{time} {source} ".encode() + message


MESSAGES = st.one_of(
    st.sampled_from(KINDS),
    st.binary(max_size=40).map(lambda some: escaped(some.replace(b"\n", b"") + b"\n")[:-1]),
    st.text(alphabet="<1>: ae=[]\"{}-", max_size=20).map(str.encode),
)  # fmt: skip
LINES = st.lists(
    st.builds(line, MESSAGES, st.sampled_from(SOURCES), TIMES | st.just(TIME)),
    min_size=1,
    max_size=12,
)
