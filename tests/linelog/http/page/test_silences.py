"""Silences in a real browser: of an alert or a group, for a time, with a reason; ended early."""

from datetime import UTC, datetime, timedelta

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.conftest import open_list
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.fake_alerts import SHARES, alert, firing, silence, stamp
from tests.linelog.http.page.looks import CONTRAST, found_by_axe
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
FOCUS = "document.activeElement"
OPEN = "document.querySelector('#silence').open"
NOW = datetime.now(UTC)


@pytest.fixture
def fired(logs: Logs) -> Logs:
    groups = [firing(NOW, app="shop"), firing(NOW, app="mail")]
    logs.alerts.alerts = [alert("shares", SHARES, state="firing", groups=groups), alert("errors")]
    return logs


def press_on(page: Page, selector: str, key: str = "Enter") -> None:
    page.run(f"document.querySelector({selector!r}).focus()")
    page.press(key)


def asked(logs: Logs) -> dict[str, object]:
    wait_until(lambda: logs.alerts.changes != [], "the silence")
    method, path, value = logs.alerts.changes[-1]
    assert (method, path) == ("POST", "/api/silences")
    assert isinstance(value, dict)
    return value


def test_an_alert_is_silenced_by_keys_for_a_time_with_a_reason(fired, visit):
    page = open_list(visit, 2)
    press_on(page, "[data-key=silence]")
    page.wait(f"{OPEN} && {FOCUS}.value === '2h'")
    assert "all messages of shares" in page.text("#silence-what")
    page.press("ArrowDown")
    page.wait(f"{FOCUS}.value === '8h' && {FOCUS}.checked")
    page.run("document.querySelector('#reason').focus()")
    page.write("new release")
    page.press("Enter")
    assert asked(fired) == {
        "alert": "shares",
        "group": None,
        "for": "8h",
        "reason": "new release",
    }
    page.wait("document.querySelector('.head .silenced-until')")
    assert page.text("#board-note") == "Silenced: shares"
    assert page.text(".head .silenced-until").endswith(" – new release")
    # The button is gone, so the name of the alert has the focus.
    page.wait(f"!{OPEN} && {FOCUS}.textContent === 'shares'")
    assert page.texts("#silence-list .name") == ["shares"]


def test_a_group_is_silenced_and_says_so(fired, visit):
    page = open_list(visit, 2)
    press_on(page, "[data-key='silence app=mail']")
    page.wait(OPEN)
    assert "the group app=mail of shares" in page.text("#silence-what")
    page.press("Enter")
    assert asked(fired)["group"] == {"app": "mail"}
    page.wait("document.querySelectorAll('.groups .silenced-until').length === 1")
    rows = page.texts(".groups li")
    assert "silenced until" not in rows[0] and "silenced until" in rows[1]
    assert page.texts("[data-key^='silence app']") == ["Silence this"]
    assert page.texts("#silence-list .name") == ["shares, app=mail"]
    assert not page.run("Boolean(document.querySelector('.head .silenced-until'))")


def test_a_silence_lasts_until_a_typed_time(fired, visit):
    page = open_list(visit, 2)
    press_on(page, "[data-key=silence]")
    page.wait(OPEN)
    page.click("#silence [value='']")
    page.wait(f"{FOCUS}.id === 'until'")
    page.press("Enter")
    page.wait("document.querySelector('#silence-error').textContent === 'Until when?'")
    # Today it has passed.
    page.write((NOW - timedelta(minutes=5)).strftime("%H:%M"))
    page.press("Enter")
    until = datetime.fromisoformat(str(asked(fired)["until"]))
    assert timedelta(hours=23) < until - NOW < timedelta(days=1)
    assert "for" not in asked(fired)


def test_a_refused_silence_says_why_in_the_dialog(fired, visit):
    page = open_list(visit, 2)
    press_on(page, "[data-key=silence]")
    page.wait(OPEN)
    page.run(
        'void (globalThis.fetch = async () => new Response(\'{"error": "no such alert"}\', {status: 404}))'
    )
    page.press("Enter")
    page.wait("document.querySelector('#silence-error').textContent === 'No such alert.'")
    page.press("Escape")
    page.wait(f"!{OPEN} && {FOCUS}.textContent === 'Silence …'")


def test_silences_that_are_not_known_are_said(fired, visit):
    fired.alerts.trouble = "silences are not known: silences.json is damaged"
    page = open_list(visit, 2)
    assert page.text("#why-not") == "Silences are not known: silences.json is damaged."


def test_silences_are_listed_by_their_ends_and_ended(fired, visit):
    fired.alerts.silences = [
        silence("shares", id="1", group={"app": "shop"}, until=stamp(NOW + timedelta(hours=3))),
        silence("gone", id="2", reason="old", until=stamp(NOW + timedelta(hours=1))),
    ]
    page = open_list(visit, 2)
    assert page.texts("#silence-list .name") == ["gone", "shares, app=shop"]
    assert page.text("#silence-list .note").endswith("· old")
    press_on(page, "#silence-list button")
    page.wait("document.querySelectorAll('#silence-list li').length === 1")
    assert fired.alerts.changes == [("DELETE", "/api/silences/2", None)]
    assert page.text("#board-note") == "Ended: the silence of gone"
    page.wait(f"{FOCUS}.id === 'silences-heading'")
    press_on(page, "#silence-list button")
    page.wait(f"document.querySelector('#silences-part').hidden && {FOCUS}.id === 'alerts-heading'")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_dialog_is_readable_and_accessible(fired, visit, scheme, width):
    page = open_list(visit, 2, width=width, height=844, prefers_color_scheme=scheme)
    press_on(page, "[data-key=silence]")
    page.wait(OPEN)
    page.click("#silence [value='']")
    assert found_by_axe(page, "minor", "moderate", "serious", "critical") == []
    assert page.run(CONTRAST) == []
    assert page.run("document.documentElement.scrollWidth") == width
