"""Levels as numbers are those of the Records of the same lines."""

import numpy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms.access.statuses import NO_ACCESS, levels_of_statuses
from logsrv.linelog.fields.forms.logfmt.levels import WIDTH, LevelFields, levels_of_pairs
from logsrv.linelog.fields.level_names import LEVELS, UNSURE
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.parsed_line import ParsedLine, level_of
from tests.parts.examples import more

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
TIME = b"[20/Nov/2026:06:18:42 +0000] "
PIECES = st.sampled_from(
    [b"{", b"}", b'"', b"[", b"]", b"<11>", b"<191>", b"<192>", b"<007>", b"<3>1 ", b" ", b" ", b"\t",
     b"=", b":", b",", b"/", b"level", b"lvl", b"severity", b"PRIORITY", b"levelno", b"log.level", b"x=1 ",
     b" level=info a=b", b"level=warn ", b' lvl=ERROR msg="a b"', b" severity=panic x= ", b'msg="a',
     b'time="2026" ', b'="', b"\\u006c", b"\\", b"ERROR", b"Warn", b"info", b"err", b"fatal", b"EMERG",
     b"fail: ", b"warn:", b"INF", b"wrn", b"ERRO", b"-", b"|", b"E0711 10:00:00.1 ",
     b"W20260711 10:00:00.12 ",
     b"x", b"30", b"_", b'"level":"warn"', b'{"a":{"level":"warn"}}', b'{"level":"Error"}', b"\r",
     "\u00e9".encode(), b"\xff", b"\0", b"Nov 20 06:18:42 web su: ", b"2026-11-20T06:18:42Z web su[7]: ",
     b"2026-11-20 06:00:00", b"[2026/11/20T06:00:00.123Z] ", b", ", b"- ", b"Info  ", b"alert ", b"error: ",
     b"12-17 19:31:36.263 ", b" 1795  1825 I ", b"W/x: ", b"I1123 10:00:00.000000 ", b"LOG:  ",
     b"DEBUG1:  ", b"STATEMENT:  ", b'a - - [20/Nov/2026:06:18:42 +0000] "', b'GET /ERROR HTTP/1.1" 503 -',
     b'" 404 7 "-"',
     b"1.2.3.4:5 [06/Feb/2009:12:14:14.655] h b/s 10/0/30/69/109 503 2750 - - ---- 1/1/1/1/0 0/0 ",
     TIME, TIME.replace(b"Nov", b"Err"), b"x" * 30, b"x" * 60, b"a" * 78, b"10.0.0.1 - - ",
     b'10.0.0.1 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 200 5', b"a=b ",
     rb"\x1b[31m", rb"\x1b[0m", rb"\x1b]8;;http://x/ERROR\x1b\\", rb"\x1b", b"\x1b[1;36m",
     b"2026-11-20T06:18:42+01:00 web su[7]: ", b"06:18:42 UTC ",
     b"Level=", b"LEVEL=warn ", b" Lvl=info x=1 ", b"sEVERITY", b"@level=error ", b"@l=error ",
     b"label=info ",
     b"severityText=", b'{"Level":"Warn"}', b'{"lEvel":"x","LEVEL":"err"}', b'{"@t":"x","@mt":"y"}',
     b'{"@t":"x","@l":"Fatal"}', b'{"@t":null}', b'{"t":{"$date":"x"},"s":"E","c":"X"}',
     b'{"t":"x","s":"D2","c":"X"}', b'{"s":"E"}', b'{"label":"Error","prio":1}', b'{"label":3}',
     b'{"log":{"Level":"warn"},"x":1}', b'{"log":"x"}', b'{"PRIORITY":"3","level":null}',
     b'{"error_severity":"LOG"}', b'"s":"W"', b'"@l"', b'"Label":"info"', b"error: ", b"Fatal:",
     b"<Error> ",
     b"<", b">", b"<warning>: ", b"E! ", b"W! ", b"0 ", b"12 ERROR", b"1234567890 WARN", b"ERROR.md",
     b"PANIC-42",
     b"DEBUG=0", b".", b"(", b"  ", b"fine", b"FINEST", b"VERBOSE: ", b"log: ", b"LOG", b"app.ERROR: ",
     b"E261120 06:18:42.1 ", b"081109 203615 148 INFO ", b"081109 203615 148 info ", b"error [main] ",
     b"critical section ", b"error - x", b"error -5", b"warn, x", b"warn,x", b"[1795155522] ",
     b"HOST ALERT: web1;DOWN;HARD;1;x", b"SERVICE ALERT: a;b;WARNING;x", b"CURRENT HOST STATE: a;UP;",
     b"SERVICE NOTIFICATION: bob;a;b;RECOVERY (OK);x", b"HOST FLAPPING ALERT: a;STOPPED; ",
     b"PASSIVE SERVICE CHECK: a;b;2;x", b"<190>Nov 20 06:18:42 web nginx: ",
     b"<11>1 2026-11-20T06:18:42Z web nginx 7 - - ", b"<14>Nov 20 06:18:42 web app[7]: "]
)  # fmt: skip
TIMES = st.sampled_from(
    [b"", b"2026-11-20T06:18:42Z ", b"2026-11-20T06:18:42.123456+01:00 ", b"Nov 20 06:18:42 ",
     b"Nov  5 06:18:42 ", b"Fri Nov 20 06:18:42 2026 ", b"[Fri Nov 20 06:18:42.123456 2026] ",
     b"2026/11/20 06:18:42 ", b"2026-11-20 06:18:42.123 UTC [1234] ",
     b"2026-11-20 06:18:42 CET [7]: [3-1] ", b"[2026-11-20 06:18:42,123: ", b"06:18:42.123 ",
     b"[06:18:42] ", b"20/Nov/2026:06:18:42 +0000 ", b"20-Nov-2026 06:18:42.1 ",
     b"11/20/2026, 06:18:42 AM ", b"261120  6:18:42 ", b"(2026-11-20 06:18:42) ",
     b"2026-11-20 06:18:42 ERR ", b"2026-11-20T06:18:42Z [", b"12:00:00 INFO ",
     b"2026-11-20T06:18:42.1234567890Z "]
)  # fmt: skip
HOSTS = st.sampled_from(
    [b"", b"web1 ", b"a ", b"db-with-a-very-long-name-17.example.com ", b"UTC ", b"2026 ", b"ERROR ",
     b"error ", b"From ", b"Message ", b"10.0.0.1 ", b"daemon.info ", b"web/1 ", b"h" * 63 + b" ",
     b"web1  ", b"inf ", b"INF "]
)  # fmt: skip
TAGS = st.sampled_from(
    [b"", b"nginx: ", b"postgres[1234]: ", b"su:", b"a[1] ", b"a[1]:", b"a[", b"Microsoft Word[14463]: ",
     b"error: ", b"warning tmm[7]: ", b"389-ds[7]: ", b"%HA: ", b"a=b ", b"main INFO Foo[12]: ",
     b"From db7: ", b"forwarded from ", b"dbg: ", b"DBG: ", b"fail: "]
)  # fmt: skip
MESSAGES = st.tuples(TIMES, HOSTS, TAGS, TIMES, st.lists(PIECES, max_size=8).map(b"".join)).map(
    b"".join
) | st.lists(PIECES, max_size=10).map(b"".join)
STAMPS = st.sampled_from(
    [STAMP, STAMP, STAMP, b"", STAMP[:27], STAMP[:28] + b" ", STAMP.replace(b"web", b"w" * 50), b"\t",
     STAMP.replace(b"-11-", b"-1x-"), STAMP.replace(b"tcp", b"ERROR"), STAMP.replace(b"web", b"level=x")]
)  # fmt: skip


def of_records(text: bytes) -> list[str | None]:
    return [ParsedLine(line).level for line in text.split(b"\n")[:-1]]


def of_numbers(text: bytes) -> list[str | None]:
    return [OF_NUMBERS[number] for number in level_numbers(text).tolist()]


@pytest.mark.slow
@more(6)
@given(st.lists(st.tuples(STAMPS, MESSAGES).map(b"".join), max_size=6))
@example([STAMP + b'level=info msg="a b"', STAMP + b'time="a" level=info msg="a b"'])
@example([STAMP + b'a=" level=info b=c"', STAMP + b'a " b=" level=info c=d', STAMP + b"level=info"])
@example([STAMP + b'level=info x - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 200 5 a=b'])
@example([STAMP + b"<3>1 - h level=info a=b c=d", STAMP + b"<3>h app: level=info a=b"])
@example(
    [
        STAMP + b"x" * 60 + b" [error" + b"x" * 20 + b"]",
        STAMP + b"x" * 60 + b" [error" + b" " * 20 + b"]",
    ]
)
@example([STAMP + b"[" + b"x" * 61 + b" error", STAMP + b"]"])
@example([STAMP + b"2026-11-20 06:18:42 " + b"7" * size + b" ERROR" for size in (29, 30, 31, 64)])
@example([STAMP + b"x" * size + b" - " + TIME + b'"GET / HTTP/1.1" 503 5' for size in (40, 64, 99)])
@example([STAMP + b'Nov 20 06:18:42 web su: {"x":"ERROR"}', STAMP + b' {"x":"ERROR"}'])
def test_levels_as_numbers_are_those_of_the_records(lines):
    text = b"".join(line + b"\n" for line in lines)
    assert of_numbers(text) == of_records(text)


@more(4)
@given(MESSAGES, st.booleans())
@example(b"[Error] x", True)
@example(b'{"level":30}', True)
@example(b"a level=debug b=c", True)
@example(b'<11>{"\\u006cevel":"debug"}', True)
@example(b'Nov 20 06:18:42 web su: {"\\u006cevel":"debug"}', True)
@example(b'Nov 20 06:18:42 web su: {"x":"ERROR"}', True)
@example(b"Nov 20 06:18:42 web su: ERROR", True)
def test_the_level_is_that_of_the_record(message, stamped):
    line = STAMP * stamped + message
    assert level_of(line) == ParsedLine(line).level


OF_ACCESS = b"[20/Nov/2026:06:18:42 +0000]"


def level_of_status(message: bytes) -> str | int | None:
    raw = numpy.frombuffer(message + b"\n" + bytes(200), numpy.uint8)
    [number] = levels_of_statuses(raw, numpy.array([0]), numpy.array([len(message)])).tolist()
    return int(number) if number in (UNSURE, NO_ACCESS) else (None, *LEVELS)[number]


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (b"::1 - - " + OF_ACCESS + b' "GET / HTTP/1.1" 503 12 "-" "curl"', "error"),
        (b"::1 - bob " + OF_ACCESS + b' "GET / HTTP/1.1" 404 -', "warning"),
        (b"::1 - - " + OF_ACCESS + b' "" 200 5', "info"),
        (b"www:80 ::1 - - " + OF_ACCESS + b' "GET / HTTP/1.1" 503 12', "error"),
        (b"* localhost - - " + OF_ACCESS + b' "GET / HTTP/1.1" 404 12', "warning"),
        (b"[::1]:443 10.0.0.1 - bob " + OF_ACCESS + b' "GET / HTTP/1.1" 404 12', UNSURE),
        (b"www:port ::1 - - " + OF_ACCESS + b' "GET / HTTP/1.1" 503 12', UNSURE),
        (b"10.0.0.1 - Bob Smith " + OF_ACCESS + b' "GET / HTTP/1.1" 503 12', UNSURE),
        (b"::1 - - " + OF_ACCESS + b' "GET /\\"x HTTP/1.1" 503 12', UNSURE),
        (b"::1 - - " + OF_ACCESS + b' "GET / HTTP/1.1" 503 12x', UNSURE),
        (b"::1 - - " + OF_ACCESS + b' "GET / HTTP/1.1" 50', UNSURE),
        (b"::1 - - " + OF_ACCESS + b' "GET /', UNSURE),
        (b"::1 - - [20/Nov/2026:06:18:42.123] x", UNSURE),
        (b"2026-11-20T06:18:42Z web nginx: x " + OF_ACCESS + b' "GET /" 503 12', NO_ACCESS),
    ],
)
def test_an_access_logs_status_gives_the_level(message, found):
    assert level_of_status(message) == found


def level_of_pair(message: bytes) -> str | None:
    at = message.index(b"level=")
    offsets = (at, at + 6, 0, len(message))
    raw = numpy.frombuffer(message + b"\n" + bytes(2 * WIDTH), numpy.uint8)
    [number] = levels_of_pairs(
        raw, LevelFields(*(numpy.array([offset]) for offset in offsets))
    ).tolist()
    return (None, *LEVELS)[number]


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (b"level=Warn a=b", "warning"),
        (b"ts=1 level=info caller=x.go:1 msg=", "info"),
        (b'time="06:18:42" level=error msg="a b"', "error"),
        (b"<11>web app: level=info a=b", "info"),
    ],
)
def test_an_unambiguous_pair_gives_the_level(message, found):
    assert level_of_pair(message) == found


@pytest.mark.parametrize(
    "message",
    [
        b"level=info",
        b"level=info and more",
        b"level=banana a=b",
        b"level=30 a=b",
        b"loglevel=info a=b",
        b'level=info msg="a b',
        b'level=info msg="a b"x',
        b'msg="a level=info b=c"',
        b'a=" level=info b=c',
        b'a "b=" level=info c=d',
        b"<11>1 - host level=info a=b",
        b"level=info " + b"a" * 50 + b"=b",
    ],
)
def test_a_pair_that_may_be_something_else_gives_no_level(message):
    assert level_of_pair(message) is None
