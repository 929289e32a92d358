"""The short way to a level leads where the long one does."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.fields.levels.line import level_of
from logsrv.linelog.fields.record import Record
from tests.parts.examples import more

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
PIECES = st.sampled_from(
    [b"{", b"}", b'"', b"[", b"]", b"<11>", b"<191>", b"<192>", b"<007>", b" ", b"\t", b"=", b":", b",",
     b"level", b"lvl", b"severity", b"PRIORITY", b"levelno", b"log.level", b"\\u006c", b"ERROR", b"Warn",
     b"info", b"x", b"30", "\u00e9".encode(), b"\xff", b"_", b'"level":"warn"', b'{"a":{"level":"warn"}}',
     b"Nov 20 06:18:42 web su: ", b"x" * 60,
     b"2026-11-20 06:00:00", b"[2026/11/20T06:00:00.123Z] ", b", ", b"- ", b"Info  ", b"alert ", b"error: ",
     b"12-17 19:31:36.263 ", b" 1795  1825 I ", b"W/x: ", b"I1123 10:00:00.000000 ", b"LOG:  ",
     b"DEBUG1:  ", b"STATEMENT:  ", b'a - - [20/Nov/2026:06:18:42 +0000] "', b'GET /ERROR HTTP/1.1" 503 -',
     b'" 404 7 "-"',
     b'10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 200 5', b"a=b ",
     rb"\x1b[31m", rb"\x1b[0m", b"\x1b[1m", b"2026-11-20T06:18:42+01:00 web su[7]: ", b"06:18:42 UTC "]
)  # fmt: skip


@more(4)
@given(st.lists(PIECES, max_size=12).map(b"".join), st.booleans())
@example(b"[Error] x", True)
@example(b"a level=debug b=c", True)
@example(b'<11>{"\\u006cevel":"debug"}', True)
@example(b'Nov 20 06:18:42 web su: {"\\u006cevel":"debug"}', True)
@example(b'Nov 20 06:18:42 web su: {"x":"ERROR"}', True)
@example(b"Nov 20 06:18:42 web su: ERROR", True)
def test_the_level_is_that_of_the_record(message, stamped):
    line = STAMP * stamped + message
    assert level_of(line) == Record(line).level


@pytest.mark.parametrize(
    ("message", "level"),
    [
        (b"<11>x", "error"),
        (b'{"level":"Warn"}', "warning"),
        (b"12:00 ERROR x", "error"),
        (b"[warn] x", "warning"),
        (b"a warn x", None),
        (b"level=debug a=b", "debug"),
    ],
)
def test_level_of_finds_the_level_of_a_line(message, level):
    assert level_of(STAMP + message) == level_of(message) == level
