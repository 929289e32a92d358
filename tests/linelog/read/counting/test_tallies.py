"""Numbers over lines are those that counting each of them gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import compile
from logsrv.linelog.read.counting import tallies
from logsrv.linelog.read.counting.tallies import ValueCounts, fields, sources, top
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from tests.linelog.read.stores import line, make_store, view_of


def test_top(whole: Search) -> None:
    tally = top(whole, "level")
    assert tally.most_common(2) == [("info", 13334), ("error", 13333)]
    assert (tally.total, tally.exact) == (40_000, True)


def test_each_element_of_a_list_counts(whole: Search) -> None:
    tally = top(whole, "tags")
    assert tally.most_common(9) == [("a", 40_000), ("t0", 20_000), ("t1", 20_000)]
    assert tally.total == 40_000
    assert top(whole, "nosuch").most_common(9) == []


def test_too_many_values_keep_the_frequent_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "MANY", 10)
    tally = ValueCounts()
    for number in range(100):
        tally.add({"often": 5, f"once {number}": 1}, 6)
    assert tally.most_common(1) == [("often", 500)]
    assert tally.total == 600
    assert not tally.exact


def test_long_values_are_as_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand characters of each of 200,000 values would be up to 800 MB."""
    monkeypatch.setattr(tallies, "MUCH", 1000)
    tally = ValueCounts()
    for number in range(100):
        tally.add({"often": 5, f"once {number} {'x' * 90}": 1}, 6)
        assert sum(len(value) for value, _ in tally.most_common(1000)) <= 2000
    assert tally.most_common(1) == [("often", 500)]
    assert tally.total == 600
    assert not tally.exact


def test_a_sample_ends_when_its_names_are_too_long(
    whole: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "MUCH", 9)
    assert fields(whole, 500)[1] == 1


def test_fields_of_a_sample(whole: Search) -> None:
    found, sampled = fields(whole, 500)
    assert found == {"level": 1000, "n": 500, "tags": 500} or found["n"] == 500
    assert sampled == 500


def test_a_field_of_a_sample_is_in_the_lines_that_a_query_finds(tmp_path: Path) -> None:
    """A content's own `name` or `level` is not the line's, and `app` may stand in another field."""
    some = [
        line('{"level": 30, "name": "cart", "time": 1, "msg": "hello"}', 0, "web@tcp:10.0.0.1:1"),
        line('{"level": "banana", "host": "h1", "service": "shop"}', 1),
        line("ERROR in plain text", 2),
        line("<38>Nov 20 06:18:42 gate sshd[77]: a=1 b=2", 3),
    ]
    view = view_of(make_store(tmp_path / "logs", [some]))
    found, sampled = fields(Search(view, compile(parse("")), Scope()), 500)
    assert sampled == 4
    for name, number in found.items():
        assert top(Search(view, compile(parse("")), Scope()), name).total == number, name
    assert {"fields.name", "fields.time", "fields.host"} < set(found)
    assert (found["app"], found["level"], found["timestamp"]) == (3, 3, 2)
    assert {"name", "time", "host"}.isdisjoint(found)


def test_sources(whole: Search, counted_lines: list[bytes]) -> None:
    found = sources(whole)
    assert set(found) == {f"tcp:10.0.0.{number}:1" for number in range(4)}
    assert found["tcp:10.0.0.3:1"] == (10_000, counted_lines[-1][:27].decode())


def test_the_last_of_a_source_is_its_largest_time(tmp_path: Path) -> None:
    store = make_store(tmp_path / "logs", [[line("a", 9), line("b", 5), line("late", 7)]])
    found = sources(Search(view_of(store), compile(parse("")), Scope()))
    assert found["tcp:127.0.0.1:51234"] == (3, line("a", 9)[:27].decode())
