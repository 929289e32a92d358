"""Questions of boards are asked ahead: one after the other, for three days, unless they take long."""

import errno
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, patch

import pytest
from twisted.internet.task import Clock

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.http.asked_ahead import EVERY, FILE, FIRST, FOR, LONGEST, MOST, AskedAhead
from logsrv.linelog.http.asked_search import SearchSink
from logsrv.linelog.http.problems import STOPPING, Problem
from logsrv.linelog.http.searches import SPARE_SECONDS
from logsrv.linelog.store.disk import Disk
from tests.parts.reactor import logged
from tests.parts.stores import BEGIN
from tests.parts.web_requests import Reactor


class Asked:
    """Instead of searches: what is asked, answered when a test says so."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.requests: list[dict[str, Any]] = []
        self.sinks: list[SearchSink] = []
        self.searches: list[SimpleNamespace] = []
        self.stopping = False
        self.at_once = 8

    def queue_search(self, request: dict[str, Any], sink: SearchSink) -> SimpleNamespace:
        if self.stopping:
            raise STOPPING
        self.requests.append(request)
        self.sinks.append(sink)
        self.searches.append(SimpleNamespace(running_since=self.clock.seconds()))
        return self.searches[-1]

    def queries(self, seconds: float = 0.1, problem: Problem | None = None) -> list[str]:
        """Answer what is asked, each after some seconds; return the queries."""
        found = []
        while self.sinks:
            found.append(self.requests.pop(0)["values"]["q"])
            self.clock.advance(seconds)
            self.sinks.pop(0).receive_end(problem)
        return found


@pytest.fixture
def clock() -> Clock:
    clock = Reactor()
    clock.advance(BEGIN)
    return clock


@pytest.fixture
def asked(clock: Clock) -> Asked:
    return Asked(clock)


@pytest.fixture
def ahead(asked: Asked, clock: Clock, tmp_path: Path) -> AskedAhead:
    return AskedAhead(asked, lambda: str(tmp_path), clock)  # type: ignore[arg-type]


def test_a_question_is_asked_again_with_the_times_of_then(ahead, asked, clock):
    ahead.note("/api/histogram", b"q=level%3Eerror&since=1h&buckets=60&ahead=1")
    clock.advance(EVERY - 1)
    assert not asked.requests
    for turn in (1, 2):
        clock.advance(1 if turn == 1 else EVERY)
        [request] = asked.requests
        assert request["endpoint"] == "histogram" and request["values"]["buckets"] == 60
        assert request["values"]["since"] == rfc3339(clock.seconds() - 3600)
        assert asked.queries() == ["level>error"]


def test_questions_are_asked_one_after_the_other_and_not_those_of_an_open_board(
    ahead, asked, clock
):
    for word in (b"one", b"two", b"open"):
        ahead.note("/api/table", b"q=%s+|+count+by+app" % word)
    clock.advance(EVERY - 1)
    ahead.note("/api/table", b"q=open+|+count+by+app")
    clock.advance(1)
    assert len(asked.requests) == 1
    clock.advance(LONGEST / 2)
    assert len(asked.requests) == 1
    assert asked.queries() == ["one | count by app", "two | count by app"]
    clock.advance(EVERY)
    assert len(asked.queries()) == 3


def test_after_a_board_is_closed_its_questions_come_before_all_is_forgotten(ahead, asked, clock):
    ahead.note("/api/table", b"q=|+count")
    clock.advance(10)
    ahead.note("/api/table", b"q=|+count")
    clock.pump([SPARE_SECONDS - EVERY, EVERY - 1])
    assert asked.requests


def test_after_an_error_nobody_foresaw_questions_are_asked_again(ahead, asked, clock, monkeypatch):
    ahead.note("/api/table", b"q=|+count")
    with monkeypatch.context() as patch, logged() as said:
        patch.setattr(asked, "queue_search", Mock(side_effect=OSError("no descriptors")))
        clock.advance(EVERY)
    assert said == ["asking ahead has failed"]
    clock.advance(EVERY)
    assert asked.queries()


def test_after_a_start_the_questions_of_before_are_asked_soon(ahead, asked, clock, tmp_path):
    """Also those of the moment before a stop. The first time each may take long: nothing is remembered."""
    for word in (b"one", b"two"):
        ahead.note("/api/table", b"q=%s+|+count" % word)
    ahead.stop()
    later = AskedAhead(asked, lambda: str(tmp_path), clock)
    later.start()
    later.note("/api/table", b"q=new+|+count")
    clock.advance(FIRST)
    assert asked.queries(seconds=2 * LONGEST) == ["one | count", "two | count"]
    clock.advance(EVERY)
    assert asked.queries() == ["one | count", "two | count", "new | count"]
    clock.advance(EVERY)
    assert asked.queries(seconds=2 * LONGEST) == ["one | count", "two | count", "new | count"]
    later.stop()
    third = AskedAhead(asked, lambda: str(tmp_path), clock)
    third.start()
    clock.advance(FIRST + EVERY)
    assert not asked.requests


def test_each_round_keeps_what_was_asked_since_the_one_before(ahead, asked, clock, tmp_path):
    """Until a stop, and after it: a kill between two rounds loses only what was asked since the first."""
    queries = []
    for number in range(3):
        ahead.note("/api/table", b"q=%d+|+count" % number)
        queries.append(f"{number} | count")
        clock.advance(EVERY)
        assert asked.queries() == queries
        kept = json.loads((tmp_path / FILE).read_bytes())
        assert [one["query"] for one in kept] == [f"q={n}+|+count" for n in range(number + 1)]
    ahead.note("/api/table", b"q=last+|+count")
    ahead.stop()
    later = AskedAhead(asked, lambda: str(tmp_path), clock)
    later.start()
    clock.advance(FIRST)
    assert asked.queries() == [*queries, "last | count"]


def test_a_stop_at_once_after_a_start_keeps_the_questions(ahead, asked, clock, tmp_path):
    ahead.note("/api/table", b"q=one+|+count")
    ahead.stop()
    second = AskedAhead(asked, lambda: str(tmp_path), clock)
    second.start()
    second.note("/api/table", b"q=two+|+count")
    second.stop()
    third = AskedAhead(asked, lambda: str(tmp_path), clock)
    third.start()
    clock.advance(FIRST)
    assert asked.queries() == ["one | count", "two | count"]


def test_a_file_that_cannot_be_read_or_written_for_a_while_loses_nothing(
    ahead, asked, clock, tmp_path
):
    ahead.note("/api/table", b"q=one+|+count")
    ahead.stop()
    later = AskedAhead(asked, lambda: str(tmp_path), clock)
    later.start()
    later.note("/api/table", b"q=two+|+count")
    with logged(), patch.object(Disk, "read_or_none", side_effect=OSError(errno.EIO, "")):
        clock.advance(FIRST)
    assert not asked.requests
    with logged(), patch.object(Disk, "replace", side_effect=OSError(errno.ENOSPC, "")):
        clock.advance(EVERY)
        assert asked.queries() == ["one | count", "two | count"]
    later.stop()
    third = AskedAhead(asked, lambda: str(tmp_path), clock)
    third.start()
    clock.advance(FIRST)
    assert asked.queries() == ["one | count", "two | count"]


def test_a_fault_of_the_file_is_logged_once_and_again_when_it_comes_back(ahead, asked, clock):
    def say_of_rounds(number: int) -> list[str]:
        with logged() as said:
            for _ in range(number):
                ahead.note("/api/table", b"q=|+count")
                clock.advance(EVERY)
                asked.queries()
        return said

    full = patch.object(Disk, "replace", side_effect=OSError(errno.ENOSPC, "full"))
    sentence = "the questions of boards are not kept: full"
    with full:
        assert say_of_rounds(3) == [sentence]
    assert say_of_rounds(2) == []
    with full:
        assert say_of_rounds(3) == [sentence]


def test_a_stop_during_the_first_read_keeps_all(ahead, asked, clock, tmp_path):
    ahead.note("/api/table", b"q=one+|+count")
    ahead.stop()
    later = AskedAhead(asked, lambda: str(tmp_path), clock)
    later.start()
    clock.held = []
    clock.advance(FIRST)
    later.note("/api/table", b"q=two+|+count")
    later.stop()
    [result], clock.held = clock.held, None
    result(True, {("/api/table", b"q=one+|+count"): clock.seconds() - 10})
    assert not clock.getDelayedCalls()
    kept = json.loads((tmp_path / FILE).read_bytes())
    assert [one["query"] for one in kept] == ["q=one+|+count", "q=two+|+count"]


def test_a_question_that_is_asked_while_the_file_is_written_is_kept_at_the_stop(
    ahead, asked, clock, tmp_path
):
    ahead.note("/api/table", b"q=one+|+count")
    clock.advance(EVERY)
    clock.held = []
    assert asked.queries() == ["one | count"]
    ahead.note("/api/table", b"q=two+|+count")
    [written], clock.held = clock.held, None
    written(True, True)
    ahead.stop()
    kept = json.loads((tmp_path / FILE).read_bytes())
    assert [one["query"] for one in kept] == ["q=one+|+count", "q=two+|+count"]


def test_a_question_for_which_no_process_starts_is_asked_again(ahead, asked, clock):
    ahead.note("/api/table", b"q=|+count")
    for _ in range(2):
        clock.advance(EVERY)
        asked.searches[-1].running_since = 0.0
        assert asked.queries(problem=Problem(503, "no process"))
    clock.advance(EVERY)
    assert asked.queries()


def test_at_most_so_many_come_from_a_start_the_latest(ahead, asked, clock, tmp_path):
    for number in range(MOST):
        ahead.note("/api/table", b"q=%d+|+count" % number)
    ahead.stop()
    later = AskedAhead(asked, lambda: str(tmp_path), clock)
    later.start()
    for number in (0, MOST):
        later.note("/api/table", b"q=%d+|+count" % number)
    clock.advance(FIRST)
    assert asked.queries() == [f"{n} | count" for n in range(2, MOST)]
    clock.advance(EVERY)
    assert asked.queries() == [f"{n} | count" for n in (*range(2, MOST), 0, MOST)]


def test_a_time_to_come_is_due(ahead, asked, clock, tmp_path):
    one = {"path": "/api/table", "query": "q=|+count", "asked": "2099-01-01T00:00:00Z"}
    (tmp_path / FILE).write_text(json.dumps([one]))
    ahead.start()
    clock.advance(FIRST)
    assert asked.queries()


def test_where_one_search_runs_at_a_time_it_is_for_people(ahead, asked, clock):
    asked.at_once = 1
    ahead.note("/api/table", b"q=|+count")
    clock.advance(EVERY)
    assert not asked.requests
    asked.at_once = 2
    clock.advance(EVERY)
    assert asked.queries()


@pytest.mark.parametrize(
    "data",
    [b"{}", b"[1]", b'[{"path":"/api/stats","query":"","asked":"2026-11-28T00:00:00Z"}]', b"\xff"],
)
def test_a_file_that_is_not_ours_is_none(ahead, asked, clock, tmp_path, data):
    (tmp_path / FILE).write_bytes(data)
    ahead.start()
    with logged():
        clock.advance(FIRST)
    assert not asked.requests
    ahead.note("/api/table", b"q=|+count")
    clock.advance(EVERY)
    assert asked.queries()


def test_without_its_directory_the_questions_are_asked_all_the_same(ahead, asked, clock, tmp_path):
    tmp_path.rmdir()
    ahead.start()
    ahead.note("/api/table", b"q=|+count")
    with logged() as said:
        clock.advance(FIRST)
        for _ in range(2):
            clock.advance(EVERY)
            assert asked.queries()
    assert said == ["the questions of boards are not read: No such file or directory"]


def test_nothing_is_asked_three_days_after_the_last_look(ahead, asked, clock):
    ahead.note("/api/table", b"q=|+count")
    for _ in range(int(FOR / EVERY) - 1):
        clock.advance(EVERY)
        assert asked.queries(0.0)
    clock.advance(2 * EVERY)
    assert not asked.queries() and not clock.getDelayedCalls()


def test_too_many_are_forgotten_the_longest_asked_first(ahead, asked, clock):
    for number in range(MOST):
        ahead.note("/api/table", b"q=%d+|+count" % number)
    ahead.note("/api/table", b"q=0+|+count")
    ahead.note("/api/table", b"q=new+|+count")
    clock.advance(EVERY)
    assert asked.queries() == [f"{n} | count" for n in (*range(2, MOST), 0, "new")]


def test_a_passing_failure_changes_nothing(ahead, asked, clock):
    ahead.note("/api/table", b"q=|+count")
    for problem in (Problem(503, "the store is away"), None):
        clock.advance(EVERY)
        assert asked.queries(problem=problem)


@pytest.mark.parametrize("why", [{"problem": Problem(400, "gone")}, {"seconds": LONGEST + 1}])
def test_a_question_that_is_wrong_or_takes_long_is_not_asked_again(ahead, asked, clock, why):
    ahead.note("/api/table", b"q=|+count")
    for turn in (why if "problem" in why else {}, why):
        clock.advance(EVERY)
        assert asked.queries(**turn) or "problem" in why
    clock.advance(10 * EVERY)
    assert not asked.requests


def test_at_a_stop_nothing_more_is_asked(ahead, asked, clock):
    for word in (b"one", b"two"):
        ahead.note("/api/table", b"q=%s+|+count" % word)
    clock.advance(EVERY)
    ahead.stop()
    asked.stopping = True
    assert asked.queries(problem=STOPPING) == ["one | count"]
    assert not clock.getDelayedCalls()
