"""What is shown is of the query, or is dimmed and says of which; what takes long can be cancelled."""

from datetime import UTC, datetime, timedelta

import pytest

from logsrv.kit.testing import wait_until
from tests.linelog.http.page.answers import answer
from tests.linelog.http.page.conftest import COUNT, LIVE, numbered
from tests.linelog.http.page.looks import CONTRAST, DONE, TOTAL, serious

pytestmark = pytest.mark.long
WORKING = "!document.querySelector('#progress-words').hidden"
TOP = "document.querySelector('#scroller').scrollTop"
PARTS = "document.querySelector('#empty .parts').textContent"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_wrong_query_dims_the_last_answer_and_says_so(scheme, logs, visit):
    numbered(logs, 20, level="error")
    page = visit("?q=line", prefers_color_scheme=scheme, ready=f"{LIVE} && {COUNT} === 20")
    page.wait(f"{TOTAL} === '20 lines' && document.querySelectorAll('#fields li').length")
    page.fill("#q", "level>=banana")
    page.press("Enter")
    page.wait("document.querySelector('#query-answer').textContent")
    assert page.text("#query-answer") == "Dimmed below: the answer to line"
    assert page.text("#connection") == "Wrong query: last answer"
    assert page.text("#pause") == "Back"
    assert "grayscale" in page.run("getComputedStyle(document.querySelector('#lines')).filter")
    page.wait("!document.querySelector('.stale')")
    assert page.run(CONTRAST) == []
    assert serious(page) == []
    page.press("Escape")
    page.press(" ")
    page.wait(f"{LIVE} && !document.querySelector('.refused') && location.search === '?q=line'")
    assert page.run("document.querySelector('#q').value") == "line"
    assert page.text("#pause") == "Pause"


def test_a_wrong_query_in_the_address_shows_no_pause(visit):
    page = visit("?q=level>=banana", ready="!document.querySelector('#query-error').hidden")
    assert (page.text("#connection"), page.text("#pause")) == ("Wrong query", "All lines")
    assert page.text("#query-answer") == ""
    page.click("#pause")
    page.wait(f"{LIVE} && location.search === ''")


def test_an_empty_answer_says_which_part_matches_nothing(logs, visit):
    """It never occurred, or is older; or no line has all parts."""
    logs.send("old order", time=datetime.now(UTC) - timedelta(minutes=40), hostname="web1")
    logs.send("order", hostname="web2")
    page = visit("?q=hostname%3Dweb99+order", ready="!document.querySelector('#empty').hidden")
    page.wait(f"{PARTS} === 'hostname=web99 never occurred.'")
    assert page.text("#empty .heading") == "No results"
    page.fill("#q", "hostname=web1 order")
    page.wait(f"{PARTS}.startsWith('hostname=web1 does not occur in the last 15 minutes, last at')")
    page.fill("#q", "hostname=web2 order -order")
    page.wait(f"{PARTS} === 'Each part of the query occurs, but not in the same line.'")
    page.fill("#q", "hostname=web1 order")
    page.wait("document.querySelector('#older button')")
    assert page.text("#older button") == "Show the last hour"
    page.press("Escape")
    page.click("#older button")
    page.wait(f"{COUNT} === 1 && location.search.includes('last=1h')")


def test_a_search_and_a_count_are_cancelled(logs, visit):
    """What is shown stays; nothing is asked again until the user wants something else."""
    numbered(logs, 3)
    page = visit(ready=f"{LIVE} && {COUNT} === 3 && {TOTAL} === '3 lines'")
    logs.slow.clear()
    logs.slow_bars.clear()
    page.fill("#q", "line")
    page.press("Enter")
    page.wait(WORKING)
    page.press("Tab")
    page.click("#progress-words button")
    page.wait(f"{DONE} && {TOTAL}.endsWith('Cancelled.')")
    assert page.text("#empty .heading") == "Search cancelled"
    asked = [one for one in logs.asked if "histogram" in one]
    logs.slow.set()
    logs.slow_bars.set()
    logs.send("line 3")
    page.wait(f"{COUNT} === 1")
    stats = logs.asked.count("/api/stats") + 3
    wait_until(lambda: logs.asked.count("/api/stats") >= stats, "the time of another count")
    assert [one for one in logs.asked if "histogram" in one] == asked
    page.fill("#q", "2")
    page.wait(f"{COUNT} === 1 && {TOTAL} === '1 line'")


@pytest.mark.parametrize("query", ["", "?q=|+count"])
def test_a_first_search_that_is_cancelled_is_said_and_can_be_asked_again(query, logs, visit):
    numbered(logs, 3)
    logs.slow.clear()
    page = visit(query, ready=WORKING)
    if query:
        assert page.text("#connection") == "Connecting …"
    page.press("Escape")
    page.wait(f"{DONE} && !document.querySelector('#empty').hidden")
    assert page.text("#empty .heading") == "Search cancelled"
    assert ("as they arrive" in page.text("#empty")) == (not query)
    said = page.text("#connection"), page.text("#pause")
    assert bool(page.text("#edge-start")) == (not query)
    assert said == (("Search cancelled", "Ask again") if query else ("Live", "Pause"))
    logs.slow.set()
    page.click("#empty button")
    page.wait("!document.querySelector('#table').hidden" if query else f"{COUNT} === 3")
    page.wait(DONE)
    assert page.text("#connection") in ("Live", "Not live: figures")


def test_the_second_escape_in_the_filter_cancels(logs, visit):
    logs.send("line", app="shop")
    page = visit(ready=f"{LIVE} && {COUNT} === 1 && {DONE}")
    logs.slow.clear()
    page.fill("#q", "| count by app ")
    page.press("Enter")
    page.wait(WORKING)
    page.run("document.querySelector('#q').dispatchEvent(new Event('input'))")
    page.wait("!document.querySelector('#completions').hidden")
    page.press("Escape")
    page.wait("document.querySelector('#completions').hidden")
    assert page.run(WORKING)
    page.press("Escape")
    page.wait("document.querySelector('#q').value === ''")
    logs.slow.set()
    page.wait(f"{DONE} && {COUNT} === 1")


def test_figures_of_no_line_say_which_part_never_occurred(logs, visit):
    logs.send("line", app="shop")
    logs.table = dict.fromkeys(("groups", "lines", "left_out", "missed"), 0)
    logs.table |= dict.fromkeys(("every", "since", "until"))
    logs.table |= {"columns": ["app", "count"], "by": ["app"], "absent": ["app"], "exact": True}
    logs.table |= {"rows": [], "without": []}
    page = visit("?q=frobnicated+|+count+by+app", ready="!document.querySelector('#table').hidden")
    page.wait("document.querySelector('#table-sentence').textContent.includes('never')")
    said = page.text("#table-sentence")
    assert said.startswith("No line matches. Counted at")
    assert said.endswith("not live. frobnicated never occurred.")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 800), (390, 844)])
def test_the_button_to_follow_covers_no_opened_line(width, height, logs, visit):
    numbered(logs, 100, app="x")
    page = visit(width=width, height=height, ready=f"{LIVE} && {COUNT} === 100")
    page.press("k")
    page.press("Enter")
    page.wait("document.querySelector('.details') && !document.querySelector('#newer').hidden")
    _, top, _, height_of_list = page.box("#scroller")
    assert top + height_of_list <= page.box("#newer")[1]
    page.wait(
        "(({bottom}) => bottom <= document.querySelector('#newer').getBoundingClientRect().top)"
        "(document.querySelector('.details').getBoundingClientRect())"
    )


@pytest.mark.parametrize("first", ["", "x"])
def test_sorted_lines_begin_at_the_top(first, logs, visit):
    # The fake server takes the words of stages for words to look for.
    logs.send(*(f"x | sort rt {number}" for number in range(300)))
    page = visit(f"?q={first}&last=all", ready=f"{COUNT} === 200")
    for query in (f"{first} | sort rt", "sort | sort rt"):
        page.fill("#q", query)
        page.press("Enter")
        page.wait(f"location.search.includes('sort') && {DONE} && {COUNT} === 200")
        # What stands above the lines appears, and goes.
        for height in (700, 760):
            page.resize(1280, height)
        assert page.run(f"new Promise((done) => setTimeout(() => done({TOP}), 100))") == 0
        page.scroll("#scroller", 5000)
        page.wait(f"{TOP} > 1000")


def test_a_sample_says_that_its_lines_are_chosen_and_is_not_live(logs, visit):
    logs.send(*(f"| sample 20 {number}" for number in range(5)))
    page = visit("?q=|+sample+20&last=all", ready=f"{COUNT} === 5")
    page.wait("document.body.textContent.includes('Chosen at random: 5 lines. New lines are not')")
    logs.send("| sample 20 more")
    assert page.run(COUNT) == 5


def test_another_answer_of_figures_begins_at_the_top(logs, visit):
    logs.table = answer(["count"], ((str(group), 1) for group in range(200)), ("id",), None)
    page = visit("?q=|+count+by+id", ready="!document.querySelector('#table').hidden")
    table = "document.querySelector('#table').scrollTop"
    page.scroll("#table", 500)
    page.wait(f"{table} > 0")
    page.press(" ")
    page.wait(DONE)
    assert page.run(table) > 0
    page.fill("#q", "x | count by id")
    page.press("Enter")
    page.wait(f"location.search.includes('x') && {DONE}")
    assert page.run(table) == 0
