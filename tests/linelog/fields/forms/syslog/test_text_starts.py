"""The level of a text does not depend on what stands before it: header, time, PID, of any length."""

import numpy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms.syslog.one import parse_syslog_header
from logsrv.linelog.fields.forms.syslog.text_starts import PADDING, ends_of_file_headers
from logsrv.linelog.fields.level.leading_times import ends_of_leading_times
from logsrv.linelog.fields.level.many import levels_at_times
from logsrv.linelog.fields.level.one import end_of_leading_time, level_after_time
from logsrv.linelog.fields.level_names import LEVELS, UNSURE
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.parsed_line import ParsedLine, level_of
from logsrv.linelog.fields.zone_names import NAMES
from tests.parts.examples import more

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
HEADERS = [
    "",
    "Nov 20 06:18:42 a su: ",
    "Nov  5 06:18:42 db-with-a-long-name-01.example.com postgres[1234567]: ",
    "2026-11-20T06:18:42Z w nginx: ",
    "2026-11-20T06:18:42.123456+01:00 frontend-proxy-17.eu-central-1.example.com nginx[7]: ",
    "2026-11-20T06:18:42.123456+01:00 WEB01-PRODUCTION-EUROPE docker/web-1[12345]: ",
    "2026-11-20T06:18:42.1-05:00 10.0.0.1 (systemd)[1]: ",
]
TIMES = [
    "",
    "2026-11-20 06:18:42 ",
    "2026-11-20 06:18:42.123456 UTC [1234567]: [3-1] ",
    "2026/11/20 06:18:42 ",
    "[2026-11-20T06:18:42,123] ",
    "[Fri Nov 20 06:18:42.123456 2026] ",
    "Nov 20 06:18:42 ",
    "20-Nov-2026 06:18:42.123 ",
    "[20/Nov/2026:06:18:42 +0000] ",
    "11/20/2026, 06:18:42 AM ",
    "20261120 06:18:42 ",
    "06:18:42.123 ",
    "2026-11-20 06:18:42 CEST [12345-1] ",
]
TEXTS = [
    ("[error] 12#0: *5 upstream timed out", "error"),
    ("app@shop ERROR:  duplicate key", "error"),
    ("user=shop,db=shop_production,app=[unknown],client=10.1.2.3 FATAL:  x", "critical"),
    ("[unknown]@[unknown] LOG:  connection received", "info"),
    ("x" * 62 + " ERROR", "error"),
    ("x" * 63 + " ERROR", None),
    ("GET /error and an ERROR much further on in a text without any level at its start", "error"),
    ("a sentence without a level that goes on and on, further than all others, to an ERROR", None),
    ("[core:error] [pid 7] AH00124: Request exceeded the limit", "error"),
    ("done with an error", None),
]


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("header", HEADERS)
def test_the_level_of_a_text_is_the_same_behind_each_header(header, time):
    lines = [STAMP + (header + time + text).encode() for text, _ in TEXTS]
    wanted = [level for _, level in TEXTS]
    assert [ParsedLine(line).level for line in lines] == wanted
    assert [level_of(line) for line in lines] == wanted
    numbers = level_numbers(b"".join(line + b"\n" for line in lines)).tolist()
    assert [OF_NUMBERS[number] for number in numbers] == wanted


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize(
    "client", ["::1", "203.0.113.255", "2001:db8:85a3:8d3:1319:8a2e:370:7348", "h" * 90]
)
@pytest.mark.parametrize(("status", "level"), [(200, "info"), (404, "warning"), (502, "error")])
def test_the_status_of_an_access_log_counts_wherever_its_time_is(header, client, status, level):
    text = f'{client} - - [20/Nov/2026:06:18:42 +0000] "GET /ERROR HTTP/1.1" {status} 12'
    line = STAMP + (header + text).encode()
    assert ParsedLine(line).level == level_of(line) == level
    assert OF_NUMBERS[level_numbers(line + b"\n")[0]] == level


MESSAGES = [
    *(header + time + "x" for header in HEADERS for time in TIMES),
    "2026-11-20T06:18:42Z ERROR db: x",
    "2026-11-20T06:18:42Z web1 error: x",
    "2026-11-20T06:18:42Z web1 main x",
    "Nov 20 06:18:42 sshd[7]: x",
    *(f"Nov 20 06:18:42 {name} web1 sshd[7]: x" for name in NAMES),
    *(f"Nov 20 06:18:42 {zone} sshd[7]: x" for zone in ("+07", "+99", "-0330", "+03:10.0.0.9")),
    "Nov 20 06:18:42 web1 Microsoft Word[14463]: x",
    "Nov 20 06:18:42 web1 su:x",
    "Nov 20 06:18:42 web1 su:",
    "[06:18:42 main ERROR] x",
    "06:18:42 ERROR x",
    "2026-11-20 06:18:42",
    "12 06:18:427 x",
]


def test_many_messages_go_on_where_each_one_does():
    text = b"".join(message.encode() + b"\n" for message in MESSAGES)
    raw = numpy.frombuffer(text + bytes(PADDING + 80), numpy.uint8)
    ends = numpy.flatnonzero(raw == ord("\n"))
    starts = numpy.concatenate(([0], ends[:-1] + 1))

    def rows(at: numpy.ndarray) -> numpy.ndarray:  # type: ignore[type-arg]
        return numpy.array([raw[offset : offset + 80] for offset in at.tolist()])

    content = ends_of_file_headers(raw, starts, rows(starts), ends)
    found = ends_of_leading_times(raw, content.at, rows(content.at))
    for number, message in enumerate(MESSAGES):
        header = parse_syslog_header(message.encode())
        rest = header.text.decode() if header else message
        if not content.unsure[number]:
            assert text[content.at[number] : ends[number]].decode() == rest
            if not found.unsure[number]:
                at = end_of_leading_time(rest)
                assert text[found.at[number] : ends[number]].decode() == rest[at:]
    usual = [number for number, message in enumerate(MESSAGES) if "06:18:42 " not in message]
    assert content.unsure[usual].sum() + found.unsure[usual].sum() < len(usual) / 8


PIECES = st.sampled_from(
    ["2026-11-20 06:00:00", "2026/11/20T06:00:00", "[2026.11.20 06:00:00", "(", "0", "Z",
     "12-17 19:31:36.263 ", "I1123 10:00:00.000000 ", "info", "Alert", "error", "ERROR", "V", "W", "E",
     "/", " ", ",", ": ", "-", "]", ".123", " 1795 ", "x", "_", "s", "|" * 30, " " * 8,
     "nova.log 2026-11-20 06:00:00.008 25746 INFO ",
     "- 1117838570 2005.06.03 R0 2005-06-03-15.42.50.363779 R0 RAS KERNEL FATAL x", "INFO "]
)  # fmt: skip


@more(4)
@given(st.lists(st.lists(PIECES, max_size=8).map("".join), min_size=1, max_size=4))
@example(["2026-11-20 06:00:00" + "-" * 31 + "info", "2026-11-20 06:00:00" + "-" * 32 + "info"])
@example(["2026-11-20 06:00:00," + " " * 7 + "info", "2026-11-20 06:00:00," + " " * 8 + "info"])
@example(["12-17 19:31:36.263 " + "1" * 30 + " I x", "12-17 19:31:36.263 " + "1" * 31 + " I x"])
def test_levels_at_times_are_those_of_the_text(texts):
    raw = b"".join(text.encode().ljust(80, b"\n")[:80] for text in texts)
    found = levels_at_times(numpy.frombuffer(raw, numpy.uint8).reshape(-1, 80))
    for text, number in zip(texts, found.tolist(), strict=True):
        level = level_after_time(text)
        if number != UNSURE and len(text) <= 80:
            assert (None, *LEVELS)[number] == level
