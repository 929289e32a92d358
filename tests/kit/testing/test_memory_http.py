"""Requests by HTTP to a service in memory: sent as a client would, their answers read as a client would."""

from typing import Any

import pytest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from logsrv.kit import LineProtocol, protocol_plugin
from logsrv.kit.testing import MemoryService, http_request
from tests.parts.talking import Shout


class Late(Resource):
    """Answers after so many seconds, in chunks."""

    isLeaf = True

    def __init__(self, service: Any) -> None:
        super().__init__()
        self._clock = service.clock

    def render(self, request: Any) -> int:
        def answer() -> None:
            request.setHeader("X-Method", request.method.decode())
            request.write(b"one ")
            request.write(request.content.read())
            request.finish()

        self._clock.callLater(float(request.args.get(b"seconds", [b"0"])[0]), answer)
        return NOT_DONE_YET


late = protocol_plugin("late", Shout, listeners={"web": Late}, listen=("tcp:7000", "web:tcp:7001"))


def test_an_answer_may_take_a_while_and_come_in_chunks():
    service = MemoryService(late)
    answer = service.request("PUT", "/?seconds=5", b"two", {"X-A": "b"}, to="web")
    assert (answer.status, answer.body, answer.headers["x-method"]) == (200, b"one two", "PUT")
    assert service.clock.seconds() >= 5
    assert service.request("HEAD", "/", to="web").body == b""


def test_a_resource_gets_the_fields_of_a_form():
    service = MemoryService(late)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert service.request("POST", "/", b"seconds=5", form, to="web").status == 200
    assert service.clock.seconds() >= 5


def test_a_request_without_an_answer_is_an_error():
    service = MemoryService(late)
    with pytest.raises(AssertionError, match=r"GET /\?seconds=60 has no answer, only b''"):
        service.request("GET", "/?seconds=60", to="web")


class Old(LineProtocol):
    """Its answers end with the connection."""

    def line_received(self, line: str) -> None:
        if not line:
            self.send_line("HTTP/1.0 200 OK\r\n")
            self.write(b"one ")
            self.later(2, self.close, "two")


def test_an_answer_without_a_length_ends_with_the_connection():
    assert MemoryService(Old).request("GET", "/").body == b"one two\r\n"


class Silent(LineProtocol):
    def connection_made(self) -> None:
        self.close()


@pytest.mark.parametrize(
    ("protocol", "sentence"), [(Silent, "GET / has no answer"), (Shout, "is no answer by HTTP")]
)
def test_what_speaks_no_http_is_an_error(protocol, sentence):
    with pytest.raises(AssertionError, match=sentence):
        MemoryService(protocol).request("GET", "/")


def test_the_bytes_of_a_request():
    assert http_request("POST", "/a", b"xy", {"Host": "b"}) == (
        b"POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nxy"
    )
