"""Lines become runs of one moment, whatever way their times are written, with a year or without."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.importing.dated import DAY, LineMoments
from logsrv.linelog.importing.forms import LEAP_YEAR, SECOND, NewYears


def moment(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1e6)


SECONDS = ((5, b"one"), (12, b"two"), (13, b"three"))
WRITTEN = moment("2026-11-20T12:00:00+00:00")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Nov 20 06:18:42 web1 sshd[1]: hi", "2026-11-20T06:18:42+01:00"),
        ("Nov  9 06:18:42 web1 sshd[1]: hi", "2026-11-09T06:18:42+01:00"),
        ("Dec 31 23:59:59 web1 x: of the year before", "2025-12-31T23:59:59+01:00"),
        ("Feb 29 01:00:00 web1 x: of the last leap year", "2024-02-29T01:00:00+01:00"),
        ("<13>Nov 20 06:18:42 web1 sshd: hi", "2026-11-20T06:18:42+01:00"),
        ("<34>1 2026-11-20T06:18:42.003Z mail su - - -", "2026-11-20T06:18:42.003+00:00"),
        ("2026-11-20T06:18:42.123456+01:00 web x: hi", "2026-11-20T06:18:42.123456+01:00"),
        ("2026-11-20T06:18:42.123456789Z docker", "2026-11-20T06:18:42.123456+00:00"),
        ("2026-11-20 06:18:42,123 INFO python", "2026-11-20T06:18:42.123+01:00"),
        ("2026-11-20 06:18:42.5 +0000 postgres", "2026-11-20T06:18:42.5+00:00"),
        ("2026/11/20 06:18:42 [error] 1#1: nginx", "2026-11-20T06:18:42+01:00"),
        (
            "[Fri Nov 20 06:18:42.123456 2026] [core:error] apache",
            "2026-11-20T06:18:42.123456+01:00",
        ),
        ("[Mon Nov  9 06:18:42 2026] [error] apache 2.2", "2026-11-09T06:18:42+01:00"),
        ("Fri Nov 20 06:18:42 2026 : Info: freeradius", "2026-11-20T06:18:42+01:00"),
        ('{"a":{"time":1},"time":"2026-11-20T06:18:42.5+01:00"}', "2026-11-20T06:18:42.5+01:00"),
        (
            '{"log":"x\\n","stream":"stdout","time":"2026-11-20T06:18:42.123456789Z"}',
            "2026-11-20T06:18:42.123456+00:00",
        ),
        ('{"@timestamp": "2026-11-20T06:18:42Z", "time": 0.25}', "2026-11-20T06:18:42+00:00"),
        ('{"timestamp":"2026-11-20 06:18:42.980 UTC"}', "2026-11-20T06:18:42.98+00:00"),
        ('{"timestamp":"2026-11-20 06:18:42,5"}', "2026-11-20T06:18:42.5+01:00"),
        ('{"ts":1795155522.25}', "2026-11-20T06:18:42.25+00:00"),
        ('{"time":1795155522}', "2026-11-20T06:18:42+00:00"),
        ('{"time":1795155522250}', "2026-11-20T06:18:42.25+00:00"),
        ('{"time":1795155522250001}', "2026-11-20T06:18:42.250001+00:00"),
        ('{"time":1795155522250001999}', "2026-11-20T06:18:42.250001+00:00"),
        ('{"__REALTIME_TIMESTAMP":"1795155522250001"}', "2026-11-20T06:18:42.250001+00:00"),
        *(
            (f'{{"{key}":"2026-11-20T06:18:42.5Z","msg":"x"}}', "2026-11-20T06:18:42.5+00:00")
            for key in ("Timestamp", "@t", "EventTime", "instant", "started_at", "lastTimestamp")
        ),
        ('{"stageTimestamp":"2026-11-20T06:18:42.5Z"}', "2026-11-20T06:18:42.5+00:00"),
        ('{"asctime":"2026-11-20 06:18:42,500"}', "2026-11-20T06:18:42.5+01:00"),
        (
            '{"instant":{"epochSecond":1795155522,"nanoOfSecond":250001999}}',
            "2026-11-20T06:18:42.250001+00:00",
        ),
        (
            '{"timestamp":{"seconds":1795155522,"nanos":250001999}}',
            "2026-11-20T06:18:42.250001+00:00",
        ),
        ('{"time":{"seconds":"1795155522"}}', "2026-11-20T06:18:42+00:00"),
        ('{"t":{"$date":"2026-11-20T06:18:42.5+01:00"}}', "2026-11-20T06:18:42.5+01:00"),
        ('{"time":{"seconds":5},"ts":1795155522}', "2026-11-20T06:18:42+00:00"),
        ('{"time":{"seconds":1e99,"nanos":{}},"ts":1795155522}', "2026-11-20T06:18:42+00:00"),
        ('{"time":{"$date":{"$date":1}},"ts":1795155522}', "2026-11-20T06:18:42+00:00"),
        ('::1 - ann [20/Nov/2026:06:18:42 +0200] "GET /"', "2026-11-20T06:18:42+02:00"),
    ],
)
@pytest.mark.usefixtures("berlin")
def test_the_time_at_the_beginning_is_that_of_the_line(line, expected):
    text = line.encode() + b"\n"
    assert list(LineMoments(WRITTEN).runs_with_moments(text)) == [(moment(expected), text)]


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        '{"time":true}',
        '{"time":"soon","ts":12.5,"timestamp":{}}',
        "{not JSON",
        '{"time":null}',
        '{"time":1e300}',
        '{"a":1}',
        "Nov 31 06:18:42 no such day",
        "2027-11-20T06:18:42Z from the future",
        "",
        "Nov 20",
    ],
)
def test_a_line_without_a_time_to_believe_has_the_time_of_the_file(line):
    dated = LineMoments(WRITTEN)
    assert list(dated.runs_with_moments(line.encode() + b"\n")) == [
        (WRITTEN, line.encode() + b"\n")
    ]
    assert dated.undated == dated.lines == 1


def test_lines_of_a_moment_and_those_without_one_are_one_run():
    first = (
        b"2026-11-20T06:00:00Z a\n<13>2026-11-20T06:00:00Z b\nTraceback\n\n2026-11-20T06:00:00Z c\n"
    )
    second = b"2026-11-20T06:00:00.5Z d\n"
    begin = moment("2026-11-20T06:00:00+00:00")
    assert list(LineMoments(WRITTEN).runs_with_moments(first + second)) == [
        (begin, first),
        (begin + SECOND // 2, second),
    ]


@pytest.mark.usefixtures("berlin")
def test_lines_of_a_few_seconds_are_cut_between_them():
    """Python 3.11.2 matched expressions with possessive groups so that the second line was torn."""
    lines = [b"Nov 20 11:00:%02d web1 a: %b\n" % (n, name) for n, name in SECONDS]
    times = [moment(f"2026-11-20T11:00:{n:02}+01:00") for n, _ in SECONDS]
    assert list(LineMoments(WRITTEN).runs_with_moments(b"".join(lines))) == list(
        zip(times, lines, strict=True)
    )


def test_many_lines_of_a_moment_keep_it_all():
    dated = LineMoments(WRITTEN)
    text = b"2026-11-20T06:00:00Z a\n" + b"\n" * 15_000 + b"2026-11-20T06:00:00Z b\n" * 15_000
    runs = list(dated.runs_with_moments(text))
    assert b"".join(part for _, part in runs) == text and dated.lines == 30_001
    assert {one for one, _ in runs} == {moment("2026-11-20T06:00:00+00:00")}


def test_an_object_without_a_time_belongs_to_the_line_before_it():
    dated = LineMoments(WRITTEN)
    begin = moment("2026-11-20T06:00:00+00:00")
    text = b'{"version":1}\n{"time":"2026-11-20T06:00:00Z"}\n{"x":2}\n{\n  "time": 3\n}\n'
    runs = list(dated.runs_with_moments(text + b'{"ts":"2026-11-20T06:00:01Z"}\n'))
    assert b"".join(part for _, part in runs) == text + b'{"ts":"2026-11-20T06:00:01Z"}\n'
    assert {one for one, _ in runs[:-1]} == {begin} and runs[-1][0] == begin + SECOND
    assert (dated.undated, dated.late) == (1, 0)


def test_what_stands_before_the_first_time_has_that_one():
    dated = LineMoments(WRITTEN)
    begin = moment("2026-11-20T06:00:00+00:00")
    runs = list(dated.runs_with_moments(b"the rest of a line\n2026-11-20T06:00:00Z a\n"))
    assert [one for one, _ in runs] == [begin, begin]
    assert list(dated.runs_with_moments(b"and on\n")) == [(begin, b"and on\n")]
    assert (dated.undated, dated.lines) == (1, 3)


def test_times_never_go_back_and_it_is_told():
    dated = LineMoments(WRITTEN)
    times = [
        one
        for one, _ in dated.runs_with_moments(b"2026-11-20T06:00:09Z a\n2026-11-20T06:00:02Z b\n")
    ]
    assert times == [moment("2026-11-20T06:00:09+00:00")] * 2
    assert (dated.late, dated.latest) == (1, 7 * SECOND)


@pytest.mark.usefixtures("berlin")
def test_the_hour_that_comes_twice():
    dated = LineMoments(WRITTEN)
    text = b"".join(b"Oct 25 02:%02d:00 web x: y\n" % minute for minute in (0, 59, 0, 59))
    times = [one for one, _ in dated.runs_with_moments(text)]
    begin = datetime(2026, 10, 25, 0, 0, tzinfo=UTC).timestamp() * SECOND
    assert [(one - begin) / SECOND / 60 for one in times] == [0, 59, 60, 119]
    assert not dated.late


def test_entries_of_a_journal_have_the_time_of_their_field():
    entries = (
        b'{"__REALTIME_TIMESTAMP":"1763619522123456","MESSAGE":"a"}\n'
        b'{"MESSAGE":"\\"__REALTIME_TIMESTAMP\\":\\"1\\"","__REALTIME_TIMESTAMP":"1763619523000000"}\n'
    )
    assert [one for one, _ in LineMoments(WRITTEN).journal_runs(entries)] == [
        1763619522123456,
        1763619523000000,
    ]


LINES = st.lists(
    st.sampled_from(
        [
            b"Nov 20 06:18:42 a",
            b"Nov 20 06:18:43 a",
            b"2026-11-20T06:18:42.1Z x",
            b"2026-11-20T06:18:42.12Z x",
            b"2026-11-20T06:18:42 x",
            b'1.2.3.4 - - [20/Nov/2026:06:18:42 +0000] "GET /"',
            b'{"time":"2026-11-20T06:18:42Z"}',
            b'{"ts":1795155523,"msg":"x"}',
            b'{"msg":"x"}',
            b"<1>Nov 99 99:99:99",
            b"text",
            b"",
        ]
    )
)


@given(LINES, st.integers(0, 400))
def test_no_byte_is_lost_and_it_does_not_matter_where_it_is_cut(lines, at):
    """Against the same lines one by one."""
    whole, single, cut = (LineMoments(WRITTEN) for _ in range(3))
    text = b"".join(line + b"\n" for line in lines)
    runs = list(whole.runs_with_moments(text))
    assert b"".join(part for _, part in runs) == text
    slow = [run for line in lines for run in single.runs_with_moments(line + b"\n")]
    # What stands before the first time needs to see it.
    begin = next((n for n, (one, _) in enumerate(slow) if one != WRITTEN), None)
    if begin == 0:
        fast = [(one, line + b"\n") for one, part in runs for line in part[:-1].split(b"\n")]
        assert fast == slow
    line_start = text.rfind(b"\n", 0, at) + 1
    again = [*cut.runs_with_moments(text[:line_start]), *cut.runs_with_moments(text[line_start:])]
    assert b"".join(part for _, part in again) == text
    assert whole.lines == single.lines == len(lines)


def test_lines_a_day_younger_than_the_file_are_believed():
    dated = LineMoments(WRITTEN - DAY)
    assert next(iter(dated.runs_with_moments(b"2026-11-20T11:59:59Z a\n")))[0] == WRITTEN - SECOND


@pytest.mark.parametrize(
    ("dates", "written", "years"),
    [
        (["01-05", "05-05", "01-06"], "2026-01-07", [2025, 2025, 2026]),
        (["01-05", "05-05", "01-06"], "2026-12-07", [2025, 2025, 2026]),
        (["11-05", "12-05"], "2026-01-07", [2025, 2025]),
        (["12-30", "12-31", "01-01"], "2026-01-01", [2025, 2025, 2026]),
        ([f"{month:02}-03" for month in range(1, 13)] * 2, "2025-12-31", [2024] * 12 + [2025] * 12),
        (
            [f"{month:02}-03" for month in range(1, 13)] * 3,
            "2026-02-01",
            [2023] * 12 + [2024] * 12 + [2025] * 12,
        ),
        # A step back of days is disorder.
        (["11-20", "11-10", "11-21", "11-19"], "2026-11-25", [2026] * 4),
        (
            ["12-31", "01-01", "12-31", "01-02", "12-30", "01-03"],
            "2026-02-01",
            [2025, 2026, 2025, 2026, 2025, 2026],
        ),
        (["01-01", "12-31", "01-01", "01-02"], "2026-01-03", [2026, 2025, 2026, 2026]),
        (["01-03", "12-20", "01-03"], "2026-01-04", [2025, 2025, 2026]),
        (["06-01", "05-20", "05-10", "04-25"], "2026-07-01", [2025, 2025, 2025, 2026]),
        # 29 February is only in leap years.
        (["02-29"], "2026-01-07", [2024]),
        (["02-29"], "1903-01-07", [1896]),
        (["02-29", "05-05", "01-06"], "2026-01-07", [2024, 2024, 2025]),
        (["05-05", "02-29", "03-01"], "2024-03-02", [2023, 2024, 2024]),
        (["02-28", "02-29", "02-28", "03-01"], "2024-03-02", [2024] * 4),
        (["12-31", "01-01"] * 2, "2026-06-01", [2025, 2026, 2025, 2026]),
    ],
)
def test_years_are_counted_back_from_the_last_change(dates, written, years):
    found = NewYears()
    passed = [found.passed_before(datetime.fromisoformat(f"{LEAP_YEAR}-{date}")) for date in dates]
    first = found.first_year(datetime.fromisoformat(written))
    assert [first + number for number in passed] == years
