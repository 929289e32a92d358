"""Steps of time in the zone of a reader, against plain Python: of one moment, and of many at once."""

from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import numpy
import pytest

from logsrv.linelog.query.times import parse_steps
from logsrv.linelog.steps.step_arrays import steps_of
from logsrv.linelog.steps.step_words import sensible_steps
from logsrv.linelog.steps.steps import Steps, shifted
from logsrv.linelog.steps.zones import zone_name

ZONES = (
    "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Africa/Cairo", "America/Sao_Paulo",
    "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns", "UTC",
)  # fmt: skip
WORDS = (
    "1m",
    "7m",
    "20m",
    "45m",
    "1h",
    "2h",
    "6h",
    "36h",
    "1d",
    "3d",
    "1w",
    "2w",
    "1mo",
    "3mo",
    "1y",
)
FIRST, LAST = 315_532_800, 2_208_988_800
"""The years 1980 and 2040."""
# At which clocks are changed: the last Sundays of spring and autumn, midnight, a whole day.
CHANGES = {
    "Europe/Berlin": ("2026-03-29T01:00Z", "2026-10-25T01:00Z"),
    "America/New_York": ("2026-03-08T07:00Z", "2026-11-01T06:00Z"),
    "Asia/Kolkata": ("2026-01-01T00:00Z",),
    "Africa/Cairo": ("2026-04-23T22:00Z", "2026-10-29T21:00Z"),
    "America/Sao_Paulo": ("2018-11-04T03:00Z", "2019-02-17T02:00Z"),
    "Australia/Lord_Howe": ("2026-04-04T15:00Z", "2026-10-03T15:30Z"),
    "Pacific/Apia": ("2011-12-30T10:00Z",),
    "America/St_Johns": ("2009-11-01T02:31Z", "2010-03-14T03:31Z"),
    "UTC": ("2026-01-01T00:00Z",),
}


def moments(zone: str, random: Random, count: int) -> list[int]:
    """Whole seconds, many of them near changes of the zone's clocks."""
    changes = [round(datetime.fromisoformat(one).timestamp()) for one in CHANGES[zone]]
    near = [
        random.choice(changes)
        + random.choice([-1, 0, 1]) * random.choice([1, 1800, 3600, 90_000])
        + random.randrange(-5000, 5000) * random.randrange(2)
        for _ in range(count)
    ]
    return [random.choice([one, random.randrange(FIRST, LAST)]) for one in near]


def clock(second: int, zone: str) -> datetime:
    """What clocks show at a moment."""
    return datetime.fromtimestamp(second, ZoneInfo(zone)).replace(tzinfo=None)


def offset_at(second: int, zone: str) -> int:
    """The seconds by which clocks are ahead of UTC."""
    return round((clock(second, zone) - clock(second, "UTC")).total_seconds())


def multiple(wall: datetime, word: str) -> datetime:
    """The last time of clocks, not after this one, at which a step of the word's length begins."""
    steps = parse_steps(word)
    if steps.months:
        months = (wall.year * 12 + wall.month - 1) // steps.months * steps.months
        return datetime(months // 12, months % 12 + 1, 1)
    base = datetime(1970, 1, 1) if steps.seconds % 604_800 else datetime(1970, 1, 5)
    size = timedelta(seconds=steps.seconds)
    return base + (wall - base) // size * size


def start_by_search(second: int, word: str, zone: str) -> int:
    """The start of a step, looked for second by second of the clock, from a time before it on."""
    steps = parse_steps(word)
    if steps.seconds > 3600:
        # The first moment at which clocks show the multiple or more; the last one of those until now.
        found = None
        wall = multiple(clock(second, zone), word)
        for wanted in (wall, multiple(wall + timedelta(seconds=1.6 * steps.seconds), word)):
            at = round(wanted.replace(tzinfo=UTC).timestamp())
            # Sure to be no later than it: no change is far away, and offsets are whole minutes.
            low = at - max(offset_at(at + hours * 3600, zone) for hours in (-15, 0, 15))
            while clock(low, zone) < wanted:
                low += 60
            if low <= second:
                found = low
        assert found is not None
        return found
    start = second
    size = round(steps.seconds)
    while True:
        offset, before = offset_at(start, zone), offset_at(start - 1, zone)
        if (start + offset) % size == 0 or (offset - before) % size:
            return start
        start -= 1


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("word", WORDS)
def test_a_step_begins_where_the_clock_of_the_zone_shows_it(zone, word):
    steps = parse_steps(word).in_zone(zone_name(zone))
    for second in moments(zone, Random(f"{zone} {word}"), 6):
        start = steps.start_of(float(second))
        assert start == start_by_search(second, word, zone), (second, clock(second, zone))
        assert start <= second < steps.end_of(start)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("word", [*WORDS, "1.5s", "70ms"])
def test_one_moment_and_many_have_the_same_steps(zone, word):
    random = Random(f"many {zone} {word}")
    steps = parse_steps(word).in_zone(zone_name(zone))
    some = [one * 1_000_000 + random.randrange(1_000_000) for one in moments(zone, random, 300)]
    starts, codes = steps_of(numpy.array(some), steps)
    assert starts[codes].tolist() == [steps.bounds_of(one)[0] for one in some]
    assert sorted({*starts.tolist()}) == starts.tolist()
    assert sorted({*codes.tolist()}) == [*range(len(starts))]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("word", WORDS)
def test_steps_follow_one_another_without_a_gap(zone, word):
    steps = parse_steps(word).in_zone(zone_name(zone))
    for second in moments(zone, Random(f"gap {zone} {word}"), 10):
        start, end = steps.bounds_of(second * 1_000_000)
        for _ in range(4):
            assert steps.bounds_of(end - 1) == (start, end) == steps.bounds_of(start)
            begin, end_of_next = steps.bounds_of(end)
            assert begin == end < end_of_next
            start, end = begin, end_of_next


def starts(zone: str, word: str, begin: str, count: int) -> list[str]:
    steps = parse_steps(word).in_zone(zone)
    found = [steps.start_of(datetime.fromisoformat(begin).timestamp())]
    for _ in range(count - 1):
        found.append(steps.end_of(found[-1]))
    return [
        datetime.fromtimestamp(one, ZoneInfo(zone)).isoformat(timespec="minutes") for one in found
    ]


def test_days_begin_at_midnight_with_23_and_25_hours():
    assert starts("Europe/Berlin", "1d", "2026-03-28T12:00Z", 3) == [
        "2026-03-28T00:00+01:00",
        "2026-03-29T00:00+01:00",
        "2026-03-30T00:00+02:00",
    ]
    steps = Steps(86400.0, zone="Europe/Berlin")
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-20", 24)):
        start = steps.start_of(datetime.fromisoformat(f"{day}T12:00Z").timestamp())
        assert steps.end_of(start) - start == hours * 3600


def test_a_day_without_midnight_begins_at_01():
    assert starts("Africa/Cairo", "1d", "2026-04-24T12:00Z", 2) == [
        "2026-04-24T01:00+03:00",
        "2026-04-25T00:00+03:00",
    ]
    assert starts("America/Sao_Paulo", "1d", "2018-11-04T12:00Z", 1) == ["2018-11-04T01:00-02:00"]


def test_a_day_that_clocks_leave_out_has_no_step():
    assert [one[:10] for one in starts("Pacific/Apia", "1d", "2011-12-29T12:00-10:00", 3)] == [
        "2011-12-29",
        "2011-12-31",
        "2012-01-01",
    ]


def test_weeks_begin_on_monday_and_hours_where_the_clock_shows_them():
    assert starts("Europe/Berlin", "1w", "2026-11-20T12:00Z", 2) == [
        "2026-11-16T00:00+01:00",
        "2026-11-23T00:00+01:00",
    ]
    assert starts("UTC", "7d", "2026-11-20T12:00Z", 1) == ["2026-11-16T00:00+00:00"]
    assert starts("Asia/Kolkata", "1h", "2026-11-20T12:00Z", 1) == ["2026-11-20T17:00+05:30"]
    assert starts("Europe/Berlin", "6h", "2026-03-29T04:00Z", 2) == [
        "2026-03-29T06:00+02:00",
        "2026-03-29T12:00+02:00",
    ]


def test_months_and_quarters_begin_with_their_first_day():
    assert starts("Europe/Berlin", "1mo", "2026-03-29T12:00Z", 3) == [
        "2026-03-01T00:00+01:00",
        "2026-04-01T00:00+02:00",
        "2026-05-01T00:00+02:00",
    ]
    assert starts("America/New_York", "3mo", "2024-02-29T12:00Z", 2) == [
        "2024-01-01T00:00-05:00",
        "2024-04-01T00:00-04:00",
    ]
    assert starts("UTC", "y", "2024-12-31T23:59Z", 2) == [
        "2024-01-01T00:00+00:00",
        "2025-01-01T00:00+00:00",
    ]


def test_minutes_are_those_of_utc_so_that_they_cost_what_they_did():
    assert Steps(300.0).in_zone("Asia/Kolkata") == Steps(300.0)
    assert Steps(3600.0).in_zone("Asia/Kolkata") != Steps(3600.0)


@pytest.mark.parametrize("moment", [-62_135_596_800.0, 253_402_300_799.0])
@pytest.mark.parametrize("word", ["1h", "1d", "1mo"])
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
def test_the_first_and_the_last_time_are_in_a_step(moment, word, zone):
    steps = parse_steps(word).in_zone(zone)
    assert steps.start_of(moment) <= moment < steps.end_of(moment)
    assert steps_of(numpy.array([round(moment * 1e6)]), steps)[0][0] == steps.start_of(moment) * 1e6


@pytest.mark.parametrize("word", ["0mo", "auto1", "1M", "mo1", "99999mo", "1.5mo", ""])
def test_other_words_are_no_steps(word):
    with pytest.raises(ValueError, match=r"is not a step of time such as .* 1mo or auto"):
        parse_steps(word)


@pytest.mark.parametrize(
    "name", ["Europe/Nowhere", "../../etc/passwd", "Europe", "/etc/localtime", "x" * 99, "\0"]
)
def test_an_unknown_zone_is_refused_with_a_sentence(name):
    with pytest.raises(ValueError, match=r"this machine knows no zone .* tzdata"):
        zone_name(name)


def test_sensible_steps_are_months_and_years_of_long_times():
    day = 86_400.0
    assert sensible_steps(60 * day, 60) == Steps(day)
    assert sensible_steps(400 * day, 14).months == 1
    assert sensible_steps(3000 * day, 14).months == 12
    assert 20 < 1e12 / sensible_steps(1e12, 40).seconds <= 40


def microseconds(text: str, zone: str) -> int:
    return (
        round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000
    )


@pytest.mark.parametrize(
    ("word", "earlier", "later"),
    [
        ("1d", "2026-03-28T00:00", "2026-03-29T00:00"),
        ("1d", "2026-03-29T00:00", "2026-03-30T00:00"),
        ("6h", "2026-03-28T18:00", "2026-03-29T18:00"),
        ("1h", "2026-03-28T09:00", "2026-03-29T09:00"),
        ("5m", "2026-03-28T09:05", "2026-03-29T09:05"),
        # The day after has no such hour; then one day has it twice, and the first one is compared.
        ("1h", "2026-03-28T02:00", None),
        ("1h", "2026-10-24T02:00", "2026-10-25T02:00"),
        ("1h", "2026-10-25T02:00", "2026-10-26T02:00"),
    ],
)
def test_a_day_before_is_the_same_time_of_the_day(word, earlier, later):
    zone = "Europe/Berlin"
    steps = parse_steps(word).in_zone(zone)
    found = steps.later_start(microseconds(earlier, zone), 86_400_000_000, zone)
    assert found == (later and microseconds(later, zone))
    if later:
        assert shifted(microseconds(later, zone), -86_400_000_000, zone) == microseconds(
            earlier, zone
        )


def test_the_second_of_two_equal_hours_is_compared_with_nothing():
    zone = "Europe/Berlin"
    second = microseconds("2026-10-25T02:00", zone) + 3_600_000_000
    assert Steps(3600.0, zone=zone).later_start(second, 86_400_000_000, zone) is None


def test_without_whole_days_what_is_compared_is_so_much_older():
    zone = "Europe/Berlin"
    start = microseconds("2026-03-29T01:00", zone)
    assert Steps(3600.0, zone=zone).later_start(start, 7_200_000_000, zone) == start + 7_200_000_000
    assert Steps(60.0).later_start(start, 86_400_000_000, "") == start + 86_400_000_000
