"""Each limit within which records are put together, and what a reader gets beyond it."""

from itertools import pairwise

import pytest

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.read.hits import Hit, lines_in_text
from logsrv.linelog.read.records import limits
from logsrv.linelog.read.records.found_records import FollowedRecords, FoundRecords
from logsrv.linelog.read.records.joining import OpenRecords
from logsrv.linelog.read.records.line_documents import LineDocuments
from logsrv.linelog.store.segment import Position
from tests.linelog.read.traces import stored
from tests.parts.stores import line

ERROR = ["ERROR failed", "\tat a.B", "\tat c.D", "\tat e.F"]
PLACE = Position(1, 0)


def text_of(texts: list[str], second: int = 0, source: str = "tcp:[::1]:1") -> bytes:
    return b"".join(line(text, second, source) for text in texts)


def hits_of(text: bytes) -> list[Hit]:
    return list(lines_in_text(PLACE, text))


def follow(following: FollowedRecords, at: int, text: bytes, now: float) -> list[int]:
    """Return the numbers of lines of the records that are complete when a text, all hits, has come."""
    position = Position(1, at)
    hits = list(lines_in_text(position, text))
    return [len(record) for record in following.records(position, text, hits, now)]


def test_a_new_record_is_shown_after_a_pause():
    following = FollowedRecords()
    assert follow(following, 0, text_of(ERROR), 0.0) == []
    assert follow(following, 1000, b"", limits.PAUSE / 2) == []
    assert follow(following, 1000, b"", limits.PAUSE) == [len(ERROR)]


def test_lines_that_wait_for_too_long_a_record_are_shown_as_far_as_they_came(monkeypatch):
    monkeypatch.setattr(limits, "MOST_WAITING", len(text_of(ERROR)))
    following = FollowedRecords()
    assert follow(following, 0, text_of(ERROR), 0.0) == []
    assert follow(following, 1000, text_of(ERROR[1:2]), 0.0) == [len(ERROR) + 1]


def test_a_search_shows_records_before_too_many_bytes_of_them_wait(tmp_path, monkeypatch):
    """The records of two senders whose lines are mixed; without the limit each is whole."""
    senders = ("tcp:[::1]:1", "tcp:[::1]:2")
    lines, hits = stored([line(text, 0, one) for text in ERROR for one in senders], tmp_path)
    assert [len(record) for record in FoundRecords(lines).records(hits[:2])] == [4, 4]
    monkeypatch.setattr(limits, "MOST_WAITING", len(text_of(ERROR[:2])))
    found = [len(record) for record in FoundRecords(lines).records(hits[:2])]
    assert len(found) > 1 and found[0] < 4
    lines.close()


def test_lines_do_not_go_on_with_a_record_that_was_forgotten(monkeypatch):
    hits = hits_of(text_of(ERROR))
    joined = LineDocuments()
    assert ["continues" in joined.document(hit) for hit in hits] == [False, True, True, True]
    monkeypatch.setattr(limits, "MOST_KEPT", len(text_of(ERROR[:2])))
    joined = LineDocuments()
    assert ["continues" in joined.document(hit) for hit in hits] != [False, True, True, True]


@pytest.mark.parametrize("most", [1, 5])
def test_records_are_too_many_by_their_number(monkeypatch, most):
    monkeypatch.setattr(limits, "MOST_RECORDS", most)
    records = OpenRecords()
    full = []
    for number in range(most + 1):
        for hit in hits_of(text_of(ERROR, source=f"tcp:[::1]:{number}")):
            records.add(hit, ParsedLine(hit.line))
        full.append(records.is_full)
    assert full == [False] * most + [True]
    records.forget()
    assert not records.is_full and not records.records


def test_a_record_that_was_taken_does_not_count_any_more():
    records = OpenRecords()
    hits = hits_of(text_of(ERROR) + text_of(["INFO done"]))
    found = [records.add(hit, ParsedLine(hit.line), is_wanted=True) for hit in hits]
    assert [one is other for one, other in pairwise(found)] == [True, True, True, False]
    assert found[0].is_over and records.going_on == 1
    for first in list(records.records):
        records.take(first)
    assert (records.waiting, records.going_on) == (0, 0)
