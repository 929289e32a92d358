"""The endpoints of alerts: what the page is shown, what it may change, and what is refused."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.alerts.alert_places import AlertPlaces
from logsrv.linelog.alerts.alert_protocol import AlertReport
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.store.segment import Position
from tests.parts.alert_pages import AlertPage, answer_of, options
from tests.parts.reactor import logged
from tests.parts.stores import BEGIN

SHARES = "| count, count if (level>=error) as errors in 5m by app | where errors > 5"
WEB = AlertSettings(alert="| count > 5 in 1m by app", name="web", alert_webhook="http://127.0.0.1/")


@pytest.fixture
def page(tmp_path: Path) -> AlertPage:
    return AlertPage(tmp_path)


def test_an_alert_of_the_page_runs_as_soon_as_it_is_saved(page):
    assert page.listed["alerts"] == [] and page.reactor.processes == []
    status, found = page.put("shares", SHARES)
    assert status == 200 and found == page.listed
    assert found["may_change"] is True and found["ways"] == ["command"]
    assert found["alerts"] == [
        {
            "name": "shares",
            "alert": SHARES,
            "of": "page",
            "ways": ["command"],
            "error": "",
            "state": "quiet",
            "groups": [],
            "group_count": 0,
            "last": None,
            "delivery": [
                {"way": "command", "state": "none", "time": None, "why": "", "next": None}
            ],
        }
    ]
    assert page.running == {"shares": SHARES}
    assert page.put("shares", "level>=error")[1]["alerts"][0]["state"] == "lines"
    assert page.running == {"shares": "level>=error"}


@pytest.mark.parametrize("text", ["app==shop | count > 5 in 5m", "app==shop"])
def test_a_text_in_the_syntax_of_another_tool_is_saved_and_tried_with_a_hint(page, text):
    for browser in (
        page.send("PUT", "/api/alerts/web", {"alert": text}),
        page.send("HEAD", f"/api/would_fire?alert={quote(text)}"),
    ):
        head = browser.received.partition(b"\r\n\r\n")[0]
        assert b" 200 " in head and b"\r\nLogsrv-Hint: app==shop asks for a value" in head
    for plain in ("x", "("):
        said = page.send("PUT", "/api/alerts/web", {"alert": plain}).received
        assert b"Logsrv-Hint" not in said


def test_a_removed_alert_goes_on_only_to_report_its_end(page):
    page.put("shares", SHARES)
    status, found = page.remove("shares")
    assert status == 200 and found["alerts"] == []
    [task] = page.orders.tasks.values()
    assert task.until == page.end
    status, said = page.remove("shares")
    assert status == 404 and said["error"] == "there is no alert shares of the page"


def test_silences_are_listed_marked_and_ended(page):
    page.put("shares", SHARES)
    groups = [
        {"group": {"app": app}, "since": "2026-11-20T00:00:00Z", "figures": "errors 7"}
        for app in ("shop", "web")
    ]
    state = {"alert": SHARES, "groups": groups, "count": 2, "last": None}
    page.report(AlertReport("state", "shares", "command", state=state))
    silence = {"alert": "shares", "group": {"app": "shop"}, "for": "2h", "reason": "new release"}
    status, found = page.ask("POST", "/api/silences", silence)
    assert status == 200, found
    [row] = found["alerts"]
    assert (row["state"], row["group_count"]) == ("firing", 2)
    assert [one["silenced"] for one in row["groups"]] == [True, False]
    [listed] = found["silences"]
    assert {**listed, **silence} == {**silence, **listed}
    status, found = page.ask("DELETE", f"/api/silences/{listed['id']}")
    assert status == 200 and found["silences"] == []
    status, said = page.ask("DELETE", f"/api/silences/{listed['id']}")
    assert status == 404 and "there is no silence" in said["error"]


def test_without_a_file_alerts_are_shown_and_not_changed(tmp_path):
    page = AlertPage(tmp_path, options(WEB))
    found = page.listed
    assert found["may_change"] is False and "--alert-saved" in found["why_not"]
    assert [(one["name"], one["of"]) for one in found["alerts"]] == [("web", "configuration")]
    for method, path, body in (
        ("PUT", "/api/alerts/x", {"alert": "x"}),
        ("DELETE", "/api/alerts/web", None),
        ("POST", "/api/silences", {"alert": "web", "for": "1h"}),
        ("DELETE", "/api/silences/aa", None),
    ):
        status, said = page.ask(method, path, body)
        assert status == 404 and "--alert-saved" in said["error"]


def test_a_group_beyond_those_that_are_kept_is_silent_only_with_the_whole_alert(page):
    page.put("shares", SHARES)
    groups = [{"group": None, "since": "2026-11-20T00:00:00Z", "figures": ""}]
    state = {"alert": SHARES, "groups": groups, "count": 1, "last": None}
    page.report(AlertReport("state", "shares", "command", state=state))
    silence = {"alert": "shares", "group": {"app": "shop"}, "for": "2h"}
    [row] = page.ask("POST", "/api/silences", silence)[1]["alerts"]
    assert row["groups"][0]["silenced"] is False
    [row] = page.ask("POST", "/api/silences", {"alert": "shares", "for": "2h"})[1]["alerts"]
    assert row["groups"][0]["silenced"] is True


def test_what_became_of_messages_is_told_with_its_time_and_the_next_attempt(page):
    page.put("shares", SHARES)
    page.report(AlertReport("later", "shares", "command", "no such host", pause=5.0))
    [delivery] = page.row("shares")["delivery"]
    assert (delivery["state"], delivery["why"]) == ("waiting", "no such host")
    assert delivery["time"] == rfc3339(BEGIN) and delivery["next"] == rfc3339(BEGIN + 5)
    page.report(AlertReport("failed", "shares", "command", "refused"))
    [delivery] = page.row("shares")["delivery"]
    assert (delivery["state"], delivery["why"], delivery["next"]) == ("failed", "refused", None)
    page.report(AlertReport("sent", "shares", "command"))
    [delivery] = page.row("shares")["delivery"]
    assert (delivery["state"], delivery["why"]) == ("sent", "")
    # Of another text nothing is known.
    page.put("shares", "level>=error")
    assert page.row("shares")["delivery"][0]["state"] == "none"


def test_the_state_of_an_earlier_text_is_not_told_of_the_new_one(page):
    page.put("shares", SHARES)
    page.put("shares", SHARES + " count > 9")
    groups = [{"group": {"app": "x"}, "since": "2026-11-20T00:00:00Z", "figures": ""}]
    state = {"alert": SHARES, "groups": groups, "count": 1, "last": None}
    page.report(AlertReport("state", "shares", "command", state=state))
    assert page.row("shares")["state"] == "quiet"


@pytest.mark.parametrize(
    ("name", "body", "status", "sentence"),
    [
        ("x", {"alert": "status>="}, 400, ""),
        ("x", {"alert": "x", "command": "rm"}, 400, "unknown part command"),
        ("x", {"alert": 5}, 400, "alert is no text"),
        ("x", {}, 400, "alert is no text"),
        ("x", ["alert"], 400, "no JSON object"),
        ("x", b"{", 400, "not JSON"),
        ("x", {"alert": "a\0b"}, 400, "has a NUL in it"),
        ("x", {"alert": "x" * 4001}, 400, "longer than 4000 characters"),
        ("x", {"alert": "ä" * 2500}, 413, "longer than 4096 bytes"),
        ("a b", {"alert": "x"}, 400, "is not a name of an alert; accepted: up to 64 letters"),
        ("x" * 65, {"alert": "x"}, 400, "is not a name of an alert"),
        ("x" * 201, {"alert": "x"}, 400, "1 to 200 printable characters"),
        ("../x", {"alert": "x"}, 400, "is not a name of an alert"),
        ("web", {"alert": "x"}, 409, "the configuration has an alert web; choose another name"),
    ],
)
def test_an_alert_that_cannot_be_saved_is_refused_with_a_sentence(
    tmp_path, name, body, status, sentence
):
    page = AlertPage(tmp_path, options(WEB, alert_saved=tmp_path / "alerts.json"))
    code, said = page.ask("PUT", f"/api/alerts/{quote(name, safe='')}", body)
    assert (code, sentence in said["error"]) == (status, True), said
    assert not page.file.exists() and page.running == {"web": WEB.alert}


def test_a_wrong_query_has_its_column(page):
    status, said = page.put("x", "oops | count > 0 in 1y")
    assert status == 400 and said["at"] == 21


def test_other_pages_and_other_kinds_of_content_are_refused(page):
    assert page.put("x", "x", Origin="https://evil.example")[0] == 403
    assert page.put("x", "x", Sec_Fetch_Site="cross-site")[0] == 403
    assert page.put("x", "x", Content_Type="text/plain")[0] == 415
    assert page.ask("GET", "/api/alerts", Host="evil.example")[0] == 403
    assert page.ask("POST", "/api/alerts", {"alert": "x"})[0] == 405
    assert page.ask("GET", "/api/silences")[0] == 405
    assert page.ask("DELETE", "/api/alerts")[0] == 405
    assert page.ask("GET", "/api/alerts?x=1")[0] == 400
    assert page.ask("PUT", "/api/alerts/", {"alert": "x"})[0] == 400
    assert page.listed["alerts"] == []


def test_with_a_token_nothing_is_shown_or_changed_without_it(tmp_path):
    page = AlertPage(tmp_path, http_token="secret")
    silence = {"alert": "x", "for": "1h"}
    assert page.ask("GET", "/api/alerts")[0] == 401
    assert page.put("x", "x")[0] == 401
    assert page.ask("POST", "/api/silences", silence)[0] == 401
    assert page.ask("GET", "/api/would_fire?alert=x")[0] == 401
    assert page.put("x", "x", Authorization="Bearer secret")[0] == 200


@pytest.mark.parametrize(
    ("silence", "status", "sentence"),
    [
        ({"alert": "wbe", "for": "1h"}, 404, "no alert is called wbe (did you mean web?)"),
        ({"alert": "web"}, 400, 'give either "for", such as 2h, or "until", a time'),
        ({"alert": "web", "for": "1h", "until": "now"}, 400, "either"),
        ({"alert": "web", "for": "ever"}, 400, "ever is not a length of time"),
        ({"alert": "web", "until": "2001-01-01"}, 400, "which is past"),
        ({"alert": "web", "for": "365d"}, 400, "at most 90 days"),
        ({"alert": "web", "until": "9999-01-01"}, 400, "at most 90 days"),
        ({"alert": "web", "for": "1h", "group": {"ap": "x"}}, 400, "no groups by ap"),
        ({"alert": "web", "for": "1h", "group": {"app": ["x"]}}, 400, "texts or null; not app"),
        ({"alert": "web", "for": "1h", "group": "app"}, 400, "group is no JSON object"),
        (
            {"alert": "web", "for": "1h", "group": {str(n): "" for n in range(200)}},
            400,
            "no groups",
        ),
        ({"alert": "web", "for": "1h", "group": {str(n): "" for n in range(5000)}}, 413, "longer"),
        ({"alert": "web", "for": "1h", "reason": "x" * 201}, 400, "at most 200 characters"),
        ({"alert": "web", "for": 3600}, 400, "for is no text"),
        ({"alert": "web", "for": "1h", "sice": "x"}, 400, "unknown part sice"),
        ({"for": "1h"}, 400, "alert is missing"),
        (["web"], 400, "no JSON object"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused_with_a_sentence(
    tmp_path, silence, status, sentence
):
    page = AlertPage(tmp_path, options(WEB, alert_saved=tmp_path / "alerts.json"))
    code, said = page.ask("POST", "/api/silences", silence)
    assert (code, sentence in said["error"]) == (status, True), said
    assert page.listed["silences"] == []


def test_of_a_hundred_alerts_no_further_one_is_saved_but_one_is_replaced(page):
    page.file.write_text(json.dumps({f"a{n}": {"alert": "x"} for n in range(100)}))
    status, said = page.put("more", "x")
    assert status == 409 and "there are 100 alerts of the page" in said["error"]
    assert page.put("a1", "y")[0] == 200
    assert page.running["a1"] == "y" and len(page.running) == 100
    # An operator wrote more: the first run, and it is said of the others.
    page.file.write_text(json.dumps({f"a{n}": {"alert": "x"} for n in range(1000)}))
    page.reload()
    assert len(page.running) == 100
    assert "more than 100 alerts in the file" in page.row("a500")["error"]


def test_without_a_general_way_the_answer_says_what_to_set(tmp_path):
    file = tmp_path / "alerts.json"
    page = AlertPage(tmp_path, options(WEB, alert_command=None, alert_saved=file))
    assert page.listed["ways"] == []
    status, said = page.put("x", "y")
    assert status == 409 and "--alert-command or --alert-webhook" in said["error"]
    file.write_text('{"x": {"alert": "y"}}')
    page.reload()
    assert "--alert-command" in page.row("x")["error"] and page.running == {"web": WEB.alert}
    page.reload(alert_webhook="http://127.0.0.1:1/")
    assert page.row("x")["error"] == "" and page.row("x")["ways"] == ["webhook"]
    assert page.running == {"web": WEB.alert, "x": "y"}


def test_an_alert_of_the_configuration_wins_and_it_is_said(page):
    page.put("web", "level>=error")
    page.reload(alerts=(WEB,))
    ours, of_page = [one for one in page.listed["alerts"] if one["name"] == "web"]
    assert (ours["of"], ours["error"]) == ("configuration", "")
    assert (
        of_page["of"] == "page"
        and "the configuration has an alert of this name" in of_page["error"]
    )
    assert page.running == {"web": WEB.alert}
    # It may be removed here.
    status, found = page.remove("web")
    assert status == 200 and [one["of"] for one in found["alerts"]] == ["configuration"]
    status, said = page.remove("web")
    assert status == 409 and "is in the configuration; remove it there" in said["error"]


def test_a_query_that_is_wrong_today_keeps_no_other_from_running(page):
    entries = {
        "good": {"alert": "x"},
        "bad": {"alert": "| count > in"},
        "odd": 7,
        "b c": {"alert": "x"},
    }
    page.file.write_text(json.dumps(entries))
    with logged() as events:
        page.reload()
    assert page.running == {"good": "x"}
    assert page.row("bad")["alert"] == "| count > in" and page.row("bad")["error"]
    assert page.row("bad")["at"] == 11 and "at" not in page.row("odd")
    assert page.row("odd")["alert"] == "" and "no JSON object" in page.row("odd")["error"]
    assert "is not a name of an alert" in page.row("b c")["error"]
    assert len([one for one in events if "does not run" in one]) == 3
    # They stay in the file, and can be removed or mended.
    assert page.put("bad", "y")[0] == 200 and page.remove("odd")[0] == 200
    assert page.remove("b c")[0] == 200
    assert page.running == {"good": "x", "bad": "y"}


@pytest.mark.parametrize("text", ["{", "[]", '{"a": {"alert": "x"}', "\udc80"])
def test_a_file_that_cannot_be_used_changes_nothing_and_is_not_overwritten(page, text):
    page.put("x", "y")
    data = text.encode(errors="surrogateescape")
    page.file.write_bytes(data)
    with logged() as events:
        page.reload()
    assert any("alerts.json" in one for one in events)
    found = page.listed
    assert found["may_change"] is False and "alerts.json" in found["why_not"]
    assert page.running == {"x": "y"}
    assert page.put("z", "y")[0] == 503 and page.remove("x")[0] == 503
    assert page.file.read_bytes() == data
    page.file.write_text('{"x": {"alert": "y"}}')
    page.reload()
    assert page.listed["may_change"] is True


def test_alerts_go_on_at_the_next_start_at_their_places(page, tmp_path):
    page.put("x", "y")
    begin = page.end
    page.end = Position(7, 0)
    after = AlertPage(tmp_path)
    after.end = Position(7, 0)
    assert after.running == {"x": "y"}
    [name] = after.orders.tasks
    assert name == "1" and begin != after.end
    kept = AlertPlaces(str(after.store), "ab" * 16, after.clock)
    with closing(kept.folder):
        progress = kept.load_progress("1", 300)
    assert progress is not None and progress.position == begin


def test_a_file_that_is_broken_at_a_start_costs_no_alert_its_place(page, tmp_path):
    page.put("x", "y")
    good = page.file.read_bytes()
    page.file.write_text("{")
    after = AlertPage(tmp_path, options(WEB, alert_saved=page.file))
    assert after.running == {"web": WEB.alert}
    after.file.write_bytes(good)
    after.reload()
    assert after.running == {"web": WEB.alert, "x": "y"}
    # Its place is the one of before.
    assert {one.label: name for name, one in after.orders.tasks.items()}["x"] == "1"


def test_a_place_that_nobody_claims_when_the_file_is_whole_again_is_given_up(page, tmp_path):
    page.put("x", "y")
    page.file.write_text("{")
    after = AlertPage(tmp_path, options(WEB, alert_saved=page.file))
    assert (page.store / "alerts" / "1").exists()
    after.file.write_text("{}")
    after.reload()
    assert after.running == {"web": WEB.alert}
    assert not (page.store / "alerts" / "1").exists()


class Held:
    """Work of threads that a test lets end, one by one."""

    def __init__(self, page: AlertPage) -> None:
        self.waiting: list[Callable[[], None]] = []
        self._do = page.reactor.callInThreadWithCallback
        reactor: Any = page.reactor
        reactor.callInThreadWithCallback = self._hold

    def _hold(self, result: Any, function: Any, *given: Any) -> None:
        self.waiting.append(lambda: self._do(result, function, *given))

    def go_on(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


def test_of_two_alerts_that_are_saved_at_once_none_is_lost(page):
    held = Held(page)
    first = page.send("PUT", "/api/alerts/a", {"alert": "x"})
    second = page.send("PUT", "/api/alerts/b", {"alert": "y"})
    assert (first.received, second.received) == (b"", b"")
    held.go_on()
    assert answer_of(first)[0] == answer_of(second)[0] == 200
    assert page.running == {"a": "x", "b": "y"}


def test_a_reload_during_a_save_uses_both(page):
    """An operator edits the file before it is read for the save, and the service reloads after that."""
    held = Held(page)
    saving = page.send("PUT", "/api/alerts/a", {"alert": "x"})
    page.file.write_text('{"b": {"alert": "y"}}')
    page.reload()
    assert page.running == {"b": "y"}
    held.go_on()
    assert answer_of(saving)[0] == 200
    assert page.running == {"a": "x", "b": "y"}


def test_an_edit_that_a_reload_has_read_after_a_save_is_not_undone(page):
    """The save has written; before the server hears of it, the operator edits and reloads."""
    saved: list[Callable[[], None]] = []
    do = page.reactor.callInThreadWithCallback

    def do_and_tell_later(result: Any, function: Any, *given: Any) -> None:
        do(lambda *how: saved.append(lambda: result(*how)), function, *given)

    page.reactor.callInThreadWithCallback = do_and_tell_later
    saving = page.send("PUT", "/api/alerts/a", {"alert": "x"})
    page.file.write_text('{"b": {"alert": "y"}}')
    page.reload()
    while saved:
        saved.pop(0)()
    assert answer_of(saving)[0] == 200
    assert page.running == {"b": "y"}


def test_a_save_under_way_when_a_reload_names_another_file_does_not_count(page, tmp_path):
    held = Held(page)
    saving = page.send("PUT", "/api/alerts/a", {"alert": "x"})
    page.reload(alert_saved=tmp_path / "other.json", alerts=(WEB,))
    held.go_on()
    assert answer_of(saving)[0] == 200
    assert page.running == {"web": WEB.alert}


def test_a_stop_waits_for_a_save_and_the_next_start_has_it(page, tmp_path):
    page.put("first", "z")
    held = Held(page)
    page.send("PUT", "/api/alerts/a", {"alert": "x"})
    stopped = page.part.stop()
    assert not page.reactor.processes[-1].closed
    held.go_on()
    assert page.reactor.processes[-1].closed
    page.reactor.processes[-1].end()
    assert stopped.called
    assert AlertPage(tmp_path).running == {"first": "z", "a": "x"}


def test_an_alert_process_that_dies_is_started_with_the_alerts_of_the_page(page):
    page.put("a", "x")
    page.reactor.last.end(b"", 1)
    page.put("b", "y")
    assert page.running == {"a": "x", "b": "y"}


def test_openapi_describes_the_endpoints(page):
    _, found = page.ask("GET", "/openapi.json")
    paths = found["paths"]
    assert {*paths["/api/alerts/{name}"]} == {"put", "delete"}
    assert {*paths["/api/silences"]} == {"post"} and {*paths["/api/silences/{name}"]} == {"delete"}
    asked = {one["name"] for one in paths["/api/would_fire"]["get"]["parameters"]}
    assert asked == {"alert", "since", "until"}
    body = paths["/api/silences"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "group" in body["properties"]
    names = [one["operationId"] for path in paths.values() for one in path.values()]
    assert len(names) == len({*names})


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "the parameter alert is missing"),
        ("alert=status>=", ""),
        (f"alert={'x' * 4001}", "longer than 4000"),
        ("alert=x&since=now&until=1h", "has to be before until"),
        ("alert=x&since=never", "not a time"),
        ("alert=x&limit=5", "has no parameter limit"),
    ],
)
def test_a_wrong_question_about_the_past_is_refused(page, query, sentence):
    status, said = page.ask("GET", f"/api/would_fire?{quote(query, safe='=&>')}")
    assert status == 400 and sentence in said["error"]


def test_a_question_about_the_past_is_a_search_in_its_turn(tmp_path):
    page = AlertPage(tmp_path, http_searches=1)
    browsers = [page.send("GET", f"/api/would_fire?alert=x{n}") for n in range(3)]
    assert len(page.reactor.processes) == 1
    request = json.loads(page.reactor.last.said[0])
    assert request["values"]["alert"] == "x0" and request["values"]["every"] == 300
    assert request["values"]["since"] == rfc3339(BEGIN - 86400)
    for one in browsers:
        one.leave()


def test_alerts_that_come_and_go_use_bounded_memory(page, monkeypatch):
    monkeypatch.setattr("logsrv.linelog.alerts.page.page_api.MOST_NAMES", 3)
    for name in "abc":
        assert page.put(name, "x")[0] == 200
        assert page.remove(name)[0] == 200
    status, said = page.put("d", "x")
    assert status == 409 and "3 names of alerts since the start" in said["error"]
    assert page.put("a", "y")[0] == 200


def test_changes_faster_than_ends_are_reported_are_refused(page, monkeypatch):
    monkeypatch.setattr("logsrv.linelog.alerts.page.page_api.MOST_REMOVED", 3)
    for number in range(4):
        assert page.put("a", f"x{number}")[0] == 200
    status, said = page.put("a", "more")
    assert status == 409 and "have to report their ends first" in said["error"]
    gone = [name for name, one in page.orders.tasks.items() if one.until is not None]
    page.report(AlertReport("done", name=gone[0]))
    assert page.put("a", "more")[0] == 200 and page.running == {"a": "more"}


def test_what_an_earlier_process_has_sent_is_told_until_something_newer_is(page):
    page.put("shares", SHARES)
    page.report(AlertReport("was-sent", "shares", "command", time=BEGIN - 60))
    [delivery] = page.row("shares")["delivery"]
    assert (delivery["state"], delivery["time"]) == ("sent", rfc3339(BEGIN - 60))
    page.report(AlertReport("failed", "shares", "command", "refused"))
    page.report(AlertReport("was-sent", "shares", "command", time=BEGIN - 60))
    assert page.row("shares")["delivery"][0]["state"] == "failed"


def test_damaged_silences_hide_no_alert_and_let_alerts_be_saved(page):
    silences = page.store / "alerts" / "silences.json"
    silences.parent.mkdir()
    silences.write_text("broken")
    status, found = page.put("web", "x")
    assert status == 200 and [one["name"] for one in found["alerts"]] == ["web"]
    assert "silences.json is damaged, remove it" in found["trouble"]
    status, said = page.ask("POST", "/api/silences", {"alert": "web", "for": "1h"})
    assert status == 503 and "is damaged" in said["error"]
    assert silences.read_text() == "broken"
    silences.unlink()
    assert page.listed["trouble"] == ""


def test_a_file_of_thousands_of_wrong_alerts_does_not_fill_the_log(tmp_path):
    texts = {f"n{number}": {"alert": "("} for number in range(3000)}
    (tmp_path / "alerts.json").write_text(json.dumps({"": {"alert": "x"}, **texts}))
    with logged() as events:
        AlertPage(tmp_path)
    wrong = [one for one in events if "not run" in one]
    assert len(wrong) == 11 and wrong[0].startswith('alert "" of the page does not run')
    assert wrong[-1].startswith("2991 more alerts")


def test_a_wrong_alert_of_the_file_is_logged_once_and_again_when_it_was_right_meanwhile(page):
    """Each change of the page goes through all of them."""
    with logged() as events:
        for _ in range(2):
            page.file.write_text('{"broken": {"alert": "("}}')
            page.reload()
            for number in range(3):
                page.put(f"other{number}", "x")
            page.file.write_text('{"broken": {"alert": "x"}}')
            page.reload()
    assert len([one for one in events if "broken of the page does not run" in one]) == 2


def test_who_only_looks_does_not_wait_for_a_change(page):
    """A disk may take seconds to sync it."""
    page.put("web", "x")
    held = Held(page)
    saving = page.send("PUT", "/api/alerts/web", {"alert": "y"})
    change, held.waiting = held.waiting, []
    looking = page.send("GET", "/api/alerts")
    held.go_on()
    status, found = answer_of(looking)
    assert (status, found["alerts"][0]["alert"]) == (200, "x")
    held.waiting = change
    held.go_on()
    assert answer_of(saving)[0] == 200 and page.running == {"web": "y"}


def test_a_file_that_cannot_be_written_is_logged_once(page):
    page.put("web", "x")
    page.file.unlink()
    page.file.mkdir()
    with logged() as events:
        answers = [page.put("web", "y") for _ in range(3)]
    assert [status for status, _ in answers] == [503] * 3
    assert len([one for one in events if "is a directory" in one]) == 1
    assert page.running == {"web": "x"}


BODIES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["alert", "group", "for", "until", "reason", "app"]) | st.text(), inner
        )
    ),
    max_leaves=6,
)


@given(body=BODIES, path=st.sampled_from(["/api/alerts/web", "/api/alerts/%00", "/api/silences"]))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_breaks_anything(page, body, path):
    method = "POST" if path == "/api/silences" else "PUT"
    status, answer = page.ask(method, path, json.dumps(body).encode())
    assert status in (200, 400, 404, 409, 413)
    assert "error" in answer or status == 200
    assert page.listed["may_change"] is True
