"""Panels of the page in a real browser: saved searches, by keyboard alone; patterns and their lines."""

import json

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.conftest import COUNT, LIVE, click_tool, numbered
from tests.linelog.http.page.looks import BIDI, CONTRAST, CORPUS, serious
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
PATTERNS = "document.querySelectorAll('#pattern-list li').length"
NAMES = "#saved-list .name"
OPEN = "document.querySelector('#saved').open"
KEPT = "JSON.parse(localStorage.getItem('logsrv-saved'))"


def keep(page: Page, searches: object) -> None:
    """Let the browser have these searches."""
    page.run(f"localStorage.setItem('logsrv-saved', {json.dumps(json.dumps(searches))})")


def opened(page: Page, entries: int) -> None:
    page.press("o")
    page.wait(f"{OPEN} && document.querySelectorAll('{NAMES}').length === {entries}")


def reload(page: Page) -> None:
    page.run("globalThis.old = true; location.reload()")
    page.wait(f"!globalThis.old && {LIVE}")


def test_a_search_is_saved_chosen_after_a_reload_and_removed(logs, visit):
    """By keys alone: `o`, Enter; arrows and Enter; Tab to the cross, and its undoing."""
    numbered(logs, 20, app="shop")
    page = visit("?q=line&last=1h&columns=app,message&by=app&rows=2", ready=f"{COUNT} === 20")
    opened(page, 0)
    assert page.run("document.activeElement.value") == "line"
    page.write("all of the shop")
    page.press("Enter")
    page.wait(f"!{OPEN} && document.querySelector('#notice.shown')")
    assert page.text("#notice") == "Saved: all of the shop"
    page.go(logs.url + "?q=7")
    page.wait(f"{LIVE} && {COUNT} === 2")
    opened(page, 1)
    assert page.texts("#saved-list .note") == ["line · 1h"]
    page.press("ArrowDown")
    page.press("Enter")
    page.wait(f"!{OPEN} && {COUNT} === 20")
    assert page.run("location.search") == "?q=line&last=1h&columns=app,message&by=app"
    assert page.run("document.querySelector('#q').value") == "line"
    assert page.run("document.querySelector('#by').value") == "app"
    assert page.texts("#column-names .link") == ["app"]
    page.press("Backspace")
    page.wait(f"{COUNT} === 2 && location.search === '?q=7'")
    opened(page, 1)
    page.press("ArrowDown")
    page.press("Tab")
    page.press("Enter")
    page.wait(f"document.querySelectorAll('{NAMES}').length === 0")
    assert page.text("#saved-note") == "Removed: all of the shop Undo"
    page.press("Enter")
    page.wait(f"document.querySelectorAll('{NAMES}').length === 1")
    page.press("Escape")
    page.wait(f"!{OPEN}")
    reload(page)
    opened(page, 1)
    page.press("ArrowDown")
    page.press("Tab")
    page.press(" ")
    page.wait(f"document.querySelectorAll('{NAMES}').length === 0")
    assert page.run(KEPT) == []


def test_a_late_answer_of_the_server_leaves_the_focus_on_the_cross(logs, visit):
    """Otherwise a key meant to remove a search would choose it."""
    page = visit("?q=old", ready=LIVE)
    opened(page, 0)
    page.press("Enter")
    # The browser takes the focus out of a closed dialog with its next frame.
    page.wait(f"!{OPEN} && document.activeElement === document.body")
    page.run("""(() => {
        const fetched = fetch, released = new Promise((done) => { globalThis.release = done; });
        globalThis.fetch = async (...request) => { await released; return fetched(...request); };
    })()""")
    opened(page, 1)
    page.press("ArrowDown")
    page.press("Tab")
    page.run("globalThis.cross = document.activeElement; release()")
    page.wait("!cross.isConnected")
    page.press(" ")
    page.wait(f"document.querySelectorAll('{NAMES}').length === 0")


def test_neither_a_line_nor_a_fixed_time_is_saved(logs, visit):
    logs.send("one", "two")
    first = logs.lines[0]
    page = visit(f"?q=one&position={first['position']}", ready=f"{COUNT} > 0")
    opened(page, 0)
    page.press("Enter")
    page.wait(f"!{OPEN}")
    assert page.run(KEPT) == [{"q": "one", "name": "one"}]
    page.go(f"{logs.url}?q=two&by=app&since={first['time']}")
    page.wait(f"{LIVE} && {COUNT} === 1")
    opened(page, 1)
    assert "is not saved" in page.text("#saved-note")
    page.press("Enter")
    page.wait(f"!{OPEN}")
    assert page.run(KEPT)[1] == {"q": "two", "by": "app", "name": "two"}
    page.go(f"{logs.url}?q=two&since=2h")
    page.wait(f"{LIVE} && {COUNT} === 1")
    opened(page, 2)
    assert page.text("#saved-form [type=submit]") == "Replace"
    page.press("Enter")
    page.wait(f"!{OPEN}")
    assert page.run(KEPT)[1] == {"q": "two", "since": "2h", "name": "two"}


def test_a_day_is_saved_as_a_day_and_not_as_the_earlier_range(logs, visit):
    logs.send("one")
    page = visit("?last=24h", ready=f"{LIVE} && {COUNT} === 1")
    page.call("Emulation.setTimezoneOverride", timezoneId="Asia/Kathmandu")
    page.press("t")
    page.click("[data-since=today][data-until='']")
    page.wait("location.search.includes('since=') && !document.querySelector('#times').open")
    opened(page, 0)
    assert page.text("#saved-note") == "The span of time is saved as since today 00:00+05:45."
    page.fill("#saved-name", "day")
    page.press("Enter")
    page.wait(f"!{OPEN}")
    assert page.run(KEPT) == [{"since": "today 00:00+05:45", "name": "day"}]
    page.go(f"{logs.url}?since=2026-11-20T06:00:00Z&last=24h")
    page.wait(LIVE)
    opened(page, 1)
    page.fill("#saved-name", "fixed")
    page.press("Enter")
    page.wait(f"!{OPEN}")
    assert page.run(KEPT)[1] == {"name": "fixed"}


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 390), ("dark", 1280)])
def test_hostile_names_and_queries_are_text(scheme, width, logs, visit):
    """From this browser and from the server; axe finds nothing serious in them."""
    logs.saved = [
        {"name": evil, "q": evil, "last": evil, "error": f"wrong: {evil}"} for evil in CORPUS[:-1]
    ]
    page = visit(width=width, height=844, prefers_color_scheme=scheme)
    keep(page, [{"name": evil, "q": evil, "since": evil} for evil in (*CORPUS, BIDI, "x" * 200)])
    click_tool(page, "#saved-button")
    page.wait(f"document.querySelectorAll('{NAMES}').length === {2 * len(CORPUS) + 1}")
    inside = "#saved-list :is(script, img, iframe, style, link, form, math, b, template, svg)"
    assert page.run(f"document.querySelectorAll('{inside}').length") == 0
    assert page.run("document.documentElement.scrollWidth") == width
    assert page.run("document.querySelector('#saved').scrollWidth") < width
    assert page.run(CONTRAST) == []
    assert serious(page) == []
    names = page.texts(NAMES)
    for evil in CORPUS[:3]:
        page.run(f"document.querySelectorAll('.saved .add')[{names.index(evil)}].click()")
        page.wait(f"!{OPEN} && document.querySelector('#q').value === {json.dumps(evil)}")
        page.press("o")
        page.wait(OPEN)
    mine = next(number for number, one in enumerate(names) if one.startswith("user="))
    assert "\u202e" not in names[mine]
    page.run(f"document.querySelectorAll('.saved .exclude')[{mine}].click()")
    page.wait("document.querySelector('#saved-note').textContent.startsWith('Removed: user=')")
    assert page.run("typeof window.owned") == "undefined"
    assert page.run("document.title").endswith("logsrv")


@pytest.mark.parametrize(
    "kept",
    ["{", "null", "{}", "7", '"x"', "[null, 7, [], {}]", '[{"name": 7}]', '[{"q": "x"}]'],
)
def test_damage_in_the_browser_costs_only_what_is_damaged(kept, logs, visit):
    logs.send("one")
    page = visit("?q=one")
    page.run(f"localStorage.setItem('logsrv-saved', {json.dumps(kept)})")
    opened(page, 0)
    page.press("Enter")
    page.wait(f"!{OPEN}")
    assert page.run(KEPT) == [{"q": "one", "name": "one"}]


def test_a_browser_that_refuses_and_one_that_is_full_say_so(logs, visit):
    page = visit("?q=one")
    keep(page, [{"name": f"{number}"} for number in range(100)])
    opened(page, 100)
    page.press("Enter")
    page.wait("document.querySelector('#saved-note').textContent.includes('no more')")
    keep(page, [])
    page.run("void (Storage.prototype.setItem = () => { throw new Error('refused'); })")
    page.press("Enter")
    page.wait("document.querySelector('#saved-note').textContent.includes('does not let')")
    assert page.run(OPEN)


def test_a_wrong_query_is_chosen_shown_with_its_error_and_mended(logs, visit):
    """The time of the search holds for the mended query, in bars too."""
    numbered(logs, 3)
    logs.saved = [{"name": "old", "q": "line | level>=banana", "last": "24h", "error": "no level"}]
    page = visit("?q=line", ready=f"{LIVE} && {COUNT} === 3")
    opened(page, 1)
    assert page.texts("#saved-list .alarm") == ["no level"]
    page.press("ArrowDown")
    page.press("Enter")
    page.wait(f"!{OPEN} && !document.querySelector('#query-error').hidden")
    assert page.run("document.querySelector('#query-pointer').textContent.length") == 15
    page.fill("#q", "line")
    page.wait(f"location.search === '?q=line&last=24h' && {COUNT} === 3")
    wait_until(
        lambda: any("/api/histogram?q=line&since=24h" in one for one in logs.asked), "its bars"
    )


def test_an_error_of_the_server_leaves_those_of_the_browser(logs, visit):
    page = visit("?q=one")
    keep(page, [{"name": "mine", "q": "two"}])
    # No missing token: any request of the page would then open the log-in over the searches.
    logs.damaged = "the saved searches are damaged"
    page.press("o")
    page.wait(f"document.querySelector('#saved-note').textContent === '{logs.damaged}'")
    assert page.texts(NAMES) == ["mine"]
    assert page.run("document.querySelector('#saved-choice').hidden")


def test_patterns_are_counted_and_a_click_shows_their_lines(logs, visit):
    """By keys and by a click; fields and patterns take turns in the same part of the page."""
    numbered(logs, 20)
    logs.send("full 7", "full 8", "gone")
    page = visit(ready=f"{LIVE} && {COUNT} === 23")
    assert page.run("document.querySelector('#fields').hidden") is False
    page.press("p")
    page.wait(f"{PATTERNS} === 3")
    assert page.run("document.querySelector('#fields').hidden") is True
    assert page.texts("#pattern-list .add") == ["20  line <n>", "2  full <n>", "1  gone"]
    assert page.texts("#pattern-list .hole") == ["<n>", "<n>"]
    assert "3 patterns in 23 lines" in page.texts("#pattern-note")[0]
    page.click("#pattern-list li:nth-child(2) button")
    page.wait(f"{COUNT} === 2 && {PATTERNS} === 1")
    assert page.run("document.querySelector('#q').value") == '"full"'
    page.press("p")
    page.wait("document.querySelector('#patterns').hidden")
    page.press("f")
    page.wait("!document.querySelector('#fields').hidden")


def test_a_stage_of_patterns_opens_their_list(logs, visit):
    logs.send("full 7", app="shop")
    logs.send("gone", app="mail")
    page = visit("?q=|+patterns+by+app", ready=f"{LIVE} && {COUNT} === 2 && {PATTERNS} === 2")
    assert page.texts("#pattern-list .add") == ["1 shop full <n>", "1 mail gone"]
    assert page.run("document.querySelector('#q').value") == "| patterns by app"
    page.fill("#q", "gone | patterns by app")
    page.wait(f"{COUNT} === 1 && {PATTERNS} === 1")
    page.click("#pattern-list button")
    page.wait("""document.querySelector('#q').value === 'gone "gone"'""")


def test_a_pattern_that_is_chosen_by_keys_leaves_the_keys_in_the_list(logs, visit):
    numbered(logs, 2)
    logs.send("full 7", "gone")
    page = visit(ready=f"{LIVE} && {COUNT} === 4")
    page.press("p")
    page.wait(f"{PATTERNS} === 3")
    page.run("document.querySelector('#pattern-list li:last-child button').focus()")
    page.press("Enter")
    page.wait(f"{PATTERNS} === 1 && document.activeElement.matches('#pattern-list button')")


def test_new_patterns_of_a_stage_are_of_all_lines(logs, visit):
    """The menu has another time, so it is hidden; the progress says what is read."""
    logs.send("full 7", "gone")
    page = visit(ready=f"{LIVE} && {COUNT} === 2")
    page.press("p")
    page.wait(f"{PATTERNS} === 2 && document.querySelector('#patterns-new').checkVisibility()")
    page.run(
        """void (globalThis.fetched = fetch, globalThis.fetch = (at, ...rest) =>
        String(at).includes('/api/patterns') ? new Promise(() => {}) : fetched(at, ...rest))"""
    )
    page.fill("#q", "| patterns since 1h")
    words = "document.querySelector('#progress-words')"
    page.wait(f"!{words}.hidden")
    assert page.text("#progress-words").startswith("Counting the patterns of all lines, ")
    assert not page.run("document.querySelector('#patterns-new').checkVisibility()")
    assert not page.run("document.querySelector('[for=patterns-new]').checkVisibility()")
    page.run("void (globalThis.fetch = fetched)")
    page.fill("#q", "")
    page.wait(f"{PATTERNS} === 2 && document.querySelector('#patterns-new').checkVisibility()")


def test_new_patterns_are_of_the_chosen_time(logs, visit):
    numbered(logs, 20)
    page = visit(ready=f"{LIVE} && {COUNT} === 20")
    page.press("p")
    logs.send("full 7")
    page.run(
        "((menu) => { menu.value = 'today'; menu.dispatchEvent(new Event('change')); })"
        "(document.querySelector('#patterns-new'))"
    )
    page.wait("document.querySelector('#pattern-note').textContent.includes('since then')")
    assert page.texts("#pattern-list .name") == ["full <n>"]
    page.click("#pattern-list button")
    page.wait(f"{COUNT} === 1 && !document.querySelector('#range').hidden")
    assert "since=" in page.run("location.search")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hostile_patterns_are_text_and_readable(scheme, logs, visit):
    logs.send(*CORPUS)
    page = visit(width=375, height=800, prefers_color_scheme=scheme)
    click_tool(page, "#patterns-button")
    page.wait(f"{PATTERNS} > 10")
    inside = "#patterns :is(script, img, iframe, style, link, form, math, b, template)"
    assert page.run(f"document.querySelectorAll('{inside}').length") == 0
    assert page.run("typeof window.owned") == "undefined"
    assert page.run("document.documentElement.scrollWidth") == 375
    assert page.run(CONTRAST) == []
    assert serious(page) == []
    page.press("Escape")
    page.wait("document.querySelector('#patterns').hidden")
