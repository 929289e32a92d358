"""The lines that a query finds for an erase, alone or with their records."""

from pathlib import Path

import pytest

from logsrv.linelog.erase.lines_to_erase import LinesToErase, find_lines
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.view import View
from tests.parts.erasing import erase, hits
from tests.parts.stores import line, make_store

TRACE = [
    line("ERROR failed for ann", 1),
    line("java.lang.IllegalStateException: no", 1),
    line("\tat com.example.Shop.pay(Shop.java:7)", 1),
    line("\tat com.example.Shop.main(Shop.java:9)", 1),
]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    others = [line(f"n={number} user=bob", 10 + number) for number in range(5)]
    return make_store(tmp_path / "store", [[*others[:2], *TRACE, *others[2:]], others])


def found_by(
    store: Path, query: str, *, records: bool = False, scope: Scope | None = None
) -> LinesToErase:
    with View(str(store), lambda _: None, away=True) as view:
        matcher = make_matcher(parse_question(query).node)
        return find_lines(view, matcher, scope or Scope(), whole_records=records)


def covered(store: Path, found: LinesToErase) -> list[bytes]:
    return [
        line
        for position, line in hits(store, "")
        for start, end in found.runs.get(position.segment, ())
        if start <= position.offset < end
    ]


def test_a_line_is_erased_without_its_record(store):
    found = found_by(store, "ann")
    assert (found.lines, found.records) == (1, 0)
    assert covered(store, found) == [TRACE[0][:-1]]
    assert found.first == found.last == TRACE[0][:27].decode()


def test_a_record_is_erased_whole_by_any_of_its_lines(store):
    for query in ("ann", "IllegalStateException", '"Shop.java:9"'):
        found = found_by(store, query, records=True)
        assert (found.lines, found.records) == (1, 3)
        assert covered(store, found) == [one[:-1] for one in TRACE]


def test_times_limit_what_is_found(store):
    scope = Scope(since="2026-11-20T06:00:12.000000Z", until="2026-11-20T06:00:14.000000Z")
    assert found_by(store, "", scope=scope).lines == 4


def test_erased_lines_are_left_out(store):
    erase(store, "ann")
    assert found_by(store, "").lines == len(hits(store, "")) - 1
    assert not found_by(store, "NOT user=bob AND NOT java").runs.get(2)
