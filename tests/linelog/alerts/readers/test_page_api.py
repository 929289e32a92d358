"""The endpoints of alerts: what the page is shown, what it may change, and what is refused."""

import pytest

from logsrv.linelog.alerts.alert_protocol import AlertReport
from logsrv.linelog.alerts.alert_settings import AlertSettings
from tests.parts.alert_pages import AlertPage, options

SHARES = "| count, count if (level>=error) as errors in 5m by app | where errors > 5"
WEB = AlertSettings(alert="| count > 5 in 1m by app", name="web", alert_webhook="http://127.0.0.1/")


@pytest.fixture
def page(tmp_path):
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
