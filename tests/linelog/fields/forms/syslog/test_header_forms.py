"""Headers of devices, relays and containers: each line has its host, program, PID, time, level and text."""

import pytest

from logsrv.linelog.fields.forms.syslog.one import parse_syslog_header
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.reader import FieldReader
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from tests.parts.header_forms import DEVICES, WORDS

STAMP = "2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
TEXTS = """
<13>Jul 11 10:00:00 UTC: x y|-|-|-|Jul 11 10:00:00 UTC|notice
<13>Jul 11 10:00:00: x y|-|-|-|Jul 11 10:00:00|notice
<13>Jul 11 10:00:00 CEST: x y|-|-|-|Jul 11 10:00:00 CEST|notice
<13>Jul 11 10:00:00 +01:00: x y|-|-|-|Jul 11 10:00:00 +01:00|notice
<13>Jul 11 10:00:00.123 -0530: x y|-|-|-|Jul 11 10:00:00.123 -0530|notice
<13>Jul 11 10:00:00 GMT+1: x y|-|-|-|Jul 11 10:00:00 GMT+1|notice
<13>Jul 11 10:00:00 UTC+05:30 x1 sshd[7]: x y|x1|sshd|7|Jul 11 10:00:00 UTC+05:30|notice
<13>Jul 11 10:00:00 HDT x1 sshd[7]: x y|x1|sshd|7|Jul 11 10:00:00 HDT|notice
<13>Jul 11 10:00:00 2026 UTC: x y|-|-|-|Jul 11 10:00:00 2026 UTC|notice
<13>2026 Jul 11 10:00:00 UTC: x y|-|-|-|2026 Jul 11 10:00:00 UTC|notice
<13>2026-07-11T10:00:00Z: x y|-|-|-|2026-07-11T10:00:00Z|notice
<13>Jul 11 10:00:00 PM UTC: x y|-|-|-|Jul 11 10:00:00 PM UTC|notice
<13>*Jul 11 10:00:00: x y|-|-|-|Jul 11 10:00:00|notice
<13>.Jul 11 10:00:00.123 CEST: x y|-|-|-|Jul 11 10:00:00.123 CEST|notice
<13>: 2026 Jul 11 10:00:00 UTC: x y|-|-|-|2026 Jul 11 10:00:00 UTC|notice
<191>45: *Mar  1 00:19:23.123: x y: rcvd|-|-|-|Mar  1 00:19:23.123|debug
<191>45: sw01: 46: *Mar  1 00:19:23.123 UTC: x y: z|sw01|-|-|Mar  1 00:19:23.123 UTC|debug
<191>sw01: 46: Mar  1 00:19:23 UTC: x y|sw01|-|-|Mar  1 00:19:23 UTC|debug
<191>10.0.0.7: 46: Mar  1 00:19:23 UTC: x y|10.0.0.7|-|-|Mar  1 00:19:23 UTC|debug
<13>Jul 11 10:00:00 UTC: web1 sshd[7]: x y|web1|sshd|7|Jul 11 10:00:00 UTC|notice
<13>Jul 11 10:00:00 UTC: sshd: x y|-|sshd|-|Jul 11 10:00:00 UTC|notice
"""
APPLIANCES = """
<30>Jul 11 10:00:00 U7PG2,788a20aabbcc,v4.0.66.10832: hostapd: x|U7PG2|hostapd|-|Jul 11 10:00:00|info
<30>Jul 11 10:00:00 U6-Lite 68d79aaabbcc,U6-Lite-6.0.14+13348: hostapd[3054]: x|\
U6-Lite|hostapd|3054|Jul 11 10:00:00|info
<30>Jul 11 10:00:00 788a20aabbcc,U7PG2-4.0.66: kernel: x|-|kernel|-|Jul 11 10:00:00|info
Jul 11 10:00:00 U6-Lite f8d79aaabbcc,U6-Lite-6.0.14+13348: hostapd[3054]: x|\
U6-Lite|hostapd|3054|Jul 11 10:00:00|-
<188>Jul 11 10:00:00 10.0.0.2 00076 ports: x|10.0.0.2|ports|-|Jul 11 10:00:00|warning
Jul 11 10:00:00 sw1 00076 ports: x|sw1|ports|-|Jul 11 10:00:00|-
<189>Jul 11 2026 10:00:00 HUAWEI %%01IFNET/4/LINK_STATE(l)[12]:x|\
HUAWEI|%%01IFNET/4/LINK_STATE(l)|-|Jul 11 2026 10:00:00|notice
Jul 11 10:00:00 2026 H3C %%10IFNET/3/LINK_UPDOWN: x|H3C|%%10IFNET/3/LINK_UPDOWN|-|Jul 11 10:00:00 2026|error
Jul 11 10:00:00 sw1 %%10SHELL/6/SHELL_CMD: x|sw1|%%10SHELL/6/SHELL_CMD|-|Jul 11 10:00:00|info
<134>1 1720692000.123456 MX84 flows x|MX84|flows|-|1720692000.123456|info
<134>1720692000.123456 AP1 events x|AP1|events|-|1720692000.123456|info
<134> 07/11/2026:10:00:00 GMT ns1 0-PPE-0 : x|ns1|0-PPE-0|-|07/11/2026:10:00:00 GMT|info
<130>07/11/2026:10:00:00 ns1 12-PPE-3 : x|ns1|12-PPE-3|-|07/11/2026:10:00:00|critical
<30>Jul 11 10:00:00 [10.0.0.9.2.2] sshd[800]: x|10.0.0.9.2.2|sshd|800|Jul 11 10:00:00|info
<30>Jul 11 10:00:00 [2001:db8::1] sshd: x|2001:db8::1|sshd|-|Jul 11 10:00:00|info
<134>Jul 11 10:00:00+02:00 10.0.0.1 fw: x|10.0.0.1|fw|-|Jul 11 10:00:00+02:00|info
<134>Jul 11 10:00:00.123Z gw1 fw[7]: x|gw1|fw|7|Jul 11 10:00:00.123Z|info
<30> Jul 11 10:00:00 web1 sshd[7]: x|web1|sshd|7|Jul 11 10:00:00|info
<30>  2026-07-11T10:00:00Z web1 sshd[7]: x|web1|sshd|7|2026-07-11T10:00:00Z|info
<187>Jul 11 10:00:00 leaf1 Stp: 45: %SPANTREE-3-X: y|leaf1|Stp|-|Jul 11 10:00:00|error
Jul 11 10:00:00 <4.3> bsd1 sshd[7]: x|bsd1|sshd|7|Jul 11 10:00:00|error
<30>Jul 11 10:00:00 web1 a,b[7]: x|web1|a,b|7|Jul 11 10:00:00|info
"""
CONTAINERS = """
2026-07-11T10:00:00.123456789Z stdout F {"level":"warn"}|-|-|-|2026-07-11T10:00:00.123456789Z|warning
2026-07-11T10:00:00.12+02:00 stderr P ERROR x|-|-|-|2026-07-11T10:00:00.12+02:00|error
web-1  / {"level":"error"}|-|web-1|-|-|error
web-1  / 2026-07-11T10:00:00.123456789Z {"level":"error"}|-|web-1|-|2026-07-11T10:00:00.123456789Z|error
postgres  / {"level":"error"}|-|postgres|-|-|error
[pod/web-0/app] 2026-07-11T10:00:00.123456789Z {"level":"error"}|\
web-0|app|-|2026-07-11T10:00:00.123456789Z|error
[pod/web-0/app] ERROR x|web-0|app|-|-|error
2026-07-11T10:00:00.123456789Z {"level":"error"}|-|-|-|2026-07-11T10:00:00.123456789Z|error
2026-07-11T10:00:00Z {"level":"error"}|-|-|-|2026-07-11T10:00:00Z|error
"""


@pytest.mark.parametrize("row", (DEVICES + WORDS + TEXTS + APPLIANCES + CONTAINERS).split("\n"))
def test_the_header_of_every_form_is_read(row):
    if not row:
        return
    message, *wanted = row.replace("  / ", "  ¦ ").split("|")
    line = (STAMP + message.replace("¦", "|")).encode()
    record = ParsedLine(line)
    found = [record.get(name) for name in ("hostname", "app", "pid", "timestamp", "level")]
    # The content's own level is a field of the content, too.
    found[4] = record.level
    assert found == [None if value == "-" else value for value in wanted]
    assert OF_NUMBERS[level_numbers(line + b"\n")[0]] == record.level
    for query in (f"level={record.level}", f"level>={record.level}") if record.level else ():
        assert make_matcher(parse(query)).count(line + b"\n") == 1, query
    assert record.header is not None
    text = record.header.text.decode()
    assert text in (
        "x",
        "ERROR x",
        "x y",
        "x y: rcvd",
        "x y: z",
        "%SPANTREE-3-X: y",
    ) or text.startswith("{")


@pytest.mark.parametrize("names", [["app"], ["hostname", "pid"], ["timestamp", "severity"]])
def test_a_column_of_every_form_is_that_of_its_record(names):
    rows = [row for row in (DEVICES + WORDS + TEXTS + APPLIANCES + CONTAINERS).split("\n") if row]
    messages = [row.replace("  / ", "  ¦ ").split("|")[0].replace("¦", "|") for row in rows]
    usual = ["<13>Jul 11 10:00:00 web1 sshd[7]: 5% x", "<13>Jul 11 10:00:00 cron[1]: x"]
    lines = [(STAMP + message).encode() for message in (*usual, *messages, *usual)]
    columns = FieldReader(names).read(StampedLines(b"\n".join([*lines, b""])))
    for name, column in zip(names, columns, strict=True):
        assert column == [ParsedLine(line).get(name) for line in lines]


@pytest.mark.parametrize(
    "text",
    [
        "last message repeated 3 times",
        "message repeated 2 times: [x]",
        "Last message repeated 3 times",
        "last message buffered 3 times",
        "above message repeats 7 times",
        "Previous message repeated 2 times",
        "Last message 'x y' repeated 3 times",
        "*** last message repeated 2 times ***",
        "--- last message repeated 3 times ---",
        "-- MARK --",
        "+99 is no zone",
    ],
)
def test_a_sentence_of_the_daemon_has_no_host(text):
    header = parse_syslog_header(b"<13>Jul 11 10:00:00 " + text.encode())
    assert header is not None
    assert (header.fields.get("hostname"), header.fields["text"]) == (None, text)


@pytest.mark.parametrize(
    ("data", "fields", "text"),
    [
        ('[good a="1"][bad b=2][also c="3"] x', {"good.a": "1", "also.c": "3"}, "x"),
        ('[a x="1][b y="2"] x', {"b.y": "2"}, "x"),
        ('[bad b=2][good a="1"] x', {"good.a": "1"}, "x"),
        ("[bad b=2] x", {}, "x"),
        ('[good a="1"][bad b=2] x', {"good.a": "1"}, "x"),
        ('[bad b=][good a="]"] x', {"good.a": "]"}, "x"),
        ('[bad b="1" c][good a="1"]', {"good.a": "1"}, ""),
        ("[main thread] x", {}, "[main thread] x"),
    ],
)
def test_a_broken_element_costs_only_itself(data, fields, text):
    header = parse_syslog_header(f"<165>1 2026-07-11T10:00:00Z h a 1 m {data}".encode())
    assert header is not None and header.fields["text"] == text
    assert {name: value for name, value in header.fields.items() if "." in name} == fields


@pytest.mark.parametrize(
    "message",
    ["id | name", "see error %SYS-5-X: y", "100 %C3-4-x", "2026-07-11T10:00:00Z main error: x"],
)
def test_a_text_of_another_form_has_no_header(message):
    assert parse_syslog_header(message.encode()) is None
