"""The live page in a real browser: lines that arrive, filters, time, positions, keys."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.linelog.http.page.chromium import Page
from tests.linelog.http.page.conftest import LIVE, Open
from tests.linelog.http.page.fake import TOKEN, Logs

pytestmark = pytest.mark.long
LAST = "[...document.querySelectorAll('.line .message')].at(-1).textContent"
COUNT = "document.querySelectorAll('[role=log] [data-position]').length"


def numbered(logs: Logs, count: int, **about: Any) -> None:
    logs.send(*(f"line {number}" for number in range(count)), **about)


def at_bottom(page: Page) -> bool:
    measure = (
        "(({scrollTop, scrollHeight, clientHeight}) => scrollHeight - scrollTop - clientHeight)"
    )
    return float(page.run(f"{measure}(document.querySelector('#scroller'))")) < 3


def test_lines_arrive(logs: Logs, visit: Open) -> None:
    """Old lines are there, new ones appear below them, and the newest is in sight."""
    numbered(logs, 100)
    page = visit(ready=f"{COUNT} === 100")
    page.wait(LIVE)
    logs.send("something new", level="error")
    page.wait(f"{LAST} === 'something new'")
    assert (
        page.run("document.querySelector('[role=log]').lastElementChild.dataset.position")
        == "1:10000"
    )
    assert at_bottom(page)
    assert page.texts(".line.level-error .level") == ["error"]


def test_pause(logs: Logs, visit: Open) -> None:
    """While paused nothing moves, what waits is counted, and then all of it comes."""
    numbered(logs, 100)
    page = visit()
    page.wait(f"{COUNT} === 100")
    page.click("#pause")
    assert page.run("document.querySelector('#pause').ariaPressed") == "true"
    logs.send(*(f"later {number}" for number in range(700)))
    page.wait("document.querySelector('#newer-text').textContent === '700 new lines'")
    assert page.run(COUNT) == 100
    page.click("#pause")
    page.wait(f"{LAST} === 'later 699'")
    assert page.texts(".gap") == []


def test_long_pause(logs: Logs, visit: Open) -> None:
    """More than can wait is left out, and said where and how many."""
    logs.send("first")
    page = visit(ready=f"{LIVE} && {COUNT} === 1")
    page.run(
        """(() => { globalThis.gaps = []; new MutationObserver((changes) => {
            for (const added of changes.flatMap((one) => [...one.addedNodes]))
              if (added.className === 'gap') gaps.push(added.firstChild.textContent);
        }).observe(document.querySelector('#lines'), { childList: true }); })()"""
    )
    page.press(" ")
    logs.send(*(f"later {number}" for number in range(1500)))
    page.wait("document.querySelector('#newer-text').textContent === '1,500 new lines'")
    page.click("#newer")
    page.wait(f"{LAST} === 'later 1499'")
    assert page.run("gaps") == ["500 lines skipped"]
    # They are in the store: whoever scrolls up finds them.
    page.scroll("#scroller", -1000)
    for _ in range(200):
        page.scroll("#scroller", -4000)
        if page.texts(".line .message")[0] == "first":
            break
    assert page.texts(".line .message")[:1501] == [
        "first",
        *(f"later {number}" for number in range(1500)),
    ]


def test_scrolling_up_pauses(logs: Logs, visit: Open) -> None:
    """Lines do not run away from somebody who reads; back at the end they run again."""
    numbered(logs, 150)
    page = visit()
    page.wait(f"{COUNT} === 150")
    page.scroll("#scroller", -600)
    page.wait("document.querySelector('#pause').ariaPressed === 'true'")
    logs.send("unseen")
    page.wait("document.querySelector('#newer-text').textContent === '1 new line'")
    page.scroll("#scroller", 5000)
    page.wait(f"{LAST} === 'unseen'")
    assert page.run("document.querySelector('#pause').ariaPressed") == "false"


def test_filter_as_one_types(logs: Logs, visit: Open) -> None:
    """Only what fits, with the match marked; the address is a link to it; arrivals are filtered too."""
    logs.send("Timeout at once", "all is well", "a timeout", "no timeouts more")
    page = visit()
    page.fill("#q", "timeout")
    page.wait(f"{COUNT} === 3 && location.search === '?q=timeout'")
    assert page.texts("mark") == ["Timeout", "timeout", "timeout"]
    page.wait(LIVE)
    logs.send("nothing", "another timeout")
    page.wait(f"{LAST} === 'another timeout'")
    assert page.run(COUNT) == 4


def test_expressions_are_marked(logs: Logs, visit: Open) -> None:
    logs.send("user=17 and user=4", "user=x")
    page = visit("?q=" + "/user=%5Cd%2B/")
    page.wait("document.querySelectorAll('mark').length === 2")
    assert page.texts("mark") == ["user=17", "user=4"]


def test_no_expression_freezes_the_page(logs: Logs, visit: Open) -> None:
    """What backtracks for years elsewhere costs a worker here, and the page goes on."""
    logs.send("a" * 28 + "!")
    # The fake server would hang on it itself: it gets a word, the page an expression.
    page = visit()
    page.wait(f"{COUNT} === 1")
    page.run(
        """import('/static/highlight.js').then(({ Highlighter }) => {
            const one = new Highlighter();
            one.setQuery('/(a+)+$/');
            one.later('a'.repeat(40) + '!', () => {});
            globalThis.watched = one;
        })"""
    )
    page.wait("watched.regexes.length === 0 && watched.worker === null", 5)


def test_wrong_query(logs: Logs, visit: Open) -> None:
    """The sentence, a caret under the place, and the lines of before stay."""
    logs.send("one", "two")
    page = visit()
    page.fill("#q", "level>=banana")
    page.wait("!document.querySelector('#query-error').hidden")
    assert page.text("#query-sentence") == "'banana' is no level, such as error"
    assert page.texts("#query-copy, #query-place") == ["level>=banana", "       ^"]
    assert page.run("document.querySelector('#q').ariaInvalid") == "true"
    assert page.run(COUNT) == 2
    logs.send("three")
    page.wait(f"{LAST} === 'three'")
    page.fill("#q", "two")
    page.wait(f"document.querySelector('#query-error').hidden && {COUNT} === 1")


def test_completion(logs: Logs, visit: Open) -> None:
    """Fields, then the values of the chosen field, by keys alone."""
    logs.send("a", app="sshd", apple=1)
    logs.send("b", app="cron")
    page = visit()
    page.press("/")
    page.write("ap")
    page.wait("document.querySelectorAll('#completions li').length === 2")
    page.press("ArrowDown")
    page.press("Enter")
    page.wait("document.querySelector('#completions').textContent.includes('sshd')")
    assert page.run("document.querySelector('#q').value") == "app="
    page.press("s")
    page.wait("document.querySelectorAll('#completions li').length === 1")
    page.press("ArrowDown")
    page.press("Enter")
    page.wait(f"document.querySelector('#q').value === 'app=sshd ' && {COUNT} === 1")


def test_opening_a_line(logs: Logs, visit: Open) -> None:
    """A click shows its fields; a click on a value asks for it, the other button excludes it."""
    logs.send("first", app="sshd", user="a b", level="error")
    logs.lines[0]["fields"]["level"] = "ERROR"
    logs.send("second", app="cron")
    logs.send("third", app="cron")
    page = visit()
    page.wait(f"{COUNT} === 3")
    page.click(".line:first-child .message")
    page.wait("document.querySelector('.details')")
    assert "user" in page.texts(".fields dt")
    # A sender's own `level` beside that of the line is called as a query calls it.
    assert (
        page.texts(".fields dt").count("level")
        == page.texts(".fields dt").count("fields.level")
        == 1
    )
    page.click("[aria-label='Only lines with user=a b']")
    page.wait(f"{COUNT} === 1")
    assert page.run("document.querySelector('#q').value") == 'user="a b"'
    page.fill("#q", "")
    page.wait(f"{COUNT} === 3")
    page.click(".line:last-child .message")
    page.click("[aria-label='No lines with app=cron']")
    page.wait(f"{COUNT} === 1 && document.querySelector('#q').value === '-app=cron'")


def test_top_values(logs: Logs, visit: Open) -> None:
    logs.send("x", "y", app="sshd")
    logs.send("z", app="cron")
    page = visit()
    page.wait("document.querySelector('[data-field=app]')")
    page.click("[data-field=app] summary")
    page.wait("document.querySelectorAll('[data-field=app] li').length === 2")
    assert page.texts("[data-field=app] li .add") == ["sshd2", "cron1"]
    page.click("[data-field=app] li .add")
    page.wait(f"{COUNT} === 2 && document.querySelector('#q').value === 'app=sshd'")


def with_a_past(logs: Logs) -> None:
    """Lines of ten minutes, one each second."""
    begin = datetime.now(UTC) - timedelta(minutes=10)
    for second in range(600):
        level = "error" if 300 <= second < 320 else "info"
        logs.send(f"second {second}", time=begin + timedelta(seconds=second), level=level)


def test_selecting_a_time(logs: Logs, visit: Open) -> None:
    """Dragging over the bars shows the lines of that time; the button leads back to now."""
    with_a_past(logs)
    page = visit()
    page.wait("document.querySelectorAll('#bars .bar-error').length > 0")
    left, top, width, _ = page.place("#histogram")
    page.drag((left + width * 0.5, top + 20), (left + width * 0.7, top + 20))
    page.wait("location.search.includes('since=') && !document.querySelector('#range').hidden")
    page.wait(f"{COUNT} > 50")
    times = page.run(
        "[...document.querySelectorAll('.line time')].map((one) => one.getAttribute('datetime'))"
    )
    since, until = page.run(
        "['since', 'until'].map((name) => new URLSearchParams(location.search).get(name))"
    )
    moments = [datetime.fromisoformat(time) for time in times]
    assert datetime.fromisoformat(since) <= min(moments)
    assert max(moments) < datetime.fromisoformat(until)
    page.click("#range")
    page.wait(f"location.search === '' && {LAST} === 'second 599'")


def test_selecting_a_time_with_keys(logs: Logs, visit: Open) -> None:
    with_a_past(logs)
    page = visit()
    page.wait("document.querySelectorAll('#bars .bar-error').length > 0")
    page.run("document.querySelector('#histogram').focus()")
    for key, shift in (("ArrowLeft", False), ("ArrowLeft", False), ("ArrowLeft", True)):
        page.press(key, shift=shift)
    assert "lines" in page.text("#histogram-status")
    page.press("Enter")
    page.wait("location.search.includes('since=') && !document.querySelector('#range').hidden")
    page.run("document.querySelector('#histogram').focus()")
    page.press("Escape")
    page.wait(f"location.search === '' && {LAST} === 'second 599'")


def test_permalink(logs: Logs, visit: Open) -> None:
    """An address with a position leads to that line among its neighbours, and nothing moves it."""
    numbered(logs, 1500)
    page = visit("?position=1:70000", ready="document.querySelector('[aria-current]')")
    assert page.texts("[aria-current] .message") == ["line 700"]
    page.wait(f"{COUNT} === 401")
    _, top, _, _ = page.place("[aria-current]")
    assert 200 < top < 700
    assert page.run("document.querySelector('#pause').ariaPressed") == "true"
    page.press("Enter")
    page.wait("document.querySelector('.details')")
    link = page.run("document.querySelector('.details .position').getAttribute('href')")
    assert link == "/?position=1:70000"


def test_narrowing_down_in_the_past(logs: Logs, visit: Open) -> None:
    """A value that is asked for at a line of the past leaves that line in sight."""
    for number in range(900):
        logs.send(f"line {number}", app="cron" if number % 3 else "sshd")
    page = visit("?position=1:30000", ready=f"{COUNT} === 401")
    page.press("Enter")
    page.wait("document.querySelector('.details')")
    page.click("[aria-label='Only lines with app=sshd']")
    page.wait("location.search.includes('app%3Dsshd')")
    page.wait("document.querySelector('[aria-current] .message')?.textContent === 'line 300'")
    page.wait(f"{COUNT} === 300")


def test_endless_scroll_both_ways(logs: Logs, visit: Open) -> None:
    """All the way up to the first line and down again to the last, and the page stays bounded."""
    numbered(logs, 5000)
    page = visit()
    page.wait(f"{LAST} === 'line 4999'")
    most = 0
    for _ in range(400):
        page.scroll("#scroller", -3000)
        most = max(most, page.run(COUNT))
        if page.texts(".line .message")[0] == "line 0":
            break
    assert page.texts(".line .message")[0] == "line 0"
    assert most <= 2200
    logs.send("meanwhile")
    for _ in range(400):
        page.scroll("#scroller", 3000)
        if page.run(LAST) == "meanwhile":
            break
    page.wait(f"{LAST} === 'meanwhile'")
    shown = page.texts(".line .message")
    assert shown[:-1] == [f"line {number}" for number in range(5001 - len(shown), 5000)]
    assert page.texts(".gap") == []


def test_reading_place_stays(logs: Logs, visit: Open) -> None:
    """Older lines that are loaded above do not move the line that is being read."""
    numbered(logs, 1000)
    page = visit()
    page.wait(f"{LAST} === 'line 999'")
    page.run("document.querySelector('#scroller').scrollTop = 650")
    lines = "[...document.querySelectorAll('.line')]"
    seen = page.run(
        f"{lines}.find((one) => one.getBoundingClientRect().top > 300).dataset.position"
    )
    before = page.place(f"[data-position='{seen}']")[1]
    assert page.run(COUNT) == 200
    page.scroll("#scroller", -60)
    page.wait(f"{COUNT} === 400")
    after = page.place(f"[data-position='{seen}']")[1]
    assert after == pytest.approx(before + 60, abs=1)


def test_slow_search(logs: Logs, visit: Open) -> None:
    """New lines are shown while the search for old ones is still under way."""
    numbered(logs, 3)
    logs.slow.clear()
    page = visit("?q=line")
    logs.send("line of now")
    page.wait(f"{LAST} === 'line of now'")
    assert page.run(COUNT) == 1
    assert page.text("#edge-start") == "Searching …"
    logs.slow.set()
    page.wait(f"{COUNT} === 4")
    assert page.texts(".line .message") == ["line 0", "line 1", "line 2", "line of now"]


def test_neighbours(logs: Logs, visit: Open) -> None:
    """The lines around a hit, whether they fit the query or not."""
    numbered(logs, 30)
    page = visit("?q=%22line+15%22")
    page.wait(f"{COUNT} === 1")
    page.press("j")
    page.press("c")
    page.wait(f"{COUNT} === 11")
    assert page.texts(".line .message") == [f"line {number}" for number in range(10, 21)]
    assert page.texts(".line:not(.context) .message") == ["line 15"]
    assert page.texts("[aria-current] .message") == ["line 15"]


def test_keys(logs: Logs, visit: Open) -> None:
    """Everything without a mouse."""
    numbered(logs, 300)
    logs.send("bad", level="error")
    numbered(logs, 100)
    page = visit(ready=f"{LIVE} && {COUNT} === 200")
    current = "document.querySelector('[aria-current] .message')?.textContent"
    page.press("k")
    page.wait(f"{current} === 'line 99'")
    page.press("k")
    page.wait(f"{current} === 'line 98'")
    page.press("j")
    page.wait(f"{current} === 'line 99'")
    page.press("N")
    page.wait(f"{current} === 'bad'")
    page.press("Enter")
    page.wait("document.querySelector('.line.open .details')")
    page.press("Escape")
    page.wait("!document.querySelector('.line.open')")
    page.press("Escape")
    page.wait("!document.querySelector('[aria-current]')")
    page.press("g")
    page.wait("document.querySelector('.line .message').textContent === 'line 0'")
    page.press("G")
    page.wait(f"{LAST} === 'line 99' && document.querySelector('#pause').ariaPressed === 'false'")
    page.press(" ")
    page.wait("document.querySelector('#pause').ariaPressed === 'true'")
    page.press(" ")
    page.wait("document.querySelector('#pause').ariaPressed === 'false'")
    page.press("?")
    page.wait("document.querySelector('#help').open")
    page.press("Escape")
    page.wait("!document.querySelector('#help').open")
    page.press("/")
    assert page.run("document.activeElement.id") == "q"
    page.write("bad")
    page.press("Enter")
    page.wait(f"{COUNT} === 1")
    page.press("Escape")
    assert page.run("document.activeElement.id") != "q"


def test_back(logs: Logs, visit: Open) -> None:
    """The browser's button undoes a selected time; a filter is in the address when one comes anew."""
    with_a_past(logs)
    page = visit("?q=level%3Derror")
    page.wait(f"{COUNT} === 20 && document.querySelectorAll('#bars .bar-error').length > 0")
    left, top, width, _ = page.place("#histogram")
    page.drag((left + 5, top + 9), (left + width * 0.2, top + 9))
    page.wait(f"location.search.includes('since=') && {COUNT} === 0")
    assert "No line fits" in page.text("#empty")
    page.run("history.back()")
    page.wait(f"!location.search.includes('since=') && {COUNT} === 20")
    assert page.run("document.querySelector('#q').value") == "level=error"


def test_connection_is_lost_and_found(logs: Logs, visit: Open) -> None:
    """The page says so, comes back by itself, and has every line."""
    numbered(logs, 3)
    page = visit()
    page.wait(f"{COUNT} === 3")
    logs.send("before")
    page.wait(f"{LAST} === 'before'")
    logs.refuse = 503
    logs.cut()
    page.wait("document.querySelector('#connection.lost')")
    page.wait("document.querySelector('#connection').textContent.includes('too much at once')")
    numbered(logs, 50)
    logs.refuse = 0
    page.wait(LIVE)
    page.wait(f"{LAST} === 'line 49'")
    assert page.run(COUNT) == 54
    assert page.texts(".gap") == []


def test_missed_lines_are_said_where_they_are_missing(logs: Logs, visit: Open) -> None:
    logs.send("one")
    page = visit()
    page.wait(LIVE)
    logs.send("two")
    page.wait(f"{LAST} === 'two'")
    logs.miss(1234)
    page.wait("document.querySelector('.gap')")
    logs.send("three")
    page.wait(f"{LAST} === 'three'")
    said = page.run(
        "[...document.querySelector('[role=log]').children]"
        ".map((one) => (one.querySelector('.message') ?? one.firstChild).textContent)"
    )
    assert said == ["one", "two", "1,234 lines missed", "three"]
    page.click(".gap button")
    page.wait("document.querySelector('[aria-current] .message')?.textContent === 'two'")
    page.wait(f"location.search === '?position=1:100' && {COUNT} === 3")


def test_log_in(logs: Logs, visit: Open) -> None:
    """A form instead of lines; a wrong token is said to be wrong; then all is as it should be."""
    logs.token = True
    logs.send("secret")
    page = visit(ready="document.querySelector('#log-in').open")
    assert page.texts(".line") == []
    page.fill("#token", "guess")
    page.press("Enter")
    page.wait("document.querySelector('#log-in-error').textContent === 'That is not the token.'")
    page.fill("#token", TOKEN)
    page.press("Enter")
    page.wait(f"!document.querySelector('#log-in').open && {COUNT} === 1")


def test_screen_reader(logs: Logs, visit: Open) -> None:
    """The log itself is quiet; every few seconds one sentence says what came."""
    logs.send("one")
    page = visit()
    page.wait(LIVE)
    assert page.run("document.querySelector('[role=log]').ariaLive") == "off"
    logs.send("two", "three")
    logs.send("four", level="error")
    page.wait("document.querySelector('#summary').textContent === '3 new lines, 1 error'")
    unnamed = page.run(
        "[...document.querySelectorAll('button, input:not([type=hidden]), select, a')]"
        ".filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.length))"
        ".map((one) => one.outerHTML)"
    )
    assert unnamed == []


def test_figures(logs: Logs, visit: Open) -> None:
    numbered(logs, 10)
    page = visit()
    page.wait("document.querySelector('#store').textContent === '10 lines, 1.2 KiB in 3 segments'")
    page.wait("document.querySelector('#connections').textContent === '4 connections'")
    page.wait("document.querySelector('#rate').textContent.endsWith('lines/s')")


def test_a_browser_that_keeps_nothing(logs: Logs, visit: Open) -> None:
    """Where cookies are refused, so is the storage of a page, with an error: it works without."""
    page = visit("?", ready="true")
    page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        source="Object.defineProperty(window, 'localStorage', {get() { throw new Error('refused'); }})",
    )
    logs.send("hello")
    page.go(logs.url)
    page.wait(f"{LIVE} && {COUNT} === 1")
    page.fill("#q", "hel")
    page.press("Enter")
    page.wait(f"{LIVE} && {COUNT} === 1")
    before = page.run("document.documentElement.dataset.theme")
    page.click("#theme")
    page.wait(f"document.documentElement.dataset.theme !== '{before}'")


@pytest.mark.parametrize("arrived", [True, False])
def test_a_page_out_of_sight_gives_its_connection_up(
    logs: Logs, visit: Open, arrived: bool
) -> None:
    """And comes back without losing a line: a browser has six connections for all of its pages."""
    logs.send("old")
    page = visit(ready=f"{LIVE} && {COUNT} === 1")
    page.run("import('/static/stream.js').then((one) => void (one.patience.unseen = 50))")
    shown = 1 + arrived
    if arrived:
        logs.send("just now")
        page.wait(f"{COUNT} === 2")
    page.run(
        "void Object.defineProperty(document, 'hidden', {get: () => !globalThis.back});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.wait("document.querySelector('#connection').textContent.startsWith('Resting')")
    logs.send(*(f"meanwhile {number}" for number in range(3)))
    assert page.run(COUNT) == shown
    page.run("void (globalThis.back = true); document.dispatchEvent(new Event('visibilitychange'))")
    page.wait(f"{LIVE} && {COUNT} === {shown + 3}")
    assert page.texts(".gap") == []
    assert sum(one.startswith("/api/tail") for one in logs.asked) == 2


def test_trouble(logs: Logs, visit: Open) -> None:
    """A full disk is said at the foot as long as it lasts: the page alone would only stand still."""
    page = visit()
    logs.trouble = "the store cannot write: No space left on device"
    page.wait(f"document.querySelector('#trouble').textContent === '{logs.trouble}'")
    logs.trouble = ""
    page.wait("document.querySelector('#trouble').textContent === ''")


def test_permalink_to_a_line_that_is_gone(logs: Logs, visit: Open) -> None:
    """The newest lines are shown instead, and it is said why."""
    numbered(logs, 3)
    page = visit("?q=line&position=1:99")
    page.wait(f"{COUNT} === 3 && location.search === '?q=line'")
    assert page.texts("#notice") == [
        "The line at 1:99 is not in the store, or no longer. These are the newest."
    ]


def test_a_link_with_a_wrong_query(logs: Logs, visit: Open) -> None:
    """It is not said that there are no lines: nobody knows."""
    numbered(logs, 3)
    page = visit("?q=status>=", ready="!document.querySelector('#query-error').hidden")
    assert page.run("document.querySelector('#empty').hidden")


def test_bars_go_up_to_now(logs: Logs, visit: Open) -> None:
    """Not up to the last line: that nothing comes any more is to be seen."""
    numbered(logs, 3, time=datetime.now(UTC) - timedelta(minutes=10))
    visit()
    asked = [path for path in logs.asked if path.startswith("/api/histogram")]
    assert asked and all("since=15m&until=now" in path for path in asked)


def test_download(logs: Logs, visit: Open) -> None:
    """The link asks for the lines that are shown, all of them."""
    logs.send("x")
    page = visit("?q=x")
    page.wait("document.querySelector('#download').href.includes('q=x')")
    got = page.run("fetch(document.querySelector('#download').href).then((one) => one.text())")
    assert json.loads(got)["message"] == "x"
