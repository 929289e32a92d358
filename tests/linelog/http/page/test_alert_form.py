"""The form for an alert in a real browser: made of a query, counted, saved, replaced, removed."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.conftest import LIVE, open_list
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.fake_alerts import SHARES, alert, episode, stamp, would_fire
from tests.linelog.http.page.looks import CONTRAST, found_by_axe
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
BOX, FOCUS = "document.querySelector('#q')", "document.activeElement"
SENTENCE = "document.querySelector('#would-sentence').textContent"
# The server has told which alerts there are.
KNOWN = "document.querySelector('#asked-at').textContent"
NOW = datetime(2025, 11, 20, 12, tzinfo=UTC)


def open_form(visit: Any, **query: str) -> Page:
    how = {
        name: query.pop(name)
        for name in ("width", "height", "prefers_color_scheme")
        if name in query
    }
    address = urlencode({"new": "", **query})
    page: Page = visit(f"alerts?{address}", ready=f"{SENTENCE} && {KNOWN}", **how)
    return page


def questions(logs: Logs) -> list[dict[str, list[str]]]:
    asked = [urlsplit(one) for one in logs.asked if one.startswith("/api/would_fire")]
    return [parse_qs(one.query) for one in asked]


def was_asked(logs: Logs, text: str) -> bool:
    return questions(logs)[-1]["alert"] == [text]


def say(page: Page, sentence: str) -> None:
    """Wait until the form says this of the past."""
    page.wait(f"{SENTENCE} === {json.dumps(sentence)}")


def over_time(*counts: tuple[str, int]) -> dict[str, Any]:
    """Return an answer of `count every 5m by app`, one row for each."""
    about = {"by": ["app"], "every": 300, "groups": len(counts), "lines": 9, "exact": True}
    none: dict[str, Any] = {name: [] for name in ("without", "absent")}
    ends = {"since": stamp(NOW), "until": stamp(NOW + timedelta(minutes=15))}
    rows = [[stamp(NOW + timedelta(minutes=5)), app, count] for app, count in counts]
    columns = {"columns": ["time", "app", "count"], "kinds": ["time", "group", "count"]}
    return {**about, **none, **ends, **columns, "rows": rows, "left_out": 0, "missed": 0}


def test_an_alert_of_figures_is_the_query_the_link_and_save(logs, visit):
    """A name and a number are proposed; nothing is saved before the reader says so."""
    logs.send("a")
    logs.table = over_time(("shop", 66), ("mail", 12))
    page = visit("?q=%7C+count+by+app&last=1h", ready="!document.querySelector('#table').hidden")
    page.click("#alert-link")
    page.wait(f"document.querySelector('#would-sentence') && {SENTENCE}.startsWith('Not once')")
    assert page.run(f"{BOX}.value") == "| count in 5m by app | where count > 80"
    assert page.text("#proposed") == "80 is proposed: the largest was 66 in the last hour."
    asked = parse_qs(urlsplit([one for one in logs.asked if "/api/table" in one][-1]).query)
    assert (asked["q"], asked["since"]) == (["| count every 5m by app"], ["1h"])
    assert page.run("document.querySelector('#last').value") == "1h"
    assert page.run("document.querySelector('#alert-name').value") == "count-by-app"
    # The number is selected: typing replaces it.
    assert page.run(f"String(getSelection()) === '80' && {FOCUS} === {BOX}")
    page.write("100")
    say(page, "Not once in the last hour.")
    wait_until(partial(was_asked, logs, SHARES), "the typed number")
    assert page.text("#proposed") == ""
    assert logs.alerts.changes == []
    page.wait("!document.querySelector('#save').disabled")
    page.click("#save")
    wait_until(lambda: logs.alerts.changes != [], "the change")
    assert logs.alerts.changes == [("PUT", "/api/alerts/count-by-app", {"alert": SHARES})]


def test_without_figures_the_number_is_to_be_typed(logs, visit):
    logs.table = over_time()
    page = open_form(visit, q="| count by app")
    say(page, "Type the number with which it is compared.")
    assert page.run(f"{BOX}.value") == "| count in 5m by app | where count > "
    assert page.run(f"{FOCUS} === {BOX} && {BOX}.selectionStart === {BOX}.value.length")
    assert questions(logs) == []


def test_what_is_typed_meanwhile_stays(logs, visit):
    logs.table = over_time(("shop", 66))
    logs.slow.clear()
    page: Page = visit("alerts?new&q=%7C+count+by+app", ready=KNOWN)
    say(page, "Looking how large it was …")
    page.write("7")
    logs.slow.set()
    say(page, "Not once in the last 24 hours.")
    assert page.run(f"{BOX}.value") == "| count in 5m by app | where count > 7"
    assert page.text("#proposed") == ""


def test_a_proposed_name_follows_the_text_until_the_reader_types_one(logs, visit):
    logs.alerts.alerts = [alert("disk", of="page"), alert("disk-none")]
    page = open_form(visit, q="disk")
    name = "document.querySelector('#alert-name').value"
    page.wait(f"{name} === 'disk-2'")
    page.click("#kinds button:nth-of-type(3)")
    page.wait(f"{name} === 'disk-none-2'")
    page.fill("#alert-name", "mine")
    page.click("#kinds button:nth-of-type(1)")
    page.wait(f"{BOX}.value === 'disk'")
    assert page.run(name) == "mine"
    page.fill("#alert-name", "")
    page.click("#kinds button:nth-of-type(3)")
    page.wait(f"{BOX}.value === 'disk | none in 10m'")
    assert page.run(name) == ""


def test_the_link_to_an_alert_has_the_query_before_the_first_answer(logs, visit):
    logs.slow.clear()
    page = visit(
        "?q=disk&last=6h", ready="document.querySelector('#alert-link')?.search.includes('&')"
    )
    assert page.run("document.querySelector('#alert-link').search") == "?new&q=disk&last=6h"
    logs.slow.set()
    page.wait(LIVE)


def test_lines_become_an_alert_on_each_on_their_number_or_on_none(logs, visit):
    logs.send("full disk")
    logs.alerts.would = (200, would_fire(condition=False, lines=12, messages=3))
    page = visit("?q=disk&last=6h", ready=LIVE, width=390, height=844)
    page.wait("document.querySelector('#alert-link').search.includes('disk')")
    page.click("#more")
    # As tall as a finger needs.
    assert page.box("#alert-link")[3] >= 40
    page.click("#alert-link")
    page.wait("document.querySelector('#would-sentence')?.textContent")
    say(page, "12 lines in the last 6 hours, reported in 3 messages.")
    kinds = "[...document.querySelectorAll('#kinds button')]"
    assert page.run(f"{kinds}.map((one) => [one.textContent, one.ariaPressed].join())") == [
        "every matching line,true",
        "more than so many lines,",
        "no lines for a time,",
    ]
    for number, text in ((1, "disk | count > 2 in 5m"), (2, "disk | none in 10m"), (0, "disk")):
        page.run(f"{kinds}[{number}].focus()")
        page.press("Enter")
        wait_until(partial(was_asked, logs, text), text)
        assert page.run(f"{BOX}.value") == text
        assert page.run(f"{kinds}[{number}].ariaPressed") == "true"


def test_a_hint_on_the_text_stands_under_it_until_the_next_text(logs, visit):
    logs.hint = "write app=shop instead of app==shop"
    logs.alerts.wrong = {"(": ("this ( is never closed", 1)}
    page = open_form(visit, alert="app==shop")
    page.wait("!document.querySelector('#query-hint').hidden")
    assert page.text("#query-hint") == logs.hint
    page.run(f"{BOX}.select()")
    page.write("(")
    page.wait("document.querySelector('#query-hint').hidden")


def test_the_past_is_told_in_a_sentence_a_strip_and_a_list(logs, visit):
    episodes = [
        episode(NOW - timedelta(hours=18), 40, app="my mail"),
        episode(NOW - timedelta(hours=12), 3, app="shop"),
        episode(NOW - timedelta(hours=1), 12, app="shop"),
    ]
    ends = {"since": stamp(NOW - timedelta(days=1)), "until": stamp(NOW)}
    logs.alerts.would = (200, would_fire(*episodes, **ends))
    page = open_form(visit, q=SHARES.replace(" in 5m", ""), last="24h")
    say(page, "3 times in the last 24 hours; the longest 40 min.")
    assert page.run(
        "[...document.querySelectorAll('#strip span')]"
        ".map((one) => parseFloat(one.style.insetInlineStart).toFixed(1))"
    ) == ["25.0", "50.0", "95.8"]
    rows = page.texts("#would-list li")
    assert rows[0] == "20 Nov 11:00 – 11:12 (12 min) · app=shop · count 120"
    link = page.run(
        "Object.fromEntries(new URL(document.querySelector('#would-list li:last-child a')).searchParams)"
    )
    assert link == {
        "q": 'app="my mail"',
        "since": "2025-11-19T17:55:00.000Z",
        "until": "2025-11-19T18:40:01.000Z",
    }
    still = episode(NOW - timedelta(hours=1), None)
    for answer, sentence in (
        (would_fire(still, **ends), "Once in the last 24 hours, still firing; 60 min."),
        (would_fire(total=0), "Not once in the last 24 hours."),
        (
            would_fire(*episodes, total=250),
            "250 times in the last 24 hours; the longest of the newest 3 40 min.",
        ),
        (
            would_fire(condition=False, lines=1, messages=1),
            "1 line in the last 24 hours, reported in 1 message.",
        ),
    ):
        logs.alerts.would = (200, answer)
        page.run("document.querySelector('#last').dispatchEvent(new Event('change'))")
        say(page, sentence)
    assert not page.run("document.querySelector('#strip').checkVisibility()")


def test_only_the_last_text_is_counted_for_and_it_says_that_it_counts(logs, visit):
    logs.alerts.would = (200, would_fire(episode(NOW, 5)))
    logs.slow_alerts.clear()
    page: Page = visit(f"alerts?{urlencode({'alert': 'a | count > 1 in 5m'})}", ready=BOX)
    say(page, "Counting in the last 24 hours …")
    page.run(f"{BOX}.focus()")
    page.write("0")
    wait_until(lambda: len(questions(logs)) == 2, "the second request")
    # The first one has been given up by the browser.
    cancelled = (
        "performance.getEntriesByType('resource').filter((one) => one.name.includes('would_fire'))"
    )
    page.wait(f"{cancelled}.length === 1 && {cancelled}[0].responseEnd > 0")
    logs.slow_alerts.set()
    say(page, "Once in the last 24 hours; 5 min.")
    assert [one["alert"] for one in questions(logs)] == [
        ["a | count > 1 in 5m"],
        ["a | count > 1 in 5m0"],
    ]


def test_a_text_that_is_wrong_says_where(logs, visit):
    logs.alerts.wrong = {"a | count > in 5m": ("there is no number behind >", 13)}
    page = visit(f"alerts?{urlencode({'alert': 'a | count > in 5m'})}", ready=KNOWN)
    page.wait("!document.querySelector('#query-error').hidden")
    assert page.text("#query-sentence") == "there is no number behind >"
    assert page.text("#query-caret") == "a | count > in 5m\n            ^"
    assert page.run(f"{BOX}.ariaInvalid") == "true"
    page.fill("#alert-name", "a")
    page.press("Enter")
    page.wait(f"{FOCUS} === {BOX}")
    assert logs.alerts.alerts == []
    page.fill("#q", "a | count > 1 in 5m")
    say(page, "Not once in the last 24 hours.")
    assert page.run("document.querySelector('#query-error').hidden")


def test_it_says_why_it_could_not_count_and_counts_again(logs, visit):
    logs.alerts.would = (503, {"error": "the search took longer than 30 s"})
    page = open_form(visit, q="disk")
    say(page, "It could not be counted: the search took longer than 30 s.")
    logs.alerts.would = (200, would_fire(condition=False, lines=1, messages=1))
    page.run("document.querySelector('#would-again').focus()")
    page.press("Enter")
    say(page, "1 line in the last 24 hours, reported in 1 message.")
    assert not page.run("document.querySelector('#would-again').checkVisibility()")


def test_the_span_of_the_page_is_counted(logs, visit):
    page = open_form(visit, q="disk", since="2025-11-20T06:00:00Z", until="2025-11-20T07:30:00Z")
    page.wait(f"{SENTENCE}.includes('this time')")
    assert questions(logs)[0]["since"] == ["2025-11-20T06:00:00Z"]
    assert questions(logs)[0]["until"] == ["2025-11-20T07:30:00Z"]
    assert page.texts("#last option")[0] == "20 Nov 06:00:00 – 07:30:00"


def test_an_alert_is_saved_by_keys_and_shown(logs, visit):
    page = open_form(visit, q="disk")
    page.run("document.querySelector('#alert-name').select()")
    page.write("full-disks")
    page.press("Enter")
    page.wait("document.querySelectorAll('.alert').length === 1")
    assert logs.alerts.changes == [("PUT", "/api/alerts/full-disks", {"alert": "disk"})]
    assert page.text("#board-note") == "Saved: full-disks"
    assert page.run("document.querySelector('#make').hidden && location.search === ''")
    assert page.run(f"{FOCUS}.textContent") == "full-disks"


def test_an_alert_of_that_name_is_replaced_only_if_the_reader_says_so(logs, visit):
    logs.alerts.alerts = [alert("disk", "level>=error", of="page")]
    page = open_form(visit, q="disk")
    page.fill("#alert-name", "disk")
    assert page.text("#save") == "Replace …"
    page.press("Enter")
    page.wait("document.querySelector('#replace').open")
    assert page.text("#replace-what") == "disk is already an alert of this page: level>=error"
    page.press("Enter")
    page.wait(f"!document.querySelector('#replace').open && {FOCUS}.id === 'alert-name'")
    assert logs.alerts.changes == []
    page.press("Enter")
    page.wait("document.querySelector('#replace').open")
    page.run("document.querySelector('#replace-yes').focus()")
    page.press("Enter")
    wait_until(lambda: logs.alerts.changes != [], "the change")
    assert logs.alerts.alerts[0]["alert"] == "disk"


def test_a_question_that_is_asked_again_at_once_takes_the_second_answer(logs, visit):
    """The event of the first dialog came after the second was shown, and was taken for its answer."""
    logs.alerts.alerts = [alert("disk", "level>=error", of="page")]
    page = open_form(visit, q="disk")
    page.fill("#alert-name", "disk")
    form, dialog = "document.querySelector('#alert-form')", "document.querySelector('#replace')"
    page.run(f"({form}.requestSubmit(), {dialog}.close(), {form}.requestSubmit())")
    page.wait(f"{dialog}.open")
    page.click("#replace-yes")
    wait_until(lambda: logs.alerts.changes != [], "the change")
    assert len(logs.alerts.changes) == 1


def test_an_alert_of_the_page_is_changed_without_a_question(logs, visit):
    logs.alerts.alerts = [alert("disk", "disk", of="page"), alert("mine")]
    page = open_list(visit, 2)
    assert page.run("document.querySelectorAll('[data-key=change]').length") == 1
    page.run("document.querySelector('[data-key=change]').focus()")
    page.press("Enter")
    page.wait(f"{FOCUS} === {BOX}")
    assert page.text("#make-heading") == "Change disk" and page.text("#save") == "Save"
    page.write(" full")
    page.run("document.querySelector('#alert-name').focus()")
    page.press("Enter")
    wait_until(lambda: logs.alerts.changes != [], "the change")
    assert logs.alerts.changes == [("PUT", "/api/alerts/disk", {"alert": "disk full"})]


def test_what_another_reader_has_changed_meanwhile_is_replaced_only_after_a_question(logs, visit):
    logs.alerts.alerts = [alert("disk", "level>=error", of="page")]
    page = visit("alerts", ready="document.querySelectorAll('.alert').length === 1")
    page.run("document.querySelector('[data-key=change]').click()")
    page.wait(f"{BOX}.value === 'level>=error'")
    logs.alerts.alerts = [alert("disk", "level>=fatal", of="page")]
    page.run("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait("document.querySelector('#save').textContent === 'Replace …'")
    page.fill("#q", "disk")
    page.run("document.querySelector('#alert-form').requestSubmit()")
    page.wait("document.querySelector('#replace').open")
    assert page.text("#replace-what") == "disk is already an alert of this page: level>=fatal"
    assert logs.alerts.changes == []


def test_undo_does_not_replace_what_another_reader_has_made_since(logs, visit):
    logs.alerts.alerts = [alert("disk", "level>=error", of="page")]
    page = visit("alerts", ready="document.querySelectorAll('.alert').length === 1")
    page.run("document.querySelector('[data-key=remove]').click()")
    page.wait("document.querySelector('#board-note button')")
    logs.alerts.alerts = [alert("disk", "level>=fatal", of="page")]
    page.click("#board-note button")
    page.wait("document.querySelectorAll('.alert').length === 1")
    assert page.text("#board-note") == "disk is there again; nothing was changed."
    assert [one[0] for one in logs.alerts.changes] == ["DELETE"]


def test_an_alert_is_removed_and_put_back(logs, visit):
    logs.alerts.alerts = [alert("my ü", "disk", of="page")]
    page = open_list(visit, 1)
    page.run("document.querySelector('[data-key=remove]').focus()")
    page.press("Enter")
    page.wait(f"!document.querySelector('.alert') && {FOCUS}.textContent === 'Undo'")
    assert page.text("#board-note") == "Removed: my ü Undo"
    page.press("Enter")
    page.wait(f"{FOCUS}.textContent === 'my ü'")
    assert [one[:2] for one in logs.alerts.changes] == [
        ("DELETE", "/api/alerts/my%20%C3%BC"),
        ("PUT", "/api/alerts/my%20%C3%BC"),
    ]
    assert logs.alerts.alerts[0]["alert"] == "disk"


def test_the_form_says_why_it_cannot_save_or_sends_nothing(logs, visit):
    logs.alerts.ways = []
    page = open_form(visit, q="disk")
    page.wait("document.querySelector('#save-note').textContent.includes('could send nothing')")
    assert page.run("document.querySelector('#save').disabled")
    logs.alerts.may_change = False
    logs.alerts.why_not = "alerts are not changed here; --alert-saved FILE lets readers"
    page.run("void document.dispatchEvent(new Event('visibilitychange'))")
    page.wait("document.querySelector('#save-note').textContent.includes('--alert-saved')")
    assert page.run("document.querySelector('#save').disabled")


def test_the_form_is_closed_by_escape_and_its_text_stays_in_the_address(logs, visit):
    page = open_form(visit, q="disk", last="7d")
    page.wait("location.search === '?alert=disk&last=7d'")
    page.run("globalThis.old = true; location.reload()")
    page.wait(f"!globalThis.old && {SENTENCE}")
    assert page.run(f"{BOX}.value") == "disk"
    page.press("Escape")
    page.wait("document.querySelector('#make').hidden")
    assert page.run(f"{FOCUS}.id") == "new-button"
    assert page.run("location.search") == ""


@pytest.mark.parametrize(
    ("scheme", "width", "height"),
    [("light", 1440, 900), ("dark", 1280, 800), ("dark", 390, 844)],
)
def test_the_form_is_readable_and_accessible(logs, visit, scheme, width, height):
    logs.alerts.would = (
        200,
        would_fire(episode(NOW, 5, app="shop"), episode(NOW, 9, app="x" * 200)),
    )
    logs.alerts.alerts = [alert("a", of="page")]
    query = {"q": "level>=error " + "x" * 300, "last": "24h"}
    page = open_form(visit, **query, width=width, height=height, prefers_color_scheme=scheme)
    page.wait("document.querySelectorAll('#would-list li').length === 2")
    page.fill("#alert-name", "a")
    assert found_by_axe(page, "minor", "moderate", "serious", "critical") == []
    assert page.run(CONTRAST) == []
    assert page.run("document.documentElement.scrollWidth") == width
    page.press("Enter")
    page.wait("document.querySelector('#replace').open")
    assert found_by_axe(page, "minor", "moderate", "serious", "critical") == []


def test_fields_values_and_words_of_an_alert_are_completed(logs, visit):
    """The code for it comes when the box has the focus, and what it offers are words of alerts."""
    logs.send("a", app="shop")
    page = open_form(visit, alert="x")
    options = (
        "[...document.querySelectorAll('#completions li')].map((one) => one.firstChild.textContent)"
    )
    page.wait(
        "performance.getEntriesByType('resource').some((one) => one.name.endsWith('/complete.js'))"
    )
    page.run(f"{BOX}.select()")

    def offers(typed: str, *texts: str) -> None:
        page.write(typed)
        page.wait(f"{json.dumps(texts)}.every((one) => {options}.includes(one))")

    offers("ap", "app")
    page.press("ArrowDown")
    page.press("Enter")
    page.wait(f"{BOX}.value === 'app='")
    offers("s", "shop")
    page.wait("!document.querySelector('#would.stale')")
    assert found_by_axe(page, "minor", "moderate", "serious", "critical") == []
    page.press("Tab")
    page.wait(f"{BOX}.value === 'app=shop '")
    offers("| no", "none")
    page.run(f"{BOX}.select()")
    offers("| count i", "in")
    assert "every" not in page.run(options)
    page.press("Escape")
    page.wait("document.querySelector('#completions').hidden")
    assert not page.run("document.querySelector('#make').hidden")
    # It is no query that the filter of the live page would offer.
    page.run(f"{BOX}.blur()")
    assert page.run("localStorage.getItem('logsrv-queries')") is None
