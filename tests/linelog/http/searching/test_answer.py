"""An answer on its way: as fast as the client takes it, with a status where one can be given; events."""

from collections.abc import Callable

import pytest
from twisted.internet.task import Clock

from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.searching.answer import LONGEST, STALLED_AFTER, SearchAnswer
from logsrv.linelog.http.searching.events import (
    HEARTBEAT,
    EventQueue,
    error_event,
    line_event,
    missed_event,
)
from tests.parts.web_requests import Browser


class Search:
    """A search that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.told.append(name)


class Case:
    """A request whose answer is under way."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.search = Search()
        self.browser = Browser(self._handle, self.clock)
        self.browser.get("/")

    def _handle(self, request: WebRequest) -> None:
        def begin(request: WebRequest, status: int) -> None:
            request.setResponseCode(status)

        def fail(request: WebRequest, problem: Problem) -> None:
            request.setResponseCode(problem.status)
            request.write(problem.body)
            request.finish()

        self.answer = SearchAnswer(request, self.clock, begin, fail)
        self.answer.set_search(self.search)  # type: ignore[arg-type]
        self.answer.receive_status(200)


@pytest.fixture
def case() -> Case:
    return Case()


def test_an_answer_is_sent_to_its_end(case):
    assert case.browser.received == b""
    case.answer.receive_data(b"one\n")
    case.answer.receive_data(b"two\n")
    case.answer.receive_end(None)
    received = case.browser.received
    assert received.startswith(b"HTTP/1.1 200 ") and received.endswith(b"0\r\n\r\n")
    assert b"one\n" in received and b"two\n" in received
    # Only the connection's own time-out is left.
    assert len(case.clock.getDelayedCalls()) == 1


def test_a_header_says_what_an_answer_lacks(case):
    case.answer.receive_status(200, "segment 2 is missing\u2028")
    case.answer.receive_data(b"one\n")
    assert b"\r\nLogsrv-Missing: segment 2 is missing\\u2028\r\n" in case.browser.received


def test_an_empty_answer_is_status_200(case):
    case.answer.receive_end(None)
    assert case.browser.received.startswith(b"HTTP/1.1 200 ")


def test_a_failure_before_the_first_byte_has_its_own_status(case):
    case.answer.receive_end(Problem(503, "too long"))
    assert case.browser.received.startswith(b"HTTP/1.1 503 ")
    assert b'{"error": "too long"}' in case.browser.received


def test_a_failure_after_the_first_bytes_is_the_last_line(case):
    case.answer.receive_data(b"one\n")
    case.answer.receive_end(Problem(503, "too long"))
    assert case.browser.received.startswith(b"HTTP/1.1 200 ")
    assert b'{"error": "too long"}\n\r\n0\r\n\r\n' in case.browser.received


def test_a_slow_client_pauses_the_search_and_is_cut_off(case):
    case.answer.receive_data(b"one\n")
    case.browser.channel.pauseProducing()
    assert case.search.told == ["pause"]
    case.clock.advance(STALLED_AFTER - 1)
    case.browser.channel.resumeProducing()
    assert case.search.told == ["pause", "resume"]
    case.clock.advance(STALLED_AFTER - 1)
    assert not case.browser.transport.disconnected
    case.browser.channel.pauseProducing()
    case.clock.advance(STALLED_AFTER)
    assert case.search.told[-1] == "kill"
    assert case.browser.transport.aborting


def test_a_client_that_takes_too_long_is_cut_off(case):
    case.answer.receive_data(b"one\n")
    case.clock.advance(LONGEST)
    assert case.search.told == ["kill"] and case.browser.transport.aborting


def test_a_client_that_disconnects_ends_its_search(case):
    case.answer.receive_data(b"one\n")
    case.browser.leave()
    assert case.search.told == ["kill"]
    case.answer.receive_end(Problem(503, "killed"))
    assert not [call for call in case.clock.getDelayedCalls() if call.active()]


def test_each_event_has_its_bytes():
    assert line_event("17:5", '{"a":1}') == b'id: 17:5\nevent: line\ndata: {"a":1}\n\n'
    assert missed_event(3) == b'event: missed\ndata: {"lines": 3}\n\n'
    assert missed_event(None, "2:0") == b'event: missed\ndata: {"lines": null, "from": "2:0"}\n\n'
    assert error_event("a\nb").count(b"\n") == 3
    # A comment, which nobody takes for an event.
    assert HEARTBEAT.startswith(b":")


def test_waiting_events_keep_their_order():
    box = EventQueue(3)
    assert box.add(b"ab", 2) == 0
    box.count_left_out(0)
    box.count_left_out(2)
    box.count_left_out(3)
    assert box.add(b"c", 1) == 0
    assert box.add(b"(gone)", 0) == 0
    assert box.add(b"d", 1) == 1
    assert box.pop_events(100) == b"ab" + missed_event(5) + b"c(gone)" + missed_event(1)
    assert box.add(b"efg", 3) == 0 and box.pop_events(100) == b"efg" and box.pop_events(100) == b""


def test_events_are_taken_in_pieces_of_about_the_asked_size():
    """About as much as is asked for, and at least one piece, however long."""
    box = EventQueue(9)
    for data in (b"x" * 100, b"y", b"z" * 100):
        box.add(data, 1)
    assert box.pop_events(1) == b"x" * 100
    assert box.pop_events(50) == b"y" + b"z" * 100
