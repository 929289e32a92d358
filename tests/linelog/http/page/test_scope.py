"""One scope for lines, bars and values of the page: what it says, how it is widened, what is on its way."""

from datetime import UTC, datetime, timedelta

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.answers import answer
from tests.linelog.http.page.conftest import LAST, LIVE, let_time_pass
from tests.linelog.http.page.fake import Logs
from tests.linelog.http.page.looks import DIMMED, DONE, TOTAL
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
COUNT = "document.querySelectorAll('[role=log] [data-position]').length"
# The pause before the next count is five times as long as the last one took.
TIMERS_TEN_TIMES_AS_FAST = (
    "void (globalThis.later = setTimeout,"
    " globalThis.setTimeout = (task, milliseconds) => later(task, milliseconds / 10))"
)


def with_old_lines(logs: Logs, hours: float = 2) -> None:
    """Four lines of a trace, all of them old, and new ones of another."""
    old = datetime.now(UTC) - timedelta(hours=hours)
    logs.send(*(f"old {number}" for number in range(4)), time=old, trace="a1")
    logs.send(*(f"new {number}" for number in range(3)), trace="b2")


def settled(page: Page) -> None:
    page.wait(f"{LIVE} && {DONE}")


def test_list_bars_and_values_agree(logs, visit):
    """Lines of before the scope are in none of them, and a button widens the scope of all three."""
    with_old_lines(logs)
    page = visit("?q=trace%3Da1")
    page.wait(f"{TOTAL} === '0 lines' && {DONE}")
    assert page.run(COUNT) == 0
    assert page.text("label[for=last]") == "Time range"
    assert "Nothing in the last 15 minutes" in page.text("#empty")
    page.wait("document.querySelector('#older').textContent.startsWith('Older lines match')")
    assert page.text("#older button") == "Show the last 6 hours"
    page.click("#older button")
    page.wait(f"{TOTAL} === '4 lines' && {COUNT} === 4 && {DONE}")
    assert page.run("document.querySelector('#last').selectedOptions[0].text") == "Last 6 hours"
    assert page.run("location.search") == "?q=trace%3Da1&last=6h"
    page.click("[data-field=trace] summary")
    page.wait("document.querySelector('[data-field=trace] li .add')")
    assert page.texts("[data-field=trace] li .add") == ["a1 4"]
    page.wait("document.querySelector('#older').textContent === ''")


def test_lines_dated_after_now_are_counted_beside(logs, visit):
    """A clock was set back: they are in the list and the values, and there is no bar for them."""
    logs.send("a", "b", trace="b2", time=datetime.now(UTC) + timedelta(minutes=30))
    logs.send("c", trace="b2")
    page = visit("?q=trace%3Db2")
    page.wait(f"{COUNT} === 3 && {DONE}")
    page.wait(f"{TOTAL} === '1 line, and 2 dated after now'")
    logs.send("d", trace="b2")
    page.wait(f"{TOTAL} === '2 lines, and 2 dated after now'")


@pytest.mark.parametrize("delay", [30, 3600])
def test_a_slow_count_makes_no_lines_of_after_now(logs, visit, delay):
    """They arrive while it is counted, or while the computer sleeps: the list has them at once."""
    logs.send("one")
    page = visit()
    page.wait(f"{TOTAL} === '1 line' && {DONE}")
    page.run(f"void (globalThis.said = [], setInterval(() => said.push({TOTAL}), 10))")
    page.run(TIMERS_TEN_TIMES_AS_FAST)
    logs.slow_bars.clear()
    asked = len(logs.asked)
    logs.send("two")
    wait_until(lambda: any("/api/histogram" in path for path in logs.asked[asked:]), "the question")
    let_time_pass(page, logs, delay)
    logs.send(*(f"line {number}" for number in range(720)))
    page.wait(f"{LAST} === 'line 719'")
    stats = logs.asked.count("/api/stats") + 2
    wait_until(lambda: logs.asked.count("/api/stats") >= stats, "the time of the newest line")
    logs.slow_bars.set()
    page.wait(f"{TOTAL} === '{722 if delay < 900 else 720} lines'")
    assert [one for one in page.run("said") if "after now" in one] == []


def test_a_time_without_a_zone_is_named_as_it_is_written(logs, visit):
    """It is the server's, and neither UTC nor the browser's."""
    logs.send("a")
    for given, shown in (
        ("since=2026-10-25", "since 2026-10-25"),
        ("since=2026-10-25&until=2026-10-25T06:00:00Z", "since 2026-10-25, until 25 Oct"),
    ):
        page = visit(f"?{given}", ready=f"{DONE} && {TOTAL}")
        page.wait(f"document.querySelector('#range-text').textContent.startsWith('{shown}')")


def test_the_menu_changes_the_list(logs, visit):
    with_old_lines(logs, hours=999)
    page = visit()
    page.wait(f"{COUNT} === 3 && {TOTAL} === '3 lines'")
    page.run(
        "(() => { const last = document.querySelector('#last'); last.value = 'all';"
        "last.dispatchEvent(new Event('change')); })()"
    )
    page.wait(f"{COUNT} === 7")
    # The store is asked for all that it has.
    page.wait("location.search === '?last=all'")
    assert any(
        path.startswith("/api/search") and "since" not in path
        for path in logs.asked
        if "q=" not in path
    )
    logs.send("newer")
    page.wait(f"{COUNT} === 8")


def test_lines_leave_a_scope_that_moves_on(logs, visit):
    """The bars do not have a line any more: nor has the list, and it is said that there are older ones."""
    page = visit()
    logs.send("about to be old", time=datetime.now(UTC) - timedelta(minutes=10))
    logs.send("new")
    page.wait(f"{COUNT} === 2")
    let_time_pass(page, logs, 301)
    page.wait(f"{COUNT} === 1 && {TOTAL} === '1 line'")
    page.wait("document.querySelector('#older').textContent.startsWith('Older lines match')")


def test_older_lines_of_a_selected_time_are_offered(logs, visit):
    now = datetime.now(UTC)
    logs.send("first", time=now - timedelta(hours=3))
    logs.send("second", time=now - timedelta(minutes=90))
    since, until = (
        (now - timedelta(minutes=minutes)).isoformat()[:19] + "Z" for minutes in (120, 60)
    )
    page = visit(f"?since={since}&until={until}", ready=f"{COUNT} === 1 && {DONE}")
    page.click("#older button")
    page.wait(f"{COUNT} === 2 && {TOTAL} === '2 lines'")
    page.click("#range")
    page.wait(f"location.search === '' && {TOTAL} === '0 lines'")


def test_a_line_of_the_past_has_a_scope_around_it(logs, visit):
    """Bars and values are of that time, as the list is."""
    with_old_lines(logs)
    page = visit("?position=1:100", ready=f"{COUNT} === 4 && {DONE}")
    page.wait(f"{TOTAL} === '4 lines'")
    assert page.text("#connection") == "History"
    assert page.run("location.search") == "?position=1:100"
    page.click("#pause")
    page.wait(f"location.search === '' && {TOTAL} === '3 lines' && {COUNT} === 3")


def test_numbers_on_their_way_are_dimmed(logs, visit):
    """Those of the last question look as if they were not these, and a line moves until they are."""
    logs.send("one", "two")
    page = visit()
    page.wait(f"{TOTAL} === '2 lines' && {DONE}")
    assert not page.run(DIMMED)
    logs.slow_bars.clear()
    page.fill("#q", "two")
    page.wait(f"{COUNT} === 1 && {DIMMED} && !{DONE}")
    assert page.run(TOTAL) == "2 lines"
    logs.slow_bars.set()
    page.wait(f"{TOTAL} === '1 line' && !({DIMMED}) && {DONE}")


def test_refused_numbers_replace_the_old_ones(logs, visit):
    logs.send("one", "two")
    page = visit()
    page.wait(f"{TOTAL} === '2 lines'")
    page.run(
        "void (globalThis.known = fetch, globalThis.fetch = (url, ...more) => url.includes('histogram')"
        ' ? Promise.resolve(new Response(\'{"error": "no memory"}\', {status: 503})) : known(url, ...more))'
    )
    page.fill("#q", "two")
    page.wait(f"{TOTAL}.includes('not known') && {TOTAL}.includes('no memory')")
    assert page.run("document.querySelectorAll('#bars .bar').length") == 0
    page.run("void (globalThis.fetch = known)")
    page.wait(f"{TOTAL} === '1 line'")


def test_numbers_that_took_too_long_are_asked_for_less_and_less(logs, visit):
    """The server is busy with what it gave up: the pause doubles, and the page says so."""
    logs.send("one")
    page = visit()
    page.wait(f"{TOTAL} === '1 line'")
    page.run(
        "void (globalThis.pauses = [], globalThis.wait = setTimeout, globalThis.known = fetch,"
        " globalThis.setTimeout = (work, time, ...more) =>"
        " ([5000, 10000, 20000, 40000].includes(time) && pauses.push(time),"
        " wait(work, time % 5000 ? time : 10, ...more)),"
        " globalThis.fetch = (url, ...more) => url.includes('histogram') ? Promise.resolve("
        'new Response(\'{"error": "it took 60 s"}\', {status: 503})) : known(url, ...more))'
    )
    logs.send("two")
    page.wait("[5000, 10000, 20000, 40000].every((pause) => pauses.includes(pause))")
    said = page.text("#counted-at")
    assert said.startswith("counted at ")
    assert "; not counted again: it took 60 s; asked again at " in said
    page.run("void (globalThis.fetch = known)")
    page.wait(
        f"{TOTAL} === '2 lines' && !document.querySelector('#counted-at').textContent.includes('again')"
    )


@pytest.mark.parametrize("late", ["search", "histogram", "fields"])
def test_an_answer_to_an_older_question_counts_no_more(logs, visit, late):
    """However late it comes; until the newer one is answered, what is shown is dimmed."""
    logs.send("one", x=1)
    logs.send("two", "two", y=1)
    page = visit()
    page.wait(f"{TOTAL} === '3 lines' && {DONE}")
    page.run(
        "void (globalThis.known = fetch, globalThis.held = [], globalThis.fetch = async (url, how) => {"
        # It comes although nobody waits for it any more, as one that is already on its way.
        f" if (!url.includes('q=one') || !url.includes('{late}')) return known(url, how);"
        " const answer = await known(url, {...how, signal: undefined});"
        " await new Promise((go) => held.push(go)); return answer; })"
    )
    page.fill("#q", "one")
    page.wait("held.length >= 1")
    dimmed = {
        "search": "document.querySelector('#lines.stale') && " + DIMMED,
        "histogram": DIMMED,
        "fields": "document.querySelector('#fields.stale')",
    }
    assert page.run(f"Boolean({dimmed[late]} && !{DONE})")
    page.fill("#q", "two")
    page.wait(f"{TOTAL} === '2 lines' && {COUNT} === 2 && {DONE}")
    page.run(
        "Promise.all(held.map((go) => go())).then(() => new Promise((go) => setTimeout(go, 100)))"
    )
    assert page.run(TOTAL) == "2 lines" and page.run(COUNT) == 2
    assert page.run("location.search") == "?q=two"
    names = page.texts("#field-list .field summary .name")
    assert "y" in names and "x" not in names


def test_what_was_asked_while_the_server_was_away_is_asked_again(logs, visit):
    logs.send("one", "two")
    page = visit()
    page.run(
        "void (globalThis.known = fetch, globalThis.fetch = () => Promise.reject(new TypeError('away')))"
    )
    page.fill("#q", "two")
    page.wait("document.querySelector('#notice').textContent === 'The server does not answer.'")
    page.run("void (globalThis.fetch = known)")
    page.wait(f"{COUNT} === 1 && {TOTAL} === '1 line' && location.search === '?q=two'")


def test_a_search_of_seconds_says_what_it_is_of(logs, visit):
    """Not one that is answered at once; nor is it said for longer than it takes."""
    words = "document.querySelector('#progress-words')"
    logs.send("a")
    page = visit(ready=f"{COUNT} === 1 && {DONE}")
    assert page.run(f"{words}.hidden")
    page.run(TIMERS_TEN_TIMES_AS_FAST)
    logs.slow.clear()
    page.fill("#q", "a")
    page.press("Enter")
    page.wait(f"!{words}.hidden")
    page.wait(
        f"/^Searching the last 15 minutes, 0 lines so far, [1-9] s$/.test({words}.firstChild.textContent)"
    )
    logs.slow.set()
    page.wait(f"{words}.hidden && {DONE}")
    logs.slow_bars.clear()
    page.fill("#q", "a -b")
    page.press("Enter")
    page.wait(
        f"/^Counting the lines of the last 15 minutes, [1-9] s$/.test({words}.firstChild.textContent)"
    )
    logs.slow_bars.set()
    page.wait(f"{words}.hidden && {DONE}")


def test_the_seconds_of_a_count_begin_anew_with_each_query(logs, visit):
    """Their words cover no line."""
    words = "document.querySelector('#progress-words')"
    logs.send("a")
    page = visit(ready=f"{COUNT} === 1 && {DONE}")
    page.run(TIMERS_TEN_TIMES_AS_FAST)
    logs.slow_bars.clear()
    page.fill("#q", "a")
    page.wait(f"!{words}.hidden")
    _, top, _, height = page.box("#progress-words")
    assert top + height < page.box("#scroller")[1]
    page.fill("#q", "a -b")
    page.wait(f"location.search.includes('b') && {words}.hidden && !{DONE}")
    page.wait(f"{words}.firstChild.textContent.endsWith(', 1 s')")
    logs.slow_bars.set()
    page.wait(f"{words}.hidden && {DONE}")


@pytest.mark.parametrize("since", ["30m", "yesterday"])
def test_the_newest_lines_of_a_time_without_an_end_are_of_that_time(since, logs, visit):
    with_old_lines(logs)
    page = visit(f"?since={since}&last=1h", ready="!document.querySelector('#range').hidden")
    page.wait(f"{COUNT} > 0")
    page.press(" ")
    page.wait("!document.querySelector('#newer').hidden")
    page.press("G")
    page.wait("document.querySelector('#newer').hidden")
    assert page.run("location.search") == f"?since={since}&last=1h"
    page.press("k")
    page.press("G")
    page.wait("document.querySelector('#newer').hidden")
    logs.table = answer(["count"], [("/a", 2)], ("path",), None)
    page.fill("#q", "| count by path")
    page.press("Enter")
    page.wait("location.search.includes('count') && !document.querySelector('#table').hidden")
    asked = len(logs.asked)
    page.press("G")
    wait_until(lambda: any("/api/table" in one for one in logs.asked[asked:]), "the same again")
    page.wait(DONE)
    assert f"since={since}" in page.run("decodeURIComponent(location.search)")
    page.run("document.activeElement.blur()")
    page.press("Escape")
    page.wait("document.querySelector('#range').hidden")
    assert "since" not in page.run("location.search")


def test_any_length_of_time_in_the_address_is_shown(logs, visit):
    """The menu gets it; what is no length is said to be none."""
    now = datetime.now(UTC)
    for minutes in (300, 100, 50, 1):
        logs.send(f"{minutes} minutes ago", time=now - timedelta(minutes=minutes))
    page = visit("?last=2h", ready=f"{COUNT} === 3")
    last = "document.querySelector('#last')"
    assert page.run(f"[{last}.value, {last}.selectedOptions[0].text]") == ["2h", "Last 2 hours"]
    assert page.run("location.search") == "?last=2h"
    page = visit("?last=2x", ready=f"{COUNT} === 1")
    page.wait("document.querySelector('#notice').classList.contains('shown')")
    assert page.text("#notice").startswith("last: 2x is not a length of time such as 2h")
    assert page.run(f"{last}.value") == "15m"


def test_sorted_lines_have_one_unit_and_as_many_decimals(logs, visit):
    for took in (8.551, 12, 0.9):
        logs.send(f"| sort took {took}", took=took)
    for one in logs.lines:
        one.update(number=one["fields"]["took"], unit="s")
    page = visit("?q=%7C+sort+took", ready=f"{COUNT} === 3")
    assert page.texts(".line > .number") == ["8.55 s", "12.00 s", "0.90 s"]
