"""Each form of the list is read as people write it, and nothing is read that only looks like one."""

import re
import time
from datetime import datetime
from pathlib import Path

import pytest

from logsrv.linelog.fields import zone_names
from logsrv.linelog.fields.forms.syslog.one import parse_syslog_header
from logsrv.linelog.importing.dated import LineMoments
from logsrv.linelog.importing.forms import FORMS, SECOND, match_time_form

pytestmark = pytest.mark.usefixtures("berlin")


def moment(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1e6)


DOCUMENT = Path(__file__).parents[3] / "docs" / "inputs.md"
WRITTEN = moment("2026-11-20T12:00:00+00:00")
THEN = "2026-11-20T06:18:42"


def read(line: str, written: int = WRITTEN) -> LineMoments:
    dated = LineMoments(written, exact=True)
    for _ in dated.runs_with_moments(line.encode() + b"\n"):
        pass
    return dated


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.name}: {form.example}")
def test_the_example_of_a_form_is_read_as_that_and_the_documents_have_it(form):
    line = form.example
    dated = read(line + (" x" if not line.endswith("|") else "x"))
    if form.name == "day/month/year":
        assert dated.day_first
    assert dated.forms == {form.name: 1} and not dated.without
    [row] = [row for row in DOCUMENT.read_text().splitlines() if row.startswith(f"- {form.name}: ")]
    assert f"`{line.strip()}`" in row


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.name}: {form.example}")
def test_a_match_has_the_places_of_the_whole_text(form):
    before = b"a line of before\n"
    line = form.example.encode() + b" x\n"
    name, alone = match_time_form(line, 0)
    behind, found = match_time_form(before + line, len(before))
    assert (behind, found.start(), found.end()) == (
        name,
        len(before) + alone.start(),
        len(before) + alone.end(),
    )
    assert found.groupdict() == alone.groupdict()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ts=2026-11-20T06:18:42.5Z level=info", f"{THEN}.5+00:00"),
        ('time="2026-11-20T06:18:42+02:00" level=info msg=x', f"{THEN}+02:00"),
        ("t=2026-11-20T06:18:42+0000 lvl=info", f"{THEN}+00:00"),
        (
            'level=info msg="a \\" time=2026-01-01T00:00:00Z" ts=1795155522.25 x=1',
            f"{THEN}.25+00:00",
        ),
        ("ts=1795155522250 x=1", f"{THEN}.25+00:00"),
        ("ts=1795155522250001 x=1", f"{THEN}.250001+00:00"),
        ("ts=1795155522250001999", f"{THEN}.250001+00:00"),
        ("date=2026-11-20 time=06:18:42 devname=fw", f"{THEN}+01:00"),
        ("E1120 06:18:42.123456       1 main.go:7] x", f"{THEN}.123456+01:00"),
        ("I20261120 06:18:42.123456  1 main.cc:7] x", f"{THEN}.123456+01:00"),
        ("11-20 06:18:42.123 D/Tag( 1702): x", f"{THEN}.123+01:00"),
        ("26/11/20 06:18:42 WARN util.Utils: x", f"{THEN}+01:00"),
        ("[2026-11-20 06:18:42,123: INFO/MainProcess] celery", f"{THEN}.123+01:00"),
        ("[2026-11-20T06:18:42,123][INFO ][o.e.n.Node] x", f"{THEN}.123+01:00"),
        ("I, [2026-11-20T06:18:42.123456 #42]  INFO -- : rails", f"{THEN}.123456+01:00"),
        ("[INFO] 2026-11-20 06:18:42,123 x", f"{THEN}.123+01:00"),
        ("2026-11-20 06:18:42.980 UTC [42] LOG:  x", f"{THEN}.98+00:00"),
        ("2026-11-20  6:18:42 0 [Note] mariadb", f"{THEN}+01:00"),
        ("261120 06:18:42\t    1 Connect x", f"{THEN}+01:00"),
        ("20-Nov-2026 06:18:42.123 INFO [main] org.apache.catalina x", f"{THEN}.123+01:00"),
        ("[20-Nov-2026 06:18:42 UTC] PHP Warning:  x", f"{THEN}+00:00"),
        ("[20-Nov-2026 06:18:42 Asia/Tokyo] PHP Warning:  x", f"{THEN}+09:00"),
        ("Nov 20, 2026 6:18:42 PM org.apache.x run", "2026-11-20T18:18:42+01:00"),
        ("Nov 20, 2026 12:18:42\u202fAM org.apache.x run", "2026-11-20T00:18:42+01:00"),
        ("1234:M 20 Nov 2026 06:18:42.123 * Ready", f"{THEN}.123+01:00"),
        ("[1234] 20 Nov 06:18:42.123 * Ready", f"{THEN}.123+01:00"),
        ("1795155522.123    42 10.0.0.1 TCP_MISS/200 612 GET x", f"{THEN}.123+00:00"),
        ("KERNDTLB 1795155522 2026.11.20 R02 x", f"{THEN}+00:00"),
        ("2272849 full partition status 1795155522 -1 running", f"{THEN}+00:00"),
        ("20261120-6:18:2:6|Step|3|x", "2026-11-20T06:18:02.006+01:00"),
        ("Nov 9 06:18:42 web1 x: y", "2026-11-09T06:18:42+01:00"),
        ("Nov 20 2026 06:18:42: %ASA-6-302013: x", f"{THEN}+01:00"),
        ("Thu Nov 19 06:18:42.123 <airportd[42]> x", "2026-11-19T06:18:42.123+01:00"),
        ('10.0.0.1 - - [20/Nov/2026 06:18:42] "GET / HTTP/1.1" 200 -', f"{THEN}+01:00"),
        ('[20/Nov/2026 06:18:42] "GET / HTTP/1.1" 200 1', f"{THEN}+01:00"),
        ('{"t":{"$date":"2026-11-20T06:18:42.5+01:00"},"s":"I"}', f"{THEN}.5+01:00"),
        ('{"@t":"2026-11-20T06:18:42.5Z","@m":"x"}', f"{THEN}.5+00:00"),
        ("11/20/2026 6:18:42 PM x", "2026-11-20T18:18:42+01:00"),
        ("20-11-2026 06:18:42 x", f"{THEN}+01:00"),
        ("2026-11-20 06:18:42 PM x", "2026-11-20T18:18:42+01:00"),
        ("2026-11-20 18:18:42 PM x", "2026-11-20T18:18:42+01:00"),
        ("2026-11-20 06:18:42-05 x", f"{THEN}-05:00"),
        ("2026-11-20 06:18:42.123 +03 [42] LOG:  x", f"{THEN}.123+03:00"),
        ("2026-11-20 06:18:42 UTC+2 x", f"{THEN}+02:00"),
        ("2026-11-20 06:18:42 GMT-03:30 x", f"{THEN}-03:30"),
        ('{"time":"2026-11-20 06:18:42+02","x":1}', f"{THEN}+02:00"),
        ("2026-11-9 6:18:42 p.m. x", "2026-11-09T18:18:42+01:00"),
        ("11/20/2026, 6:18:42\u202fPM x", "2026-11-20T18:18:42+01:00"),
        ("11/20/2026 12:18:42am x", "2026-11-20T00:18:42+01:00"),
        ("20/11/2026 06:18:42 +0200 x", f"{THEN}+02:00"),
        ("[20/11/2026 06:18:42] x", THEN),
        ("[20.11.2026 06:18:42] x", THEN),
        ("20.11.2026 06:18:42 UTC x", f"{THEN}+00:00"),
        ("20-Nov-2026 06:18:42.123 -0500 x", f"{THEN}.123-05:00"),
        ("Nov 20, 2026 06:18:42 PM UTC x", "2026-11-20T18:18:42+00:00"),
        ("Nov 20 06:18:42.123 UTC: %SYS-5-CONFIG_I: x", f"{THEN}.123+00:00"),
        ("Fri Nov 20 06:18:42 UTC 2020 x", "2020-11-20T06:18:42+00:00"),
        ("Fri Nov 20 06:18:42 PM UTC 2020: x", "2020-11-20T18:18:42+00:00"),
        ("Fri Nov 20 06:18:42 CST 2020 x", "2020-11-20T06:18:42+01:00"),
        ("Fri 20 Nov 2020 06:18:42 PM UTC x", "2020-11-20T18:18:42+00:00"),
        ("Fri Nov 20 2026 06:18:42 GMT+0200 (EET) x", f"{THEN}+02:00"),
    ],
)
def test_a_line_has_the_time_that_it_says(line, expected):
    dated = read(line)
    assert dated.said == moment(expected) and not dated.without


# What stands behind a time, and the offset that it says; L is local time, here +01:00.
ZONES = """
+00:00|Z
+00:00|z
+00:00| Z
+00:00| UTC
+00:00| utc
+00:00|UTC
+00:00| GMT:
+00:00| (UTC)
+00:00| [UTC]
+00:00| UTC-4242
+00:00| Etc/UTC
+01:00| CET-shop
+02:00| UTC+2
+05:30| UTC+05:30
-03:30| GMT-0330
+01:00| GMT+0100 (CET)
+09:00| GMT+9:10.0.0.9(50000)
+07:00| +07
+07:00| +07: LOG:  x
+07:00| +07 LOG:  x
+07:00| +07 ann@shop LOG:  x
+07:00| +07,"ann","shop"
+07:00| +07 [42]
-03:00| -03 pid=4
+07:00|+07:10.0.0.9(50000):ann@shop
+03:00| +03:10.0.0.9(50000):ann@shop
+03:00| +03:127.0.0.1(50000):
+03:00| +03:30.0.0.9(50000):
+03:00| +03:2001:db8::1(50000):
+03:00| +03:[local]:
+03:30| +03:30 [42]
+05:45| +05:45:10.0.0.9(50000):
+05:30| +0530:10.0.0.9(50000):
+05:30|+0530
-05:00|-05
+14:00| +14
-12:00| -12:00
+09:00| +0900 JST m=+0.0
+01:00|+01:00[Europe/Paris]
+09:00|[Asia/Tokyo]
+05:30| Asia/Kolkata
-05:00| US/Eastern
L| +99
L|+99:00
L| +9900
L| +15
L| -15
L| +0060
L| +10%
L| +10.5
L| +10x
L| -10-12
L| POST
L| INFO
L| EST-SW1
L| WIT.example.org
L| CAT-42
L| cest
L| Sales/North
L| (main)
"""
CLOCKS = {
    "RFC 3339": "2026-11-20 06:18:42",
    "RFC 3339 in a bracket": "[2026-11-20T06:18:42.5",
    "unpadded": "2026-11-20 6:18:42",
    "RFC 5322": "Fri, 20 Nov 2026 06:18:42",
    "Tomcat, BIND, PHP": "20-Nov-2026 06:18:42.5",
    "java.util.logging": "Nov 20, 2026 6:18:42.5",
    "day.month.year": "20.11.2026 06:18:42",
    "day/month/year": "20/11/2026 06:18:42",
    "a fraction behind a colon": "2026-11-20 06:18:42:500",
    "slow log": "# Time: 2026-11-20T06:18:42.5",
}


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("zone", ZONES.strip().splitlines())
def test_a_zone_behind_a_time_of_any_form_is_read(clock, zone):
    offset, _, behind = zone.partition("|")
    dated = read(f"{CLOCKS[clock]}{behind} x")
    half = ".5" if "5" in CLOCKS[clock][-6:] else ""
    assert dated.said == moment(f"{THEN}{half}{'+01:00' if offset == 'L' else offset}")
    assert not dated.unclear_zones


HEADERS = {
    "Nov 20 06:18:42{} web1 sshd[7]: x": True,
    "<13>Nov 20 06:18:42{} web1 sshd[7]: x": True,
    "Nov 20 06:18:42.5{}: x": True,
    "*Nov 20 06:18:42.5{}: %SYS-5-CONFIG_I: x": True,
    "Nov 20 2026 06:18:42{}: %ASA-6-302013: x": True,
    "<13>Nov 20 2026 06:18:42{} web1 sshd[7]: x": True,
    "Nov 20 06:18:42 2026{} web1 sshd[7]: x": True,
    "Nov 20 06:18:42{} 2026 web1 sshd[7]: x": True,
    "2026 Nov 20 06:18:42{}: %ETHPORT-5-IF_UP: x": True,
    "Fri Nov 20 06:18:42{} 2026 x": True,
    "[Fri Nov 20 06:18:42.5 2026{}] x": True,
    "Nov 20 06:18:42{}.example.org sshd[7]: x": False,
    "Nov 20 06:18:42{}-sw1 sshd[7]: x": False,
    "Nov 20 06:18:42 PM{} web1 sshd[7]: x": True,
}


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize(
    ("zone", "offset"),
    [
        (" KST", "+09:00"),
        (" AEDT", "+11:00"),
        (" +07", "+07:00"),
        (" +0545", "+05:45"),
        (" UTC", "+00:00"),
    ],
)
def test_a_header_has_the_zone_that_is_a_word_of_its_own(header, zone, offset):
    half = ".5" if ".5" in header else ""
    hour = "18" if "PM" in header else "06"
    expected = f"2026-11-20T{hour}:18:42{half}{offset if HEADERS[header] else '+01:00'}"
    written = moment("2026-11-21T12:00:00+00:00")
    assert read(header.format(zone), written).said == moment(expected)


@pytest.mark.parametrize("name", zone_names.NAMES)
def test_a_name_is_the_same_zone_in_files_and_no_host_in_headers(name):
    offset = zone_names.MINUTES.get(name)
    expected = moment(f"{THEN}+00:00") - (60 if offset is None else offset) * 60 * SECOND
    for line in (f"2026-11-20 06:18:42 {name} [42] LOG:  x", f"Fri Nov 20 06:18:42 {name} 2026: x"):
        dated = read(line)
        assert dated.said == expected
        assert dated.unclear_zones == ({name: 1} if name in zone_names.AMBIGUOUS else {})
    assert re.fullmatch(zone_names.LIKE_NAME + rb"|GMT", name.encode())
    header = parse_syslog_header(f"<13>Nov 20 06:18:42 {name} web1 sshd[7]: x".encode())
    assert header is not None and header.fields["hostname"] == "web1"


@pytest.mark.parametrize(
    ("zone", "line", "expected", "unclear"),
    [
        ("Asia/Kolkata", "2026-11-20 06:18:42 IST x", f"{THEN}+05:30", 0),
        ("Europe/Dublin", "2026-07-20 06:18:42 IST x", "2026-07-20T06:18:42+01:00", 0),
        ("Asia/Jerusalem", "2026-07-20 06:18:42 IST x", "2026-07-20T06:18:42+02:00", 0),
        ("Asia/Shanghai", "Fri Nov 20 06:18:42 CST 2026", f"{THEN}+08:00", 0),
        ("America/Chicago", "2026-11-20 06:18:42 CST x", f"{THEN}-06:00", 0),
        ("Europe/London", "2026-07-20 06:18:42 BST x", "2026-07-20T06:18:42+01:00", 0),
        ("Asia/Manila", "2026-11-20 06:18:42 PST x", f"{THEN}+08:00", 0),
        ("Europe/Berlin", "2026-11-20 06:18:42 PST x", f"{THEN}-08:00", 0),
        ("Europe/Berlin", "2026-07-20 06:18:42 IST x", "2026-07-20T06:18:42+02:00", 1),
        ("Europe/Berlin", "Fri Nov 20 06:18:42 XYZ 2026", f"{THEN}+01:00", 1),
        ("Europe/Berlin", "Fri Nov 20 06:18:42 XYZT 2026", f"{THEN}+01:00", 1),
        ("Europe/Berlin", "2026-10-25 02:30:00 CET x", "2026-10-25T02:30:00+01:00", 0),
        ("Europe/Berlin", "2026-10-25 02:30:00 CEST x", "2026-10-25T02:30:00+02:00", 0),
        ("America/New_York", "2026-07-20 06:18:42 EST x", "2026-07-20T06:18:42-05:00", 0),
    ],
)
def test_a_name_of_the_local_zone_is_that_one_and_an_unclear_one_is_counted(
    monkeypatch, zone, line, expected, unclear
):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    dated = read(line)
    assert dated.said == moment(expected) and dated.unclear_zones.total() == unclear


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('10.0.0.1 - - [20/Nov/2026:06:18:42.123 +0000] "GET /" 200 1', f"{THEN}.123+00:00"),
        ('10.0.0.1 - - [20/Nov/2026:06:18:42 +05:30] "GET /" 200 1', f"{THEN}+05:30"),
        ('10.0.0.1 - - [20/Nov/2026:06:18:42 KST] "GET /" 200 1', f"{THEN}+09:00"),
        ('10.0.0.1 - - [20/Nov/2026:06:18:42Z] "GET /" 200 1', f"{THEN}+00:00"),
        ('10.0.0.1 - - [20/Nov/2026:06:18:42  -0500] "GET /" 200 1', f"{THEN}-05:00"),
        ('10.0.0.1 - Ann Lee [20/Nov/2026:06:18:42 +0000] "GET /" 200 1', f"{THEN}+00:00"),
        ('10.0.0.1  -  - [20/Nov/2026:06:18:42 +0000] "GET /" 200 1', f"{THEN}+00:00"),
        ("10.0.0.1:5000 [20/Nov/2026:06:18:42.123] http b/s1 1/2 200", f"{THEN}.123+01:00"),
        (f"{'7f' * 32} bucket [20/Nov/2026:06:18:42 +0000] 192.0.2.3", f"{THEN}+00:00"),
        ("h2 2026-11-20T06:18:42.5Z app/lb/1 10.0.0.1:1 10.0.0.2:80 0.1", f"{THEN}.5+00:00"),
        ("wss 2026-11-20T06:18:42.5Z app/lb/1 10.0.0.1:1 - 0.1", f"{THEN}.5+00:00"),
        ("tls 2.0 2026-11-20T06:18:42 net/lb/1 x", f"{THEN}+00:00"),
        ("2 123456789010 eni-12b 10.0.0.1 10.0.0.2 20 22 6 20 42 1795155522 1795155582 ACCEPT OK",
         f"{THEN}+00:00"),
        ("# Time: 2026-11-20T06:18:42.123456+09:00", f"{THEN}.123456+09:00"),
        ("# Time: 261120  6:18:42", f"{THEN}+01:00"),
        ("2026-11-20\t06:18:42\tFRA2-C1\t1045619\t192.0.2.1", f"{THEN}+00:00"),
        ("2026-11-20\t06:18:42\t192.0.2.1\tGET", f"{THEN}+01:00"),
        ('date=2026-11-20 time=06:18:42 devname="f" eventtime=17 tz="-0330" x=1', f"{THEN}-03:30"),
        ('date=2026-11-20 time=06:18:42 timezone="AEDT" x=1', f"{THEN}+11:00"),
        ("2026-11-20t06:18:42z x", f"{THEN}+00:00"),
        ('{"time":"2026-11-20 06:18:42 +07"}', f"{THEN}+07:00"),
        ('{"time":"2026-11-20 06:18:42.5 +0900 JST"}', f"{THEN}.5+09:00"),
        ('{"time":"Nov 20 06:18:42 KST"}', f"{THEN}+09:00"),
        ("2026-11-20 06:18:42.5 PM +0900 x", "2026-11-20T18:18:42.5+09:00"),
        ("Nov 20, 2026, 6:18:42 PM x", "2026-11-20T18:18:42+01:00"),
    ],
)  # fmt: skip
def test_a_line_of_a_known_program_has_its_time(line, expected):
    written = moment("2026-11-21T12:00:00+00:00")
    assert read(line, written).said == moment(expected)


@pytest.mark.parametrize(
    "line",
    [
        "31/02/2026 06:18:42 no such day",
        "2026-02-31 06:18:42 no such day",
        "[31-Feb-2026 06:18:42] no such day",
        "ts=2026-13-01T06:18:42Z no such month",
        "Feb 31 06:18:42 no such day",
        "02-31 06:18:42.123  1702  2395 D no such day",
        "2026-11-20 25:18:42 no such hour",
        "Nov 20, 2026 24:18:42 PM no such hour",
        "1969-12-31 06:18:42Z before all times",
        "2101-01-01 06:18:42Z after all times",
        "ts=4133980800 after all times",
        "[20-Nov-2026 06:18:42 Nowhere/City] x",
        "05/06/2026 06:18:42 May or June",
        "5-6-2026 06:18:42 May or June",
    ],
)
@pytest.mark.parametrize("written", [WRITTEN, 5_000_000_000_000_000])
def test_a_date_that_is_none_or_may_be_two_is_not_believed_and_counted(line, written):
    dated = read(line, written)
    assert dated.said is None and dated.without == 1
    assert dated.unbelieved + dated.unclear == 1


@pytest.mark.parametrize(
    "line",
    [
        "17/06/09 20:10:40 which of them is the year",
        "08-11 20:10:40.123 month or day",
        "[10.30 16:49:06] of no known program",
        "081109 203615 two numbers",
        "1795155522 is a number",
        "t=12 took=3",
        "time=42ms level=info",
        "ts=1795155522ms",
        "ts=1795155522.5.1",
        "06:18:42.123 [main] INFO only of a day",
        "the backup of 2026-11-20 06:18:42 is done",
        "expires 2026-11-20T06:18:42Z",
        "I1120 were sent",
        "12345:M said",
    ],
)
def test_a_line_that_may_mean_something_else_says_no_time(line):
    dated = read(line)
    assert dated.said is None and dated.without == 1 and not dated.unbelieved


@pytest.mark.parametrize(
    ("written", "line", "expected"),
    [
        ("2027-01-02T00:00:00", "Dec 31 23:59:59 web1 x", "2026-12-31T23:59:59"),
        ("2027-01-02T00:00:00", "Jan  1 00:00:01 web1 x", "2027-01-01T00:00:01"),
        ("2026-12-31T23:59:59", "Jan 1 00:00:01 web1 x", "2027-01-01T00:00:01"),
        ("2026-12-31T23:59:59", "Jan 3 00:00:01 web1 x", "2026-01-03T00:00:01"),
        ("2027-01-01T00:00:05", "12-31 23:59:59.500  17  23 D x", "2026-12-31T23:59:59.5"),
        ("2027-01-01T00:00:05", "E1231 23:59:59.500000  17 a.go:1] x", "2026-12-31T23:59:59.5"),
        ("2027-01-01T00:00:05", "[12.31 23:59:59] a.exe - b:443 x", "2026-12-31T23:59:59"),
    ],
)
def test_a_year_that_is_missing_near_new_year(written, line, expected):
    assert read(line, moment(written)).said == moment(expected)


def test_lines_of_a_minute_have_their_seconds_and_fractions():
    lines = [b"[2026-11-20 06:18:%02d.%03d] x\n" % (n, n * 7) for n in range(60)]
    lines.append(b"[2026-11-20 06:18:59.5 -0100] x\n")
    single = [read(line.decode().strip()).said for line in lines]
    assert [one for one, _ in LineMoments(WRITTEN).runs_with_moments(b"".join(lines))] == single
    assert single[60] == moment("2026-11-20T06:18:59.5-01:00")


def test_times_that_begin_in_the_same_way_are_read_each():
    said = (
        "",
        " PM",
        " pm",
        " UTC",
        " MSK",
        "+0200",
        " +0200",
        "+02",
        " GMT+3",
        " UTC-1",
        " +03",
        "Z",
        "z",
        " Z",
        " AEDT",
        " utc",
        " (UTC)",
        " [UTC]",
        " WITA",
        " US/Eastern",
        ":500",
        " INFO",
        " POST",
    )
    lines = [f"20/11/2026 06:18:42{end}\n".encode() for end in said]
    single = {line: read(line.decode().strip()).said for line in lines}
    assert len(set(single.values())) == 10
    for first in lines:
        for second in lines:
            found = LineMoments(WRITTEN)
            expected = max(single[first] or 0, single[second] or 0)
            assert [one for one, _ in found.runs_with_moments(first + second)][-1] == expected
