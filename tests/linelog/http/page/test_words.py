"""What the page says of itself: its zone, axis and connection, what waits, what is wrong with a query."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.linelog.http.page.conftest import LIVE, MAIN, let_time_pass
from tests.linelog.http.page.fake import Logs
from tests.parts.chromium import Page

pytestmark = pytest.mark.long
COUNT = "document.querySelectorAll('[role=log] [data-position]').length"
OFFERS = "[...document.querySelectorAll('#completions li')].map((one) => one.firstChild.textContent) + ''"
PAUSE = "document.querySelector('#pause').textContent"
VALUE = "document.querySelector('#q').value"


def questions(logs: Logs) -> list[str]:
    return [path for path in logs.asked if "/api/search" in path or "/api/tail" in path]


def in_zone(page: Page, logs: Logs, zone: str) -> Page:
    page.call("Emulation.setTimezoneOverride", timezoneId=zone)
    page.go(logs.url)
    page.wait(LIVE)
    return page


def test_the_zone_in_force_is_said_and_changes_all_at_once(logs, visit):
    """Its name is on the button; lines, their days and the axis change in one go, and nothing else does."""
    # So that both zones have another day and other half hours.
    logs.send("late", time=datetime.now(UTC) - timedelta(minutes=5))
    page = in_zone(visit(), logs, "Asia/Kathmandu")
    page.wait(f"{COUNT} === 1 && document.querySelector('#axis span')")
    assert page.texts("#zone-name")[0].endswith("(UTC+05:45)")
    page.click("#pause")
    asked = questions(logs)
    moment = datetime.fromisoformat(logs.lines[0]["time"])
    there = moment + timedelta(hours=5, minutes=45)
    assert page.texts(".line time")[0].startswith(there.strftime("%H:%M:"))
    seen = page.run(
        "(() => { document.querySelector('#zone').click();"
        " const line = document.querySelector('.line');"
        " const axis = [...document.querySelectorAll('#axis span')];"
        " return [line.querySelector('time').textContent, line.dataset.day,"
        "  axis.map((one) => [one.textContent, one.dataset.time])]; })()"
    )
    assert seen[0].startswith(moment.strftime("%H:%M:"))
    assert seen[1].replace(",", "") == f"{moment:%A} {moment.day} {moment:%B %Y}"
    for label, time in seen[2]:
        tick = datetime.fromisoformat(time)
        # At midnight the axis has the day.
        clock = f"{tick:%H:%M}"
        assert label == (f"{tick.day} {tick:%b}" if clock == "00:00" else clock)
    assert page.texts("#zone-name") == ["UTC"]
    assert page.run("document.querySelector('#pause').ariaPressed") == "true"
    assert asked == questions(logs)


def test_the_page_says_that_it_is_connecting(logs, visit):
    """Not that it has stopped, which it never does by itself."""
    page = visit()
    page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        source="const known = fetch; globalThis.held = []; globalThis.said = [];"
        "globalThis.go = () => { globalThis.fetch = known; held.forEach((done) => done()); };"
        "globalThis.fetch = async (...all) => {"
        " await new Promise((done) => held.push(done)); return known(...all); };"
        "setInterval(() => { const one = document.querySelector('#connection')?.textContent;"
        " if (one && one !== said.at(-1)) said.push(one); }, 1);",
    )
    page.go(logs.url)
    page.wait("globalThis.held?.length && globalThis.said?.length")
    assert page.text("#connection") == "Connecting …"
    page.run("void go()")
    page.wait(LIVE)
    assert page.run("said") == ["Connecting …", "Live"]


def test_a_full_disk_is_a_banner(logs, visit):
    """Nothing green beside it; gone when lines are stored again."""
    page = visit()
    logs.trouble = "the store cannot write: No space left on device"
    page.wait("!document.querySelector('#banner').hidden")
    assert page.text("#banner") == f"Lines are not being stored. {logs.trouble}"
    assert page.run("document.querySelector('#banner').role") == "alert"
    assert page.text("#connection") == "Connected; lines are not being stored"
    assert not page.run(f"Boolean({LIVE})")
    _, _, width, height = page.box("#banner")
    assert width > 1200 and height > 25
    logs.trouble = ""
    page.wait(f"document.querySelector('#banner').hidden && {LIVE}")


def test_a_server_that_is_away_is_said_with_the_time(logs, visit):
    """Its old numbers are dimmed; when it is back all goes on by itself."""
    logs.send("one")
    page = visit()
    page.run(
        "void (globalThis.known = fetch, globalThis.fetch = () => Promise.reject(new TypeError('away')))"
    )
    logs.cut()
    # The banner may be there first, from a question that the server did not answer.
    page.wait(
        "document.querySelector('#banner').textContent.startsWith('The server is away.')"
        " && document.querySelector('#connection').textContent.startsWith('Not connected since')"
    )
    since = page.text("#trouble").split("since ")[1][:8]
    assert page.text("#connection").startswith(f"Not connected since {since}")
    assert page.run("getComputedStyle(document.querySelector('#histogram')).opacity < 1")
    assert page.text("#rate") == page.text("#store") == ""
    logs.send("two")
    page.run("void (globalThis.fetch = known)")
    page.wait(f"{LIVE} && document.querySelector('#banner').hidden && {COUNT} === 2")
    page.wait("getComputedStyle(document.querySelector('#histogram')).opacity == 1")
    page.wait("document.querySelector('#histogram-total').textContent === '2 lines'")


def test_the_pause_button_becomes_resume_with_the_waiting_lines(logs, visit):
    """With the number of lines that wait, those too that the server has left out."""
    logs.send("one")
    page = visit(ready=f"{LIVE} && {COUNT} === 1")
    assert page.text("#pause") == "Pause"
    page.click("#pause")
    page.wait(f"{PAUSE} === 'Resume'")
    logs.send("two", "three")
    page.wait(f"{PAUSE} === 'Resume (2)'")
    logs.miss(1000)
    page.wait(f"{PAUSE} === 'Resume (1,002)'")
    page.click("#pause")
    page.wait(f"{PAUSE} === 'Pause' && {COUNT} === 3")


EMPTY = "document.querySelector('#empty').hidden"


@pytest.mark.parametrize("query", ["?q=line", "?last=all"])
def test_no_lines_is_said_as_long_as_there_are_none(logs, visit, query):
    """Not below the first line that comes; again when the last one is older than what is shown."""
    page = visit(query, ready=f"{LIVE} && !{EMPTY}")
    logs.send("a first line", time=datetime.now(UTC) - timedelta(minutes=10))
    page.wait(f"{COUNT} === 1 && {EMPTY}")
    let_time_pass(page, logs, 301)
    if query != "?last=all":
        page.wait(f"{COUNT} === 0 && !{EMPTY}")


def test_lines_that_are_missed_are_not_no_lines(logs, visit):
    page = visit(ready=f"{LIVE} && !{EMPTY}")
    logs.miss(1234)
    page.wait(f"document.querySelector('.gap') && {EMPTY}")


def type_(page: Page, text: str, back: int = 0) -> None:
    """Type, with the cursor so many characters before the end at last."""
    page.fill("#q", text)
    at = len(text) - back
    page.run(f"(({{q}}) => {{ q.setSelectionRange({at}, {at}); q.click(); }})(document.forms[0])")


# A text, the cursor so many characters before its end; what is offered, and the text after a choice.
COMPLETIONS = [
    ("level>=err", 0, "error", "level>=error "),
    ("x level>=err y", 2, "error", "x level>=error y"),
    ("status<50", 0, "503", "status<503 "),
    ("-app!=ss", 0, "sshd", "-app!=sshd "),
    # The cursor is in the middle of a word, and of a field's name.
    ("statXX", 2, "status,http.status", "status="),
    ("sta=503", 4, "status,http.status", "status=503"),
    ("app=sXX y", 4, "sshd", "app=sshd y"),
    ("tatus", 0, "status,http.status", "status="),
]


def test_completion_has_notes(logs, visit):
    logs.send("a", level="error", app="sshd", status=503)
    logs.lines[0]["fields"]["http.status"] = 1
    logs.send("b", level="info", app="sshd", status=503)
    page = visit()
    page.run("document.querySelector('#q').focus()")
    for text, back, offers, then in COMPLETIONS:
        type_(page, text, back)
        page.wait(f"({OFFERS}) === '{offers}'")
        page.press("ArrowDown")
        page.press("Enter")
        assert page.run(VALUE) == then
        page.fill("#q", "")
        page.wait(f"({OFFERS}) === ''")


def test_an_error_waits_for_the_end_of_typing(logs, visit):
    """And pushes the bars down: it does not stand over them."""
    logs.send("one")
    page = visit()
    shown = "!document.querySelector('#query-error').hidden"
    page.run(f"{MAIN}.then(({{ modules }}) => void (modules['box.js'].patience.typing = 36e5))")
    page.fill("#q", "level>=ban")
    page.wait("document.querySelector('#progress').hidden")
    # The server has refused it, and nobody is told: there may be more to come.
    while not any("ban" in path for path in logs.asked):
        page.run("new Promise((go) => setTimeout(go, 20))")
    page.wait("document.querySelector('#progress').hidden")
    assert not page.run(shown)
    page.press("Enter")
    page.wait(shown)
    _, top, _, height = page.box("#query-error")
    assert page.box("#histogram")[1] > top + height
    # As soon as somebody goes on with it, it is no longer in the way.
    page.write("x")
    page.wait(f"!({shown})")


def test_an_error_is_shown_by_itself(logs, visit):
    page = visit()
    page.fill("#q", "level>=banana")
    page.wait("!document.querySelector('#query-error').hidden")


def test_a_hint_stands_under_the_box_until_the_next_query(logs, visit):
    """What the server thinks was meant stands under the box until something else is asked for."""
    logs.hint = "write app=shop <b>instead</b> of app==shop"
    page = visit()
    page.fill("#q", "app==shop")
    page.wait("!document.querySelector('#query-hint').hidden")
    assert page.text("#query-hint") == logs.hint
    logs.hint = ""
    page.fill("#q", "shop")
    page.wait("document.querySelector('#query-hint').hidden")
