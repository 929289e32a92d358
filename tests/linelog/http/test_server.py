"""Requests find who answers them, and what goes wrong has its status."""

import gc
from pathlib import Path
from unittest.mock import patch

import pytest
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError, StoreError
from logsrv.linelog.http.asked_ahead import AskedAhead
from logsrv.linelog.http.http_settings import HttpSettings
from tests.parts.web_requests import Browser, Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_each_path_without_a_search_is_answered(place):
    assert place.ask("/healthz") == (200, {"status": "ok"})
    assert place.ask("/readyz") == (200, {"status": "ok"})
    assert place.ask("/openapi.json")[1]["info"]["title"] == "logsrv"
    assert place.ask("/api/stats")[1]["lines"] == 2
    assert place.ask("/")[0] == 200 and "text/html" in place.head
    status, said = place.ask("/metrics")
    assert status == 200 and b'http_requests_total{status="200"} 5.0' in said


def test_every_answer_has_the_security_headers(place):
    for path in ("/", "/api/stats", "/api/nothing", "/metrics", "/api/search?limit=x"):
        place.ask(path)
        for header in (
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "content-security-policy: default-src 'none'",
            "frame-ancestors 'none'",
        ):
            assert header in place.head


def test_wrong_paths_methods_and_values_have_their_status(place):
    for path, method, status in [
        ("/nothing", "GET", 404),
        ("/nothing", "POST", 404),
        ("/api/search", "DELETE", 405),
        ("/login", "GET", 405),
        ("/logout", "GET", 405),
        ("/api/search?limit=x", "GET", 400),
    ]:
        found, said = place.ask(path, method)
        assert found == status and set(said) == {"error"}, (path, method)
    assert place.ask("/api/stats", Host="evil.example")[0] == 403
    assert place.ask("/api/stats", Origin="http://evil.example")[0] == 403
    assert place.ask("/api/search", "HEAD") == (200, b"")
    assert "content-type: application/x-ndjson" in place.head
    for path in ("/api/search?format=csv", "/api/table?q=|+count&format=csv"):
        assert place.ask(path, "HEAD")[0] == 200
        assert "content-type: text/csv" in place.head
    for path in ("/api/search?format=text", "/api/table?q=|+count&format=text"):
        assert place.ask(path, "HEAD")[0] == 200
        assert "content-type: text/plain; charset=utf-8" in place.head
    assert place.ask("/api/search?columns=app") == (400, {"error": "columns needs format=csv"})


def test_what_is_refused_says_what_would_be_right(place):
    assert place.ask("/api/search", "DELETE")[0] == 405 and "allow: get, head\r\n" in place.head
    browser = Browser(place.server.handle, place.reactor)
    browser.get("/api/stats", Content_Length="5")
    browser.channel.dataReceived(b"12345")
    assert browser.received.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in browser.received
    assert place.ask("/api/search?q=a+and+b", "HEAD")[0] == 200
    assert "logsrv-hint: and is a word here; the operator is and, in capitals" in place.head


def test_other_sites_may_link_to_the_page_alone(place):
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert place.ask("/", **link)[0] == 200
    assert place.ask("/api/stats", **link)[0] == 403


def test_a_request_for_two_hosts_is_refused(place):
    browser = Browser(place.server.handle, place.reactor)
    browser.channel.dataReceived(
        b"GET /api/stats HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
    )
    assert browser.received.startswith(b"HTTP/1.1 400 ")


def test_a_full_disk_and_a_missing_store_are_status_503(place):
    place.troubles["write"] = "No space left on device"
    status, said = place.ask("/healthz")
    assert status == 503 and "No space left" in said["error"]
    for path in place.store.iterdir():
        path.unlink()
    place.store.rmdir()
    assert place.ask("/api/stats")[0] == 503


def test_an_exception_is_a_logged_status_500(place, monkeypatch):
    """It is logged, and the client hears no more than that."""
    monkeypatch.setattr(place.server.metrics, "read", lambda: 1 / 0)
    with capturedLogs() as events:
        status, said = place.ask("/metrics")
    assert status == 500 and "division" not in said["error"]
    assert any("failed" in str(event.get("log_format")) for event in events)


def test_nobody_is_let_in_before_the_token_is_known(tmp_path):
    place = Place(tmp_path, applied=False)
    assert place.ask("/api/stats")[0] == place.ask("/healthz")[0] == 503


def test_with_a_token_only_healthz_is_open(tmp_path):
    place = Place(tmp_path, http_token="secret")
    assert place.ask("/api/stats")[0] == 401 and "www-authenticate: bearer" in place.head
    assert place.ask("/healthz")[0] == 200
    assert place.ask("/")[0] == 401 and "text/html" in place.head
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert place.ask("/api/stats", Authorization=f"{scheme} secret")[0] == 200


def test_the_log_in_page_says_what_was_wrong_and_leads_to_the_view_asked_for(tmp_path):
    place = Place(tmp_path, http_token="secret")

    def log_in(form: bytes, **headers: str) -> bytes:
        browser = Browser(place.server.handle, place.reactor)
        browser.get("/login", "POST", Content_Length=str(len(form)), **headers)
        browser.channel.dataReceived(form)
        return browser.received

    wrong = log_in(b"token=guess&view=%2F%3Fq%3Dx")
    assert wrong.startswith(b"HTTP/1.1 401 ") and b">The token is wrong.<" in wrong
    assert b'value="/?q=x"' in wrong
    scripted = log_in(b"token=guess", Accept="application/json")
    assert b"text/html" not in scripted and b'"the token is wrong"' in scripted
    right = log_in(b"token=secret&view=%2F%3Fq%3Dx")
    assert right.startswith(b"HTTP/1.1 303 ") and b"\r\nLocation: /?q=x\r\n" in right
    forged = log_in(b"token=secret&view=%2F%3Fq%3Dx%0D%0ASet-Cookie%3A+a%3Db")
    assert b"\r\nLocation: /\r\n" in forged and b"a=b" not in forged
    for elsewhere in (b"//evil.example", b"/board/x", b"/boardx?name=x", b"https://evil.example"):
        assert b"\r\nLocation: /\r\n" in log_in(b"token=secret&view=" + elsewhere)
    for path in ("/?q=y", "/board?name=y"):
        door = Browser(place.server.handle, place.reactor).get(path)
        assert f'value="{path}"'.encode() in door
    board = log_in(b"token=secret&view=%2Fboard%3Fname%3Dy")
    assert b"\r\nLocation: /board?name=y\r\n" in board
    scripted = log_in(b"token=secret", Accept="application/json")
    assert scripted.startswith(b"HTTP/1.1 204 ") and b"\r\nSet-Cookie: logsrv-" in scripted


def test_another_token_ends_what_the_old_one_opened(tmp_path):
    place = Place(tmp_path, http_token="secret")
    viewer = Browser(place.server.handle, place.reactor)
    viewer.get("/api/tail", Authorization="Bearer secret")
    place.server.apply(HttpSettings(http_token="secret", http_searches=3))
    assert place.metrics.value("http_viewers") == 1
    place.server.apply(HttpSettings(http_token="other"))
    assert place.metrics.value("http_viewers") == 0
    assert b"the token has changed" in viewer.received
    assert viewer.received.endswith(b"0\r\n\r\n")


def test_a_request_that_waited_behind_a_stream_needs_the_other_token(tmp_path):
    """It is answered in the middle of the change, as the stream before it ends."""
    place = Place(tmp_path, http_token="secret")
    viewer = Browser(place.server.handle, place.reactor)
    for _ in range(2):
        viewer.get("/api/tail", Authorization="Bearer secret")
    place.server.apply(HttpSettings(http_token="other"))
    assert place.metrics.value("http_viewers") == 0
    assert viewer.received.count(b"HTTP/1.1 200 ") == viewer.received.count(b"HTTP/1.1 401 ") == 1


def test_a_request_that_waited_behind_a_stream_is_refused_at_a_stop(tmp_path):
    place = Place(tmp_path)
    viewer = Browser(place.server.handle, place.reactor)
    for _ in range(2):
        viewer.get("/api/tail")
    place.server.stop()
    assert place.metrics.value("http_viewers") == 0
    assert viewer.received.count(b"HTTP/1.1 200 ") == viewer.received.count(b"HTTP/1.1 503 ") == 1


def test_settings_that_are_wrong_change_nothing(place, tmp_path):
    with pytest.raises(ConfigurationError):
        place.server.apply(HttpSettings(http_token_file=tmp_path / "none"))
    assert place.ask("/api/stats")[0] == 200


def test_stop_closes_streams_and_refuses_requests(place):
    """Who is there is sent away, and nobody else let in."""
    viewer = Browser(place.server.handle, place.reactor)
    viewer.get("/api/tail")
    assert place.metrics.value("http_viewers") == 1
    stopped = place.server.stop()
    assert [process.killed for process in place.reactor.processes] == [True]
    assert stopped.called and viewer.received.endswith(b"0\r\n\r\n")
    assert place.metrics.value("http_viewers") == 0
    assert place.ask("/healthz")[0] == 503


def test_a_refused_live_view_is_counted_once(place, monkeypatch):
    """It is counted once, by the status that it got."""
    monkeypatch.setattr("logsrv.linelog.http.views.view_process.MOST_QUERIES", 0)
    assert place.ask("/api/tail")[0] == 429
    _, said = place.ask("/metrics")
    assert b'http_requests_total{status="429"} 1.0' in said
    assert b'http_requests_total{status="200"}' not in said


def test_a_client_that_goes_before_its_answer_fails(place):
    """Nobody is there to hear of it, and the log says nothing."""
    place.reactor.held = []
    browser = Browser(place.server.handle, place.reactor)
    browser.get("/api/stats")
    browser.leave()
    with capturedLogs() as logged:
        place.reactor.held.pop()(False, Failure(StoreError("the store was removed")))
        gc.collect()
    assert not logged


def test_nothing_is_answered_before_its_process_has_an_answer(place):
    browser = Browser(place.server.handle, place.reactor)
    assert browser.get("/api/search?join=1") == b"" and len(place.reactor.processes) == 1


def test_the_questions_of_boards_are_asked_soon_after_a_start(tmp_path):
    with patch.object(AskedAhead, "start") as started:
        place = Place(tmp_path)
        place.server.apply(HttpSettings())
    started.assert_called_once_with()


def test_a_board_asks_again_in_the_background(place):
    with patch.object(AskedAhead, "note") as noted:
        Browser(place.server.handle, place.reactor).get("/api/histogram?q=a&ahead=1")
        Browser(place.server.handle, place.reactor).get("/api/histogram?q=b&ahead=0")
        Browser(place.server.handle, place.reactor).get("/api/histogram?ahead=1&source=a")
    noted.assert_called_once_with("/api/histogram", b"q=a&ahead=1")
