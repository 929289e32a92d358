"""Searches of many small segments: what is found never depends on their catalog."""

import os
from pathlib import Path

import pytest

from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import make_matcher
from logsrv.linelog.read.plan import Scope, SearchStats
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from tests.parts.small_segments import in_catalog, letters, sealed, small_segments

SEGMENTS = 30
QUERIES = (
    f"species{letters(17)}", "xylophagous", "species", "everywhere", "1055433", '"not sealed"',
    "speciesc OR xylophagous", "speciesc everywhere", "NOT species", "/id=1[0-9]*7 /", "", "id>1100000",
)  # fmt: skip
SCOPES = (Scope(), Scope(since="2026-11-20T06:11"), Scope(until="2026-11-20T06:05:01"))


def searched(store: Path, query: str, scope: Scope = SCOPES[0]) -> tuple[list[bytes], SearchStats]:
    with View(str(store), lambda _: None) as view:
        search = Search(view, make_matcher(parse(query)), scope, processes=1)
        found = [hit.line for hit in search.hits()]
        search.close()
        return found, search.stats


@pytest.mark.slow
def test_what_a_catalog_rules_out_is_neither_opened_nor_read(tmp_path):
    store = small_segments(tmp_path / "store", SEGMENTS)
    in_catalog(store)
    for beside in [*store.glob("*.idx"), *store.glob("*.words")]:
        beside.unlink()
    found, stats = searched(store, f"species{letters(17)}")
    assert len(found) == 1
    assert (stats.segments, stats.skipped_segments) == (2, SEGMENTS - 1)
    assert stats.skipped_frames == SEGMENTS - 1
    size = sum((store / one.name).stat().st_size for one in sealed(store))
    active = (store / "current.log").stat().st_size
    assert stats.bytes + stats.skipped_bytes == size + active
    _, stats = searched(store, "", Scope(since="2026-11-20T06:30"))
    assert (stats.segments, stats.skipped_segments) == (2, SEGMENTS - 1)


def _replaced(store: Path) -> None:
    """Let a segment have the text of another, with all that lies beside it."""
    segments = sealed(store)
    for suffix in ("", ".idx", ".words"):
        path = store / (segments[4].name + suffix)
        path.unlink(missing_ok=True)
    os.rename(store / segments[8].name, store / segments[4].name)


def _renamed(store: Path) -> None:
    segments = sealed(store)
    os.rename(store / segments[4].name, store / segments[4].name.replace("T0605", "T0606"))


def _removed(store: Path) -> None:
    for one in sealed(store)[:7]:
        (store / one.name).unlink()


def _cut(store: Path) -> None:
    [path] = store.glob("*.catalog")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _damaged(store: Path) -> None:
    """Flip a bit in each KiB of what is behind the entries."""
    [path] = store.glob("*.catalog")
    data = bytearray(path.read_bytes())
    for place in range(3500, len(data), 1024):
        data[place] ^= 1
    path.write_bytes(data)


def _of_no_use(store: Path) -> None:
    [path] = store.glob("*.catalog")
    path.write_bytes(b"\0" * path.stat().st_size)


def _is_a_directory(store: Path) -> None:
    [path] = store.glob("*.catalog")
    path.unlink()
    path.mkdir()


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", [_replaced, _renamed, _removed, _cut, _damaged, _of_no_use, _is_a_directory]
)
def test_what_somebody_does_to_the_store_changes_no_answer(tmp_path, change):
    store = small_segments(tmp_path / "store", SEGMENTS)
    in_catalog(store)
    change(store)
    with_catalog = [searched(store, query, scope)[0] for query in QUERIES for scope in SCOPES]
    for catalog in store.glob("*.catalog"):
        os.rename(catalog, tmp_path / "aside")
    without = [searched(store, query, scope)[0] for query in QUERIES for scope in SCOPES]
    assert with_catalog == without


@pytest.mark.slow
def test_segments_behind_a_catalog_are_asked_themselves(tmp_path):
    store = small_segments(tmp_path / "store", SEGMENTS)
    in_catalog(store, most=SEGMENTS - 5)
    for number in (3, SEGMENTS - 3):
        assert len(searched(store, f'"species{letters(number)} "')[0]) == 1


def test_a_catalog_removed_meanwhile_is_no_error(tmp_path):
    """Retention takes the catalog with the last of its segments."""
    store = small_segments(tmp_path / "store", SEGMENTS)
    name = in_catalog(store)
    with View(str(store), pytest.fail) as view:
        (store / name).unlink()
        search = Search(view, make_matcher(parse(f'"species{letters(17)} "')), Scope(), processes=1)
        assert len(list(search.hits())) == 1
        search.close()
