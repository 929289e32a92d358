"""The page for who cannot see it, has no mouse, has a small screen, or reads it on paper."""

from datetime import UTC, datetime

import pytest

from tests.linelog.http.page.conftest import COUNT, LAST, LIVE, click_tool, numbered
from tests.linelog.http.page.fake import TOKEN, Logs
from tests.linelog.http.page.looks import serious
from tests.linelog.http.page.samples import samples

pytestmark = pytest.mark.long
FOCUS = "document.activeElement"
# What moves that nobody has touched. Lines go up as new ones come.
WATCH_SHIFTS = """globalThis.shifts = [];
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) {
    for (const { node } of shift.sources) {
      const part = node && (node.nodeType === 1 ? node : node.parentElement);
      if (part && !part.closest('#scroller *')) shifts.push(`${part.id || part.className} ${shift.value}`);
    }
  }
}).observe({ type: 'layout-shift', buffered: true });"""


def sample(logs: Logs) -> None:
    for one in samples(datetime.now(UTC), each=300):
        logs.send(*one.pop("messages"), **one)


def test_axe_finds_nothing_serious_in_an_empty_store(visit):
    page = visit(ready="!document.querySelector('#empty').hidden")
    assert serious(page) == []
    assert page.texts(".home") == ["logsrv"]


def test_axe_finds_nothing_serious_in_lines(logs, visit):
    """Closed and open, and where some were left out."""
    sample(logs)
    page = visit(ready=f"{LIVE} && {COUNT} > 50")
    page.wait("document.querySelectorAll('#fields li').length > 3")
    logs.send("x")
    page.wait(f"{LAST} === 'x'")
    logs.miss(7)
    page.wait("document.querySelector('.gap button')")
    assert serious(page) == []
    page.press("N")
    page.wait("document.querySelector('[aria-current]')")
    page.press("Enter")
    page.wait("document.querySelector('.details')")
    assert serious(page) == []


def test_axe_finds_nothing_serious_on_a_dark_phone(logs, visit):
    sample(logs)
    page = visit(width=375, height=700, prefers_color_scheme="dark", ready=f"{COUNT} > 50")
    page.wait("document.querySelectorAll('#bars .bar').length > 10")
    assert serious(page) == []
    page.press("t")
    page.fill("#since", "soon")
    page.press("Enter")
    page.wait("!document.querySelector('#times-error').hidden")
    assert serious(page) == []


def test_axe_finds_nothing_serious_where_something_is_wrong(logs, visit):
    logs.trouble = "the store cannot write: No space left on device"
    page = visit(ready="!document.querySelector('#banner').hidden")
    # A wrong query before the first answer would leave nothing to go back to.
    page.wait("document.querySelector('#histogram-total').textContent === '0 lines'")
    page.fill("#q", "level>=banana")
    page.press("Enter")
    page.wait("!document.querySelector('#query-error').hidden")
    # Values that are being asked for are dimmed.
    page.wait("!document.querySelector('#fields.stale')")
    assert serious(page) == []


def test_axe_finds_nothing_serious_at_the_log_in(logs, visit):
    logs.token = True
    page = visit(ready="document.querySelector('#log-in').open")
    assert serious(page) == []
    assert serious(visit("door", ready="document.querySelector('#token')")) == []
    page.fill("#token", TOKEN)
    page.press("Enter")
    page.wait(LIVE)


def test_a_line_says_whether_it_is_open(logs, visit):
    logs.send("one", "two")
    page = visit(ready=f"{LIVE} && {COUNT} === 2")
    rows = "[...document.querySelectorAll('[role=treegrid] > [role=row]')]"
    states = f"{rows}.map((one) => one.ariaExpanded).join()"
    assert page.run(states) == "false,false"
    page.press("k")
    page.press("Enter")
    page.wait(f"{states} === 'false,true'")
    page.press("Enter")
    page.wait(f"{states} === 'false,false'")


def test_escape_leads_back_to_where_one_was(logs, visit):
    """From a button of an open line to that line, also below another open one; from help and filter."""
    logs.send("one", "two", "three", app="x")
    page = visit(ready=f"{LIVE} && {COUNT} === 3")
    page.click(".line:first-child .message")
    page.press("j")
    page.press("Enter")
    page.wait("document.querySelectorAll('.details').length === 2")
    page.press("Tab")
    page.wait(f"{FOCUS}.matches('.line:nth-child(2) .details *')")
    page.press("Escape")
    page.wait(f"{FOCUS}.matches('.line:nth-child(2):not(.open)')")
    assert page.run("document.querySelectorAll('.details').length") == 1
    for key in ("?", "/"):
        page.press(key)
        page.wait(f"!{FOCUS}.matches('.line')")
        page.press("Escape")
        page.wait(f"{FOCUS}.matches('.line:nth-child(2)')")


def test_escape_leads_back_from_the_fields_of_a_phone(logs, visit):
    """They lie over the lines, so they go first, whatever is open below."""
    logs.send("one", level="info")
    page = visit(width=375, height=700, ready=f"{LIVE} && {COUNT} === 1")
    page.click(".line .message")
    click_tool(page, "#fields-button")
    page.wait("document.querySelectorAll('#fields li button').length > 1")
    page.run("document.querySelector('#fields summary').focus()")
    page.press("Escape")
    page.wait(f"document.querySelector('#fields').hidden && {FOCUS}.id === 'more'")
    assert page.run("document.querySelectorAll('.details').length") == 1


def test_the_focus_stays_when_what_had_it_goes(logs, visit):
    """A value that asks for other lines, a button that has done its work: Tab goes on at the lines."""
    numbered(logs, 3, app="x")
    page = visit(ready=f"{LIVE} && {COUNT} === 3")
    page.press("k")
    page.press("Enter")
    page.run("document.querySelector(\"[aria-label='Only lines with app=x']\").focus()")
    page.press("Enter")
    page.wait(f"location.search.includes('app') && {LIVE} && {FOCUS}.id === 'scroller'")
    page.press(" ")
    page.run("document.querySelector('#newer').focus()")
    page.press("Enter")
    page.wait(f"document.querySelector('#newer').hidden && {FOCUS}.id === 'scroller'")


@pytest.mark.parametrize("width", [1280, 1000, 375])
def test_nothing_moves_as_counts_grow(width, logs, visit):
    page = visit(width=width, ready="true")
    page.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH_SHIFTS)
    page.go(logs.url)
    page.wait(f"{LIVE} && document.querySelector('#shipped').textContent")
    page.wait("document.querySelector('#histogram-total').textContent === '0 lines'")
    frame = [page.box(part) for part in ("#scroller", ".foot", "#histogram")]
    page.run("void (shifts.length = 0)")
    for lines in (9, 90, 900, 9000):
        logs.send(*(f"line {number}" for number in range(lines)))
        counted = f"{len(logs.lines):,} lines"
        page.wait(f"document.querySelector('#histogram-total').textContent === '{counted}'")
        page.wait(f"document.querySelector('#store').textContent.startsWith('{counted}')")
    page.click("#pause")
    logs.send(*(f"later {number}" for number in range(700)))
    page.wait("document.querySelector('#newer-text').textContent === '700 new lines'")
    assert page.box("#histogram") == frame[2]
    page.click("#pause")
    page.wait("document.querySelector('#newer').hidden")
    assert [page.box(part) for part in ("#scroller", ".foot", "#histogram")] == frame
    assert [one for one in page.run("shifts") if float(one.split()[-1]) > 0.001] == []


def test_the_button_for_new_lines_covers_none_on_a_phone(logs, visit):
    numbered(logs, 100)
    page = visit(width=375, height=700, ready=f"{LIVE} && {COUNT} === 100")
    page.press(" ")
    logs.send("x")
    page.wait("document.querySelector('#newer-text').textContent === '1 new line'")
    _, top, _, height = page.box("#scroller")
    _, button, width, _ = page.box("#newer")
    assert top + height <= button and width > 300


def test_a_print_says_what_it_is_of(logs, visit):
    """Title, server, query, time and count; on white, whatever the screen has, and without buttons."""
    logs.send("one", "two", "other")
    page = visit("?q=o&last=1h", ready=f"{LIVE} && {COUNT} === 3", prefers_color_scheme="dark")
    page.wait("document.querySelector('#histogram-total').textContent === '3 lines'")
    assert not page.run("document.querySelector('.print-head').checkVisibility()")
    page.call("Page.printToPDF")
    page.call("Emulation.setEmulatedMedia", media="print")
    head = page.text(".print-head")
    host = logs.url.removeprefix("http://").rstrip("/")
    assert head.startswith("logsrv")
    for text in (host, "\no\n", "Last hour: ", "UTC", "3 lines here; in this time 3 lines"):
        assert text in head
    shown = "[...document.querySelectorAll('button, input, select')].some((one) => one.checkVisibility())"
    assert not page.run(shown)
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(252, 251, 248)"
    assert page.texts(".line .message") == ["one", "two", "other"]
