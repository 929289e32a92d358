"""A store that changes while it is read: a segment is rotated, sealed or removed between plan and read."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from logsrv.linelog.http.replies import REPLIES
from logsrv.linelog.http.search_child import answer_request
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.query.record_match import RecordQuery
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.records.found_records import lines_of_records
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stores_search import StoresSearch, StoresView
from logsrv.linelog.read.texts import SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.stages.figures import Figures
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, Position, Segment, sealed_name
from tests.parts.made_columns import columns_for_few_frames
from tests.parts.search_orders import order_of, values_of
from tests.parts.sql_answers import rows
from tests.parts.stores import BEGIN, add_columns, line, make_store, remove_segment, small_frames

# Each segment has 20 frames of a line; so many are read by forked processes, too.
FRAMES = 20
SEGMENTS = [
    [line(f"app={'ab'[n % 2]} n={100 * number + n}", 60 * number + n) for n in range(FRAMES)]
    for number in (1, 2, 3)
]
LINES = 3 * FRAMES
REMOVED = "segment 2 was removed while it was read, so lines of it are missing"
Change = Callable[[Path], None]


class ChangingView(View):
    """A view of a store that is changed when segment 2 has been opened `openings` times."""

    def __init__(self, store: Path, change: Change, openings: int = 1) -> None:
        self.told: list[str] = []
        self._store, self._change, self._left = store, change, openings
        super().__init__(str(store), self.told.append, away=True)

    def open_whole_segment(self, number: int) -> SegmentFrames | None:
        found = super().open_whole_segment(number)
        if number == 2:
            self._left -= 1
            if self._left == 0:
                self._change(self._store)
        return found


@pytest.fixture(params=["text", "columns"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    with small_frames(len(SEGMENTS[0][0])):
        made = make_store(tmp_path / "logs", [*SEGMENTS, []])
    if request.param == "columns":
        add_columns(made)
    with columns_for_few_frames():
        yield made


def remove(store: Path) -> None:
    """As retention does."""
    remove_segment(store, 2, sum(map(len, SEGMENTS[1])), FRAMES)


def remove_by_hand(store: Path) -> None:
    for path in store.glob("0000000002-*"):
        path.unlink()


def hits_of(view: View) -> list[int]:
    """The numbers of all lines."""
    with closing(Search(view, make_matcher(parse("n>=0")), Scope(), processes=2)) as search:
        return [int(hit.line.rpartition(b"=")[2]) for hit in search.hits()]


def counts_of(view: View) -> list[int]:
    """How many lines are counted."""
    asked = parse_question("n>=0 | sum n by app")
    assert isinstance(asked.answer, Figures)
    with closing(Search(view, make_matcher(asked.node), Scope(), processes=2)) as search:
        return [asked.answer.rows(search, asked.extractions).lines]


def sql_of(view: View) -> list[int]:
    return [row["n"] for row in rows(view, "select n from logs where n >= 0")]


def records_of(view: View) -> list[int]:
    """The numbers of all lines whose record has one."""
    query, undo = RecordQuery(parse("n>=0")), ExitStack()

    def search(after: Position | None, before: Position | None) -> Search:
        scope = Scope(after=after, before=before)
        return undo.enter_context(closing(Search(view, query.candidates, scope, processes=2)))

    with undo:
        pieces = list(lines_of_records(view, search, query.matches))
    return [int(hit.line.rpartition(b"=")[2]) for piece in pieces for hit, _ in piece]


ALL = [100 * number + n for number in (1, 2, 3) for n in range(FRAMES)]
OTHERS = [n for n in ALL if not 200 <= n < 300]
# Who asks, at which opening of segment 2 it has been planned, and the answer of all lines and without it.
ASKING = pytest.mark.parametrize(
    ("ask", "planned", "whole", "without"),
    [
        (hits_of, 1, ALL, OTHERS),
        (counts_of, 1, [len(ALL)], [len(OTHERS)]),
        (records_of, 1, ALL, OTHERS),
        # Types of fields are found by a sample, which is read before.
        (sql_of, 2, ALL, OTHERS),
    ],
)


@pytest.mark.slow
@ASKING
@pytest.mark.parametrize("change", [remove, remove_by_hand])
def test_an_answer_says_that_a_segment_was_removed_under_it(
    store, ask, planned, whole, without, change
):
    with ChangingView(store, change, planned) as view:
        found = ask(view)
        # By columns that were open, nothing is missed.
        assert (found, view.told) in [(without, [REMOVED]), (whole, [])]
        assert view.damaged is bool(view.told) and not view.has_unreadable_lines


@pytest.mark.slow
@ASKING
def test_a_segment_removed_before_it_is_planned_is_said_unless_by_retention(
    store, ask, planned, whole, without
):
    for change, told in ((remove, 0), (remove_by_hand, 1)):
        made = shutil.copytree(store, store.with_name(change.__name__))
        with ChangingView(made, lambda _: None) as view:
            change(made)
            assert ask(view) == without
        assert [one.partition(",")[0] for one in view.told] == told * ["segment 2 is missing"]


def rotate(store: Path) -> None:
    """The active segment gets its sealed name, and a new one is there."""
    (store / "current.log").rename(store / sealed_name(2, BEGIN))
    (store / "current.log").write_bytes(line("n=300"))


def rotate_and_seal(store: Path) -> None:
    rotate(store)
    with small_frames(len(SEGMENTS[0][0])), Disk().open_directory(store) as disk:
        seal(Segment(2, sealed_name(2, BEGIN), Form.PLAIN), disk)


@ASKING
@pytest.mark.parametrize("change", [rotate, rotate_and_seal])
def test_an_answer_lacks_nothing_of_an_active_segment_that_is_rotated_under_it(
    tmp_path, ask, planned, whole, without, change
):
    """Lines that come after the plan need not be in it."""
    store = make_store(tmp_path / "logs", SEGMENTS[:2])
    with ChangingView(store, change, planned) as view:
        found, told = ask(view), view.told
    known = ALL[: 2 * FRAMES]
    assert (found, told) == ([len(known)] if ask is counts_of else known, [])


def test_of_several_stores_the_one_is_named(store):
    other = shutil.copytree(store, store.with_name("b"))
    said: list[str] = []

    def open_one(name: str) -> View:
        return ChangingView(store, lambda _: None) if name == "a" else ChangingView(other, remove)

    with StoresView(["a", "b"], open_one, said.append) as view:
        search = StoresSearch(view, make_matcher(parse("")), Scope(), processes=1)
        with closing(search):
            assert len(list(search.hits())) == 2 * LINES - FRAMES
    assert said == [f"b: {REMOVED}"]


@pytest.mark.parametrize(
    ("endpoint", "query", "status"),
    [("table", " | sum n by app", f"200 {REMOVED}"), ("search", "", "200")],
)
def test_the_header_of_an_answer_that_has_not_begun_says_so(
    tmp_path, monkeypatch, endpoint, query, status
):
    """Of one that has begun, the log of the server says it."""
    store = make_store(tmp_path / "logs", [*SEGMENTS, []])
    reply, told, sent = REPLIES[endpoint], list[str](), list[bytes]()

    def change_meanwhile(view: View, values: dict[str, Any]) -> Iterator[bytes]:
        open_segment, left = view.open_whole_segment, [remove]

        def open_and_change(number: int) -> SegmentFrames | None:
            found = open_segment(number)
            if number == 2 and left:
                left.pop()(store)
            return found

        monkeypatch.setattr(view, "open_whole_segment", open_and_change)
        yield from reply(view, values)

    monkeypatch.setitem(REPLIES, endpoint, change_meanwhile)
    values = values_of(endpoint, f"limit=1000&q={quote('n>=0' + query)}")
    answer_request(order_of(store, endpoint, values), sent.append, told.append)
    assert told == [REMOVED]
    assert sent[0].decode() == status
