"""Saved searches of a server: what is taken, kept, listed and refused."""

import json
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from logsrv.linelog.http.endpoints import openapi_document
from logsrv.linelog.http.http_settings import HttpSettings
from logsrv.linelog.http.saved_searches import LARGEST_FILE, MOST
from logsrv.linelog.store.disk import Disk
from tests.parts.users import as_root
from tests.parts.web_requests import Browser, Place

TYPE = "application/json"
ERRORS = {"q": "level>=error app=shop", "last": "24h", "columns": "time,app,message", "by": "app"}


class Threads:
    """A thread pool that does everything at once."""

    def callInThreadWithCallback(self, done: Callable[..., None], call: Any, *given: Any) -> None:
        try:
            found = call(*given)
        except Exception:
            done(False, Failure())
        else:
            done(True, found)


class Saving(Place):
    """A server with `--saved FILE`."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.file = directory / "saved.json"
        super().__init__(directory, **({"saved": self.file} | settings))
        reactor: Any = self.reactor
        reactor.getThreadPool = Threads
        reactor.callFromThread = lambda call, *given: call(*given)

    def put(self, name: str, search: object, **headers: str) -> tuple[int, Any]:
        return _answer(self.send(name, search, **headers))

    def send(self, name: str, search: object, **headers: str) -> Browser:
        """Ask to save; the answer may still be to come."""
        body = search if isinstance(search, bytes) else json.dumps(search).encode()
        browser = Browser(self.server.handle, self.reactor)
        headers = {"Content_Type": TYPE, "Content_Length": str(len(body))} | headers
        browser.get(f"/api/saved/{quote(name, safe='')}", "PUT", **headers)
        browser.channel.dataReceived(body)
        return browser

    def remove(self, name: str, **headers: str) -> tuple[int, Any]:
        return self.ask(f"/api/saved/{quote(name, safe='')}", "DELETE", **headers)

    @property
    def listed(self) -> list[dict[str, Any]]:
        status, answer = self.ask("/api/saved")
        assert status == 200 and answer["enabled"] is True
        found: list[dict[str, Any]] = answer["saved"]
        return found


def _answer(browser: Browser) -> tuple[int, Any]:
    head, _, answer = browser.received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(answer)


class InterleavedThreads(Threads):
    """A pool with threads for all: before one writes, all others that it was given do their work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._given: deque[Callable[[], None]] = deque()
        replace = Disk.replace_durably

        def write(*given: Any, **how: Any) -> None:
            self.work()
            replace(*given, **how)

        monkeypatch.setattr(Disk, "replace_durably", write)

    def callInThreadWithCallback(self, done: Callable[..., None], call: Any, *given: Any) -> None:
        do_at_once = super().callInThreadWithCallback
        self._given.append(lambda: do_at_once(done, call, *given))

    def work(self) -> None:
        while self._given:
            self._given.popleft()()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Saving]:
    with capturedLogs() as logged:
        yield Saving(tmp_path)
    assert [event for event in logged if "log_failure" in event] == []


def test_a_search_is_saved_replaced_and_removed(place):
    assert place.listed == []
    assert place.put("Fehler über/unter 5?", ERRORS)[0] == 200
    answer: dict[str, Any] = {
        "enabled": True,
        "saved": [{"name": "Fehler über/unter 5?", **ERRORS}],
        "boards": [],
    }
    assert place.ask("/api/saved") == (200, answer)
    assert place.put("all", {}) == (200, answer | {"saved": [*answer["saved"], {"name": "all"}]})
    assert place.put("all", {"q": "x"}, Content_Type="application/json; charset=utf-8")[0] == 200
    assert place.listed[1] == {"name": "all", "q": "x"}
    assert place.remove("Fehler über/unter 5?")[1]["saved"] == [{"name": "all", "q": "x"}]
    status, said = place.remove("Fehler über/unter 5?")
    assert status == 404 and "there is no saved search or board" in said["error"]


def test_the_file_is_readable_and_may_be_edited(place):
    place.put("größer", ERRORS)
    assert '"größer": {\n    "q": "level>=error app=shop",\n' in place.file.read_text()
    assert stat.S_IMODE(place.file.stat().st_mode) == 0o640
    assert sorted(one.name for one in place.file.parent.iterdir()) == ["saved.json", "store"]
    place.file.write_text('{"mine": {"q": "by hand"}}')
    assert place.listed == [{"name": "mine", "q": "by hand"}]
    place.file.chmod(0o664)
    place.put("x", {})
    assert stat.S_IMODE(place.file.stat().st_mode) == 0o664
    place.file.write_bytes(b"")
    assert place.listed == []


def test_the_servers_that_a_search_of_version_0_1_asked_are_left_out(place):
    place.file.write_text('{"mine": {"q": "x", "nodes": "all"}}')
    assert place.listed == [{"name": "mine", "q": "x"}]


@as_root
def test_the_file_keeps_its_owner(place):
    place.file.write_text("{}")
    place.file.chmod(0o664)
    os.chown(place.file, 65534, 65533)
    place.put("x", {})
    found = place.file.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65534, 65533, 0o664)


def test_a_file_of_another_user_is_saved_where_it_cannot_be_given_back(place, monkeypatch):
    def refuse(*_: int) -> None:
        raise PermissionError(1, "no")

    monkeypatch.setattr(os, "fchown", refuse)
    place.file.write_text("{}")
    assert place.put("x", {})[0] == 200


def test_a_symbolic_link_to_the_file_stays(place, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    place.file.symlink_to(tmp_path / "elsewhere/searches")
    place.put("x", {})
    assert place.file.is_symlink() and json.loads((tmp_path / "elsewhere/searches").read_text())


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
def test_a_damaged_file_is_an_error_and_never_overwritten(place, content, why):
    """One line of the log says so, however often somebody asks; mended, it is there again."""
    place.file.write_bytes(content)
    with capturedLogs() as logged:
        for answer in (place.ask("/api/saved"), place.put("x", {}), place.remove("a")):
            assert answer[0] == 503 and why in answer[1]["error"]
    assert [event["why"] for event in logged] == [answer[1]["error"]]
    assert place.file.read_bytes() == content
    place.file.write_text("{}")
    assert place.listed == []


def test_a_fault_that_comes_back_is_logged_again(place):
    with capturedLogs() as logged:
        for content in (b"{", b"{", b"{}", b"{"):
            place.file.write_bytes(content)
            assert place.ask("/api/saved")[0] == (200 if content == b"{}" else 503)
    assert len(logged) == 2 and logged[0]["why"] == logged[1]["why"]


def test_a_search_that_is_no_query_any_more_is_listed_with_its_error(place):
    place.file.write_text(json.dumps({"old": {"q": "a status>="}, "long": {"q": "x" * 4001}}))
    old, long = place.listed
    assert (old["name"], old["q"], old["at"]) == ("old", "a status>=", 11) and old["error"]
    assert long["error"] == "the query is longer than 4000 characters" and "at" not in long
    assert [one["name"] for one in place.remove("old")[1]["saved"]] == ["long"]


@pytest.mark.parametrize(
    ("search", "status", "why"),
    [
        ({"q": "status>="}, 400, "nothing to compare with"),
        (b"{", 400, "what is to be saved: not JSON"),
        ([], 400, "is no JSON object"),
        ({"q": None}, 400, "q is no text"),
        ({"last": "2h"}, 400, "last is one of 5m, 15m, 1h, 6h, 24h, 7d, 30d"),
        ({"position": "1:2"}, 400, "unknown part position"),
        ({"q": "x" * 4100}, 413, "it is longer than 4096 bytes"),
    ],
)
def test_a_wrong_search_is_refused(place, search, status, why):
    found, said = place.put("x", search)
    assert found == status and why in said["error"] and said.get("at") in (None, 9)
    assert not place.file.exists()


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "..", ".", "a\x1b[31m", "\u202ea"])
def test_a_wrong_name_is_refused(place, name):
    for found, said in (place.put(name, {}), place.remove(name)):
        assert found == 400 and "1 to 200 printable characters" in said["error"]
    assert place.put("x" * 200, {})[0] == 200
    assert place.ask("/api/saved/%ff", "DELETE")[0] == 400


def test_there_are_only_so_many(place):
    place.file.write_text(json.dumps({str(number): {} for number in range(MOST)}))
    found, said = place.put("one more", {})
    assert found == 409 and "remove one first" in said["error"]
    assert place.put("7", {"q": "x"})[0] == 200
    place.file.write_text(json.dumps({"a": {"q": "x" * (LARGEST_FILE - 100)}}))
    found, said = place.put("b", {"q": "x" * 200})
    assert found == 409 and "too long together" in said["error"]


def test_writes_of_other_pages_and_forms_are_refused(place):
    for found, _ in (
        place.put("x", {}, Origin="http://evil.example"),
        place.put("x", {}, Origin="null"),
        place.put("x", {}, Sec_Fetch_Site="cross-site"),
        place.put("x", {}, Host="evil.example"),
        place.remove("x", Origin="http://evil.example"),
    ):
        assert found == 403
    for type_ in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert place.put("x", {}, Content_Type=type_)[0] == 415
    for method in ("GET", "POST", "PATCH", "OPTIONS"):
        assert place.ask("/api/saved/x", method)[0] == 405
        assert "access-control" not in place.head
    assert place.ask("/api/saved", "PUT")[0] == 405
    assert not place.file.exists()


def test_writes_need_the_token(tmp_path):
    place = Saving(tmp_path, http_token="secret")
    assert place.put("x", {})[0] == place.remove("x")[0] == place.ask("/api/saved")[0] == 401
    assert place.put("x", {}, Authorization="Bearer secret")[0] == 200


def test_without_a_file_nothing_is_saved_and_a_reload_changes_that(tmp_path):
    place = Saving(tmp_path, saved=None)
    assert place.ask("/api/saved") == (200, {"enabled": False, "saved": [], "boards": []})
    for found, said in (place.put("x", {}), place.remove("x")):
        assert found == 404 and "--saved FILE" in said["error"]
    place.server.apply(HttpSettings(saved=place.file))
    assert place.put("x", {})[0] == 200


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    place = Saving(tmp_path, saved=tmp_path / "missing" / "saved.json")
    assert place.listed == []
    with capturedLogs():
        found, said = place.put("x", {})
    assert found == 503 and said["error"].endswith("cannot be written: No such file or directory")
    place.server.apply(HttpSettings(saved=Path(os.devnull)))
    with capturedLogs():
        assert place.put("x", {})[0] == 503
    assert not Path(os.devnull).is_file()


def test_the_changes_are_in_the_description():
    operations = openapi_document()["paths"]["/api/saved/{name}"]
    assert set(operations) == {"put", "delete"}
    assert set(operations["put"]["requestBody"]["content"]) == {TYPE}
    assert all(one["parameters"][0]["in"] == "path" for one in operations.values())


def test_a_request_to_remove_may_have_a_body(place):
    place.put("a", {"q": "x"})
    browser = Browser(place.server.handle, place.reactor)
    browser.get("/api/saved/a", "DELETE", Content_Length="2")
    browser.channel.dataReceived(b"{}")
    assert browser.received.startswith(b"HTTP/1.1 2") and place.listed == []


def board(*searches: object, **more: object) -> dict[str, object]:
    return {"panels": [{"search": one, "as": "bars"} for one in searches], **more}


def test_a_board_is_saved_beside_searches_replaced_and_removed(place):
    place.put("errors", ERRORS)
    found, said = place.put("shop", board("errors", "gone"))
    assert found == 200 and said["boards"] == [{"name": "shop", **board("errors", "gone")}]
    assert said["saved"] == [{"name": "errors", **ERRORS}]
    assert json.loads(place.file.read_text()) == {"errors": ERRORS, "shop": board("errors", "gone")}
    assert place.put("shop", board())[1]["boards"] == [{"name": "shop", "panels": []}]
    assert place.put("b" * 200, board(*map(str, range(12))))[0] == 200
    assert place.remove("shop")[1]["boards"][0]["name"] == "b" * 200


def test_a_name_is_either_of_a_search_or_of_a_board(place):
    place.put("errors", ERRORS)
    place.put("shop", board("errors"))
    for name, value, kind in (("shop", ERRORS, "board"), ("errors", board(), "saved search")):
        found, said = place.put(name, value)
        assert found == 409 and f"is the name of a {kind}" in said["error"]
    assert place.listed == [{"name": "errors", **ERRORS}]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (board(q="x"), "a board has only panels"),
        ({"panels": "x"}, "panels is no list of at most 12"),
        (board(*map(str, range(13))), "panels is no list of at most 12"),
        ({"panels": ["x"]}, "a panel is no JSON object"),
        ({"panels": [{"search": "x"}]}, "a panel is no JSON object"),
        ({"panels": [{"search": "x", "as": "pie"}]}, "the shape of a panel is one of table, bars"),
        ({"panels": [{"search": "x", "as": []}]}, "the shape of a panel is one of table, bars"),
        (board("x" * 201), "the search of a panel is no name"),
        (board("\u202ea"), "the search of a panel is no name"),
        (board(None), "the search of a panel is no name"),
        (board("x", "y", "x"), "x is on the board twice"),
    ],
)
def test_a_wrong_board_is_refused(place, value, why):
    found, said = place.put("x", value)
    assert found == 400 and why in said["error"]
    assert not place.file.exists()


@pytest.mark.parametrize(
    ("first", "second"),
    [(ERRORS, ERRORS), (board("a"), board("b")), (ERRORS, board("a")), (board("a"), None)],
)
def test_of_two_changes_at_the_same_moment_none_is_lost(place, monkeypatch, first, second):
    """None: to remove what was there."""
    place.put("old", ERRORS)
    threads = InterleavedThreads(monkeypatch)
    monkeypatch.setattr(place.reactor, "getThreadPool", lambda: threads)
    one = place.send("first", first)
    if second is None:
        other = Browser(place.server.handle, place.reactor)
        other.get("/api/saved/old", "DELETE")
    else:
        other = place.send("second", second)
    threads.work()
    wanted = {"first": first} | ({} if second is None else {"old": ERRORS, "second": second})
    assert json.loads(place.file.read_text()) == wanted
    answered = [_answer(browser) for browser in (one, other)]
    assert [status for status, _ in answered] == [200, 200]
    _, last = answered[1]
    assert {found["name"] for found in last["saved"] + last["boards"]} == wanted.keys()
