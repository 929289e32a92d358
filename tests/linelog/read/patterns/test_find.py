"""Patterns of a search: numbers, new ones, bounds."""

import random
from pathlib import Path

import pytest

from bench.patterns import stored_lines
from logsrv.kit.text.time import rfc3339
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.patterns import find as module
from logsrv.linelog.read.patterns.find import Patterns, find_patterns
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import sealed_segments
from tests.parts.made_columns import columns_for_few_frames, make_columns
from tests.parts.stores import BEGIN, line, make_store, view_of


def patterns(
    store: Path, query: str = "", new_since: str = "", *, scope: Scope | None = None
) -> Patterns:
    search = Search(view_of(store), make_matcher(parse(query)), scope or Scope())
    return find_patterns(search, new_since)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    lines = [line(f"took {second} ms", second) for second in range(5)]
    lines += [line('{"msg": "sold 5"}', 5), line("took 5 ms", 6), line("gone 7", 7)]
    return make_store(tmp_path / "logs", [lines[:3], lines[3:6], lines[6:]])


def test_the_most_frequent_first_with_their_first_line(store):
    found = patterns(store)
    assert [(one.template, one.lines, one.time) for one in found.patterns] == [
        ("took <n> ms", 6, rfc3339(BEGIN)),
        ("gone <n>", 1, rfc3339(BEGIN + 7)),
        ("sold <n>", 1, rfc3339(BEGIN + 5)),
    ]
    assert (found.lines, found.forgotten) == (8, 0)
    assert str(found.patterns[0].position) == "1:0"


def test_values_of_a_field_tell_patterns_apart(tmp_path):
    """Words are merged within a value, a list is one text, and too many values are counted as left out."""
    texts = [
        f'{{"msg": "user {name} in", "tags": {tags}}}'
        for name in ("ann", "bob", "cid")
        for tags in ('"a"', '["a", "b"]')
    ]
    made = make_store(tmp_path / "logs", [[line(one, n) for n, one in enumerate(texts)], []])
    search = Search(view_of(made), make_matcher(parse("")), Scope())
    found = find_patterns(search, by="tags")
    assert [(one.value, one.template, one.lines) for one in found.patterns] == [
        ("a", "user <*> in", 3),
        ("a, b", "user <*> in", 3),
    ]
    assert not any(one.is_text_shared for one in found.patterns)


def test_of_too_many_lines_the_newest_are_read(store):
    search = Search(view_of(store), make_matcher(parse("")), Scope())
    found = find_patterns(search, most=2)
    assert [(one.template, one.lines) for one in found.patterns] == [
        ("gone <n>", 1),
        ("took <n> ms", 1),
    ]
    assert (found.lines, found.since) == (2, rfc3339(BEGIN + 6))
    # Nothing is left out if there are no more.
    for most in (8, 9):
        assert find_patterns(search, most=most) == find_patterns(search)
    set_back = [line("late 1", 9), line("early 2", 3)]
    made = make_store(store.parent / "set-back", [[line("old 1", 5)], set_back, []])
    found = find_patterns(Search(view_of(made), make_matcher(parse("")), Scope()), most=2)
    assert (found.lines, found.since) == (2, rfc3339(BEGIN + 3))


def test_lines_found_by_columns_have_the_positions_of_those_found_in_the_text(tmp_path):
    lines = [line(f'{{"n": {n % 3}, "msg": "sold {n}"}}', n) for n in range(30)]
    store = make_store(tmp_path / "logs", [lines[:20], lines[20:]])
    by_text = patterns(store, "n=1")
    with Disk().open_directory(store) as disk, columns_for_few_frames():
        for segment in sealed_segments(disk):
            make_columns(segment, disk)
        search = Search(view_of(store), make_matcher(parse("n=1")), Scope())
        assert find_patterns(search) == by_text
        assert search.stats.groups
    assert [(one.lines, str(one.position)) for one in by_text.patterns] == [
        (10, f"1:{len(lines[0])}")
    ]


def test_only_matching_lines_count_and_positions_are_of_the_store(store):
    scope = Scope(since=rfc3339(BEGIN + 2), until=rfc3339(BEGIN + 5))
    found = patterns(store, "took", scope=scope)
    [one] = found.patterns
    assert one.lines == found.lines == 3
    assert str(one.position) == f"1:{2 * len(line('took 1 ms'))}"


def test_new_are_patterns_that_no_line_before_has(store):
    found = patterns(store, new_since=rfc3339(BEGIN + 5.5))
    assert [(one.template, one.lines) for one in found.patterns] == [("gone <n>", 1)]
    assert found.lines == 2
    found = patterns(store, "-took", new_since=rfc3339(BEGIN + 5))
    assert [(one.template, one.lines) for one in found.patterns] == [
        ("gone <n>", 1),
        ("sold <n>", 1),
    ]


@pytest.mark.slow
def test_two_planted_messages_of_twelve_formats_are_new_and_no_other(tmp_path):
    lines = list(stored_lines(30_000))
    store = make_store(tmp_path / "logs", [lines[:15_000], lines[15_000:], []])
    found = patterns(store, new_since="2026-11-21T00:00:00.000000Z")
    assert [(one.app, one.template) for one in found.patterns] == [
        ("payd", "settlement <n> refused: the ledger is locked by batch <n>"),
        ("shop", "cart <n> has a negative total after coupon"),
    ]


def test_of_too_many_patterns_the_rarest_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_TEMPLATES", 2)
    lines = [
        line(word) for word in ("one", "one", "two times", "two times", "a b c", "d", "e;", "f-")
    ]
    found = patterns(make_store(tmp_path / "logs", [lines]))
    assert [one.template for one in found.patterns] == ["one", "two times"]
    assert found.forgotten == 4
    assert found.lines == 8


def test_random_bytes_and_long_lines_are_patterns_too(tmp_path):
    r = random.Random(1)
    odd = [line(r.randbytes(200).replace(b"\n", b"")) for _ in range(200)]
    found = patterns(make_store(tmp_path / "logs", [[*odd, line("x" * 2_000_000), b"no stamp\n"]]))
    assert found.lines == sum(one.lines for one in found.patterns) == 202
    assert max(len(one.template) for one in found.patterns) < 6000
    assert {one.time for one in found.patterns if one.template == "no stamp"} == {None}
