"""Changes of what the page shows while another one waits for its answer: each keeps the others."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.conftest import COUNT, LIVE, Open, numbered
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.looks import DIMMED, DONE, TOTAL
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
TABLE = "!document.querySelector('#table').hidden"
ERROR = "!document.querySelector('#query-error').hidden"
FIELD = "document.querySelector('#q').value"
# Answers wait, also those that nobody wants any more, as if they were on their way already.
HOLD = """void (globalThis.known = fetch, globalThis.held = [], globalThis.fetch = async (url, how) => {
    if (!/tail|limit=(200|1000)/.test(url)) return known(url, how);
    const answer = await known(url, url.includes("tail") ? how : {...how, signal: undefined});
    await new Promise((go) => held.push(go));
    return answer;
})"""
RELEASE = "void (fetch = known, held.push = (go) => go(), held.splice(0).forEach(held.push))"


@pytest.fixture
def page(logs: Logs, visit: Open) -> Page:
    """The last hour, of which no more lines come until they are released."""
    old = datetime.now(UTC) - timedelta(hours=20)
    logs.send("old", "old", time=old, app="billing", level="warning")
    logs.send("old", time=old, app="shop")
    logs.send("new", app="billing")
    logs.send("new", "new", app="shop")
    page = visit("?last=1h", ready=f"{COUNT} === 3 && {TOTAL} === '3 lines' && {DONE}")
    page.run(HOLD)
    return page


def ask(page: Page, query: str) -> None:
    begun = page.run("held.length")
    page.fill("#q", query)
    page.press("Enter")
    page.wait(f"held.length > {begun}")


def choose(page: Page, menu: str, value: str) -> None:
    page.run(
        f"void (document.querySelector('{menu}').value = '{value}',"
        f" document.querySelector('{menu}').dispatchEvent(new Event('change')))"
    )


def choose_by_clock(page: Page) -> None:
    page.click("#times-button")
    page.fill("#since", "2d")
    page.press("Enter")
    page.wait("!document.querySelector('#times').open")


def drag(page: Page) -> None:
    left, top, width, height = page.box("#histogram")
    page.drag((left + width / 9, top + height / 2), (left + width - 2, top + height / 2))


@pytest.mark.parametrize(
    ("change", "address", "lines"),
    [
        (lambda page: choose(page, "#last", "all"), "&last=all", 3),
        (choose_by_clock, "&since=2d&last=1h", 3),
        (lambda page: choose(page, "#by", "app"), "&last=1h&by=app", 1),
        (drag, "until=", 1),
    ],
    ids=["menu", "clock", "by", "bars"],
)
def test_a_query_is_kept_when_another_part_changes(page, change, address, lines):
    ask(page, "app=billing")
    change(page)
    page.run(RELEASE)
    page.wait(f"{COUNT} === {lines} && {DONE} && location.search.includes('{address}')")
    assert page.run("location.search").startswith("?q=app%3Dbilling&")
    assert page.run(FIELD) == "app=billing"
    if "by" in address:
        assert page.run("document.querySelector('#by').value") == "app"


def test_a_table_is_kept_when_the_time_changes(page):
    ask(page, "| count by app")
    choose(page, "#last", "all")
    page.run(RELEASE)
    page.wait(f"{TABLE} && location.search.endsWith('&last=all') && {DONE}")
    assert page.texts("#table tbody td") == ["6"]


def test_a_time_is_kept_when_the_query_changes(page):
    choose(page, "#last", "all")
    page.fill("#q", "app=billing")
    page.press("Enter")
    page.run(RELEASE)
    page.wait(f"{COUNT} === 3 && location.search === '?q=app%3Dbilling&last=all'")
    assert page.run("document.querySelector('#last').value") == "all"


def test_a_time_is_kept_when_a_value_is_clicked(page):
    page.click("[data-field=app] summary")
    page.wait("document.querySelector('[data-field=app] li .add')")
    choose(page, "#last", "all")
    page.click("[data-field=app] li .add")
    page.run(RELEASE)
    page.wait(f"{COUNT} === 3 && location.search === '?q=app%3Dshop&last=all'")


def test_the_late_answer_of_a_table_is_not_shown(page):
    ask(page, "| count")
    ask(page, "app=billing")
    page.run("held.shift()()")
    page.run("new Promise((go) => setTimeout(go, 100))")
    assert not page.run(TABLE)
    page.run(RELEASE)
    page.wait(f"{COUNT} === 1 && location.search.startsWith('?q=app%3Dbilling') && {DONE}")
    assert not page.run(TABLE)


def test_a_wrong_query_keeps_its_error_and_the_time(page):
    ask(page, "level>=banana")
    choose(page, "#last", "all")
    page.run(RELEASE)
    page.wait(ERROR)
    page.wait(DONE)
    assert page.run(f"{FIELD} === 'level>=banana' && {COUNT} === 3")
    page.fill("#q", "level>=warning")
    page.wait(f"{COUNT} === 2 && location.search.endsWith('&last=all')")


def test_a_step_to_another_line_gives_up_no_query(logs, page):
    logs.send("first", level="warning")
    numbered(logs, 250)
    page.go(logs.url)
    page.wait(f"{COUNT} === 200 && {LIVE} && {DONE}")
    page.run(HOLD)
    ask(page, "first")
    page.run("document.querySelector('#scroller').focus()")
    page.press("N")
    wait_until(lambda: any("limit=1&" in path for path in logs.asked), "the search for a warning")
    page.run("new Promise((go) => setTimeout(go, 100))")
    page.run(RELEASE)
    page.wait(f"{COUNT} === 1 && location.search === '?q=first'")


def test_escape_gives_up_a_time_that_is_on_its_way(page):
    drag(page)
    page.press("Escape")
    page.run(RELEASE)
    page.wait(f"{DONE} && !{DIMMED} && {COUNT} === 3")
    assert page.run("location.search") == "?last=1h"


def test_back_and_a_saved_search_replace_what_is_on_its_way(page):
    saved = json.dumps(json.dumps([{"name": "all", "q": "app=billing", "last": "all"}]))
    page.run(f"localStorage.setItem('logsrv-saved', {saved})")
    ask(page, "app=shop")
    page.run("document.querySelector('#scroller').focus()")
    page.press("o")
    page.click("#saved-list .add")
    page.run(RELEASE)
    page.wait(f"{COUNT} === 3 && location.search === '?q=app%3Dbilling&last=all' && {DONE}")
    page.run(HOLD)
    ask(page, "app=shop")
    page.run("history.back()")
    page.wait(f"{FIELD} === ''")
    page.run(RELEASE)
    page.wait(f"{COUNT} === 3 && {DONE} && {TOTAL} === '3 lines'")
    assert page.run(f"{FIELD} + location.search") == "?last=1h"


def test_back_leads_over_both_changes(page):
    drag(page)
    ask(page, "app=shop")
    page.run(RELEASE)
    page.wait(f"{COUNT} === 2 && location.search.includes('until')")
    page.run("history.back()")
    page.wait(f"{COUNT} === 3 && location.search === '?last=1h'")


def test_a_query_that_is_taken_back_leaves_no_number_dimmed(page):
    ask(page, "app=shop")
    page.fill("#q", "")
    page.press("Enter")
    page.run(RELEASE)
    page.wait(f"{DONE} && !({DIMMED}) && {TOTAL} === '3 lines'")


# The paths of requests, and of those that were given up. Values of suggestions never come.
WATCH = """void (globalThis.asked = [], globalThis.given = [], globalThis.known = fetch);
void (globalThis.fetch = async (url, how) => {
    const { pathname, searchParams } = new URL(url, location);
    const name = pathname + (searchParams.get("limit") === "500" ? "?" : "");
    asked.push(name);
    how?.signal?.addEventListener("abort", () => given.push(name));
    return name.endsWith("?") ? new Promise(() => {}) : known(url, how);
})"""


@pytest.fixture
def watched(logs: Logs, visit: Open) -> Page:
    logs.send("old", app="shop")
    page = visit("?last=1h", ready=f"{COUNT} === 1 && {TOTAL} === '1 line' && {DONE}")
    page.run(WATCH)
    return page


@pytest.mark.parametrize("is_query", [True, False], ids=["query", "range"])
def test_a_question_that_still_runs_is_given_up_for_the_next(logs, watched, is_query):
    logs.slow_bars.clear()
    watched.fill("#q", "app=shop")
    watched.press("Enter")
    watched.wait("asked.includes('/api/histogram')")
    assert not watched.run("given.includes('/api/histogram')")
    if is_query:
        watched.fill("#q", "app=billing")
        watched.press("Enter")
    else:
        choose(watched, "#last", "all")
    watched.wait("given.includes('/api/histogram')")
    logs.slow_bars.set()
    watched.wait(f"{TOTAL} === '{'0 lines' if is_query else '1 line'}' && {DONE}")


def test_patterns_that_still_run_are_given_up_or_asked_again(watched):
    """After a wrong query, what was shown is wanted again."""
    watched.run(
        "void (globalThis.known = ((ask) => (url, how) => /patterns/.test(url) ?"
        " new Promise(() => {}) : ask(url, how))(known))"
    )
    watched.press("p")
    watched.wait("asked.includes('/api/patterns')")
    watched.fill("#q", "level>=banana")
    watched.press("Enter")
    watched.wait("given.includes('/api/patterns')")
    watched.wait("asked.filter((one) => one === '/api/patterns').length === 2")


def test_suggestions_that_still_run_are_given_up_for_the_answer(watched):
    watched.fill("#q", "app=")
    watched.wait("asked.includes('/api/top?')")
    watched.press("Enter")
    watched.wait("given.includes('/api/top?')")
