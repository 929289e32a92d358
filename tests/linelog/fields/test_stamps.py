"""The stamps of many lines at once: the same that a record says of each."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.fields.stored_line import (
    STAMP,
    TIME_LENGTH,
    Source,
    decode_stored,
    make_source_test,
    parse_source,
    source_matcher,
    to_stored_bytes,
)
from tests.parts.examples import more

TIME = b"2026-11-20T06:18:42.123456Z"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = st.sampled_from(
    [TIME, b"2026-11-21T06:18:42.000000Z", b"0001-01-01T00:00:00.000000Z", b"2024-02-29T23:59:59.999999Z",
     b"9999-12-31T23:59:59.999999Z", b"2026-02-29T00:00:00.000000Z", b"2026-13-41T06:00:00.000000Z",
     b"2026-11-20T25:00:00.000000Z", b"2026-11-20T06:60:00.000000Z", b"2026-11-20T06:59:60.000000Z",
     b"0000-00-00T00:00:00.000000Z", b"2026-11-20 06:18:42.123456Z", b"2026-11-20T06:18:42.123456", b""]
)  # fmt: skip
SOURCES = st.sampled_from(
    [
        b"tcp:10.0.0.1:51234",
        b"x",
        b"",
        b" ",
        b"web@udp:[::1]:514",
        b"a" * 31,
        b"a" * 32,
        b"a" * 500,
        b"\xff",
    ]
)
MESSAGES = st.sampled_from([b"", b" ", b"text", b"a b c", b"\xc3\xa9", b"\t"])
LINES = st.builds(b"%s %s %s".__mod__, st.tuples(TIMES, SOURCES, MESSAGES))


def moment(record: ParsedLine) -> int:
    """Return what a time means, worked out by the calendar."""
    try:
        return (datetime.fromisoformat(record.time or "") - EPOCH) // timedelta(microseconds=1)
    except ValueError:
        return int(NO_TIME)


@more(2)
@given(
    st.lists(LINES | st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), max_size=8)
)
@example([TIME + b" tcp:1.2.3.4:5"])
@example([TIME + b" x "])
@example([TIME + b" " + b"a" * 40, b"behind it"])
def test_stamps_of_any_lines_are_those_of_their_records(lines):
    text = b"".join(line + b"\n" for line in lines)
    stamps = StampedLines(text)
    records = [ParsedLine(line) for line in lines]
    assert [text[start:end] for start, end in zip(stamps.starts, stamps.ends, strict=True)] == lines
    starts = [int(at) for at in stamps.messages - stamps.starts]
    assert starts == [record.start for record in records]
    assert stamps.stamped.tolist() == [row for row, record in enumerate(records) if record.start]
    assert stamps.moments().tolist() == [moment(record) for record in records]
    sources = [source.decode("utf-8", "surrogateescape") for source in stamps.sources()]
    assert sources == [record.source for record in records if record.start]


@pytest.mark.parametrize("days", [1, 365])
def test_times_go_on_over_the_days(days):
    times = [datetime(2026, 1, 1, 23, 59, 59, number, UTC) for number in range(3)]
    times += [time + timedelta(days=days) for time in times]
    stored = [time.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for time in times]
    text = "".join(f"{time} tcp:1.2.3.4:5 x\n" for time in stored).encode()
    expected = [(time - EPOCH) // timedelta(microseconds=1) for time in times]
    assert StampedLines(text).moments().tolist() == expected


def test_a_stamp_is_time_and_source():
    line = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 a message"
    found = STAMP.match(line)
    assert found is not None and line[found.end() :] == b"a message"
    assert line[TIME_LENGTH:].startswith(b"web@")
    assert STAMP.match(b"2026-11-20 06:18:42 no stamp of ours") is None


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("tcp:127.0.0.1:51234", (None, "127.0.0.1", 51234)),
        ("web@tls:[::1]:514", ("web", "::1", 514)),
        ("web@tls:[::1]:514,dns=shop.example", ("web", "::1", 514)),
        ("tls:10.0.0.1:514,cn=a\\x20b:9@c,d:5", (None, "10.0.0.1", 514)),
        ("web-1.a@udp:10.0.0.1:514", ("web-1.a", "10.0.0.1", 514)),
        ("unix:uid=0,pid=77", (None, None, None)),
        ("local@unix:/run/a@b:12", ("local", None, None)),
        ("unix:@abstract", (None, None, None)),
        ("stdin:", (None, None, None)),
        ("whatever", (None, None, None)),
    ],
)
def test_a_source_is_parsed(source, parts):
    assert parse_source(source) == Source(*parts)


def test_a_pattern_matches_the_sources_of_stamped_lines_only():
    """A word of a line without TIME and SOURCE is never taken for its source."""
    stamped, bare = b"2026-11-20T06:18:42.123456Z tcp:10.0.0.1:5 hello", b"tcp:10.0.0.1:5 hello"
    text = stamped + b"\n" + bare
    is_of = make_source_test("tcp:10.*")
    assert is_of is not None and is_of(text, 0, len(stamped))
    assert not is_of(text, len(stamped) + 1, len(text))
    other = make_source_test("udp:*")
    assert other is not None and not other(text, 0, len(stamped))
    assert make_source_test("") is None


def test_a_pattern_for_sources_has_the_bytes_that_came():
    matches = source_matcher("web@*\udcff")
    assert matches(b"web@stdin:\xff") and not matches(b"web@stdin:")


def test_surrogates_become_the_bytes_that_came():
    assert to_stored_bytes("é\udcff") == b"\xc3\xa9\xff"
    assert to_stored_bytes("\ud800")


def test_bytes_that_are_not_utf8_become_surrogates():
    assert decode_stored(b"\xc3\xa9\xff") == "é\udcff"
