"""Columns of lines on their way out: what a Record tells of each line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given

from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.values import elements, readable, text_of
from logsrv.linelog.ship.encode.outgoing import Outgoing
from tests.linelog.ship.encode.stored_lines import KINDS, LINES, TIME, line


def told(record: Record, name: str) -> str | None:
    value = record.get(name)
    return None if value is None else readable(text_of(elements(value)[0]))[:255] or None


def check(lines: list[bytes]) -> None:
    outgoing = Outgoing(lines)
    records = [Record(one) for one in lines]
    assert len(outgoing) == len(lines)
    assert outgoing.messages == [record.body for record in records]
    assert outgoing.texts == [record.message for record in records]
    assert outgoing.times == [record.time for record in records]
    assert outgoing.sources == [record.source for record in records]
    assert outgoing.levels == [record.level for record in records]
    assert outgoing.apps == [told(record, "app") for record in records]
    assert outgoing.pids == [told(record, "pid") for record in records]
    assert outgoing.hostnames == [told(record, "hostname") or record.host for record in records]
    for moment, record in zip(outgoing.moments, records, strict=True):
        since = datetime.fromisoformat(str(record.time)) - datetime(1970, 1, 1, tzinfo=UTC)
        assert moment == since // timedelta(microseconds=1)


def test_all_kinds() -> None:
    check([line(message) for message in KINDS])


@given(LINES)
def test_whatever_there_is(lines: list[bytes]) -> None:
    check(lines)


def test_a_line_without_a_stamp_has_the_time_of_the_one_before_it() -> None:
    """As others may have written into a store."""
    outgoing = Outgoing([b"torn", line(b"whole"), b"torn, too"])
    assert outgoing.moments[0] == 0
    assert outgoing.moments[1] == outgoing.moments[2]
    assert outgoing.times == ["1970-01-01T00:00:00.000000Z", TIME, TIME]
    assert outgoing.sources[0] == outgoing.sources[2] == ""
    assert outgoing.texts == ["torn", "whole", "torn, too"]
    assert outgoing.hostnames == [None, "10.0.0.1", None]


def test_a_day_that_does_not_exist_is_no_time() -> None:
    """A far side would refuse the line for it."""
    outgoing = Outgoing([line(b"a"), line(b"b", time="2026-13-40T06:18:42.123456Z")])
    assert outgoing.times == [TIME, TIME]
    assert outgoing.sources[0] == outgoing.sources[1]


def test_bytes_that_are_no_text_are_shown() -> None:
    """A store of --raw has them."""
    assert Outgoing([line(b"\xff\0")]).texts == ["\\xff\0"]
