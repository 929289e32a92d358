"""A viewer on its way to the others: all from its position on, once, whatever form the segments have."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from logsrv.linelog.http.viewing import catch_up as behind_module
from logsrv.linelog.http.viewing.catch_up import CatchUp, CatchUpStep
from logsrv.linelog.http.viewing.watched_query import SharedEvents, WatchedQuery
from logsrv.linelog.read.follow import end_of_store
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position
from tests.parts.stores import line, make_store, view_of

SIZE = len(line("0"))
LINES = [line(str(number), number) for number in range(8)]


@contextmanager
def viewer(
    view: View, begin: Position, sure: Position | None = None, query: str = ""
) -> Iterator[CatchUp]:
    end = end_of_store(view)
    found = CatchUp(WatchedQuery(query), begin, sure or end, view)
    yield found
    found.close()


def messages(step: CatchUpStep) -> list[str]:
    events = step.data.decode().split("\n\n")[:-1]
    return [json.loads(one.partition("data: ")[2])["message"] for one in events]


@pytest.mark.parametrize("offset", [0, 1, SIZE - 1, SIZE, SIZE + 1, 3 * SIZE])
@pytest.mark.parametrize("packed", [0, 1])
def test_a_viewer_gets_lines_from_its_place_on(tmp_path, offset, packed):
    """Also if its place is in the middle of a line, and the segment was compressed meanwhile."""
    view = view_of(make_store(tmp_path / "store", [LINES[:4], LINES[4:]], packed=packed))
    with viewer(view, Position(1, offset)) as behind:
        step = behind.next_step(end_of_store(view), 1000, SharedEvents())
        assert messages(step) == [str(number) for number in range(-(-offset // SIZE), 8)]
        assert step.over and not step.missed and step.lines == len(messages(step))


def test_a_viewer_gets_no_line_before_the_others(tmp_path):
    """Those come when they come to the others: also in a segment that begins behind its place."""
    view = view_of(make_store(tmp_path / "store", [LINES[:4], LINES[4:]]))
    with viewer(view, Position(1, 2 * SIZE)) as behind:
        step = behind.next_step(Position(2, SIZE), 1000, SharedEvents())
        assert messages(step) == ["2", "3", "4"] and step.over


def test_a_step_may_have_no_line(tmp_path, monkeypatch):
    monkeypatch.setattr(behind_module, "MOST_IN_STEP", 1)
    view = view_of(make_store(tmp_path / "store", [LINES[:4], LINES[4:]]))
    with viewer(view, Position(1, 0), query="7") as behind:
        steps = [behind.next_step(end_of_store(view), 1000, SharedEvents())]
        while not steps[-1].over:
            steps.append(behind.next_step(end_of_store(view), 1000, SharedEvents()))
        assert [messages(step) for step in steps] == [[], ["7"]]


def test_lines_up_to_sure_are_not_limited(tmp_path):
    """Behind that it has as much as others have, and hears of the rest."""
    view = view_of(make_store(tmp_path / "store", [LINES[:4], LINES[4:]]))
    with viewer(view, Position(1, 0), Position(2, 0)) as behind:
        end = Position(2, 4 * SIZE)
        assert messages(behind.next_step(end, 1, SharedEvents())) == [
            str(number) for number in range(8)
        ]
    with viewer(view, Position(1, 0), Position(1, 0)) as behind:
        step = behind.next_step(end, 1, SharedEvents())
        assert messages(step) == ["0", "1", "2", "3"]
        assert step == CatchUpStep(step.data, 4, missed=4, over=True)
