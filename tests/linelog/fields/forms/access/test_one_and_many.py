"""Access logs: random lines, and broken ones, have the same fields alone and together."""

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms import access
from tests.parts.examples import more
from tests.parts.one_and_many import check_one_and_many, examples_of, mostly, texts_of

EXAMPLES = st.sampled_from([example.line for example in examples_of(access)])
VHOSTS = mostly(
    ["", "", "shop.example:443 ", "shop.example "], "[::1]:443 ", "_ ", "shop:x ", "a b "
)
CLIENTS = mostly(["10.0.0.9", "::1", "web.example"], "-", "localhost", "", "\u00e9", "10.0.0.9 ")
IDENTITIES = mostly(["-"], "", "x", "- ", " -")
USERS = mostly(["-", "bob"], "", "Bob Smith", "a b c", "ERROR", " bob", "- x")
TIMES = mostly(
    ["20/Nov/2026:06:18:42 +0000"],
    "20/Nov/2026:06:18:42",
    "20/Nov/2026:06:18:42.123 -0130",
    "20/Nov/2026",
)
REQUESTS = mostly(
    ["GET /a HTTP/1.1", "GET /?a=1&b=2 HTTP/2", "POST /b HTTP/1.1", "-"],
    *(
        "POST /a b HTTP/1.1",
        "GET /",
        "",
        "x",
        '\\"q\\" /',
        "GET  /",
        "GET /a HTTP/1.1 ",
        " GET / HTTP/1.1",
    ),
)
STATUSES = mostly(["200", "301", "404", "429", "500", "503"], "099", "20", "-", "2000")
SIZES = mostly(["5", "0", "-", "12345"], "12345678901", "x", "")
BEHIND = mostly(
    [
        "",
        "",
        ' "-" "curl"',
        ' "https://x/?a=1 b=2" "curl rt=7"',
        ' "-" "a" rt=0.1 x="a b"',
        " rt=1 a=2",
    ],
    *(
        ' "-" "a" "b"',
        " level=error",
        " x",
        ' "-"',
        " ",
        "  a=1",
        ' "-" "a"  "b"',
        ' "-" "a',
        ' "-"  "a"',
    ),
)
LINES = st.builds(
    '{}{} {} {} [{}] "{}" {} {}{}'.format,
    *(VHOSTS, CLIENTS, IDENTITIES, USERS, TIMES, REQUESTS, STATUSES, SIZES, BEHIND),
).map(str.encode)


@more(6)
@given(texts_of(LINES | EXAMPLES))
def test_lines_of_access_logs_are_the_same_alone_and_together(lines):
    check_one_and_many(lines)


def test_several_virtual_hosts_without_a_port_have_none():
    stamp = b"2026-11-20T06:18:42.123456Z tcp:10.0.0.1:51234 "
    rest = b' 10.0.0.2 - - [20/Nov/2026:06:18:42 +0000] "GET /a HTTP/1.1" 200 5'
    check_one_and_many([stamp + host + rest for host in (b"a.example", b"b.example", b"c:80")])
