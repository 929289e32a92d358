"""The condition of a reader is a part of each query, and what reads past it fails."""

import pytest

from logsrv.errors import QueryError
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.question import EVERYTHING, all_of
from logsrv.linelog.read.follow import Follower
from logsrv.linelog.read.only import parse_only, restricted, restricted_matcher
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.store.segment import Position
from tests.parts.stores import lines as stored_lines
from tests.parts.stores import make_store, view_of


def test_a_condition_is_part_of_each_query_once():
    only = parse("app=web")
    node = restricted(parse("error user=ann"), only)
    assert node == all_of((only, *parse("error user=ann").parts))  # type: ignore[union-attr]
    assert restricted(node, only) is node
    within = all_of((node, parse("timeout")))
    assert restricted(within, only) is within
    assert restricted(parse("app=web"), only) == only
    assert restricted(EVERYTHING, only) == only
    matcher = make_matcher(parse("x"))
    assert restricted_matcher(matcher, None) is matcher


@pytest.mark.parametrize("text", [" ", "()", "app=web | count", "(app=web"])
def test_a_text_that_is_no_condition_is_refused(text):
    """Only "" stands for all lines, so that no mistake opens them."""
    with pytest.raises(QueryError):
        parse_only(text)
    assert parse_only("") is None


def test_whatever_reads_past_the_condition_fails(tmp_path):
    store = make_store(tmp_path / "store", [stored_lines(["n=1 app=web", "n=2 app=api"])])
    with view_of(store) as view:
        view.only = parse_only("app=web")
        number = view.segments[-1].number
        for read in (
            lambda: view.open_segment(number),
            lambda: Follower(view, Position(number, 0)),
        ):
            with pytest.raises(RuntimeError, match=r"some lines|only some"):
                read()


def test_lines_that_a_reader_may_not_see_are_not_there(tmp_path):
    messages = ["n=1 app=web", "n=2 app=api", "n=3 app=web", "n=4 app=api"]
    store = make_store(tmp_path / "store", [stored_lines(messages)])
    with view_of(store) as view:
        every = list(StoredLines(view).lines_from(Position(0, 0)))
        view.only = parse_only("app=web")
        lines = StoredLines(view)
        assert [hit.line[-9:-8] for hit in lines.lines_from(Position(0, 0))] == [b"1", b"3"]
        assert lines.line_at(every[1].position) is None
        found = lines.line_at(every[2].position)
        assert found is not None
        assert [hit.line[-9:-8] for hit in lines.lines_around(found, 5, 5)] == [b"1", b"3"]
        lines.close()


def test_the_first_line_of_a_record_is_found_before_and_after_its_neighbours_are_read(tmp_path):
    """It is read with the lines that the reader may not see, and these are not shown for it."""
    messages = ["app=api token", "app=web oops", "\tat app=web.run", "app=api secret"]
    store = make_store(tmp_path / "store", [stored_lines(messages)])
    with view_of(store) as view:
        trace = list(StoredLines(view).lines_from(Position(0, 0)))[2]
        view.only = parse_only("run OR token")
        for reads_neighbours_first in (False, True):
            lines = StoredLines(view)
            if reads_neighbours_first:
                assert len([*lines.lines_from(Position(0, 0))]) == 2
            first = lines.with_first_line(trace).first_line
            assert first is not None and first.endswith(b"app=web oops")
            around = [hit.line[28:] for hit in lines.lines_around(trace, 5, 5)]
            assert [line.split()[-1] for line in around] == [b"token", b"app=web.run"]
            lines.close()
