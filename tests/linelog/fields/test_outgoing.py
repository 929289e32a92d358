"""Lines as columns for other programs: what a record tells, also of torn lines."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from logsrv.linelog.fields.outgoing import OutgoingLines
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.values import displayable_text, elements_of_value, text_of_value
from tests.parts.sample_lines import KINDS, LINES, TIME, line


def told(record: ParsedLine, name: str) -> str | None:
    value = record.get(name)
    return (
        None
        if value is None
        else displayable_text(text_of_value(elements_of_value(value)[0]))[:255] or None
    )


def check(lines: list[bytes]) -> None:
    outgoing = OutgoingLines(lines)
    records = [ParsedLine(one) for one in lines]
    assert len(outgoing) == len(lines)
    assert outgoing.messages == [record.body for record in records]
    assert outgoing.message_texts == [record.message for record in records]
    assert outgoing.times == [record.time for record in records]
    assert outgoing.sources == [record.source for record in records]
    assert outgoing.levels == [record.level for record in records]
    assert outgoing.apps == [told(record, "app") for record in records]
    assert outgoing.pids == [told(record, "pid") for record in records]
    assert outgoing.hostnames == [told(record, "hostname") or record.host for record in records]
    for moment, record in zip(outgoing.moments, records, strict=True):
        since = datetime.fromisoformat(str(record.time)) - datetime(1970, 1, 1, tzinfo=UTC)
        assert moment == since // timedelta(microseconds=1)


def test_columns_of_all_kinds_of_lines():
    check([line(message) for message in KINDS])


@pytest.mark.slow
@given(LINES)
def test_columns_are_what_a_record_tells(lines):
    check(lines)


def test_a_line_without_a_stamp_has_the_time_of_the_one_before_it():
    """As others may have written into a store."""
    outgoing = OutgoingLines([b"torn", line(b"whole"), b"torn, too"])
    assert outgoing.moments[0] == 0
    assert outgoing.moments[1] == outgoing.moments[2]
    assert outgoing.times == ["1970-01-01T00:00:00.000000Z", TIME, TIME]
    assert outgoing.sources[0] == outgoing.sources[2] == ""
    assert outgoing.message_texts == ["torn", "whole", "torn, too"]
    assert outgoing.hostnames == [None, "10.0.0.1", None]


def test_a_day_that_does_not_exist_is_no_time():
    """A far side would refuse the line for it."""
    outgoing = OutgoingLines([line(b"a"), line(b"b", time="2026-13-40T06:18:42.123456Z")])
    assert outgoing.times == [TIME, TIME]
    assert outgoing.sources[0] == outgoing.sources[1]


def test_bytes_that_are_no_text_are_shown():
    """A store of --raw has them."""
    assert OutgoingLines([line(b"\xff\0")]).message_texts == ["\\xff\0"]
