"""The time of what the page shows: the dialog for from and to, and the seconds around a line."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.linelog.http.page.conftest import COUNT, LAST, numbered
from tests.linelog.http.page.looks import found_by_axe

pytestmark = pytest.mark.long
PICKER = "document.querySelector('#times').open"
ERROR = "document.querySelector('#times-error')"
FOCUS = "document.activeElement.id"
CURRENT = "document.querySelector('[aria-current] .message')?.textContent"


def test_from_and_to_are_typed_as_for_since(logs, visit):
    """By keyboard alone; the server says what is wrong, and the address has what is shown."""
    now = datetime.now(UTC)
    for minutes in (300, 200, 100, 50, 1):
        logs.send(f"{minutes} minutes ago", time=now - timedelta(minutes=minutes))
    page = visit(ready=f"{COUNT} === 1")
    page.run("document.querySelector('#times-button').focus()")
    page.press("Enter")
    page.wait(f"{PICKER} && {FOCUS} === 'since'")
    assert page.run("document.querySelector('#since').value") == "15m"
    page.press("Escape")
    page.wait(f"!{PICKER} && {FOCUS} === 'times-button'")
    page.press("t")
    page.wait(f"{PICKER} && {FOCUS} === 'since'")
    page.write("soon")
    page.press("Enter")
    page.wait(f"!{ERROR}.hidden")
    assert page.text("#times-error").startswith("since: soon is not a time; write 2026-11-20T06:00")
    assert page.run(f"{PICKER} && document.querySelector('#since').getAttribute('aria-invalid')")
    page.write("4 hours ago")
    page.press("Tab")
    page.write("-1h")
    page.press("Enter")
    page.wait(f"!{PICKER} && {COUNT} === 2 && {LAST} === '100 minutes ago'")
    page.wait("location.search === '?since=4+hours+ago&until=-1h'")
    page.click("#times-button")
    page.wait(PICKER)
    assert page.run("document.querySelector('#until').value") == "-1h"
    page.click("#times [data-since='12h']")
    page.wait(f"!{PICKER} && {COUNT} === 5 && location.search === '?since=12h'")
    page.wait("document.querySelector('#range-text').textContent === 'since 12h ago'")
    page.press("t")
    page.wait(PICKER)
    page.click("#times [data-since='1h']")
    page.wait(f"{COUNT} === 2 && location.search === '?last=1h'")
    page.wait("document.querySelector('#last').value === '1h'")


def test_seconds_around_a_line_and_back(logs, visit):
    """All sources without the filter, that line selected; Backspace leads back to it in the filter."""
    begin = datetime.now(UTC) - timedelta(minutes=5)
    for second in range(60):
        message = f"crash {second}" if second == 30 else f"second {second}"
        logs.send(message, time=begin + timedelta(seconds=second), source=f"udp:10.0.0.{second}:1")
    page = visit("?q=crash", ready=f"{COUNT} === 1")
    page.press("k")
    page.press("Enter")
    page.wait("document.querySelector('.details')")
    assert "±5 s" in page.texts(".details .tools button")
    page.run("[...document.querySelectorAll('.details .tools button')].at(-1).focus()")
    page.press("Enter")
    page.wait(f"{COUNT} === 11 && document.querySelector('#q').value === ''")
    page.wait(f"{CURRENT} === 'crash 30' && document.activeElement.matches('[aria-current]')")
    _, top, _, _ = page.box("[aria-current]")
    assert 200 < top < 700
    assert page.run("['since', 'until', 'position'].every((one) => location.search.includes(one))")
    page.press("Backspace")
    page.wait(f"{COUNT} === 1 && document.querySelector('#q').value === 'crash'")
    page.wait(f"{CURRENT} === 'crash 30' && location.search === '?q=crash&position=1:3000'")
    page.press("Backspace")
    assert page.run("location.search") == "?q=crash&position=1:3000"
    page.press("s")
    page.wait(f"{COUNT} === 11 && document.querySelector('#q').value === ''")


def test_one_click_on_the_row_under_the_mouse_leads_to_what_is_around_a_line(logs, visit):
    """The question about an OOM: the range, the query, one click."""
    begin = datetime.now(UTC) - timedelta(minutes=5)
    for second in range(60):
        message = "OOM" if second == 30 else f"second {second}"
        logs.send(message, time=begin + timedelta(seconds=second), source=f"udp:10.0.0.{second}:1")
    page = visit("?q=OOM&last=1h", ready=f"{COUNT} === 1")
    page.hover(".line .message")
    page.wait("document.querySelector('.row-tools')")
    assert page.texts(".row-tools button") == ["±5 s", "↕"]
    assert found_by_axe(page, "minor", "moderate", "serious", "critical") == []
    page.click(".row-tools button")
    page.wait(f"{COUNT} === 11 && document.querySelector('#q').value === ''")
    page.wait(f"{CURRENT} === 'OOM' && document.activeElement.matches('[aria-current]')")
    assert not page.run("document.querySelector('.details')")
    page.press("Backspace")
    page.wait(f"{COUNT} === 1 && document.querySelector('#q').value === 'OOM'")
    # By Tab, from the line that has the focus.
    page.wait(f"{CURRENT} === 'OOM' && document.activeElement.matches('[aria-current]')")
    page.wait("document.activeElement.querySelectorAll('.row-tools button').length === 2")
    page.press("Tab")
    page.press("Tab")
    name = "(document.activeElement.ariaLabel ?? document.activeElement.title)"
    page.wait(f"{name}.startsWith('Neighbours')")
    page.press("Enter")
    page.wait(f"{COUNT} === 11 && document.querySelector('#q').value === 'OOM'")


def test_the_newest_line_is_meant_if_none_is_selected(logs, visit):
    for number in range(9):
        logs.send(f"line {number}")
    page = visit("?q=5", ready=f"{COUNT} === 1")
    page.press("c")
    page.wait(f"{COUNT} === 9 && {CURRENT} === 'line 5'")
    page = visit("?q=5", ready=f"{COUNT} === 1")
    page.press("s")
    page.wait(f"{COUNT} === 9 && document.querySelector('#q').value === ''")
    page.wait(f"{CURRENT} === 'line 5'")


def test_back_leads_to_the_line_among_live_ones(logs, visit):
    numbered(logs, 300)
    page = visit(ready=f"{COUNT} === 200")
    page.press("k")
    page.press("k")
    page.press("s")
    page.wait("location.search.includes('until=')")
    page.press("Backspace")
    page.wait("location.search === '?position=1:29800'")
    page.wait(f"{CURRENT} === 'line 298'")
