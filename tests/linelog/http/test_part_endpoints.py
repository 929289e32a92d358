"""Endpoints of other parts: served with the checks of our own, described, and missing ones named."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import capturedLogs, formatEvent

from logsrv.errors import QueryError, StoreError
from logsrv.linelog.http import part_endpoints
from logsrv.linelog.http.http_settings import HttpSettings
from logsrv.linelog.http.server import WebServer
from logsrv.linelog.leaves import LEAVES
from logsrv.linelog.parts.endpoints import (
    Answer,
    ApiParameter,
    EndpointRequest,
    PartEndpoint,
    ProcessAnswer,
    RefusedRequest,
)
from tests.parts.alert_pages import answer_of
from tests.parts.web_requests import Browser, ServedStore

TEXT = {"type": "string"}


class Colours:
    """A part with endpoints; `asked` has the requests, `failure` is what they raise."""

    def __init__(self) -> None:
        self.asked: list[EndpointRequest] = []
        self.failure: Exception | None = None
        self.later: Deferred[Any] | None = None

    def endpoints(self) -> list[PartEndpoint]:
        size = ApiParameter("size", "how large", lambda text, now: int(text), TEXT, 1)
        common: Any = {"help": "Colours", "answer": self.answer}
        return [
            PartEndpoint(method="GET", path="/api/colours", parameters=(size,), **common),
            PartEndpoint(method="POST", path="/api/colours", body={"type": "object"}, **common),
            PartEndpoint(method="PUT", path="/api/colours/{name}", body=TEXT, **common),
            PartEndpoint(method="GET", path="/api/pieces", help="", answer=self.answer_by_process),
        ]

    def answer(self, asked: EndpointRequest) -> Answer:
        self.asked.append(asked)
        if self.failure is not None:
            raise self.failure
        return self.later or succeed({"ok": True})

    def answer_by_process(self, asked: EndpointRequest) -> Answer:
        return ProcessAnswer("tests.linelog.http.test_part_endpoints:pieces", {"n": 3})


class Served(ServedStore):
    """A server that serves these endpoints."""

    def __init__(self, directory: Path, endpoints: Sequence[PartEndpoint], **settings: Any) -> None:
        super().__init__(directory)
        self.server = WebServer(
            lambda: str(self.store),
            HttpSettings(),
            position=lambda: None,  # type: ignore[arg-type, return-value]
            unhealthy=list,
            unready=list,
            totals=dict,
            metrics=self.metrics,
            reactor=self.reactor,
            endpoints=endpoints,
        )
        self.server.apply(HttpSettings(**settings))

    def change(self, method: str, path: str, body: object, **headers: str) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        browser = Browser(self.server.handle, self.reactor)
        given = {"Content_Type": "application/json", "Content_Length": str(len(data))} | headers
        browser.get(path, method, **given)
        browser.channel.dataReceived(data)
        return answer_of(browser)


@pytest.fixture
def colours() -> Colours:
    return Colours()


@pytest.fixture
def served(tmp_path: Path, colours: Colours) -> Served:
    return Served(tmp_path, colours.endpoints())


def test_a_part_gets_parameters_names_and_bodies_after_their_checks(served, colours):
    assert served.ask("/api/colours?size=7") == (200, {"ok": True})
    assert served.change("PUT", "/api/colours/r%C3%B6t%2F1", "pink")[0] == 200
    assert served.change("POST", "/api/colours", {"a": [1]})[0] == 200
    assert [(one.values, one.name, one.body) for one in colours.asked] == [
        ({"size": 7}, "", None),
        ({}, "röt/1", "pink"),
        ({}, "", {"a": [1]}),
    ]
    status, body = served.ask("/api/colours", "HEAD")
    assert (status, body) == (200, b"")


def test_a_request_that_does_not_fit_never_reaches_the_part(served, colours):
    assert served.ask("/api/colours?sise=7")[0] == 400
    assert served.ask("/api/colours?size=x")[0] == 400
    assert served.ask("/api/colours", "DELETE")[0] == 405
    assert "allow: get, post, head" in served.head
    assert served.ask("/api/colours/red")[0] == 405
    assert served.change("PUT", "/api/colours/red", b"{")[0] == 400
    assert served.change("PUT", "/api/colours/red", b'"x"', Content_Type="text/plain")[0] == 415
    assert served.change("PUT", "/api/colours/red", b'"%s"' % (b"x" * 5000))[0] == 413
    assert served.change("PUT", "/api/colours/%ff", "x")[0] == 400
    assert served.change("PUT", "/api/colours/..", "x")[0] == 400
    assert served.change("PUT", "/api/colours/x", "x", Sec_Fetch_Site="cross-site")[0] == 403
    assert served.change("PUT", "/api/colours/x", "x", Host="evil.example")[0] == 403
    assert served.ask("/api/colours/red/more")[0] == 404
    assert colours.asked == []


def test_with_a_token_only_who_has_it_reaches_the_part(tmp_path, colours):
    served = Served(tmp_path, colours.endpoints(), http_token="secret")
    assert served.ask("/api/colours")[0] == 401 and colours.asked == []
    assert served.ask("/api/colours", Authorization="Bearer secret")[0] == 200


@pytest.mark.parametrize(
    ("failure", "status", "answer"),
    [
        (RefusedRequest(409, "too many"), 409, {"error": "too many"}),
        (RefusedRequest(400, "wrong", at=4), 400, {"error": "wrong", "at": 4}),
        (QueryError("no query", 7), 400, {"error": "no query", "at": 7}),
        (StoreError("no disk"), 503, {"error": "no disk"}),
    ],
)
@pytest.mark.parametrize("later", [False, True])
def test_a_failure_of_a_part_is_answered_in_a_sentence(
    served, colours, failure, status, answer, later
):
    if later:
        colours.later = fail(failure)
    else:
        colours.failure = failure
    assert served.ask("/api/colours") == (status, answer)


def test_a_bug_of_a_part_is_logged_and_not_told(served, colours):
    colours.failure = RuntimeError("secret")
    with capturedLogs() as events:
        status, said = served.ask("/api/colours")
    assert status == 500 and "secret" not in said["error"]
    assert any("answering a request failed" in formatEvent(one) for one in events)


def test_who_leaves_before_the_answer_harms_nobody(served, colours):
    colours.later = Deferred()
    browser = Browser(served.server.handle, served.reactor)
    browser.get("/api/colours")
    browser.leave()
    colours.later.callback({"ok": True})
    colours.later = None
    assert served.ask("/api/colours")[0] == 200


def test_an_answer_of_a_process_is_a_search(served):
    browser = Browser(served.server.handle, served.reactor)
    browser.get("/api/pieces")
    request = json.loads(served.reactor.last.said[0])
    assert request["function"].endswith(":pieces") and request["values"] == {"n": 3}
    assert request["directory"] == str(served.store) and request["seconds"] == 70
    served.reactor.last.say(b"200")
    served.reactor.last.say(b'{"ok":true}\n')
    served.reactor.last.end()
    assert b'{"ok":true}' in browser.received


def test_openapi_has_them_and_ours_stay(served):
    _, found = served.ask("/openapi.json")
    assert "/api/search" in found["paths"]
    assert {*found["paths"]["/api/colours"]} == {"get", "post"}
    put = found["paths"]["/api/colours/{name}"]["put"]
    assert put["operationId"] == "put_colours" and put["requestBody"]["required"] is True
    assert [one["in"] for one in put["parameters"]] == ["path"]


def test_a_part_cannot_take_a_path_of_ours(tmp_path, colours):
    own = PartEndpoint(method="GET", path="/api/stats", help="", answer=colours.answer)
    saved = PartEndpoint(method="DELETE", path="/api/saved/{name}", help="", answer=colours.answer)
    with capturedLogs() as events:
        served = Served(tmp_path, [own, saved])
    assert [formatEvent(one) for one in events] == [
        "/api/stats of a part is left out: the server has it",
        "/api/saved/{name} of a part is left out: the server has it",
    ]
    served.ask("/api/stats")
    assert served.ask("/api/saved/x", "DELETE")[0] == 404 and colours.asked == []


def test_what_a_part_would_serve_that_was_taken_away_is_named(tmp_path, monkeypatch):
    alerts = [one for one in LEAVES if one.folder == "alerts"]
    monkeypatch.setattr(part_endpoints, "missing_leaves", lambda: alerts)
    served = Served(tmp_path, [])
    for path in ("/api/alerts", "/api/alerts/x", "/api/silences", "/api/would_fire"):
        status, said = served.ask(path)
        assert status == 404
        assert said["error"] == f"there is no {path}: logsrv.linelog.alerts was taken away"
    assert served.ask("/api/alerting")[1]["error"] == "there is nothing at /api/alerting"
