"""Parts of answers that are remembered: the same answers, nothing is read, memory is bounded."""

import tracemalloc
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from unittest.mock import patch

import pytest

from logsrv.linelog.fields.stored_line import FirstLines
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.query.question import EVERYTHING, Node
from logsrv.linelog.read import remembered
from logsrv.linelog.read.answers.sources import ColumnAnswers
from logsrv.linelog.read.figures.aggregate import FoundLines
from logsrv.linelog.read.figures.group_table import Rows
from logsrv.linelog.read.figures.groups import Groups
from logsrv.linelog.read.figures.tallies import count_sources
from logsrv.linelog.read.figures.time_buckets import histogram_by
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.remembered import EACH, RememberedParts, key_of_part
from logsrv.linelog.read.search import Search
from logsrv.linelog.stages.figures import Figures
from logsrv.linelog.stages.sort import Sorting
from logsrv.linelog.steps.steps import Steps
from logsrv.linelog.store.segment import Position
from tests.parts import stores
from tests.parts.made_columns import columns_for_few_frames
from tests.parts.stores import add_columns, line, make_store, view_of

HALF = Scope(since="2026-11-20T06:31:00.000000Z")
QUESTIONS = [
    "| count by app", "| count by n", "| sum ms, p95 ms by app", "app=shop | sum ms, p95 ms by app",
    "app=mail | sum ms, p95 ms by app", "| sum ms by app", "| first n, last n by app",
    "| count_distinct n", "| max time by app", "| sum ms every 5m by app", "| sum ms every 10m by app",
    "paid | count by app", "nosuch=1 | count by app", "NOT nosuch=1 | sum n", "paid n>2000 | sum ms",
    '| extract "ms<x> <a>.5," | sum a', '| extract "n<x> <a>," | sum a', "| last message by app",
]  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sealed segments with columns, and an active one."""
    lines = [
        line(
            f'{{"app": "{"shop" if n % 3 else "mail"}", "ms": {n % 70}.5, "n": {n}, '
            f'"lag": "{n}ms", "text": "paid"}}',
            n,
        )
        for n in range(3000)
    ]
    made = make_store(
        tmp_path_factory.mktemp("remembered") / "logs",
        [lines[:1400], lines[1400:2800], lines[2800:]],
    )
    return add_columns(made)


@pytest.fixture(autouse=True)
def _few_frames() -> Iterator[None]:
    with columns_for_few_frames():
        yield


@contextmanager
def searching(
    store: Path, node: Node, memory: RememberedParts | None, scope: Scope
) -> Iterator[Search]:
    with view_of(store) as view:
        view.remembered = memory
        yield Search(view, make_matcher(node), scope, processes=2)
    if memory is not None:
        for note in memory.take_notes():
            memory.keep(note)


def ask(store: Path, query: str, memory: RememberedParts | None, scope: Scope = Scope()) -> Rows:  # noqa: B008
    asked = parse_question(query)
    assert isinstance(asked.answer, Figures)
    with searching(store, asked.node, memory, scope) as search:
        return asked.answer.rows(search, asked.extractions)


@pytest.mark.slow
@pytest.mark.parametrize("scope", [Scope(), HALF, Scope(source="*:10.0.0.9:*")])
def test_what_is_asked_again_has_the_same_answer(store, scope):
    memory = RememberedParts()
    for query in QUESTIONS * 2:
        assert ask(store, query, memory, scope) == ask(store, query, None, scope)


def test_what_is_remembered_has_its_unit(store):
    memory = RememberedParts()
    found = [ask(store, "| sum lag, p95 n", memory).units for _ in range(2)]
    assert found == [("s", None)] * 2


@contextmanager
def nothing_is_read() -> Iterator[None]:
    """Lines and columns of sealed segments are not read; the active one has less than a frame."""
    text = FoundLines.text

    def text_of_active(lines: FoundLines, fields: Collection[str] = ()) -> tuple[bytes, FirstLines]:
        assert lines.task.segment == 3, "text is read"
        return text(lines, fields)

    with (
        patch.object(ColumnAnswers, "rows", side_effect=AssertionError("columns are read")),
        patch.object(FoundLines, "text", text_of_active),
    ):
        yield


@pytest.mark.parametrize(
    "query", ["| sum {} by app", "paid | sum {} by app", '| extract "m<m> " | sum {} by app, m']
)
def test_what_is_remembered_is_not_read(store, query):
    memory = RememberedParts()
    first = ask(store, query.format("ms"), memory)
    with nothing_is_read():
        assert ask(store, query.format("ms"), memory) == first
        with pytest.raises(AssertionError):
            ask(store, query.format("n"), memory)
        # Some lines of the second segment are older.
        with pytest.raises(AssertionError):
            ask(store, query.format("ms"), memory, HALF)


@pytest.mark.parametrize("sorting", [Sorting("ms", False), Sorting("n", True)])
def test_sorted_lines_are_remembered(store, sorting):
    memory = RememberedParts()
    with searching(store, EVERYTHING, memory, Scope()) as search:
        first = sorting.find(search, (), 10)
    with searching(store, EVERYTHING, memory, Scope()) as search, nothing_is_read():
        assert sorting.find(search, (), 10) == first
        with pytest.raises(AssertionError):
            sorting.find(search, (), 11)


def test_bars_with_values_are_remembered(store):
    def bars(memory: RememberedParts | None, field: str) -> object:
        with searching(store, EVERYTHING, memory, Scope()) as search:
            return histogram_by(search, Steps(600.0), field)

    memory = RememberedParts()
    first = bars(memory, "app")
    assert first == bars(None, "app")
    with nothing_is_read():
        assert bars(memory, "app") == first
        with pytest.raises(AssertionError):
            bars(memory, "n")


def test_whole_frames_of_the_active_segment_are_counted_once(tmp_path):
    lines = [line(f"a={n % 7} b=1 {1000 * 'x'}", n) for n in range(2500)]
    active = make_store(tmp_path / "logs", [lines]) / "current.log"
    memory = RememberedParts()

    def sums(text: bytes) -> tuple[float, int]:
        """What the store answers, and how many of its frames are counted."""
        active.write_bytes(text)
        with patch.object(Groups, "count", autospec=True, side_effect=Groups.count) as counted:
            [(_, total)] = ask(active.parent, "| sum a by b", memory).rows
        assert isinstance(total, int)
        return total, counted.call_count

    text = b"".join(lines)
    assert [sums(text), sums(text)] == [(7497, 3), (7497, 1)]
    assert sums(text + line("a=10 b=1")) == (7507, 1)
    assert sums(text.replace(b" a=1 ", b" a=2 ", 1)) == (7498, 2)


@pytest.mark.parametrize("has", ["columns", "an index", "neither"])
def test_a_segment_that_is_replaced_by_another_is_read(tmp_path, has):
    memory = RememberedParts()
    for value in (1, 2):
        made = make_store(
            tmp_path / str(value), [[line(f"a={value} b=1", n) for n in range(50)], []]
        )
        if has == "columns":
            add_columns(made)
        elif has == "neither":
            next(made.glob("*.idx")).unlink()
        with patch.object(stores, "_refuse"):
            assert ask(made, "| sum a by b", memory).rows == [("1", 50 * value)]


def test_equal_lines_elsewhere_have_their_own_positions(tmp_path):
    lines = [line(f"a={n} b={99 - n}", n) for n in range(100)]
    made = make_store(tmp_path / "logs", [lines, lines, []])
    memory = RememberedParts()
    for known in (None, memory, memory):
        with searching(made, EVERYTHING, known, Scope()) as search:
            hits = Sorting("a").find(search, (), 4).hits
        assert [hit.position.segment for hit in hits] == [1, 2, 1, 2]
    for name, first in (("a", 99), ("b", 0)):
        asked = parse_question(f'| extract "{name}=<x>" | sort x')
        with searching(made, asked.node, memory, Scope()) as search:
            [hit] = Sorting("x").find(search, asked.extractions, 1).hits
        assert b"a=%d " % first in hit.line


def test_text_that_begins_a_byte_later_has_other_positions(tmp_path):
    lines = [line(f"a={n} {1000 * 'x'}", n) for n in range(2500)]
    active = make_store(tmp_path / "logs", [lines]) / "current.log"
    memory = RememberedParts()
    for first in (lines[0], b"x" + lines[0]):
        active.write_bytes(b"".join([first, *lines[1:]]))
        found = []
        for known in (None, memory, memory):
            with searching(active.parent, EVERYTHING, known, Scope()) as search:
                found.append(Sorting("a", True).find(search, (), 1500).hits)
        assert found[0] == found[1] == found[2]


def test_a_part_of_the_lines_of_a_frame_is_not_all_of_them(tmp_path):
    lines = [line("a=1 b=1", n, f"tcp:10.0.0.{n % 2}:1") for n in range(100)]
    made = make_store(tmp_path / "logs", [lines, []])
    memory = RememberedParts()
    begin = Scope(before=Position(1, len(b"".join(lines[:10]))))
    for scope, total in ((Scope(), 100), (begin, 10), (Scope(source="*.1:1"), 50)):
        assert ask(made, "| sum a by b", memory, scope).rows == [("1", total)]


def test_sources_are_remembered(store):
    memory = RememberedParts()
    with searching(store, EVERYTHING, memory, Scope()) as search:
        first = count_sources(search)
    with searching(store, EVERYTHING, memory, Scope()) as search, nothing_is_read():
        assert count_sources(search) == first


def kept(memory: RememberedParts, *words: str) -> list[bytes | None]:
    return [memory.get(key_of_part(word, [])) for word in words]


def note(memory: RememberedParts, word: str, part: bytes) -> list[bytes]:
    memory.add(key_of_part(word, []), part)
    return memory.take_notes()


def test_those_not_asked_for_longest_are_forgotten(monkeypatch):
    monkeypatch.setattr(remembered, "MOST", 3 * (EACH + 10) + EACH)
    monkeypatch.setattr(remembered, "LARGEST", 10)
    memory = RememberedParts()
    for word in "abc":
        for one in note(memory, word, 10 * word.encode()):
            memory.keep(one)
    again = note(memory, "a", 10 * b"a")
    assert [len(one) for one in again] == [16]
    memory.keep(again[0])
    assert not note(memory, "large", 11 * b"x")
    for one in note(memory, "d", b""):
        memory.keep(one)
    for one in note(memory, "e", 10 * b"e"):
        memory.keep(one)
    assert kept(memory, *"abcde") == [10 * b"a", None, 10 * b"c", b"", 10 * b"e"]


def test_a_large_question_notes_its_first_parts_each_time(monkeypatch):
    monkeypatch.setattr(remembered, "MOST", 10 * (EACH + 10))
    memory = RememberedParts()
    for _ in range(2):
        for word in "abcdefghij":
            memory.add(key_of_part(word, []), 10 * b"x")
        for one in memory.take_notes():
            memory.keep(one)
        assert kept(memory, *"abcdef") == [*[10 * b"x"] * 5, None]


def test_what_was_forgotten_meanwhile_does_not_become_nothing(monkeypatch):
    """A process that was forked earlier still has the part, and notes that it was asked for."""
    monkeypatch.setattr(remembered, "MOST", 2 * (EACH + 10))
    memory = RememberedParts()
    [one] = note(memory, "a", 10 * b"a")
    memory.keep(one)
    [again] = note(memory, "a", 10 * b"a")
    [other] = note(memory, "b", 10 * b"b")
    monkeypatch.setattr(remembered, "MOST", EACH + 10)
    memory.keep(other)
    memory.keep(again)
    assert kept(memory, "a", "b") == [None, 10 * b"b"]


def test_of_two_questions_at_once_each_part_takes_its_room_once(monkeypatch):
    """Processes that were forked at the same moment note the same parts, and each some of its own."""
    monkeypatch.setattr(remembered, "MOST", 3 * (EACH + 10))
    memory = RememberedParts()
    first, second = deepcopy(memory), deepcopy(memory)
    notes = [note(first, "a", 10 * b"a"), note(second, "a", 10 * b"a")]
    notes += [note(second, "b", 10 * b"b"), note(first, "c", 10 * b"c")]
    for [one] in notes:
        memory.keep(one)
    assert kept(memory, *"abc") == [10 * b"a", 10 * b"b", 10 * b"c"]


@pytest.mark.slow
def test_many_small_parts_take_no_more_memory(monkeypatch):
    monkeypatch.setattr(remembered, "MOST", 4 << 20)
    memory = RememberedParts()
    tracemalloc.start()
    for number in range(100_000):
        memory.keep(number.to_bytes(16) + b"+")
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 1.1 * remembered.MOST


@pytest.mark.parametrize("part", [b"", b"+", b"++x", bytes(range(256))])
def test_a_part_is_remembered_byte_for_byte(part):
    """Also the second time, when its key alone is noted."""
    memory, key = RememberedParts(), key_of_part("| count", [1])
    for _ in range(2):
        memory.add(key, part)
        for note in memory.take_notes():
            memory.keep(note)
        assert memory.get(key) == part
