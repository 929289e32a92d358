"""Files of boards: what an import would do, what it does, and what is refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import capturedLogs

from logsrv.linelog.http.endpoints import BOARD_FILE, openapi_document
from logsrv.linelog.http.saved.board_file import LARGEST
from logsrv.linelog.http.saved.saved_searches import MOST
from tests.parts.saving import TYPE, InterleavedThreads, Saving, answer_of
from tests.parts.web_requests import Browser

ERRORS = {"q": "hostname=$host level>=error", "last": "24h"}
SLOW = {"q": "ms>500"}


def board(*searches: str, **more: object) -> dict[str, Any]:
    return {"panels": [{"search": one, "as": "bars"} for one in searches], **more}


def file_of(**parts: object) -> dict[str, Any]:
    """Return the file of a board `shop` of two searches. parts: others instead."""
    searches = [{"name": "errors", **ERRORS}, {"name": "slow", **SLOW}]
    known = {"name": "shop", "board": board("errors", "slow"), "searches": searches}
    return {"logsrv": "board", "version": 1, **known, **parts}


def send(saving: Saving, body: object, **headers: str) -> Browser:
    """Send a request; the answer may still be to come."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    browser = Browser(saving.server.handle, saving.reactor)
    headers = {"Content_Type": TYPE, "Content_Length": str(len(data))} | headers
    browser.get(BOARD_FILE, "POST", **headers)
    browser.channel.dataReceived(data)
    return browser


def post(saving: Saving, body: object, **headers: str) -> tuple[int, Any]:
    return answer_of(send(saving, body, **headers))


def look(saving: Saving, file: object) -> dict[str, Any]:
    status, answer = post(saving, {"file": file})
    assert status == 200
    found: dict[str, Any] = answer["import"]
    return found


def kept(saving: Saving) -> Any:
    return json.loads(saving.file.read_text()) if saving.file.exists() else {}


@pytest.fixture
def saving(tmp_path: Path) -> Iterator[Saving]:
    with capturedLogs() as logged:
        yield Saving(tmp_path)
    assert [event for event in logged if "log_failure" in event] == []


def test_a_look_says_what_is_new_and_saves_nothing(saving):
    found = look(saving, file_of())
    assert [(one["name"], one["is"]) for one in (found["board"], *found["searches"])] == [
        ("shop", "new"),
        ("errors", "new"),
        ("slow", "new"),
    ]
    assert found["board"]["file"] == board("errors", "slow") and found["missing"] == []
    assert not saving.file.exists()


def test_a_new_board_is_saved_with_its_searches_and_the_second_time_is_the_same(saving):
    file = file_of(board=board("errors", "slow", variables={"host": "hostname"}))
    state = look(saving, file)["state"]
    for _ in range(2):
        status, said = post(saving, {"file": file, "take": {}, "state": state})
        assert status == 200 and said["imported"]["board"] == "shop"
        state = look(saving, file)["state"]
    assert said["imported"]["changed"] == []
    assert kept(saving) == {"errors": ERRORS, "slow": SLOW, "shop": file["board"]}
    assert [one["name"] for one in said["boards"]] == ["shop"]
    found = look(saving, file)
    assert {one["is"] for one in (found["board"], *found["searches"])} == {"same"}


def test_the_second_of_two_equal_requests_writes_nothing(saving):
    post(saving, {"file": file_of(), "take": {}})
    before = saving.file.stat()
    assert post(saving, {"file": file_of(), "take": {}})[0] == 200
    assert saving.file.stat().st_ino == before.st_ino


def test_what_is_different_is_replaced_kept_or_saved_under_another_name(saving):
    mine = {"q": "mine", "last": ""}
    for name, entry in (("errors", mine), ("slow", SLOW), ("shop", board("errors", "slow"))):
        saving.put(name, entry)
    found = look(saving, file_of())
    assert [one["is"] for one in found["searches"]] == ["different", "same"]
    # The same panels, of another search.
    assert found["board"]["is"] == "different" and found["board"]["other"] == "shop (2)"
    assert found["searches"][0]["here"] == mine and found["searches"][0]["other"] == "errors (2)"
    for take in ({}, {"board": "file"}):
        status, said = post(saving, {"file": file_of(), "take": take})
        assert status == 400 and "differs from the one here" in said["error"]
    assert kept(saving)["errors"] == mine
    both = {"board": {"as": "shop (2)"}, "searches": {"errors": {"as": "errors (2)"}}}
    status, said = post(saving, {"file": file_of(), "take": both})
    assert status == 200 and said["imported"] == {
        "board": "shop (2)",
        "changed": ["errors (2)", "shop (2)"],
    }
    assert kept(saving)["shop (2)"] == board("errors (2)", "slow")
    assert kept(saving)["errors"] == mine and kept(saving)["shop"] == board("errors", "slow")
    post(saving, {"file": file_of(), "take": "mine"})
    assert kept(saving)["errors"] == mine
    post(saving, {"file": file_of(), "take": "file"})
    assert kept(saving)["errors"] == ERRORS


def test_a_name_that_something_else_has_can_only_be_changed(saving):
    saving.put("errors", board())
    saving.put("shop", SLOW)
    found = look(saving, file_of())
    assert [found["board"]["is"], found["searches"][0]["is"]] == ["taken", "taken"]
    status, said = post(saving, {"file": file_of(), "take": "file"})
    assert status == 409 and "errors is the name of something else here" in said["error"]
    take = {"board": {"as": "b"}, "searches": {"errors": {"as": "e"}}}
    assert post(saving, {"file": file_of(), "take": take})[0] == 200
    assert kept(saving)["b"] == board("e", "slow") and kept(saving)["errors"] == board()


@pytest.mark.parametrize(
    ("take", "why"),
    [
        ({"searches": {"errors": {"as": "slow"}}}, "slow"),
        ({"searches": {"errors": {"as": "x"}, "slow": {"as": "x"}}}, "x is there already"),
        ({"searches": {"errors": {"as": "shop"}}}, "shop"),
        ({"board": {"as": "here"}}, "here is there already"),
    ],
)
def test_two_entries_never_get_one_name(saving, take, why):
    saving.put("here", SLOW)
    status, said = post(saving, {"file": file_of(), "take": take})
    assert status == 409 and why in said["error"]
    assert kept(saving) == {"here": SLOW}


def test_a_board_whose_searches_are_not_in_its_file(saving):
    saving.put("here", SLOW)
    file = file_of(board=board("errors", "here", "gone"), searches=[{"name": "errors", **ERRORS}])
    found = look(saving, file)
    assert (found["here"], found["missing"]) == (["here"], ["gone"])
    assert post(saving, {"file": file, "take": {}})[0] == 200


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ([], "this file is not a board"),
        ({"errors": {"q": "x"}}, "this file is not a board"),
        ({"logsrv": "board"}, "this file has no version"),
        (file_of(version=True), "this file has no version"),
        (file_of(version=2), "has version 2, of a newer logsrv; this one reads version 1"),
        ({"logsrv": "board", "version": 1, "name": "x"}, "this file has no board or searches"),
        (file_of(more=1), "this file has an unknown part more"),
        (file_of(name="\u202ea"), "the name of the board: a name has 1 to 200"),
        (file_of(name=".."), "the name of the board"),
        (file_of(name=7), "the name of the board"),
        (file_of(board=[]), "the board: is no JSON object"),
        (file_of(board={"q": "x"}), "the board: has no panels"),
        (file_of(board=board("errors", "slow", css="x")), "a board has only panels and variables"),
        (file_of(board=board(*map(str, range(13)))), "panels is no list of at most 12"),
        (
            file_of(board=board("errors", variables={"a b": "x"})),
            '"a b" is not a name of a variable',
        ),
        (
            file_of(board=board("errors", variables={"x": ""})),
            "the values of x have to name a field",
        ),
        (file_of(searches={}), "searches has to be a list of at most 12"),
        (file_of(searches=[{"q": "x"}]), "the name of a search"),
        (
            file_of(searches=[{"name": "errors", "q": "status>="}]),
            "the search errors: >= needs a value",
        ),
        (
            file_of(searches=[{"name": "errors", "last": "2x"}]),
            "the search errors: last is a length",
        ),
        (file_of(searches=[{"name": "errors", "x": "2h"}]), "the search errors: unknown part x"),
        (file_of(searches=[{"name": "errors", "q": "x" * 4001}]), "longer than 4000"),
        (file_of(searches=[{"name": "errors", **board()}]), "the search errors: is a board"),
        (file_of(searches=[{"name": "slow"}, {"name": "slow"}]), "slow is in the file twice"),
        (file_of(searches=[{"name": "other"}]), "the search other is not on the board"),
        (
            file_of(board=board("shop"), searches=[{"name": "shop"}]),
            "shop is the name of the board and of a search",
        ),
    ],
)
def test_each_wrong_file_has_its_sentence(saving, file, why):
    for body in ({"file": file}, {"file": file, "take": "file"}):
        status, said = post(saving, body)
        assert status == 400 and why in said["error"]
    assert not saving.file.exists()


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"{", 400, "this file is not a board: not JSON"),
        (b"[" * 5000, 400, "this file is not a board: not JSON"),
        ({}, 400, "a request to import a board is"),
        ({"file": file_of(), "take": "all"}, 400, "take has to be"),
        ({"file": file_of(), "take": {"x": 1}}, 400, "take has to be"),
        ({"file": file_of(), "take": {"searches": {"x": "file"}}}, 400, "take.searches"),
        ({"file": file_of(), "take": {"board": "all"}}, 400, "each is taken as"),
        ({"file": file_of(), "take": {"board": []}}, 400, "each is taken as"),
        ({"file": file_of(), "take": {"board": {"as": "a\x1b"}}}, 400, "the new name: a name has"),
        ({"file": "x" * LARGEST}, 413, f"it is longer than {LARGEST} bytes"),
    ],
)
def test_each_wrong_request_has_its_sentence(saving, body, status, why):
    found, said = post(saving, body)
    assert found == status and why in said["error"]
    assert not saving.file.exists()


def test_there_are_only_so_many_and_half_a_board_is_never_saved(saving):
    saving.file.write_text(json.dumps({str(number): {} for number in range(MOST - 2)}))
    before = saving.file.read_bytes()
    status, said = post(saving, {"file": file_of(), "take": "file"})
    assert status == 409 and "there may be 200" in said["error"]
    assert saving.file.read_bytes() == before


def test_a_file_as_large_as_a_board_can_be_is_taken(saving):
    names = [f"s{number}" for number in range(12)]
    searches = [{"name": one, "q": "x" * 4000} for one in names]
    status, _ = post(saving, {"file": file_of(board=board(*names), searches=searches), "take": {}})
    assert status == 200 and len(kept(saving)) == 13


@pytest.mark.parametrize("change", ["errors", "shop"])
def test_what_another_reader_changed_since_the_look_is_not_replaced(saving, change):
    saving.put("errors", {"q": "mine"})
    state = look(saving, file_of())["state"]
    saving.put(change, {"q": "another"} if change == "errors" else board())
    before = kept(saving)
    status, said = post(saving, {"file": file_of(), "take": "file", "state": state})
    assert status == 409 and "another reader has changed" in said["error"]
    assert kept(saving) == before
    saving.put("elsewhere", SLOW)
    state = look(saving, file_of())["state"]
    assert post(saving, {"file": file_of(), "take": "file", "state": state})[0] == 200


def test_of_two_changes_while_a_disk_is_slow_none_is_lost(saving, monkeypatch):
    """An import, a search of the same name and another import; each sees what the one before has done."""
    threads = InterleavedThreads(monkeypatch)
    monkeypatch.setattr(saving.reactor, "getThreadPool", lambda: threads)
    first = send(saving, {"file": file_of(), "take": {}})
    second = saving.send("errors", {"q": "another"})
    third = send(saving, {"file": file_of(name="other"), "take": {}})
    fourth = send(saving, {"file": file_of(), "take": {}})
    threads.work()
    assert [answer_of(one)[0] for one in (first, second)] == [200, 200]
    for one in (third, fourth):
        status, said = answer_of(one)
        assert status == 400 and "errors differs from the one here" in said["error"]
    assert kept(saving) == {
        "errors": {"q": "another"},
        "slow": SLOW,
        "shop": board("errors", "slow"),
    }


def test_a_disk_that_cannot_be_written_leaves_all_as_it_was(saving, monkeypatch):
    saving.put("errors", ERRORS)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("logsrv.linelog.store.disk.Disk.replace_durably", refuse)
    with capturedLogs():
        status, said = post(saving, {"file": file_of(), "take": "file"})
    assert status == 503 and "No space left" in said["error"]
    assert kept(saving) == {"errors": ERRORS}
    assert look(saving, file_of())["searches"][1]["is"] == "new"


def test_only_readers_of_this_server_may_import(saving, tmp_path):
    body = {"file": file_of(), "take": "file"}
    for headers in (
        {"Origin": "http://evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Host": "evil.example"},
    ):
        assert post(saving, body, **headers)[0] == 403
    assert post(saving, body, Content_Type="text/plain")[0] == 415
    assert saving.ask(BOARD_FILE)[0] == 405
    assert not saving.file.exists()
    (tmp_path / "other").mkdir()
    guarded = Saving(tmp_path / "other", http_token="secret")
    assert post(guarded, body)[0] == 401
    assert post(guarded, body, Authorization="Bearer secret")[0] == 200


def test_a_server_that_saves_nothing_imports_nothing(tmp_path):
    status, said = post(Saving(tmp_path, saved=None), {"file": file_of()})
    assert status == 404 and "--saved FILE" in said["error"]


def test_the_import_is_in_the_description():
    assert set(openapi_document()["paths"][BOARD_FILE]) == {"post"}
