"""Saved searches of a server: what is taken, kept, listed and refused."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import capturedLogs

from logsrv.linelog.http.endpoints import openapi_document
from logsrv.linelog.http.http_settings import HttpSettings
from logsrv.linelog.http.saved.saved_searches import MOST
from logsrv.linelog.parts.entries_file import LARGEST_FILE
from tests.parts.saving import TYPE, InterleavedThreads, Saving, answer_of
from tests.parts.users import as_root
from tests.parts.web_requests import Browser

ERRORS = {"q": "level>=error app=shop", "last": "24h", "columns": "time,app,message", "by": "app"}


@pytest.fixture
def saving(tmp_path: Path) -> Iterator[Saving]:
    with capturedLogs() as logged:
        yield Saving(tmp_path)
    assert [event for event in logged if "log_failure" in event] == []


def test_a_search_is_saved_replaced_and_removed(saving):
    assert saving.listed == []
    assert saving.put("Fehler über/unter 5?", ERRORS)[0] == 200
    answer: dict[str, Any] = {
        "enabled": True,
        "saved": [{"name": "Fehler über/unter 5?", **ERRORS}],
        "boards": [],
    }
    assert saving.ask("/api/saved") == (200, answer)
    assert saving.put("all", {}) == (200, answer | {"saved": [*answer["saved"], {"name": "all"}]})
    assert saving.put("all", {"q": "x", "since": "yesterday", "until": "2h"})[0] == 200
    assert saving.put("all", {"q": "x"}, Content_Type="application/json; charset=utf-8")[0] == 200
    assert saving.listed[1] == {"name": "all", "q": "x"}
    assert saving.remove("Fehler über/unter 5?")[1]["saved"] == [{"name": "all", "q": "x"}]
    status, said = saving.remove("Fehler über/unter 5?")
    assert status == 404 and "there is no saved search or board" in said["error"]


def test_a_query_in_the_syntax_of_another_tool_is_saved_with_a_hint(saving):
    head = saving.send("shop", {"q": "app==shop"}).received.partition(b"\r\n\r\n")[0]
    assert b" 200 " in head and b"\r\nLogsrv-Hint: app==shop asks for a value" in head
    assert b"Logsrv-Hint" not in saving.send("shop", {"q": "app=$app"}).received


def test_the_file_is_readable_and_may_be_edited(saving):
    saving.put("größer", ERRORS)
    assert '"größer": {\n    "q": "level>=error app=shop",\n' in saving.file.read_text()
    assert stat.S_IMODE(saving.file.stat().st_mode) == 0o640
    assert sorted(one.name for one in saving.file.parent.iterdir()) == ["saved.json", "store"]
    saving.file.write_text('{"mine": {"q": "by hand"}}')
    assert saving.listed == [{"name": "mine", "q": "by hand"}]
    saving.file.chmod(0o664)
    saving.put("x", {})
    assert stat.S_IMODE(saving.file.stat().st_mode) == 0o664
    saving.file.write_bytes(b"")
    assert saving.listed == []


def test_the_servers_that_a_search_of_version_0_1_asked_are_left_out(saving):
    saving.file.write_text('{"mine": {"q": "x", "nodes": "all"}}')
    assert saving.listed == [{"name": "mine", "q": "x"}]


@as_root
def test_the_file_keeps_its_owner(saving):
    saving.file.write_text("{}")
    saving.file.chmod(0o664)
    os.chown(saving.file, 65534, 65533)
    saving.put("x", {})
    found = saving.file.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65534, 65533, 0o664)


def test_a_file_of_another_user_is_saved_where_it_cannot_be_given_back(saving, monkeypatch):
    def refuse(*_: int) -> None:
        raise PermissionError(1, "no")

    monkeypatch.setattr(os, "fchown", refuse)
    saving.file.write_text("{}")
    assert saving.put("x", {})[0] == 200


def test_a_symbolic_link_to_the_file_stays(saving, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    saving.file.symlink_to(tmp_path / "elsewhere/searches")
    saving.put("x", {})
    assert saving.file.is_symlink() and json.loads((tmp_path / "elsewhere/searches").read_text())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"a": {"q": "x"}', "saved.json: not JSON: unexpected end of data"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 5000, "not JSON"),
        (b'{"a": {"q": "\\ud800"}}', "not JSON"),
        (b"[]", "saved.json: is no JSON object of searches by their names"),
        (b'{"a b": "x"}', '"a b": is no JSON object such as'),
        (b'{"a": {"q": 1}}', "a: q is no text"),
        (b'{"a": {"panels": {}}}', "a: panels is no list of at most 12"),
        (b'{"a": {"colums": ""}}', "a: unknown part colums (did you mean columns?)"),
        (b"{}" + b" " * LARGEST_FILE, "saved.json: is larger than 1.0 MiB"),
    ],
)
def test_a_damaged_file_is_an_error_and_never_overwritten(saving, content, why):
    """One line of the log says so, however often somebody asks; mended, it is there again."""
    saving.file.write_bytes(content)
    with capturedLogs() as logged:
        for answer in (saving.ask("/api/saved"), saving.put("x", {}), saving.remove("a")):
            assert answer[0] == 503 and why in answer[1]["error"]
    assert [event["why"] for event in logged] == [answer[1]["error"]]
    assert saving.file.read_bytes() == content
    saving.file.write_text("{}")
    assert saving.listed == []


def test_a_fault_that_comes_back_is_logged_again(saving):
    with capturedLogs() as logged:
        for content in (b"{", b"{", b"{}", b"{"):
            saving.file.write_bytes(content)
            assert saving.ask("/api/saved")[0] == (200 if content == b"{}" else 503)
    assert len(logged) == 2 and logged[0]["why"] == logged[1]["why"]


def test_a_search_that_is_no_query_any_more_is_listed_with_its_error(saving):
    saving.file.write_text(json.dumps({"old": {"q": "a status>="}, "long": {"q": "x" * 4001}}))
    old, long = saving.listed
    assert (old["name"], old["q"], old["at"]) == ("old", "a status>=", 11) and old["error"]
    assert long["error"] == "the query is longer than 4000 characters" and "at" not in long
    assert [one["name"] for one in saving.remove("old")[1]["saved"]] == ["long"]


@pytest.mark.parametrize(
    ("search", "status", "why"),
    [
        ({"q": "status>="}, 400, "needs a value after it"),
        (b"{", 400, "this cannot be saved: not JSON"),
        ([], 400, "is no JSON object"),
        ({"q": None}, 400, "q is no text"),
        ({"last": "2x"}, 400, "last is a length of time, such as 2h, or all"),
        ({"position": "1:2"}, 400, "unknown part position"),
        ({"since": "the day before"}, 400, "since: "),
        ({"since": "2h", "until": "tomorrow"}, 400, "until: tomorrow is not a time"),
        ({"q": "x" * 4100}, 413, "it is longer than 4096 bytes"),
    ],
)
def test_a_wrong_search_is_refused(saving, search, status, why):
    found, said = saving.put("x", search)
    assert found == status and why in said["error"] and said.get("at") in (None, 9)
    assert not saving.file.exists()


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "..", ".", "a\x1b[31m", "\u202ea"])
def test_a_wrong_name_is_refused(saving, name):
    for found, said in (saving.put(name, {}), saving.remove(name)):
        assert found == 400 and "1 to 200 printable characters" in said["error"]
    assert saving.put("x" * 200, {})[0] == 200
    assert saving.ask("/api/saved/%ff", "DELETE")[0] == 400


def test_there_are_only_so_many(saving):
    saving.file.write_text(json.dumps({str(number): {} for number in range(MOST)}))
    found, said = saving.put("one more", {})
    assert found == 409 and "remove one first" in said["error"]
    assert saving.put("7", {"q": "x"})[0] == 200
    saving.file.write_text(json.dumps({"a": {"q": "x" * (LARGEST_FILE - 100)}}))
    found, said = saving.put("b", {"q": "x" * 200})
    assert found == 409 and "too long together" in said["error"]


def test_writes_of_other_pages_and_forms_are_refused(saving):
    for found, _ in (
        saving.put("x", {}, Origin="http://evil.example"),
        saving.put("x", {}, Origin="null"),
        saving.put("x", {}, Sec_Fetch_Site="cross-site"),
        saving.put("x", {}, Host="evil.example"),
        saving.remove("x", Origin="http://evil.example"),
    ):
        assert found == 403
    for type_ in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert saving.put("x", {}, Content_Type=type_)[0] == 415
    for method in ("GET", "POST", "PATCH", "OPTIONS"):
        assert saving.ask("/api/saved/x", method)[0] == 405
        assert "access-control" not in saving.head
    assert saving.ask("/api/saved", "PUT")[0] == 405
    assert not saving.file.exists()


def test_writes_need_the_token(tmp_path):
    saving = Saving(tmp_path, http_token="secret")
    assert saving.put("x", {})[0] == saving.remove("x")[0] == saving.ask("/api/saved")[0] == 401
    assert saving.put("x", {}, Authorization="Bearer secret")[0] == 200


def test_without_a_file_nothing_is_saved_and_a_reload_changes_that(tmp_path):
    saving = Saving(tmp_path, saved=None)
    assert saving.ask("/api/saved") == (200, {"enabled": False, "saved": [], "boards": []})
    for found, said in (saving.put("x", {}), saving.remove("x")):
        assert found == 404 and "--saved FILE" in said["error"]
    saving.server.apply(HttpSettings(saved=saving.file))
    assert saving.put("x", {})[0] == 200


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    saving = Saving(tmp_path, saved=tmp_path / "missing" / "saved.json")
    assert saving.listed == []
    with capturedLogs():
        found, said = saving.put("x", {})
    assert found == 503 and said["error"].endswith("cannot be written: No such file or directory")
    saving.server.apply(HttpSettings(saved=Path(os.devnull)))
    with capturedLogs():
        assert saving.put("x", {})[0] == 503
    assert not Path(os.devnull).is_file()


def test_the_changes_are_in_the_description():
    operations = openapi_document()["paths"]["/api/saved/{name}"]
    assert set(operations) == {"put", "delete"}
    assert set(operations["put"]["requestBody"]["content"]) == {TYPE}
    assert all(one["parameters"][0]["in"] == "path" for one in operations.values())


def test_a_request_to_remove_may_have_a_body(saving):
    saving.put("a", {"q": "x"})
    browser = Browser(saving.server.handle, saving.reactor)
    browser.get("/api/saved/a", "DELETE", Content_Length="2")
    browser.channel.dataReceived(b"{}")
    assert browser.received.startswith(b"HTTP/1.1 2") and saving.listed == []


def board(*searches: object, **more: object) -> dict[str, object]:
    return {"panels": [{"search": one, "as": "bars"} for one in searches], **more}


def test_a_board_is_saved_beside_searches_replaced_and_removed(saving):
    saving.put("errors", ERRORS)
    found, said = saving.put("shop", board("errors", "gone"))
    assert found == 200 and said["boards"] == [{"name": "shop", **board("errors", "gone")}]
    assert said["saved"] == [{"name": "errors", **ERRORS}]
    assert json.loads(saving.file.read_text()) == {
        "errors": ERRORS,
        "shop": board("errors", "gone"),
    }
    assert saving.put("shop", board())[1]["boards"] == [{"name": "shop", "panels": []}]
    assert saving.put("b" * 200, board(*map(str, range(12))))[0] == 200
    assert saving.remove("shop")[1]["boards"][0]["name"] == "b" * 200


def test_a_panel_may_say_whose_time_it_shows(saving):
    """A file of an earlier server, whose panels say nothing about it, is read beside it."""
    saving.file.write_text(json.dumps({"old": board("a")}))
    panels = [{"search": "a", "as": "number", "time": "board"}, {"search": "b", "as": "bars"}]
    found, said = saving.put("shop", {"panels": panels})
    assert found == 200
    assert said["boards"] == [{"name": "old", **board("a")}, {"name": "shop", "panels": panels}]


def test_a_name_is_either_of_a_search_or_of_a_board(saving):
    saving.put("errors", ERRORS)
    saving.put("shop", board("errors"))
    for name, value, kind in (("shop", ERRORS, "board"), ("errors", board(), "saved search")):
        found, said = saving.put(name, value)
        assert found == 409 and f"is the name of a {kind}" in said["error"]
    assert saving.listed == [{"name": "errors", **ERRORS}]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (board(q="x"), "a board has only panels and variables"),
        ({"panels": "x"}, "panels is no list of at most 12"),
        (board(*map(str, range(13))), "panels is no list of at most 12"),
        ({"panels": ["x"]}, "a panel is no JSON object"),
        ({"panels": [{"search": "x"}]}, 'a panel lacks "as"'),
        ({"panels": [{"search": "x", "as": "pie"}]}, "the shape of a panel is one of table, bars"),
        ({"panels": [{"search": "x", "as": []}]}, "the shape of a panel is one of table, bars"),
        (
            {"panels": [{"search": "x", "as": "bars", "tme": "own"}]},
            "unknown part tme of a panel (did you mean time?)",
        ),
        (
            {"panels": [{"search": "x", "as": "bars", "time": "1h"}]},
            "the time of a panel is one of own or board",
        ),
        ({"panels": [{"search": "x", "as": "bars", "time": ["own"]}]}, "the time of a panel is"),
        (
            {"panels": [{"search": "x", "as": "bars", "width": "9"}]},
            "the width of a panel is one of narrow or wide",
        ),
        (
            {"panels": [{"search": "x", "as": "bars", "figure": 1}]},
            "the figure of a panel is no name",
        ),
        ({"panels": [{"search": "x", "as": "bars", "hight": 1}]}, "unknown part hight of a panel"),
        (board("x" * 201), "the search of a panel is no name"),
        (board("\u202ea"), "the search of a panel is no name"),
        (board(None), "the search of a panel is no name"),
        (board("x", "y", "x"), "x is on the board twice"),
    ],
)
def test_a_wrong_board_is_refused(saving, value, why):
    found, said = saving.put("x", value)
    assert found == 400 and why in said["error"]
    assert not saving.file.exists()


@pytest.mark.parametrize(
    ("first", "second"),
    [(ERRORS, ERRORS), (board("a"), board("b")), (ERRORS, board("a")), (board("a"), None)],
)
def test_of_two_changes_at_the_same_moment_none_is_lost(saving, monkeypatch, first, second):
    """None: to remove what was there."""
    saving.put("old", ERRORS)
    threads = InterleavedThreads(monkeypatch)
    monkeypatch.setattr(saving.reactor, "getThreadPool", lambda: threads)
    one = saving.send("first", first)
    if second is None:
        other = Browser(saving.server.handle, saving.reactor)
        other.get("/api/saved/old", "DELETE")
    else:
        other = saving.send("second", second)
    threads.work()
    wanted = {"first": first} | ({} if second is None else {"old": ERRORS, "second": second})
    assert json.loads(saving.file.read_text()) == wanted
    answered = [answer_of(browser) for browser in (one, other)]
    assert [status for status, _ in answered] == [200, 200]
    _, last = answered[1]
    assert {found["name"] for found in last["saved"] + last["boards"]} == wanted.keys()
