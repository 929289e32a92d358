"""Times for --since and --until."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.query.times import parse_moment

NOW = datetime(2026, 11, 20, 6, 18, 42, tzinfo=UTC).timestamp()


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time an hour ahead of UTC."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "utc", "local"),
    [
        ("2026-11-20T06:18:42Z", "2026-11-20T06:18:42", "2026-11-20T06:18:42"),
        ("2026-11-20t06:18:42.25z", "2026-11-20T06:18:42.25", "2026-11-20T06:18:42.25"),
        (
            "2026-11-20T06:18:42.123456789+02:00",
            "2026-11-20T04:18:42.123456",
            "2026-11-20T04:18:42.123456",
        ),
        ("2026-11-20 06:00-0130", "2026-11-20T07:30:00", "2026-11-20T07:30:00"),
        ("2026-11-20", "2026-11-20T00:00:00", "2026-11-19T23:00:00"),
        ("2026-07-20", "2026-07-20T00:00:00", "2026-07-19T22:00:00"),
        ("2026-11-20 06:00", "2026-11-20T06:00:00", "2026-11-20T05:00:00"),
        ("2026-11-20T06:00:01", "2026-11-20T06:00:01", "2026-11-20T05:00:01"),
        ("06:00", "2026-11-20T06:00:00", "2026-11-20T05:00:00"),
        ("today", "2026-11-20T00:00:00", "2026-11-19T23:00:00"),
        ("yesterday", "2026-11-19T00:00:00", "2026-11-18T23:00:00"),
        ("yesterday 12:30", "2026-11-19T12:30:00", "2026-11-19T11:30:00"),
        ("today - 7d", "2026-11-13T00:00:00", "2026-11-12T23:00:00"),
        ("yesterday-1w 12:30", "2026-11-12T12:30:00", "2026-11-12T11:30:00"),
        ("now", "2026-11-20T06:18:42", "2026-11-20T06:18:42"),
        ("90s", "2026-11-20T06:17:12", "2026-11-20T06:17:12"),
        ("30m", "2026-11-20T05:48:42", "2026-11-20T05:48:42"),
        ("2h", "2026-11-20T04:18:42", "2026-11-20T04:18:42"),
        ("7d", "2026-11-13T06:18:42", "2026-11-13T06:18:42"),
        ("1w", "2026-11-13T06:18:42", "2026-11-13T06:18:42"),
        ("-1h", "2026-11-20T05:18:42", "2026-11-20T05:18:42"),
        ("1 hour ago", "2026-11-20T05:18:42", "2026-11-20T05:18:42"),
        ("2  days ago", "2026-11-18T06:18:42", "2026-11-18T06:18:42"),
        ("90 seconds ago", "2026-11-20T06:17:12", "2026-11-20T06:17:12"),
        ("1 minute ago", "2026-11-20T06:17:42", "2026-11-20T06:17:42"),
        ("3 weeks ago", "2026-10-30T06:18:42", "2026-10-30T06:18:42"),
        ("@1795155522", "2026-11-20T06:18:42", "2026-11-20T06:18:42"),
        ("@1795155522.25", "2026-11-20T06:18:42.25", "2026-11-20T06:18:42.25"),
        ("2026-12-31T23:59:60Z", "2027-01-01T00:00:00", "2027-01-01T00:00:00"),
    ],
)
@pytest.mark.usefixtures("berlin")
def test_each_form_of_a_moment_is_parsed(text, utc, local):
    for expected, in_utc in ((utc, True), (local, False)):
        assert (
            parse_moment(text, NOW, in_utc)
            == datetime.fromisoformat(expected + "+00:00").timestamp()
        )


@pytest.mark.usefixtures("berlin")
def test_today_is_the_local_day():
    late = datetime(2026, 11, 19, 23, 30, tzinfo=UTC).timestamp()
    assert parse_moment("today", late, False) == datetime(2026, 11, 19, 23, tzinfo=UTC).timestamp()
    assert parse_moment("today", late, True) == datetime(2026, 11, 19, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "tomorrow",
            "5",
            "h",
            "--5m",
            "5 m",
            "5m ago",
            "1 month ago",
            "hour ago",
            "1H",
            "@",
            "@-1",
            "@1.",
            "@999999999999",
            "2026-13-01",
            "2026-02-30",
            "24:00",
            "6:00",
            "06:60",
        ),
        *(
            "2026-11-20T",
            "2026-11-20T06",
            "2026-11-20T06:00:00+25:00",
            "2026-11-20T06:00:00+01:60",
            "999999999999d",
        ),
        *("2026-11-20T06:00:00 CET", "\x1b[2J", "0000-01-01", "٣0m", "today06:00", "06:00:99"),
    ],
)
def test_what_is_no_time_is_one_sentence(text):
    with pytest.raises(ValueError) as caught:
        parse_moment(text, NOW, True)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


@given(st.floats(0, 4e9))
def test_what_the_store_writes_is_read_back(when):
    assert abs(parse_moment(rfc3339(when), NOW, bool(os.getpid() % 2)) - when) < 2e-6
