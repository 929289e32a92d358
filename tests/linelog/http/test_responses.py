"""Responses: whole ones with their headers, and those of a search at the pace of the client."""

import gzip
import json
import zlib
from collections.abc import Callable

import pytest
from twisted.internet.task import Clock

from logsrv.errors import QueryError
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.web.channel import WebRequest, accepts_gzip
from logsrv.linelog.http import assets
from logsrv.linelog.http.http_part import HttpPart
from logsrv.linelog.http.problems import Problem, query_problem, too_many_problem
from logsrv.linelog.http.responses import (
    LONGEST,
    STALLED_AFTER,
    ResponseSender,
    SearchAnswer,
)
from tests.parts.web_requests import Browser


class MeasuredResponses:
    """Responses, and their metrics."""

    def __init__(self) -> None:
        self.metrics = Metrics(HttpPart.metrics)
        self.responses = ResponseSender(self.metrics)

    def count(self, status: int) -> float:
        return self.metrics.value("http_requests_total", status=str(status))


@pytest.fixture
def measured() -> MeasuredResponses:
    return MeasuredResponses()


def test_a_response_has_its_headers_and_body(measured):
    answer = Browser(lambda request: measured.responses.send_body(request, 200, b"{}\n")).get()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK") and body == b"{}\n"
    for line in (b"Content-Length: 3", b"Cache-Control: no-store", b"X-Accel-Buffering: no"):
        assert line in head
    assert b"Content-Security-Policy: " in head and measured.count(200) == 1


def test_a_problem_has_its_headers(measured):
    answer = Browser(
        lambda request: measured.responses.send_problem(request, too_many_problem("wait", 7))
    ).get()
    assert answer.startswith(b"HTTP/1.1 429 ") and b"Retry-After: 7\r\n" in answer
    assert answer.endswith(b'{"error": "wait"}\n') and measured.count(429) == 1


def test_a_problem_behind_a_beginning_ends_the_connection(measured):
    """What was said cannot be taken back: the client sees that the answer is not whole."""

    def answer(request: object) -> None:
        measured.responses.begin_response(request, 200, "text/plain")  # type: ignore[arg-type]
        request.write(b"half")  # type: ignore[attr-defined]
        measured.responses.send_problem(request, Problem(503, "broken"))  # type: ignore[arg-type]

    browser = Browser(answer)
    assert b"broken" not in browser.get() and browser.transport.aborting


def test_a_file_that_a_browser_has_is_not_sent_again(measured):
    asset = assets.live_page()
    browser = Browser(lambda request: measured.responses.send_asset(request, asset, "no-cache"))
    answer = browser.get(If_None_Match=asset.tag)
    assert answer.startswith(b"HTTP/1.1 304 ")


def test_a_redirect_leads_to_what_a_link_names(measured):
    browser = Browser(
        lambda request: measured.responses.redirect_to_page(request, [b"a=b", b"c="], "/?q=x")
    )
    answer = browser.get()
    assert answer.startswith(b"HTTP/1.1 303 ")
    assert b"Location: /?q=x\r\n" in answer and b"Set-Cookie: a=b\r\nSet-Cookie: c=\r\n" in answer


def test_a_file_is_packed_for_a_client_that_unpacks(measured):
    """Each form has an ETag of its own, so that a cache between never mixes them up."""
    asset = assets.live_page()

    def ask(**headers: str) -> tuple[bytes, bytes]:
        browser = Browser(lambda request: measured.responses.send_asset(request, asset, "no-cache"))
        head, _, body = browser.get(**headers).partition(b"\r\n\r\n")
        assert b"Vary: Accept-Encoding" in head
        return head, body

    head, body = ask(Accept_Encoding="br, gzip")
    assert b"Content-Encoding: gzip" in head and gzip.decompress(body) == asset.body
    tag = head.partition(b"ETag: ")[2].partition(b"\r\n")[0].decode()
    assert ask(Accept_Encoding="gzip", If_None_Match=tag)[0].startswith(b"HTTP/1.1 304 ")
    head, body = ask(If_None_Match=tag)
    assert head.startswith(b"HTTP/1.1 200 ") and b"Content-Encoding" not in head
    assert body == asset.body


@pytest.mark.parametrize(("body", "packed"), [(b'{"a": 1}', False), (b'{"b": 2}' * 500, True)])
def test_a_long_answer_is_packed_for_a_client_that_unpacks(measured, body, packed):
    browser = Browser(lambda request: measured.responses.send_body(request, 200, body))
    head, _, sent = browser.get(Accept_Encoding="gzip").partition(b"\r\n\r\n")
    assert (b"Content-Encoding: gzip" in head) is packed
    assert b"Content-Length: %d\r" % len(sent) in head + b"\r"
    assert (gzip.decompress(sent) if packed else sent) == body


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        (b"gzip", True), (b"deflate, GZIP;q=0.5, br", True), (b"gzip; q=1", True), (b"", False),
        (b"br", False), (b"gzip;q=0", False), (b"gzip ; q = 0.000, br", False), (b"gzipped", False),
    ],
)  # fmt: skip
def test_accept_encoding_decides_about_gzip(accepted, takes):
    assert accepts_gzip(accepted) is takes


def test_a_sentence_is_one_line_of_json():
    assert b"\x1b" not in Problem(404, "no\nsuch \x1b line").body
    assert Problem(400, "a\nb").body.count(b"\n") == 1


def test_a_wrong_query_has_its_place():
    problem = query_problem(QueryError("there is nothing behind the >=", 7))
    assert problem.status == 400
    assert json.loads(problem.body) == {"error": "there is nothing behind the >=", "at": 7}


class Search:
    """A search that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.told.append(name)


class AnsweredSearch:
    """A request whose answer is under way."""

    def __init__(self, *, packed: bool = False) -> None:
        self.clock = Clock()
        self.search = Search()
        self.browser = Browser(self._handle, self.clock)
        self.browser.get("/", **{"Accept-Encoding": "gzip"} if packed else {})

    def _handle(self, request: WebRequest) -> None:
        def begin(request: WebRequest) -> None:
            request.setResponseCode(200)
            request.pack()

        def fail(request: WebRequest, problem: Problem) -> None:
            request.setResponseCode(problem.status)
            request.write(problem.body)
            request.finish()

        self.answer = SearchAnswer(request, self.clock, begin, fail)
        self.answer.set_search(self.search)  # type: ignore[arg-type]


@pytest.fixture
def searched() -> AnsweredSearch:
    return AnsweredSearch()


def test_an_answer_is_sent_to_its_end(searched):
    assert searched.browser.received == b""
    searched.answer.receive_data(b"one\n")
    searched.answer.receive_data(b"two\n")
    searched.answer.receive_end(None)
    received = searched.browser.received
    assert received.startswith(b"HTTP/1.1 200 ") and received.endswith(b"0\r\n\r\n")
    assert b"one\n" in received and b"two\n" in received
    # Only the connection's own time-out is left.
    assert len(searched.clock.getDelayedCalls()) == 1


def test_a_header_says_what_an_answer_lacks(searched):
    searched.answer.receive_missing("segment 2 is missing\u2028")
    searched.answer.receive_data(b"one\n")
    assert b"\r\nLogsrv-Missing: segment 2 is missing\\u2028\r\n" in searched.browser.received


def test_an_empty_answer_is_status_200(searched):
    searched.answer.receive_end(None)
    assert searched.browser.received.startswith(b"HTTP/1.1 200 ")


def test_a_failure_before_the_first_byte_has_its_own_status(searched):
    searched.answer.receive_end(Problem(503, "too long"))
    assert searched.browser.received.startswith(b"HTTP/1.1 503 ")
    assert b'{"error": "too long"}' in searched.browser.received


def test_a_failure_after_the_first_bytes_is_the_last_line(searched):
    searched.answer.receive_data(b"one\ntw")
    searched.answer.receive_end(Problem(503, "too long"))
    assert searched.browser.received.startswith(b"HTTP/1.1 200 ")
    assert b'tw\r\n17\r\n\n{"error": "too long"}\n\r\n0\r\n\r\n' in searched.browser.received


@pytest.mark.parametrize("begun", [False, True])
def test_the_answer_to_a_reader_who_is_gone_ends(searched, begun):
    if begun:
        searched.answer.receive_data(b"one\n")
    searched.answer.close("gone")
    assert searched.browser.received.startswith(b"HTTP/1.1 200 " if begun else b"HTTP/1.1 401 ")
    assert searched.browser.received.count(b'{"error": "gone"}') == 1
    assert searched.search.told == ["kill"]
    searched.answer.close("gone")
    assert searched.search.told == ["kill"]


def test_a_packed_answer_is_read_as_it_comes_to_the_problem_at_its_end():
    searched = AnsweredSearch(packed=True)
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    read = 0

    def unpacked() -> bytes:
        """What a client can read of that which came since the last time."""
        nonlocal read
        head, _, chunks = searched.browser.received.partition(b"\r\n\r\n")
        assert b"Content-Encoding: gzip" in head and b"Vary: Accept-Encoding" in head
        content = b""
        while chunks:
            size, _, chunks = chunks.partition(b"\r\n")
            content, chunks = content + chunks[: int(size, 16)], chunks[int(size, 16) + 2 :]
        new, read = content[read:], len(content)
        return unpacker.decompress(new)

    for line in (b"one\n", b"two\n"):
        searched.answer.receive_data(line)
        assert unpacked() == line
    searched.answer.receive_end(Problem(503, "too long"))
    assert unpacked() == b'{"error": "too long"}\n' and unpacker.eof


def test_a_slow_client_pauses_the_search_and_is_cut_off(searched):
    searched.answer.receive_data(b"one\n")
    searched.browser.channel.pauseProducing()
    assert searched.search.told == ["pause"]
    searched.clock.advance(STALLED_AFTER - 1)
    searched.browser.channel.resumeProducing()
    assert searched.search.told == ["pause", "resume"]
    searched.clock.advance(STALLED_AFTER - 1)
    assert not searched.browser.transport.disconnected
    searched.browser.channel.pauseProducing()
    searched.clock.advance(STALLED_AFTER)
    assert searched.search.told[-1] == "kill"
    assert searched.browser.transport.aborting


def test_a_client_that_takes_too_long_is_cut_off(searched):
    searched.answer.receive_data(b"one\n")
    searched.clock.advance(LONGEST)
    assert searched.search.told == ["kill"] and searched.browser.transport.aborting


def test_a_client_that_disconnects_ends_its_search(searched):
    searched.answer.receive_data(b"one\n")
    searched.browser.leave()
    assert searched.search.told == ["kill"]
    searched.answer.receive_end(Problem(503, "killed"))
    assert not [call for call in searched.clock.getDelayedCalls() if call.active()]
