"""Responses: all have the same headers, are counted, and none is sent twice."""

import gzip
import json

import pytest

from logsrv.errors import QueryError
from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.http.page import assets
from logsrv.linelog.http.problems import Problem, query_problem, too_many_problem
from logsrv.linelog.http.responses import ResponseSender, accepts_gzip
from logsrv.linelog.plugin.metrics import METRICS
from tests.parts.web_requests import Browser


class Place:
    """Responses, and their metrics."""

    def __init__(self) -> None:
        self.metrics = Metrics(METRICS)
        self.responses = ResponseSender(self.metrics)

    def count(self, status: int) -> float:
        return self.metrics.value("http_requests_total", status=str(status))


@pytest.fixture
def place() -> Place:
    return Place()


def test_a_response_has_its_headers_and_body(place):
    answer = Browser(lambda request: place.responses.send_body(request, 200, b"{}\n")).get()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK") and body == b"{}\n"
    for line in (b"Content-Length: 3", b"Cache-Control: no-store", b"X-Accel-Buffering: no"):
        assert line in head
    assert b"Content-Security-Policy: " in head and place.count(200) == 1


def test_a_problem_has_its_headers(place):
    answer = Browser(
        lambda request: place.responses.send_problem(request, too_many_problem("wait", 7))
    ).get()
    assert answer.startswith(b"HTTP/1.1 429 ") and b"Retry-After: 7\r\n" in answer
    assert answer.endswith(b'{"error": "wait"}\n') and place.count(429) == 1


def test_a_problem_behind_a_beginning_ends_the_connection(place):
    """What was said cannot be taken back: the client sees that the answer is not whole."""

    def answer(request: object) -> None:
        place.responses.begin_response(request, 200, "text/plain")  # type: ignore[arg-type]
        request.write(b"half")  # type: ignore[attr-defined]
        place.responses.send_problem(request, Problem(503, "broken"))  # type: ignore[arg-type]

    browser = Browser(answer)
    assert b"broken" not in browser.get() and browser.transport.aborting


def test_a_file_that_a_browser_has_is_not_sent_again(place):
    asset = assets.live_page()
    browser = Browser(lambda request: place.responses.send_asset(request, asset, "no-cache"))
    answer = browser.get(If_None_Match=asset.tag)
    assert answer.startswith(b"HTTP/1.1 304 ")


def test_a_redirect_leads_to_what_a_link_names(place):
    browser = Browser(lambda request: place.responses.redirect_to_page(request, b"a=b", "q=x"))
    answer = browser.get()
    assert answer.startswith(b"HTTP/1.1 303 ")
    assert b"Location: /?q=x\r\n" in answer and b"Set-Cookie: a=b\r\n" in answer


def test_a_file_is_packed_for_a_client_that_unpacks(place):
    """Each form has an ETag of its own, so that a cache between never mixes them up."""
    asset = assets.live_page()

    def ask(**headers: str) -> tuple[bytes, bytes]:
        browser = Browser(lambda request: place.responses.send_asset(request, asset, "no-cache"))
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
