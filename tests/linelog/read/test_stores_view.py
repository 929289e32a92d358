"""Several stores as one list of segments: every part of a store is found under its number."""

import os
from pathlib import Path

import pytest

from logsrv.errors import StoreError
from logsrv.linelog.archive.view import ArchiveView
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stores_search import StoresView
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import NEXT_STORE, Position
from tests.parts.archived_stores import archive_all, remove_texts, sealed_store
from tests.parts.small_segments import letters
from tests.parts.stores import lines, make_store


def opened(*stores: Path, said: list[str] | None = None) -> StoresView:
    told: list[str] = [] if said is None else said

    def open_store(name: str) -> View:
        return View(name, lambda sentence: told.append(f"in {name}: {sentence}"), away=True)

    return StoresView(map(str, stores), open_store, told.append)


def searched(view: View, query: str, since: str = "") -> tuple[list[bytes], Search]:
    search = Search(view, make_matcher(parse(query)), Scope(since=since), processes=1)
    found = [hit.line for hit in search.hits()]
    search.close()
    return found, search


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    every = lines([f"word{letters(number)} {number}" for number in range(40)])
    return [
        make_store(tmp_path / "a", [every[:10], every[10:15]]),
        make_store(tmp_path / "b", [every[15:20], every[20:39], every[39:]]),
    ]


def test_a_position_tells_the_store():
    position = Position(17, 52311).in_store(2)
    assert (str(position), position.store) == ("17:52311", 2)
    assert Position(17, 52311).store == 0


def test_segments_of_all_stores_are_listed_and_opened(two):
    with opened(*two) as view:
        numbers = [one.number for one in view.segments]
        assert [divmod(number, NEXT_STORE) for number in numbers] == [
            *((1, number) for number in (1, 2)),
            *((2, number) for number in (1, 2, 3)),
        ]
        assert len(searched(view, "")[0]) == 40
        assert [len(searched(part, "")[0]) for part in view.by_store.values()] == [15, 25]
        assert view.read_time_span() == (
            "2026-11-20T06:00:00.000000Z",
            "2026-11-20T06:00:39.000000Z",
        )


def test_what_has_no_such_word_or_time_is_not_read(tmp_path):
    stores = [
        sealed_store(tmp_path / "a", segments=1),
        sealed_store(tmp_path / "b", segments=2),
    ]
    with opened(*stores) as view:
        found, search = searched(view, "walnut")
        assert len(found) == 3
        # The active segments have no index.
        assert (search.stats.segments, search.stats.skipped_segments) == (3, 2)
        _, search = searched(view, "", "2026-11-20T10:00")
        assert (search.stats.segments, search.stats.skipped_segments) == (1, 4)


def test_an_archive_is_one_of_them(tmp_path):
    here = sealed_store(tmp_path / "here")
    archive = tmp_path / "archive"
    archive_all(here, archive)
    remove_texts(here)
    other = make_store(tmp_path / "other", [lines(["walnut", "common"]), []])

    def open_store(name: str) -> View:
        return ArchiveView(name, pytest.fail) if "://" in name else View(name, pytest.fail)

    for names in ([str(other), f"file://{archive}"], [f"file://{archive}", str(other)]):
        with StoresView(names, open_store, pytest.fail) as view:
            assert len(searched(view, "walnut")[0]) == 4
            assert len(searched(view, "common")[0]) == 5995


def test_damage_of_one_store_is_that_of_all(two):
    said: list[str] = []
    [packed] = two[0].glob("*.zst")
    with opened(*two, said=said) as view:
        assert not view.damaged
        packed.write_bytes(b"\0" * packed.stat().st_size)
        assert len(searched(view, "")[0]) == 30
        assert view.damaged
        assert len(said) == 1 and str(packed) in said[0]


def test_damage_that_a_store_finds_it_reports_itself(two):
    said: list[str] = []
    with opened(*two, said=said) as view:
        view.stores[2].report_damage("a segment is lost")
        assert view.damaged
        assert said == [f"in {two[1]}: a segment is lost"]


def test_no_store_stays_open_after_one_that_is_none(two, tmp_path):
    (tmp_path / "none").mkdir()
    before = os.listdir("/proc/self/fd")
    with pytest.raises(StoreError, match="none is no store"):
        opened(*two, tmp_path / "none")
    assert len(os.listdir("/proc/self/fd")) == len(before)
