"""Each form of the list is read as people write it, and nothing is read that only looks like one."""

from datetime import datetime
from pathlib import Path

import pytest

from logsrv.linelog.importing.dated import LineMoments
from logsrv.linelog.importing.forms import FORMS, match_time_form

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
        *(
            (f"2026-11-20 06:18:42 {zone} [42] LOG:  x", f"{THEN}{offset}:00")
            for offset, zones in {
                "+00": "UTC GMT WET",
                "+01": "WEST CET",
                "+02": "CEST EET",
                "+03": "EEST MSK",
                "+09": "JST",
                "-04": "EDT",
                "-05": "EST",
                "-06": "MDT",
                "-07": "MST PDT",
                "-08": "PST",
            }.items()
            for zone in zones.split()
        ),
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
        ("2026-11-20 06:18:42 +10 lines", f"{THEN}+01:00"),
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
    said = ("", " PM", " pm", " UTC", " MSK", "+0200", " +0200", "+02", " GMT+3", " UTC-1")
    lines = [f"20/11/2026 06:18:42{end}\n".encode() for end in said]
    single = {line: read(line.decode().strip()).said for line in lines}
    assert len(set(single.values())) == 6
    for first in lines:
        for second in lines:
            found = LineMoments(WRITTEN)
            expected = max(single[first] or 0, single[second] or 0)
            assert [one for one, _ in found.runs_with_moments(first + second)][-1] == expected
