"""Requests find who answers them, and what goes wrong has its status."""

import gc
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError, StoreError
from logsrv.linelog.http.http_settings import HttpSettings
from logsrv.linelog.http.readers.reader_settings import ReaderSettings
from tests.parts.stores import view_of
from tests.parts.web_requests import Browser, ServedStore


@pytest.fixture
def served(tmp_path: Path) -> ServedStore:
    return ServedStore(tmp_path)


def test_each_path_without_a_search_is_answered(served):
    assert served.ask("/healthz") == (200, {"status": "ok"})
    assert served.ask("/readyz") == (200, {"status": "ok"})
    assert served.ask("/openapi.json")[1]["info"]["title"] == "logsrv"
    assert served.ask("/api/stats")[1]["lines"] == 2
    assert served.ask("/")[0] == 200 and "text/html" in served.head
    status, said = served.ask("/metrics")
    assert status == 200 and b'http_requests_total{status="200"} 5.0' in said


def test_files_of_the_page_are_kept_and_the_page_is_asked_for_each_time(served):
    """A page that was opened before an update gets a file as it is now, and no cache keeps that."""
    page = served.ask("/")[1].decode()
    assert "cache-control: no-cache\r\n" in served.head
    address = page.partition('type="module" src="')[2].partition('"')[0]
    status, script = served.ask(address)
    assert status == 200 and b"modules" in script
    assert "cache-control: max-age=31536000, immutable\r\n" in served.head
    for other in ("/static/main.js", "/static/0123456789abcdef/main.js"):
        assert served.ask(other) == (200, script)
        assert "cache-control: no-cache\r\n" in served.head
    assert served.ask(f"{address}x")[0] == served.ask("/static/x/main.js")[0] == 404


def test_every_answer_has_the_security_headers(served):
    for path in ("/", "/api/stats", "/api/nothing", "/metrics", "/api/search?limit=x"):
        served.ask(path)
        for header in (
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "content-security-policy: default-src 'none'",
            "frame-ancestors 'none'",
        ):
            assert header in served.head


def test_answers_of_the_api_have_its_version(served):
    for path in ("/api/stats", "/api/nothing"):
        served.ask(path)
        assert "logsrv-api: 1" in served.head
    served.ask("/healthz")
    assert "logsrv-api" not in served.head


def test_wrong_paths_methods_and_values_have_their_status(served):
    for path, method, status in [
        ("/nothing", "GET", 404),
        ("/nothing", "POST", 404),
        ("/api/search", "DELETE", 405),
        ("/login", "PUT", 405),
        ("/logout", "GET", 405),
        ("/api/search?limit=x", "GET", 400),
    ]:
        found, said = served.ask(path, method)
        assert found == status and set(said) == {"error"}, (path, method)
    assert served.ask("/api/stats", Host="evil.example")[0] == 403
    assert served.ask("/api/stats", Origin="http://evil.example")[0] == 403
    assert served.ask("/api/search", "HEAD") == (200, b"")
    assert "content-type: application/x-ndjson" in served.head
    for path in ("/api/search?format=csv", "/api/table?q=|+count&format=csv"):
        assert served.ask(path, "HEAD")[0] == 200
        assert "content-type: text/csv" in served.head
    for path in ("/api/search?format=text", "/api/table?q=|+count&format=text"):
        assert served.ask(path, "HEAD")[0] == 200
        assert "content-type: text/plain; charset=utf-8" in served.head
    assert served.ask("/api/search?columns=app") == (400, {"error": "columns needs format=csv"})


def test_what_is_refused_says_what_would_be_right(served):
    assert served.ask("/api/search", "DELETE")[0] == 405 and "allow: get, head\r\n" in served.head
    browser = Browser(served.server.handle, served.reactor)
    browser.get("/api/stats", Content_Length="5")
    browser.channel.dataReceived(b"12345")
    assert browser.received.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in browser.received
    assert served.ask("/api/search?q=a+and+b", "HEAD")[0] == 200
    assert "logsrv-hint: and is a word here; the operator is and, in capitals" in served.head


def test_other_sites_may_link_to_the_page_alone(served):
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert served.ask("/", **link)[0] == 200
    assert served.ask("/api/stats", **link)[0] == 403


def test_a_request_for_two_hosts_is_refused(served):
    browser = Browser(served.server.handle, served.reactor)
    browser.channel.dataReceived(
        b"GET /api/stats HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
    )
    assert browser.received.startswith(b"HTTP/1.1 400 ")


def test_a_full_disk_and_a_missing_store_are_status_503(served):
    served.troubles["write"] = "No space left on device"
    status, said = served.ask("/healthz")
    assert status == 503 and "No space left" in said["error"]
    for path in served.store.iterdir():
        path.unlink()
    served.store.rmdir()
    assert served.ask("/api/stats")[0] == 503


def test_an_exception_is_a_logged_status_500(served, monkeypatch):
    """It is logged, and the client hears no more than that."""
    monkeypatch.setattr(served.server.metrics, "read", lambda: 1 / 0)
    with capturedLogs() as events:
        status, said = served.ask("/metrics")
    assert status == 500 and "division" not in said["error"]
    assert any("failed" in str(event.get("log_format")) for event in events)


def test_nobody_is_let_in_before_the_token_is_known(tmp_path):
    served = ServedStore(tmp_path, applied=False)
    assert served.ask("/api/stats")[0] == served.ask("/healthz")[0] == 503


def test_with_a_token_only_healthz_is_open(tmp_path):
    served = ServedStore(tmp_path, http_token="secret")
    assert served.ask("/api/stats")[0] == 401 and "www-authenticate: bearer" in served.head
    assert served.ask("/healthz")[0] == 200
    assert served.ask("/")[0] == 401 and "text/html" in served.head
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert served.ask("/api/stats", Authorization=f"{scheme} secret")[0] == 200


def test_another_token_ends_what_the_old_one_opened(tmp_path):
    served = ServedStore(tmp_path, http_token="secret")
    viewer = Browser(served.server.handle, served.reactor)
    viewer.get("/api/tail", Authorization="Bearer secret")
    served.server.apply(HttpSettings(http_token="secret", http_searches=3))
    assert served.metrics.value("http_viewers") == 1
    served.server.apply(HttpSettings(http_token="other"))
    assert served.metrics.value("http_viewers") == 0
    assert b"the token has changed" in viewer.received
    assert viewer.received.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("then", "why"),
    [
        ({"only": "app=api"}, b"this reader has another name now, or sees other lines"),
        ({"name": "bob"}, b"this reader has another name now, or sees other lines"),
        ({"token": "2" * 20}, b"the token has changed"),
    ],
)
def test_a_live_view_ends_with_what_has_changed_for_its_reader(tmp_path, then, why):
    def settings(name: str = "ann", token: str = "1" * 20, only: str = "app=web") -> HttpSettings:
        file = tmp_path / f"token-{token}"
        file.write_text(token)
        file.chmod(0o600)
        return HttpSettings(reader=(ReaderSettings(name=name, token_file=file, only=only),))

    served = ServedStore(tmp_path)
    served.server.apply(settings())
    viewer = Browser(served.server.handle, served.reactor)
    viewer.get("/api/tail", Authorization=f"Bearer {'1' * 20}")
    assert served.metrics.value("http_viewers") == 1
    served.server.apply(settings(**then))
    assert served.metrics.value("http_viewers") == 0 and why in viewer.received


def test_a_search_that_was_refused_is_not_answered_once_more_when_the_token_changes(
    tmp_path, monkeypatch
):
    """A reload would fail in the middle, and leave the streams open that it comes to later."""
    monkeypatch.setattr("logsrv.linelog.http.searching.searches.MOST_OF_CLIENT", 0)
    served = ServedStore(tmp_path, http_token="secret", http_searches=1)
    first, refused, viewer = (Browser(served.server.handle, served.reactor) for _ in range(3))
    first.get("/api/search", Authorization="Bearer secret")
    refused.get("/api/search?q=x", Authorization="Bearer secret")
    viewer.get("/api/tail", Authorization="Bearer secret")
    served.server.apply(HttpSettings(http_token="other"))
    assert first.received.startswith(b"HTTP/1.1 401 ")
    assert refused.received.startswith(b"HTTP/1.1 429 ")
    assert refused.received.count(b"HTTP/1.1 ") == 1
    assert b"the token has changed" in viewer.received


def test_a_request_that_waited_behind_a_stream_needs_the_other_token(tmp_path):
    """It is answered in the middle of the change, as the stream before it ends."""
    served = ServedStore(tmp_path, http_token="secret")
    viewer = Browser(served.server.handle, served.reactor)
    for _ in range(2):
        viewer.get("/api/tail", Authorization="Bearer secret")
    served.server.apply(HttpSettings(http_token="other"))
    assert served.metrics.value("http_viewers") == 0
    assert viewer.received.count(b"HTTP/1.1 200 ") == viewer.received.count(b"HTTP/1.1 401 ") == 1


def test_a_request_that_waited_behind_a_stream_is_refused_at_a_stop(tmp_path):
    served = ServedStore(tmp_path)
    viewer = Browser(served.server.handle, served.reactor)
    for _ in range(2):
        viewer.get("/api/tail")
    served.server.stop()
    assert served.metrics.value("http_viewers") == 0
    assert viewer.received.count(b"HTTP/1.1 200 ") == viewer.received.count(b"HTTP/1.1 503 ") == 1


WRONG: dict[str, Any] = {
    "token": {"http_token_file": Path("/none")},
    "reader": {"http_token": "x", "reader": ({"name": "ann", "token_file": Path("/none")},)},
    "proxy": {"http_user_header": "X-User", "http_proxy_secret_file": Path("/none")},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_settings_that_are_wrong_change_nothing(served, tmp_path, wrong):
    """Neither what is right in them: the file of searches, the audit log, names, limits."""
    given = dict(WRONG[wrong])
    if "reader" in given:
        given["reader"] = tuple(ReaderSettings(**one) for one in given["reader"])
    others = {"saved": tmp_path / "saved.json", "audit": True, "http_host": ("logs.lan",)}
    with pytest.raises(ConfigurationError):
        served.server.apply(HttpSettings(**given, **others))
    with capturedLogs() as logged:
        assert served.ask("/api/stats")[0] == 200
        assert served.ask("/api/stats", Host="logs.lan")[0] == 403
        assert served.ask("/api/saved")[1]["enabled"] is False
    assert not [event for event in logged if "line" in event]
    served.server.apply(HttpSettings(**others))
    with capturedLogs() as logged:
        assert served.ask("/api/saved", Host="logs.lan")[1]["enabled"] is True
    assert len([event for event in logged if "line" in event]) == 1


def test_refusals_that_were_left_out_of_the_audit_log_are_told_at_a_stop(tmp_path):
    served = ServedStore(tmp_path, audit=True, http_token="secret")
    with capturedLogs() as logged:
        for _ in range(50):
            served.ask("/api/stats")
        before = [event["line"] for event in logged if "line" in event]
        served.server.stop()
    [last] = [event["line"] for event in logged if "line" in event][len(before) :]
    assert f" left_out={50 - len(before)} " in last


def test_stop_closes_streams_and_refuses_requests(served):
    """Who is there is sent away, and nobody else let in."""
    viewer = Browser(served.server.handle, served.reactor)
    viewer.get("/api/tail")
    assert served.metrics.value("http_viewers") == 1
    stopped = served.server.stop()
    assert [process.killed for process in served.reactor.processes] == [True]
    assert stopped.called and viewer.received.endswith(b"0\r\n\r\n")
    assert served.metrics.value("http_viewers") == 0
    assert served.ask("/healthz")[0] == 503


def test_a_refused_live_view_is_counted_once_and_does_not_begin(tmp_path, monkeypatch):
    """It is counted once, by the status that it got."""
    monkeypatch.setattr("logsrv.linelog.http.views.view_process.MOST_QUERIES", 0)
    served = ServedStore(tmp_path, audit=True)
    with capturedLogs() as logged:
        assert served.ask("/api/tail")[0] == 429
    [line] = [event["line"] for event in logged if "line" in event]
    assert " status=429 " in line and "begins=yes" not in line
    assert served.metrics.value("http_viewers") == 0
    _, said = served.ask("/metrics")
    assert b'http_requests_total{status="429"} 1.0' in said
    assert b'http_requests_total{status="200"}' not in said


def test_a_client_that_goes_before_its_answer_fails(served):
    """Nobody is there to hear of it, and the log says nothing."""
    served.reactor.held = []
    browser = Browser(served.server.handle, served.reactor)
    browser.get("/api/stats")
    browser.leave()
    with capturedLogs() as logged:
        served.reactor.held.pop()(False, Failure(StoreError("the store was removed")))
        gc.collect()
    assert not logged


def test_an_answer_to_a_client_that_has_gone_is_not_counted(served):
    served.reactor.held = []
    browser = Browser(served.server.handle, served.reactor)
    browser.get("/api/stats")
    browser.leave()
    served.reactor.held.pop()(True, {"lines": 2})
    _, said = served.ask("/metrics")
    assert b'http_requests_total{status="200"}' not in said


def test_nothing_is_answered_before_its_process_has_an_answer(served):
    browser = Browser(served.server.handle, served.reactor)
    assert browser.get("/api/search?join=1") == b"" and len(served.reactor.processes) == 1


def test_the_file_of_an_earlier_version_that_asked_ahead_is_left_alone(served):
    file = served.store / "asked-ahead.json"
    file.write_bytes(b'[{"path": "/api/table", "query": "q=a", "asked": "2026-11-20T06:00:00Z"}]')
    assert served.ask("/api/stats")[0] == served.ask("/healthz")[0] == 200
    with view_of(served.store) as view:
        view.report_odd_names()
    assert served.ask("/api/table?q=%7C+count&ahead=1")[0] == 400
    assert file.exists()
