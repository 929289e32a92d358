"""The live page in a real browser: lines that arrive, filters, time, positions, keys."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from logsrv.kit.testing import wait_until
from logsrv.linelog.http.assets import STATIC, live_page, static_files, static_folder
from tests.linelog.http.page.conftest import COUNT, FIRST, LAST, LIVE, MAIN, at_bottom, numbered
from tests.linelog.http.page.fake import TOKEN

pytestmark = pytest.mark.long


def test_old_lines_are_there_and_new_ones_appear_below(logs, visit):
    """Old lines are there, new ones appear below them, and the newest is in sight."""
    numbered(logs, 100)
    page = visit(ready=f"{COUNT} === 100")
    page.wait(LIVE)
    logs.send("something new", level="error")
    page.wait(f"{LAST} === 'something new'")
    assert (
        page.run("document.querySelector('#lines').lastElementChild.dataset.position") == "1:10000"
    )
    assert at_bottom(page)
    assert page.texts(".line.level-error .level") == ["error"]


def test_a_pause_stops_the_lines_and_counts_the_waiting_ones(logs, visit):
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


def test_a_long_pause_says_how_many_lines_it_skipped(logs, visit):
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

    def is_there() -> bool:
        page.scroll("#scroller", -4000)
        return bool(page.run(FIRST) == "first")

    wait_until(is_there, "the first line")
    assert page.texts(".line .message")[:1501] == [
        "first",
        *(f"later {number}" for number in range(1500)),
    ]


def test_scrolling_up_pauses_the_lines(logs, visit):
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


def test_text_that_grows_above_the_lines_does_not_pause_them(logs, visit):
    """Only the user scrolls up. The newest line comes back into sight, and a space still pauses."""
    numbered(logs, 150)
    page = visit(ready=f"{LIVE} && {COUNT} === 150")
    paused = "document.querySelector('#pause').ariaPressed"
    scroller = "document.querySelector('#scroller')"
    page.run(f"{scroller}.firstElementChild.style.height = '9rem'")
    # A browser may tell of an earlier scrolling only now.
    assert page.run(f"{scroller}.dispatchEvent(new Event('scroll')), {paused}") == "false"
    assert at_bottom(page)
    page.press(" ")
    page.wait(f"{paused} === 'true'")


def test_typing_filters_the_lines_and_marks_hits(logs, visit):
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


def test_hits_of_expressions_are_marked(logs, visit):
    logs.send("user=17 and user=4", "user=x")
    page = visit("?q=" + "/user=%5Cd%2B/")
    page.wait("document.querySelectorAll('mark').length === 2")
    assert page.texts("mark") == ["user=17", "user=4"]


def test_no_expression_freezes_the_page(logs, visit):
    """What backtracks for years elsewhere costs a worker here, and the page goes on."""
    logs.send("a" * 28 + "!")
    # The fake server would hang on it itself: it gets a word, the page an expression.
    page = visit()
    page.wait(f"{COUNT} === 1")
    page.run(
        MAIN
        + """.then(({ modules }) => {
            const { Highlighter } = modules['highlight.js'];
            const one = new Highlighter();
            one.setQuery('/(a+)+$/');
            one.later('a'.repeat(40) + '!', () => {});
            globalThis.watched = one;
        })"""
    )
    page.wait("watched.regexes.length === 0 && watched.worker === null")


def test_a_wrong_query_shows_its_error_and_keeps_the_lines(logs, visit):
    """The sentence, a caret under the error, and the lines of before stay."""
    logs.send("one", "two")
    page = visit()
    page.fill("#q", "level>=banana")
    page.wait("!document.querySelector('#query-error').hidden")
    assert page.text("#query-sentence") == "'banana' is no level, such as error"
    assert page.texts("#query-copy, #query-pointer") == ["level>=banana", "       ^"]
    assert page.run("document.querySelector('#q').ariaInvalid") == "true"
    assert page.run(COUNT) == 2
    logs.send("three")
    page.wait(f"{LAST} === 'three'")
    page.fill("#q", "two")
    page.wait(f"document.querySelector('#query-error').hidden && {COUNT} === 1")


def test_fields_and_values_are_completed_by_keys(logs, visit):
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


def test_a_click_opens_a_line_and_its_values_filter(logs, visit):
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


def test_a_condition_that_is_there_already_reloads_nothing(logs, visit):
    logs.send("first", app="sshd")
    page = visit("?q=app%3Dsshd")
    page.wait(f"{COUNT} === 1")
    page.click(".line .message")
    page.wait("document.querySelector('.details')")
    before = len(logs.asked)
    page.click("[aria-label='Only lines with app=sshd']")
    # A later request of another kind.
    page.click("#saved-button")
    wait_until(lambda: any("/api/saved" in one for one in logs.asked[before:]), "the saved ones")
    assert not any("/api/search" in one for one in logs.asked[before:])


def test_a_query_that_is_being_typed_is_asked_though_the_time_changes(logs, visit):
    logs.send("first", "second")
    page = visit(ready=f"{COUNT} === 2")
    page.run("""(() => {
        const box = document.querySelector("#q"), last = document.querySelector("#last");
        box.value = "second";
        box.dispatchEvent(new InputEvent("input"));
        last.value = "1h";
        last.dispatchEvent(new Event("change"));
    })()""")
    page.wait(f"location.search === '?q=second&last=1h' && {COUNT} === 1")


def test_everything_works_without_a_mouse(logs, visit):
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


def test_a_lost_connection_is_reported_and_loses_no_line(logs, visit):
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


def test_another_store_begins_anew(logs, visit):
    """Its positions are those of lines that the page has shown from the store before."""
    numbered(logs, 3)
    page = visit(ready=f"{LIVE} && {COUNT} === 3")
    assert page.text("#edge-start").startswith("There is nothing before this")
    logs.replace()
    page.wait("document.querySelector('#lines').textContent === 'Lines missed'")
    assert page.text("#edge-start") == ""
    numbered(logs, 2)
    page.wait(f"{COUNT} === 2 && {LIVE}")
    # With each count of the bars, lines leave the page that the range has left behind.
    page.wait("document.querySelector('#histogram-total').textContent === '2 lines'")
    assert page.texts("#lines > *") == ["Lines missed", *page.texts(".line")]
    assert page.texts(".line .message") == ["line 0", "line 1"]


def test_missed_lines_are_said_where_they_are_missing(logs, visit):
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
        "[...document.querySelector('#lines').children]"
        ".map((one) => (one.querySelector('.message') ?? one.firstChild).textContent)"
    )
    assert said == ["one", "two", "1,234 lines missed", "three"]
    page.click(".gap button")
    page.wait("document.querySelector('[aria-current] .message')?.textContent === 'two'")
    page.wait(f"location.search === '?position=1:100' && {COUNT} === 3")


def test_the_log_in_form_takes_the_token(logs, visit):
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


def test_a_screen_reader_hears_a_summary_of_new_lines(logs, visit):
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


def test_the_foot_shows_the_figures_of_the_store(logs, visit):
    numbered(logs, 10)
    page = visit()
    page.wait("document.querySelector('#store').textContent === '10 lines, 1.2 KiB in 3 segments'")
    page.wait("document.querySelector('#connections').textContent === '4 connections'")
    page.wait("document.querySelector('#shipped').textContent === 'shipped to 1 target'")
    page.wait("document.querySelector('#shipped').title === 'centre: has all'")
    page.wait("document.querySelector('#rate').textContent.endsWith('lines/s')")


def test_the_page_works_where_the_browser_stores_nothing(logs, visit):
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
def test_a_page_out_of_sight_gives_its_connection_up(logs, visit, arrived):
    """And comes back without losing a line: a browser has six connections for all of its pages."""
    logs.send("old")
    page = visit(ready=f"{LIVE} && {COUNT} === 1")
    page.run(f"{MAIN}.then(({{ modules }}) => void (modules['stream.js'].patience.unseen = 50))")
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


def test_a_page_that_was_left_gives_its_connection_up(logs, visit):
    """The browser may keep it: six pages that were left would use up its connections to this server."""
    logs.send("old")
    page = visit(ready=f"{LIVE} && {COUNT} === 1")
    page.run("void dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    page.wait("document.querySelector('#connection').textContent.startsWith('Resting')")
    logs.send("meanwhile")
    page.run("void dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    page.wait(f"{LIVE} && {COUNT} === 2")


def test_a_page_that_slept_for_an_hour_goes_on_where_it_was(logs, visit):
    """It goes on behind its last line, with the newest; whoever scrolls up finds what came meanwhile."""
    logs.send("before")
    page = visit(ready=f"{LIVE} && {COUNT} === 1")
    page.run(
        "void (globalThis.clock = Date.now, Date.now = () => clock() + 3600000,"
        " globalThis.known = fetch, globalThis.fetch = () => Promise.reject(new TypeError('asleep')))"
    )
    logs.cut()
    page.wait("document.querySelector('#connection.lost')")
    begin = logs.now()
    for second in range(3600):
        logs.send(f"asleep {second}", time=begin + timedelta(seconds=second))
    logs.ahead = timedelta(hours=1)
    page.run("void (globalThis.fetch = known)")
    page.wait(f"{LIVE} && {LAST} === 'asleep 3599'")
    total = "document.querySelector('#histogram-total').textContent"
    # Those of the last 15 minutes, less what the clock has gone on.
    page.wait(f"/^[78]\\d\\d lines$/.test({total})")
    assert page.run("document.querySelector('#banner').hidden")

    def shown() -> list[str]:
        page.scroll("#scroller", -4000)
        children = "[...document.querySelector('#lines').children]"
        text = "(one) => one.querySelector(':is(.message, .gap > span)').textContent"
        return list(page.run(f"{children}.map({text})"))

    wait_until(lambda: "asleep 1" < shown()[0] < "asleep 29", "older lines")
    said = shown()
    expected = int(said[0].split()[1])
    for one in said:
        if one.endswith("skipped"):
            expected += int(one.split()[0])
        else:
            assert one == f"asleep {expected}"
            expected += 1
    assert expected == 3600


def test_a_full_disk_is_shown_at_the_foot(logs, visit):
    """A full disk is said at the foot as long as it lasts: the page alone would only stand still."""
    page = visit()
    logs.trouble = "the store cannot write: No space left on device"
    page.wait(f"document.querySelector('#trouble').textContent === '{logs.trouble}'")
    logs.trouble = ""
    page.wait("document.querySelector('#trouble').textContent === ''")


def test_a_link_with_a_wrong_query_does_not_say_no_lines(logs, visit):
    """It is not said that there are no lines: nobody knows."""
    numbered(logs, 3)
    page = visit("?q=status>=", ready="!document.querySelector('#query-error').hidden")
    assert page.run("document.querySelector('#empty').hidden")


def test_a_first_line_is_counted_at_once(visit, logs):
    """Neither "0 lines" nor "No line here has a field level" waits for its timer beside the first line."""
    page = visit()
    page.wait("document.querySelector('#field-list').textContent.includes('No line here')")
    page.wait("document.querySelector('#counted-at').textContent")
    # However long a slow first answer has made the pause until the next one.
    page.run(
        "void Array.from({length: setTimeout(() => 0)}, (_, timer) => clearTimeout(timer + 1))"
    )
    logs.send("hello", level="info")
    page.wait("!document.querySelector('#field-list').textContent.includes('No line here')")


def test_the_first_lines_need_few_requests_and_little_to_send(logs, visit):
    """Eight at most before the numbers around the lines; the files packed, as the server sends them."""
    numbered(logs, 300, app="shop")
    visit(ready=f"{COUNT} === 200")
    asked = [urlsplit(one).path for one in logs.asked]
    wait_until(lambda: any(one.startswith("/api/histogram") for one in logs.asked), "the bars")
    around = ("/api/fields", "/api/top", "/api/histogram", "/healthz", "/api/stats", "/metrics")
    first = [one for one in asked if one not in around]
    assert len(first) <= 8, first
    files = {**static_files(), "/": live_page()}
    sent = files.keys() & {one.replace(static_folder(), STATIC) for one in first}
    assert sent == {"/", "/static/main.js", "/static/style.css", "/static/theme.js"}
    assert sum(len(files[one].packed) for one in sent) < 90_000


def test_a_page_that_is_opened_again_asks_for_no_file_again(logs, visit):
    numbered(logs, 3)
    page = visit(ready=f"{COUNT} === 3")
    page.run("void (document.body.title = 'left')")
    logs.asked.clear()
    page.go(logs.url)
    page.wait(f"document.body.title !== 'left' && {COUNT} === 3")
    asked = [urlsplit(one).path for one in logs.asked]
    assert "/" in asked and not [one for one in asked if one.startswith(STATIC)]
